"""A family of many events, kept so that one more folds again only what it moves."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from incidentlog.events.about import is_record_event
from incidentlog.events.recorded import Recorded
from incidentlog.folding.connected import Connected
from incidentlog.folding.fold import Marks, Variants, connected, families_of, merged_streams, variants_of


class Kept:
    """The subjects that some events add up to, at every marking. They are what folding all at one go gives."""

    def __init__(self, events: Sequence[Recorded], zone: str) -> None:
        """`events` are all of the family's so far, in position order; `zone` is the log's."""
        self._marks = Marks(events)
        marks = self._marks.of
        self._seen: Mapping[int, Sequence[Connected]] = {
            level: connected(events, marks, zone, level) for level in sorted(set(marks.values()))
        }
        self._present: dict[str, set[int]] = defaultdict(set)
        for e in events:
            self._present[e.stream].add(marks[e.event_id])
        self.variants: dict[str, Variants] = {s: variants_of(s, self._seen, own) for s, own in self._present.items()}
        self._sizes: dict[str, _Size] = {}
        for own in families_of(events):
            self._sizes.update(dict.fromkeys((e.stream for e in own), _Size(own)))

    def add(self, e: Recorded) -> set[str] | None:
        """Take in one more event: the streams whose subjects may be others now.

        None where it takes a fold of all events; this is then of no more use. So it does where the marking of an event
        becomes another one, and where an event brings streams together that were apart.
        """
        mark = self._marks.add(e)
        if mark not in self._seen or e.stream not in self._sizes:
            return None
        self._sizes[e.stream].add(e)
        touched = {e.stream}
        for level, families in self._seen.items():
            if level < mark:
                continue
            family = next((f for f in families if e.stream in f), None)
            if family is None or any(stream not in family for stream in merged_streams(e)):
                return None
            streams, changed = family.add(e)
            if family.corrections.out_of_order or any(c.type == "record.remarked" for c in changed):
                return None
            touched |= streams
        self._present[e.stream].add(mark)
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


class _Size:
    """Of how many events something is made, and what they weigh."""

    __slots__ = ("events", "weight")

    def __init__(self, events: Sequence[Recorded]) -> None:
        self.events, self.weight = len(events), sum(e.weight for e in events)

    def add(self, e: Recorded) -> None:
        self.events += 1
        self.weight += e.weight
