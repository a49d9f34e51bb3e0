"""Agreements: reached, in force, extended, and how they end. The machine is the ceasefires' (docs/ceasefires.md)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Slug
from incidentlog.subjects.accord import Accord, EnteredIntoForce, Extended, Resumed, Suspended, Terms
from incidentlog.subjects.terms import Span


@event("agreement.reached")
class AgreementReached(Terms):
    """The parties agree. `auto_renew` renews nothing by itself: only an extension does."""

    form: Literal["signed", "joint_statement", "verbal"]
    scope: Annotated[list[Slug], Field(max_length=100)]
    auto_renew: bool | None = None


@event("agreement.entered_into_force")
class AgreementEnteredIntoForce(EnteredIntoForce):
    """It is in force from here on."""


@event("agreement.extended")
class AgreementExtended(Extended):
    """It is to last longer."""


@event("agreement.suspended")
class AgreementSuspended(Suspended):
    """It does not hold for a while."""


@event("agreement.resumed")
class AgreementResumed(Resumed):
    """It holds again."""


@event("agreement.terminated")
class AgreementTerminated(EventData):
    """It is over, otherwise than by time."""

    by: ActorCode | None = None
    mode: Literal[
        "withdrawal", "non_renewal", "mutual", "replaced", "collapsed", "lapsed_unclear", "never_in_effect"
    ]  # fmt: skip


class Agreement(Accord, category="agreement"):
    """One agreement and its life."""

    listed = True

    def evolve(self, event: Effective[Any]) -> Self:
        """Take its terms or its end; the rest is as for ceasefires."""
        match event.data:
            case AgreementReached() as reached:
                return self.given_terms(event, "agreed", reached, Span())
            case AgreementTerminated(by=by, mode=mode):
                return self.moved(event, "terminated", party=by, mode=mode)
            case _:
                return super().evolve(event)
