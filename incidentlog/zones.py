"""What a zone's name means: by the zone data of the locked package, or by those that a log keeps (docs/events.md).

Rules change from release to release, also for the past, and from machine to machine. So the machine's own zone files
are never read, and every event says under its hash by which data its dates were read. The log keeps those data; a zone
that goes by them is written `Europe/Kyiv@2026f-0123456789abcdef0123`. One without them goes by the locked package.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from importlib.resources import files
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo

import orjson

_PACKAGE: Final = files("tzdata")
RELEASE: Final[str] = import_module("tzdata").IANA_VERSION
"""The release of the zone data of the locked package, as IANA names it: `2026f`."""
NOWHERE: Final = frozenset({"Factory"})
"""What the package lists that is a zone of no place: the mark of a machine that was not set up."""
DIGEST: Final = 20
"""Hexadecimal digits of SHA-256 that tell zone data apart, beside their release."""


class BadZoneDataError(ValueError):
    """These bytes are no zone data."""


@dataclass(frozen=True, slots=True)
class ZoneData:
    """The rules of every zone of one release."""

    id: str
    """The release and a digest of the rules: `2026f-0123456789abcdef0123`."""
    release: str
    packed: bytes
    """All of it, as `learn` reads it."""


_learnt: Final[dict[str, Mapping[str, bytes]]] = {}
"""The zones of all data known, by their id: a name is a file in the format of RFC 9636."""


@cache
def names() -> frozenset[str]:
    """The zones of the world, by the locked package: its own list, so that no other file beside them counts as one."""
    return frozenset((_PACKAGE / "zones").read_text("ascii").split()) - NOWHERE


@cache
def packaged() -> ZoneData:
    """The zone data of the locked package, which are known from then on."""
    return pack(RELEASE, {name: _file(name) for name in names()})


def pack(release: str, zones: Mapping[str, bytes]) -> ZoneData:
    """The zone data that these rules are, which are known from then on; one form, so that one digest."""
    listed = sorted(zones, key=lambda name: (zones[name], name))  # what is the same stands together, and packs well
    head = orjson.dumps({"release": release, "zones": [[name, len(zones[name])] for name in listed]})
    packed = zlib.compress(b"\n".join((head, b"".join(zones[name] for name in listed))))
    return ZoneData(learn(packed), release, packed)


def learn(packed: bytes, expected: str | None = None) -> str:
    """Know these zone data; answers their id. Raises BadZoneDataError for what is none, or not what is `expected`."""
    try:
        plain = zlib.decompress(packed)
        head, _, rest = plain.partition(b"\n")
        told = orjson.loads(head)
        release, listed = str(told["release"]), [(str(name), int(size)) for name, size in told["zones"]]
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise BadZoneDataError(f"no zone data: {error!r}") from error
    zones, at = {}, 0
    for name, size in listed:
        zones[name], at = rest[at : at + size], at + size
    said = f"{release}-{hashlib.sha256(plain).hexdigest()[:DIGEST]}"
    if expected not in {None, said}:
        raise BadZoneDataError(f"these are the zone data {said}, not {expected}")
    _learnt[said] = zones
    return said


def unknown(ids: Iterable[str | None]) -> set[str]:
    """Those of these zone data that are not known here yet."""
    return {said for said in ids if said is not None} - _learnt.keys()


@lru_cache(maxsize=10_000)
def by(name: str, data: str | None) -> str:
    """The zone of a name by some zone data, whatever data it went by before; None are those of the locked package."""
    plain = plain_name(name)
    return plain if data is None else f"{plain}@{data}"


def data_of(zone: str) -> str | None:
    """By which zone data a zone goes; None are those of the locked package."""
    return zone.partition("@")[2] or None


def plain_name(zone: str) -> str:
    """A zone's name, as IANA and everybody writes it."""
    return zone.partition("@")[0]


def is_zone(zone: str) -> bool:
    """Whether it is a zone of the world, by zone data that are known."""
    name, at, data = zone.partition("@")
    return name in (_learnt.get(data, ()) if at else names())


@cache
def zone_named(zone: str) -> ZoneInfo:
    """The rules of a zone; KeyError where `is_zone` says that it is none."""
    name, data = plain_name(zone), data_of(zone)
    if data is None and name not in names():
        raise KeyError(zone)
    return ZoneInfo.from_file(BytesIO(_file(name) if data is None else _learnt[data][name]), key=name)


def _file(name: str) -> bytes:
    return _PACKAGE.joinpath("zoneinfo", *name.split("/")).read_bytes()
