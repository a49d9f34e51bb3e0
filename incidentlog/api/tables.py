"""Answers as tables: what each row has, and CSV (RFC 4180) with names of UCDP and ACLED (docs/formats.md)."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import orjson

from incidentlog.api.answers import dumps
from incidentlog.folding.asking import Question
from incidentlog.folding.columns import Column, Kind, is_called, tally_table
from incidentlog.folding.figures import leaves, specimen
from incidentlog.folding.shapes import Row, Tally

FORMULA: Final = frozenset("=+-@\t\r\n" + "＝＋－＠")  # noqa: RUF001 - spreadsheets take the wide ones too
"""What begins a formula, or lets one begin after it."""
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A header and rows, as `csv_lines` has them."""
    return csv_lines(chain([columns], rows))


def csv_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows, with CRLF; text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(
        [None if value is None else _cell(value) for value in row] for row in rows
    )
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value[:1] in FORMULA and not _NUMBER.fullmatch(value) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, int | float) else dumps(value).decode()


def tally_members(tally: Tally, question: Question) -> list[str]:
    """What a row of a tally may have, in its order: it hangs on the question alone, and is the same every day."""
    by = question.grouping.by
    called = ["name"] if is_called(tally, by) else []
    beside = [] if question.shaping.previous is None else ["previous", "change"]
    return [*by, *called, *specimen(tally, by), "position", "restated", *beside]


def tally_columns(tally: Tally, question: Question) -> dict[str, Column]:
    """What a row of a tally has, and what that is in a table: both hang on the question alone."""
    return tally_table(tally, question.grouping.by, compared=question.shaping.previous is not None)


def flat_tally(columns: Iterable[str], row: Row) -> list[Any]:
    """The values of a row of a tally, in the order of its columns."""
    flat = leaves(row)
    return [flat.get(path) for path in columns]


def row_csv(columns: Iterable[str], row: Row) -> bytes:
    """A row of a tally as a line of its table."""
    return csv_lines([flat_tally(columns, row)])


def flat_csv(columns: Iterable[Column], row: Row) -> bytes:
    """A flat row as a line of its table: texts joined by `; `, what is nested as JSON."""
    return csv_lines([[_plain(column, row[column.name]) for column in columns]])


def _plain(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "texts":
        return "; ".join(value)
    return orjson.loads(dumps(value)) if column.kind == "instant" else value


# --------------------------------------------------------------------------------------------------- events

Event = Mapping[str, Any]


def event_csv(event: bytes) -> bytes:
    """An event, of its JSON, as a line of a table; what hangs on the type is in `data`, as JSON."""
    return csv_lines([flat_event(event)])


def flat_event(event: bytes) -> list[Any]:
    """The values of an event's columns, in their order, of its JSON."""
    plain = orjson.loads(event)
    return [value(plain) for value in EVENT_COLUMNS.values()]


def _member(*path: str) -> Callable[[Event], Any]:
    *above, last = path
    if not above:
        return itemgetter(last)  # the event itself has all of them

    def value(event: Event) -> Any:
        found: Any = event
        for name in above:
            found = found.get(name)
            if not isinstance(found, dict):
                return None
        return found.get(last)

    return value


def _place(name: str) -> Callable[[Event], Any]:
    """What the place was resolved to, or else what was reported."""

    def value(event: Event) -> Any:
        place = event["place"]
        if place is None:
            return None
        found = place["resolved"].get(name) if "resolved" in place else None
        return place.get(name) if found is None else found

    return value


def _joined(name: str, *parts: str) -> Callable[[Event], Any]:
    def value(event: Event) -> str:
        return "; ".join(" ".join(str(one[part]) for part in parts if one.get(part)) for one in event[name])

    return value


EVENT_COLUMNS: Final[Mapping[str, Callable[[Event], Any]]] = {
    **{name: _member(name) for name in ("id", "position", "stream", "stream_version", "type", "schema_version")},
    **{name: _member("local", name) for name in ("date_start", "date_end")},
    **{f"local_{name}": _member("local", name) for name in ("start", "end")},
    **{f"occurred_{name}": _member("occurred", name) for name in ("start", "end", "precision", "tz")},
    **{name: _member(name) for name in ("reported_at", "recorded_at", "recorded_by")},
    "location": _place("name"),
    "place_id": _place("place_id"),
    "country_code": _place("country"),
    "admin1_code": _member("place", "resolved", "admin1"),
    "latitude": _place("lat"),
    "longitude": _place("lon"),
    "place_precision": _place("precision"),
    "actors": _joined("actors", "code", "role"),
    "source": _joined("sources", "title"),
    **{name: _member(name) for name in ("verification", "tlp", "status")},
    **{end: _member("data", "casualties", "killed", end) for end in ("low", "best", "high")},
    "deaths_civilians": _member("data", "casualties", "civilians_killed", "best"),
    "links": _joined("links", "rel", "target"),
    "notes": _member("notes"),
    "data": _member("data"),
}
EVENTS_HEADER: Final = csv_lines([list(EVENT_COLUMNS)])
_TYPED: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("position", "stream_version", "schema_version"), "integer"),
    **dict.fromkeys(("low", "best", "high", "deaths_civilians"), "integer"),
    **dict.fromkeys(("latitude", "longitude"), "number"),
    **dict.fromkeys(("date_start", "date_end"), "day"),
    "recorded_at": "instant",
    "data": "json",
}
EVENT_TABLE: Final = tuple(Column(name, _TYPED.get(name, "text")) for name in EVENT_COLUMNS)
"""The same columns, with their types."""
