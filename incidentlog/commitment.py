"""A part's commitment: what a leaf of the log shows of the part, and what stays of it when it is erased."""

import hashlib
from typing import Final

SALT_BYTES: Final = 32
"""Of a salt: random, one for each part, never derived, or what was erased could be guessed (docs/audit.md)."""


def commitment(part: bytes, salt: bytes, text: bytes) -> bytes:
    """SHA-256(name, 00, salt, exact bytes): 32 bytes. `part` is `b"body"`, `b"meta"` or `b"private"`."""
    return hashlib.sha256(part + b"\0" + salt + text).digest()
