"""Contacts below a round of talks: a call, a visit, a message."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Occurred, Slug
from incidentlog.folding.subject import Subject
from incidentlog.subjects.talk import Level

Mode = Literal["phone_call", "visit", "video", "message"]


@event("contact.held")
class ContactHeld(EventData):
    """Two sides were in touch."""

    mode: Mode
    level: Level | None = None
    duration_min: Annotated[int, Field(ge=0, le=100_000)] | None = None
    outcome: Slug | None = None


class Contact(Subject, category="contact"):
    """What the reports of one contact add up to; who took part is in `actors`."""

    lasting = True

    mode: Mode | None = None
    level: Level | None = None
    duration_min: int | None = None
    outcome: str | None = None
    held: Occurred | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report."""
        match event.data:
            case ContactHeld() as said:
                return self.learn(event, **said.model_dump(), held=event.envelope.occurred)
            case _:
                return self
