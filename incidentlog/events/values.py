"""The values that events are made of: codes, instants, estimates, gradings (docs/events.md)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self

from propcache.api import cached_property
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from incidentlog.described import Described
from incidentlog.zones import by, data_of, is_zone, plain_name, zone_named

KYIV: Final = "Europe/Kyiv"
"""In whose days a log is counted that was not given another zone when it was made (docs/events.md)."""
MAX_INT = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259 §6)."""


NO_FIELDS: Final[set[str]] = set()


class Model(Described):
    """What every value and event is: immutable, strict about types, closed to unknown fields."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # most are only ever a part of another, or not met with by a process at all
        ser_json_inf_nan="null",
        ignored_types=(cached_property,),
    )

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """One of values that are known to fit, every field among them: nothing is checked, copied or filled in.

        A fold makes several for every event, and what it makes them of was checked when it came in.
        """
        new = cls.__new__(cls)
        object.__setattr__(new, "__dict__", values)
        object.__setattr__(new, "__pydantic_fields_set__", NO_FIELDS)
        object.__setattr__(new, "__pydantic_extra__", None)
        object.__setattr__(new, "__pydantic_private__", None)
        return new


class Tlp(IntEnum):
    """FIRST's Traffic Light Protocol 2.0, as levels: a reader cleared for one sees it and all below."""

    CLEAR = 0
    GREEN = 1
    AMBER = 2
    AMBER_STRICT = 3
    RED = 4

    @property
    def label(self) -> str:
        """The marking as it is written, `AMBER+STRICT` with its plus."""
        return TLP_LABELS[self]


TLP_LABELS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")


def tlp_level(label: str) -> Tlp:
    """The level of a marking; `KeyError` never, the label comes from a validated event."""
    return Tlp(TLP_LABELS.index(label))


TlpLabel = Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
Verification = Literal["unverified", "single_source", "corroborated", "verified", "disputed", "refuted"]

Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
"""A sentence or a paragraph."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A name, a label."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,80}$")]
"""A word of a vocabulary that is open, such as a topic, an outcome or a track."""
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:+-]{1,80}$")]
"""A key of an open mapping, such as a breakdown."""
Stream = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,40}:[a-z0-9._-]{1,120}$")]
"""`category:slug`."""
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Number = Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)] | Annotated[float, Field(ge=-1e15, le=1e15)]
"""A measure of any unit; a whole number stays whole."""


def _kept_exactly(value: dict[str, Any]) -> dict[str, Any]:
    todo: list[Any] = [value]
    while todo:
        match todo.pop():
            case int(number) if abs(number) > MAX_INT:
                raise PydanticCustomError("number_too_large", "a whole number may have 53 bits: write others as text")
            case dict(members):
                todo += members.values()
            case list(items):
                todo += items
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_kept_exactly)]
"""Any members, of which every reader of JSON reads the same."""
Words = Annotated[list[Word], Field(max_length=100)]
Slugs = Annotated[list[Slug], Field(max_length=100)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Reading:
    """How an event of a client's, or of the log's, is read: the context of its validation."""

    zone_data: str | None
    """By which zone data its dates are meant; None are those of the locked package."""
    knows_actor: Callable[[str], bool] | None = None
    """A fold reads what the door accepted, with whatever codes were known then; only the door asks."""
    is_new: bool = False
    """Whether a client says it now. What the door once let in is read for ever, even where it would not any more."""


def _known_actor(code: str, info: ValidationInfo) -> str:
    reading: Reading | None = info.context
    if reading is not None and reading.knows_actor is not None and not reading.knows_actor(code):
        raise PydanticCustomError("unknown_code", "unknown actor code '{code}'", {"code": code})
    return code


NewActorCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3,5}(\.[A-Z0-9_-]{1,32}){0,3}$")]
"""An actor code that need not be known yet: what `actor.registered` makes known."""
ActorCode = Annotated[NewActorCode, AfterValidator(_known_actor)]
"""ISO 3166-1 alpha-3 for states, own codes for organisations, dotted sub-actors (`RUS.MOD`)."""


STORED: Final = "stored"
"""The context in which what is derived is written to be read again: with the zone data by which its zones go."""


def _write_zone(zone: str, info: SerializationInfo) -> str:
    return zone if info.context == STORED else plain_name(zone)


Zone = Annotated[str, PlainSerializer(_write_zone, return_type=str)]
"""A zone and the zone data by which it goes; shown as its name."""


def _zone_name(name: str, info: ValidationInfo) -> str:
    # An event says a name, and its reading by which data; what is derived from it has both.
    reading: Reading | None = info.context
    zone = (name if is_zone(name) else None) if reading is None else zone_of(name, reading.zone_data)
    if zone is None:
        raise PydanticCustomError("unknown_code", "unknown time zone '{tz}'", {"tz": name})
    return zone


def zone_of(name: str, zone_data: str | None) -> str | None:
    """The zone that an event names, by the zone data by which its dates are meant; None where there is none."""
    zone = by(name, zone_data)
    return zone if is_zone(zone) and "@" not in name else None


ZoneName = Annotated[Zone, StringConstraints(max_length=64), AfterValidator(_zone_name)]
"""A zone of the world, by its name of IANA's."""

