"""Incidents that are no strike: clashes, shelling, sabotage, mines, at sea, in networks."""

from typing import Literal

from incidentlog.events.registry import event
from incidentlog.events.values import Text, When, Word
from incidentlog.subjects.attack import Attack, AttackFacts

Kind = Literal["clash", "shelling", "sabotage", "mine", "maritime", "cyber", "environment", "other"]


class IncidentFacts(AttackFacts):
    """What a report and an assessment may both say."""

    kind: Kind | None = None
    target_object: Word | None = None
    description: Text | None = None


@event("incident.reported")
class IncidentReported(IncidentFacts):
    """An incident, as a source first told it."""

    kind: Kind


@event("incident.assessed")
class IncidentAssessed(IncidentFacts):
    """We learned more about the same incident: any of its fields, as of an instant."""

    as_of: When


class Incident(Attack, category="incident"):
    """What is known of one incident."""

    reported = IncidentReported

    kind: Kind = "other"
    target_object: str | None = None
    description: str | None = None
