"""The one step that live running, rebuild, replay and folding afresh share: from a Change to what is written."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from incidentlog.projections.shapes import (
    MEMBERS,
    Booking,
    Document,
    DocumentVersion,
    Key,
    Projection,
    Tally,
)
from incidentlog.subjects.change import Change, seen_at
from incidentlog.subjects.fold import Variants
from incidentlog.subjects.subject import Absorbed, Subject


@dataclass(frozen=True, slots=True)
class Name:
    """What a dimension's value is called by whoever may see a marking."""

    dimension: str
    value: str
    level: int
    position: int
    called: str


Cell = tuple[datetime, Key]
Sums = dict[Cell, list[int]]
Entries = dict[int, Sums]
"""What a stream is in a ledger: at each marking, the difference to the marking below."""
NOTHING: Final[Entries] = {}
REMEMBERED: Final = 5_000
"""Of how many streams a step remembers what it booked: most come again soon, or never."""
NAMED: Final = 100_000


@dataclass
class TallyStep:
    """Keeps a ledger up with changes: minus what the subject contributed before, plus what it contributes now."""

    tally: Tally
    bookings: list[Booking] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    _last: dict[str, tuple[Variants, Entries]] = field(default_factory=dict)
    _named: set[tuple[str, str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._names = type(self.tally).names is not Tally.names

    def apply(self, change: Change) -> None:
        """Book the change, and note what it calls things. What raises has booked nothing."""
        known = self._last.pop(change.stream, None)
        before = known[1] if known is not None and known[0] is change.before else entries(self.tally, change.before)
        self._take(change, before)

    def restate(self, change: Change, booked: Entries) -> None:
        """Book what is, against what a ledger holds of the stream."""
        self._last.pop(change.stream, None)
        self._take(change, booked)

    def _take(self, change: Change, before: Entries) -> None:
        after = entries(self.tally, change.after)
        named = list(self._name(change)) if self._names else ()
        self.bookings += difference(change, before, after)
        self.names += named
        if len(self._last) >= REMEMBERED or len(self._named) >= NAMED:
            self._last.clear()
            self._named.clear()
        self._last[change.stream] = change.after, after
        self._named.update((n.dimension, n.value, n.level) for n in named)

    def _name(self, change: Change) -> Iterator[Name]:
        """What the change calls values that had no name, at each marking, lowest first: the first name stays."""
        for level in sorted(change.after):
            subject = seen_at(change.after, level)
            for (dimension, value), called in () if subject is None else self.tally.names(subject).items():
                if (dimension, value, level) not in self._named:
                    yield Name(dimension, value, level, change.position, called)


def concerning(projection: Projection, changes: Iterable[Change]) -> Iterable[Change]:
    """The changes of subjects that a projection looks at."""
    wanted = projection.categories
    return changes if wanted is None else (c for c in changes if c.stream.partition(":")[0] in wanted)


def book(tally: Tally, change: Change) -> Iterator[Booking]:
    """What a ledger takes in of one change."""
    return difference(change, entries(tally, change.before), entries(tally, change.after))


def entries(tally: Tally, variants: Variants) -> Entries:
    """What a stream is in the tally's ledger, so that the sum over the levels up to L is what L sees."""
    answer: Entries = {}
    below: Sums = {}
    if len(variants) == 1:  # as nearly always
        ((level, only),) = variants.items()
        if type(only) is not Absorbed and (sums := _sums(tally, cast("Subject", only))):
            answer[level] = sums
        return answer
    for level in sorted(variants):
        sums = _sums(tally, seen_at(variants, level))
        if sums or below:
            answer[level] = sums if not below else _minus(sums, below)
        below = sums
    return answer


def difference(change: Change, before: Entries, after: Entries) -> Iterator[Booking]:
    """The lines that make of what was booked what is."""
    if before == after:
        return
    for level in sorted({*before, *after}) if len(before) > 1 or before.keys() != after.keys() else after:
        new, old = after.get(level, {}), before.get(level, {})
        sums = _minus(new, old) if old else new
        for cell in sorted(sums, key=_cell_order) if len(sums) > 1 else sums:
            if any(sums[cell]):
                yield Booking(
                    position=change.position,
                    level=level,
                    stream=change.stream,
                    at=cell[0],
                    dimensions=cell[1],
                    amounts=tuple(sums[cell]),
                    restated=change.restated(level),
                )


def _minus(sums: Sums, others: Sums) -> Sums:
    """What is left of the one without the other; nothing of a cell in which they agree."""
    left = dict(sums)
    for cell, amounts in others.items():
        own = left.get(cell)
        if own is None:
            left[cell] = [-a for a in amounts]
        elif own == amounts:
            del left[cell]
        else:
            left[cell] = [a - b for a, b in zip(own, amounts, strict=True)]
    return left


def _cell_order(cell: Cell) -> tuple[datetime, tuple[str, ...]]:
    return cell[0], tuple(value or "" for value in cell[1])


def _sums(tally: Tally, subject: Subject | None) -> Sums:
    sums: Sums = {}
    if subject is None:
        return sums
    for contribution in tally.contributions(subject):
        cell = contribution.at, tuple(map(contribution.dimensions.get, tally.dimensions))
        measures = contribution.measures
        amounts = [measures.get(name, 0) for name in tally.measures]
        there = sums.get(cell)
        sums[cell] = amounts if there is None else [a + b for a, b in zip(there, amounts, strict=True)]
    return sums


Part = Mapping[int, Subject | None]
"""What a stream is in a document, at each marking at which it may be another than below; None where it is no part."""


@dataclass
class Members:
    """Which subjects make a document, at each marking: what a fold is given."""

    streams: dict[str, Part] = field(default_factory=dict)

    def put(self, stream: str, part: Part) -> None:
        """Take a stream in as it is now, or, with no part at any marking, out."""
        if part:
            self.streams[stream] = part
        else:
            self.streams.pop(stream, None)

    def seen_at(self, level: int) -> list[Subject]:
        """What a reader cleared for `level` sees of it, in the order of the streams."""
        seen = (part_at(part, level) for _, part in sorted(self.streams.items()))
        return [subject for subject in seen if subject is not None]

    @property
    def levels(self) -> set[int]:
        """The markings at which the document may differ from the one below."""
        return {level for part in self.streams.values() for level in part}


def part_at(part: Part, level: int) -> Subject | None:
    """What a reader cleared for `level` sees of a stream in a document."""
    own = max((own for own in part if own <= level), default=None)
    return None if own is None else part[own]


@dataclass
class Membership:
    """A stream joined a document at a position, or left it."""

    position: int
    key: str
    stream: str
    joined: bool


@dataclass
class DocumentStep:
    """Keeps documents up with changes, given the members of every key that they touch."""

    document: Document[Any]
    members: dict[str, Members] = field(default_factory=dict)
    versions: list[DocumentVersion] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)

    def know(self, subjects: Mapping[str, Mapping[str, Variants]]) -> None:
        """Take in the members of some documents where the step begins: by key and stream."""
        for key, streams in subjects.items():
            members = self.members[key] = Members()
            for stream, variants in streams.items():
                members.put(stream, self._part(key, variants))

    def apply(self, change: Change) -> None:
        """Fold again every document that the change touches, and note the versions and memberships.

        What raises has changed nothing.
        """
        self._take(change, self.keys(change.before), None)

    def restate(self, change: Change, before: Collection[str], level: int) -> None:
        """The same, given the documents that the stream is part of so far: as what, from a marking on, nobody knows."""
        self._take(change, before, level)

    def _take(self, change: Change, before: Collection[str], unknown: int | None) -> None:
        after = self.keys(change.after)
        noted = len(self.versions), len(self.memberships)
        undone: list[tuple[Members, Part]] = []
        try:
            for key in sorted({*before, *after}):
                members = self.members.setdefault(key, Members())
                stood, was, now = members.levels, members.streams.get(change.stream, {}), self._part(key, change.after)
                undone.append((members, was))
                members.put(change.stream, now)
                if (key in before) != (key in after):
                    self.memberships.append(Membership(change.position, key, change.stream, key in after))
                levels = stood | members.levels
                if unknown is None:
                    # A reader is told of a change only where the document has another part for it (P5): not where
                    # something marked higher, or marked for another document, moved the stream.
                    touched = {n for n in levels if part_at(was, n) != part_at(now, n)}
                    touched |= stood ^ members.levels
                else:
                    touched = {n for n in {*levels, *change.levels} if n >= unknown}
                self._fold(key, members, change, touched)
        except Exception:
            for members, part in undone:
                members.put(change.stream, part)
            del self.versions[noted[0] :], self.memberships[noted[1] :]
            raise

    def leave_out(self, stream: str, level: int) -> None:
        """Fold from now on without what a stream is from a marking on."""
        for members in self.members.values():
            if (part := members.streams.get(stream)) is not None:
                members.put(stream, {own: subject for own, subject in part.items() if own < level})

    def keys(self, variants: Variants) -> set[str]:
        """The documents that any variant of a stream is part of."""
        return {key for level in variants if (s := seen_at(variants, level)) for key in self.document.keys(s)}

    def _part(self, key: str, variants: Variants) -> Part:
        """What a stream is in a document. What it is at a marking hangs on nothing that is marked higher."""
        part: dict[int, Subject | None] = {}
        below: Subject | None = None
        for level in sorted(variants):
            subject = seen_at(variants, level)
            if subject is not None and key not in self.document.keys(subject):
                subject = None
            if subject is not None or below is not None:
                part[level] = subject
            below = subject
        return part

    def _fold(self, key: str, members: Members, change: Change, levels: Iterable[int]) -> None:
        """Note the document's versions at some markings; where a marking is there no more, that it is gone."""
        present = members.levels
        for level in sorted(levels):
            if level not in present:
                gone = DocumentVersion(change.position, level, key, None, change.restated(level), gone=True)
                self.versions.append(gone)
                continue
            subjects = members.seen_at(level)
            left_out = max(0, len(subjects) - MEMBERS)
            if left_out:
                subjects = _newest(subjects)
            body = self.document.fold(key, subjects) if subjects else None
            self.versions.append(
                DocumentVersion(change.position, level, key, body, change.restated(level), left_out=left_out)
            )


def _newest(subjects: Sequence[Subject]) -> list[Subject]:
    """As many as may share a document: those that began last, in the order of their streams."""
    began = sorted(subjects, key=lambda s: (s.since.timestamp() if s.since else float("-inf"), s.stream))
    return sorted(began[-MEMBERS:], key=lambda s: s.stream)


def touched_keys(document: Document[Any], changes: Sequence[Change]) -> set[str]:
    """The keys whose members must be loaded before `changes` are applied."""
    step = DocumentStep(document)
    return {k for c in changes for k in step.keys(c.before) | step.keys(c.after)}
