"""Bringing events in: the door that every one of them passes."""

from incidentlog.importers.door import Candidate, Door
from incidentlog.importers.known import Known

__all__ = ["Candidate", "Door", "Known"]
