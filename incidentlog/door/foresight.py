"""What will be ignored of events that are about to be appended, as far as that is known now (docs/corrections.md).

Rules across events refuse nothing, since what comes later can change what came before: whoever appends is only warned.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from incidentlog.door.door import Candidate
from incidentlog.errors import Fault
from incidentlog.events.record import RecordAmended, RecordMerged, RecordRetracted
from incidentlog.events.recorded import Recorded
from incidentlog.events.values import MAX_INT
from incidentlog.folding.fold import markings, merged_streams, skipped, statuses
from incidentlog.folding.subject import Subject
from incidentlog.store.connect import Pool
from incidentlog.store.derive import read_links
from incidentlog.store.read import existing_streams, read_streams
from incidentlog.subjects.violation import ViolationReported

AT_ONCE: Final = 128 * 1024
"""So many characters of events are folded without a thread of their own."""


async def foresee(
    pool: Pool, candidates: Sequence[Candidate], *, zone: str, now: datetime, clearance: int
) -> dict[int, list[Fault]]:
    """Why candidates will be ignored, by their number; nothing of those that will count.

    They are judged with what a clearance sees of the log. A merge that was appended a moment ago may not be known yet.
    """
    told: dict[int, list[Fault]] = defaultdict(list)
    for n, fault in await _uncited(pool, candidates, clearance):
        told[n].append(fault)
    streams = {s for c in candidates if _may_be_ignored(c) for s in (c.command.stream, *_absorbed(c))}
    if not streams:
        return told
    families = await _families(pool, streams)
    asked = {n: c for n, c in enumerate(candidates) if c.command.stream in streams}

    def judge() -> tuple[Mapping[UUID, str], Mapping[UUID, str]]:
        """Why events will be ignored, and which speak of what is gone."""
        marks = markings(families)
        there = [e for e in families if marks[e.event_id] <= clearance]
        known = {e.event_id for e in there}
        new = [_as_recorded(c, MAX_INT + n, now) for n, c in asked.items() if c.command.event_id not in known]
        gone = dict(_spoken_of_what_is_gone(there, new))  # first, as what is there by itself was folded before
        return skipped([*there, *new], zone), gone

    octets = sum(len(e.body or "") for e in families) + sum(len(c.command.body) for c in asked.values())
    reasons, gone = judge() if octets <= AT_ONCE else await asyncio.to_thread(judge)
    for n, candidate in enumerate(candidates):
        event_id = candidate.command.event_id
        pointer = "/data/absorbed" if isinstance(candidate.envelope.data, RecordMerged) else ""
        if event_id in reasons:
            told[n].append(Fault(pointer, "ignored", reasons[event_id]))
        if event_id in gone:
            told[n].append(Fault("/data/target", "retracted_already", gone[event_id]))
    return told


def _may_be_ignored(candidate: Candidate) -> bool:
    """Whether there is anything to ask: a strike, and most of what is reported, always counts."""
    if isinstance(candidate.envelope.data, RecordAmended | RecordRetracted | RecordMerged):
        return True
    return Subject.families.get(candidate.command.stream.partition(":")[0], Subject).selective


def _absorbed(candidate: Candidate) -> Iterable[str]:
    data = candidate.envelope.data
    return data.absorbed if isinstance(data, RecordMerged) else ()


async def _uncited(pool: Pool, candidates: Sequence[Candidate], clearance: int) -> list[tuple[int, Fault]]:
    """Violations of ceasefires that are not in the log: they count for none."""
    cited = {n: c.envelope.data for n, c in enumerate(candidates) if isinstance(c.envelope.data, ViolationReported)}
    if not cited:
        return []
    there = set(await existing_streams(pool, {s for data in cited.values() for s in data.ceasefires}, clearance))
    there |= {c.command.stream for c in candidates}
    return [
        (
            n,
            Fault(f"/data/ceasefires/{i}", "unknown_stream", f"no stream {stream} is in the log: it is not counted"),
        )
        for n, data in cited.items()
        for i, stream in enumerate(data.ceasefires)
        if stream not in there
    ]


async def _families(pool: Pool, streams: set[str]) -> list[Recorded]:
    """All events of some streams and of those that merges connect with them."""
    wide = streams | {s for link in await read_links(pool, streams, MAX_INT) for s in link}
    events = await read_streams(pool, wide, MAX_INT)
    named = {s for e in events for s in merged_streams(e)} - wide  # by a merge that the runner has not seen yet
    return events if not named else await read_streams(pool, wide | named, MAX_INT)


def _as_recorded(candidate: Candidate, position: int, now: datetime) -> Recorded:
    """The event as the log will hold it."""
    c = candidate.command
    place = None if c.place is None else c.place.model_dump(exclude_none=True)
    return Recorded(
        position=position,
        event_id=c.event_id,
        stream=c.stream,
        stream_version=0,
        type=c.type,
        schema_version=c.schema_version,
        recorded_at=now,
        recorded_by=c.recorded_by,
        tlp=c.tlp,
        body=c.body,
        meta=orjson.dumps({"occurred": c.occurred_raw, "place": place, "zone_data": c.zone_data}).decode(),
    )


def _spoken_of_what_is_gone(there: Sequence[Recorded], new: Sequence[Recorded]) -> Iterator[tuple[UUID, str]]:
    """Retractions and amendments of what is retracted: the fold takes them, and they change nothing."""
    gone = {event_id for event_id, status in statuses(there).items() if status == "retracted"}
    retractions = {e.event_id: e for e in (*there, *new) if e.type == "record.retracted"}
    for e in new:
        data = None if e.envelope is None else e.envelope.data
        if isinstance(data, RecordRetracted | RecordAmended) and data.target in gone:
            yield e.event_id, f"event {data.target} is retracted: this changes nothing, unless it is reinstated"
        elif isinstance(data, RecordRetracted):
            gone.add(data.target)
            reinstated = retractions.get(data.target)
            if reinstated is not None and reinstated.envelope is not None:
                gone.discard(reinstated.envelope.data.target)
