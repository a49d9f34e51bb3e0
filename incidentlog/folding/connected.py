"""What the streams that merges connect add up to, seen from one marking; one more event folds again only what it moves.

What a stream's events make of a subject is folded in the order in which they happened. It is remembered every EVERY of
them, so that a correction, or an event that comes late, folds again what follows it, and not what was before.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Self
from uuid import UUID

from incidentlog.events.about import is_record_event
from incidentlog.events.envelope import Actor, Link, ResolvedPlace
from incidentlog.events.record import RecordCorroborated, RecordDisputed, RecordMerged
from incidentlog.events.recorded import AnyEffective, Recorded
from incidentlog.folding.corrections import Corrections
from incidentlog.folding.subject import Absorbed, Entry, Ignored, Subject
from incidentlog.zones import by

EVERY: Final = 128
"""After how many events what they add up to is remembered: so many more are folded, at most, than had to be."""

RANKS: Final = {"unverified": 0, "single_source": 1, "corroborated": 2, "verified": 3}


class Connected:
    """The streams that merges connect, seen from one marking."""

    def __init__(self, events: Sequence[Recorded], zone: str, level: int | None = None) -> None:
        """`events` are in position order, `zone` is the log's; `level` None is all that is known."""
        self.corrections = Corrections.of(events, level)
        self._log_zone = zone
        self._zone = by(zone, events[-1].zone_data) if events else zone
        self._merges = [e for e in events if e.type == "record.merged"]
        self._subjects: dict[str, Subject | Absorbed] = {}
        self._gather()

    @property
    def events(self) -> Sequence[Recorded]:
        """In position order."""
        return self.corrections.events

    @property
    def alone(self) -> tuple[Subject, int] | None:
        """Where it is one stream: what it adds up to before that is complete, and how well it is confirmed."""
        if len(self._streams) > 1 or self._into:
            return None
        [(stream, root)] = self._roots.items()
        return self._open(stream), root.rank

    def add(self, e: Recorded) -> tuple[set[str], list[Recorded]]:
        """Take in one more event, the last by now: whose subjects may be others, and which events are judged anew."""
        ignored = self.corrections.ignored.copy() if self.corrections.ignored else {}
        changed = self.corrections.add(e)
        zone, self._zone = self._zone, by(self._log_zone, e.zone_data)
        if e.type == "record.merged":
            self._merges.append(e)
            touched = self._merge(e)
        elif any(c.type == "record.merged" for c in changed):
            self._gather()
            return set(self._streams), changed
        else:
            touched = set()
        for c in changed:
            self._put(c)
        touched |= {self._root(c.stream) for c in changed}
        if zone != self._zone or ignored != self.corrections.ignored:
            self._ignored = self._told_ignored()
            touched |= self._roots.keys()
        for stream in touched - self._into.keys():
            self._subjects.pop(stream, None)
        return touched, changed

    def join(self, others: Sequence["Connected"]) -> bool:
        """Take in the streams of others, which nothing that is known here speaks of.

        False where that takes a fold: what is only taken in now was known under other zones of the world.
        """
        if any(other._zone != self._zone for other in others):
            return False
        self.corrections.join([other.corrections for other in others])
        for other in others:
            for root in other._roots.values():
                root.corrections = self.corrections
            self._into |= other._into
            self._unfit |= other._unfit
            self._roots |= other._roots
            self._streams |= other._streams
            self._subjects |= other._subjects
            self._merges += other._merges
        self._merges.sort(key=lambda e: e.position)
        self._ignored = self._told_ignored()
        return True

    def subjects(self) -> dict[str, Subject | Absorbed]:
        """Every stream's subject, or where a merge took it."""
        return {stream: self.subject(stream) for stream in self._streams}

    def subject(self, stream: str) -> Subject | Absorbed:
        """One stream's."""
        found = self._subjects.get(stream)
        if found is None:
            found = self._subjects[stream] = self._open(stream).complete()
        return found

    def _open(self, stream: str) -> Subject:
        root = self._roots[stream]
        return root.subject(self._zone, tuple(i for s in root.streams for i in self._ignored.get(s, ())))

    def __contains__(self, stream: str) -> bool:
        return stream in self._streams

    def late(self, e: Recorded) -> tuple[str, bool]:
        """Of which stream's subject an event is a part, and whether it is not the last one there."""
        stream = self._root(e.stream)
        return stream, self._roots[stream].is_late(e)

    def later(self, stream: str, since: datetime) -> int:
        """How many events of the world a stream's subject is made of that began after an instant."""
        return self._roots[self._root(stream)].later(since)

    def _gather(self) -> None:
        """Bring together what merges make one. R4: those that count do so in position order."""
        self._into: dict[str, str] = {}
        """Each absorbed stream's survivor, one step on."""
        self._unfit: dict[str, list[Ignored]] = defaultdict(list)
        for e in self._merges:
            absorbed, survivor = self._merged(e)
            self._into |= dict.fromkeys(absorbed, survivor)
        self._roots: dict[str, Root] = {}
        self._streams: dict[str, None] = {}
        for e in self.events:
            self._put(e)
        self._ignored = self._told_ignored()
        self._subjects = {s: Absorbed(into=self._root(s)) for s in self._streams if s in self._into}

    def _merged(self, e: Recorded) -> tuple[Sequence[str], str]:
        """What a merge makes one after those before it: the streams that it absorbs, if it counts, and the survivor."""
        body = self.corrections.bodies.get(e.event_id)
        if body is None or not self.corrections.counts(e) or not isinstance(body.data, RecordMerged):
            return (), e.stream
        survivor, absorbed = body.data.survivor, body.data.absorbed
        reason = self._reason(survivor, absorbed)
        if survivor != e.stream:
            reason = "a merge stands on its survivor's stream"
        if reason is None:
            return absorbed, survivor
        self._unfit[e.stream].append(Ignored(event=e.event_id, type=e.type, reason=reason))
        return (), e.stream

    def _merge(self, e: Recorded) -> set[str]:
        """Make one what the last merge of all says is one; the streams whose subjects that makes others."""
        absorbed, survivor = self._merged(e)
        roots = [self._roots.pop(stream) for stream in absorbed if stream in self._roots]
        self._into |= dict.fromkeys(absorbed, survivor)
        into = self._root(survivor)
        if roots and into not in self._roots:
            self._roots[into] = Root(into, self.corrections)
        moved = {stream for root in roots for stream in root.streams}
        for root in roots:
            self._roots[into].absorb(root)
        self._subjects |= dict.fromkeys(moved, Absorbed(into=into))
        self._ignored = self._told_ignored()
        return moved

    def _put(self, e: Recorded) -> None:
        self._streams[e.stream] = None
        stream = self._root(e.stream)
        root = self._roots.get(stream)
        if root is None:
            root = self._roots[stream] = Root(stream, self.corrections)
        root.put(e)

    def _told_ignored(self) -> Mapping[str, Sequence[Ignored]]:
        """What does not fit, by stream: the corrections newest first, then merges."""
        if not self.corrections.ignored:
            return self._unfit
        told: dict[str, list[Ignored]] = defaultdict(list)
        for _, found in sorted(self.corrections.ignored.items(), reverse=True):
            for stream, ignored in found:
                told[stream].append(ignored)
        for stream, unfit in self._unfit.items():
            told[stream] += unfit
        return told

    def _reason(self, survivor: str, absorbed: Iterable[str]) -> str | None:
        for stream in absorbed:
            if stream.partition(":")[0] != survivor.partition(":")[0]:
                return f"{stream} is of another category"
            if stream in self._into:
                return f"{stream} is absorbed already"
            if self._root(survivor) == stream:
                return f"{stream} would be merged into itself"
        return None

    def _root(self, stream: str) -> str:
        while stream in self._into:
            stream = self._into[stream]
        return stream


