"""Where the tests keep what is on disk."""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
AMPLE_BYTES = 4 * 2**30


def open_folder(purpose: str) -> Path:
    """A new directory that the server's own user can pass through: as root pytest's tmp_path is not.

    In memory where there is room. A fresh database is some 450 files: a disk took up to twenty times the processor time.
    """
    path = Path(tempfile.mkdtemp(prefix=f"incidentlog-{purpose}-", dir=MEMORY if _in_memory() else "/var/tmp"))
    path.chmod(0o711)
    return path


def _in_memory() -> bool:
    """Whether memory has room, and lets programs run: a container's is small, and may forbid them."""
    if not MEMORY.is_dir():
        return False
    found = os.statvfs(MEMORY)
    return found.f_bavail * found.f_frsize > AMPLE_BYTES and not found.f_flag & os.ST_NOEXEC
