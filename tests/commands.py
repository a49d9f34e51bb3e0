"""Commands for tests of the store: small, valid, and as many as wanted."""

from typing import Any
from uuid import uuid4

import orjson

from incidentlog.clock import SystemClock
from incidentlog.door import Door, Known
from incidentlog.store.append import Append

DOOR = Door(Known(), SystemClock(), "Europe/Kyiv")


def strike(**changes: Any) -> dict[str, Any]:
    """A strike on Odesa that passes the door; `killed` is a shorthand."""
    killed = changes.pop("killed", 1)
    event: dict[str, Any] = {
        "id": str(uuid4()),
        "type": "strike.reported",
        "occurred": {"start": "2025-11-19", "precision": "day", "tz": "Europe/Kyiv"},
        "reported_at": "2025-11-19",
        "place": {"name": "Odesa", "country": "UA", "precision": "settlement"},
        "actors": [{"code": "RUS", "role": "attacker"}],
        "sources": [{"source_id": "s", "title": "A source", "reliability": "B", "credibility": 2}],
        "verification": "single_source",
        "data": {
            "means": ["drone"],
            "target_class": "civilian",
            "attributed_to": "RUS",
            "casualties": {"killed": {"best": killed}},
        },
    }
    return event | changes


def about(kind: str, target: str, **data: Any) -> dict[str, Any]:
    """A record event about another event."""
    return {"id": str(uuid4()), "type": f"record.{kind}", "data": {"target": target, **data}}


def retraction(target: str) -> dict[str, Any]:
    return about("retracted", target, reason="it was a mistake")


def command(event: dict[str, Any] | None = None, *, stream: str | None = None, expected: int | None = None) -> Append:
    """A command as the door makes it."""
    sent = event or strike()
    if stream is not None:
        sent["stream"] = stream
    if expected is not None:
        sent["expected_version"] = expected
    return DOOR.read(orjson.dumps(sent), recorded_by="tester").command


def again(c: Append, **changes: Any) -> Append:
    """The same command, as a client would send it anew: other salts, the same content."""
    fields = {name: getattr(c, name) for name in Append.__dataclass_fields__ if not name.endswith("salt")}
    return Append(**{**fields, **changes})
