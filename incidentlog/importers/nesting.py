"""Rows within others: the alert of a raion while its whole oblast has one is a part of that."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from incidentlog.importers.cells import normal, text_of
from incidentlog.importers.making import Made
from incidentlog.importers.mapping import NestedSpec

Span = tuple[datetime, datetime, str]
TOGETHER: Final = 1_000
"""How many rows that begin at one time are held at most, to look for one among them that another lies in."""
OPEN: Final = 64
"""How many spans are kept for one area: those that began last."""


class _Spanned(NamedTuple):
    """A row with the areas that it is in, from the widest to its own, and from when until when it lasts."""

    made: Made
    keys: list[tuple[str, ...]]
    start: datetime | None
    end: datetime | None


class Nesting:
    """Links rows to the wider ones within which they lie. The rows have to come in the order of their starts."""

    def __init__(self, spec: NestedSpec, columns: Mapping[str, list[str]]) -> None:
        """`columns` are the mapping's own names, and what they stand for."""
        self._levels = [[columns.get(name, [name]) for name in names] for names in spec.keys]
        self._spans: dict[tuple[str, ...], list[Span]] = defaultdict(list)

    def linked(self, rows: Iterable[Made]) -> Iterator[Made]:
        """The rows in their order, each linked to the widest that it lies in, which may stand after it.

        Those that begin at one time, up to `TOGETHER` of them, are held until all of them are there.
        """
        together, began = list[_Spanned](), None
        for made in rows:
            spanned = self._spanned(made)
            if together and (spanned.start != began or len(together) == TOGETHER):
                yield from self._link(together)
                together.clear()
            together.append(spanned)
            began = spanned.start
        yield from self._link(together)

    def _spanned(self, made: Made) -> "_Spanned":
        start, end = _span(made) if made.events else (None, None)
        return _Spanned(made, self._keys(made) if start is not None else [], start, end)

    def _link(self, together: Sequence["_Spanned"]) -> Iterator[Made]:
        for made, keys, start, end in together:
            if keys and start is not None and end is not None:
                spans = [span for span in self._spans[keys[-1]] if span[1] > start]
                self._spans[keys[-1]] = [*spans[-OPEN:], (start, end, made.stream)]
        for made, keys, start, end in together:
            if keys and start is not None and end is not None:
                made.within = self._around(keys[:-1], start, end)
            if made.within is not None:
                for event in made.events:
                    event.setdefault("links", []).append({"rel": "part_of", "target": made.within})
            yield made

    def _around(self, keys: Iterable[tuple[str, ...]], start: datetime, end: datetime) -> str | None:
        """The stream of the widest row that a time in some areas lies in."""
        spans = (span for key in keys for span in self._spans.get(key, ()))
        return next((stream for began, ended, stream in spans if began <= start and end <= ended), None)

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
