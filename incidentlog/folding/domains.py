"""Which values can be asked for by a name, and how they may be written: the same for every way of asking. Pure.

What no row can have is refused where it is asked for: an empty answer to it would read as "nothing happened".
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, get_args
from uuid import UUID

from incidentlog.events.registry import EVENTS
from incidentlog.events.values import Verification, parse_when
from incidentlog.folding.subject import Subject
from incidentlog.places import read_key


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that something can have."""

    read: Callable[[str], str | None]
    """A value as rows hold it, from how somebody wrote it; None for what no row can have."""
    code: str = "not_a_value"
    """The code of the fault."""
    needed: Callable[[], str] = lambda: "give another value"
    """What to give instead: the values, or their form."""
    schema: Callable[[], Mapping[str, Any]] = dict
    """What can be said of a value in JSON Schema, beside that it is text."""


def one_of(values: Callable[[], Iterable[str]], code: str = "unknown_value") -> Domain:
    """A closed list, asked for when it is needed: code that is loaded later may add to it."""
    return Domain(
        lambda text: text if text in set(values()) else None,
        code,
        lambda: ", ".join(sorted(values())),
        lambda: {"enum": sorted(values())},
    )


def literal(kind: Any) -> Domain:
    """The values of a `Literal`."""
    return one_of(lambda: get_args(kind))


def of_form(form: str | re.Pattern[str], code: str, needed: str) -> Domain:
    """Whatever a pattern matches as a whole."""
    pattern = re.compile(form, re.ASCII) if isinstance(form, str) else form
    return Domain(
        lambda text: text if pattern.fullmatch(text) else None,
        code,
        lambda: needed,
        lambda: {"pattern": f"^({pattern.pattern})$"},
    )


def joined(part: Domain) -> Domain:
    """Several values in one, sorted and joined by `+`; in any order, and a plus sign may have come as a blank."""

    def read(text: str) -> str | None:
        parts = [part.read(one) for one in text.replace(" ", "+").split("+")]
        return None if None in parts else "+".join(sorted({one for one in parts if one is not None}))

    return Domain(read, part.code, lambda: f"{part.needed()}; several are joined by +")


# ------------------------------------------------------------------------------------------------ instants

_OFFSET = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)
NOT_A_TIME: Final = "give a date (2025-11-19) or a time (2025-11-19T04:00+02:00)"


def read_when(text: str) -> date | datetime | None:
    """A date, or a time with or without an offset, from a parameter of any kind; None for what is neither.

    A plus sign in a query is a blank unless it was escaped, and nobody escapes an offset by hand: a blank before an
    offset is taken for its plus sign.
    """
    return parse_when(_OFFSET.sub("+", text))


def instant_text(instant: datetime) -> str:
    """An instant as a dimension holds it: RFC 3339 in UTC, so that the order of texts is the order of instants."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")


def _instant(text: str) -> str | None:
    when = read_when(text)
    return instant_text(when) if isinstance(when, datetime) and when.tzinfo is not None else None


TIME: Final = Domain(_instant, "not_a_time", lambda: "give a time with its offset, such as 2025-11-19T04:00+02:00")


# ------------------------------------------------------------------------------------------------ calendar


def read_day(text: str) -> date | None:
    """A day of the calendar, such as 2025-11-19."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else None
    except ValueError:
        return None


def _day(text: str) -> str | None:
    return text if read_day(text) else None


def _monday(text: str) -> str | None:
    day = read_day(text)
    return text if day is not None and day.weekday() == 0 else None


def _week(text: str) -> str | None:
    matched = re.fullmatch(r"(\d{4})-W(\d\d)", text, re.ASCII)
    if matched is None:
        return None
    try:
        date.fromisocalendar(int(matched[1]), int(matched[2]), 1)
    except ValueError:
        return None
    return text


def _month(text: str) -> str | None:
    return text if read_day(f"{text}-01") else None


