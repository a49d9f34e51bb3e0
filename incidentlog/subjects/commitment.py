"""Commitments: what somebody promised, and what became of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Self

from incidentlog.events.envelope import Actor, EventData, Fault
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Model, Number, Stream, Text, When, Word, start_instant
from incidentlog.folding.subject import Subject

Kind = Literal["goal", "benchmark", "obligation", "deadline"]
Progress = Literal["not_initiated", "minimum", "intermediate", "complete"]
"""The levels of the Peace Accords Matrix."""
Status = Literal["none", "made", "in_progress", "fulfilled", "breached", "withdrawn"]
CLOSED = frozenset({"fulfilled", "breached", "withdrawn"})


@event("commitment.made")
class CommitmentMade(EventData):
    """Somebody takes something on."""

    obligor: ActorCode
    beneficiary: ActorCode | None = None
    kind: Kind
    text: Text
    target_value: Number | None = None
    unit: Word | None = None
    due: When | None = None
    source_agreement: Stream | None = None
    measurable: bool | None = None


@event("commitment.progressed")
class CommitmentProgressed(EventData):
    """How far it has come."""

    value: Number | None = None
    level: Progress | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """It names a value or a level."""
        if self.value is None and self.level is None:
            yield Fault((), "value_or_level", "value or level is needed")


@event("commitment.fulfilled")
class CommitmentFulfilled(EventData):
    """It was kept."""

    value: Number | None = None
    unit: Word | None = None


@event("commitment.breached")
class CommitmentBreached(EventData):
    """Somebody says that it was broken."""

    claimed_by: ActorCode


@event("commitment.rescheduled")
class CommitmentRescheduled(EventData):
    """It has a new date; the old one stays visible."""

    new_due: When


@event("commitment.withdrawn")
class CommitmentWithdrawn(EventData):
    """It was taken back."""

    by: ActorCode | None = None
    reason: Text | None = None


class Step(Model):
    """How far it had come, and when that was so."""

    since: datetime
    value: int | float | None
    level: Progress | None


class Commitment(Subject, category="commitment"):
    """One promise. Whether it is overdue or at risk depends on the clock, and is said where it is read."""

    listed = True

    once = frozenset(f"commitment.{said}" for said in ("made", "fulfilled", "breached", "withdrawn"))
    selective = True

    status: Status = "none"
    obligor: str | None = None
    beneficiary: str | None = None
    kind: Kind | None = None
    text: str | None = None
    target_value: int | float | None = None
    unit: str | None = None
    due: datetime | None = None
    earlier_dues: tuple[datetime, ...] = ()
    source_agreement: str | None = None
    measurable: bool | None = None
    made: datetime | None = None
    value: int | float | None = None
    """The latest value stated, on its way or at the end."""
    level: Progress | None = None
    progress: tuple[Step, ...] = ()
    closed: datetime | None = None
    """Since when it is fulfilled, breached or withdrawn."""
    breach_claimed_by: str | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a step in the life of the commitment, where it fits."""
        data = event.data
        match data:
            case CommitmentMade():
                return self._make(event, data)
            case _ if self.status == "none":
                return self.ignore(event, "nothing was committed to before it")
            case _ if self.status in CLOSED:
                return self.ignore(event, f"the commitment was {self.status}")
            case CommitmentProgressed(value=value, level=level):
                step = Step(since=event.since, value=value, level=level)
                steps = (*self.progress, step)
                return self.learn(event, value=value, level=level).but(status="in_progress", progress=steps)
            case CommitmentFulfilled(value=value, unit=unit):
                return self._close(event, "fulfilled", value=value, unit=unit)
            case CommitmentBreached(claimed_by=by):
                return self._close(event, "breached", breach_claimed_by=by)
            case CommitmentWithdrawn():
                return self._close(event, "withdrawn")
            case CommitmentRescheduled(new_due=new):
                due = start_instant(new, event.tz)
                if due == self.due:  # told twice, as two merged records do
                    return self
                dues = self.earlier_dues if self.due is None else (*self.earlier_dues, self.due)
                return self.but(due=due, earlier_dues=dues)
            case _:
                return self

    def _make(self, event: Effective[Any], said: CommitmentMade) -> Self:
        if self.status != "none" and not event.absorbed:
            return self.ignore(event, "the commitment was made already")
        due = None if said.due is None else start_instant(said.due, event.tz)
        made = self.learn(event, **{**said.model_dump(), "due": due}, made=event.since)
        return made.but(status="made") if self.status == "none" else made

    def _close(self, event: Effective[Any], status: Status, **facts: Any) -> Self:
        return self.learn(event, **facts).but(status=status, closed=event.since)
