"""Sentiment: what people say when they are asked."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Key, Model, Text, When, Word, start_instant
from incidentlog.folding.subject import Subject

Percent = Annotated[int, Field(ge=0, le=100)] | Annotated[float, Field(ge=0, le=100)]


@event("sentiment.reported")
class SentimentReported(EventData):
    """The results of one poll, in percent by answer."""

    pollster: Word
    n: Annotated[int, Field(ge=1, le=10_000_000)]
    """How many were asked."""
    question: Text | None = None
    field_from: When | None = None
    field_to: When | None = None
    results: Annotated[dict[Key, Percent], Field(min_length=1, max_length=100)]
    margin_pp: Percent | None = None
    """The margin of error, in percentage points."""
    preliminary: bool | None = None


class Poll(Model):
    """One report of it."""

    n: int
    field_from: datetime | None
    field_to: datetime | None
    results: dict[str, int | float]
    margin_pp: int | float | None
    preliminary: bool


class Sentiment(Subject, category="sentiment"):
    """One poll: its reports in order, of which the last one stands."""

    once = frozenset({"sentiment.reported"})

    pollster: str | None = None
    question: str | None = None
    polls: tuple[Poll, ...] = ()
    latest: Poll | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report."""
        match event.data:
            case SentimentReported() as said if not event.absorbed or self.latest is None:
                poll = Poll(
                    n=said.n,
                    field_from=None if said.field_from is None else start_instant(said.field_from, event.tz),
                    field_to=None if said.field_to is None else start_instant(said.field_to, event.tz),
                    results=said.results,
                    margin_pp=said.margin_pp,
                    preliminary=bool(said.preliminary),
                )
                told = self.learn(event, pollster=said.pollster, question=said.question)
                return told.but(polls=(*self.polls, poll), latest=poll)
            case _:
                return self
