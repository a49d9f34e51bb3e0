"""Events of rows: what a mapping makes of each, with every fault of a row told at once."""

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Members
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from functools import partial
from hashlib import sha256
from typing import Any, Final

from incidentlog.errors import BadRequest, Fault
from incidentlog.ids import imported_id
from incidentlog.importers.cells import (
    BeyondMonth,
    Cells,
    Read,
    Repaired,
    UnclearError,
    columns_of,
    normal,
    reader_of,
    text_of,
)
from incidentlog.importers.countries import codes
from incidentlog.importers.mapping import ActorSpec, Condition, EventSpec, Mapping, SourceSpec, Value, data_value
from incidentlog.importers.row import Row
from incidentlog.zones import is_zone, zone_named

WORD: Final = 200
TEXT: Final = 4_000
"""The most characters of a name and of the notes (docs/events.md); longer ones are shortened, and counted."""
SOURCES: Final = 100


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row is not taken in: its place in the file, and the reason."""

    file: str
    line: int
    column: str
    reason: str


@dataclass(slots=True)
class Made:
    """What a row gave."""

    row: Row
    external_id: str = ""
    stream: str = ""
    """Its first event's."""
    events: list[dict[str, Any]] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    skipped: str | None = None
    """Why the mapping passes it over."""
    repairs: list[str] = field(default_factory=list)
    """What was repaired, each as `kind: what the file had`."""
    shortened: int = 0
    within: str | None = None
    """The stream of the row that this one is a part of."""