class Root:
    """One stream's events, with those of the streams that were merged into it."""

    def __init__(self, stream: str, corrections: Corrections) -> None:
        """`corrections` say what each event is."""
        self.corrections = corrections
        self._stream = stream
        self._began: dict[str, int] = {}
        """By stream the position of its first event."""
        self._kind = Subject.families.get(stream.partition(":")[0], Subject)
        self._positions: list[int] = []
        self._entries: list[Entry] = []
        self._bodies: dict[UUID, AnyEffective] = {}
        """Of the events that count."""
        self._standing: list[AnyEffective] = []
        """Those of the world, in the order in which they happened."""
        self._told: dict[bool, tuple[tuple[bool, int], ResolvedPlace]] = {}
        """Where its events were, as they were told: so it is known of a subject of which nothing counts any more.

        By whether they came with a merge, after what makes it the one: see `place_of`.
        """
        self._latest: tuple[datetime, int] | None = None
        """The order of the last event of the world, whether it counts or not; None where it is to be looked for."""
        self._sayings = Sayings()
        self._confirmed = Counter[UUID]()
        self._reached = _Reached(self._kind(stream=stream))
        self._remembered = [self._reached.copy()]

    def put(self, e: Recorded) -> None:
        """Take in an event as it is now, for the first time or again."""
        self._began.setdefault(e.stream, e.position)
        if e.envelope is not None:
            if not is_record_event(e.type) and e.place is not None:
                self._put_told((e.place.place_id is None, e.position), e.place, absorbed=e.stream != self._stream)
            at, entry = bisect_left(self._positions, e.position), self.corrections.entry(e)
            if at < len(self._positions) and self._positions[at] == e.position:
                if self._latest is not None and self._latest[1] == e.position:
                    self._latest = None  # it may have happened earlier by now
                self._entries[at] = entry
            else:
                self._positions.insert(at, e.position)
                self._entries.insert(at, entry)
            if self._latest is not None and not is_record_event(e.type):
                self._latest = max(self._latest, (entry.occurred.since, e.position))
        was = self._bodies.pop(e.event_id, None)
        now = self.corrections.bodies[e.event_id] if self.corrections.counts(e) else None
        if was is not None:
            self._say(was, holds=False)
        if now is not None:
            now.absorbed = e.stream != self._stream
            self._bodies[e.event_id] = now
            self._say(now, holds=True)

    def absorb(self, other: "Root") -> None:
        """Take in all of another, which a merge makes a part of it."""
        self._began |= other._began
        for order, place in other._told.values():
            self._put_told(order, place, absorbed=True)
        both = (*zip(self._positions, self._entries, strict=True), *zip(other._positions, other._entries, strict=True))
        entries = dict(sorted(both, key=itemgetter(0)))
        self._positions, self._entries = list(entries), list(entries.values())
        self._latest = None
        for event_id, body in other._bodies.items():
            body.absorbed = True
            self._bodies[event_id] = body
            self._say(body, holds=True)

    @property
    def streams(self) -> Sequence[str]:
        """By when each began."""
        return sorted(self._began, key=self._began.__getitem__)

    def subject(self, zone: str, ignored: tuple[Ignored, ...]) -> Subject:
        """What it all adds up to, before it is complete."""
        reached = self._reach()
        first = reached.own_first or reached.first
        told: Places = {absorbed: place for absorbed, (_, place) in self._told.items()}
        places = told if first is None else reached.places  # the survivor's own, then what others told
        return reached.subject.but(
            zone=zone,
            absorbed=tuple(s for s in self.streams if s != self._stream),
            **({} if first is None else begin(first, zone, self._kind)),
            place=place_of(places.get(False), places.get(True)),
            actors=tuple((reached.actors | reached.own_actors if self.merged else reached.actors).values()),
            links=tuple(reached.links.values()),
            entries=tuple(self._entries),
            ignored=(*ignored, *reached.subject.ignored),
            verification=self._sayings.verification[1],
        )

    @property
    def merged(self) -> bool:
        """Whether other streams are a part of it."""
        return len(self._began) > (self._stream in self._began)

    @property
    def rank(self) -> int:
        """How well it is confirmed: see `confirmed`."""
        return self._sayings.verification[0]

    def is_late(self, e: Recorded) -> bool:
        """Whether an event that was put in is not the last one: see `comes_late`."""
        if self._latest is None:
            world = [entry for entry in self._entries if not is_record_event(entry.type)]
            self._latest = max(((entry.occurred.since, entry.position) for entry in world), default=None)
        return self._latest is not None and self._latest[1] != e.position

    def later(self, since: datetime) -> int:
        """How many of the standing events began after an instant."""
        return len(self._standing) - bisect_left(self._standing, (since, 0), key=_order)

    def _put_told(self, order: tuple[bool, int], place: ResolvedPlace, *, absorbed: bool) -> None:
        if absorbed not in self._told or order < self._told[absorbed][0]:
            self._told[absorbed] = order, place

    def _say(self, body: AnyEffective, *, holds: bool) -> None:
        match body.data:
            case RecordCorroborated(target=target):
                self._confirmed[target] += 1 if holds else -1
                if (known := self._bodies.get(target)) is not None and not is_record_event(known.recorded.type):
                    known.corroborated = self._confirmed[target] > 0
                    self._reached_only(bisect_left(self._standing, known.order, key=_order))
                self._sayings.put(body.position, "corroborated" if holds else None)
            case RecordDisputed():
                self._sayings.put(body.position, "disputed" if holds else None)
            case _ if is_record_event(body.recorded.type):
                pass
            case _:
                self._stand(body, holds=holds)
                self._sayings.put(body.position, body.envelope.verification if holds else None)

    def _stand(self, body: AnyEffective, *, holds: bool) -> None:
        """Put an event of the world where it happened, or take it out."""
        body.corroborated = self._confirmed[body.recorded.event_id] > 0
        at = bisect_left(self._standing, body.order, key=_order)
        self._standing[at : at if holds else at + 1] = [body] if holds else []
        self._reached_only(at)

    def _in_order(self) -> Sequence[AnyEffective]:
        """The standing events as they are taken: absorbed ones, of types that count once, after the survivor's own."""
        if not self._kind.once or not self.merged:
            return self._standing
        own = {
            b.recorded.type: b.order for b in self._standing if not b.absorbed and b.recorded.type in self._kind.once
        }
        self._reached_only(0)

        def taken(b: AnyEffective) -> tuple[tuple[datetime, int], bool]:
            return max(b.order, own.get(b.recorded.type, b.order)) if b.absorbed else b.order, b.absorbed

        return sorted(self._standing, key=taken)

    def _reached_only(self, number: int) -> None:
        """What so many events add up to is still right."""
        if number < self._reached.number:
            del self._remembered[number // EVERY + 1 :]
            self._reached = self._remembered[-1].copy()

    def _reach(self) -> "_Reached":
        standing, reached = self._in_order(), self._reached
        for body in standing[reached.number :]:
            reached.take(body)
            if reached.number == len(self._remembered) * EVERY:
                self._remembered.append(reached.copy())
        return reached


def _order(body: AnyEffective) -> tuple[datetime, int]:
    return body.order


@dataclass(slots=True)
class _Reached:
    """What the first of some standing events add up to: by `evolve`, and in what all subjects have."""

    subject: Subject
    number: int = 0
    first: AnyEffective | None = None
    own_first: AnyEffective | None = None
    places: "Places" = field(default_factory=dict)
    actors: dict[tuple[str, ...], Actor] = field(default_factory=dict)
    """Each where it was named first, as it was named last."""
    own_actors: dict[tuple[str, ...], Actor] = field(default_factory=dict)
    links: dict[tuple[str, ...], Link] = field(default_factory=dict)

    def copy(self) -> Self:
        return replace(
            self, places=dict(self.places), actors=dict(self.actors), own_actors=dict(self.own_actors),
            links=dict(self.links),
        )  # fmt: skip

    def take(self, body: AnyEffective) -> None:
        """The next event."""
        self.number += 1
        self.subject = self.subject.evolve(body)
        if self.first is None:
            self.first = body
        if self.own_first is None and not body.absorbed:
            self.own_first = body
        _put_place(self.places, body.place, absorbed=body.absorbed)
        named: dict[tuple[str, ...], Actor] = {(a.code, a.role): a for a in body.envelope.actors}
        self.actors |= named
        if not body.absorbed:  # a merged actor is as the survivor's own record calls it
            self.own_actors |= named
        self.links |= {(li.rel, str(li.target)): li for li in body.envelope.links}


Places = dict[bool, ResolvedPlace | None]
"""Where events were, by whether they came with a merge."""


def place_of(known: ResolvedPlace | None, place: ResolvedPlace | None) -> ResolvedPlace | None:
    """Where a subject is once one more place is told: the first that was found in the gazetteer, else the first."""
    if place is not None and (known is None or (known.place_id is None and place.place_id is not None)):
        return place
    return known


def _put_place(places: Places, place: ResolvedPlace | None, *, absorbed: bool) -> None:
    places[absorbed] = place_of(places.get(absorbed), place)


class Sayings:
    """How far a subject is confirmed, by all that was said, in the order of the log."""

    def __init__(self) -> None:
        """Nothing was said."""
        self._positions: list[int] = []
        self._said: list[str] = []
        self._confirmed: list[tuple[int, str]] = []
        """After each, as far as that is known."""

    def put(self, position: int, said: str | None) -> None:
        """What is said at a position; None where nothing is any more."""
        at = bisect_left(self._positions, position)
        there = at < len(self._positions) and self._positions[at] == position
        self._positions[at : at + there] = [] if said is None else [position]
        self._said[at : at + there] = [] if said is None else [said]
        del self._confirmed[at:]

    @property
    def verification(self) -> tuple[int, str]:
        """How well it is confirmed, and what that is called."""
        rank, verification = self._confirmed[-1] if self._confirmed else (0, "unverified")
        for said in self._said[len(self._confirmed) :]:
            rank, verification = confirmed(rank, verification, said)
            self._confirmed.append((rank, verification))
        return rank, verification


def confirmed(rank: int, verification: str, said: str) -> tuple[int, str]:
    """How far something is confirmed after one more word on it: the best grade so far, which a weaker does not lower.

    A dispute or a refutation counts from when it is said, until something at least as good as before says otherwise.
    """
    return (RANKS.get(said, rank), said) if said not in RANKS or RANKS[said] >= rank else (rank, verification)


def begin(first: AnyEffective, zone: str, kind: Subject | type[Subject]) -> dict[str, Any]:
    """When the subject began, by the first event that counts."""
    occurred = first.envelope.occurred
    return {
        "is_current": True,
        "occurred": occurred,
        "since": min(occurred.since, first.recorded.recorded_at),
        "calendar": occurred.buckets(zone, lasting=kind.lasting),
    }
