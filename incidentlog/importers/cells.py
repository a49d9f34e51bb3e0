"""What a cell says: text, counts, dates, estimates. What it does not say clearly is a fault, and never a guess."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from incidentlog.events.values import YEARS
from incidentlog.importers.mapping import Scalar, Value
from incidentlog.importers.months import in_english

Cells = dict[str, Any]
Read = Callable[[Cells], Any]
"""A value of a row; None where it is missing. Raises UnclearError."""


class UnclearError(ValueError):
    """A cell that does not say what the mapping expects of it."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.reason = column, reason


_INVISIBLE: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\ufeff\u2060"))
_SPACES: Final = dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u2028\u2029\u0085"), " ")
_CLEAN: Final = {**_INVISIBLE, **_SPACES}
_UNCLEAN: Final = re.compile(f"[{''.join(map(chr, _CLEAN))}]")
"""Looked for first: few cells have any, and a Cyrillic one takes ten times as long letter by letter."""


def text_of(cell: Any) -> str:
    """A cell as text: trimmed, without soft hyphens and the like; other spaces are blanks."""
    if type(cell) is str:  # nearly every cell
        return (cell.translate(_CLEAN) if _UNCLEAN.search(cell) else cell).strip()
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime() | date():
            return cell.isoformat()
        case _:
            return str(cell)


@lru_cache(maxsize=16_384)
def normal(text: str) -> str:
    """Text as it is compared: case and spaces do not count."""
    return " ".join(text.split()).casefold()


def reader_of(value: Value, names: Callable[[str], list[str]], missing: frozenset[str]) -> Read:
    """What reads a value of a row. `names` answers the columns of the file that a name of the mapping stands for."""
    marks = missing | {normal(mark) for mark in value.missing}
    if value.as_ == "estimate":
        return _estimate(value, names, marks)
    finders = _finders(value, names, marks)
    convert = _converting(value)
    column = _shown(value)

    def read(cells: Cells) -> Any:
        for find in finders:
            found = find(cells)
            if found is None:
                continue
            try:
                made = convert(found)
            except ValueError as unclear:
                raise UnclearError(column, str(unclear)) from None
            if made is not None:
                return made
        return value.default

    return read


def _shown(value: Value) -> str:
    column = value.column
    return ", ".join(column) if isinstance(column, list) else column or value.template or value.group or ""


def columns_of(value: Value) -> list[str]:
    """Every column that a value reads."""
    named = [c for c in (value.column, value.low, value.high) if c is not None]
    found = [each for c in named for each in ([c] if isinstance(c, str) else c)]
    return found + ([] if value.template is None else re.findall(r"\{([^{}]+)\}", value.template))


def _finders(value: Value, names: Callable[[str], list[str]], marks: frozenset[str]) -> list[Callable[[Cells], Any]]:
    """What finds the cells, in their order; None where one is empty, or marked as missing."""
    if value.const is not None:
        return [lambda _: value.const]
    if value.template is not None:
        parts = re.split(r"\{([^{}]+)\}", value.template)
        finders = [_first(names(name), marks) if n % 2 else name for n, name in enumerate(parts)]

        def fill(cells: Cells) -> str | None:
            filled = [each if isinstance(each, str) else each(cells) for each in finders]
            return (
                None if None in filled else "".join(each if isinstance(each, str) else text_of(each) for each in filled)
            )

        return [fill]
    if value.group is not None:
        return [_first([f"@{value.group}"], marks)]
    wanted = value.column if isinstance(value.column, list) else [value.column or ""]
    columns = [column for name in wanted for column in names(name)]
    return [_first([column], marks) for column in columns] if value.pattern else [_first(columns, marks)]


def _first(columns: list[str], marks: frozenset[str]) -> Callable[[Cells], Any]:
    def find(cells: Cells) -> Any:
        for column in columns:
            cell = cells.get(column)
            if type(cell) is str:
                cell = text_of(cell)
                if cell and not (marks and len(cell) < MARK and normal(cell) in marks):
                    return cell
            elif cell is not None and (isinstance(cell, list) or normal(text_of(cell)) not in marks):
                return cell
        return None

    return find


MARK: Final = 60
"""No mark for what is missing is longer."""


