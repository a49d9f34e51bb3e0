"""Corrections, understood here and nowhere else (docs/corrections.md): a family of streams to its subjects.

A family is a stream and whatever merges connect it with. The fold is pure and total: what does not fit is skipped
and listed in the subject's `ignored`, and nothing that is in the log can make it fail.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from incidentlog.events.about import is_record_event
from incidentlog.events.envelope import Actor, Envelope, Link, ResolvedPlace
from incidentlog.events.record import (
    RecordAmended,
    RecordCorroborated,
    RecordDisputed,
    RecordMerged,
    RecordRemarked,
    RecordRetracted,
    Targeting,
)
from incidentlog.events.recorded import AnyEffective, Effective, Recorded, read_envelope
from incidentlog.events.values import Tlp, tlp_level
from incidentlog.folding.subject import Absorbed, Entry, Ignored, Status, Subject
from incidentlog.zones import by

SUBJECT_VERSION: Final = 7
"""Raised when a fold changes its answers: subjects, and what hangs on them, are then rebuilt."""

Variants = Mapping[int, Subject | Absorbed]
"""A stream's subject at each marking that its events carry, or where a merge took it."""

CLEAR, RED = int(Tlp.CLEAR), int(Tlp.RED)


def may_grow(type_name: str) -> bool:
    """Whether an event of a type may be taken in without folding the others again: see `grow`."""
    return type_name == "record.disputed" or not is_record_event(type_name)


N = TypeVar("N", Actor, Link)


class Named:
    """What a subject names, such as its actors: each once, where it was named first, as it was named last.

    It knows the ones of the last tuple that it made by what tells them apart, so that one more takes no look at all.
    """

    __slots__ = ("_known", "_standing")

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Any] = {}
        self._standing: tuple[Any, ...] = ()

    def with_(self, standing: tuple[N, ...], more: Iterable[N]) -> tuple[N, ...]:
        """What was named, and more."""
        if self._standing is not standing:
            self._known = {_apart(each): each for each in standing}
        named = {_apart(each): each for each in more}
        if any(self._known.get(key, each) != each for key, each in named.items()):
            self._known |= named
            self._standing = tuple(self._known.values())
        else:
            fresh: dict[tuple[str, ...], N] = {key: each for key, each in named.items() if key not in self._known}
            self._known |= fresh
            self._standing = (*standing, *fresh.values()) if fresh else standing
        return self._standing


def _apart(each: Actor | Link) -> tuple[str, ...]:
    return (each.code, each.role) if isinstance(each, Actor) else (each.rel, str(each.target))


@dataclass(slots=True)
class Grown:
    """A stream by itself, with one marking, whose next event can be taken in without folding the others again.

    It grows with each: the subjects before are others, and stay what they were.
    """

    subject: Subject
    """Before `complete`."""
    level: int
    rank: int
    """How well it is confirmed so far: see `confirmed`."""
    latest: tuple[datetime, int]
    """The order of its last event, and of what an amended one was before."""
    actors: Named = field(default_factory=Named)
    links: Named = field(default_factory=Named)


def fold_family(events: Sequence[Recorded], zone: str) -> dict[str, Variants]:
    """Every stream's subject at every marking present in the family.

    `events` are all events of the family up to the position asked about, in position order; `zone` is the log's.
    A variant at level L is folded from the events marked up to L. Streams without an event at or below L have no
    variant at L.
    """
    return fold_open(events, zone)[0]


def fold_open(events: Sequence[Recorded], zone: str) -> tuple[dict[str, Variants], Grown | None]:
    """As `fold_family`, and what the next event may be taken into; None where it takes a fold."""
    marks = markings(events)
    levels = sorted(set(marks.values()))
    answer: dict[str, dict[int, Subject | Absorbed]] = defaultdict(dict)
    families = list[_Family]()
    for level in levels:
        present = {e.stream for e in events if marks[e.event_id] == level}
        families = [_Family(own, zone, level) for own in families_of([e for e in events if marks[e.event_id] <= level])]
        for stream, subject in (found for family in families for found in family.subjects().items()):
            # A stream has a variant at this level where one of its own events is marked so, or where a merge that
            # is visible from here on makes its subject another one than the level below shows.
            below = answer[stream]
            if stream in present or not below or below[max(below)] != subject:
                answer[stream][level] = subject
    return {s: v for s, v in answer.items() if v}, families[0].grown(levels) if len(families) == 1 else None


