"""Which subjects may be the same thing told twice (docs/corrections.md): only suggested, a person merges."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, radians
from typing import Final, Literal, NamedTuple

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import INSTANT, Occurred
from incidentlog.folding.subject import Subject
from incidentlog.folding.whereabouts import FINE, place_key
from incidentlog.places import distance_km
from incidentlog.subjects.alert import Alert
from incidentlog.subjects.talk import state_of

NEAR_KM: Final = 15.0
APART: Final = timedelta(hours=24)
LONGEST: Final = timedelta(days=32)
"""How long before a subject another may have begun and still be looked at: what is known to the month lasts as long.

What is known to the year only is not looked for from something later in it.
"""

POLAR: Final = 88.0
"""Beyond this latitude a place is near at every longitude."""

Where = Literal["same_place", "near"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subject that another may be merged with, and why."""

    stream: str
    where: Where
    kilometres: float | None
    """Between the two places; None where either has no coordinates."""
    hours_apart: float
    """Between the end of the earlier and the begin of the later; 0 where they overlap."""
    side: str | None
    """To whom both are attributed; None where one of them is to nobody."""


Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Outline:
    """What is compared of a subject: small, so that many can be held."""

    stream: str
    family: type[Subject]
    occurred: Occurred
    span: Span
    """From when to when it was: an alert up to its being lifted."""
    place: ResolvedPlace
    side: str | None

    @property
    def is_timed(self) -> bool:
        """Whether its start is known as a time."""
        return self.occurred.precision in {"minute", "hour"} and self.occurred.range != "window"


def outline(subject: Subject) -> Outline | None:
    """What is compared of a subject; None of which nothing is left, or whose place nobody told."""
    if not subject.is_current or subject.occurred is None or subject.place is None:
        return None
    side = getattr(subject, "attributed_to", None)
    span = _span(subject, subject.occurred)
    return Outline(subject.stream, type(subject), subject.occurred, span, subject.place, side)


class Around(NamedTuple):
    """When a candidate happened."""

    earliest: datetime
    """Its first event lies after this,"""
    since: datetime
    """it lasted at least up to this, with what belongs to it,"""
    until: datetime
    """and began before this."""


def around(subject: Subject) -> Around | None:
    """When a candidate of a subject happened; None for a subject of which nothing is left."""
    if not subject.is_current or subject.occurred is None:
        return None
    since, until = _span(subject, subject.occurred)
    return Around(since - APART - LONGEST, since - APART, until + APART + INSTANT)


def reach(lat: float) -> tuple[float, float]:
    """How far from a latitude, and from a longitude there, a place may be that is near: in degrees, rather too far."""
    height = NEAR_KM / 110
    return height, 180.0 if abs(lat) > POLAR else 1.01 * height / cos(radians(abs(lat) + height))


def candidates(subject: Subject, others: Iterable[Subject]) -> Sequence[Candidate]:
    """Those of the others that may be the subject told again: nearest in time first, then in space.

    The same category, the same place or two settlements within 15 km, overlapping or within 24 h, and not attributed to
    two sides.
    """
    own = outline(subject)
    outlines = (outline(other) for other in others)
    found = [c for o in outlines if own is not None and o is not None and (c := compare(own, o)) is not None]
    return sorted(found, key=lambda c: (c.hours_apart, c.kilometres or 0.0, c.stream))


def compare(one: Outline, other: Outline) -> Candidate | None:
    """The other as a candidate to be merged with one; None where it is none."""
    if other.stream == one.stream or other.family is not one.family:
        return None
    apart = _apart(one.span, other.span)
    if apart > APART or (where := _where(one.place, other.place)) is None:
        return None
    sides = [side for side in (one.side, other.side) if side is not None]
    if len({state_of(side) for side in sides}) > 1:
        return None
    hours = round(apart / timedelta(hours=1), 2)
    return Candidate(other.stream, *where, hours, sides[0] if len(sides) > 1 else None)


def _where(one: ResolvedPlace, other: ResolvedPlace) -> tuple[Where, float | None] | None:
    """How two places are alike: by their id or, where neither has one, by name; or near each other."""
    if one is other:
        return "same_place", None if one.lat is None else 0.0
    kilometres = None
    if None not in (one.lat, one.lon, other.lat, other.lon):
        kilometres = distance_km(one.lat, one.lon, other.lat, other.lon)  # type: ignore[arg-type]
    shown = None if kilometres is None else round(kilometres, 1)
    if (place_key(one), one.country) == (place_key(other), other.country):
        return "same_place", shown
    fine = one.precision in FINE and other.precision in FINE
    return ("near", shown) if fine and kilometres is not None and kilometres <= NEAR_KM else None


def _span(subject: Subject, occurred: Occurred) -> Span:
    """From when to when it was: an alert up to its being lifted."""
    lifted = subject.lifted if isinstance(subject, Alert) else None
    return occurred.since, max(occurred.until, lifted or occurred.until)


def _apart(one: Span, other: Span) -> timedelta:
    return max(timedelta(0), other[0] - one[1], one[0] - other[1])
