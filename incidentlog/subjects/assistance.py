"""Assistance: pledged, delivered, suspended, resumed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Slug, Word
from incidentlog.folding.subject import Subject, of_one_record

Amount = Annotated[int, Field(ge=0, le=10**15)] | Annotated[float, Field(ge=0, le=1e15)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
NO_CURRENCY = "XXX"
"""ISO 4217 for a sum of which the currency was not given."""


class AssistanceTerms(EventData):
    """Who gives what to whom."""

    provider: ActorCode
    recipient: ActorCode
    kind: Annotated[list[Slug], Field(min_length=1, max_length=20)]
    form: Slug | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    period: Word | None = None

    def sums(self) -> dict[str, int | float]:
        """The amount by its currency; empty when none was given."""
        return {} if self.amount is None else {self.currency or NO_CURRENCY: self.amount}


@event("assistance.pledged")
class AssistancePledged(AssistanceTerms):
    """It is promised."""


@event("assistance.delivered")
class AssistanceDelivered(AssistanceTerms):
    """It, or a part of it, has arrived."""


@event("assistance.suspended")
class AssistanceSuspended(AssistanceTerms):
    """It is held back."""


@event("assistance.resumed")
class AssistanceResumed(AssistanceTerms):
    """It goes on."""


class Assistance(Subject, category="assistance"):
    """One line of assistance. Sums by currency; those of an absorbed record are never added."""

    status: Literal["none", "pledged", "delivered", "suspended", "resumed"] = "none"
    provider: str | None = None
    recipient: str | None = None
    kind: tuple[str, ...] = ()
    form: str | None = None
    period: str | None = None
    pledged: dict[str, int | float] = Field(default_factory=dict)
    delivered: dict[str, int | float] = Field(default_factory=dict)
    sums: dict[str, dict[str, dict[str, int | float]]] = Field(default_factory=dict, exclude=True)
    """What was pledged and delivered, by the stream that told it."""
    status_since: datetime | None = None
    """Since when it stands as its status says."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a pledge, a delivery, a stop or a restart."""
        match event.data:
            case AssistanceTerms() as said:
                told = said.model_dump(exclude={"amount", "currency"})
                status = event.recorded.type.partition(".")[2]
                line = self.learn(event, **told).but(sums=self._counted(event, status, said))
                if event.absorbed and self.status_since is not None:
                    return line
                return line.but(status=status, status_since=event.since)
            case _:
                return self

    def _counted(self, event: Effective[Any], what: str, said: AssistanceTerms) -> dict[str, Any]:
        by_stream, stream = self.sums.get(what, {}), event.recorded.stream
        return {**self.sums, what: {**by_stream, stream: _add(by_stream.get(stream, {}), said.sums())}}

    def complete(self) -> Self:
        """The sums of one record."""
        sums = {what: of_one_record(self.sums.get(what, {}), self.stream, {}) for what in ("pledged", "delivered")}
        return self.but(**sums, sums={})


def _add(sums: Mapping[str, int | float], more: Mapping[str, int | float]) -> dict[str, int | float]:
    return {**sums, **{currency: sums.get(currency, 0) + n for currency, n in more.items()}}
