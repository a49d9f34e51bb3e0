"""The mapping language: what the columns of a file mean (docs/import.md, The mapping).

A mapping is a TOML file. A value is a constant, or a table that says from which column it comes.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping as Members
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from incidentlog.errors import BadRequest, Fault
from incidentlog.events.envelope import PlacePrecision, Role
from incidentlog.events.values import Model, NewActorCode, Precision, Range, Slug, TlpLabel, Verification, Word

BYTES: Final = 256 * 1024
"""The most bytes of a mapping file."""
DOTS: Final = 40
"""The most dots of one of its lines: reading a key of n parts takes n² of memory, gigabytes for 100 KB of dots."""
PRESETS: Final = Path(__file__).with_name("presets")

Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Columns = Column | Annotated[list[Column], Field(min_length=1, max_length=50)]
Scalar: TypeAlias = str | int | float | bool
As = Literal["text", "count", "number", "boolean", "list", "date", "estimate"]
CodeSystem = Literal["iso2", "iso3", "number", "gw", "fips", "name"]
Format = Literal["csv", "tsv", "json", "ndjson", "geojson", "xlsx", "ods"]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return pattern


class Spec(Model):
    """The base of every table: unknown names are refused, so that a slip of the pen is not lost."""

    # A TOML list is a list and its numbers are numbers: nothing has to be converted.
    model_config = ConfigDict(populate_by_name=True)


class Value(Spec):
    """A value that is read from a row."""

    column: Columns | None = None
    """The column, or several of which the first one counts that is filled, and that the pattern fits."""
    template: str | None = None
    """Text with `{column}` in it; missing when any of these is."""
    group: str | None = None
    """A named group of the pattern of `sources.each`."""
    const: Scalar | None = None
    """A constant, to be used with `if`."""
    as_: Annotated[As, Field(alias="as")] = "text"
    pattern: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    """A regular expression: its first group, or all that it matches, is taken. No match is missing."""
    strip: Annotated[list[str], Field(max_length=100)] = []
    """Regular expressions; what they match is taken out."""
    table: dict[str, Scalar] | None = None
    """What stands for what; case and spaces do not count. What is not in it is `default`, or else a fault."""
    formats: Annotated[list[str], Field(max_length=20)] = []
    """Of dates: strptime's formats, tried in this order. Without any, ISO 8601."""
    split: str | None = None
    """Of lists: what stands between the items."""
    decimal: Literal[".", ","] = "."
    missing: Annotated[list[str], Field(max_length=50)] = []
    """What means missing here, beside the marks of the whole file."""
    low: Columns | None = None
    """Of estimates: the column of the lower end; `column` is the best figure."""
    high: Columns | None = None
    default: Scalar | None = None
    """What is taken where nothing is there."""

    _pattern = field_validator("pattern")(_compiles)

    @field_validator("strip")
    @classmethod
    def _strips(cls, strip: list[str]) -> list[str]:
        return [_compiles(pattern) for pattern in strip]

    @model_validator(mode="after")
    def _says_from_where(self) -> Self:
        given = [n for n in ("column", "template", "group", "const") if getattr(self, n) is not None]
        if len(given) > 1 or (not given and not (self.as_ == "estimate" and (self.low or self.high))):
            raise ValueError("give one of column, template, group, const")
        return self


class Condition(Spec):
    """What a column has to say."""

    column: Column
    equals: Scalar | None = None
    in_: list[Scalar] | None = Field(default=None, alias="in", max_length=1_000)
    matches: str | None = None
    missing: bool | None = None

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if sum(each is not None for each in (self.equals, self.in_, self.matches, self.missing)) != 1:
            raise ValueError("give one of equals, in, matches, missing")
        if self.matches is not None:
            _compiles(self.matches)
        return self


Conditions = Annotated[list[Condition], Field(max_length=50)]
Given: TypeAlias = Value | Scalar


