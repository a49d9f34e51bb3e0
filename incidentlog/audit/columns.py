"""The columns that index an event, made anew from what is hashed: an index that says something else was changed."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import ValidationError

from incidentlog.events.recorded import reading_by
from incidentlog.events.registry import Registry
from incidentlog.events.values import Occurred, Reading, end_of_day_instant
from incidentlog.store.parts import Row
from incidentlog.subjects import EVENTS

_FROM_META: Final = ("stream", "stream_version", "type", "schema_version", "recorded_by", "tlp")
APART: Final = timedelta(hours=26)
"""How far apart a local time can be in two zones: from 14 hours ahead of UTC to 12 behind."""
_FROM_PLACE: Final = ("place_id", "country", "admin1", "lat", "lon")


def false_columns(row: Row, registry: Registry = EVENTS) -> Iterator[str]:
    """The columns that do not say what body and meta say."""
    meta: dict[str, Any] = orjson.loads(row.meta)
    reading = reading_by(meta.get("zone_data"))
    place: dict[str, Any] = meta.get("place") or {}
    occurred = _occurred(meta, reading)
    expected: dict[str, Any] = {name: meta.get(name) for name in _FROM_META}
    expected |= {name: place.get(name) for name in _FROM_PLACE}
    if occurred is not None:
        expected |= {"occurred_from": occurred.since, "occurred_until": occurred.until}
        expected |= _from_body(row, occurred, registry, reading)
    if reading.zone_data is None:
        expected = {name: value for name, value in expected.items() if not _was_meant(getattr(row, name), value)}
    if str(row.event_id) != meta.get("event_id"):
        yield "event_id"
    yield from (name for name, value in expected.items() if getattr(row, name) != value)


def _occurred(meta: Mapping[str, Any], reading: Reading) -> Occurred | None:
    """When it happened; None where it was appended in a zone of its machine's, which nobody can look up any more."""
    try:
        return Occurred.model_validate_json(orjson.dumps(meta["occurred"]), context=reading)
    except ValidationError:
        if reading.zone_data is not None:
            raise
        return None


def _was_meant(kept: Any, now: Any) -> bool:
    """Whether an instant can be what a date meant by other zone data, of an event that does not say by which.

    Such an event was appended before that was kept under the hash; then its columns alone hold what was meant.
    """
    return isinstance(kept, datetime) and isinstance(now, datetime) and abs(kept - now) <= APART


def _from_body(row: Row, occurred: Occurred, registry: Registry, reading: Reading) -> dict[str, Any]:
    if row.body is None:  # erased, and the columns copied from it with it
        return {"verification": None, "reported_at": None, "actors": None}
    event_type = registry.find(row.type, row.schema_version)
    try:
        # A body without `occurred` leaves it to the server, whose answer is in meta.
        body = orjson.loads(row.body)
        sent = {**body, "occurred": body.get("occurred") or orjson.loads(row.meta)["occurred"]}
        text = orjson.dumps(sent)
        envelope = None if event_type is None else event_type.envelope.model_validate_json(text, context=reading)
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
