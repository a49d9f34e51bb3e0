"""From events to changes: each event's family is folded again, and what differs is a Change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from incidentlog.subjects.fold import Variants, fold_family, is_restated
from incidentlog.subjects.record import RecordMerged
from incidentlog.subjects.recorded import Recorded
from incidentlog.subjects.subject import Subject


def seen_at(variants: Variants, level: int) -> Subject | None:
    """What a reader cleared for `level` sees of a stream: the variant of the highest level it may see.

    None when there is none, or when a merge made it part of another.
    """
    visible = [own for own in variants if own <= level]
    variant = variants[max(visible)] if visible else None
    return variant if isinstance(variant, Subject) else None


@dataclass(frozen=True, slots=True)
class Change:
    """What one event changed about one stream's subject."""

    position: int
    event_id: UUID
    recorded_at: datetime
    stream: str
    before: Variants
    after: Variants
    restated: bool
    """Whether it changes the past: a correction, or an event that came late (DOMAIN §5)."""

    @property
    def levels(self) -> list[int]:
        """Every marking at which the subject was or is another one, lowest first."""
        return sorted({*self.before, *self.after})


@dataclass(slots=True)
class Family:
    """The streams that merges connect, with all their events so far, in position order."""

    events: list[Recorded] = field(default_factory=list)
    variants: dict[str, Variants] | None = None
    """The subjects they add up to; folded when first asked for."""

    def current(self, zone: str) -> dict[str, Variants]:
        """The subjects that the events so far add up to."""
        if self.variants is None:
            self.variants = fold_family(self.events, zone) if self.events else {}
        return self.variants


class Families:
    """Every family that a batch touches: by stream, several streams sharing one."""

    def __init__(self, histories: Mapping[str, Sequence[Recorded]], links: Sequence[tuple[str, str]] = ()) -> None:
        """`histories`: each stream's events before the batch; `links`: the streams that merges named so far."""
        self._of = {stream: Family(list(events)) for stream, events in histories.items()}
        for survivor, absorbed in links:
            self._join(survivor, absorbed)

    def changes(self, batch: Sequence[Recorded], zone: str) -> Iterator[Change]:
        """What each event of the batch changes, in position order."""
        for e in batch:
            for absorbed in merged_streams(e):
                self._join(e.stream, absorbed, zone)
            family = self._of.setdefault(e.stream, Family())
            before = family.current(zone)
            family.events.append(e)
            after = family.variants = fold_family(family.events, zone)
            restated = is_restated(family.events, e)
            for stream in sorted({*before, *after}):
                old, new = before.get(stream, {}), after.get(stream, {})
                if stream == e.stream or old != new:
                    yield Change(e.position, e.event_id, e.recorded_at, stream, old, new, restated)

    def _join(self, one: str, other: str, zone: str | None = None) -> None:
        a, b = self._of.setdefault(one, Family()), self._of.setdefault(other, Family())
        if a is b:
            return
        joined = Family(sorted((*a.events, *b.events), key=lambda e: e.position))
        if zone is not None:  # before the merge they were what each was by itself
            joined.variants = {**a.current(zone), **b.current(zone)}
        for stream in [s for s, f in self._of.items() if f is a or f is b]:
            self._of[stream] = joined


def merged_streams(e: Recorded) -> Sequence[str]:
    """The streams that a merge names as absorbed; none for any other event."""
    if e.type != "record.merged" or e.envelope is None or not isinstance(e.envelope.data, RecordMerged):
        return ()
    return [s for s in e.envelope.data.absorbed if s != e.stream]
