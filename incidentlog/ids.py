"""Ids of events, as clients and the door make them."""

import hmac
import os
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

IMPORTED: Final = UUID("427c5de8-1151-5628-b99f-48afedbfb1a9")
"""The namespace of the ids of imported events: it must never change, or the same rows would come in twice."""


def uuid7(now: datetime, entropy: Callable[[int], bytes] = os.urandom) -> UUID:
    """A UUID that sorts by time (RFC 9562 §5.7): random ones would scatter over the unique index."""
    milliseconds = int(now.timestamp() * 1000)
    random = int.from_bytes(entropy(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random & (1 << 80) - 1
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def own_id(log: UUID, name: str) -> UUID:
    """The id of an event that the log itself makes: the same for the same name, and of a form that no client may send.

    A UUIDv8 (RFC 9562 §5.8) that ends as the log's id does.
    """
    return _uuid8(sha256(f"{log}/{name}".encode()).digest()[:10] + log.bytes[10:])


def secret_id(secret: bytes, *words: str) -> UUID:
    """The id that words stand for under a secret (HMAC-SHA256, in a UUIDv8): nobody can tell it without."""
    digest = hmac.digest(secret, b"".join(sha256(word.encode()).digest() for word in words), "sha256")
    return _uuid8(digest[:16])


def imported_id(scheme: str, *words: str) -> UUID:
    """The id of what is imported under a source's own id (UUIDv5): the same however often it comes."""
    return uuid5(IMPORTED, "\n".join((scheme, *words)))


def is_own(log: UUID, event_id: UUID) -> bool:
    """Whether an id is of the form of those that the log itself makes."""
    return event_id.version == 8 and event_id.node == log.node  # noqa: PLR2004 (RFC 9562 §5.8)


def _uuid8(raw: bytes) -> UUID:
    return UUID(int=int.from_bytes(raw, "big") & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)
