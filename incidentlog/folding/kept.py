"""A family of many events, kept so that one more folds again only what it moves."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from incidentlog.events.about import is_record_event
from incidentlog.events.recorded import Recorded
from incidentlog.folding.connected import Connected
from incidentlog.folding.fold import Marks, Variants, connected, families_of, merged_streams, variants_of


class Kept:
    """The subjects that some events add up to, at every marking. They are what folding all at one go gives."""

    def __init__(self, events: Sequence[Recorded], zone: str) -> None:
        """`events` are all of the family's so far, in position order; `zone` is the log's."""
        self._zone = zone
        self._marks = Marks(events)
        marks = self._marks.of
        self._seen = {level: connected(events, marks, zone, level) for level in sorted(set(marks.values()))}
        self._present: dict[str, set[int]] = defaultdict(set)
        self._sizes: dict[str, _Size] = {}
        self.variants: dict[str, Variants] = {}
        self._learn(events, marks)

    def join(self, events: Sequence[Recorded]) -> bool:
        """Take in the events of other streams, in position order, which no merge connects with these yet.

        False where that takes a fold of all events; this is then of no more use. So it does where something is marked
        as nothing is here, and where something was said of an event before it came: it may be among the others.
        """
        marks = Marks(events)
        if not set(marks.of.values()) <= self._seen.keys():
            return False
        for level, families in self._seen.items():
            families.extend(connected(events, marks.of, self._zone, level))
        if any(family.corrections.awaits for family in self._seen[max(self._seen)]):
            return False
        self._marks.join(marks)
        self._learn(events, marks.of)
        return True

    def add(self, e: Recorded) -> set[str] | None:
        """Take in one more event: the streams whose subjects may be others now.

        None where it takes a fold of all events; this is then of no more use. So it does where the marking of an event
        becomes another one, and where a merge names a stream that cannot be seen by who sees the merge.
        """
        mark = self._marks.add(e)
        if mark not in self._seen or e.stream not in self._sizes:
            return None
        named = (e.stream, *merged_streams(e))
        touched = {e.stream}
        for level, families in self._seen.items():
            if level < mark:
                continue
            family = _joined(families, named)
            if family is None:
                return None
            streams, changed = family.add(e)
            if family.corrections.out_of_order or any(c.type == "record.remarked" for c in changed):
                return None
            touched |= streams
        self._present[e.stream].add(mark)
        size = self._sizes[e.stream]
        size.add(e)
        for stream in named:
            if (other := self._sizes[stream]) is not size:
                size.take(other)
                self._sizes |= dict.fromkeys(other.streams, size)
        self.variants = {**self.variants, **{s: variants_of(s, self._seen, self._present[s]) for s in touched}}
        return touched

    def late(self, e: Recorded) -> Mapping[str, Mapping[int, bool]]:
        """Whether the event that was taken in last came late, by the stream of which it is a part and by marking."""
        mark = self._marks.of[e.event_id]
        seen = {n: next(f for f in families if e.stream in f) for n, families in self._seen.items() if n >= mark}
        found = {n: family.late(e) for n, family in seen.items()}
        streams = {stream for stream, _ in found.values()}
        return {s: {n: late and stream == s for n, (stream, late) in found.items()} for s in streams}

    def size_of(self, stream: str) -> tuple[int, int]:
        """Of how many events a stream's subject is made, merged ones among them, and what they weigh in bytes."""
        size = self._sizes.get(stream)
        return (0, 0) if size is None else (size.events, size.weight)

    def work(self, e: Recorded) -> int:
        """How much work it is to take in one more, in events that are folded."""
        known, _ = self.size_of(e.stream)
        if is_record_event(e.type) or e.envelope is None:
            return 1 + known  # each of its events may be another line of a ledger
        since = e.envelope.occurred.since
        later = (f.later(e.stream, since) for families in self._seen.values() for f in families if e.stream in f)
        return 1 + max(later, default=0)

    def _learn(self, events: Sequence[Recorded], marks: Mapping[UUID, int]) -> None:
        """Note of streams what their subjects are, how these are marked, and how large they are."""
        for e in events:
            self._present[e.stream].add(marks[e.event_id])
        streams = dict.fromkeys(e.stream for e in events)
        self.variants = {**self.variants, **{s: variants_of(s, self._seen, self._present[s]) for s in streams}}
        for own in families_of(events):
            size = _Size({e.stream for e in own}, len(own), sum(e.weight for e in own))
            self._sizes |= dict.fromkeys(size.streams, size)


def _joined(families: list[Connected], streams: Collection[str]) -> Connected | None:
    """Of families the one that some streams are in, which now has all of them; None where it takes a fold."""
    named = [family for family in families if any(stream in family for stream in streams)]
    if not named or not all(any(stream in family for family in named) for stream in streams):
        return None
    largest, *others = sorted(named, key=lambda family: -len(family.events))
    if others:
        if not largest.join(others):
            return None
        families[:] = [family for family in families if family not in others]
    return largest


@dataclass(slots=True)
class _Size:
    """Of which streams something is made, of how many events, and what they weigh."""

    streams: set[str]
    events: int
    weight: int

    def add(self, e: Recorded) -> None:
        self.events += 1
        self.weight += e.weight

    def take(self, other: "_Size") -> None:
        self.streams |= other.streams
        self.events += other.events
        self.weight += other.weight
