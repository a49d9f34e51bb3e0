"""The figures of a tally's rows: their names, rows in the order of one, and beside them what they were before. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from incidentlog.folding.shapes import Row, Tally

Figure = int | float | None


def leaves(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What a row holds, with the names of nested members joined by dots (`killed.best`)."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and value:
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


def ordered(rows: Mapping[str, Row], order_by: str, top: int | None) -> dict[str, Row]:
    """The rows by a figure, largest first, unknown ones last and equal ones by their keys; at most `top` of them."""
    path = order_by.split(".")

    def rank(item: tuple[str, Row]) -> tuple[bool, float, str]:
        value: Any = item[1]
        for name in path:  # not all leaves of each of fifty thousand rows
            value = value.get(name) if isinstance(value, Mapping) else None
        return value is None, 0 if value is None else -value, item[0]

    return dict(sorted(rows.items(), key=rank)[:top])


def compared(tally: Tally, by: Sequence[str], now: Mapping[str, Row], before: Mapping[str, Row]) -> dict[str, Row]:
    """The rows of both periods, by key, each with the figures of the one before and how they changed.

    `change` has for each figure the difference, and its share of what was before; null where either is unknown, and
    the share also where there was nothing. A row of which one period has none is nothing in that one.
    """
    names = figure_names(tally, by)
    found: dict[str, Row] = {}
    for key in sorted({*now, *before}):
        row = now[key] if key in now else before[key] | _nothing(tally, by, before[key])
        old = before[key] if key in before else now[key] | _nothing(tally, by, now[key])
        was, is_ = leaves(old), leaves(row)
        found[key] = {
            **row,
            "previous": _nested({name: was.get(name) for name in names}),
            "change": _nested({name: _change(was.get(name), is_.get(name)) for name in names}),
        }
    return found


def _nothing(tally: Tally, by: Sequence[str], like: Row) -> Row:
    return tally.row({d: like[d] for d in by}, dict.fromkeys(tally.measures, 0))


def _change(was: Figure, is_: Figure) -> dict[str, Figure]:
    if was is None or is_ is None:
        return {"absolute": None, "relative": None}
    difference = is_ - was
    if isinstance(difference, float):
        difference = round(difference, 6)  # a difference of decimals has a tail of noise
    return {"absolute": difference, "relative": round(difference / abs(was), 4) if was else None}


def _nested(told: Mapping[str, Any]) -> Row:
    row: Row = {}
    for path, value in told.items():
        *parents, name = path.split(".")
        inner = row
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = value
    return row


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
