"""Which events, or subjects, a reader wants, from the parameters of a request: as in REST, so in the raw feed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incidentlog.errors import BadRequest, Fault
from incidentlog.events.values import start_instant
from incidentlog.folding.asking import VALUES, escaped, value_faults, values_of
from incidentlog.folding.domains import (
    ACTOR,
    CATEGORY,
    CITY,
    COUNTRY,
    EXTERNAL_ID,
    HROMADA,
    IMPORT,
    NOT_A_TIME,
    RAION,
    REGION,
    STREAM,
    TYPE,
    VERIFICATION,
    Domain,
    literal,
    read_when,
)
from incidentlog.folding.subject_filter import CURRENT, Status, SubjectFilter


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What `GET /v1/events` and the raw feed narrow by; several values of one kind mean any of them.

    All go by what an event said when it was sent: an amendment is an event of its own.
    """

    types: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    admin1s: tuple[str, ...] = ()
    """As `UA.17`: country and code, as GeoNames writes it (`UA-17` would be ISO 3166-2, which counts otherwise)."""
    countries: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    verifications: tuple[str, ...] = ()
    since: datetime | None = None
    """Occurred at or after, or still going on then."""
    until: datetime | None = None
    """Began before; exclusive."""
    recorded_since: datetime | None = None
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north; west > east crosses the antimeridian (RFC 7946 §5.2)."""
    external_ids: tuple[tuple[str, str | None], ...] = ()
    """Scheme and id elsewhere; None stands for every id of the scheme."""
    imports: tuple[int, ...] = ()
    """The imports that they came with, by their numbers."""


_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,15})?")
_EDGES = 4
BOX: Final = "give west,south,east,north in degrees"


def parse_event_filter(params: Mapping[str, Sequence[str]], zone: str, *, under: str = "") -> EventFilter:
    """The filter that a reader asks for. Raises BadRequest with every fault.

    The caller takes out what is no filter, such as `after` and `limit`. A date is local 00:00 in the log's zone, a
    time without an offset is in it. `bbox` is `west,south,east,north`. `under` goes before every pointer.
    """
    _refuse(params, FILTERS, under, "the events cannot be narrowed so")

    def several(name: str) -> tuple[str, ...]:
        return tuple(values_of(FILTERS[name], params.get(name, ())))

    since, until = _period(params, zone, under, "the events cannot be narrowed so")
    return EventFilter(
        types=several("type"),
        streams=several("stream"),
        categories=several("category"),
        places=several("city"),
        admin1s=several("admin1"),
        countries=several("country"),
        actors=several("actor"),
        verifications=several("verification"),
        since=since,
        until=until,
        recorded_since=_instant_of(params, "recorded_since", zone),
        bbox=_box(params["bbox"][0]) if "bbox" in params else None,
        external_ids=tuple(map(_external_id, several("external_id"))),
        imports=tuple(map(int, several("import"))),
    )


def parse_subject_filter(params: Mapping[str, Sequence[str]], zone: str) -> SubjectFilter:
    """The subjects that a reader asks for. Raises BadRequest with every fault; dates are as those of events."""
    why = "the subjects cannot be narrowed so"
    _refuse(params, SUBJECT_FILTERS, "", why)
    since, until = _period(params, zone, "", why)
    several = {name: values_of(SUBJECT_FILTERS[name], params[name]) for name in params if name not in ONE}
    statuses, categories = several.pop("status", CURRENT), several.pop("category", ())
    return SubjectFilter(
        categories=tuple(categories),
        values={name: frozenset(values) for name, values in several.items()},
        statuses=tuple(statuses),
        since=since,
        until=until,
        bbox=_box(params["bbox"][0]) if "bbox" in params else None,
    )


def events_where(wanted: SubjectFilter) -> EventFilter | None:
    """The events that may say that a subject is where a filter wants it; None where it is wanted anywhere."""
    places, admin1s, countries = (tuple(sorted(wanted.values.get(name, ()))) for name in ("city", "admin1", "country"))
    where = EventFilter(places=places, admin1s=admin1s, countries=countries, bbox=wanted.bbox)
    return None if where == EventFilter() else where


def _refuse(params: Mapping[str, Sequence[str]], filters: Mapping[str, Domain], under: str, why: str) -> None:
    faults = [
        Fault(f"{under}/{escaped(name)}", "unknown_filter", f"the filters are {', '.join(filters)}")
        for name in params
        if name not in filters
    ]
    known = ((name, values) for name, values in params.items() if name in filters)
    faults += [fault for name, values in known for fault in _faults(name, filters[name], values, under)]
    if faults:
        raise BadRequest(why, errors=faults)


def _instant_of(params: Mapping[str, Sequence[str]], name: str, zone: str) -> datetime | None:
    when = read_when(params[name][0]) if name in params else None
    return None if when is None else start_instant(when, zone)


def _period(
    params: Mapping[str, Sequence[str]], zone: str, under: str, why: str
) -> tuple[datetime | None, datetime | None]:
    """From when until when. Raises BadRequest where the one is after the other."""
    since, until = _instant_of(params, "since", zone), _instant_of(params, "until", zone)
    if since is not None and until is not None and until < since:
        raise BadRequest(why, errors=[Fault(f"{under}/until", "ends_before_start", "until is before since")])
    return since, until


def _faults(name: str, domain: Domain, values: Sequence[str], under: str) -> list[Fault]:
    pointer = f"{under}/{name}"
    if name in ONE and len(values) != 1:
        return [Fault(pointer, "repeated", "one value is needed")]
    if not 0 < len(values) <= VALUES:
        return [Fault(pointer, "too_many" if values else "empty", f"give 1 to {VALUES} values")]
    return list(value_faults(domain, values, pointer))


def _external_id(text: str) -> tuple[str, str | None]:
    """A scheme and an id in it; None for all of the scheme."""
    scheme, _, external_id = text.partition(":")
    return scheme, None if external_id == "*" else external_id


def _box(text: str) -> tuple[float, float, float, float] | None:
    """The four edges in degrees; None when they are none. West of east may be east of it (RFC 7946 §5.2)."""
    parts = text.split(",")
    if len(parts) != _EDGES or not all(_DEGREES.fullmatch(part) for part in parts):
        return None
    west, south, east, north = (float(part) for part in parts)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004 - degrees
        return None
    return west, south, east, north


ONE: Final = frozenset({"since", "until", "recorded_since", "bbox"})
"""What is given once; others may be repeated, and then mean any of the values."""
_BBOX: Final = Domain(lambda text: text if _box(text) else None, "not_a_box", lambda: BOX)
_INSTANT: Final = Domain(lambda text: text if read_when(text) else None, "not_a_time", lambda: NOT_A_TIME)
FILTERS: Final[Mapping[str, Domain]] = {
    "type": TYPE,
    "stream": STREAM,
    "category": CATEGORY,
    "city": CITY,
    "admin1": REGION,
    "country": COUNTRY,
    "actor": ACTOR,
    "verification": VERIFICATION,
    "external_id": EXTERNAL_ID,
    "import": IMPORT,
    "since": _INSTANT,
    "until": _INSTANT,
    "recorded_since": _INSTANT,
    "bbox": _BBOX,
}
"""Every parameter, with the values that it can have."""
SUBJECT_FILTERS: Final[Mapping[str, Domain]] = {
    **{name: FILTERS[name] for name in ("category", "city", "admin1")},
    "admin2": RAION,
    "admin3": HROMADA,
    **{name: FILTERS[name] for name in ("country", "actor", "verification", "since", "until", "bbox")},
    "status": literal(Status),
}
"""Every parameter that narrows subjects, likewise."""
