"""Why a server does not run any more: the end of what it said, and whether its disk is full."""

import os
from pathlib import Path
from typing import Final

from incidentlog.embedded.root import Root

_LOG_LINES: Final = 8
_LOG_BYTES: Final = 4096
_SEGMENT_BYTES: Final = 16 * 2**20
"""A file of its write-ahead log: with less room than that it cannot go on."""
_FULL: Final = ("No space left on device", "Disk quota exceeded")


def last_words(root: Root, data: Path) -> str:
    """The end of what the server said, before its own log was open and since; and that the disk is full, if it is."""
    own = max(data.glob("log/*.log"), key=lambda path: path.stat().st_mtime, default=None)
    said = [_tail(path) for path in (root.start_log, own) if path is not None and path.exists()]
    return with_the_disk("\n".join(text for text in said if text), data)


def with_the_disk(said: str, data: Path) -> str:
    """What was said; and that the disk of the data is full, if it is."""
    full = full_disk(data, said)
    return said if full is None else f"{said}\n{full}".lstrip()


def full_disk(data: Path, said: str = "") -> str | None:
    """Which disk of the data is full, and how much of it is free; None where there is room and nothing said otherwise.

    The server's own log may not say it: there was no room for that either.
    """
    folders = [folder for folder in (data, data / "pg_wal") if folder.exists()] or [data.parent]
    free, folder = min(((_free(folder), folder) for folder in folders), key=lambda each: each[0])
    if free >= _SEGMENT_BYTES and not any(word in said for word in _FULL):
        return None
    return f"The disk of {folder} is full: {free:,} bytes are free. Make room and start again: nothing answered is lost"


def _free(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG_BYTES))
        lines = file.read().decode("utf-8", "replace").strip().split("\n")
    return "\n".join(lines[-_LOG_LINES:])
