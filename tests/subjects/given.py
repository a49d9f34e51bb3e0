"""Rows of the log from plain dicts, without a database: positions, versions and times as the store would give them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from incidentlog.events.recorded import Recorded
from incidentlog.events.registry import Registry
from incidentlog.events.values import tlp_level
from incidentlog.folding.fold import Variants, fold_family
from incidentlog.folding.subject import Subject
from incidentlog.subjects import EVENTS

KYIV = "Europe/Kyiv"
START = datetime(2026, 1, 1, tzinfo=UTC)
TIMELINE = Path(__file__).parents[2] / "incidentlog" / "demo" / "timeline.ndjson"
B2 = {"source_id": "paper", "title": "A paper", "publisher": "Paper", "reliability": "B", "credibility": 2}

Event = dict[str, Any]
S = TypeVar("S", bound=Subject)


def source(grade: str = "B2", origin: str = "Paper", **more: Any) -> Event:
    return {**B2, "origin": origin, "reliability": grade[0], "credibility": int(grade[1]), **more}


def id_of(name: str) -> str:
    """The id of an event that a test calls by a name."""
    return str(uuid5(NAMESPACE_URL, name))


def day(text: str, **more: Any) -> Event:
    return {"start": text, "precision": "day", "tz": KYIV, **more}


def minute(text: str, **more: Any) -> Event:
    return {"start": text, "precision": "minute", "tz": KYIV, **more}


def event(type_name: str, stream: str, called: str | None = None, /, **more: Any) -> Event:
    """An event as a client sends it. What is no field of the envelope is its data."""
    envelope = {k: more.pop(k) for k in ENVELOPE if k in more}
    return {
        "type": type_name,
        "stream": stream,
        "occurred": day("2025-11-19"),
        "sources": [B2],
        **({"id": id_of(called)} if called else {}),
        **envelope,
        "data": more.pop("data", more),
    }


ENVELOPE = ("occurred", "reported_at", "place", "actors", "sources", "verification", "tlp", "links", "schema_version")


def about(type_name: str, target: str, name: str | None = None, tlp: str = "CLEAR", **data: Any) -> Event:
    """A record event; it stands on its target's stream."""
    said: Event = {"type": type_name, "tlp": tlp, "data": {"target": id_of(target), **data}}
    return said | ({"id": id_of(name)} if name else {})


def retract(target: str, name: str | None = None, **more: Any) -> Event:
    return about("record.retracted", target, name, reason="wrong", **more)


def amend(target: str, patch: Event, name: str | None = None, **more: Any) -> Event:
    return about("record.amended", target, name, patch=patch, reason="corrected", **more)


def remark(target: str, tlp: str, name: str | None = None) -> Event:
    said = about("record.remarked", target, name, reason="the marking changed")
    return said | {"data": {**said["data"], "tlp": tlp}}


def merge(survivor: str, *absorbed: str, name: str | None = None, tlp: str = "CLEAR") -> Event:
    data = {"survivor": survivor, "absorbed": list(absorbed), "reason": "one and the same"}
    said: Event = {"type": "record.merged", "stream": survivor, "tlp": tlp, "data": data}
    return said | ({"id": id_of(name)} if name else {})


def given(
    *events: Event,
    start: datetime = START,
    registry: Registry = EVENTS,
    valid: bool = True,
    zone_data: Sequence[str | None] = (),
) -> list[Recorded]:
    """The rows of these events, a second apart; `valid`: each is one that the door would let in.

    `zone_data` are those by which the dates of each are meant; None, or fewer, as in a log from before this was kept.
    """
    rows: list[Recorded] = []
    versions: Counter[str] = Counter()
    streams: dict[str, str] = {}
    for position, said in enumerate(events, start=1):
        body = {"id": id_of(f"event {position}"), **said}
        stream = body.pop("stream", None) or streams.get(body["data"].get("target"), "strike:unknown")
        streams[body["id"]] = stream
        versions[stream] += 1
        recorded_at = start + timedelta(seconds=position)
        meta = {"event_id": body["id"], "occurred": body.get("occurred") or _now(recorded_at), "recorded_by": "test"}
        if (place := _found(body)) is not None:
            meta["place"] = place
        if position <= len(zone_data) and zone_data[position - 1] is not None:
            meta["zone_data"] = zone_data[position - 1]
        rows.append(
            Recorded(
                position=position,
                event_id=UUID(body["id"]),
                stream=stream,
                stream_version=versions[stream],
                type=body["type"],
                schema_version=body.get("schema_version", registry.newest.get(body["type"], 1)),
                recorded_at=recorded_at,
                recorded_by="test",
                tlp=tlp_level(body.get("tlp", "CLEAR")),
                body=orjson.dumps({**body, "stream": stream}, option=orjson.OPT_SORT_KEYS).decode(),
                meta=orjson.dumps(meta, option=orjson.OPT_SORT_KEYS).decode(),
                registry=registry,
            )
        )
        assert not valid or rows[-1].envelope is not None, body
    return rows


def _now(recorded_at: datetime) -> Event:
    return {"start": recorded_at.isoformat(), "precision": "minute", "tz": KYIV}


def _found(body: Event) -> Event | None:
    """The place as the door would have resolved it: by its own id or not at all; a patch's, on an amendment."""
    patch = body["data"].get("patch")
    place = (patch if isinstance(patch, dict) else body).get("place")
    if not place:
        return None
    how = "explicit" if place.get("place_id") else "unresolved"
    return {"precision": "unknown", **{k: v for k, v in place.items() if k != "names"}, "how": how}


def fold(*events: Event, **how: Any) -> dict[str, Variants]:
    return fold_family(given(*events, **how), KYIV)


def subject_of(*events: Event, kind: type[S], stream: str | None = None) -> S:
    """What the stream (the first event's, unless named) adds up to, for somebody who may see everything."""
    variants = fold(*events)[stream or events[0]["stream"]]
    subject = variants[max(variants)]
    assert isinstance(subject, kind), subject
    return subject


def timeline(stream: str | None = None) -> list[Event]:
    lines: Iterable[Event] = map(orjson.loads, TIMELINE.read_text().splitlines())
    return [e for e in lines if stream is None or e["stream"] == stream]
