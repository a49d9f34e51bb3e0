"""An operator's base map: raster tiles in Web Mercator, in a PMTiles file here or at an address of somebody else."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pmtiles.reader import Reader
from pmtiles.tile import Compression, MagicNumberNotFound, SpecVersionUnsupported, TileType, deserialize_header

KINDS: Final = {
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}
"""Pictures: what a browser draws without a style and without a library."""
HEADER_OCTETS: Final = 127
DEEPEST: Final = 22
"""The deepest zoom that is asked for; a tile of it is some ten metres wide."""
ELSEWHERE: Final = (0, 18)
"""The zooms that tiles at an address are asked for; what is nearer shows the deepest one larger."""
ADDRESS: Final = re.compile(r"https?://[^\s/?#@;,'\"]+/[^\s;,'\"]*")


@dataclass(frozen=True)
class TileFile:
    """A PMTiles file (version 3) of raster tiles."""

    path: Path

    @cached_property
    def kind(self) -> str:
        """The media type of its tiles."""
        return KINDS[self._header["tile_type"]]

    @property
    def zooms(self) -> tuple[int, int]:
        """The least and the deepest zoom of which it has tiles."""
        return self._header["min_zoom"], min(self._header["max_zoom"], DEEPEST)

    def fault(self) -> str | None:
        """Why it cannot be shown; None where it can."""
        try:
            header = self._header
        except OSError as error:
            return f"{self.path} cannot be read: {error.strerror}"
        except (MagicNumberNotFound, SpecVersionUnsupported, ValueError, IndexError):
            return f"{self.path} is no PMTiles file of version 3"
        if header["tile_type"] not in KINDS:
            return f"{self.path} has no pictures (PNG, JPEG, WebP or AVIF), which a base map here is made of"
        if header["tile_compression"] not in {Compression.NONE, Compression.UNKNOWN}:
            return f"{self.path} has pictures that are compressed once more"
        return None

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile; None where the file has none. Blocks. Raises OSError."""
        if not (0 <= zoom <= DEEPEST and 0 <= x < 1 << zoom and 0 <= y < 1 << zoom):
            return None
        tile: bytes | None = Reader(self._octets).get(zoom, x, y)  # type: ignore[no-untyped-call]
        return tile

    @cached_property
    def tag(self) -> str:
        """What changes when the file is another one."""
        told = self.path.stat()
        return f'"{told.st_mtime_ns:x}-{told.st_size:x}"'

    @cached_property
    def _header(self) -> Any:
        return deserialize_header(self._octets(0, HEADER_OCTETS))

    @cached_property
    def _file(self) -> int:
        return os.open(self.path, os.O_RDONLY)

    def _octets(self, offset: int, length: int) -> bytes:
        # Not mapped into memory: a file that is cut short while it is mapped ends the process.
        return os.pread(self._file, length, offset)


@dataclass(frozen=True)
class Basemap:
    """What lies beneath the page's places, and whose it is."""

    source: str
    attribution: str

    @cached_property
    def file(self) -> TileFile | None:
        """The file that its tiles are in; None where they are at an address."""
        return None if ADDRESS.fullmatch(self.source) else TileFile(Path(self.source).expanduser())

    @property
    def origin(self) -> str | None:
        """Whom readers' browsers ask for tiles; None where it is this service."""
        if self.file is not None:
            return None
        parts = urlsplit(self.source)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def zooms(self) -> tuple[int, int]:
        """The zooms of which there are tiles."""
        return ELSEWHERE if self.file is None else self.file.zooms


def source_fault(source: str) -> str | None:
    """Why something cannot be a base map; None where it can."""
    if "://" not in source:
        return TileFile(Path(source).expanduser()).fault()
    if not ADDRESS.fullmatch(source) or any(source.count(part) != 1 for part in ("{z}", "{x}", "{y}")):
        return "give the address of tiles with {z}, {x} and {y} in its path: https://tiles.example.org/{z}/{x}/{y}.png"
    if any(part in urlsplit(source).netloc for part in "{}*"):
        return "the host of an address is one name, which the page's policy can allow"
    return None
