"""The leaf of an event: what the Merkle tree holds of it. It commits to everything and shows nothing.

See docs/audit.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from incidentlog.commitment import commitment

PARTS: Final = ("body", "meta", "private")
"""The parts an event may have; `private` is the one that not every event has."""
_NAMES: Final = {name: name.encode() for name in PARTS}
_HEX: Final = '"([0-9a-f]{64})"'
LEAF: Final = re.compile(
    rf'\{{"parts":\{{"body":{_HEX},"meta":{_HEX}(?:,"private":{_HEX})?\}},"position":([1-9][0-9]{{0,15}}),'
    r'"recorded_at":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)","v":1\}',
    re.ASCII,
)
"""A leaf in its one form: the digest of each part, the position, and when it was recorded."""


class NoLeafError(ValueError):
    """The text is not a leaf in its one canonical form."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a leaf says: where and when, and a commitment (32 bytes) for each part."""

    position: int
    recorded_at: datetime
    parts: Mapping[str, bytes]


def digest_of(part: str, salt: bytes | None, text: str | None, kept: bytes | None) -> bytes:
    """The commitment of a part as its row holds it: made anew where the text is there, else the one that was kept.

    Raises ValueError when neither is there: a part that was never there has no digest and is not asked for.
    """
    if salt is not None and text is not None:
        return commitment(_NAMES[part], salt, text.encode())
    if kept is None:
        raise ValueError(f"the {part} is gone, and no digest of it was kept")
    return kept


def leaf_bytes(position: int, recorded_at: datetime, body: bytes, meta: bytes, private: bytes | None = None) -> bytes:
    """The leaf, byte by byte: ASCII JSON, keys sorted, no white space. Digests are 32 bytes; `private` may be absent.

    `recorded_at` has an offset; the leaf says it in UTC to the microsecond.
    """
    hidden = "" if private is None else f',"private":"{private.hex()}"'
    return (
        f'{{"parts":{{"body":"{body.hex()}","meta":"{meta.hex()}"{hidden}}},"position":{position},'
        f'"recorded_at":"{instant(recorded_at)}","v":1}}'
    ).encode()


def instant(value: datetime) -> str:
    """RFC 3339 in UTC with six digits and `Z`."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="microseconds")[:26] + "Z"


def parse_leaf(text: bytes) -> Leaf:
    """What a leaf says. Raises NoLeafError for anything but the bytes that `leaf_bytes` makes."""
    try:
        told = text.decode("ascii")
    except UnicodeDecodeError:
        raise NoLeafError("a leaf is ASCII") from None
    matched = LEAF.fullmatch(told)
    if matched is None:
        raise NoLeafError(f"this is no leaf: {told[:100]!r}")
    *digests, position, recorded_at = matched.groups()
    try:
        when = datetime.fromisoformat(recorded_at)
    except ValueError:
        raise NoLeafError(f"no such instant: {recorded_at}") from None
    parts = {name: bytes.fromhex(digest) for name, digest in zip(PARTS, digests, strict=True) if digest is not None}
    return Leaf(int(position), when, parts)
