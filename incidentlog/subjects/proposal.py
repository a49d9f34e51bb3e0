"""Proposals: tabled, revised, answered."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Model, Slugs, Text
from incidentlog.folding.subject import Subject

Answer = Literal["accepted", "accepted_conditionally", "rejected", "counter_proposed", "under_review"]
Points = Annotated[int, Field(ge=1, le=10_000)]


@event("proposal.tabled")
class ProposalTabled(EventData):
    """Somebody puts a proposal forward."""

    by: ActorCode
    points: Points | None = None
    topics: Slugs | None = None


@event("proposal.revised")
class ProposalRevised(EventData):
    """There is a new version of it."""

    points: Points | None = None
    announced_by: ActorCode | None = None
    topics: Slugs | None = None


@event("proposal.responded")
class ProposalResponded(EventData):
    """Somebody answers it."""

    responder: ActorCode
    response: Answer
    condition: Text | None = None


class Version(Model):
    """One version of the proposal; `by` tabled it or announced it."""

    since: datetime
    by: str | None
    points: int | None
    topics: tuple[str, ...] = ()


class Response(Model):
    """What a party said, and of which version (counted from 1; 0 where none was recorded before it)."""

    since: datetime
    response: Answer
    condition: str | None
    version: int


class Proposal(Subject, category="proposal"):
    """What one proposal has come to: its versions, and each party's latest answer."""

    listed = True

    once = frozenset({"proposal.tabled", "proposal.revised"})

    proposed_by: str | None = None
    versions: tuple[Version, ...] = ()
    responses: dict[str, Response] = Field(default_factory=dict)

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a version or an answer."""
        match event.data:
            case ProposalTabled(by=by) as said:
                return self._add(event, by, said, proposed_by=by)
            case ProposalRevised(announced_by=by) as said:
                return self._add(event, by, said)
            case ProposalResponded(responder=party, response=response, condition=condition):
                answer = Response(since=event.since, response=response, condition=condition, version=len(self.versions))
                return self.but(responses={**self.responses, party: answer})
            case _:
                return self

    def _add(self, event: Effective[Any], by: str | None, said: ProposalTabled | ProposalRevised, **facts: Any) -> Self:
        proposal = self.learn(event, **facts)
        if event.absorbed and self.versions:  # the same proposal told twice is not a second version of it
            return proposal
        version = Version(since=event.since, by=by, points=said.points, topics=tuple(said.topics or ()))
        return proposal.but(versions=(*self.versions, version))
