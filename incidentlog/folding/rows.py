"""How groups and bodies become the rows that readers see: the same for REST, live and folding afresh."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from threading import Lock
from typing import Any, Final, NamedTuple

from incidentlog.events.values import Model
from incidentlog.folding.periods import bounds, calendar_of, days_on
from incidentlog.folding.shapes import Cell, Document, Key, Known, Policies, Row, Tally
from incidentlog.recent import Recent


@dataclass(frozen=True, slots=True)
class Group:
    """The totals of one group: its key, the sums in the order of the tally's measures, the last booking's mark."""

    key: Key
    sums: Sequence[int]
    position: int
    restated: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A document's body as it stands, with the position and mark of the change that made it."""

    key: str
    body: Model
    position: int
    restated: bool
    left_out: int = 0
    """How many subjects were too many for it."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """How a tally is asked: grouped by which dimensions, narrowed to which values."""

    by: tuple[str, ...]
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each dimension named, the values to keep."""
    since: str | None = None
    until: str | None = None
    """The days of a period, inclusive and exclusive: what lies in it by the dimensions of the calendar."""

    @property
    def has_period(self) -> bool:
        """Whether it is of a period."""
        return self.since is not None or self.until is not None

    @property
    def days(self) -> list[tuple[date, date]]:
        """The first and the last day of its period; nothing where it is of no period."""
        if not self.has_period:
            return []
        first, last = bounds(self.since, self.until)
        return [(date.fromordinal(first), date.fromordinal(max(first, last)))]

    def calendar(self, dimensions: Sequence[str]) -> list[int]:
        """Where the dimensions are that say whether something lies in its period; none where it is of no period."""
        return calendar_of(dimensions) if self.has_period else []


ALWAYS: Final = datetime.max.replace(tzinfo=UTC)
"""The instant at which everything counts: details are read so, since each says from when it counts."""


def document_grouping(document: Document[Any], keys: Iterable[str] | None = None) -> Grouping:
    """How a document asks its tally: for all documents, or under some values of the tally's first dimension."""
    assert document.tally is not None  # noqa: S101 - asked of documents with a tally
    first = document.tally.dimensions[0]
    return Grouping((first, *document.tally_by), {} if keys is None else {first: tuple(keys)})


def detail_grouping(details: type[Tally], keys: Iterable[str]) -> Grouping:
    """How details are asked: line by line, under some values of their first dimension."""
    return Grouping(details.dimensions, {details.dimensions[0]: tuple(sorted(keys))})


def detail_days(details: type[Tally], keys: Iterable[str]) -> list[tuple[date, date]]:
    """The days on which these details are: the first and the last of each run; nothing where they may be on any."""
    runs = days_on(keys) if details.on_sheets else []
    return [(date.fromordinal(first), date.fromordinal(last)) for first, last in runs]


Names = Mapping[tuple[str, str], str]
"""What values are called: `{(dimension, value): name}`."""


def row_key(key: Key) -> str:
    """A group's values joined by `|`; null is empty."""
    return "|".join(value or "" for value in key)


def tally_rows(tally: Tally, by: tuple[str, ...], groups: Iterable[Group], names: Names) -> dict[str, Row]:
    """The rows of a tally, by key, in order; a group that has come to nothing has none."""
    rows: dict[str, Row] = {}
    for group in sorted(groups, key=lambda g: row_key(g.key)):
        if not any(group.sums):
            continue
        key = dict(zip(by, group.key, strict=True))
        called = [names[d, v] for d, v in key.items() if v is not None and (d, v) in names]
        shown = tally.row(key, dict(zip(tally.measures, group.sums, strict=True)))
        rows[row_key(group.key)] = {
            **key,
            **({"name": called[0]} if called else {}),
            **shown,
            "position": group.position,
            "restated": group.restated,
        }
    return rows


class Read(NamedTuple):
    """What is known beside a document's body; and the last change of it all, its position and mark."""

    known: Known
    position: int
    restated: bool


CELL_OCTETS: Final = 500
"""About how many octets a cell takes,"""
VALUE_OCTETS: Final = 100
"""and a value of a row."""


class Asked(NamedTuple):
    """What is known beside a document before its details are, and which these are."""

    known: Known
    details: Sequence[str]


