"""Where an archive is: a folder, or a bucket of S3, or whatever else pyarrow has a file system for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from incidentlog.audit.exported import MANIFEST
from incidentlog.files import sync

LARGEST: Final = 64 * 1024 * 1024
"""The most bytes of a file that is read at once."""
_MANIFEST: Final = re.compile(rf"([0-9]{{13}})-([0-9]{{13}})/{re.escape(MANIFEST)}")


class ArchiveError(Exception):
    """The place is none, or holds something else; the message says why."""


class ArchiveAwayError(ArchiveError):
    """The place does not answer, or refuses; the message is its own."""


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A range of positions: those after one, up to and with another."""

    after: int
    to: int

    @property
    def name(self) -> str:
        """Its folder."""
        return f"{self.after:013}-{self.to:013}"


class Place:
    """Files by name, and segments, each a folder that counts once its manifest is there. It needs pyarrow."""

    def __init__(self, where: str) -> None:
        """`where` is a path, or a URI that `pyarrow.fs` knows; raises ArchiveError for another.

        ArchiveAwayError where it has to be asked where the bucket is, and does not answer.
        """
        from pyarrow import fs  # noqa: PLC0415 - an extra

        self.where, self._fs, self._own = where, fs, fs.LocalFileSystem()
        if not where.strip():
            raise ArchiveError("an archive is in a directory, or a bucket: an empty name is neither")
        named = "://" in where
        try:
            with self._asked():
                self._files, path = fs.FileSystem.from_uri(where) if named else (self._own, str(Path(where).absolute()))
        except ArchiveAwayError as error:
            if isinstance(error.__cause__, ValueError):  # it does not read as one
                raise ArchiveError(str(error)) from error
            raise
        self._path, self._local = path.rstrip("/"), isinstance(self._files, fs.LocalFileSystem)
        if not self._path:
            raise ArchiveError(f"{where} names no directory, and no bucket")

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Raises ArchiveAwayError for whatever a file system refuses."""
        try:
            yield
        except (OSError, ValueError) as error:  # pyarrow's own are of these
            raise ArchiveAwayError(f"{self.where}: {error}") from error

    def sizes(self) -> dict[str, int | None]:
        """The files that are there, by name, with how many bytes each has."""
        with self._asked():
            found = self._files.get_file_info(self._fs.FileSelector(self._path, recursive=True, allow_not_found=True))
        return {info.path.removeprefix(f"{self._path}/"): info.size for info in found if info.is_file}

    def segments(self) -> list[Segment]:
        """The segments that count, in order."""
        return longest(segments_of(self.sizes()))

    def read(self, name: str) -> bytes | None:
        """A small file; None where it is not there. Raises ArchiveError for one that is not small."""
        with self._asked():
            (info,) = self._files.get_file_info([f"{self._path}/{name}"])
            if info.type == self._fs.FileType.NotFound:
                return None
            if info.size is None or info.size > LARGEST:
                raise ArchiveError(f"{self.where}: {name} is too large")
            with self._files.open_input_stream(info.path) as file:
                raw: bytes = file.read()
                return raw

    def write(self, name: str, raw: bytes) -> None:
        """A small file, in place of the one that was there."""
        with self._asked():
            if self._local:
                Path(self._path).mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._files.open_output_stream(f"{self._path}/{name}.part") as file:
                file.write(raw)
            self._keep(f"{name}.part")
            self._files.move(f"{self._path}/{name}.part", f"{self._path}/{name}")
            self._keep(str(Path(name).parent))

    def put(self, segment: Segment, folder: Path) -> None:
        """A segment, in place of the one that was there; it counts when all of it is there."""
        self.remove(segment)
        with self._asked():
            self._files.create_dir(f"{self._path}/{segment.name}", recursive=True)
            for path in folder.iterdir():
                if path.name != MANIFEST:
                    self._fs.copy_files(str(path), f"{self._path}/{segment.name}/{path.name}", self._own, self._files)
                    self._keep(f"{segment.name}/{path.name}")
            self._keep(".")
        self.write(f"{segment.name}/{MANIFEST}", (folder / MANIFEST).read_bytes())

    def remove(self, segment: Segment) -> None:
        """A segment, its manifest first; nothing where there is none."""
        with self._asked():
            folder = f"{self._path}/{segment.name}"
            manifest, whole = self._files.get_file_info([f"{folder}/{MANIFEST}", folder])
            if manifest.type != self._fs.FileType.NotFound:
                self._files.delete_file(manifest.path)
            if whole.type != self._fs.FileType.NotFound:
                self._files.delete_dir(folder)

    def fetch(self, segment: Segment, names: Sequence[str], folder: Path) -> None:
        """Copy files of a segment into a folder that is there; those that are missing are left out."""
        with self._asked():
            for name in names:
                with suppress(FileNotFoundError):
                    source = f"{self._path}/{segment.name}/{name}"
                    self._fs.copy_files(source, str(folder / name), self._files, self._own)

    def _keep(self, name: str) -> None:
        """Let a file, or the names in a folder, survive a power cut, where that is ours to do."""
        if self._local:
            sync(Path(self._path) / name)


def segments_of(names: Iterable[str]) -> list[Segment]:
    """The segments that are there, by the names of files, in order."""
    found = (_MANIFEST.fullmatch(name) for name in names)
    return sorted(Segment(int(name[1]), int(name[2])) for name in found if name is not None)


def longest(segments: Sequence[Segment]) -> list[Segment]:
    """Of several that begin at one position the longest alone, which was to follow the others; they are in order."""
    return list({segment.after: segment for segment in segments}.values())
