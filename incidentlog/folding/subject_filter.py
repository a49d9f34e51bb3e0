"""Which subjects a reader wants, by how they stand: after amendments and merges, unlike the filters of events. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from incidentlog.folding.flat import lies_within
from incidentlog.folding.subject import Subject
from incidentlog.folding.whereabouts import WHERE, whereabouts

Status = Literal["current", "retracted"]
CURRENT: Final = ("current",)


@dataclass(frozen=True, slots=True)
class SubjectFilter:
    """What a subject must be. Of several values of one filter any counts; without any, everything passes."""

    categories: tuple[str, ...] = ()
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By name: city, admin1, admin2, admin3, country, actor, verification."""
    statuses: tuple[str, ...] = CURRENT
    since: datetime | None = None
    until: datetime | None = None
    """Part of it lies from the one on and begins before the other."""
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees."""

    def passes(self, subject: Subject, at: datetime) -> bool:
        """Whether a subject is wanted, at an instant of the world: what only begins later is not there yet."""
        if ("current" if subject.is_current else "retracted") not in self.statuses:
            return False
        begun = subject.since is None or subject.since <= at
        return begun and self._in_time(subject) and self._in_place(subject) and self._of_values(subject)

    def _in_time(self, subject: Subject) -> bool:
        if self.since is None and self.until is None:
            return True
        if (occurred := subject.occurred) is None:
            return False
        late = self.since is None or occurred.until > self.since or occurred.since >= self.since
        return late and (self.until is None or occurred.since < self.until)

    def _in_place(self, subject: Subject) -> bool:
        return self.bbox is None or lies_within(subject.place, self.bbox)

    def _of_values(self, subject: Subject) -> bool:
        return all(not wanted.isdisjoint(_told(subject, name)) for name, wanted in self.values.items())


def _told(subject: Subject, name: str) -> set[str | None]:
    """What a subject says of what a filter goes by."""
    match name:
        case "verification":
            return {subject.verification}
        case "actor":
            return {actor.code for actor in subject.actors}
        case "city":
            return {None if subject.place is None else subject.place.place_id}
        case "admin1" | "country":
            return {whereabouts(subject.place)[WHERE.index(name)]}
        case _:
            return {getattr(subject.place, name, None)}