class FileSpec(Spec):
    """How the rows are read."""

    format: Format | None = None
    """Else by the file's name."""
    encoding: str = "utf-8-sig"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    sheet: str | int | None = None
    """Of a workbook: its name or number, from 0."""
    skip: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Rows before the header."""
    header_rows: Annotated[int, Field(ge=0, le=5)] = 1
    """Several are joined with a blank; with none the columns are called 1, 2, 3."""
    footer: str | None = None
    """A regular expression; the first row whose first cell it matches ends the table."""
    path: str | None = None
    """Of JSON: where the list of rows is, as `data.items`."""
    hxl: Literal["auto", "tags", "no"] = "auto"
    """`auto`: a row of HXL tags under the header is passed over. `tags`: the columns are called by their tags."""
    missing: Annotated[list[str], Field(max_length=50)] = []
    """What means missing in every column; an empty cell always does."""


class IdSpec(Spec):
    """What makes a row the same row in the next release."""

    scheme: Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,40}$")]
    column: Column | None = None
    """The column of the source's own id."""
    columns: Annotated[list[Column], Field(min_length=1, max_length=20)] | None = None
    """Without one: the columns that tell a row from all others. Their hash is the id."""
    salt: str = ""
    """Makes the events' ids such that nobody can compute them from the source's; for what is not CLEAR."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.column is None) == (self.columns is None):
            raise ValueError("give column or columns")
        return self


class WhenSpec(Spec):
    """When it happened."""

    start: Value
    end: Value | None = None
    """Of dates the last one."""
    range: Range | None = None
    """What `start` and `end` are: how long it went on (`length`), or a `window` in which it happened. Without it, times
    are a length, and dates a window."""
    zone: str
    """In which zone times and dates without an offset are meant. It is never guessed."""
    precision: Annotated[Value | Precision, Field(union_mode="left_to_right")] = "day"
    midnight: Literal["time", "none"] = "time"
    """Whether 00:00 is a time, or means that none is known: then only the date is taken."""
    reported_at: Value | None = None


class WhereSpec(Spec):
    """Where it happened."""

    name: Value | None = None
    country: Given | None = None
    country_codes: CodeSystem = "iso2"
    """What the country's column holds."""
    admin1: Given | None = None
    admin2: Given | None = None
    admin3: Given | None = None
    lat: Value | None = None
    lon: Value | None = None
    wkt: Value | None = None
    """A point as `POINT (lon lat)`, in place of lat and lon."""
    precision: Annotated[Value | PlacePrecision, Field(union_mode="left_to_right")]
    empty_points: bool = True
    """Whether a point at 0, 0 means that there is none."""


class SourceSpec(Spec):
    """Where the file has it from."""

    each: Value | None = None
    """A list, of which every item is a source of its own."""
    pattern: str | None = None
    """What an item is made of, in named groups; where it does not match, the whole is the title."""
    source_id: Given
    title: Given
    publisher: Given | None = None
    origin: Given | None = None
    url: Given | None = None
    published_at: Value | None = None
    reliability: Annotated[Value | Literal["A", "B", "C", "D", "E", "F"], Field(union_mode="left_to_right")]
    credibility: Annotated[Value | Annotated[int, Field(ge=1, le=6)], Field(union_mode="left_to_right")]

    @field_validator("pattern")
    @classmethod
    def _is_one(cls, pattern: str | None) -> str | None:
        return None if pattern is None else _compiles(pattern)


class ActorSpec(Spec):
    """Who took part. An actor whose code is missing is left out."""

    code: Given
    role: Role
    name: Given | None = None


class RegisterSpec(Spec):
    """An actor of the file's that no log knows of itself: an import registers it where that was not done before."""

    code: NewActorCode
    name: Word
    kind: Slug | None = None


class EventSpec(Spec):
    """An event that a row makes."""

    type: str
    if_: Annotated[Conditions, Field(alias="if")] = []
    """All of these have to hold."""
    otherwise: bool = False
    """Only where the row has made no event before."""
    part: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")] | None = None
    """Tells the events of one row from each other."""
    stream: Given | None = None
    """What several rows tell of, such as one source's totals, by a name: these events go on its stream. Else a row's
    events of one category have a stream of their own."""
    at: Literal["start", "end"] | None = None
    """It happened at the row's start, or its end, alone."""
    data: dict[str, Any] = {}
    """Its `data`: constants, values, and tables of these."""


class SkipSpec(Spec):
    """Rows that make no event, and why."""

    if_: Annotated[Conditions, Field(alias="if", min_length=1)]
    reason: str


class NestedSpec(Spec):
    """Rows within others, such as the alert of a raion while its whole oblast has one: linked to them as a part."""

    keys: Annotated[
        list[Annotated[list[Column], Field(min_length=1, max_length=10)]], Field(min_length=1, max_length=5)
    ]
    """From the widest level to the narrowest: the columns that name an area of that level. A row is of the narrowest
    level all of whose columns are filled."""


class UpdateSpec(Spec):
    """What a change is, when the next release is compared."""

    fields: list[Literal["occurred", "place", "actors", "data"]] = ["occurred", "place", "actors", "data"]
    ignore: Annotated[list[str], Field(max_length=100)] = []
    """Members that do not count, as `place.name`. Case and spaces never do."""
    vanished: Literal["retract", "list"] = "retract"
    """What becomes of events whose rows the release has no more."""


