"""Exchanges of prisoners, in one go or in stages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import Actor, EventData, Fault
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Codes, Count, Key, Model, Occurred, Slug, Slugs, Text, Word
from incidentlog.folding.subject import Subject, of_one_record
from incidentlog.subjects.repatriation import Counts, Handover, with_counts

Ordinal = Annotated[int, Field(ge=1, le=10_000)]
Operator = Literal["=", ">=", ">", "<=", "<"]


class Release(Model):
    """Whose people came home, and how many; a null total is withheld, never 0 (E13)."""

    total: Count | None
    civilians: Count | None = None
    children: Count | None = None
    wounded: Count | None = None
    note: Text | None = None


Sides = Annotated[dict[ActorCode, Release], Field(min_length=1, max_length=20)]
Totals = Annotated[dict[ActorCode, Count | None], Field(min_length=1, max_length=20)]
PARTS = ("civilians", "children", "wounded")


def too_many(released: Mapping[str, Release]) -> Iterator[Fault]:
    """Where a part is more than its whole."""
    for side, release in released.items():
        for part in PARTS:
            count = getattr(release, part)
            if count is not None and release.total is not None and count > release.total:
                detail = f"{count} {part} of a total of {release.total}"
                yield Fault(("released", side, part), "more_than_total", detail)


@event("exchange.agreed")
class ExchangeAgreed(EventData):
    """The sides agree on an exchange."""

    formula: Word
    categories: Slugs | None = None
    target: Totals | None = None
    target_operator: Operator | None = None


@event("exchange.stage_completed")
class ExchangeStageCompleted(EventData):
    """A part of it took place."""

    stage: Ordinal
    ordinal: Ordinal | None = None
    """Which exchange of the war it is, as the sides count them."""
    category: Slug | None = None
    released: Sides

    def faults(self, actors: Sequence[Actor] | None) -> Iterable[Fault]:  # noqa: ARG002 - the base's signature
        """Parts may not exceed their total."""
        return too_many(self.released)


@event("exchange.completed")
class ExchangeCompleted(EventData):
    """It is over. Who was released counts here only if there were no stages."""

    ordinal: Ordinal | None = None
    released: Sides | None = None
    released_total: Totals | None = None
    """A check value, never added."""
    mediators: Codes | None = None
    stated_cumulative: Annotated[dict[Key, Count], Field(max_length=50)] | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """It says who was released or how many in all, and parts may not exceed their total."""
        if self.released is None and self.released_total is None:
            yield Fault((), "released_or_total", "released or released_total is needed")
        yield from too_many(self.released or {})


class Stage(Model):
    """One stage, as told."""

    stage: int
    category: str | None
    occurred: Occurred
    released: dict[str, Release]
    absorbed: bool
    stream: str
    """Whose record tells it."""


class Returned(Model):
    """Who came home on one side, over all stages."""

    total: int | None
    """Null when no figure was given at all."""
    civilians: int | None
    children: int | None
    wounded: int | None
    withheld: int
    """How many stages gave no figure for this side."""


class Exchange(Subject, category="exchange"):
    """What one exchange adds up to, per side. Figures of an absorbed record never add to the survivor's."""

    lasting = True
    selective = True

    status: Literal["none", "agreed", "in_progress", "completed"] = "none"
    formula: str | None = None
    categories: tuple[str, ...] = ()
    target: dict[str, int | None] = Field(default_factory=dict)
    target_operator: Operator = "="
    ordinal: int | None = None
    mediators: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    completion: dict[str, Release] = Field(default_factory=dict)
    """What the completion said; it counts when there were no stages."""
    completed: Occurred | None = None
    released: dict[str, Returned] = Field(default_factory=dict)
    check: dict[str, int | None] = Field(default_factory=dict)
    """`released_total` as stated."""
    check_holds: bool | None = None
    """Whether the stated totals equal the sums; null where there is nothing to compare."""
    stated_cumulative: dict[str, int] = Field(default_factory=dict)
    handed: dict[str, dict[str, Counts]] = Field(default_factory=dict, exclude=True)
    """What was handed over with it, by kind, as each record tells it."""
    detainees: Counts = Field(default_factory=dict)
    children: Counts = Field(default_factory=dict)
    remains: Counts = Field(default_factory=dict)

    def evolve(self, event: Effective[Any]) -> Self:
        """Take an agreement, a stage, the completion, or a handover that belongs to it."""
        match event.data:
            case ExchangeAgreed() as said:
                status = "agreed" if self.status == "none" else self.status
                agreed = self.learn(event, **said.model_dump(exclude={"target_operator"}))
                if said.target is not None and not (event.absorbed and self.target):
                    agreed = agreed.but(target_operator=said.target_operator or "=")
                return agreed.but(status=status, **self._mediated(event))
            case ExchangeStageCompleted() as said:
                return self._take_stage(event, said)
            case ExchangeCompleted() as said:
                return self._finish(event, said)
            case Handover() as said:
                kind = event.recorded.type.partition(".")[0]
                return self.but(handed={**self.handed, kind: with_counts(self.handed.get(kind, {}), event, said)})
            case _:
                return self

    def _take_stage(self, event: Effective[Any], said: ExchangeStageCompleted) -> Self:
        if not event.absorbed and any(s.stage == said.stage and not s.absorbed for s in self.stages):
            return self.ignore(event, f"stage {said.stage} is recorded already")
        others = any(s.absorbed and s.stream != event.recorded.stream for s in self.stages)
        if event.absorbed and others:  # two records beside the survivor's: the first one's stages stand in, and no sum
            return self.learn(event, ordinal=said.ordinal).but(**self._mediated(event))
        stage = Stage(
            stage=said.stage,
            category=said.category,
            occurred=event.envelope.occurred,
            released=said.released,
            absorbed=event.absorbed,
            stream=event.recorded.stream,
        )
        status = "completed" if self.status == "completed" else "in_progress"
        exchange = self.learn(event, ordinal=said.ordinal)
        return exchange.but(stages=(*self.stages, stage), status=status, **self._mediated(event))

    def _finish(self, event: Effective[Any], said: ExchangeCompleted) -> Self:
        exchange = self.learn(
            event,
            ordinal=said.ordinal,
            completion=said.released,
            completed=event.envelope.occurred,
            check=said.released_total,
            stated_cumulative=said.stated_cumulative,
        )
        return exchange.but(status="completed", **self._mediated(event, said.mediators or ()))

    def _mediated(self, event: Effective[Any], named: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
        by_role = (a.code for a in event.envelope.actors if a.role == "mediator")
        return {"mediators": tuple(dict.fromkeys((*self.mediators, *named, *by_role)))}

    def complete(self) -> Self:
        """Sum the stages, or take the completion's figures when there were none."""
        stages = [s for s in self.stages if not s.absorbed]
        if not stages and not self.completion:
            stages = list(self.stages)
        told = [s.released for s in stages] or [self.completion]
        released = {side: _sum(side, told) for side in sorted({s for r in told for s in r})}
        stated = {s: n for s, n in self.check.items() if n is not None and s in released}
        holds = all(released[s].total == n for s, n in stated.items()) if stated else None
        handed = {kind: of_one_record(told, self.stream, {}) for kind, told in self.handed.items()}
        return self.but(released=released, check_holds=holds, handed={}, **handed)


def _sum(side: str, told: Iterable[Mapping[str, Release]]) -> Returned:
    releases = [r[side] for r in told if side in r]
    totals = [r.total for r in releases]
    return Returned(
        total=_total(totals),
        civilians=_total([r.civilians for r in releases]),
        children=_total([r.children for r in releases]),
        wounded=_total([r.wounded for r in releases]),
        withheld=totals.count(None),
    )


def _total(counts: list[int | None]) -> int | None:
    known = [n for n in counts if n is not None]
    return sum(known) if known else None
