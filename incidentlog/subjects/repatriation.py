"""Detainees, children and remains handed over: by themselves, or as a part of an exchange."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import Actor, EventData, Fault
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Count, Model, Occurred, Text
from incidentlog.folding.subject import Subject, of_one_record

CounterpartyCounts = Annotated[
    dict[ActorCode | Literal["cumulative"], bool | Count | None], Field(min_length=1, max_length=20)
]
"""What went the other way, `{SIDE: count, cumulative?: bool}`; cumulative: the sum so far, and not this time's."""


class Handover(EventData):
    """So many to one side, and perhaps some to the other; a null count is withheld, never 0."""

    to: ActorCode
    count: Count | None
    to_counterparty: CounterpartyCounts | None = None
    note: Text | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """`cumulative` is a yes or no, everything beside it a count."""
        for key, value in (self.to_counterparty or {}).items():
            if (key == "cumulative") != isinstance(value, bool):
                yield Fault(("to_counterparty", key), "not_a_count", "give {SIDE: count, cumulative: true or false}")

    @property
    def is_cumulative(self) -> bool:
        """Whether the counterparty's figure is the sum so far."""
        return bool((self.to_counterparty or {}).get("cumulative", False))

    @property
    def counterparty(self) -> dict[str, int | None]:
        """What went to the other side."""
        return {k: v for k, v in (self.to_counterparty or {}).items() if k != "cumulative"}

    def counts(self) -> dict[str, int | None]:
        """What to add, per side."""
        return {**({} if self.is_cumulative else self.counterparty), self.to: self.count}


@event("detainees.released", on=("detainees", "exchange"))
class DetaineesReleased(Handover):
    """Prisoners or detained civilians were let go."""


@event("children.returned", on=("children", "exchange"))
class ChildrenReturned(Handover):
    """Children came back."""


@event("remains.repatriated", on=("remains", "exchange"))
class RemainsRepatriated(Handover):
    """Bodies of the fallen were handed over."""


class Counted(Model):
    """A sum, and how many of its parts gave no figure; the sum is null when none did."""

    total: int | None
    withheld: int


Counts = dict[str, Counted]
"""Per side that received."""


def add_counts(counts: Counts, more: Mapping[str, int | None]) -> Counts:
    """The counts with some more on each side."""
    added = dict(counts)
    for side, count in more.items():
        before = counts.get(side, Counted(total=None, withheld=0))
        added[side] = (
            Counted(total=before.total, withheld=before.withheld + 1)
            if count is None
            else Counted(total=(before.total or 0) + count, withheld=before.withheld)
        )
    return added


def with_counts(by_stream: Mapping[str, Counts], event: Effective[Any], said: Handover) -> dict[str, Counts]:
    """Each record's counts, with one handover more in that of the event."""
    stream = event.recorded.stream
    return {**by_stream, stream: add_counts(by_stream.get(stream, {}), said.counts())}


class Repatriation(Subject):
    """What one handover adds up to; figures of an absorbed record only stand in for missing ones."""

    lasting = True

    to: str | None = None
    count: int | None = None
    """How many went to `to`."""
    counts: Counts = Field(default_factory=dict)
    by_stream: dict[str, Counts] = Field(default_factory=dict, exclude=True)
    """As each record tells it."""
    stated_cumulative: dict[str, int | None] = Field(default_factory=dict)
    """The counterparty's sum so far, as stated."""
    occasions: tuple[Occurred, ...] = ()

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a handover."""
        match event.data:
            case Handover() as said:
                stated = said.counterparty if said.is_cumulative else None
                changed = self.learn(event, to=said.to, stated_cumulative=stated)
                return changed.but(
                    by_stream=with_counts(self.by_stream, event, said),
                    occasions=(*self.occasions, event.envelope.occurred),
                )
            case _:
                return self

    def complete(self) -> Self:
        """The figures that stand."""
        counts = of_one_record(self.by_stream, self.stream, {})
        own = counts.get(self.to or "")
        return self.but(counts=counts, by_stream={}, count=own and own.total)


class Detainees(Repatriation, category="detainees"):
    """A release of detainees."""


class Children(Repatriation, category="children"):
    """A return of children."""


class Remains(Repatriation, category="remains"):
    """A handover of the fallen."""
