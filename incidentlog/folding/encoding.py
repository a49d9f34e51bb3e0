"""An event as readers are shown it: one text, whoever asks for it."""

from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson
from msgspec import Raw
from pydantic import ValidationError

from incidentlog.events.recorded import NULL, Recorded, reading_by
from incidentlog.events.values import TLP_LABELS, YEARS, Occurred, start_instant, zone_of
from incidentlog.folding.local_days import days_of
from incidentlog.folding.whereabouts import known_of
from incidentlog.zones import by, zone_named

LOCAL: Final = ("date_start", "date_end", "start", "end")
REMEMBERED: Final = 10_000
"""How many times are kept as they are shown: many events are of the same days."""
_NULL: Final = bytes(NULL)
_RESOLVED: Final = b',"resolved":'
_NO_END: Final = b'{"precision":"minute","start":', b'{"precision":"hour","start":'
"""How the canonical text of a minute or an hour begins that has no end, and is no window: its members are sorted."""
_WHOLE_MINUTES: Final = range(1973, YEARS.stop)
"""The years in which every zone is so many minutes from UTC, without seconds."""
_UTC: Final = b'Z","end":null}'
_AS_OFFSET: Final = b'+00:00","end":null}'
"""How local times are shown that are UTC, too."""
_NONE: Final = Raw(b"[]")
_UNVERIFIED: Final = Raw(b'"unverified"')


class Shown(msgspec.Struct, gc=False):
    """An event as it is shown, its members in their order.

    What the client sent is read into it and never looked at: a Raw is a piece of the stored text, which is shown as it
    is kept. The server's own members are set afterwards, whatever was sent under their names.
    """

    id: Any = None
    position: Any = None
    stream: Any = None
    stream_version: Any = None
    type: Any = None
    schema_version: Any = None
    occurred: Raw = NULL
    local: Any = None
    reported_at: Raw = NULL
    recorded_at: Any = None
    recorded_by: Any = None
    imported: Any = msgspec.field(name="import", default=msgspec.UNSET)
    place: Raw = NULL
    actors: Raw = _NONE
    sources: Raw = _NONE
    verification: Raw = _UNVERIFIED
    tlp: Any = None
    data: Raw = NULL
    links: Raw = _NONE
    external_ids: Raw = _NONE
    notes: Raw = NULL
    status: Any = None
    patched_place: Raw = NULL


class _Timed(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """When something began, as it was told."""

    start: datetime
    precision: str
    tz: str


class _Began(msgspec.Struct, gc=False):
    """When it was in the log's zone, of what has no end."""

    date_start: date
    date_end: date
    start: datetime
    end: None = None


_SENT: Final = msgspec.json.Decoder(Shown).decode
_TIMED: Final = msgspec.json.Decoder(_Timed).decode
_WRITE: Final = msgspec.json.Encoder().encode


def encode_event(e: Recorded, status: str, zone: str) -> bytes:
    """The JSON of an event as it is shown: what the client sent, where the server put it, and whether it counts.

    Of one whose body was erased, what the server added is left. `zone` is the log's, in whose days it is counted.
    Raises ValueError where the stored body is no JSON any more.
    """
    body, about = e.body, e.about
    shown = Shown(verification=NULL) if body is None else _SENT(body)
    shown.id, shown.position = e.event_id, e.position
    shown.stream, shown.stream_version = e.stream, e.stream_version
    shown.type, shown.schema_version = e.type, e.schema_version
    occurred = bytes(shown.occurred)
    if occurred == _NULL:
        shown.occurred, occurred = about.occurred, bytes(about.occurred)
    shown.local = Raw(_begun(occurred, e.zone_data, zone) or _local(occurred, e.zone_data, zone))
    shown.recorded_at, shown.recorded_by = e.recorded_at, e.recorded_by
    if about.imported is not None:
        shown.imported = about.imported
    if (resolved := _resolved(bytes(about.place))) is not None:
        place = bytes(shown.place)
        if place != _NULL:
            shown.place = Raw(place[:-1] + resolved)
        elif body is not None:  # an amendment's own place is what it puts in another's
            shown.patched_place = Raw(resolved[len(_RESOLVED) : -1])
        elif e.place is not None:
            shown.place = Raw(b'{"name":%b' % orjson.dumps(e.place.name) + resolved)
    shown.tlp, shown.status = TLP_LABELS[e.tlp], status if body is not None else "erased"
    return _WRITE(shown)


@lru_cache(maxsize=REMEMBERED)
def _resolved(place: bytes) -> bytes | None:
    """A place as it was resolved, from the text of it in a meta; None where there is none.

    As it is shown: the last member of the place as it was sent, and the end of that.
    """
    return None if place == _NULL else b"%b%b}" % (_RESOLVED, orjson.dumps(known_of(orjson.loads(place))))


def _begun(occurred: bytes, zone_data: str | None, zone: str) -> bytes | None:
    """As `_local`, of a time of which nothing is known but when it began, as of nearly all; None of others.

    It is of the day of its start then, whatever it is. Occurred says so too, with ten times the work.
    """
    if not occurred.startswith(_NO_END):
        return None
    try:
        told = _TIMED(occurred)
    except msgspec.DecodeError:
        return None
    start, rules = told.start, _rules(told.tz, zone_data, zone)
    if rules is None or start.year not in _WHOLE_MINUTES:
        return None
    local = (start if start.tzinfo is not None else start_instant(start, by(told.tz, zone_data))).astimezone(rules)
    day = local.date()
    said = _WRITE(_Began(day, day, local))
    return said.removesuffix(_UTC) + _AS_OFFSET if said.endswith(_UTC) else said


@lru_cache(maxsize=REMEMBERED)
def _rules(tz: str, zone_data: str | None, zone: str) -> tzinfo | None:
    """The rules of the log's zone by some zone data, which are known; None where an event's zone is none by them."""
    return None if zone_of(tz, zone_data) is None else zone_named(by(zone, zone_data))


@lru_cache(maxsize=REMEMBERED)
def _local(occurred: bytes, zone_data: str | None, zone: str) -> bytes:
    """When it was in the log's zone: its first and last day there, and of times the times, with their offset.

    All null where that is unknown, or today's rules do not take what was once recorded.
    """
    try:
        told = Occurred.model_validate_json(occurred, context=reading_by(zone_data))
    except ValidationError:
        return orjson.dumps(dict.fromkeys(LOCAL))
    times = told.times(zone)
    dates = days_of(told, zone) if times is not None and told.range != "window" else told.dates(zone)
    said = (*(dates or (None, None)), *(times or (None, None)))
    return orjson.dumps({name: when and when.isoformat() for name, when in zip(LOCAL, said, strict=True)})