def merged_streams(e: Recorded) -> Sequence[str]:
    """The streams that a merge names as absorbed; none for any other event."""
    if e.type != "record.merged" or e.envelope is None or not isinstance(e.envelope.data, RecordMerged):
        return ()
    return [s for s in e.envelope.data.absorbed if s != e.stream]


def families_of(events: Sequence[Recorded]) -> list[list[Recorded]]:
    """Events by the families that merges among them make.

    Streams that only a merge marked higher names together have nothing to do with each other for who may not see it.
    """
    family = {e.stream: [e.stream] for e in events}
    for e in events:
        for absorbed in merged_streams(e):
            one, other = family[e.stream], family.setdefault(absorbed, [absorbed])
            if one is not other:
                one += other
                family.update(dict.fromkeys(other, one))
    found: dict[int, list[Recorded]] = {}
    for e in events:
        found.setdefault(id(family[e.stream]), []).append(e)
    return list(found.values())


def grow(grown: Grown | None, e: Recorded, zone: str) -> Grown | None:
    """A stream with one more event of its own, last in it and in the world, that speaks of the world, with its marking.

    Or one that disputes what is there: that counts from when it is said. `grown` None: the stream's first event. None
    is answered where it takes more than that: then it is folded afresh, with the same result.
    """
    envelope = e.envelope
    if envelope is None:
        return None
    if is_record_event(e.type):
        return None if grown is None else _disputed(grown, e, by(zone, e.zone_data))
    occurred, place = envelope.occurred, e.place
    order, zone = (occurred.since, e.position), by(zone, e.zone_data)
    if grown is None:
        grown = Grown(Subject.families.get(e.category, Subject).blank(), e.tlp, 0, order)
    elif e.stream != grown.subject.stream or e.tlp != grown.level or order < grown.latest:
        return None  # another stream is in the family when a merge named it that counts no more
    subject = grown.subject
    body = Effective(e, envelope, place, absorbed=False)
    grown.latest = order
    grown.rank, said = confirmed(grown.rank, subject.verification, envelope.verification)
    common: dict[str, Any] = {
        "stream": e.stream,
        "zone": zone,
        "verification": said,
        "entries": (*subject.entries, Entry.of_event(e, occurred)),
    }
    if not subject.is_current:
        common |= _begin(body, zone, subject)
    if place is not None and (subject.place is None or (subject.place.place_id is None and place.place_id is not None)):
        common["place"] = place
    if envelope.actors:
        common["actors"] = grown.actors.with_(subject.actors, envelope.actors)
    if envelope.links:
        common["links"] = grown.links.with_(subject.links, envelope.links)
    grown.subject = subject.but(**common).evolve(body)
    return grown


def _disputed(grown: Grown, e: Recorded, zone: str) -> Grown | None:
    """A stream once one of its events is disputed, as `grow` answers it; None for whatever else is said of a record."""
    subject, envelope = grown.subject, e.envelope
    if envelope is None or not isinstance(envelope.data, RecordDisputed):
        return None
    if e.stream != subject.stream or e.tlp != grown.level or zone != subject.zone:
        return None
    target = envelope.data.target
    if not any(entry.event == target for entry in subject.entries):
        return None  # it speaks of what is yet to come
    grown.rank, said = confirmed(grown.rank, subject.verification, "disputed")
    entries = (*subject.entries, Entry.of_event(e, envelope.occurred))
    grown.subject = subject.but(verification=said, entries=entries)
    return grown


def _begin(first: AnyEffective, zone: str, kind: Subject | type[Subject]) -> dict[str, Any]:
    """When the subject began, by the first event that counts."""
    occurred = first.envelope.occurred
    return {
        "is_current": True,
        "occurred": occurred,
        "since": min(occurred.since, first.recorded.recorded_at),
        "calendar": occurred.buckets(zone, lasting=kind.lasting),
    }


