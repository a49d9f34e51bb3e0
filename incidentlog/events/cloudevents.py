"""An event of the log as a CloudEvent 1.0 (docs/cloudevents.md)."""

from typing import Any, Final
from uuid import UUID

from incidentlog.events.recorded import Recorded
from incidentlog.events.values import TLP_LABELS

STRUCTURED: Final = "application/cloudevents+json"
JSON: Final = "application/json"
SPEC: Final = "1.0"
OURS: Final = ("id", "type", "stream")
"""The members of an event that attributes stand for; the others are in its data."""


def cloudevent(event: Recorded, status: str, log: UUID) -> dict[str, Any]:
    """An event of the log as a CloudEvent: what was sent is its data, but for what the attributes say.

    Of one whose body was erased there is no data.
    """
    told: dict[str, Any] = {
        "specversion": SPEC,
        "id": str(event.event_id),
        "source": f"urn:uuid:{log}",
        "type": event.type,
        "subject": event.stream,
        "time": event.recorded_at.isoformat(),
        "datacontenttype": JSON,
        "sequence": f"{event.position:016}",
        "tlp": TLP_LABELS[event.tlp],
        "recordstatus": "erased" if event.body is None else status,
    }
    if event.body is not None:
        told["data"] = {name: value for name, value in event.body_as_sent.items() if name not in OURS}
    return told
