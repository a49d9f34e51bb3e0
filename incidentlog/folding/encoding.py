"""An event as readers are shown it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from pydantic import ValidationError

from incidentlog.events.recorded import Recorded, reading_by
from incidentlog.events.values import TLP_LABELS, Occurred
from incidentlog.folding.local_days import days_of
from incidentlog.folding.whereabouts import known_of

LOCAL: Final = ("date_start", "date_end", "start", "end")
DAY: Final = len("2025-11-19")
REMEMBERED: Final = 10_000
"""How many times are kept as they are shown: many events are of the same days."""


def encode_event(e: Recorded, status: str, zone: str) -> dict[str, Any]:
    """An event as it is shown: what the client sent, where the server put it, and whether it counts.

    Of one whose body was erased, what the server added is left. `zone` is the log's, in whose days it is counted.
    """
    sent = e.body_as_sent
    occurred = sent.get("occurred") or e.occurred_set
    place, resolved = sent.get("place"), None if e.place is None else known_of(e.place)
    if resolved is not None and (place is not None or e.body is None):
        place = {**(place or {"name": resolved["name"]}), "resolved": resolved}
    return {
        "id": str(e.event_id),
        "position": e.position,
        "stream": e.stream,
        "stream_version": e.stream_version,
        "type": e.type,
        "schema_version": e.schema_version,
        "occurred": occurred,
        "local": _local(orjson.dumps(occurred), e.zone_data, zone),
        "reported_at": sent.get("reported_at"),
        "recorded_at": e.recorded_at,
        "recorded_by": e.recorded_by,
        **({} if e.imported is None else {"import": e.imported}),
        "place": place,
        "actors": sent.get("actors", []),
        "sources": sent.get("sources", []),
        "verification": sent.get("verification", "unverified") if e.body is not None else None,
        "tlp": TLP_LABELS[e.tlp],
        "data": sent.get("data"),
        "links": sent.get("links", []),
        "external_ids": sent.get("external_ids", []),
        "notes": sent.get("notes"),
        "status": status if e.body is not None else "erased",
        # An amendment's own place is what it puts in another's.
        "patched_place": resolved if place is None else None,
    }


@lru_cache(maxsize=REMEMBERED)
def _local(text: bytes, zone_data: str | None, zone: str) -> Mapping[str, str | None]:
    """When it was in the log's zone: its first and last day there, and of times the times, with their offset.

    All null where that is unknown, or today's rules do not take what was once recorded.
    """
    try:
        occurred = Occurred.model_validate_json(text, context=reading_by(zone_data))
    except ValidationError:
        return dict.fromkeys(LOCAL)
    times = occurred.times(zone)
    if times is not None and times[1] is None:  # as nearly always: it is of the day of its start, whatever that is
        start = times[0].isoformat()
        return {"date_start": start[:DAY], "date_end": start[:DAY], "start": start, "end": None}
    dates = days_of(occurred, zone) if times is not None and occurred.range != "window" else occurred.dates(zone)
    told = (*(dates or (None, None)), *(times or (None, None)))
    return {name: when and when.isoformat() for name, when in zip(LOCAL, told, strict=True)}