def markings(events: Sequence[Recorded]) -> dict[UUID, int]:
    """Each event's marking, at the last of them: its own, or what the latest `record.remarked` that counts said.

    What is said of an event is marked as that is, unless higher; what is said of no one event, such as a merge, as what
    it can have been said of. Of events of the world `body` may be left out.
    """
    marks = {e.event_id: e.tlp for e in events}
    shown = dict(marks)
    """The lowest marking that each event ever had: whoever said something of it saw it then."""
    if any(e.type == "record.remarked" for e in events):
        _remark(events, marks, shown)
    told: dict[str, dict[int, int]] = defaultdict(dict)
    """Of what each stream told of the world so far, by the lowest marking that it had: the lowest that it has."""
    for e in events:
        mark, was = marks[e.event_id], shown[e.event_id]
        if not is_record_event(e.type):
            told[e.stream][was] = min(mark, told[e.stream].get(was, mark))
            continue
        # Not as what was always marked higher: who said it did not see that, and nothing there may move them.
        target = spoken_of(e)
        if target is None:
            known = ([now for was, now in told[s].items() if was <= e.tlp] for s in (e.stream, *_absorbed(e)))
            least = [min(there) for there in known if there]
        else:
            least = [marks[target]] if target in shown and shown[target] <= e.tlp else []
        marks[e.event_id] = max(mark, *least, CLEAR)
    return marks


def covered(events: Sequence[Recorded], level: int) -> list[Recorded]:
    """Of events, in position order, those that a reader cleared for `level` sees once all of them are known."""
    marks = markings(events)
    return [e for e in events if marks[e.event_id] <= level]


def marking(events: Sequence[Recorded]) -> set[UUID]:
    """Of events, in position order, those that say how others are marked, and what is said of these."""
    found: set[UUID] = set()
    for e in events:
        said = None if e.envelope is None else e.envelope.data
        if isinstance(said, RecordRemarked) or (isinstance(said, Targeting) and said.target in found):
            found.add(e.event_id)
    return found


def _remark(events: Sequence[Recorded], marks: dict[UUID, int], shown: dict[UUID, int]) -> None:
    """Apply what `record.remarked` said: to the markings what counts of it, to the lowest ones all of it."""
    family = _Family(events, "UTC")
    family.correct()
    for e in events:
        body = family.bodies.get(e.event_id)
        for said in (e.envelope, None if body is None else body.envelope):
            if said is not None and isinstance(said.data, RecordRemarked) and said.data.target in shown:
                shown[said.data.target] = min(shown[said.data.target], tlp_level(said.data.tlp))
        if body is None or e.event_id in family.retracted or not isinstance(body.data, RecordRemarked):
            continue
        if body.data.target in marks:
            marks[body.data.target] = tlp_level(body.data.tlp)


def spoken_of(e: Recorded) -> UUID | None:
    """The event of which a record event speaks; None where it is of none, or was erased."""
    data = None if e.envelope is None else e.envelope.data
    return data.target if isinstance(data, Targeting) else None


def _absorbed(e: Recorded) -> Sequence[str]:
    data = None if e.envelope is None else e.envelope.data
    return data.absorbed if isinstance(data, RecordMerged) else ()


def lowest(events: Iterable[Recorded], marks: Mapping[UUID, int]) -> dict[str, int]:
    """From which marking on there is something on each stream: of the world, or where there is none, said about it."""
    least: dict[str, tuple[bool, int]] = {}
    for e in events:
        own = is_record_event(e.type), marks[e.event_id]
        least[e.stream] = min(own, least.get(e.stream, own))
    return {stream: mark for stream, (_, mark) in least.items()}


