"""What a stream's events add up to: the base of every subject."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final, Literal, Self, TypeVar
from uuid import UUID

from pydantic import ConfigDict

from incidentlog.events.envelope import Actor, Link, ResolvedPlace
from incidentlog.events.recorded import Effective, Recorded
from incidentlog.events.values import KYIV, NO_DAY, Buckets, Model, Occurred, Verification, Zone

OPEN: Final[tuple[Any, ...]] = (None, (), {})
"""What a field holds of which nothing was told."""
HIDDEN: Final = frozenset({"claims", "told"})
"""What of a subject only the fold needs: readers are not shown it."""


CONFLICT: Final = "conflict:"
"""How the target of a link begins that says of which conflict something is part."""

Status = Literal["effective", "amended", "retracted"]


class Entry(Model):
    """One event of the subject, and whether it counts."""

    event: UUID
    type: str
    position: int
    occurred: Occurred
    status: Status

    @classmethod
    def of_event(cls, e: Recorded, occurred: Occurred, status: Status = "effective") -> Self:
        """What is listed of an event, and when it occurred as it is known now."""
        return cls.of(
            {"event": e.event_id, "type": e.type, "position": e.position, "occurred": occurred, "status": status}
        )


class Ignored(Model):
    """An event that is in the log and does not fit, and why: the fold skips it and says so."""

    event: UUID
    type: str
    reason: str


T = TypeVar("T")


def of_one_record(figures: Mapping[str, T], stream: str, nothing: T) -> T:
    """Figures by the stream that told them: the survivor's own, else the first absorbed one's. Never their sum."""
    return figures[stream] if stream in figures else next(iter(figures.values()), nothing)


class Absorbed(Model):
    """What is left of a stream that a merge made part of another: where it went (R4)."""

    into: str


class Subject(Model):
    """One strike, one ceasefire, one round of talks: the state that its effective events add up to.

    A subclass names its category and says in `evolve` what an event changes. Corrections are applied before:
    `evolve` sees only what counts, in the order of (occurred.start, position).
    """

    model_config = ConfigDict(extra="ignore")

    category: ClassVar[str] = ""
    families: ClassVar[dict[str, type["Subject"]]] = {}
    once: ClassVar[frozenset[str]] = frozenset()
    """Types that tell of one thing: what is absorbed is taken after the survivor's own, and only fills what is open."""
    selective: ClassVar[bool] = False
    """Whether `evolve` or `complete` may ignore an event that fits the rules of its type."""
    listed: ClassVar[bool] = False
    """Whether many of the category are read at once, for documents or a list: then each version is stored, and none is
    folded when it is read. To make another category one takes another SUBJECT_VERSION."""
    lasting: ClassVar[bool] = False
    """Whether a start and an end of several days are how long it took: it is then counted on the first one. Else it
    happened on one of them, nobody knows on which."""

    stream: str
    is_current: bool = False
    """False once every event is retracted; the subject stays, so that its story can be told."""
    absorbed: tuple[str, ...] = ()
    """Streams that were merged into this one."""
    occurred: Occurred | None = None
    """The first event's time."""
    since: datetime | None = None
    """From when it counts: the start, or when it was recorded, should a clock have been ahead (docs/events.md)."""
    calendar: Buckets | None = None
    """Its day, week and month in the log's zone."""
    zone: Zone = KYIV
    """The log's zone, in whose local days it is counted, by the zone data of the last event that it is made of."""
    place: ResolvedPlace | None = None
    """The first place that was found in the gazetteer, else the first that was given. Where nothing counts any more,
    that of what was taken back."""
    actors: tuple[Actor, ...] = ()
    verification: Verification = "unverified"
    links: tuple[Link, ...] = ()
    entries: tuple[Entry, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    def __init_subclass__(cls, *, category: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if category:
            cls.category = category
            cls.families[category] = cls

    @classmethod
    @cache
    def blank(cls) -> Self:
        """Nothing known yet: what the first event is taken into."""
        return cls(stream="")

    @property
    def conflict(self) -> str | None:
        """The conflict that it is linked to as a part, by its slug; the first one."""
        if not self.links:  # every tally that counts by it asks, and most subjects have none
            return None
        links = (link.target for link in self.links if link.rel == "part_of")
        return next((t.removeprefix(CONFLICT) for t in links if t.startswith(CONFLICT)), None)

    def evolve(self, event: Effective[Any]) -> Self:  # noqa: ARG002 - the base has nothing to learn
        """What this event changes. Total: what does not fit is `ignore`d, nothing is raised."""
        return self

    @property
    def days(self) -> tuple[str | None, str | None, str | None]:
        """Its day, week and month; each null where it is not known."""
        return (self.calendar or NO_DAY).values

    def buckets(self, occurred: Occurred) -> Buckets:
        """The day, week and month in which something of it is counted."""
        return occurred.buckets(self.zone, lasting=self.lasting)

    def complete(self) -> Self:
        """What can only be said once all events are in."""
        return self

    def added_to(self, before: "Subject", *fields: str) -> tuple[Entry, ...] | None:
        """The entries beyond those of an earlier state; None where these, or some fields, are not what they were."""
        known = len(before.entries)
        if any(getattr(before, name) != getattr(self, name) for name in fields):
            return None
        return self.entries[known:] if self.entries[:known] == before.entries else None

    def but(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        return self.of({**self.__dict__, **changes})

    def learn(self, event: Effective[Any], **facts: Any) -> Self:
        """A copy that takes over what is told (None tells nothing); what is absorbed only fills what is open."""
        changes = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in facts.items()
            if value is not None and (not event.absorbed or getattr(self, name) in OPEN)
        }
        return self.but(**changes)

    def ignore(self, event: Effective[Any], reason: str) -> Self:
        """A copy that lists the event as not fitting."""
        entry = Ignored(event=event.recorded.event_id, type=event.recorded.type, reason=reason)
        return self.but(ignored=(*self.ignored, entry))
