"""The door: what every event passes on its way to the log, from whichever side it comes.

`read` is pure but for the clock: it judges one event by itself and names every fault at once. `admit` asks the log
whether what record events speak of is there.
"""

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from incidentlog.clock import Clock
from incidentlog.door.known import Known, Placed, knows_of_old
from incidentlog.errors import BadRequest, Fault, InvalidEvent, TooLarge
from incidentlog.events.about import is_record_event
from incidentlog.events.envelope import Envelope, EventData, PlaceRef
from incidentlog.events.record import (
    RecordAmended,
    RecordErased,
    RecordMerged,
    RecordRemarked,
    RecordRetracted,
    Targeting,
)
from incidentlog.events.recorded import Recorded
from incidentlog.events.registry import ALWAYS_CLEAR, EventType, Registry
from incidentlog.events.values import (
    TLP_LABELS,
    Occurred,
    Reading,
    end_of_day_instant,
    parse_when,
    start_instant,
)
from incidentlog.folding.corrections import merge_patch
from incidentlog.folding.fold import CLEAR, RED
from incidentlog.ids import is_own, secret_id, uuid7
from incidentlog.nesting import DEPTH, too_deep, walk
from incidentlog.places import PlaceError, PlaceQuery
from incidentlog.store.append import Append
from incidentlog.store.connect import Pool
from incidentlog.store.erase import with_private
from incidentlog.store.read import Seen, existing_streams, read_ids
from incidentlog.subjects import EVENTS
from incidentlog.subjects.actor import ActorRegistered
from incidentlog.subjects.place import PlaceRegistered
from incidentlog.zones import by, data_of, is_zone, packaged, plain_name

LINE: Final = 256 * 1024
"""The most bytes of one event."""
FAULTS: Final = 100
"""The most faults told of one event; more of them only make an answer long."""
POINTER: Final = 500
"""The most characters of where a fault is."""
AHEAD: Final = timedelta(minutes=10)
"""How far a clock may be ahead of ours: nothing happens, or is reported, later than that."""

STREAM = re.compile(r"[a-z]{1,40}:[a-z0-9._-]{1,120}", re.ASCII)


@dataclass(slots=True)
class Candidate:
    """An event that keeps every rule that can be judged without the log."""

    command: Append
    envelope: Envelope[Any]
    names_stream: bool
    """Whether the client named the stream; a record event that did not goes to its target's."""
    warnings: list[Fault] = field(default_factory=list)
    """What its reporter should hear of its place; nothing of that is refused."""

    def lighten(self) -> None:
        """Let go of what is not asked of it any more: eight of ten kilobytes, of which a request may have 100,000.

        Where and when it was is asked by an amendment in the same request. What is said of records, of the registry and
        of ceasefires is kept whole.
        """
        if self.command.type.partition(".")[0] in _ASKED:
            return
        # Not `model_construct`: pydantic 2.14 reads the signature of each `default_factory` every time, for 0.7 ms.
        whole = self.envelope
        self.envelope = whole.of({**vars(whole), **_LIGHT})


_ASKED: Final = frozenset({"record", "evidence", "custody", "place", "actor", "violation"})
"""Of which types of events the data are asked for once they are read, by how they begin."""
_LIGHT: Final[Mapping[str, Any]] = {
    "data": EventData(), "actors": [], "sources": [], "links": [], "external_ids": [], "notes": None, "private": None,
}  # fmt: skip
"""What is in the place of that."""


