"""The columns that index an event, made anew from what is hashed: an index that says something else was changed."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from pydantic import ValidationError

from incidentlog.store.parts import Row
from incidentlog.subjects.registry import EVENTS, Registry
from incidentlog.subjects.values import Occurred, end_of_day_instant

_FROM_META: Final = ("stream", "stream_version", "type", "schema_version", "recorded_by", "tlp")
_FROM_PLACE: Final = ("place_id", "country", "admin1", "lat", "lon")


def false_columns(row: Row, registry: Registry = EVENTS) -> Iterator[str]:
    """The columns that do not say what body and meta say."""
    meta: dict[str, Any] = orjson.loads(row.meta)
    place: dict[str, Any] = meta.get("place") or {}
    occurred = Occurred.model_validate_json(orjson.dumps(meta["occurred"]))
    expected: dict[str, Any] = {name: meta.get(name) for name in _FROM_META}
    expected |= {name: place.get(name) for name in _FROM_PLACE}
    expected |= {"occurred_from": occurred.since, "occurred_until": occurred.until}
    expected |= _from_body(row, occurred, registry)
    if str(row.event_id) != meta.get("event_id"):
        yield "event_id"
    yield from (name for name, value in expected.items() if getattr(row, name) != value)


def _from_body(row: Row, occurred: Occurred, registry: Registry) -> dict[str, Any]:
    if row.body is None:  # erased, and the columns copied from it with it
        return {"verification": None, "reported_at": None, "actors": None}
    event_type = registry.find(row.type, row.schema_version)
    try:
        # A body without `occurred` leaves it to the server, whose answer is in meta.
        body = orjson.loads(row.body)
        sent = {**body, "occurred": body.get("occurred") or orjson.loads(row.meta)["occurred"]}
        envelope = None if event_type is None else event_type.envelope.model_validate_json(orjson.dumps(sent))
    except ValidationError:
        envelope = None
    if envelope is None:  # of a build that is gone: then no column can be made anew
        return {}
    reported = envelope.reported_at
    return {
        "verification": envelope.verification,
        "reported_at": None if reported is None else end_of_day_instant(reported, occurred.tz),
        "actors": [actor.code for actor in envelope.actors],
    }
