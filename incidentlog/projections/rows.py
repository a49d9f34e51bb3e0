"""How groups and bodies become the rows that readers see: the same for REST, live and folding afresh."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidentlog.projections.shapes import Cell, Document, Key, Row, Tally
from incidentlog.subjects.values import Model


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
    """Days, inclusive and exclusive, of the dimension `day`."""


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


def document_rows(
    document: Document[Any],
    stored: Iterable[Stored],
    cells: Mapping[str, Sequence[Group]],
    at: datetime,
) -> dict[str, Row]:
    """The rows of documents at an instant, by key, in order, and the rows that are about all of them.

    `cells` are the groups of the document's tally, by the value of its first dimension; those of `Document.tally_keys`
    are wanted. A reader of one key takes only that row: a summary is about all rows and needs them all.
    """
    rows: dict[str, Row] = {}
    for doc in sorted(stored, key=lambda d: d.key):
        own = [group for key in document.tally_keys(doc.key, doc.body) for group in cells.get(key, ())]
        row = document.row(doc.body, at, [cell(document, group) for group in own])
        position, restated = doc.position, doc.restated
        for group in own:
            if group.position > position:
                position, restated = group.position, group.restated
        upcoming = document.next_transition(doc.body, at)
        rows[doc.key] = {**row, "next_transition_at": upcoming, "position": position, "restated": restated}
        if doc.left_out:
            rows[doc.key]["incomplete"] = doc.left_out
    return {**rows, **document.summary(rows)}


def cell(document: Document[Any], group: Group) -> Cell:
    """A group of the document's tally, whose first dimension is the document's key."""
    assert document.tally is not None  # noqa: S101 - only documents with a tally have cells
    return Cell(
        dict(zip(document.tally_by, group.key[1:], strict=True)),
        dict(zip(document.tally.measures, group.sums, strict=True)),
    )


def by_document(groups: Iterable[Group]) -> dict[str, list[Group]]:
    """Groups whose first dimension is a document's key, by that key."""
    found: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if group.key[0] is not None and any(group.sums):
            found[group.key[0]].append(group)
    return found