class Door:
    """Judges events one by one."""

    def __init__(
        self,
        known: Known,
        clock: Clock,
        zone: str,
        registry: Registry = EVENTS,
        *,
        log: UUID | None = None,
        secret: bytes = b"",
    ) -> None:
        """`zone` is the log's, for the times that the server fills in; by its zone data all dates are read.

        `log` is the log's id, which its own events' ids tell. By the `secret` ids are derived from ids elsewhere.
        """
        self._known, self._clock, self._zone, self._registry = known, clock, plain_name(zone), registry
        self._log, self._secret = log, secret
        self._zone_data = data_of(zone) or packaged().id
        self._reading = Reading(self._zone_data, known.knows_actor, is_new=True)

    def supposing(self, codes: Collection[str]) -> "Door":
        """A door that takes these actors' codes for registered, as the set grows: what would be is judged by it."""
        other = copy(self)
        knows = self._known.knows_actor
        other._reading = replace(  # noqa: SLF001 - one of its own kind
            self._reading, knows_actor=lambda code: code in codes or code.partition(".")[0] in codes or knows(code)
        )
        return other

    def read(
        self, raw: bytes, *, recorded_by: str, default_id: UUID | None = None, stream: str | None = None
    ) -> Candidate:
        """One event from its JSON; raises InvalidEvent with every fault, BadRequest for no JSON object, TooLarge.

        `default_id` is the id where the event has none, `stream` the one it must be on (both from the request).
        """
        if len(raw) > LINE:
            raise TooLarge(f"an event may have {LINE} bytes, this one has {len(raw)}")
        raw = raw.removeprefix(BOM_UTF8)  # some programs begin a file with it; RFC 8259 §8.1 lets a reader pass over it
        sent = _parse(raw)
        event_type = self._type(sent)
        if stream is not None:
            if sent.setdefault("stream", stream) != stream:
                raise InvalidEvent(errors=[Fault("/stream", "other_stream", f"the request is for {stream}")])
            raw = orjson.dumps(sent)
        occurred_raw: Any = sent.get("occurred")
        if occurred_raw is None and not event_type.sourced:
            occurred_raw = {"start": self._clock.now().isoformat(), "precision": "minute", "tz": self._zone}
            raw = orjson.dumps({**sent, "occurred": occurred_raw})
        faults: list[Fault] = []
        envelope: Envelope[Any] | None = None
        try:
            envelope = event_type.envelope.model_validate_json(raw, context=self._reading)
        except ValidationError as invalid:
            faults += _faults(invalid.errors(include_url=False, include_input=False), sent)
        faults += self._more_faults(sent, event_type, envelope)
        faults += self._faults_within(raw, sent, envelope)
        resolved = None if envelope is None or faults else self._resolve(envelope, faults)
        if faults or envelope is None:
            raise InvalidEvent(_summary(faults), errors=faults[:FAULTS])
        event_id = envelope.id or default_id or self._derived(envelope, recorded_by) or uuid7(self._clock.now())
        on = envelope.stream or f"{event_type.name.partition('.')[0]}:{event_id}"
        if taken := self._taken(on, envelope.data, "/data"):
            raise InvalidEvent(_summary(taken), errors=taken)
        command = Append(
            event_id=event_id,
            stream=on,
            type=event_type.name,
            schema_version=event_type.version,
            recorded_by=recorded_by,
            tlp=TLP_LABELS.index(envelope.tlp),
            verification=envelope.verification,
            occurred=envelope.occurred,
            occurred_raw=occurred_raw,
            zone_data=self._zone_data,
            body=canonical({k: v for k, v in sent.items() if k not in _NOT_CONTENT}),
            expected_version=envelope.expected_version,
            reported_at=None
            if envelope.reported_at is None
            else end_of_day_instant(envelope.reported_at, envelope.occurred.tz),
            place=resolved and resolved.place,
            actors=tuple(a.code for a in envelope.actors),
            private=None if envelope.private is None else canonical(envelope.private),
        )
        return Candidate(command, envelope, envelope.stream is not None, list(resolved.warnings) if resolved else [])

    def _derived(self, envelope: Envelope[Any], recorded_by: str) -> UUID | None:
        """The id that ids elsewhere stand for under this key: what comes again is the same event.

        Of the key and the log's secret, so that nobody can ask by it what others, or the hidden, have.
        """
        if not envelope.external_ids or is_record_event(envelope.type):
            return None
        elsewhere = (word for x in envelope.external_ids for word in (x.scheme, x.id))
        return secret_id(self._secret, "external_ids", recorded_by, envelope.type, envelope.stream or "", *elsewhere)

    def _resolve(self, envelope: Envelope[Any], faults: list[Fault]) -> Placed | None:
        """The event's place; a fault is added where it cannot be as it is told."""
        if envelope.place is None:
            return None
        try:
            return self._known.resolve(
                envelope.place, [(x.scheme, x.id) for x in envelope.external_ids], year=envelope.occurred.since.year
            )
        except PlaceError as wrong:
            faults.append(Fault(wrong.pointer, wrong.code, str(wrong)))
            return None

    def _type(self, sent: Mapping[str, Any]) -> EventType:
        name, version = sent.get("type"), sent.get("schema_version")
        if not isinstance(name, str):
            raise InvalidEvent(errors=[Fault("/type", "missing" if name is None else "string_type", "name a type")])
        if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
            raise InvalidEvent(errors=[Fault("/schema_version", "int_type", "give a whole number")])
        found = self._registry.find(name, version)
        if found is not None:
            return found
        if name in self._registry.newest:
            raise InvalidEvent(errors=[Fault("/schema_version", "unknown_version", f"{name} has no version {version}")])
        near = get_close_matches(name[:80], self._registry.newest, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InvalidEvent(errors=[Fault("/type", "unknown_type", f"there is no type '{name[:80]}'{hint}")])

    def _more_faults(
        self, sent: Mapping[str, Any], event_type: EventType, envelope: Envelope[Any] | None
    ) -> Iterable[Fault]:
        """What the models cannot say: whose ids are, the stream's category, the clock, markings."""
        if (
            envelope is not None
            and envelope.id is not None
            and self._log is not None
            and is_own(self._log, envelope.id)
        ):
            yield Fault("/id", "reserved", "ids of this form are for events that the log itself makes")
        yield from _stream_faults(sent.get("stream"), event_type)
        if event_type.name.partition(".")[0] in ALWAYS_CLEAR and sent.get("tlp", "CLEAR") != "CLEAR":
            yield Fault("/tlp", "always_clear", f"{event_type.name} is always CLEAR")
        country = (sent.get("place") or {}).get("country") if isinstance(sent.get("place"), dict) else None
        if isinstance(country, str) and not self._known.knows_country(country):
            yield Fault("/place/country", "unknown_code", f"unknown country code '{country[:8]}'")
        latest = self._clock.now() + AHEAD
        occurred = envelope.occurred if envelope is not None else self._occurred(sent.get("occurred"))
        if occurred is not None:
            if occurred.since > latest:
                yield Fault("/occurred/start", "in_the_future", "it has not happened yet")
            reported = envelope.reported_at if envelope is not None else None
            if reported is not None and start_instant(reported, occurred.tz) > latest:
                yield Fault("/reported_at", "in_the_future", "it has not been reported yet")
        if envelope is not None and isinstance(envelope.data, PlaceRegistered):
            yield from self._swapped(envelope.data)

    def _swapped(self, place: PlaceRegistered) -> Iterable[Fault]:
        try:
            self._known.resolver.refuse_swapped(
                PlaceQuery(place.name, country=place.country, lat=place.lat, lon=place.lon)
            )
        except PlaceError as wrong:
            yield Fault("/data/lat", wrong.code, str(wrong))

    def _faults_within(self, raw: bytes, sent: Mapping[str, Any], envelope: Envelope[Any] | None) -> Iterable[Fault]:
        """What is looked for at any depth, where one look at the text says that it may be there."""
        if b"\\u0000" in raw:
            yield from _nul_faults(sent)
        if _ENDS.search(raw):
            yield from _backward_faults(sent.get("data"), self._zone if envelope is None else envelope.occurred.tz)
        if envelope is not None and isinstance(envelope.data, RecordAmended):
            yield from _patch_faults(sent["data"]["patch"])

    def _occurred(self, raw: Any) -> Occurred | None:
        """The time of an event that has other faults, so that its own are told with them."""
        try:
            return Occurred.model_validate(raw, context=self._reading)
        except ValidationError:
            return None

    def _taken(self, stream: str, data: Any, pointer: str) -> list[Fault]:
        """Whether what is registered on a stream is another's: a slug and a code belong to the first to name them."""
        match data:
            case PlaceRegistered(slug=name):
                field, owner = "slug", self._known.owner_of_place(name)
            case ActorRegistered(code=name):
                field, owner = "code", self._known.owner_of_actor(name)
                if knows_of_old(name):
                    return [Fault(f"{pointer}/code", "taken", f"{name} is a state's or an organisation's: it is known")]
            case _:
                return []
        if owner in {None, stream}:
            return []
        return [Fault(f"{pointer}/{field}", "taken", f"{name} is registered on {owner}: say there what is new of it")]

    async def admit(
        self, pool: Pool, candidates: Sequence[Candidate], *, clearance: int = RED
    ) -> dict[int, list[Fault]]:
        """Ask the log for what record events speak of; answers the faults by the candidate's number.

        A target must be earlier in the log or among the candidates before it, and of a marking that the clearance
        covers: nobody corrects, or learns of, what they may not see. A record event without a stream is
        put on its target's, a merge on the survivor's; an amended place is resolved anew.
        """
        if not any(is_record_event(c.command.type) for c in candidates):
            return {}
        targets = (c.envelope.data.target for c in candidates if isinstance(c.envelope.data, Targeting))
        wanted = {target for target in targets if target is not None}
        named = {s for c in candidates if isinstance(c.envelope.data, RecordMerged) for s in _merged(c.envelope.data)}
        named |= {c.command.stream for c in candidates if _of_stream(c)}
        there = await read_ids(pool, wanted, clearance=clearance) if wanted else Seen()
        known = {e.event_id: e for e in there.events}
        marks = {e.event_id: there.mark_of(e) for e in there.events}
        retracted = {r for e in there.events if (r := _retracted(e)) is not None} - known.keys()
        behind = await read_ids(pool, retracted, clearance=clearance) if retracted else Seen()
        behind_it = {e.event_id: e for e in behind.events}
        streams = await existing_streams(pool, named, clearance) if named else {}
        hidden = await _with_private(pool, candidates, known)
        faults: dict[int, list[Fault]] = {}
        earlier: dict[UUID, Candidate] = {}
        for n, candidate in enumerate(candidates):
            found: list[Fault] = []
            data = candidate.envelope.data
            if isinstance(data, Targeting) and data.target is not None:
                target = known.get(data.target) or earlier.get(data.target)
                found = self._about(candidate, data, target)
                if isinstance(data, RecordRetracted) and target is not None:
                    found += _about_retraction(target, {**behind_it, **known, **earlier})
                if isinstance(data, RecordErased) and target is not None:
                    found += _about_erasure(data, target, hidden)
            elif isinstance(data, RecordMerged):
                found = _about_merge(candidate, data, streams)
            elif is_record_event(candidate.command.type) and not candidate.names_stream:
                found = [Fault("/stream", "missing", "name the stream of what this is about")]
            if is_record_event(candidate.command.type) and not found:
                found = _mark(candidate, _least(candidate, marks, streams))
            if found:
                faults[n] = found
            earlier[candidate.command.event_id] = candidate
            command = candidate.command
            marks[command.event_id] = command.tlp
            streams[command.stream] = min(command.tlp, streams.get(command.stream, RED))
        return faults

    def _about(self, candidate: Candidate, data: Targeting, target: Recorded | Candidate | None) -> list[Fault]:
        if target is None:
            return [Fault("/data/target", "unknown_target", f"no event {data.target} is earlier in the log")]
        stream = target.stream if isinstance(target, Recorded) else target.command.stream
        if not candidate.names_stream:
            candidate.command.stream = stream
        if candidate.command.stream != stream:
            return [Fault("/stream", "other_stream", f"the target is on {stream}: so must be what is said of it")]
        if not isinstance(data, RecordAmended):
            return []
        faults = [] if data.patch.place is None else self._resolve_patch(candidate, data, target)
        zone = (data.patch.occurred or {}).get("tz")
        if isinstance(zone, str) and not is_zone(by(zone, self._zone_data)):
            faults.append(Fault("/data/patch/occurred/tz", "unknown_code", f"unknown time zone '{zone[:64]}'"))
        if (names := _named(data)) and target.envelope is not None:
            faults += self._taken(stream, target.envelope.data.model_copy(update=names), "/data/patch/data")
        return faults

    def _resolve_patch(self, candidate: Candidate, data: RecordAmended, target: Recorded | Candidate) -> list[Fault]:
        """Resolve the place that an amendment makes of its target's, and keep it with the amendment."""
        envelope = target.envelope
        was = None if envelope is None or envelope.place is None else envelope.place.model_dump(mode="json")
        year = (envelope or candidate.envelope).occurred.since.year
        try:
            place = PlaceRef.model_validate(merge_patch(was, data.patch.place))
            candidate.command.place, warnings = self._known.resolve(place, year=year)
            candidate.warnings += (replace(w, pointer=f"/data/patch{w.pointer}") for w in warnings)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_input=False)
            return [Fault(f"/data/patch/place{f.pointer}", f.code, f.detail) for f in _faults(errors, {})]
        except PlaceError as wrong:
            return [Fault(f"/data/patch{wrong.pointer}", wrong.code, str(wrong))]
        return []