@dataclass
class _Family:
    """The streams that merges connect, seen from one marking."""

    events: Sequence[Recorded]
    zone: str
    level: int | None = None
    """The marking; None where it is all that is known, whatever its marking."""
    retracted: set[UUID] = field(default_factory=set)
    amended: set[UUID] = field(default_factory=set)
    bodies: dict[UUID, AnyEffective] = field(default_factory=dict)
    ignored: dict[str, list[Ignored]] = field(default_factory=lambda: defaultdict(list))
    into: dict[str, str] = field(default_factory=dict)
    """Each absorbed stream's survivor, one step on."""
    open: dict[str, tuple[Subject, int]] = field(default_factory=dict)
    """Each subject before it was completed, and how well it is confirmed."""

    def __post_init__(self) -> None:
        if self.events:
            self.zone = by(self.zone, self.events[-1].zone_data)

    def subjects(self) -> dict[str, Subject | Absorbed]:
        self.correct()
        self._merge()
        gathered: dict[str, list[Recorded]] = {e.stream: [] for e in self.events}
        for e in self.events:
            gathered[self._root(e.stream)].append(e)
        return {
            s: Absorbed(into=self._root(s)) if s in self.into else self._subject(s, es) for s, es in gathered.items()
        }

    # R1-R3: newest first, since only a later event can correct an earlier one.
    def correct(self) -> None:
        patches: dict[UUID, list[tuple[Recorded, RecordAmended]]] = defaultdict(list)
        types = {e.event_id: e.type for e in self.events}
        for e in reversed(self.events):
            if e.event_id in self.retracted:
                continue
            body = self._amend(e, patches.get(e.event_id, ()))
            if body is None:
                self._ignore(e, "it was erased" if e.body is None else "it does not fit today's rules")
                continue
            self.bodies[e.event_id] = body
            match body.data:
                case RecordRetracted(target=target):
                    self.retracted.add(target)
                case RecordAmended(target=target) if types.get(target) in {
                    "record.retracted",
                    "record.merged",
                }:
                    self._ignore(e, f"a {types[target]} is retracted, not amended")
                case RecordAmended() as amendment:
                    patches[amendment.target].append((e, amendment))

    def _amend(self, e: Recorded, patches: Sequence[tuple[Recorded, RecordAmended]]) -> AnyEffective | None:
        if e.envelope is None:
            return None
        if not patches:
            return Effective(e, e.envelope, e.place, absorbed=False)
        told = [(amendment, said) for amendment, said in reversed(patches)]  # gathered newest first
        patched: _Patched = e.made.get(("patched", self.level)) or _Patched.unpatched(e)
        if not patched.begins(told):
            patched = _Patched.unpatched(e)
        for amendment, said in told[len(patched.told) :]:
            patched = patched.by(e, amendment, said)
        e.made["patched", self.level] = patched
        for amendment in patched.unfit:
            self._ignore(amendment, "the amended event would not be valid")
        if len(patched.unfit) < len(told):
            self.amended.add(e.event_id)
        return Effective(e, patched.envelope, patched.place, absorbed=False)

    # R4: effective merges count in position order.
    def _merge(self) -> None:
        for e in self.events:
            body = self.bodies.get(e.event_id)
            if body is None or e.event_id in self.retracted or not isinstance(body.data, RecordMerged):
                continue
            survivor, absorbed = body.data.survivor, body.data.absorbed
            reason = self._unfit(survivor, absorbed)
            if survivor != e.stream:
                reason = "a merge stands on its survivor's stream"
            if reason is not None:
                self._ignore(e, reason)
                continue
            self.into.update(dict.fromkeys(absorbed, survivor))

    def _unfit(self, survivor: str, absorbed: Iterable[str]) -> str | None:
        for stream in absorbed:
            if stream.partition(":")[0] != survivor.partition(":")[0]:
                return f"{stream} is of another category"
            if stream in self.into:
                return f"{stream} is absorbed already"
            if self._root(survivor) == stream:
                return f"{stream} would be merged into itself"
        return None

    def _root(self, stream: str) -> str:
        while stream in self.into:
            stream = self.into[stream]
        return stream

    def _subject(self, stream: str, events: Sequence[Recorded]) -> Subject:
        kind = Subject.families.get(stream.partition(":")[0], Subject)
        counting = [self.bodies[e.event_id] for e in events if self._counts(e)]
        for body in counting:
            body.absorbed = body.recorded.stream != stream
        standing = [b for b in counting if not is_record_event(b.recorded.type)]
        if len(standing) > 1:
            standing.sort(key=lambda b: b.order)
            _own_first(standing, kind.once)
        notes = [b for b in counting if is_record_event(b.recorded.type)]
        confirmed = {b.data.target for b in notes if isinstance(b.data, RecordCorroborated)}
        rank, verification = _verification(standing, notes)
        common = self._common(kind, stream, standing, events)
        subject = kind(stream=stream, zone=self.zone, **{**common, "verification": verification})
        for body in standing:
            body.corroborated = body.recorded.event_id in confirmed
            subject = subject.evolve(body)
        self.open[stream] = subject, rank
        return subject.complete()

    def grown(self, levels: Sequence[int]) -> Grown | None:
        """What the next event may be taken into, where this is one stream with one marking."""
        if len(levels) != 1 or len(self.open) != 1 or self.into or any(e.tlp != levels[0] for e in self.events):
            return None
        known = {e.event_id for e in self.events}
        spoken_of = (b.data.target for b in self.bodies.values() if isinstance(b.data, Targeting))
        if any(target is not None and target not in known for target in spoken_of):
            return None  # it speaks of what is yet to come
        [(subject, rank)] = self.open.values()
        spoken = [e for e in self.events if e.envelope is not None and not is_record_event(e.type)]
        orders = [(e.envelope.occurred.since, e.position) for e in spoken if e.envelope is not None]
        orders += [self.bodies[e.event_id].order for e in spoken if e.event_id in self.bodies]
        return Grown(subject, levels[0], rank, max(orders)) if orders else None

    def _counts(self, e: Recorded) -> bool:
        return e.event_id in self.bodies and e.event_id not in self.retracted

    def _common(
        self,
        kind: type[Subject],
        stream: str,
        standing: Sequence[AnyEffective],
        events: Sequence[Recorded],
    ) -> dict[str, Any]:
        """The fields that every subject has."""
        own = [b for b in standing if not b.absorbed] or standing
        first = own[0] if own else None
        places = [b.place for b in (*own, *standing) if b.place is not None]
        found = [p for p in places if p.place_id is not None]
        # Each where it was named first, and as the survivor's own record calls it.
        actors = {(a.code, a.role): a for bs in (standing, own) for b in bs for a in b.envelope.actors}
        links = {(li.rel, li.target): li for b in standing for li in b.envelope.links}
        streams = dict.fromkeys(e.stream for e in events)
        return {
            "absorbed": tuple(s for s in streams if s != stream),
            **({} if first is None else _begin(first, self.zone, kind)),
            "place": next(iter(found or places), None),
            "actors": tuple(actors.values()),
            "links": tuple(links.values()),
            "entries": tuple(self._entry(e) for e in events if e.envelope is not None),
            "ignored": tuple(i for s in streams for i in self.ignored.get(s, ())),
        }

    def _entry(self, e: Recorded) -> Entry:
        body = self.bodies.get(e.event_id)
        assert e.envelope is not None  # noqa: S101 - asked of events that parse
        occurred, status = body.envelope.occurred if body else e.envelope.occurred, self.status(e)
        entry: Entry | None = e.made.get(status)
        if entry is None or entry.occurred is not occurred:
            entry = Entry.of_event(e, occurred, status)
            e.made[status] = entry
        return entry

    def status(self, e: Recorded) -> Status:
        """Whether an event counts, once corrections were applied."""
        if e.event_id in self.retracted:
            return "retracted"
        return "amended" if e.event_id in self.amended else "effective"

    def _ignore(self, e: Recorded, reason: str) -> None:
        self.ignored[e.stream].append(Ignored(event=e.event_id, type=e.type, reason=reason))