_DATE = re.compile(r"^\d{4}-\d\d-\d\d$", re.ASCII)
_TIME = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?$", re.ASCII)
YEARS = range(1900, 2201)


_NO_OFFSET = re.compile(r"[+-]\d\d:[6-9]\d$", re.ASCII)
"""An offset of more than 59 minutes, which Python reads as the next hour (RFC 3339 §5.6)."""


def _parse_when(value: Any, info: ValidationInfo) -> date | datetime:
    parsed = _parse_text(value) if isinstance(value, str) else value if isinstance(value, date) else None
    reading: Reading | None = info.context
    is_new = reading is not None and reading.is_new
    if parsed is None or (is_new and isinstance(value, str) and _NO_OFFSET.search(value)):
        raise PydanticCustomError(
            "not_a_time", "give a date (2025-11-19) or a time (2025-11-19T04:00+02:00), years 1900 to 2200"
        )
    return parsed


# The same few dates come again and again within an event and from one event to the next.
@lru_cache(maxsize=10_000)
def _parse_text(text: str) -> date | datetime | None:
    try:
        if _DATE.match(text):
            parsed: date | datetime = date.fromisoformat(text)
        elif _TIME.match(text):
            parsed = datetime.fromisoformat(text.upper())
        else:
            return None
    except ValueError:
        return None
    return parsed if parsed.year in YEARS else None


def _write_when(value: date | datetime) -> str:
    return value.isoformat()


When = Annotated[
    date | datetime,
    PlainValidator(_parse_when),
    PlainSerializer(_write_when, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["2025-11-19", "2025-11-19T04:00:00+02:00"]}),
]
"""A local date, or an instant (RFC 3339; without an offset it is in the event's zone)."""


_WHEN: TypeAdapter[Any] = TypeAdapter(When)


def parse_when(text: str) -> date | datetime | None:
    """A date or a time as somebody gives it now; None where it is none."""
    try:
        when: date | datetime = _WHEN.validate_python(text, context=Reading(None, is_new=True))
    except ValidationError:
        return None
    return when


class Period(Model):
    """An interval as stated in `data`: half-open; a date is its local 00:00 at both ends."""

    from_: Annotated[When, Field(alias="from")]
    to: When

    def instants(self, tz: str) -> tuple[datetime, datetime]:
        """Its start and end."""
        return start_instant(self.from_, tz), start_instant(self.to, tz)


def start_instant(when: date | datetime, tz: str) -> datetime:
    """The instant that a start, or an end in `data`, stands for: a date is its local 00:00 (docs/events.md)."""
    if isinstance(when, datetime) and when.tzinfo is not None:
        return when.astimezone(UTC)
    return _local_start(when, tz)


@lru_cache(maxsize=10_000)
def _local_start(when: date | datetime, tz: str) -> datetime:
    zone = zone_named(tz)
    if isinstance(when, datetime):
        return when.replace(tzinfo=zone).astimezone(UTC)
    return datetime.combine(when, time.min, zone).astimezone(UTC)


def end_of_day_instant(when: date | datetime, tz: str) -> datetime:
    """The instant that `reported_at`, `known_at` and `as_of` stand for: a date is its local 24:00."""
    if isinstance(when, datetime):
        return start_instant(when, tz)
    return start_instant(when + timedelta(days=1), tz)