def _of_stream(candidate: Candidate) -> bool:
    """Whether it is said of what is on its stream, and of no event there."""
    data = candidate.envelope.data
    if isinstance(data, Targeting):
        return data.target is None
    return is_record_event(candidate.command.type) and not isinstance(data, RecordMerged)


def _least(candidate: Candidate, marks: Mapping[UUID, int], streams: Mapping[str, int]) -> int:
    """The least that what is said may be marked: as its target, or as what it speaks of is known to anybody."""
    data = candidate.envelope.data
    if isinstance(data, Targeting) and data.target is not None:
        return marks[data.target]
    if isinstance(data, RecordMerged):
        return max(streams.get(stream, CLEAR) for stream in _merged(data))
    return streams.get(candidate.command.stream, CLEAR)


def _mark(candidate: Candidate, least: int) -> list[Fault]:
    """Mark what is said of an event as that is marked, unless the client said higher; lower is refused.

    What lowers a marking may be as low as that. Of a registry nothing is said but to everybody.
    """
    command, data = candidate.command, candidate.envelope.data
    if command.stream.partition(":")[0] in ALWAYS_CLEAR:
        return list(_hiding(command, data))
    if "tlp" not in candidate.envelope.model_fields_set:
        command.tlp = least
    if isinstance(data, RecordRemarked):
        least = min(least, TLP_LABELS.index(data.tlp))
    if command.tlp >= least:
        return []
    return [Fault("/tlp", "below_target", f"what this is about is {TLP_LABELS[least]}: so must this be, or higher")]