@dataclass(frozen=True, slots=True)
class _Patched:
    """An event by what some amendments make of it, one after the other."""

    told: tuple[tuple[Recorded, RecordAmended], ...]
    """The amendments, and what each says by those of its own."""
    unfit: tuple[Recorded, ...]
    """Those after which it would not be valid: they change nothing."""
    raw: Mapping[str, Any]
    envelope: Envelope[Any]
    zone_data: str | None
    place: ResolvedPlace | None

    @classmethod
    def unpatched(cls, e: Recorded) -> Self:
        """As it was sent. Only of an event that fits today's rules."""
        assert e.envelope is not None  # noqa: S101 - asked before
        return cls((), (), e.raw, e.envelope, e.zone_data, e.place)

    def begins(self, told: Sequence[tuple[Recorded, RecordAmended]]) -> bool:
        """Whether these amendments are its own, and perhaps more."""
        return len(self.told) <= len(told) and all(
            a is b and said is now for (a, said), (b, now) in zip(self.told, told, strict=False)
        )

    def by(self, e: Recorded, amendment: Recorded, said: RecordAmended) -> Self:
        """The event by one amendment more."""
        told = (*self.told, (amendment, said))
        patch = said.patch.model_dump(mode="json", exclude_unset=True)
        raw = {**self.raw, **{k: merge_patch(self.raw.get(k), v) for k, v in patch.items()}}
        # Dates are meant by the zone data of what said them last: a patch of `occurred` or `data` says them all.
        zone_data = amendment.zone_data if patch.keys() & {"occurred", "data"} else self.zone_data
        envelope = read_envelope(e.type, raw, e.registry, zone_data)
        if envelope is None:
            return replace(self, told=told, unfit=(*self.unfit, amendment))
        place = self.place
        if "place" in patch:
            place = amendment.place if envelope.place is not None else None
        return replace(self, told=told, raw=raw, envelope=envelope, zone_data=zone_data, place=place)


