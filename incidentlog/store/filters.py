"""Which events a reader wants, from the parameters of a request: the same for REST and for the raw feed."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, get_args

from pydantic import TypeAdapter, ValidationError

from incidentlog.errors import BadRequest, Fault
from incidentlog.projections.asking import VALUES, escaped
from incidentlog.store.read import EventFilter
from incidentlog.subjects.registry import EVENTS
from incidentlog.subjects.subject import Subject
from incidentlog.subjects.values import NewActorCode, Stream, Verification, When, start_instant

NAMES: Final = (
    "type", "stream", "category", "city", "admin1", "country", "actor", "verification",
    "since", "until", "recorded_since", "bbox",
)  # fmt: skip
"""Every parameter; the first eight may be repeated and then mean any of the values."""

_WHEN: TypeAdapter[Any] = TypeAdapter(When)
_STREAM: TypeAdapter[str] = TypeAdapter(Stream)
_ACTOR: TypeAdapter[str] = TypeAdapter(NewActorCode)
_PLACE = re.compile(r"(geonames:[0-9]{1,12}|place:[a-z0-9._-]{1,120})")
_COUNTRY = re.compile(r"[A-Z]{2}")
_ADMIN1 = re.compile(r"[A-Z]{2}\.[A-Za-z0-9._]{1,20}")
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,15})?")
_EDGES = 4


def parse_event_filter(params: Mapping[str, Sequence[str]], zone: str, *, under: str = "") -> EventFilter:
    """The filter that a reader asks for. Raises BadRequest with every fault.

    The caller takes out what is no filter, such as `after` and `limit`. A date is local 00:00 in the log's zone, a
    time without an offset is in it. `bbox` is `west,south,east,north`. `under` goes before every pointer.
    """
    faults = [
        Fault(f"{under}/{escaped(name)}", "unknown_filter", f"the filters are {', '.join(NAMES)}")
        for name in params
        if name not in NAMES
    ]
    faults += [fault for name, values in params.items() if name in NAMES for fault in _faults(name, values, under)]
    if faults:
        raise BadRequest("the events cannot be narrowed so", errors=faults)

    def several(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(params.get(name, ())))

    def instant(name: str) -> datetime | None:
        return start_instant(_WHEN.validate_python(params[name][0]), zone) if name in params else None

    return EventFilter(
        types=several("type"),
        streams=several("stream"),
        categories=several("category"),
        places=several("city"),
        admin1s=several("admin1"),
        countries=several("country"),
        actors=several("actor"),
        verifications=several("verification"),
        since=instant("since"),
        until=instant("until"),
        recorded_since=instant("recorded_since"),
        bbox=_box(params["bbox"][0]) if "bbox" in params else None,
    )


def _faults(name: str, values: Sequence[str], under: str) -> list[Fault]:
    pointer = f"{under}/{name}"
    if name in _ONE and len(values) != 1:
        return [Fault(pointer, "repeated", "one value is needed")]
    if not 0 < len(values) <= VALUES:
        return [Fault(pointer, "too_many" if values else "empty", f"give 1 to {VALUES} values")]
    good, code, needed = _RULES[name]
    bad = next((value for value in values if not good(value)), None)
    return [] if bad is None else [Fault(pointer, code, f"{escaped(bad)[:60]!r}: {needed}")]


def _box(text: str) -> tuple[float, float, float, float] | None:
    """The four edges in degrees; None when they are none. West of east may be east of it (RFC 7946 §5.2)."""
    parts = text.split(",")
    if len(parts) != _EDGES or not all(_DEGREES.fullmatch(part) for part in parts):
        return None
    west, south, east, north = (float(part) for part in parts)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004 - degrees
        return None
    return west, south, east, north


def _valid(adapter: TypeAdapter[Any]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            adapter.validate_python(value)
        except ValidationError:
            return False
        return True

    return check


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


_ONE: Final = frozenset({"since", "until", "recorded_since", "bbox"})
_TIME: Final = (_valid(_WHEN), "not_a_time", "give a date (2025-11-19) or a time (2025-11-19T04:00+02:00)")
_RULES: Final[Mapping[str, tuple[Callable[[str], bool], str, str]]] = {
    "type": (EVENTS.newest.__contains__, "unknown_type", "no such event type"),
    "stream": (_valid(_STREAM), "not_a_stream", "a stream is category:slug"),
    "category": (lambda value: value in _categories(), "unknown_category", "no such category"),
    "city": (_matches(_PLACE), "not_a_place", "a place is geonames:<number> or place:<slug>; see /v1/places?q="),
    "admin1": (_matches(_ADMIN1), "not_an_admin1", "an admin1 is UA.17: country and code, as GeoNames writes it"),
    "country": (_matches(_COUNTRY), "not_a_country", "a country is two capital letters (ISO 3166-1)"),
    "actor": (_valid(_ACTOR), "not_an_actor", "an actor is a code such as UKR or RUS.MOD"),
    "verification": (get_args(Verification).__contains__, "unknown_value", ", ".join(get_args(Verification))),
    "since": _TIME,
    "until": _TIME,
    "recorded_since": _TIME,
    "bbox": (lambda value: _box(value) is not None, "not_a_box", "give west,south,east,north in degrees"),
}


def _categories() -> set[str]:
    return {c for t in EVENTS.types.values() for c in t.categories} | set(Subject.families)