def local_date(when: date | datetime, tz: str) -> date:
    """The local date in the zone."""
    if isinstance(when, datetime):
        return when.astimezone(zone_named(tz)).date() if when.tzinfo else when.date()
    return when


def begins_a_day(when: datetime, tz: str) -> bool:
    """Whether a local day begins then: at 00:00, or later where the clock goes forward at midnight."""
    return start_instant(local_date(when, tz), tz) == when


def add_days(when: datetime, days: int, tz: str) -> datetime:
    """So many local days later at the same local time, across clock changes; from a day's begin to a day's begin."""
    local = when.astimezone(zone_named(tz))
    if begins_a_day(when, tz):
        return start_instant(local.date() + timedelta(days=days), tz)
    return (local + timedelta(days=days)).replace(fold=local.fold).astimezone(UTC)


Codes = Annotated[list[ActorCode], Field(max_length=100)]
INSTANT: Final = timedelta(microseconds=1)
"""What lies between two instants that the log can tell apart."""

Precision = Literal["minute", "hour", "day", "week", "month", "year", "unknown"]
Range = Literal["length", "window"]
"""What a start and an end are: from when to when it went on, or between when and when it happened."""


def _is_none(value: object) -> bool:
    return value is None


class Occurred(Model):
    """When it happened in the world: half-open, as precise as it is known (docs/events.md, What a date means)."""

    start: When
    end: When | None = None
    precision: Precision
    tz: ZoneName
    # Left out where it was not said, so that what was written before it could be said reads and hashes as it did.
    range: Annotated[Range | None, Field(exclude_if=_is_none)] = None
    """Without one, times are its length, and dates are a window unless it is a thing that takes days."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.range is not None and self.end is None:
            raise PydanticCustomError("needs_an_end", "a {r} has a start and an end", {"r": self.range})
        if self.precision in {"minute", "hour"} and not isinstance(self.start, datetime):
            raise PydanticCustomError("needs_a_time", "precision {p} needs a time", {"p": self.precision})
        timed = self.precision in {"minute", "hour"}  # then it may end at once; a day may not end the day before
        if self.end is not None and (self.until < self.since or (self.until == self.since and not timed)):
            before = PydanticCustomError("ends_before_start", "end is before start")
            fault = InitErrorDetails(type=before, loc=("end",), input=self.end)
            raise ValidationError.from_exception_data("Occurred", [fault])
        return self

    @cached_property
    def since(self) -> datetime:
        """The first instant."""
        if self.precision in {"minute", "hour"}:
            return start_instant(self.start, self.tz)
        return start_instant(self._unit(local_date(self.start, self.tz))[0], self.tz)

    @cached_property
    def until(self) -> datetime:
        """The first instant after it; `since` itself for an instant without an end."""
        if self.precision in {"minute", "hour"}:
            return start_instant(self.end if self.end is not None else self.start, self.tz)
        last = self.end if self.end is not None else self.start
        return start_instant(self._unit(local_date(last, self.tz))[1], self.tz)

    def _unit(self, day: date) -> tuple[date, date]:
        """The whole local dates that the precision stands for: `[first, last + 1)`."""
        match self.precision:
            case "week":
                monday = day - timedelta(days=day.weekday())
                return monday, monday + timedelta(days=7)
            case "month":
                first = day.replace(day=1)
                return first, (first + timedelta(days=32)).replace(day=1)
            case "year":
                return day.replace(month=1, day=1), day.replace(year=day.year + 1, month=1, day=1)
            case _:
                return day, day + timedelta(days=1)

    def buckets(self, zone: str, *, lasting: bool = False) -> "Buckets":
        """The day, ISO week and month in a zone in which the whole of it lies; null where it lies in no single one.

        A time is of the day on which it began, however long it took; and so are days, if it is `lasting`. Else it may
        have been on any of the days, so that a week that lies in two months is in neither, and what is known to the
        month is in no week (E12). What its `range` says goes before all of this.
        """
        asked = zone, lasting
        known: tuple[tuple[str, bool], Buckets] | None = self.__dict__.get("_known_buckets")
        if known is None or known[0] != asked:  # nearly every projection asks, and nearly always in one zone
            first, last = self.dates(zone) or (None, None)
            if first is not None and self.precision not in {"minute", "hour"} and self._went_on(lasting=lasting):
                last = self._unit(local_date(self.start, self.tz))[1] - timedelta(days=1)
            known = self.__dict__["_known_buckets"] = asked, _buckets(first, last)
        return known[1]

    def _went_on(self, *, lasting: bool) -> bool:
        """Whether dates say how long it took."""
        return self.range == "length" or (self.range is None and lasting and self.precision == "day")

    def dates(self, zone: str) -> tuple[date, date] | None:
        """The first and the last local date on which it may have begun; None where that is unknown.

        A time is of its day in the zone that is asked about, by its own zone data. A date is a date, in whichever zone.
        """
        match self.precision:
            case "unknown":
                return None
            case "minute" | "hour":
                local = by(zone, data_of(self.tz))
                day = local_date(self.since, local)
                return day, day if self.range != "window" else local_date(max(self.since, self.until - INSTANT), local)
            case _:
                first, last = (local_date(when, self.tz) for when in (self.start, self.end or self.start))
                return self._unit(first)[0], self._unit(last)[1] - timedelta(days=1)

    def times(self, zone: str) -> tuple[datetime, datetime | None] | None:
        """Its start and end as times in a zone, with its offsets then; None where only dates are known."""
        if self.precision not in {"minute", "hour"}:
            return None
        local = zone_named(by(zone, data_of(self.tz)))
        return self.since.astimezone(local), None if self.end is None else self.until.astimezone(local)


class Buckets(Model):
    """The calendar buckets of an event: `2025-11-19`, `2025-W47`, `2025-11`."""

    day: str | None
    week: str | None
    month: str | None

    @cached_property
    def values(self) -> tuple[str | None, str | None, str | None]:
        """Day, week and month."""
        return self.day, self.week, self.month


NO_DAY: Final = Buckets(day=None, week=None, month=None)
"""Those of what is not known to the month."""


def day_buckets(day: date) -> Buckets:
    """The buckets of a local day."""
    return _buckets(day, day)


@lru_cache(maxsize=10_000)
def _buckets(first: date | None, last: date | None) -> Buckets:
    if first is None or last is None:
        return NO_DAY
    iso = first.isocalendar()
    return Buckets(
        day=first.isoformat() if first == last else None,
        week=f"{iso.year}-W{iso.week:02}" if iso[:2] == last.isocalendar()[:2] else None,
        month=f"{first.year}-{first.month:02}" if (first.year, first.month) == (last.year, last.month) else None,
    )


Qualifier = Literal["about", "at_least", "more_than", "up_to"]


class Estimate(Model):
    """A count as reported: `0 <= low <= best <= high`. Null is "not disclosed", never 0."""

    low: Count | None = None
    best: Count | None = None
    high: Count | None = None
    qualifier: Qualifier | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.low is None and self.high is None:
            return self
        known = [n for n in (self.low, self.best, self.high) if n is not None]
        if known != sorted(known):
            raise PydanticCustomError("low_best_high", "low <= best <= high does not hold")
        return self

    @property
    def disclosed(self) -> bool:
        """Whether any of the three is known."""
        return not (self.low is None and self.best is None and self.high is None)

    @property
    def point(self) -> int | None:
        """The figure to sum: best, else low, else high (docs/events.md, The envelope)."""
        return self.best if self.best is not None else self.low if self.low is not None else self.high

    def spread(self) -> tuple[int, int, int] | None:
        """`(low, best, high)` for sums: what is missing takes best, a missing best takes low, else high."""
        best = self.point
        if best is None:
            return None
        return (
            self.low if self.low is not None else best,
            best,
            self.high if self.high is not None else best,
        )


class Casualties(Model):
    """Who was hurt, each figure an estimate of its own; absent is "not disclosed"."""

    killed: Estimate | None = None
    injured: Estimate | None = None
    missing: Estimate | None = None
    children_killed: Estimate | None = None
    civilians_killed: Estimate | None = None

    def figures(self) -> Iterator[tuple[str, Estimate]]:
        """Each figure that is disclosed, with its name."""
        for name in FIGURES:
            figure: Estimate | None = getattr(self, name)
            if figure is not None and figure.disclosed:
                yield name, figure


FIGURES = ("killed", "injured", "missing", "children_killed", "civilians_killed")
