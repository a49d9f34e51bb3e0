"""Opening files as they come: plain, .gz, .zip with its members, or standard input."""

import gzip
import io
import lzma
import os
import zipfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from typing_extensions import Buffer

from incidentlog.errors import BadRequest, NotFound, Problem

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

R = TypeVar("R")
STDIN: Final = "-"
BROKEN: Final = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
"""What reading and unpacking raise."""
PIECE: Final = 256 * 1024
GZIP: Final = b"\x1f\x8b"
"""How what gzip packs begins (RFC 1952 §2.3.1)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is open for reading, unpacked."""

    name: str
    """As it was given; of an archive with its member: `a.zip/b.csv`."""
    suffix: str
    """Its kind by its name, without a packing: `csv`; empty where that does not say."""
    stream: IO[bytes]


@dataclass(slots=True)
class Progress:
    """How far reading has come, in bytes as they lie on the disk."""

    done: int = 0
    total: int | None = None
    """None where nobody knows, as of standard input."""
    piped: "Hash | None" = None
    """The SHA-256 of what came through standard input, once it was all read."""


class _Counted(io.RawIOBase):
    """A raw file that counts what is read of it."""

    def __init__(self, raw: IO[bytes], progress: Progress, digest: "Hash | None" = None) -> None:
        self._raw, self._progress, self._digest = raw, progress, digest

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._raw.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: Buffer) -> int:
        with memoryview(buffer) as view:
            read = self._raw.read(len(view))
            view[: len(read)] = read
        if self._digest is not None:
            self._digest.update(read)
        self._progress.done += len(read)
        return len(read)


def unreadable(name: str | Path, error: OSError) -> Problem:
    """What to raise of a file that is not there, or cannot be read."""
    told = f"cannot read {name}: {error.strerror}"
    return NotFound(told) if isinstance(error, FileNotFoundError) else BadRequest(told)


@contextmanager
def opened(names: list[str], progress: Progress) -> Iterator[Iterator[Opened]]:
    """The files one after the other; raises NotFound for one that is not there, BadRequest for what cannot be read."""
    paths = [Path(name) for name in names if name != STDIN]
    if missing := [str(path) for path in paths if not path.exists()]:
        raise NotFound(f"no such file: {', '.join(missing)}")
    progress.total = sum(path.stat().st_size for path in paths) if len(paths) == len(names) else None
    with ExitStack() as stack:
        yield (each for name in names for each in _members(name, progress, stack))


def whole(file: Opened, rows: Iterator[R]) -> Iterator[R]:
    """The rows of a file; raises BadRequest where what it is packed in is broken, or is no packing."""
    try:
        yield from rows
    except BROKEN as error:
        raise BadRequest(f"cannot read {file.name}: {error}") from None


def _members(name: str, progress: Progress, stack: ExitStack) -> Iterator[Opened]:
    digest = sha256() if name == STDIN else None
    if digest is not None:
        # Not sys.stdin: a thread that waits in its buffer would keep the process from ending.
        raw: IO[bytes] = stack.enter_context(open(0, "rb", buffering=0, closefd=False))  # noqa: SIM115
    else:
        try:
            raw = stack.enter_context(Path(name).open("rb", buffering=0))  # noqa: SIM115 - the stack closes it
        except OSError as error:
            raise unreadable(name, error) from None
    counted = io.BufferedReader(_Counted(raw, progress, digest), PIECE)
    suffixes = [s.lstrip(".").lower() for s in Path(name).suffixes]
    match suffixes[-1:]:
        case ["gz"]:
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=counted))
            yield Opened(name, "".join(suffixes[-2:-1]), io.BufferedReader(unpacked))
        case ["zip"]:
            yield from _zipped(name, counted, stack)
        case _ if digest is not None:
            yield from _piped(counted, stack)
        case _:
            yield Opened(name, "".join(suffixes[-1:]), counted)
    if digest is not None:
        while rest := os.read(0, PIECE):  # what comes after a footer; whoever read the rows has closed the file
            digest.update(rest)
            progress.done += len(rest)
        progress.piped = digest


def _piped(raw: "io.BufferedReader[Any]", stack: ExitStack) -> Iterator[Opened]:
    """What comes without a name: its first octets say whether it is packed, and JSON; else it is taken for CSV."""
    if raw.peek(len(GZIP)).startswith(GZIP):
        raw = io.BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=raw)))
    begin = raw.peek(PIECE).removeprefix(BOM_UTF8).lstrip()
    yield Opened(STDIN, "json" if begin[:1] in {b"[", b"{"} else "csv", raw)


def _zipped(name: str, raw: IO[bytes], stack: ExitStack) -> Iterator[Opened]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(raw))
    except zipfile.BadZipFile as error:
        raise BadRequest(f"cannot read {name}: {error}") from None
    for member in archive.infolist():
        if not member.is_dir() and not member.filename.startswith("__MACOSX/"):
            suffix = Path(member.filename).suffix.lstrip(".").lower()
            try:
                stream = stack.enter_context(archive.open(member))
            except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:  # a password, or another packing
                raise BadRequest(f"cannot read {name}/{member.filename}: {error}") from None
            yield Opened(f"{name}/{member.filename}", suffix, stream)
