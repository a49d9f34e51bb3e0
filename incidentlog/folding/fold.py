"""Corrections, understood here and nowhere else (docs/corrections.md): a family of streams to its subjects.

A family is a stream and whatever merges connect it with. The fold is pure and total: what does not fit is skipped
and listed in the subject's `ignored`, and nothing that is in the log can make it fail.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from incidentlog.events.about import is_record_event
from incidentlog.events.envelope import Actor, Link
from incidentlog.events.record import RecordDisputed, RecordMerged, RecordRemarked, Targeting
from incidentlog.events.recorded import Effective, Recorded
from incidentlog.events.values import Tlp, tlp_level
from incidentlog.folding.connected import Connected, begin, confirmed, place_of
from incidentlog.folding.corrections import Corrections
from incidentlog.folding.subject import Absorbed, Entry, Status, Subject
from incidentlog.zones import by

SUBJECT_VERSION: Final = 8
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
    rank: int
    """How well it is confirmed so far: see `confirmed`."""
    level: int
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
    seen = {level: connected(events, marks, zone, level) for level in levels}
    present: dict[str, set[int]] = defaultdict(set)
    for e in events:
        present[e.stream].add(marks[e.event_id])
    variants = {stream: variants_of(stream, seen, own) for stream, own in present.items()}
    return variants, _grown(seen[levels[0]][0]) if len(levels) == 1 and len(seen[levels[0]]) == 1 else None


def connected(events: Sequence[Recorded], marks: Mapping[UUID, int], zone: str, level: int) -> list[Connected]:
    """What is seen from a marking of some events, by the streams that merges connect there."""
    return [Connected(own, zone, level) for own in families_of([e for e in events if marks[e.event_id] <= level])]


def variants_of(stream: str, seen: Mapping[int, Sequence[Connected]], present: Collection[int]) -> Variants:
    """A stream's subject at each marking, given what is seen from each, lowest first, and how its events are marked.

    There is one where an event of its own is marked so, or where a merge that is visible from there on makes it
    another one than the marking below shows.
    """
    found: dict[int, Subject | Absorbed] = {}
    below: Subject | Absorbed | None = None
    for level, families in seen.items():
        subject = next((family.subject(stream) for family in families if stream in family), None)
        if subject is not None and (level in present or below is None or below != subject):
            found[level] = below = subject
    return found


def _grown(family: Connected) -> Grown | None:
    """What the next event may be taken into, where this is one stream with one marking."""
    events, corrections = family.events, family.corrections
    alone = family.alone
    if alone is None or corrections.awaits or any(e.tlp != corrections.level for e in events):
        return None
    spoken = [e for e in events if e.envelope is not None and not is_record_event(e.type)]
    orders = [(e.envelope.occurred.since, e.position) for e in spoken if e.envelope is not None]
    orders += [corrections.bodies[e.event_id].order for e in spoken if e.event_id in corrections.bodies]
    assert corrections.level is not None  # noqa: S101 - it is seen from one
    return Grown(*alone, corrections.level, max(orders)) if orders else None


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
        grown = Grown(Subject.families.get(e.category, Subject).blank(), 0, e.tlp, order)
    elif e.stream != grown.subject.stream or e.tlp != grown.level or order < grown.latest:
        return None  # another stream is in the family when a merge named it that counts no more
    subject = grown.subject
    body = Effective(e, envelope, place, absorbed=False)
    grown.latest = order
    grown.rank, said = confirmed(grown.rank, subject.verification, envelope.verification)
    common: dict[str, Any] = {
        "stream": e.stream,
        "zone": zone,
        "place": place_of(subject.place if subject.is_current else None, place),  # not that of what was struck out
        "verification": said,
        "entries": (*subject.entries, Entry.of_event(e, occurred)),
    }
    if not subject.is_current:
        common |= begin(body, zone, subject)
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


def markings(events: Sequence[Recorded]) -> dict[UUID, int]:
    """Each event's marking, at the last of them: its own, or what the latest `record.remarked` that counts said.

    What is said of an event is marked as that is, unless higher; what is said of no one event, such as a merge, as what
    it can have been said of. Of events of the world `body` may be left out.
    """
    return Marks(events).of


class Marks:
    """How events are marked, and how one more is that says of none how it is marked."""

    def __init__(self, events: Sequence[Recorded]) -> None:
        """`events` are in position order."""
        self.of = {e.event_id: e.tlp for e in events}
        """By event."""
        self._shown = dict(self.of)
        """The lowest marking that each event ever had: whoever said something of it saw it then."""
        self._told: dict[str, dict[int, int]] = defaultdict(dict)
        """Of what each stream told of the world so far, by the lowest marking that it had: the lowest that it has."""
        if any(e.type == "record.remarked" for e in events):
            _remark(events, self.of, self._shown)
        for e in events:
            self._mark(e)

    def add(self, e: Recorded) -> int:
        """Take in one more, the last by now; its marking."""
        self.of[e.event_id] = self._shown[e.event_id] = e.tlp
        self._mark(e)
        return self.of[e.event_id]

    def join(self, other: "Marks") -> None:
        """Take in how events are marked of which none speaks of one that is known here."""
        self.of |= other.of
        self._shown |= other._shown
        self._told |= other._told

    def _mark(self, e: Recorded) -> None:
        marks, shown, told = self.of, self._shown, self._told
        mark, was = marks[e.event_id], shown[e.event_id]
        if not is_record_event(e.type):
            told[e.stream][was] = min(mark, told[e.stream].get(was, mark))
            return
        # Not as what was always marked higher: who said it did not see that, and nothing there may move them.
        target = spoken_of(e)
        if target is None:
            known = ([now for was, now in told[s].items() if was <= e.tlp] for s in (e.stream, *_absorbed(e)))
            least = [min(there) for there in known if there]
        else:
            least = [marks[target]] if target in shown and shown[target] <= e.tlp else []
        marks[e.event_id] = max(mark, *least, CLEAR)


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
    family = Corrections.of(events)
    for e in events:
        body = family.bodies.get(e.event_id)
        for said in (e.envelope, None if body is None else body.envelope):
            if said is not None and isinstance(said.data, RecordRemarked) and said.data.target in shown:
                shown[said.data.target] = min(shown[said.data.target], tlp_level(said.data.tlp))
        if body is None or not family.counts(e) or not isinstance(body.data, RecordRemarked):
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


def statuses(events: Iterable[Recorded]) -> dict[UUID, Status]:
    """Which of some events count, given, in position order, them and what was said about their records."""
    events = list(events)
    family = _corrected(events)
    return {e.event_id: family.status(e) for e in events}


def _corrected(events: Sequence[Recorded]) -> Corrections:
    """Of some events those that speak of others, and those that are spoken of, corrected: no other can be another."""
    spoken = {spoken_of(e) for e in events if is_record_event(e.type)}
    return Corrections.of([e for e in events if e.event_id in spoken or is_record_event(e.type)])


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
    subjects = Connected(events, zone).subjects().values()
    return {i.event: i.reason for subject in subjects if isinstance(subject, Subject) for i in subject.ignored}


def comes_late(entries: Sequence[Entry], event_id: UUID) -> bool:
    """Whether an event is not the last of its subject by (occurred.start, position), records' events aside."""
    order = {e.event: (e.occurred.since, e.position) for e in entries if not is_record_event(e.type)}
    own = order.get(event_id)
    return own is not None and any(other > own for other in order.values())