def _converting(value: Value) -> Callable[[Any], Any]:
    """What makes of a cell what is wanted; None for what is missing after all; raises ValueError."""
    pattern = re.compile(value.pattern) if value.pattern else None
    strip = [re.compile(each) for each in value.strip]
    table = None if value.table is None else {normal(key): each for key, each in value.table.items()}
    read = _KINDS[value.as_]
    plain = pattern is None and not strip and table is None

    def convert(cell: Any) -> Any:
        if plain:
            return read(cell, value)
        text: str | None = text_of(cell)
        if pattern is not None:
            text = _matched(pattern, text or "")
        for each in strip:
            text = None if text is None else each.sub("", text).strip()
        if not text:
            return None
        return read(text, value) if table is None else _looked_up(table, text, value.default)

    return convert


def _matched(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    if found is None:
        return None
    return (found[1] if pattern.groups else found[0]) or None


def _looked_up(table: dict[str, Scalar], text: str, default: Scalar | None) -> Scalar | None:
    found = table.get(normal(text))
    if found is None and default is None:
        raise ValueError(f"{text[:80]!r} is not in the mapping's table")
    return found


# ------------------------------------------------------------------------------------------------- kinds of value

_BLANKS_IN_NUMBERS: Final = re.compile(r"(?<=\d)[ '](?=\d{3}(?!\d))")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,15}(\.0+)?", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?", re.ASCII)


def _digits(cell: Any, value: Value) -> str:
    text = _BLANKS_IN_NUMBERS.sub("", text_of(cell))
    return (
        text.replace(",", ".")
        if value.decimal == ","
        else text.replace(",", "")
        if _THOUSANDS.fullmatch(text)
        else text
    )


_THOUSANDS: Final = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", re.ASCII)


def _count(cell: Any, value: Value) -> int:
    if isinstance(cell, int) and not isinstance(cell, bool):
        number = cell
    else:
        text = _digits(cell, value)
        if not _INTEGER.fullmatch(text):
            raise ValueError(f"{text_of(cell)[:80]!r} is no whole number")
        number = int(text.partition(".")[0])
    if number < 0:
        raise ValueError(f"{number} is below 0")
    return number


def _number(cell: Any, value: Value) -> int | float:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    text = _digits(cell, value)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text_of(cell)[:80]!r} is no number")
    return float(text) if "." in text or "e" in text.lower() else int(text)


_YES: Final = frozenset({"true", "yes", "y", "1", "так", "да"})
_NO: Final = frozenset({"false", "no", "n", "0", "ні", "нет"})


def _boolean(cell: Any, _: Value) -> bool:
    said = normal(text_of(cell))
    if said in _YES or said in _NO:
        return said in _YES
    raise ValueError(f"{said[:80]!r} is neither yes nor no")


def _list(cell: Any, value: Value) -> list[Any] | None:
    """The items; of JSON they may be objects."""
    items = cell if isinstance(cell, list) else re.split(value.split, text_of(cell)) if value.split else [cell]
    return [made for item in items if (made := item if isinstance(item, dict) else text_of(item))] or None


def _date(cell: Any, value: Value) -> date | datetime:
    when = cell if isinstance(cell, date) else _parsed(text_of(cell), tuple(value.formats))
    if when.year not in YEARS:
        raise ValueError(f"{text_of(cell)[:80]!r} is before {YEARS[0]} or after {YEARS[-1]}")
    return when


@lru_cache(maxsize=16_384)
def _parsed(text: str, formats: tuple[str, ...]) -> date | datetime:
    """A date or a time; raises ValueError. The order of day and month is said by the format, and never guessed."""
    if not text.isascii():
        text = in_english(text)
    for form in formats:
        try:
            when = datetime.strptime(text, form)  # noqa: DTZ007 - the mapping says the zone
        except ValueError:
            continue
        return when if "%H" in form or "%I" in form else when.date()
    if not formats:
        try:
            return datetime.fromisoformat(text) if _TIMED.search(text) else date.fromisoformat(text)
        except ValueError:
            pass
    if (beyond := _beyond(text, formats or ("%Y-%m-%d",))) is not None:
        return beyond
    raise ValueError(f"{text[:80]!r} is no date of {' or '.join(formats) if formats else 'ISO 8601'}")


class BeyondMonth(date):
    """A day that its month does not have, as 31 February: the first of that month, which is all that is known."""


def _beyond(text: str, formats: tuple[str, ...]) -> BeyondMonth | None:
    for form in formats:
        for day in ("29", "30", "31"):
            if day in text and "%d" in form:
                try:
                    when = datetime.strptime("01".join(text.rsplit(day, 1)), form)  # noqa: DTZ007 - only a month
                except ValueError:
                    continue
                return BeyondMonth(when.year, when.month, 1)
    return None


