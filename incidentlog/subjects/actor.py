"""Actors beyond the states and organisations that every log knows."""

from typing import Any, Self

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import NewActorCode, Slug, Word
from incidentlog.folding.subject import Subject


@event("actor.registered", sourced=False)
class ActorRegistered(EventData):
    """A code comes into use."""

    code: NewActorCode
    name: Word
    kind: Slug | None = None


class RegisteredActor(Subject, category="actor"):
    """One actor, as registered last."""

    code: str | None = None
    name: str | None = None
    kind: str | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a registration."""
        match event.data:
            case ActorRegistered() as said:
                return self.learn(event, **said.model_dump())
            case _:
                return self