class Maker:
    """Makes events of the rows of one file, whose columns are known."""

    def __init__(self, mapping: Mapping, columns: Iterable[str] | None) -> None:
        """`columns` are the file's, None where every row has its own; raises BadRequest for those that are missing."""
        self._mapping = mapping
        self._there = None if columns is None else set(columns)
        self._used: set[str] = set()
        self._missing: list[Fault] = []
        self._marks = frozenset(normal(mark) for mark in mapping.file.missing)
        self._compile()
        self._check(columns)

    def make(self, row: Row) -> Made:
        """The events of a row, or why there are none."""
        made = Made(row)
        if row.problem is not None:
            self._fault(made, "", row.problem)
            return made
        if self._mapping.events_as_they_are:
            made.events.append(row.said if row.said is not None else row.cells)
            return made
        for holds, reason in self._skips:
            if holds(row.cells):
                made.skipped = reason
                return made
        self._fill(made, row.cells)
        if made.faults:
            made.events.clear()
        return made

    # ------------------------------------------------------------------------------------------- of one row

    def _fill(self, made: Made, cells: Cells) -> None:
        common = self._common(made, cells)
        scheme = self._mapping.id.scheme if self._mapping.id else ""
        salt = self._mapping.id.salt if self._mapping.id else ""
        streams: dict[str, str] = {}
        for spec, conditions, data, named in self._events:
            if (spec.otherwise and made.events) or not all(holds(cells) for holds in conditions):
                continue
            part = spec.part or ""
            event_id = imported_id(scheme, made.external_id, part, salt)
            category = spec.type.partition(".")[0]
            slug = _slug(self._guard(made, partial(named, cells)))
            stream = f"{category}:{slug}" if slug else streams.setdefault(category, f"{category}:{event_id}")
            said = self._guard(made, partial(data, cells, made)) or {}
            occurred = _at(common["occurred"], spec.at) if "occurred" in common else None
            made.stream = made.stream or stream
            own = {"links": [*common["links"]]} if "links" in common else {}  # what is within another is linked, too
            made.events.append(
                {
                    "id": str(event_id),
                    "type": spec.type,
                    "stream": stream,
                    **common,
                    **own,
                    "occurred": occurred,
                    "data": said,
                }
            )
        if not made.events and not made.faults:
            self._fault(made, "", "no rule of the mapping says what it is")
        if made.repairs:
            self._note_repairs(made)

    def _common(self, made: Made, cells: Cells) -> dict[str, Any]:
        """What all events of the row share. Faults are collected, so that all are told at once."""
        mapping, common = self._mapping, dict[str, Any]()
        made.external_id = self._guard(made, partial(self._id, cells)) or ""
        for name, read in self._parts.items():
            if (value := self._guard(made, partial(read, cells, made))) is not None:
                common[name] = value
        if mapping.verification != "unverified" and isinstance(mapping.verification, str):
            common["verification"] = mapping.verification
        if mapping.tlp != "CLEAR":
            common["tlp"] = mapping.tlp
        if mapping.id is not None:
            common["external_ids"] = [{"scheme": mapping.id.scheme, "id": made.external_id}]
        return common

    def _guard(self, made: Made, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except UnclearError as unclear:
            self._fault(made, unclear.column, unclear.reason)
            return None

    @staticmethod
    def _fault(made: Made, column: str, reason: str) -> None:
        made.faults.append(RowFault(made.row.file, made.row.line, column, reason))

    @staticmethod
    def _note_repairs(made: Made) -> None:
        told = "\n".join(f"As the file had it: {repair}" for repair in made.repairs)
        for event in made.events:
            event["notes"] = f"{told}\n{event['notes']}"[:TEXT] if event.get("notes") else told[:TEXT]

    # ---------------------------------------------------------------------------------------- made beforehand

    def _compile(self) -> None:
        mapping = self._mapping
        self._skips = [(_all([self._condition(c) for c in s.if_]), s.reason) for s in mapping.skip]
        self._id = self._identity()
        self._parts: dict[str, Callable[[Cells, Made], Any]] = {}
        if mapping.when is not None:
            self._parts["occurred"] = self._occurred()
            if mapping.when.reported_at is not None:
                self._parts["reported_at"] = self._reported(self._read(mapping.when.reported_at), mapping.when.zone)
        if mapping.where is not None:
            self._parts["place"] = self._place()
        if mapping.conflict is not None:
            self._parts["links"] = partial(_conflict, self._read(mapping.conflict))
        if mapping.actors:
            self._parts["actors"] = self._actors([self._actor(spec) for spec in mapping.actors])
        if mapping.sources:
            self._parts["sources"] = self._sources([self._source(spec) for spec in mapping.sources])
        if isinstance(mapping.verification, Value):
            self._parts["verification"] = _plain(self._read(mapping.verification))
        self._events = [
            (spec, [self._condition(c) for c in spec.if_], self._data(spec), self._read(spec.stream))
            for spec in mapping.events
        ]
        private = [(name, column) for name in mapping.private for column in self._names(name)]
        if private:
            self._parts["private"] = lambda cells, _: (
                {n: text for n, c in private if (text := text_of(cells.get(c)))} or None
            )

    def _check(self, columns: Iterable[str] | None) -> None:
        """Refuse a file without a column that is needed, and see to those that are not named."""
        if self._missing:
            raise BadRequest("the file lacks columns of the mapping", errors=self._missing)
        noted = [column for name in self._mapping.notes for column in self._names(name)]
        if self._missing:
            raise BadRequest("the file lacks columns of the mapping", errors=self._missing)
        others = [c for c in columns or () if c not in self._used]
        if others and self._mapping.unmapped == "refuse" and not self._mapping.events_as_they_are:
            raise BadRequest(
                'the file has columns that the mapping does not name; name them, or say unmapped = "drop" or "notes"',
                errors=[Fault(f"/{column}", "unmapped", "no part of the mapping names it") for column in others],
            )
        if self._mapping.unmapped == "notes":
            noted += others
        if noted:
            self._parts["notes"] = partial(_notes, noted)

    def _names(self, name: str, *, alternatives: bool = False) -> list[str]:
        """The columns of the file that a name stands for, of which the first that is filled counts."""
        wanted = self._mapping.columns.get(name, [name])
        found = wanted if self._there is None else [c for c in wanted if c in self._there]
        self._used.update(found)
        if not found and not alternatives and name not in self._mapping.optional:
            near = get_close_matches(name, self._there or (), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            fault = Fault(f"/{name}", "no_such_column", f"the file has no column {' or '.join(wanted)}{hint}")
            if fault not in self._missing:
                self._missing.append(fault)
        return found

    def _read(self, given: Any) -> Read:
        if not isinstance(given, Value):
            return lambda _: given
        wanted = given.column
        several = isinstance(wanted, list)
        if isinstance(wanted, list):
            there = [column for name in wanted for column in self._names(name, alternatives=True)]
            if not there and not set(wanted) & set(self._mapping.optional):
                self._names(wanted[0])
        return reader_of(given, partial(self._names, alternatives=several), self._marks)

    def _condition(self, condition: Condition) -> Callable[[Cells], bool]:
        find = self._read(Value(column=condition.column))
        if condition.missing is not None:
            return lambda cells: (find(cells) is None) == condition.missing
        if condition.matches is not None:
            pattern = re.compile(condition.matches)
            return lambda cells: pattern.search(find(cells) or "") is not None
        wanted = {normal(text_of(v)) for v in (condition.in_ if condition.in_ is not None else [condition.equals])}
        return lambda cells: normal(find(cells) or "") in wanted

    def _identity(self) -> Read:
        spec = self._mapping.id
        if spec is None:
            return lambda _: ""
        if spec.column is not None:
            shown, find = spec.column, self._read(Value(column=spec.column))

            def own(cells: Cells) -> str:
                if not (text := find(cells)):
                    raise UnclearError(shown, "the row has no id")
                if len(text) > WORD:
                    raise UnclearError(shown, f"an id has at most {WORD} characters")
                return str(text)

            return own
        finders = [self._read(Value(column=column)) for column in spec.columns or ()]

        def hashed(cells: Cells) -> str:
            told = "\x1f".join(normal(find(cells) or "") for find in finders)
            return sha256(told.encode()).hexdigest()[:32]

        return hashed

    def _occurred(self) -> Callable[[Cells, Made], dict[str, Any]]:
        spec = self._mapping.when
        assert spec is not None  # noqa: S101 - asked only where it is there
        if not is_zone(spec.zone):
            raise BadRequest(errors=[Fault("/when/zone", "unknown_code", f"unknown time zone {spec.zone!r}")])
        read_start = self._read(spec.start.model_copy(update={"as_": "date"}))
        read_end = None if spec.end is None else self._read(spec.end.model_copy(update={"as_": "date"}))
        read_precision = self._read(spec.precision)
        column = ", ".join(columns_of(spec.start))
        is_a = {} if spec.range is None else {"range": spec.range}

        def occurred(cells: Cells, made: Made) -> dict[str, Any]:
            start = read_start(cells)
            if start is None:
                raise UnclearError(column, "no date is given")
            end = None if read_end is None else read_end(cells)
            precision = read_precision(cells)
            for when in (start, end):
                if isinstance(when, BeyondMonth):
                    made.repairs.append(f"day beyond its month: {text_of(_first_cell(spec.start, cells))}")
                    precision, end = "month", None
            if spec.midnight == "none" and isinstance(start, datetime) and start.time() == time.min:
                start, precision = start.date(), "day" if precision in {"minute", "hour"} else precision
            if precision in {"minute", "hour"} and not isinstance(start, datetime):
                precision = "day"
            if precision not in {"minute", "hour"}:
                start, end = _day(start, spec.zone), None if end is None else _day(end, spec.zone)
            if end is not None and _before(end, start, spec.zone):
                raise UnclearError(column, f"it ends ({end.isoformat()}) before it starts ({start.isoformat()})")
            said = {"start": start.isoformat(), "precision": precision, "tz": spec.zone}
            return said if end is None or end == start else {**said, "end": end.isoformat(), **is_a}

        return occurred

    @staticmethod
    def _reported(read: Read, zone: str) -> Callable[[Cells, Made], str | None]:
        def reported(cells: Cells, _: Made) -> str | None:
            text = read(cells)
            if text is None:
                return None
            if isinstance(text, datetime) and text.tzinfo is None:
                text = text.replace(tzinfo=zone_named(zone))
            return str(text.isoformat()) if isinstance(text, date) else str(text)

        return reported

    def _place(self) -> Callable[[Cells, Made], dict[str, Any] | None]:
        spec = self._mapping.where
        assert spec is not None  # noqa: S101 - asked only where it is there
        read_name, read_country, read_admin1, read_precision = map(
            self._read, (spec.name, spec.country, spec.admin1, spec.precision)
        )
        read_lat, read_lon, read_wkt = map(self._read, (_number(spec.lat), _number(spec.lon), spec.wkt))
        narrower = [(n, self._read(given)) for n in ("admin2", "admin3") if (given := getattr(spec, n)) is not None]
        known = codes(spec.country_codes) if isinstance(spec.country, Value) else {}
        country_column = ", ".join(columns_of(spec.country)) if isinstance(spec.country, Value) else ""
        point_column = ", ".join(c for v in (spec.lat, spec.lon, spec.wkt) if v is not None for c in columns_of(v))

        def place(cells: Cells, made: Made) -> dict[str, Any] | None:
            country = read_country(cells)
            if country is not None and known:
                code = known.get(country.lower() if isinstance(country, str) else str(country))
                if code is None:
                    raise UnclearError(country_column, f"{country!r} is no country of {spec.country_codes}")
                country = code
            admin1 = read_admin1(cells)
            point = _point(read_lat(cells), read_lon(cells), read_wkt(cells), point_column)
            if point == (0, 0) and spec.empty_points:
                point = None
            precision = read_precision(cells)
            name = read_name(cells)
            if name is None:
                name, precision = _without_name(admin1, country, point)
                if name is None:
                    return None
            said = {"name": _short(name, made), "precision": precision}
            if country is not None:
                said["country"] = country
            if admin1 is not None:
                said["admin1"] = _short(admin1, made)
            said |= {level: _short(text, made) for level, read in narrower if (text := read(cells)) is not None}
            if point is not None:
                said["lat"], said["lon"] = point
            return said

        return place

    def _actor(self, spec: ActorSpec) -> Callable[[Cells, Made], dict[str, Any] | None]:
        read_code, read_name = self._read(spec.code), self._read(spec.name)

        def actor(cells: Cells, made: Made) -> dict[str, Any] | None:
            code, name = read_code(cells), read_name(cells)
            if not code:
                return None
            said = {"code": code, "role": spec.role}
            return said if name is None else {**said, "name": _short(name, made)}

        return actor

    @staticmethod
    def _actors(readers: list[Callable[[Cells, Made], dict[str, Any] | None]]) -> Callable[[Cells, Made], Any]:
        def actors(cells: Cells, made: Made) -> list[dict[str, Any]] | None:
            return [said for read in readers if (said := read(cells, made)) is not None] or None

        return actors

    def _source(self, spec: SourceSpec) -> Callable[[Cells, Made], list[dict[str, Any]]]:
        each = None if spec.each is None else self._read(spec.each.model_copy(update={"as_": "list"}))
        pattern = None if spec.pattern is None else re.compile(spec.pattern)
        published = spec.published_at and spec.published_at.model_copy(update={"as_": "date"})
        read_reliability, read_credibility = self._read(spec.reliability), self._read(spec.credibility)
        readers = {
            name: self._read(given)
            for name, given in (
                ("source_id", spec.source_id), ("title", spec.title), ("publisher", spec.publisher),
                ("origin", spec.origin), ("url", spec.url), ("published_at", published),
            )
            if given is not None
        }  # fmt: skip

        def source(cells: Cells, made: Made) -> dict[str, Any]:
            said: dict[str, Any] = {}
            for name, read in readers.items():
                try:
                    value = read(cells)
                except UnclearError as unclear:  # what is unclear about a source takes nothing from the event
                    made.repairs.append(f"a source's {name}: {unclear.reason}")
                    continue
                if value is not None:
                    said[name] = value if name == "url" else _short(text_of(value), made)
            return {**said, "reliability": read_reliability(cells), "credibility": read_credibility(cells)}

        def sources(cells: Cells, made: Made) -> list[dict[str, Any]]:
            if each is None:
                return [source(cells, made)]
            return [source({**cells, **_groups(pattern, item)}, made) for item in each(cells) or ()]

        return sources

    @staticmethod
    def _sources(readers: list[Callable[[Cells, Made], list[dict[str, Any]]]]) -> Callable[[Cells, Made], Any]:
        """All sources, each once; one without a title is none."""

        def sources(cells: Cells, made: Made) -> list[dict[str, Any]]:
            found: dict[tuple[Any, ...], dict[str, Any]] = {}
            for read in readers:
                for said in read(cells, made):
                    if "title" in said and "source_id" in said:
                        found.setdefault((said["source_id"], said["title"], said.get("published_at")), said)
            return list(found.values())[:SOURCES]

        return sources

    def _data(self, spec: EventSpec) -> Callable[[Cells, Made], Any]:
        return self._member(data_value(spec.data))

    def _member(self, given: Any) -> Callable[[Cells, Made], Any]:
        """What fills a member of `data`; what is missing is left out."""
        if isinstance(given, Value):
            read = self._read(given)
            return partial(_estimated, read, columns_of(given)) if given.as_ == "estimate" else _plain(read)
        if isinstance(given, dict):
            members = {name: self._member(each) for name, each in given.items()}

            def table(cells: Cells, made: Made) -> dict[str, Any] | None:
                found = {name: value for name, fill in members.items() if (value := fill(cells, made)) is not None}
                return found or (None if members else {})

            return table
        if isinstance(given, list):
            items = [self._member(each) for each in given]
            return lambda cells, made: [value for fill in items if (value := fill(cells, made)) is not None]
        return lambda _, __: given


def _all(conditions: list[Callable[[Cells], bool]]) -> Callable[[Cells], bool]:
    return lambda cells: all(holds(cells) for holds in conditions)


def _plain(read: Read) -> Callable[[Cells, Made], Any]:
    def plain(cells: Cells, _: Made) -> Any:
        value = read(cells)
        return value.isoformat() if isinstance(value, date) else value

    return plain


def _estimated(read: Read, columns: list[str], cells: Cells, made: Made) -> dict[str, Any] | None:
    said: dict[str, Any] | None = read(cells)
    if isinstance(said, Repaired):
        made.repairs.append(f"order of low, best and high: {said.was} ({', '.join(columns)})")
        return dict(said)
    return said


def _conflict(read: Read, cells: Cells, _: Made) -> list[dict[str, str]] | None:
    """The link that says of which conflict it is part."""
    slug = _slug(read(cells))
    return [{"rel": "part_of", "target": f"conflict:{slug}"}] if slug else None


def _slug(given: Any) -> str:
    """What a stream may be called after a text; empty where nothing is left of it."""
    return re.sub(r"[^a-z0-9._-]+", "-", text_of(given or "").lower()).strip("-")[:120]


def _notes(columns: list[str], cells: Cells, made: Made) -> str | None:
    told = "\n".join(f"{c}: {text}" for c in columns if (text := text_of(cells.get(c))))
    if len(told) > TEXT:
        made.shortened += 1
        told = told[: TEXT - 1] + "…"
    return told or None


def _number(value: Value | None) -> Value | None:
    return None if value is None else value.model_copy(update={"as_": "number"})


def _short(text: str, made: Made) -> str:
    if len(text) <= WORD:
        return text
    made.shortened += 1
    return text[: WORD - 1] + "…"


_WKT: Final = re.compile(r"^\s*(?:SRID=4326;)?POINT\s*Z?\s*\(\s*(-?[\d.]+)[ ,]+(-?[\d.]+)", re.IGNORECASE)


def _point(lat: Any, lon: Any, wkt: str | None, column: str) -> tuple[float, float] | None:
    if wkt is not None:
        found = _WKT.match(wkt)
        if found is None:
            raise UnclearError(column, f"{wkt[:80]!r} is no point")
        lon, lat = float(found[1]), float(found[2])
    if lat is None and lon is None:
        return None
    if lat is None or lon is None:
        raise UnclearError(column, "lat and lon go together")
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):  # noqa: PLR2004 - degrees
        raise UnclearError(column, f"{lat}, {lon} is no point")
    return lat, lon


def _without_name(admin1: str | None, country: str | None, point: tuple[float, float] | None) -> tuple[str | None, str]:
    """What a place without a name is called: by its region, else by its point; it stands for no settlement."""
    if admin1 is not None:
        return admin1, "admin1"
    if point is not None:
        return f"{point[0]}, {point[1]}", "unknown"
    return country, "country"


def _groups(pattern: re.Pattern[str] | None, item: Any) -> dict[str, Any]:
    """The named groups of an item of a list, or the members of an object; else the whole is the title."""
    if isinstance(item, dict):
        return {f"@{name}": value for name, value in item.items()}
    found = None if pattern is None else pattern.match(item)
    if found is None:
        return {"@title": item}
    return {f"@{name}": text for name, text in found.groupdict().items()}


def _first_cell(value: Value, cells: Members[str, Any]) -> Any:
    return next((cells[c] for c in columns_of(value) if cells.get(c)), "")


def _day(when: date | datetime, zone: str) -> date:
    if not isinstance(when, datetime):
        return when
    return (when.astimezone(zone_named(zone)) if when.tzinfo else when).date()


def _before(end: date | datetime, start: date | datetime, zone: str) -> bool:
    local = zone_named(zone)

    def instant(when: date | datetime) -> datetime:
        timed = when if isinstance(when, datetime) else datetime.combine(when, time.min)
        return (timed if timed.tzinfo else timed.replace(tzinfo=local)).astimezone(UTC)

    return instant(end) < instant(start)


def _at(occurred: dict[str, Any], which: str | None) -> dict[str, Any]:
    """The whole of a row's time, or only its start or its end."""
    match which:
        case "start":
            return {name: each for name, each in occurred.items() if name not in {"end", "range"}}
        case "end":
            return {**_at(occurred, "start"), "start": occurred.get("end", occurred["start"])}
        case _:
            return occurred
