"""The one step that live running, rebuild, replay and folding afresh share: from a Change to what is written."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from incidentlog.events.values import Model
from incidentlog.folding.change import Change, same, seen_at
from incidentlog.folding.fold import Variants
from incidentlog.folding.shapes import (
    FEW,
    MEMBERS,
    Amounts,
    Booking,
    Contribution,
    Document,
    DocumentVersion,
    Key,
    Projection,
    Tally,
)
from incidentlog.folding.subject import Absorbed, Subject


@dataclass(frozen=True, slots=True)
class Name:
    """What a dimension's value is called by whoever may see a marking."""

    dimension: str
    value: str
    level: int
    position: int
    called: str


Cell = tuple[int, datetime, Key]
"""A marking, from when something counts, and the values of a tally's dimensions."""
Entries = dict[Cell, Amounts]
"""What a stream is in a ledger: at each marking the difference to the marking below."""
REMEMBERED: Final = 5_000
"""Of how many streams a step remembers what it booked: most come again soon, or never."""
NAMED: Final = 20_000
"""Of how many values it remembers that they have a name: what is named again keeps the first."""


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
        self._adds = type(self.tally).added is not Tally.added

    def apply(self, change: Change) -> None:
        """Book the change, and note what it calls things. What raises has booked nothing."""
        if self._adds and (more := self._added(change)) is not None:
            self._last.pop(change.stream, None)
            self._book(change, {}, more)
            return
        known = self._last.pop(change.stream, None)
        if known is not None and known[0] is change.before:
            before = known[1]
        else:
            before = entries(self.tally, change.before) if change.before else {}
        self._take(change, before)

    def forget(self, streams: Collection[str]) -> None:
        """Remember no more what was booked of some streams."""
        for stream in self._last.keys() & streams:
            del self._last[stream]

    def restate(self, change: Change, before: Entries) -> None:
        """Book what is, against what a ledger holds of the stream."""
        self._last.pop(change.stream, None)
        self._take(change, before)

    def _take(self, change: Change, before: Entries) -> None:
        after = entries(self.tally, change.after)
        self._book(change, before, after)
        if len(self._last) >= REMEMBERED or len(self._named) >= NAMED:
            self._last.clear()
            self._named.clear()
        self._last[change.stream] = change.after, after

    def _book(self, change: Change, before: Entries, after: Entries) -> None:
        named = self._name(change) if self._names else ()
        if before != after:
            self.bookings += difference(change, before, after)
        if named:
            self.names += named
            self._named.update([(n.dimension, n.value, n.level) for n in named])

    def _added(self, change: Change) -> Entries | None:
        """What a change adds, where it is one marking's and takes none back; None where that is not known."""
        if len(change.before) != 1 or change.before.keys() != change.after.keys():
            return None
        (level,) = change.after
        before, after = change.before[level], change.after[level]
        if type(before) is Absorbed or type(after) is Absorbed:
            return None
        lines = self.tally.added(cast("Subject", before), cast("Subject", after))
        return None if lines is None else _summed(level, lines)

    def _name(self, change: Change) -> list[Name]:
        """What the change calls values that had no name, at each marking, lowest first: the first name stays."""
        found: list[Name] = []
        for level in sorted(change.after) if len(change.after) > 1 else change.after:
            subject = seen_at(change.after, level)
            for (dimension, value), name in () if subject is None else self.tally.names(subject).items():
                if (dimension, value, level) not in self._named:
                    found.append(Name(dimension, value, level, change.position, name))
        return found


def concerning(projection: Projection, changes: Iterable[Change]) -> Iterable[Change]:
    """The changes of subjects that a projection looks at."""
    wanted = projection.categories
    return changes if wanted is None else [c for c in changes if c.category in wanted]


def book(tally: Tally, change: Change) -> list[Booking]:
    """What a ledger takes in of one change."""
    return difference(change, entries(tally, change.before), entries(tally, change.after))


def entries(tally: Tally, variants: Variants) -> Entries:
    """What a stream is in the tally's ledger, so that the sum over the levels up to L is what L sees."""
    if len(variants) == 1:  # as nearly always
        ((level, only),) = variants.items()
        return {} if type(only) is Absorbed else _summed(level, tally.contributions(cast("Subject", only)))
    answer: Entries = {}
    below: Entries = {}
    for level in sorted(variants):
        subject = seen_at(variants, level)
        own = {} if subject is None else _summed(level, tally.contributions(subject))
        answer |= _minus(own, {(level, at, key): amounts for (_, at, key), amounts in below.items()})
        below = own
    return answer


