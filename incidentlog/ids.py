"""Ids of events, as clients and the door make them."""

import os
from collections.abc import Callable
from datetime import datetime
from uuid import UUID


def uuid7(now: datetime, entropy: Callable[[int], bytes] = os.urandom) -> UUID:
    """A UUID that sorts by time (RFC 9562 §5.7): random ones would scatter over the unique index."""
    milliseconds = int(now.timestamp() * 1000)
    random = int.from_bytes(entropy(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random & (1 << 80) - 1
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)