def _hiding(command: Append, data: Any) -> Iterable[Fault]:
    """What would be told of a registry to some, and hidden from others who depend on it."""
    if command.tlp != CLEAR:
        yield Fault("/tlp", "always_clear", f"what is said on {command.stream} is always CLEAR")
    if isinstance(data, RecordRemarked) and data.tlp != TLP_LABELS[CLEAR]:
        yield Fault("/data/tlp", "always_clear", f"what is on {command.stream} is always CLEAR")


async def _with_private(pool: Pool, candidates: Iterable[Candidate], known: Mapping[UUID, Recorded]) -> set[int]:
    """Where the targets are that have a private part, of those whose private part is to be erased."""
    erasures = [c.envelope.data for c in candidates if isinstance(c.envelope.data, RecordErased)]
    positions = [known[e.target].position for e in erasures if e.part == "private" and e.target in known]
    return await with_private(pool, positions) if positions else set()


_LASTING: Final = frozenset({"record.erased", "record.remarked"})
"""Whose bodies stay: one says what was erased, the other what is to stay hidden."""


def _retracted(of: Recorded | Candidate) -> UUID | None:
    """Which event it retracts, if it does."""
    data = None if of.envelope is None else of.envelope.data
    return data.target if isinstance(data, RecordRetracted) else None


