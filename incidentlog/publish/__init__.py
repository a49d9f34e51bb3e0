"""Publishing the log to other systems: each event once, with its place in the log beside it (docs/publish.md)."""

from incidentlog.publish.publisher import Place, Publisher, Sink, SinkAwayError, UnfitError

__all__ = ["Place", "Publisher", "Sink", "SinkAwayError", "UnfitError"]