DAY: Final = Domain(_day, "not_a_day", lambda: "give a day, such as 2025-11-19", lambda: {"format": "date"})
MONDAY: Final = Domain(_monday, "not_a_monday", lambda: "give a week by its Monday, such as 2025-11-17")
WEEK: Final = Domain(_week, "not_a_week", lambda: "give an ISO week, such as 2025-W47")
MONTH: Final = Domain(_month, "not_a_month", lambda: "give a month, such as 2025-11")


# -------------------------------------------------------------------------------------------------- places

_CITY = r"geonames:[0-9]{1,12}|katottg:UA[0-9]{17}|place:[a-z0-9._-]{1,120}"
CITY: Final = of_form(
    _CITY, "not_a_place", "a place is geonames:<number>, katottg:<code> or place:<slug>; see /v1/places?q="
)
"""A place that the gazetteer has, or that was registered."""
REGION: Final = of_form(
    r"[A-Z]{2}\.[^\x00]{1,197}", "not_an_admin1", "an admin1 is UA.17: country and code, as GeoNames writes it"
)
RAION: Final = of_form(r"UA[0-9]{4}", "not_an_admin2", "a raion is its P-code, such as UA1402; see /v1/places?q=")
HROMADA: Final = of_form(
    r"UA[0-9]{7}", "not_an_admin3", "a hromada is its P-code, such as UA1402005; see /v1/places?q="
)
COUNTRY: Final = of_form(r"[A-Z]{2}", "not_a_country", "a country is two capital letters (ISO 3166-1), such as UA")
EXTERNAL_ID: Final = of_form(
    r"[a-z0-9._-]{1,40}:[^\x00]{1,200}",
    "not_an_external_id",
    "an external id is scheme:id; scheme:* are all of them",
)

IMPORT: Final = of_form(r"[1-9][0-9]{0,14}", "not_an_import", "an import is where it began, such as 1234")


def _or_named(known: Domain) -> Domain:
    """What the gazetteer has, or else a name or a point."""
    return Domain(
        lambda text: known.read(text) or read_key(text),
        known.code,
        lambda: f"{known.needed()}; or name:<name>, where that is not known",
    )


# --------------------------------------------------------------------------------------------------- words

_CODE = r"[A-Z]{3,5}(\.[A-Z0-9_-]{1,32}){0,3}"
ACTOR: Final = of_form(_CODE, "not_an_actor", "an actor is a code such as UKR or RUS.MOD")
ACTORS: Final = joined(ACTOR)
STATE: Final = of_form(r"[A-Z]{3,5}", "not_an_actor", "a state or an organisation is a code such as UKR")
_STREAM = r"[a-z]{1,40}:[a-z0-9._-]{1,120}"
STREAM: Final = of_form(_STREAM, "not_a_stream", "a stream is category:slug")
STREAMS: Final = joined(STREAM)
CONFLICT: Final = of_form(r"[a-z0-9._-]{1,120}", "not_a_conflict", "a conflict is the slug of conflict:<slug>")
TYPE: Final = one_of(lambda: EVENTS.newest, "unknown_type")


def categories() -> Collection[str]:
    """The categories of every stream that speaks of the world, or of the log."""
    return {c for t in EVENTS.types.values() for c in t.categories} | set(Subject.families)


CATEGORY: Final = one_of(categories, "unknown_category")
VERIFICATION: Final = literal(Verification)


def _event(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


EVENT: Final = Domain(_event, "not_an_id", lambda: "an event's id is a UUID")
OPEN: Final = Domain(lambda text: text)
"""Any text."""

COMMON: Final[Mapping[str, Domain]] = {
    "place": _or_named(CITY),
    "admin1": _or_named(REGION),
    "country": COUNTRY,
    "admin2": RAION,
    "admin3": HROMADA,
    "day": DAY,
    "week": WEEK,
    "month": MONTH,
    "stream": STREAM,
    "category": CATEGORY,
    "conflict": CONFLICT,
    "type": TYPE,
    "event": EVENT,
    "verification": VERIFICATION,
}
"""Of the dimensions that mean the same in every tally."""
