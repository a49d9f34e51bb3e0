"""The figures of a tally's rows: their names, groups in the order of one, and what they were before. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from incidentlog.folding.rows import Group, row_key
from incidentlog.folding.shapes import Key, Row, Tally

Figure = int | float | None
UNKNOWN: Final[dict[str, Figure]] = {"absolute": None, "relative": None}
"""How something changed of which one or the other is not known. For reading only."""


def leaves(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What a row holds, with the names of nested members joined by dots (`killed.best`)."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def specimen(tally: Tally, by: Sequence[str]) -> Row:
    """A row that has every member that a row of the tally may have, whatever its values."""
    return tally.row(dict.fromkeys(by, "1970-01-01"), dict.fromkeys(tally.measures, 1))


def figure_names(tally: Tally, by: Sequence[str]) -> list[str]:
    """The numbers that the rows of a grouping show, in their order."""
    return [name for name, value in leaves(specimen(tally, by)).items() if _is_number(value)]


@dataclass(frozen=True, slots=True)
class Leading:
    """The groups of a question that are shown, in their order, and what the others add up to."""

    keys: Sequence[Key]
    now: Sequence[Group]
    before: Sequence[Group] = ()
    """Of the period that they are compared with."""
    rest: Row | None = None
    """The figures of those left out of `now`, all in one, with how many `rows` they are; None where none is."""


def leading(
    tally: Tally,
    by: Sequence[str],
    order_by: str | None,
    top: int | None,
    now: Sequence[Group],
    before: Sequence[Group] = (),
) -> Leading:
    """The first groups of a question: the largest first, unknown ones last, equal ones by key.

    It looks at sums alone, so that of very many groups only those are made rows that are shown. `order_by` None is by
    key, `top` None is all. A group of which only `before` has something is nothing now.
    """
    is_, was = _something(now), _something(before)
    keys = sorted({**is_, **was}, key=row_key)
    if order_by is not None:
        values = _values(tally, by, order_by, keys, is_, was)
        known = sorted((key for key in keys if values[key] is not None), key=values.__getitem__, reverse=True)
        keys = known + [key for key in keys if values[key] is None]
    shown, others = keys[:top], [is_[key] for key in keys[top:] if key in is_] if top is not None else []
    return Leading(
        shown,
        [is_[key] for key in shown if key in is_],
        [was[key] for key in shown if key in was],
        _together(tally, by, others) if others else None,
    )


def _something(groups: Iterable[Group]) -> dict[Key, Group]:
    return {group.key: group for group in groups if any(group.sums)}


def _together(tally: Tally, by: Sequence[str], groups: Sequence[Group]) -> Row:
    sums = np.array([group.sums for group in groups], np.int64).sum(axis=0).tolist()
    return {"rows": len(groups), **tally.row(dict.fromkeys(by), dict(zip(tally.measures, sums, strict=True)))}


def _values(
    tally: Tally,
    by: Sequence[str],
    name: str,
    keys: Iterable[Key],
    now: Mapping[Key, Group],
    before: Mapping[Key, Group],
) -> dict[Key, Any]:
    """What groups are ordered by; None where it is not known."""
    if name in by:
        return {key: key[by.index(name)] for key in keys}
    match name.split("."):
        case ["previous", *path]:
            was = _Figure(tally, by, path)
            return {key: was.of(key, before.get(key)) for key in keys}
        case ["change", *path, how]:
            figure = _Figure(tally, by, path)
            return {key: _change(figure.of(key, before.get(key)), figure.of(key, now.get(key)))[how] for key in keys}
        case path:
            is_ = _Figure(tally, by, path)
            return {key: is_.of(key, now.get(key)) for key in keys}


class _Figure:
    """A figure of a tally's rows. Of equal sums it is found once: most of very many places have had one incident."""

    def __init__(self, tally: Tally, by: Sequence[str], path: Sequence[str]) -> None:
        self._tally, self._by, self._path = tally, by, path
        self._known: dict[tuple[tuple[bool, ...], tuple[int, ...]], Figure] = {}
        self._nothing = (0,) * len(tally.measures)

    def of(self, key: Key, group: Group | None) -> Figure:
        """The figure of a group, of which there may be none."""
        same = tuple([value is None for value in key]), self._nothing if group is None else tuple(group.sums)
        if same not in self._known:
            value: Any = self._tally.row(
                dict(zip(self._by, key, strict=True)), dict(zip(self._tally.measures, same[1], strict=True))
            )
            for part in self._path:
                value = value.get(part) if isinstance(value, Mapping) else None
            self._known[same] = value
        return self._known[same]


def compared(tally: Tally, by: Sequence[str], now: Mapping[str, Row], before: Mapping[str, Row]) -> dict[str, Row]:
    """The rows of both periods, by key, each with the figures of the one before and how they changed.

    `change` has for each figure the difference, and its share of what was before; null where either is unknown, and
    the share also where there was nothing. A row of which one period has none is nothing in that one.
    """
    figures, nothing, found = _nested(figure_names(tally, by)), _Nothing(tally, by), dict[str, Row]()
    for key in sorted({*now, *before}):
        row = now[key] if key in now else before[key] | nothing.like(before[key])
        old = before[key] if key in before else nothing.like(row)
        previous, change = _beside(figures, old, row)
        found[key] = {**row, "previous": previous, "change": change}
    return found


class _Nothing:
    """The row of nothing. It is the same for all keys that are null in the same places, and made once for these."""

    def __init__(self, tally: Tally, by: Sequence[str]) -> None:
        self._tally, self._by = tally, by
        self._nothing = dict.fromkeys(tally.measures, 0)
        self._known: dict[tuple[bool, ...], Row] = {}

    def like(self, row: Row) -> Row:
        """That of a row's key."""
        nulls = tuple([row[name] is None for name in self._by])
        if nulls not in self._known:
            self._known[nulls] = self._tally.row({name: row[name] for name in self._by}, self._nothing)
        return self._known[nulls]


def _beside(figures: Mapping[str, Any], was: Row, is_: Row) -> tuple[Row, Row]:
    """The figures of a row as they were, and how they changed; nested as the row has them."""
    previous, change = dict[str, Any](), dict[str, Any]()
    for name, inner in figures.items():
        before, now = was.get(name), is_.get(name)
        if inner:
            previous[name], change[name] = _beside(inner, before or {}, now or {})
        else:
            previous[name] = before
            change[name] = UNKNOWN if before is None or now is None else _change(before, now)
    return previous, change


def _change(was: Figure, is_: Figure) -> dict[str, Figure]:
    if was is None or is_ is None:
        return UNKNOWN
    difference = is_ - was
    if isinstance(difference, float):
        difference = round(difference, 6)  # a difference of decimals has a tail of noise
    return {"absolute": difference, "relative": round(difference / abs(was), 4) if was else None}


def _nested(paths: Iterable[str]) -> dict[str, Any]:
    """Names that are joined by dots, each in the one that it is of; a figure has nothing in it."""
    shape: dict[str, Any] = {}
    for path in paths:
        inner = shape
        for name in path.split("."):
            inner = inner.setdefault(name, {})
    return shape


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
