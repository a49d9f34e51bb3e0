"""Rows within others: the alert of a raion while its whole oblast has one is a part of that."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from incidentlog.importers.cells import normal, text_of
from incidentlog.importers.making import Made
from incidentlog.importers.mapping import NestedSpec

Span = tuple[datetime, datetime, str]
OPEN: Final = 64
"""How many spans are kept for one area: those that began last."""


class Nesting:
    """Links rows to the wider ones within which they lie. The rows have to come in the order of their starts."""

    def __init__(self, spec: NestedSpec, columns: Mapping[str, list[str]]) -> None:
        """`columns` are the mapping's own names, and what they stand for."""
        self._levels = [[columns.get(name, [name]) for name in names] for names in spec.keys]
        self._spans: dict[tuple[str, ...], list[Span]] = defaultdict(list)

    def link(self, made: Made) -> None:
        """Link the events of a row to the widest row that it lies in."""
        if not made.events:
            return
        keys = self._keys(made)
        start, end = _span(made)
        if not keys or start is None or end is None:
            return
        for key in keys[:-1]:
            for began, ended, stream in self._spans[key]:
                if began <= start and end <= ended:
                    made.within = stream
                    for event in made.events:
                        event.setdefault("links", []).append({"rel": "part_of", "target": stream})
                    return
        spans = [span for span in self._spans[keys[-1]] if span[1] > start]
        self._spans[keys[-1]] = [*spans[-OPEN:], (start, end, made.stream)]

    def _keys(self, made: Made) -> list[tuple[str, ...]]:
        """The areas that the row is in, from the widest to its own."""
        keys: list[tuple[str, ...]] = []
        for columns in self._levels:
            cells = [
                next((normal(text_of(cell)) for c in names if (cell := made.row.cells.get(c))), "") for names in columns
            ]
            if not all(cells):
                break
            keys.append((str(len(keys)), *cells))
        return keys


def _span(made: Made) -> tuple[datetime | None, datetime | None]:
    times = [datetime.fromisoformat(event["occurred"]["start"]) for event in made.events]
    if any(when.tzinfo is None for when in times):
        return None, None
    return min(times), max(times)