def difference(change: Change, before: Entries, after: Entries) -> list[Booking]:
    """The lines that make of what was booked what is."""
    left = _minus(after, before) if before else after
    if len(left) == 1:  # as nearly always
        (((level, at, key), amounts),) = left.items()
        if not any(amounts):
            return []
        return [Booking(change.position, level, change.stream, at, key, amounts, change.restated(level))]
    restated = {level: change.restated(level) for level in {level for level, _, _ in left}}
    return [
        Booking(change.position, cell[0], change.stream, cell[1], cell[2], left[cell], restated[cell[0]])
        for cell in sorted(left, key=_cell_order)
        if any(left[cell])
    ]


def _minus(entries: Entries, others: Entries) -> Entries:
    """What is left of the one without the other; nothing of a cell in which they agree."""
    left = dict(entries)
    for cell, amounts in others.items():
        own = left.get(cell)
        if own is None:
            left[cell] = tuple([-a for a in amounts])
        elif own == amounts:
            del left[cell]
        else:
            left[cell] = tuple([a - b for a, b in zip(own, amounts, strict=True)])
    return left


def _cell_order(cell: Cell) -> tuple[int, datetime, tuple[str, ...]]:
    level, at, key = cell
    return level, at, tuple([value or "" for value in key])


def _summed(level: int, contributions: Iterable[Contribution]) -> Entries:
    sums: Entries = {}
    for at, dimensions, amounts in contributions:
        cell = level, at, dimensions
        there = sums.get(cell)
        sums[cell] = amounts if there is None else tuple([a + b for a, b in zip(there, amounts, strict=True)])
    return sums


Part = Mapping[int, Subject | None]
"""What a stream is in a document, at each marking at which it may be another than below; None where it is no part."""
Shape = tuple[tuple[int, bool], ...]
"""At which markings a stream may be another member of a document than below, lowest first, and whether it is one."""


@dataclass
class Members:
    """Which subjects make a document, at each marking: what a fold is given, as long as they are few."""

    subjects: dict[str, Part] | None = field(default_factory=dict)
    """None once they were more than `FEW`: from then on it is folded when it is read."""
    shapes: dict[str, Shape] = field(default_factory=dict)
    """Of every stream."""
    weights: dict[str, int] = field(default_factory=dict)
    """About how many bytes each of the subjects takes."""
    _counted: Counter[Shape] = field(default_factory=Counter)

    def put(self, stream: str, part: Part, weight: int = 0) -> None:
        """Take a stream in as it is now, or, with no part at any marking, out."""
        self._put(stream, _shape(part), part, weight)

    def limit(self, stream: str, level: int) -> None:
        """Leave out what a stream is from a marking on."""
        shape = tuple((own, there) for own, there in self.shapes.get(stream, ()) if own < level)
        part = {own: subject for own, subject in (self.subjects or {}).get(stream, {}).items() if own < level}
        self._put(stream, shape, part, self.weights.get(stream, 0))

    def remembered(self, stream: str) -> "Remembered":
        """What `restore` needs to undo what is put in of a stream."""
        subjects = None if self.subjects is None else dict(self.subjects)
        return self.shapes.get(stream, ()), subjects, dict(self.weights)

    def restore(self, stream: str, remembered: "Remembered") -> None:
        """Be what they were."""
        shape, subjects, weights = remembered
        self._put(stream, shape, {}, 0)
        self.subjects, self.weights = subjects, weights

    def _put(self, stream: str, shape: Shape, part: Part, weight: int) -> None:
        if (old := self.shapes.pop(stream, None)) is not None:
            self._counted[old] -= 1
        if self.subjects is not None:
            self.subjects.pop(stream, None)
            self.weights.pop(stream, None)
        if not shape:
            return
        self.shapes[stream] = shape
        self._counted[shape] += 1
        if len(self.shapes) > FEW:
            self.subjects = None
            self.weights.clear()
        if self.subjects is not None:
            self.subjects[stream], self.weights[stream] = part, weight

    @property
    def weight(self) -> int:
        """About how many bytes it takes to remember them."""
        return sum(self.weights.values()) + SHAPE_BYTES * len(self.shapes)

    def count(self, level: int) -> int:
        """How many are part of it for a reader of a marking."""
        return sum(number for shape, number in self._counted.items() if number and _is_part(shape, level))

    @property
    def levels(self) -> set[int]:
        """The markings at which the document may differ from the one below."""
        return {level for shape, number in self._counted.items() if number for level, _ in shape}