def _about_retraction(target: Recorded | Candidate, known: Mapping[UUID, Recorded | Candidate]) -> list[Fault]:
    """Whether it is said of the event itself: what reinstates an event is not retracted, but the event once more.

    Chains of retractions would be work that grows with the square of their length.
    """
    undone = _retracted(target)
    reinstated = None if undone is None or undone not in known else _retracted(known[undone])
    if reinstated is None:
        return []
    return [Fault("/data/target", "reinstatement", f"the target reinstates {reinstated}: retract that event again")]


def _about_erasure(data: RecordErased, target: Recorded | Candidate, hidden: Collection[int]) -> list[Fault]:
    """Whether the part is there to be erased; one that is erased already is no fault: it was to go, and is gone."""
    kind = target.type if isinstance(target, Recorded) else target.command.type
    if data.part == "body" and kind in _LASTING:
        return [Fault("/data/part", "not_erasable", f"the body of a {kind} stays")]
    if isinstance(target, Recorded):
        there = data.part == "body" or target.position in hidden
    else:
        there = data.part == "body" or target.command.private is not None
    return [] if there else [Fault("/data/part", "no_such_part", "the event has no private part")]


_NOT_CONTENT = frozenset({"id", "expected_version", "private"})
"""What is kept beside the body: the id in meta, the private part by itself, the version not at all."""