def _own_first(standing: list[AnyEffective], once: Collection[str]) -> None:
    """Put what is absorbed, of types that count once, after the survivor's own events of its type."""
    if not once or not any(b.absorbed for b in standing):
        return
    last = {b.recorded.type: b.order for b in standing if not b.absorbed and b.recorded.type in once}

    def taken(b: AnyEffective) -> tuple[tuple[datetime, int], bool]:
        return max(b.order, last.get(b.recorded.type, b.order)) if b.absorbed else b.order, b.absorbed

    standing.sort(key=taken)


RANKS: Final = {"unverified": 0, "single_source": 1, "corroborated": 2, "verified": 3}


def confirmed(rank: int, verification: str, said: str) -> tuple[int, str]:
    """How far something is confirmed after one more word on it: the best grade so far, which a weaker does not lower.

    A dispute or a refutation counts from when it is said, until something at least as good as before says otherwise.
    """
    return (RANKS.get(said, rank), said) if said not in RANKS or RANKS[said] >= rank else (rank, verification)


def _verification(standing: Sequence[AnyEffective], notes: Sequence[AnyEffective]) -> tuple[int, str]:
    """How far the subject is confirmed, by all that was said, in the order of the log."""
    rank, verification = 0, "unverified"
    for body in sorted((*standing, *notes), key=lambda b: b.position):
        match body.data:
            case RecordCorroborated():
                said = "corroborated"
            case RecordDisputed():
                said = "disputed"
            case _ if is_record_event(body.recorded.type):
                continue
            case _:
                said = body.envelope.verification
        rank, verification = confirmed(rank, verification, said)
    return rank, verification


def statuses(events: Iterable[Recorded]) -> dict[UUID, Status]:
    """Which of some events count, given, in position order, them and what was said about their records."""
    events = list(events)
    family = _corrected(events)
    return {e.event_id: family.status(e) for e in events}


def _corrected(events: Sequence[Recorded]) -> _Family:
    """Of some events those that speak of others, and those that are spoken of, corrected: no other can be another."""
    spoken = {spoken_of(e) for e in events if is_record_event(e.type)}
    family = _Family([e for e in events if e.event_id in spoken or is_record_event(e.type)], "UTC")
    family.correct()
    return family


def started(events: Iterable[Recorded]) -> dict[UUID, datetime]:
    """When events that amendments date otherwise than they did began; given in position order, as for `statuses`."""
    family = _corrected(list(events))
    told = {e.event_id: e.envelope.occurred.since for e in family.events if e.envelope is not None}
    return {
        event_id: family.bodies[event_id].since
        for event_id in family.amended
        if event_id in family.bodies and family.bodies[event_id].since != told[event_id]
    }


def skipped(events: Sequence[Recorded], zone: str) -> dict[UUID, str]:
    """Of events, in position order, those that a reader of all of them sees ignored, each with its reason."""
    subjects = _Family(events, zone).subjects().values()
    return {i.event: i.reason for subject in subjects if isinstance(subject, Subject) for i in subject.ignored}


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes a member, an object is merged into an object, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def comes_late(entries: Sequence[Entry], event_id: UUID) -> bool:
    """Whether an event is not the last of its subject by (occurred.start, position), records' events aside."""
    order = {e.event: (e.occurred.since, e.position) for e in entries if not is_record_event(e.type)}
    own = order.get(event_id)
    return own is not None and any(other > own for other in order.values())
