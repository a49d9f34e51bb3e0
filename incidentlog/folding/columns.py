"""The columns of the tables in which answers are told: what each is called, and of which type its values are. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import orjson

from incidentlog.folding.domains import DAY, TIME
from incidentlog.folding.figures import figure_names, leaves, specimen
from incidentlog.folding.shapes import Tally

Kind = Literal["text", "integer", "number", "decimal", "truth", "day", "instant", "texts", "json"]
"""A day is `2025-11-19`, an instant RFC 3339; `texts` is a list, `json` whatever is nested. Any may be null.

A decimal is one of at most PLACES places; a number is a coordinate, or what was sent as a number of any kind.
"""
PLACES: Final = 6
DIGITS: Final = 18
"""Of a decimal, those after the point among them: it is stored as a whole number of 64 bits."""
RENAMED: Final = {
    "killed.low": "low",
    "killed.best": "best",
    "killed.high": "high",
    "civilians_killed.best": "deaths_civilians",
    # Both datasets have these for names; ours are codes.
    "country": "country_code",
    "admin1": "admin1_code",
}
"""What is called otherwise than in JSON."""
NAMED: Final = frozenset({"place", "admin1", "stream"})
"""Dimensions whose values are called something."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind


def typed(kind: Kind, value: Any) -> Any:
    """A value of JSON as Python has it: a date, an instant, a `Decimal`, or what is nested as the text of it."""
    return value if value is None or kind not in _READERS else _READERS[kind](value)


def column_name(path: str) -> str:
    """What a member of a row, such as `killed.best`, is called in a table."""
    return RENAMED.get(path, path.replace(".", "_"))


def is_called(tally: Tally, by: Sequence[str]) -> bool:
    """Whether the rows of a grouping may have a name."""
    return type(tally).names is not Tally.names and not NAMED.isdisjoint(by)


def tally_table(tally: Tally, by: Sequence[str], *, compared: bool = False) -> dict[str, Column]:
    """The columns of a tally's rows by the members that they show; they hang on the question alone.

    `compared`: beside what they were in the period before.
    """
    columns = {d: Column(RENAMED.get(d, d), _dimension(tally, d)) for d in by}
    if is_called(tally, by):
        columns["name"] = Column("location" if "place" in by else "name", "text")
    kinds = {path: _kind(value) for path, value in leaves(specimen(tally, by)).items()}
    columns |= {path: Column(column_name(path), kind) for path, kind in kinds.items()}
    if compared:
        columns |= dict(_beside(kinds, figure_names(tally, by)))
    return columns | {"position": Column("position", "integer"), "restated": Column("restated", "truth")}


def _beside(kinds: Mapping[str, Kind], figures: Sequence[str]) -> Iterator[tuple[str, Column]]:
    yield from ((f"previous.{path}", Column(f"previous_{column_name(path)}", kinds[path])) for path in figures)
    for path in figures:
        yield f"change.{path}.absolute", Column(f"change_{column_name(path)}_absolute", kinds[path])
    for path in figures:
        yield f"change.{path}.relative", Column(f"change_{column_name(path)}_relative", "decimal")


def _dimension(tally: Tally, dimension: str) -> Kind:
    domain = tally.domain(dimension)
    return "day" if domain is DAY else "instant" if domain is TIME else "text"


def _kind(value: Any) -> Kind:
    match value:
        case bool():
            return "truth"
        case int():
            return "integer"
        case float():
            return "decimal"
        case _:
            return "text"


_STEP: Final = Decimal(1).scaleb(-PLACES)
_READERS: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "decimal": lambda value: Decimal(str(value)).quantize(_STEP),
    "day": date.fromisoformat,
    "instant": datetime.fromisoformat,
    "json": lambda value: orjson.dumps(value).decode(),
}