def canonical(value: Mapping[str, Any]) -> str:
    """The one serialisation of a JSON object: keys sorted, no white space, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        sent = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth limit" in error.msg:
            raise _too_deep("") from None
        detail = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise BadRequest(detail, errors=[Fault("", "not_json", detail)]) from None
    if not isinstance(sent, dict):
        raise BadRequest(errors=[Fault("", "not_an_object", "an event is a JSON object")])
    # Nearly every event has fewer brackets than may lie in one another.
    if raw.count(b"{") + raw.count(b"[") > DEPTH and (path := too_deep(sent)) is not None:
        raise _too_deep(_joined(path))
    # A name that comes twice would lose a value in silence. Each name has a colon, and a colon is written in no other
    # way than itself or \u003a, so one look at the numbers of colons clears nearly every event.
    if (b"\\u003" in raw or raw.count(b":") != orjson.dumps(sent).count(b":")) and (faults := _repeated_names(raw)):
        raise InvalidEvent(_summary(faults), errors=faults[:FAULTS])
    return sent


def _too_deep(pointer: str) -> BadRequest:
    detail = f"more than {DEPTH} objects and lists lie in one another"
    return BadRequest(detail, errors=[Fault(pointer, "too_deep", detail)])


class _Object(dict[str, Any]):
    """A JSON object that remembers the names that came twice."""

    repeated: Sequence[str] = ()


def _repeated_names(raw: bytes) -> list[Fault]:
    def keep(pairs: list[tuple[str, Any]]) -> _Object:
        made = _Object(pairs)
        if len(made) < len(pairs):
            made.repeated = [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]
        return made

    sent = json.loads(raw, object_pairs_hook=keep)
    repeated = (
        Fault(_joined((*path, name)), "repeated_name", "the name comes twice in one object")
        for path, value in walk(sent)
        if isinstance(value, _Object)
        for name in value.repeated
    )
    return list(islice(repeated, FAULTS))


def _summary(faults: Sequence[Fault]) -> str:
    return "1 fault" if len(faults) == 1 else f"{len(faults)} faults"


def _faults(errors: Iterable[ErrorDetails], sent: Mapping[str, Any]) -> list[Fault]:
    """Each fault once, where the client can find it; branches of a union are ours, not the client's."""
    found: dict[tuple[str, str], Fault] = {}
    for error in errors:
        fault = Fault(_pointer(error["loc"], sent), error["type"], error["msg"])
        found.setdefault((fault.pointer, fault.code), fault)
    return list(found.values())


def _pointer(loc: Sequence[str | int], sent: Any) -> str:
    """The RFC 6901 pointer of pydantic's path, as far as it leads through what was sent."""
    parts: list[str | int] = []
    at = sent
    for n, part in enumerate(loc):
        here = (isinstance(at, dict) and part in at) or (isinstance(at, list) and isinstance(part, int))
        if not here and not (n == len(loc) - 1 and isinstance(at, dict) and part != "[key]"):
            break
        parts.append(part)
        at = (at.get(part) if isinstance(at, dict) else at[part] if int(part) < len(at) else None) if here else None
    return _joined(parts)