_TIMED: Final = re.compile(r"\d[T ]\d")

_KINDS: Final[dict[str, Callable[[Any, Value], Any]]] = {
    "text": lambda cell, _: text_of(cell) or None,
    "count": _count,
    "number": _number,
    "boolean": _boolean,
    "list": _list,
    "date": _date,
}


# ----------------------------------------------------------------------------------------------------- estimates


class Repaired(dict[str, Any]):
    """An estimate of which something had to be left out, so that it holds; what it said is kept."""

    was: str = ""


_THAN: Final = r"(?: (?:ніж|як|чем))?"
_AT_LEAST: Final = (
    r"at least|n(?:o|ot) (?:less|fewer) than|minimum|min\.?|>=|≥|щонайменше|принаймні|(?:по (?:меньшей|крайней) мере)"
    rf"|не (?:менше?|менее|меньше){_THAN}|(?:як |как )?м[иі]н[иі]мум"
)
_MORE_THAN: Final = rf"more than|over|>|понад|свыше|(?:більше?|более|больше){_THAN}"
_UP_TO: Final = rf"up to|at most|n(?:o|ot) more than|<=|≤|до|не (?:більше?|более|больше){_THAN}"
_ABOUT: Final = (
    r"about|around|circa|approx\.?|approximately|some|nearly|almost|~|≈|ca?\.|близько|приблизно|орієнтовно|майже"
    r"|около|примерно|ориентировочно|почти"
)
_OR_MORE: Final = r"or more|\w{1,3} (?:більше|более|больше)"
_QUALIFIED: Final = (
    *(
        (re.compile(rf"^(?:{words})\s*(.+)$", re.IGNORECASE), qualifier)
        for words, qualifier in (
            (_AT_LEAST, "at_least"),
            (_MORE_THAN, "more_than"),
            (_UP_TO, "up_to"),
            (_ABOUT, "about"),
        )
    ),
    (re.compile(rf"^([0-9][0-9 ,']*)\s*(?:\+|{_OR_MORE})$", re.IGNORECASE), "at_least"),
)
_BETWEEN: Final = re.compile(
    r"^(?:(?:from|between|від|от) )?([0-9][0-9 ']*)\s*(?:-|\u2013|\u2014|to|and|до)\s*([0-9][0-9 ']*)$", re.IGNORECASE
)


def _estimate(value: Value, names: Callable[[str], list[str]], marks: frozenset[str]) -> Read:
    def figure(column: Any) -> Callable[[Cells], Any]:
        wanted = [column] if isinstance(column, str) else column or []
        return _first([c for name in wanted for c in names(name)], marks)

    best, low, high = figure(value.column), figure(value.low), figure(value.high)
    shown = ", ".join(columns_of(value))

    def read(cells: Cells) -> Any:
        try:
            cell = best(cells)
            said = {} if cell is None else _told(cell, value)
            for end, find in (("low", low), ("high", high)):
                if (cell := find(cells)) is not None:
                    said[end] = _count(cell, value)
        except ValueError as unclear:
            raise UnclearError(shown, str(unclear)) from None
        return _in_order(said) if said else None

    return read


def _told(cell: Any, value: Value) -> dict[str, Any]:
    """What one cell says of a figure: `at least 5`, `5-7`, `about 10`."""
    if isinstance(cell, int | float):
        return {"best": _count(cell, value)}
    text = " ".join(text_of(cell).split())
    if text.isdecimal():
        return {"best": _count(text, value)}
    if (between := _BETWEEN.match(text)) is not None:
        return {"low": _count(between[1], value), "high": _count(between[2], value)}
    for pattern, qualifier in _QUALIFIED:
        if (found := pattern.match(text)) is not None:
            return {"best": _count(found[1], value), "qualifier": qualifier}
    return {"best": _count(text, value)}


def _in_order(said: dict[str, Any]) -> dict[str, Any]:
    """The estimate, without an end that contradicts the best figure: which of the two is wrong, nobody can tell."""
    known = [said[n] for n in ("low", "best", "high") if n in said]
    if known == sorted(known):
        return said
    was = ", ".join(f"{n} {said[n]}" for n in ("low", "best", "high") if n in said)
    best = said.get("best")
    kept = {
        name: each
        for name, each in said.items()
        if name in {"best", "qualifier"} or (best is not None and (each <= best if name == "low" else each >= best))
    }
    if best is None:  # low over high: only their order is wrong
        kept |= {"low": said["high"], "high": said["low"]}
    made = Repaired(kept)
    made.was = was
    return made
