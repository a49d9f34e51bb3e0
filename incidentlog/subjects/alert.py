"""Air-raid alerts: one from declared to lifted."""

from datetime import datetime
from typing import Any, Self

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Slug
from incidentlog.folding.subject import Subject


@event("alert.declared")
class AlertDeclared(EventData):
    """An alert begins."""

    level: Slug
    """How far it reaches, or how grave it is, in the words of who declares it."""


@event("alert.lifted")
class AlertLifted(EventData):
    """It is over."""


class Alert(Subject, category="alert"):
    """One alert, `[declared, lifted)`; a new one needs a new stream."""

    once = frozenset({"alert.declared", "alert.lifted"})
    selective = True

    level: str | None = None
    declared: datetime | None = None
    lifted: datetime | None = None
    open: bool = False

    def evolve(self, event: Effective[Any]) -> Self:
        """Take its beginning or its end."""
        match event.data:
            case AlertDeclared() | AlertLifted() if self.lifted is not None:
                return self if event.absorbed else self.ignore(event, "the alert was lifted")
            case AlertDeclared(level=level) if self.declared is None:
                return self.but(level=level, declared=event.since, open=True)
            case AlertDeclared(level=level):  # raised or lowered while it lasts
                return self.learn(event, level=level)
            case AlertLifted() if self.declared is None:
                return self.ignore(event, "the alert was not declared")
            case AlertLifted():
                return self.but(lifted=event.since, open=False)
            case _:
                return self