Remembered = tuple[Shape, dict[str, Part] | None, dict[str, int]]
SHAPE_BYTES: Final = 200


def _shape(part: Part) -> Shape:
    return tuple((level, subject is not None) for level, subject in sorted(part.items()))


def _is_part(shape: Shape, level: int) -> bool:
    there = False
    for own, is_one in shape:
        if own <= level:
            there = is_one
    return there


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

    def know(self, key: str, stream: str, variants: Variants, weight: int) -> None:
        """Take in a member of a document, as it is where the step begins."""
        self.members.setdefault(key, Members()).put(stream, self._part(key, variants), weight)

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
        undone: list[tuple[Members, Remembered]] = []
        try:
            for key in sorted({*before, *after}):
                members = self.members.setdefault(key, Members())
                was, now = self._part(key, change.before), self._part(key, change.after)
                stood = members.levels
                undone.append((members, members.remembered(change.stream)))
                members.put(change.stream, now, change.weight)
                present = members.levels
                if (key in before) != (key in after):
                    self.memberships.append(Membership(change.position, key, change.stream, key in after))
                levels = stood | present
                if unknown is None:
                    # A reader is told of a change only where the document has another part for it (P5): not where
                    # something marked higher, or marked for another document, moved the stream.
                    touched = {n for n in levels if not same(seen_at(was, n), seen_at(now, n))} | (stood ^ present)
                else:
                    touched = {n for n in {*levels, *change.levels} if n >= unknown}
                for n in sorted(touched):
                    self.versions.append(self._version(key, members, change, n, gone=n not in present))
        except Exception:
            for members, remembered in undone:
                members.restore(change.stream, remembered)
            del self.versions[noted[0] :], self.memberships[noted[1] :]
            raise

    def leave_out(self, stream: str, level: int) -> None:
        """Fold from now on without what a stream is from a marking on."""
        for members in self.members.values():
            members.limit(stream, level)

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

    def _version(self, key: str, members: Members, change: Change, level: int, *, gone: bool) -> DocumentVersion:
        """The document at a marking, or, where the marking is there no more, that it is gone."""
        restated = change.restated(level)
        if gone:
            return DocumentVersion(change.position, level, key, None, restated, gone=True)
        count, body, on_read = members.count(level), None, False
        if members.subjects is None:
            own = seen_at(change.after, level)
            fold_visible(self.document, key, [] if own is None else [own])  # what cannot be folded shows here
            on_read = count > 0
        else:
            body = _fold(self.document, key, visible(members.subjects, level))
        left_out = max(0, count - MEMBERS)
        return DocumentVersion(change.position, level, key, body, restated, left_out=left_out, on_read=on_read)


def visible(subjects: Mapping[str, Part | Variants], level: int) -> list[Subject]:
    """What a reader cleared for `level` sees of some streams, in their order."""
    seen = (seen_at(variants, level) for _, variants in sorted(subjects.items()))
    return [subject for subject in seen if subject is not None]


def fold_visible(document: Document[Any], key: str, subjects: Iterable[Subject]) -> Model | None:
    """A document's body from those of some visible subjects that are part of it, in the order of their streams.

    None where there is none.
    """
    return _fold(document, key, [s for s in subjects if key in document.keys(s)])


def _fold(document: Document[Any], key: str, subjects: list[Subject]) -> Model | None:
    """The body from its subjects; at most MEMBERS are folded: those that began last."""
    if len(subjects) > MEMBERS:
        began = sorted(subjects, key=lambda s: (s.since.timestamp() if s.since else float("-inf"), s.stream))
        subjects = sorted(began[-MEMBERS:], key=lambda s: s.stream)
    body: Model | None = document.fold(key, subjects) if subjects else None
    return body


def touched_keys(document: Document[Any], changes: Sequence[Change]) -> set[str]:
    """The keys whose members must be loaded before `changes` are applied."""
    step = DocumentStep(document)
    return {k for c in changes for k in step.keys(c.before) | step.keys(c.after)}
