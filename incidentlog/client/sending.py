"""Events as they are sent: each with its id, from before the first time on, so that sending again is safe."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel

from incidentlog.events.about import is_record_event
from incidentlog.ids import uuid7


def encoded(event: Mapping[str, Any] | BaseModel, **more: Any) -> bytes:
    """The JSON of one event, with an id (UUIDv7) where it has none. Raises TypeError for what has no JSON.

    One that has `external_ids` is given its id by the service, the same whenever it comes.
    Of a model what was set is sent, and no defaults: the log keeps what was said.
    """
    said = event.model_dump(mode="json", exclude_unset=True) if isinstance(event, BaseModel) else dict(event)
    said |= more
    if said.get("id") is None and (not said.get("external_ids") or is_record_event(str(said.get("type")))):
        said["id"] = uuid7(datetime.now(UTC))
    return orjson.dumps(said, default=_written)


def _written(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(mode="json", exclude_unset=True)
        case Mapping():
            return dict(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON")
