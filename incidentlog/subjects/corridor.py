"""Humanitarian corridors: opened and closed."""

from datetime import datetime
from typing import Any, Self

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Model, Slug, Text, When, start_instant
from incidentlog.folding.subject import Subject


@event("corridor.opened")
class CorridorOpened(EventData):
    """People or goods may pass."""

    route: Text | None = None
    purpose: Slug | None = None
    until: When | None = None
    """When it is to close, as announced."""


@event("corridor.closed")
class CorridorClosed(EventData):
    """They may no longer."""

    reason: Text | None = None


class Opening(Model):
    """One time it was open, `[since, until)`."""

    since: datetime
    until: datetime | None = None


class Corridor(Subject, category="corridor"):
    """One corridor, which may open more than once."""

    once = frozenset({"corridor.opened", "corridor.closed"})
    selective = True

    open: bool = False
    openings: tuple[Opening, ...] = ()
    route: str | None = None
    purpose: str | None = None
    announced_until: datetime | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take an opening or a closing."""
        match event.data:
            case CorridorOpened() as said:
                until = said.until and start_instant(said.until, event.tz)
                told = self.learn(event, route=said.route, purpose=said.purpose, announced_until=until)
                if self.open:
                    return told
                return told.but(open=True, openings=(*self.openings, Opening(since=event.since)))
            case CorridorClosed() if not self.open:
                return self if event.absorbed else self.ignore(event, "the corridor was not open")
            case CorridorClosed():
                last = Opening(since=self.openings[-1].since, until=event.since)
                return self.but(open=False, openings=(*self.openings[:-1], last))
            case _:
                return self
