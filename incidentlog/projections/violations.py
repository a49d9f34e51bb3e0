"""Violations of ceasefires: who claims how many, of whom, and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from incidentlog.events.values import INSTANT, local_date
from incidentlog.folding.domains import (
    ACTOR,
    ACTORS,
    DAY,
    MONDAY,
    STREAM,
    STREAMS,
    TIME,
    Domain,
    instant_text,
    literal,
)
from incidentlog.folding.shapes import Contribution, Key, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.folding.whereabouts import WHERE, place_names, whereabouts
from incidentlog.subjects.violation import Severity, Violation

WHO: Final[Mapping[str, Domain]] = {"claimant": ACTOR, "accused": ACTORS, "severity": literal(Severity)}


def _sheet(text: str) -> str | None:
    ceasefire, _, day = text.partition(" ")
    return text if STREAM.read(ceasefire) and DAY.read(day) else None


SHEET: Final = Domain(_sheet, "not_a_sheet", lambda: "a sheet is a ceasefire and a day, with a blank between them")


@projection("violations", version=6)
class Violations(Tally):
    """Claimed violations by ceasefire, claimant and accused; a claim that cites two ceasefires is in both.

    `from_week` and `to_week` are the local weeks, by their Mondays, in which the claim's interval begins and ends,
    `also` the other ceasefires that it cites.
    """

    categories = frozenset({"violation"})
    dimensions = (
        "ceasefire",
        "claimant",
        "accused",
        "severity",
        "verification",
        "from_week",
        "to_week",
        "also",
        "day",
        "week",
        "month",
        *WHERE,
    )
    domains = {
        "ceasefire": STREAM,
        **WHO,
        "from_week": MONDAY,
        "to_week": MONDAY,
        "also": STREAMS,
    }
    measures = ("violations", "reported")
    group_by = ("ceasefire", "claimant")
    rollups = (
        ("ceasefire", "claimant", "from_week", "to_week", "also"),
        ("month", "claimant", "accused", "severity", "verification"),
        ("day", "week", "month", "claimant", "accused"),
    )

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """One claim for each ceasefire that it cites; `reported` is how many violations it claims."""
        claim = _claim(subject)
        if claim is None:
            return
        weeks = (
            week_of(claim.begins, subject.zone), week_of(last_instant(claim.begins, claim.ends), subject.zone)
        )  # fmt: skip
        who, where = _who(claim.said), whereabouts(claim.said.place)
        cited = sorted(set(claim.said.ceasefires))
        for ceasefire in cited:
            also = "+".join(c for c in cited if c != ceasefire) or None
            dimensions = (ceasefire, *who, *weeks, also, *subject.days, *where)
            yield Contribution(claim.since, dimensions, (1, claim.said.count))

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """What places and regions are called."""
        return place_names(subject.place) if isinstance(subject, Violation) else {}


@projection("violation_sheets", version=2)
class ViolationSheets(Tally):
    """Every claim of a violation in full, on the sheets of its ceasefire for the days on which it begins and ends.

    `since` is from when it counts; `begins` and `ends` are its interval, half-open, or one instant twice. `on` is the
    local day that it is known to be of: null where it is known to the month only (E12).
    """

    categories = frozenset({"violation"})
    dimensions = (
        "sheet",
        "ceasefire",
        "violation",
        "claimant",
        "accused",
        "severity",
        "verification",
        "since",
        "begins",
        "ends",
        "on",
        "day",
    )
    domains = {
        "sheet": SHEET,
        "ceasefire": STREAM,
        "violation": STREAM,
        **WHO,
        **dict.fromkeys(("since", "begins", "ends"), TIME),
        "on": DAY,
    }
    measures = ("violations", "reported")
    on_sheets = True
    group_by = ("sheet",)

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """A line on the sheet of the first day, and, if that is another, of the last."""
        claim = _claim(subject)
        if claim is None:
            return
        instants = map(instant_text, (claim.since, claim.begins, claim.ends))
        known = (subject.stream, *_who(claim.said), *instants, _on(claim), subject.days[0])
        for ceasefire in sorted(set(claim.said.ceasefires)):
            for day in dict.fromkeys((claim.from_day, claim.to_day)):
                dimensions = (sheet(ceasefire, day), ceasefire, *known)
                yield Contribution(claim.since, dimensions, (1, claim.said.count))


@lru_cache(maxsize=10_000)
def week_of(instant: datetime, zone: str) -> str:
    """The Monday of an instant's local week."""
    day = local_date(instant, zone)
    return (day - timedelta(days=day.weekday())).isoformat()


@lru_cache(maxsize=10_000)
def days_of_week(week: str) -> tuple[str, ...]:
    """The days of a week, given its Monday."""
    monday = date.fromisoformat(week)
    return tuple((monday + timedelta(days=n)).isoformat() for n in range(7))


def sheet(ceasefire: str, day: str) -> str:
    """The name of a ceasefire's sheet for a local day."""
    return f"{ceasefire} {day}"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A claim that counts: from when, and the interval of which it is."""

    said: Violation
    since: datetime
    begins: datetime
    ends: datetime

    @property
    def from_day(self) -> str:
        """The local day on which it begins."""
        return local_date(self.begins, self.said.zone).isoformat()

    @property
    def to_day(self) -> str:
        """The local day of its last instant."""
        return local_date(last_instant(self.begins, self.ends), self.said.zone).isoformat()


def _claim(subject: Subject) -> _Claim | None:
    match subject:
        case Violation(
            is_current=True, since=datetime() as since, begins=datetime() as begins, ends=datetime() as ends
        ):
            return _Claim(subject, since, begins, ends)
        case _:
            return None


def last_instant(begins: datetime, ends: datetime) -> datetime:
    """The last instant of an interval: half-open, or one instant twice."""
    return max(begins, ends - INSTANT)


def _who(claim: Violation) -> Key:
    """Claimant, accused, severity and verification."""
    return claim.claimed_by, "+".join(sorted(set(claim.accused))), claim.severity, claim.verification


def _on(claim: _Claim) -> str | None:
    """The day that it is known to be of: as its calendar has it; the first one of a period of its own."""
    said, occurred = claim.said, claim.said.occurred
    if occurred is not None and (occurred.since, occurred.until) == (claim.begins, claim.ends):
        return None if said.calendar is None else said.calendar.day
    return claim.from_day
