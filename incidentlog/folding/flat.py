"""A subject as one flat row: what it comes to now, in figures, texts and coordinates that any table takes. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import Casualties, Estimate, Occurred
from incidentlog.folding.columns import Column, Kind
from incidentlog.folding.local_days import days_of
from incidentlog.folding.subject import HIDDEN, Subject
from incidentlog.folding.whereabouts import WHERE, whereabouts

FLATTENED: Final = (Casualties, Estimate, Occurred)
"""What becomes a column for each of its members; whatever else is nested is one column, as JSON."""
UNNAMED: Final = "casualties"
"""The one member whose name says nothing beside its own members': it is `killed_best`, not `casualties_killed_best`."""
PLAIN: Final[Mapping[Any, Kind]] = {
    str: "text",
    bool: "truth",
    int: "integer",
    float: "number",
    datetime: "instant",
    date: "day",
    date | datetime: "text",
}


class Standing(NamedTuple):
    """A subject as it stands, and the position from which it is what it is."""

    subject: Subject
    position: int


def _place(name: str) -> Callable[[Standing], Any]:
    return lambda row: getattr(row.subject.place, name, None)


def _where(name: str) -> Callable[[Standing], Any]:
    which = WHERE.index(name)
    return lambda row: whereabouts(row.subject.place)[which]


def _day(which: int) -> Callable[[Standing], str | None]:
    def day(row: Standing) -> str | None:
        days = _days(row.subject)
        return None if days is None else days[which].isoformat()

    return day


def _days(subject: Subject) -> tuple[date, date] | None:
    """The first and the last day on which it may have been, as its first event's (docs/formats.md, CSV)."""
    occurred = subject.occurred
    if occurred is None:
        return None
    timed = occurred.times(subject.zone) is not None
    return days_of(occurred, subject.zone) if timed else occurred.dates(subject.zone)


def _time(which: int) -> Callable[[Standing], str | None]:
    def time(row: Standing) -> str | None:
        times = None if row.subject.occurred is None else row.subject.occurred.times(row.subject.zone)
        told = None if times is None else times[which]
        return None if told is None else told.isoformat()

    return time


COMMON: Final[Mapping[Column, Callable[[Standing], Any]]] = {
    Column("stream", "text"): lambda row: row.subject.stream,
    Column("category", "text"): lambda row: row.subject.stream.partition(":")[0],
    Column("is_current", "truth"): lambda row: row.subject.is_current,
    Column("position", "integer"): lambda row: row.position,
    Column("since", "instant"): lambda row: row.subject.since,
    Column("date_start", "day"): _day(0),
    Column("date_end", "day"): _day(1),
    Column("local_start", "text"): _time(0),
    Column("local_end", "text"): _time(1),
    Column("occurred_precision", "text"): lambda row: getattr(row.subject.occurred, "precision", None),
    Column("location", "text"): _place("name"),
    Column("place_id", "text"): _place("place_id"),
    Column("country_code", "text"): _where("country"),
    Column("admin1_code", "text"): _where("admin1"),
    Column("admin2_code", "text"): _place("admin2"),
    Column("admin3_code", "text"): _place("admin3"),
    Column("latitude", "number"): _place("lat"),
    Column("longitude", "number"): _place("lon"),
    Column("place_precision", "text"): _place("precision"),
    Column("place_how", "text"): _place("how"),
    Column("actors", "texts"): lambda row: list(dict.fromkeys(actor.code for actor in row.subject.actors)),
    Column("verification", "text"): lambda row: row.subject.verification,
    Column("absorbed", "texts"): lambda row: list(row.subject.absorbed),
}
"""What a row of any category has. Names that UCDP and ACLED have too mean what they mean there."""


class Own(NamedTuple):
    """A column of one category's own, and where in a subject its value is."""

    column: Column
    path: tuple[str, ...]


@cache
def own_columns(category: str) -> tuple[Own, ...]:
    """The columns that a category has beside the common ones."""
    kind = Subject.families.get(category, Subject)
    fields = {n: f for n, f in kind.model_fields.items() if n not in Subject.model_fields and n not in HIDDEN}
    return tuple(own for name, field in fields.items() for own in _columns(name, (name,), field.annotation))


def _columns(name: str, path: tuple[str, ...], annotation: Any) -> Iterator[Own]:
    of = _without_none(annotation)
    if isinstance(of, type) and issubclass(of, FLATTENED):
        prefix = "" if name == UNNAMED else f"{name}_"
        for member, field in of.model_fields.items():
            yield from _columns(f"{prefix}{member}", (*path, member), field.annotation)
        return
    yield Own(Column(name, _kind(of)), path)


def _kind(of: Any) -> Kind:
    if get_origin(of) is Literal:
        return "text"
    if get_origin(of) is tuple and _kind(get_args(of)[0]) == "text":
        return "texts"
    if of == int | float:
        return "number"
    return PLAIN.get(of, "json")


def _without_none(annotation: Any) -> Any:
    """A type, of those that may be left out or null what else they are."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) not in {Union, UnionType}:
        return annotation
    rest = [_without_none(each) for each in get_args(annotation) if each is not NoneType]
    return Union[tuple(rest)]  # noqa: UP007 - of as many as are left


def columns_of(category: str | None) -> tuple[Column, ...]:
    """The columns of rows of one category; of several, for None, those that all have, and the figures of attacks."""
    return (*COMMON, *(own.column for own in _own(category)))


def flat_row(row: Standing, category: str | None) -> dict[str, Any]:
    """A subject as a row with `columns_of` as its members, in their order; what is not known is null."""
    told: dict[str, Any] = {column.name: value(row) for column, value in COMMON.items()}
    subject, own = row.subject, _own(category)
    plain = subject.model_dump(mode="json", include={each.path[0] for each in own})
    for column, path in own:
        found: Any = plain
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        told[column.name] = found
    return told


@cache
def _own(category: str | None) -> Sequence[Own]:
    if category is not None:
        return own_columns(category)
    return [own for own in own_columns("incident") if own.path[0] == UNNAMED]


def lies_within(place: ResolvedPlace | None, box: tuple[float, float, float, float]) -> bool:
    """Whether a place has a point in a box of west, south, east and north, which may cross the antimeridian."""
    if place is None or place.lat is None or place.lon is None:
        return False
    west, south, east, north = box
    across = west <= place.lon <= east if west <= east else place.lon >= west or place.lon <= east
    return south <= place.lat <= north and across
