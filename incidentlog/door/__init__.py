"""Bringing events in: the door that every one of them passes."""

from incidentlog.door.door import Candidate, Door
from incidentlog.door.known import Known

__all__ = ["Candidate", "Door", "Known"]
