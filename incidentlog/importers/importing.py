"""The one road for every file: rows in, a mapping, events out; and an account of what became of the rows."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from incidentlog.importers.cells import columns_of
from incidentlog.importers.making import Made, Maker, RowFault
from incidentlog.importers.mapping import Mapping, Value, data_value
from incidentlog.importers.nesting import Nesting
from incidentlog.importers.opening import Progress, opened, whole
from incidentlog.importers.row import Row
from incidentlog.importers.rows import read_rows

BATCH: Final = 1_000
"""How many events are sent together. A row's events are never parted."""
DESTROYED: Final = "\ufffd"
"""Stands where the file's bytes were no text: a name is lost there, and not to be mended."""


@dataclass(slots=True)
class Account:
    """What became of the rows."""

    rows: int = 0
    events: int = 0
    refused: int = 0
    """Rows of which nothing, or not all, was taken in."""
    repaired: int = 0
    shortened: int = 0
    """Texts of which only the beginning fits."""
    destroyed: int = 0
    """Rows with characters that were lost before the file came to us."""
    nested: int = 0
    """Rows that lie within another, and are linked to it."""
    skipped: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)

    def count(self, made: Made) -> None:
        """Take in what a row gave."""
        self.rows += 1
        self.events += len(made.events)
        self.refused += bool(made.faults)
        self.shortened += made.shortened
        self.repaired += bool(made.repairs)
        self.nested += made.within is not None
        self.repairs.update(repair.partition(":")[0] for repair in made.repairs)
        if made.skipped is not None:
            self.skipped[made.skipped] += 1
        self.destroyed += any(DESTROYED in c for c in made.row.cells.values() if type(c) is str and not c.isascii())


def made_of(mapping: Mapping, names: list[str], progress: Progress) -> Iterator[Made]:
    """What each row of some files gives, in their order; raises BadRequest for a file that cannot be read so."""
    rows = _made_of(mapping, names, progress)
    return rows if mapping.nested is None else Nesting(mapping.nested, mapping.columns).linked(rows)


def _made_of(mapping: Mapping, names: list[str], progress: Progress) -> Iterator[Made]:
    with opened(names, progress) as files:
        for file in files:
            maker: Maker | None = None
            for row in whole(file, read_rows(file, mapping.file)):
                if maker is None:
                    maker = Maker(mapping, _columns(row))
                yield maker.make(row)


def _columns(row: Row) -> Iterable[str] | None:
    """The file's columns; those of JSON may differ from row to row."""
    return None if row.said is not None or (row.problem and not row.cells) else row.cells


def batches(rows: Iterable[Made]) -> Iterator[list[Made]]:
    """Rows in batches of about a thousand events."""
    batch: list[Made] = []
    size = 0
    for made in rows:
        batch.append(made)
        size += max(1, len(made.events))
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def column_at(mapping: Mapping, pointer: str) -> str:
    """The columns of which a member of an event was made, by its pointer (RFC 6901); empty where nobody can tell."""
    head, *path = pointer.lstrip("/").split("/")
    spec: Any = {"occurred": mapping.when, "place": mapping.where, "external_ids": mapping.id}.get(head)
    if head == "data":
        return ", ".join(dict.fromkeys(c for e in mapping.events for c in _within(data_value(e.data), path)))
    if spec is None:
        return ""
    said = getattr(spec, path[0], None) if path else None
    return ", ".join(columns_of(said)) if isinstance(said, Value) else ""


def _within(given: Any, path: list[str]) -> list[str]:
    """The columns of the value at a path, or of the one that it leads through."""
    if isinstance(given, Value):
        return columns_of(given)
    if isinstance(given, dict) and path and path[0] in given:
        return _within(given[path[0]], path[1:])
    return []


__all__ = ["Account", "Made", "RowFault", "batches", "column_at", "made_of"]