def _joined(path: Iterable[str | int]) -> str:
    """The RFC 6901 pointer of a path; of one that is longer than anybody reads, its beginning."""
    told = "".join("/" + str(part)[:POINTER].replace("~", "~0").replace("/", "~1") for part in path)
    return told if len(told) <= POINTER else told[:POINTER] + "…"


def _nul_faults(sent: Mapping[str, Any]) -> Iterable[Fault]:
    """U+0000 is JSON and does not fit in PostgreSQL text."""
    found = (
        Fault(_joined(path), "nul", "U+0000 cannot be kept")
        for path, value in walk(sent)
        if ("\0" in value if isinstance(value, str) else isinstance(value, dict) and any("\0" in key for key in value))
    )
    return islice(found, FAULTS)


_STARTS: Final = {
    "until": "from",
    "to": "from",
    "end": "start",
    "effective_until": "effective_from",
    "stated_until": "stated_from",
    "field_to": "field_from",
}
"""What ends, and what begins it, in one object."""
_ENDS: Final = re.compile(rb'"(until|to|end|effective_until|stated_until|field_to)"')


def _backward_faults(data: Any, zone: str) -> Iterable[Fault]:
    """Where something ends before it starts, in an event's data or in a patch; what is no time is told elsewhere."""
    for path, value in walk(data):
        if not isinstance(value, dict):
            continue
        for end, start in _STARTS.items():
            begins, ends = _time(value.get(start)), _time(value.get(end))
            if begins is not None and ends is not None and start_instant(ends, zone) < start_instant(begins, zone):
                yield Fault(_joined(("data", *path, end)), "ends_before_start", f"{end} is before {start}")


def _time(value: Any) -> date | datetime | None:
    return parse_when(value) if isinstance(value, str) else None


_LIKE_A_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII)


def _patch_faults(patch: Any) -> Iterable[Fault]:
    """A patch is read as data only when it is applied: a date or a time in it that is none is told here."""
    for path, value in walk(patch):
        if isinstance(value, str) and _LIKE_A_TIME.fullmatch(value) and _time(value) is None:
            yield Fault(_joined(("data", "patch", *path)), "not_a_time", "there is no such date, time or offset")


def _stream_faults(stream: Any, event_type: EventType) -> Iterable[Fault]:
    if stream is None and len(event_type.categories) > 1:
        choice = " or ".join(event_type.categories)
        yield Fault("/stream", "missing", f"name the stream: {event_type.name} stands on a {choice}")
    if not isinstance(stream, str) or not STREAM.fullmatch(stream):
        return
    category = stream.partition(":")[0]
    if event_type.categories and category not in event_type.categories:
        choice = " or ".join(event_type.categories)
        yield Fault("/stream", "wrong_category", f"{event_type.name} stands on a {choice}, not on a {category}")


def _merged(data: RecordMerged) -> Iterable[str]:
    return (data.survivor, *data.absorbed)


def _named(data: RecordAmended) -> dict[str, str]:
    """What an amendment makes of the names by which something may be registered."""
    patch = data.patch.data or {}
    return {name: value for name in ("slug", "code") if isinstance(value := patch.get(name), str)}


def _about_merge(candidate: Candidate, data: RecordMerged, streams: Collection[str]) -> list[Fault]:
    faults = []
    if not candidate.names_stream:
        candidate.command.stream = data.survivor
    if candidate.command.stream != data.survivor:
        faults.append(Fault("/stream", "other_stream", "a merge stands on the survivor's stream"))
    if data.survivor not in streams:
        faults.append(Fault("/data/survivor", "unknown_target", f"no stream {data.survivor} is in the log"))
    for n, absorbed in enumerate(data.absorbed):
        if absorbed not in streams:
            faults.append(Fault(f"/data/absorbed/{n}", "unknown_target", f"no stream {absorbed} is in the log"))
    return faults
