"""Who says it was them, and who is said to have done it: on a strike or an incident."""

from incidentlog.subjects.envelope import EventData
from incidentlog.subjects.registry import event
from incidentlog.subjects.values import ActorCode, Text


@event("attack.claimed", on=("strike", "incident"))
class AttackClaimed(EventData):
    """Somebody claims the attack."""

    by: ActorCode
    statement: Text | None = None


@event("attack.attributed", on=("strike", "incident"))
class AttackAttributed(EventData):
    """Somebody attributes the attack."""

    to: ActorCode
    by: ActorCode | None = None
    confidence: Text | None = None