class Mapping(Spec):
    """What the columns of a file mean."""

    mapping: Literal[1]
    """The version of this language."""
    title: str
    about: str = ""
    """Quirks, version and origin of the file; shown by `--explain`."""
    file: FileSpec = FileSpec()
    events_as_they_are: bool = False
    """The rows are events already."""
    columns: dict[Column, Annotated[list[Column], Field(min_length=1, max_length=50)]] = {}
    """Names of our own for columns that are called differently from release to release."""
    optional: Annotated[list[Column], Field(max_length=500)] = []
    """Columns that a file need not have."""
    id: IdSpec | None = None
    when: WhenSpec | None = None
    where: WhereSpec | None = None
    events: Annotated[list[EventSpec], Field(max_length=100)] = []
    skip: Annotated[list[SkipSpec], Field(max_length=100)] = []
    sources: Annotated[list[SourceSpec], Field(max_length=20)] = []
    actors: Annotated[list[ActorSpec], Field(max_length=50)] = []
    register_: Annotated[list[RegisterSpec], Field(alias="register", max_length=1_000)] = []
    """Actors that are registered before the first row, where the log does not have them."""
    conflict: Given | None = None
    """Of which conflict the rows are part: a slug, or what one is made of."""
    verification: Annotated[Value | Verification, Field(union_mode="left_to_right")] = "unverified"
    tlp: TlpLabel = "CLEAR"
    private: Annotated[list[Column], Field(max_length=200)] = []
    """Columns that only auditors may see."""
    notes: Annotated[list[Column], Field(max_length=500)] = []
    """Columns that are kept in the notes, each with its name."""
    unmapped: Literal["drop", "notes", "refuse"] = "refuse"
    """What becomes of columns that the mapping does not name."""
    nested: NestedSpec | None = None
    update: UpdateSpec = UpdateSpec()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.events_as_they_are:
            lacking = [n for n in ("id", "when", "events", "sources") if not getattr(self, n)]
            if lacking:
                raise ValueError(f"the mapping lacks {', '.join(lacking)}")
        parts = [(e.type, e.part) for e in self.events]
        if len(set(parts)) != len(parts):
            raise ValueError("two events have the same type: name their parts")
        codes = Counter(actor.code for actor in self.register_)
        if twice := [code for code, times in codes.items() if times > 1]:
            raise ValueError(f"named twice under register: {', '.join(twice)}")
        return self


def data_value(given: Any) -> Any:
    """A member of `data` with its values read; raises ValidationError for a table that is none."""
    if isinstance(given, dict):
        if given.keys() & _LEAF:
            return Value.model_validate(given)
        return {name: data_value(each) for name, each in given.items()}
    return [data_value(each) for each in given] if isinstance(given, list) else given


_LEAF: Final = frozenset({"column", "template", "group", "const", "low", "high"})
"""What tells a value from a table of values: no member of any event's `data` is called so, but within an estimate,
which is read whole."""


def presets() -> list[str]:
    """The names of the mappings that come along."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def path_of(name: str) -> Path:
    """Where the mapping of a name is: of one that comes along, or of a file."""
    return PRESETS / f"{name}.toml" if name in presets() else Path(name)


def load_mapping(name: str) -> Mapping:
    """The mapping of a name that comes along, or of a file; raises BadRequest with every fault and its place."""
    try:
        raw = path_of(name).read_bytes()
    except OSError as error:
        known = ", ".join(presets())
        raise BadRequest(
            f"cannot read the mapping {name}: {error.strerror}; those that come along are {known}"
        ) from None
    if len(raw) > BYTES:
        raise BadRequest(f"the mapping has {len(raw)} bytes; it may have {BYTES}")
    return parse_mapping(raw)


def parse_mapping(raw: bytes) -> Mapping:
    """The mapping that TOML says; raises BadRequest with every fault and its place."""
    crowded = next((n for n, line in enumerate(raw.splitlines(), start=1) if line.count(b".") > DOTS), None)
    if crowded is not None:
        detail = f"line {crowded} has more than {DOTS} dots"
        raise BadRequest("the mapping cannot be used", errors=[Fault("", "too_many_dots", detail)])
    try:
        said = tomllib.loads(raw.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("the mapping is no TOML", errors=[Fault("", "not_toml", str(error))]) from None
    try:
        mapping = Mapping.model_validate(said)
    except ValidationError as invalid:
        raise BadRequest("the mapping cannot be used", errors=_faults(invalid)) from None
    faults = [fault for n, event in enumerate(mapping.events) for fault in _data_faults(n, event)]
    if faults:
        raise BadRequest("the mapping cannot be used", errors=faults)
    return mapping


def _data_faults(number: int, event: EventSpec) -> list[Fault]:
    """Faults within `data`, of which the model alone does not know which tables are values."""
    faults = []
    for name, given in event.data.items():
        try:
            data_value(given)
        except ValidationError as invalid:
            faults += _faults(invalid, ("events", number, "data", name))
    return faults


def _faults(invalid: ValidationError, within: tuple[str | int, ...] = ()) -> list[Fault]:
    """Each fault once, at the place where it stands in the file."""
    found: dict[str, Fault] = {}
    for error in invalid.errors(include_url=False, include_input=False):
        path = [str(part) for part in (*within, *error["loc"]) if not _ours(part)]
        at = "/" + "/".join(path) if path else ""
        found.setdefault(at, Fault(at, error["type"], error["msg"]))
    return list(found.values())


def _ours(part: str | int) -> bool:
    """Whether a part of pydantic's path is the name of a branch of a union."""
    return isinstance(part, str) and (
        part in _BRANCHES or part.startswith(("literal[", "list[", "dict[", "constrained"))
    )


_BRANCHES: Final = frozenset({"Value", "str", "int", "float", "bool"})


@cache
def schema() -> Members[str, Any]:
    """The JSON Schema (2020-12) of a mapping, for editors that check TOML."""
    made = Mapping.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
