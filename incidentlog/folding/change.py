"""From events to changes: each event's family is folded again, and what differs is a Change."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, cast
from uuid import UUID

from incidentlog.events.about import is_record_event
from incidentlog.events.recorded import Recorded
from incidentlog.folding.fold import (
    Grown,
    Variants,
    comes_late,
    families_of,
    fold_open,
    grow,
    may_grow,
    merged_streams,
)
from incidentlog.folding.kept import Kept
from incidentlog.folding.subject import Absorbed, Subject

MANY: Final = 32
"""From so many events on a family is kept in parts, of which one more event folds few; fewer are folded at one go."""


def seen_at(variants: Mapping[int, Subject | Absorbed | None], level: int) -> Subject | None:
    """What a reader cleared for `level` sees of a stream: the variant of the highest level it may see.

    None when there is none, or when it is part of another there: by a merge, or of other documents.
    """
    highest, variant = -1, None
    for own, there in variants.items():
        if highest < own <= level:
            highest, variant = own, there
    # Asked of every event by every projection: `isinstance` of a model goes a long way round.
    return None if variant is None or type(variant) is Absorbed else cast("Subject", variant)


def same(one: Subject | Absorbed | None, other: Subject | Absorbed | None) -> bool:
    """Whether two states of a stream are equal: mostly they are not made of as many events, which is seen at once."""
    if one is other:
        return True
    if isinstance(one, Subject) and isinstance(other, Subject) and len(one.entries) != len(other.entries):
        return False
    return one == other


class Change(NamedTuple):
    """What one event changed about one stream's subject."""

    position: int
    event_id: UUID
    recorded_at: datetime
    stream: str
    category: str
    """The stream's."""
    before: Variants
    after: Variants
    restates: bool | Mapping[int, bool] | None
    """Whether it changes the past: a correction does. By marking where that hangs on which events a reader sees; None
    where it is to be found out."""
    events: int = 0
    """How many events the subject is made of: those of its family, as merges among them make it."""
    weight: int = 0
    """About how many bytes these take."""

    def restated(self, level: int) -> bool:
        """Whether the past is another one for a reader of a marking: by a correction, or a late event.

        See docs/corrections.md.
        """
        if isinstance(self.restates, bool):
            return self.restates
        if self.restates is not None:
            return self.restates.get(max((own for own in self.restates if own <= level), default=-1), False)
        subject = seen_at(self.after, level)
        return subject is not None and comes_late(subject.entries, self.event_id)

    @property
    def levels(self) -> list[int]:
        """Every marking at which the subject was or is another one, lowest first."""
        return sorted({*self.before, *self.after})

    def below(self, level: int) -> "Change":
        """The change as those see it who may see nothing marked `level` or higher."""
        before, after = ({n: v for n, v in own.items() if n < level} for own in (self.before, self.after))
        return self._replace(before=before, after=after)


@dataclass(slots=True)
class Family:
    """The streams that merges connect, with all their events so far, in position order."""

    streams: set[str]
    events: list[Recorded] = field(default_factory=list)
    variants: dict[str, Variants] | None = None
    """The subjects they add up to; folded when first asked for."""
    grown: Grown | None = None
    kept: Kept | None = None
    """From MANY events on, once one came that was not just the next one."""
    weight: int = 0
    """Of the events, in about bytes."""

    def __post_init__(self) -> None:
        self.weight = sum(e.weight for e in self.events)

    def current(self, zone: str) -> dict[str, Variants]:
        """The subjects that the events so far add up to."""
        if self.variants is None:
            self.variants, self.grown = fold_open(self.events, zone) if self.events else ({}, None)
        return self.variants

    def sizes(self, streams: Collection[str]) -> dict[str, tuple[int, int]]:
        """Of how many events the subjects of some streams are made, and about how many bytes these take.

        By the events alone, of whatever else the family is known to consist: so it is the same when it is read again.
        """
        if self.grown is not None:
            return {self.grown.subject.stream: (len(self.events), self.weight)}
        if self.kept is not None:
            return {stream: self.kept.size_of(stream) for stream in streams}
        sizes: dict[str, tuple[int, int]] = {}
        for own in families_of(self.events):
            sizes.update(dict.fromkeys((e.stream for e in own), (len(own), sum(e.weight for e in own))))
        return sizes

    def add(self, e: Recorded, zone: str) -> "Taken":
        """Take in one more event."""
        before = self.current(zone)
        # Nearly every event comes last in its stream and in the world: the others need not be folded again.
        grown = grow(self.grown, e, zone) if self.grown is not None or not self.events else None
        self.events.append(e)
        self.weight += e.weight
        if grown is not None:
            self.variants, self.grown = {e.stream: {grown.level: grown.subject.complete()}}, grown
            return Taken(before, self.variants, self.variants.keys(), is_record_event(e.type))
        touched = self._fold(e, zone)
        assert self.variants is not None  # noqa: S101 - just folded
        restates = True if is_record_event(e.type) else None if self.kept is None else self.kept.late(e)
        return Taken(before, self.variants, {*before, *self.variants} if touched is None else touched, restates)

    def _fold(self, e: Recorded, zone: str) -> set[str] | None:
        """Fold what the last event moves: which streams; None where it may be all."""
        self.grown = None
        if len(self.events) < MANY:
            self.variants, self.grown = fold_open(self.events, zone)
            return None
        touched = None if self.kept is None else self.kept.add(e)
        if self.kept is None or touched is None:
            self.kept = Kept(self.events, zone)
        self.variants = self.kept.variants
        return touched


