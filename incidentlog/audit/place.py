"""Where an archive is: a folder, or a bucket of S3, or whatever else pyarrow has a file system for."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from incidentlog.audit.exported import MANIFEST

LARGEST: Final = 64 * 1024 * 1024
"""The most bytes of a file that is read at once."""
_MANIFEST: Final = re.compile(rf"([0-9]{{13}})-([0-9]{{13}})/{re.escape(MANIFEST)}")


class PlaceError(Exception):
    """The place does not answer as one, or holds something else; the message says why."""


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
        """`where` is a path, or a URI that `pyarrow.fs` knows; raises PlaceError for another."""
        from pyarrow import fs  # noqa: PLC0415 - an extra

        self.where, self._fs, self._own = where, fs, fs.LocalFileSystem()
        with self._asked():
            local = "://" not in where
            self._files, path = (self._own, str(Path(where).absolute())) if local else fs.FileSystem.from_uri(where)
        self._path = path.rstrip("/")

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Raises PlaceError for whatever a file system refuses, but for a file that is not there."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:  # pyarrow's own are of these
            raise PlaceError(f"{self.where}: {error}") from error

    def every_segment(self) -> list[Segment]:
        """What is there, in order."""
        with self._asked():
            found = self._files.get_file_info(self._fs.FileSelector(self._path, recursive=True, allow_not_found=True))
        named = (_MANIFEST.fullmatch(info.path.removeprefix(f"{self._path}/")) for info in found)
        return sorted(Segment(int(name[1]), int(name[2])) for name in named if name is not None)

    def segments(self) -> list[Segment]:
        """The same; of several that begin at one position the longest alone, which another was to follow."""
        return list({segment.after: segment for segment in self.every_segment()}.values())

    def read(self, name: str) -> bytes | None:
        """A small file; None where it is not there. Raises PlaceError for one that is not small."""
        with self._asked():
            (info,) = self._files.get_file_info([f"{self._path}/{name}"])
            if info.type == self._fs.FileType.NotFound:
                return None
            if info.size is None or info.size > LARGEST:
                raise PlaceError(f"{self.where}: {name} is too large")
            with self._files.open_input_stream(info.path) as file:
                raw: bytes = file.read()
                return raw

    def write(self, name: str, raw: bytes) -> None:
        """A small file, in place of the one that was there."""
        with self._asked():
            if self._files is self._own:
                Path(self._path).mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._files.open_output_stream(f"{self._path}/{name}.part") as file:
                file.write(raw)
            self._files.move(f"{self._path}/{name}.part", f"{self._path}/{name}")

    def put(self, segment: Segment, folder: Path) -> None:
        """A segment, in place of the one that was there; it counts when all of it is there."""
        self.remove(segment)
        with self._asked():
            self._files.create_dir(f"{self._path}/{segment.name}", recursive=True)
            for path in folder.iterdir():
                if path.name != MANIFEST:
                    self._fs.copy_files(str(path), f"{self._path}/{segment.name}/{path.name}", self._own, self._files)
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
        """Copy files of a segment into a folder that is there; raises FileNotFoundError where one is missing."""
        with self._asked():
            for name in names:
                self._fs.copy_files(f"{self._path}/{segment.name}/{name}", str(folder / name), self._files, self._own)