@dataclass(frozen=True, slots=True)
class Beside:
    """What was read beside the bodies of documents, as of the same position: groups by their first dimension."""

    cells: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    """Of the documents' tally, at least those of `Document.tally_keys`."""
    details: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    """Of their details, at least those of `Document.detail_keys`."""
    policies: Mapping[str, Stored] = field(default_factory=dict)
    """The policies that were ever changed, of those that the documents hang on."""
    asked: Mapping[tuple[str, datetime], Asked] = field(default_factory=dict)
    """What was asked already, with these cells and policies, of documents by key and instant."""

    def cells_of(self, document: Document[Any], doc: Stored) -> list[Group]:
        """The groups of the tally that are a document's."""
        return [group for key in document.tally_keys(doc.key, doc.body) for group in self.cells.get(key, ())]

    def ask(self, document: Document[Any], doc: Stored, at: datetime) -> Asked:
        """What is known beside a document before its details are, and which of them its row needs."""
        if (asked := self.asked.get((doc.key, at))) is not None:
            return asked
        known = self._known(document, self.cells_of(document, doc))
        return Asked(known, document.detail_keys(doc.body, at, known))

    def known(self, document: Document[Any], doc: Stored, at: datetime) -> Read:
        """What of it is beside a document's body."""
        known, keys = self.ask(document, doc, at)
        details: list[Group] = []
        if document.details is not None:
            details = [group for key in keys for group in self.details.get(key, ())]
            known = replace(known, details=_cells(document.details, document.details.dimensions, details))
        parts: list[Group | Stored] = [doc, *self.cells_of(document, doc), *details, *self.policies.values()]
        last = max(parts, key=lambda part: part.position)  # the first of several: the body says more than its cells
        return Read(known, last.position, last.restated)

    def _known(self, document: Document[Any], cells: Sequence[Group]) -> Known:
        policies: Policies = {}
        if document.thresholds is not None:
            policies = document.thresholds().in_force({name: s.body for name, s in self.policies.items()})
        if document.tally is None:
            return Known(policies=policies)
        return Known(cells=_cells(document.tally, document_grouping(document).by, cells), policies=policies)


@dataclass(frozen=True, slots=True)
class Made:
    """A document's row at an instant, with all that it was made of."""

    doc: Stored
    read: Read
    at: datetime
    row: Row
    weight: int
    """About how many octets it takes."""

    def holds(self, doc: Stored, read: Read, at: datetime) -> bool:
        """Whether the same row is made of some parts at an instant: none changes by itself before it says so."""
        upcoming = self.row["next_transition_at"]
        return self.at <= at and (upcoming is None or at < upcoming) and self.doc == doc and self.read == read


class MadeRows:
    """Rows of documents that were made lately: of the same parts the same row is made, and need not be made again.

    From one position to the next few of very many documents are others. Whoever reads a row must leave it as it is.
    """

    def __init__(self, room: int) -> None:
        """`room` is in octets, about; a row that takes an eighth of it is not kept."""
        self._most = room // 8
        self._held = Recent[tuple[type[Document[Any]], str, int], Made](room, lambda _, made: made.weight)
        self._lock = Lock()  # rows are made in threads

    def __len__(self) -> int:
        return len(self._held)

    def row(self, document: Document[Any], doc: Stored, read: Read, at: datetime) -> Row:
        """The row of a document at an instant: as it was made lately, or made now."""
        key = type(document), doc.key, read.position
        with self._lock:
            made = self._held.get(key)
        if made is not None and made.holds(doc, read, at):
            return made.row
        row = _row_of(document, doc, read, at)
        weight = _weight(row, self._most) + CELL_OCTETS * (len(read.known.cells) + len(read.known.details))
        if weight < self._most:
            with self._lock:
                self._held.put(key, Made(doc, read, at, row, weight))
        return row


def _weight(row: Row, most: int) -> int:
    """About how many octets a row takes, by how many values it has; where that is more than `most`, so many."""
    weight, left = 0, list[Any]([row])
    while left and weight < most:
        value = left.pop()
        weight += VALUE_OCTETS
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            left.extend(value)
    return weight


def document_rows(document: Document[Any], stored: Iterable[Stored], beside: Beside, at: datetime) -> dict[str, Row]:
    """The rows of documents at an instant, by key, in order, and the rows that are about all of them.

    A reader of one key takes only that row: a summary is about all rows and needs them all.
    """
    rows = own_rows(document, stored, beside, at)
    return {**rows, **document.summary(rows)}


def own_rows(
    document: Document[Any], stored: Iterable[Stored], beside: Beside, at: datetime, made: MadeRows | None = None
) -> dict[str, Row]:
    """The rows of some documents at an instant, by key, in order; those that are in `made` are taken from there."""
    make = _row_of if made is None else made.row
    docs = sorted(stored, key=lambda doc: doc.key)
    return {doc.key: make(document, doc, beside.known(document, doc, at), at) for doc in docs}


def _row_of(document: Document[Any], doc: Stored, read: Read, at: datetime) -> Row:
    row, upcoming = document.evaluate(doc.body, at, read.known)
    marks = {"next_transition_at": upcoming, "position": read.position, "restated": read.restated}
    return {**row, **marks, **({"incomplete": doc.left_out} if doc.left_out else {})}


def _cells(tally: type[Tally], by: Sequence[str], groups: Iterable[Group]) -> list[Cell]:
    return [
        Cell(dict(zip(by, group.key, strict=True)), dict(zip(tally.measures, group.sums, strict=True)))
        for group in groups
    ]


def by_document(groups: Iterable[Group]) -> dict[str, list[Group]]:
    """Groups by the value of their first dimension, in the order of the others: however they were summed."""
    found: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if group.key[0] is not None and any(group.sums):
            found[group.key[0]].append(group)
    for own in found.values():
        own.sort(key=lambda group: row_key(group.key))
    return found
