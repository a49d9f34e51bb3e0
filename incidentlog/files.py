"""Files that only their owner can read, written whole or not at all, also when the machine stops half-way."""

import os
import tempfile
from pathlib import Path
from typing import Final

STAGING_PREFIX: Final = ".new-"
"""What is being made: it gets its name by a rename when whole, so what still has this prefix was interrupted."""


def write_private(path: Path, text: str) -> None:
    """Write a file, mode 0600, whole or not at all."""
    handle, staged = tempfile.mkstemp(prefix=STAGING_PREFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(staged).replace(path)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Make what a file holds, or which names are in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