class Taken(NamedTuple):
    """What one more event makes of a family's subjects."""

    before: Mapping[str, Variants]
    after: Mapping[str, Variants]
    touched: Collection[str]
    """The streams of which they may be others."""
    restates: bool | Mapping[str, Mapping[int, bool]] | None
    """As a Change says it, by stream."""


class Families:
    """The families that batches touch: by stream, several streams sharing one. Kept from batch to batch."""

    def __init__(
        self, histories: Mapping[str, Sequence[Recorded]] | None = None, links: Sequence[tuple[str, str]] = ()
    ) -> None:
        """As if `take` had been called with these."""
        self._of: OrderedDict[str, Family] = OrderedDict()
        self._weight = 0
        self.take(histories or {}, links)

    def __contains__(self, stream: str) -> bool:
        return stream in self._of

    def take(self, histories: Mapping[str, Sequence[Recorded]], links: Sequence[tuple[str, str]]) -> None:
        """Take in whole families: each stream's events before the batch, and the merges that named them so far."""
        for stream, events in histories.items():
            self._of[stream] = family = Family({stream}, list(events))
            self._weight += family.weight
        for streams in _together(links):
            self._join(streams)

    def changes(self, batch: Sequence[Recorded], zone: str) -> Iterator[Change]:
        """What each event of the batch changes, in position order."""
        for e in batch:
            if absorbed := merged_streams(e):
                self._join((e.stream, *absorbed), zone)
            family = self._of.get(e.stream) or self._family(e.stream)
            before, after, touched, restates = family.add(e, zone)
            self._weight += e.weight
            sizes = family.sizes(touched)
            for stream in sorted(touched) if len(touched) > 1 else touched:
                old, new = before.get(stream, {}), after.get(stream, {})
                if stream == e.stream or old != new:
                    size = sizes.get(stream, (0, 0))
                    category = stream.partition(":")[0]
                    past = restates.get(stream, {}) if isinstance(restates, Mapping) else restates
                    yield Change(e.position, e.event_id, e.recorded_at, stream, category, old, new, past, *size)

    def work(self, e: Recorded, waiting: int) -> int:
        """How many events are folded to take in one more, as far as can be told before: its family's, or it alone.

        `waiting` of its stream are to be taken in before it.
        """
        family = self._of.get(e.stream)
        if family is not None and family.kept is not None:
            return family.kept.work(e)
        known = 0 if family is None else len(family.events)
        grows = known == 0 or (family is not None and family.grown is not None)
        return 1 if grows and may_grow(e.type) else known + waiting + 1

    def forget(self, *, touched: Iterable[str], keep: int, weight: int) -> Sequence[str]:
        """Forget those that were not touched for longest, until at most `keep` streams of a weight are known.

        The last one is kept, whatever it weighs. Answers those that were forgotten.
        """
        forgotten: list[str] = []
        for stream in touched:
            if stream in self._of:
                self._of.move_to_end(stream)
        while len(self._of) > keep or (self._weight > weight and len(self._of) > 1):
            family = next(iter(self._of.values()))
            self.drop([next(iter(self._of))])  # a family is known whole or not at all
            forgotten += family.streams
        return forgotten

    def drop(self, streams: Iterable[str]) -> None:
        """Forget some streams, with the families that they are in."""
        for stream in streams:
            if (family := self._of.get(stream)) is not None:
                for own in family.streams:
                    del self._of[own]
                self._weight -= family.weight

    def _join(self, streams: Iterable[str], zone: str | None = None) -> None:
        """Make one family of those of some streams: of all at once, since each time its events are put in order."""
        families = list({id(family): family for family in map(self._family, streams)}.values())
        if len(families) == 1:
            return
        first, *others = sorted(families, key=lambda family: family.kept is None)  # what is kept of one serves on
        events = _in_order(families)
        joined = Family(set().union(*(family.streams for family in families)), events)
        if zone is not None:  # before the merge they were what each was by itself
            joined.variants = {s: own for family in families for s, own in family.current(zone).items()}
            if first.kept is not None and first.kept.join(_in_order(others)):
                joined.kept = first.kept
        self._of.update(dict.fromkeys(joined.streams, joined))

    def _family(self, stream: str) -> Family:
        family = self._of.get(stream)
        if family is None:
            family = self._of[stream] = Family({stream})
        return family


def _in_order(families: Iterable[Family]) -> list[Recorded]:
    return sorted((e for family in families for e in family.events), key=lambda e: e.position)


def _together(links: Iterable[tuple[str, str]]) -> Iterable[Sequence[str]]:
    """The streams that links connect, however far."""
    found: dict[str, list[str]] = {}
    for pair in links:
        one, other = (found.setdefault(stream, [stream]) for stream in pair)
        if one is not other:
            one += other
            found.update(dict.fromkeys(other, one))
    return {id(streams): streams for streams in found.values()}.values()
