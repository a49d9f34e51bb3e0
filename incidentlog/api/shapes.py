"""What answers hold, as types: the routes build them, the tests hold every answer to them, OpenAPI shows them.

Clients ignore members that they do not know.
"""

from datetime import date, datetime
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # on Python 3.11 pydantic reads no other
)
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from incidentlog.config import Role
from incidentlog.events.values import TlpLabel
from incidentlog.folding.shapes import Row
from incidentlog.projections.candidates import Candidate
from incidentlog.store.builds import State
from incidentlog.store.diff import Cause

Position = Annotated[int, Field(ge=0, description="A position of the log")]
Next = Annotated[str, Field(description="The address of the next page; there is none where it is left out")]
Stream = Annotated[str, Field(description="`category:slug`")]
Instant = datetime


class Fault(TypedDict):
    """One thing that is wrong."""

    line: NotRequired[Annotated[int, Field(description="Of a request of many lines the one that is meant, from 1")]]
    pointer: Annotated[str, Field(description="Where (RFC 6901): in the body, or `/name` of a parameter or a header")]
    code: Annotated[str, Field(description="It never changes")]
    detail: str


class Basis(TypedDict):
    """What an answer rests on; sent back as parameters, it gives the same bytes."""

    version: int
    generation: int
    position: Position
    at: Instant
    by: Literal["recorded", "reported"]
    known_at: NotRequired[Instant]
    open: NotRequired[Annotated[bool, Field(description="More may still be recorded for `known_at`")]]


# ------------------------------------------------------------------------------------------------- appending


class FoundPlace(TypedDict):
    """How an event's place was found, and as which."""

    how: str
    place_id: str | None
    name: str | None


class Unresolved(TypedDict):
    """A name that was not found."""

    name: str
    country: str | None
    admin1: str | None
    events: Annotated[int, Field(description="How many have it")]


class Places(TypedDict):
    """How the places of many events were found."""

    places: NotRequired[Annotated[dict[str, int], Field(description="How many were found how")]]
    unresolved_total: NotRequired[
        Annotated[int, Field(description="How many names were not found; of an import of files at most 20,000")]
    ]
    unresolved: NotRequired[Annotated[list[Unresolved], Field(description="The most frequent ones")]]


class Placed(TypedDict):
    """Where an event is in the log."""

    id: UUID
    position: Position
    stream: Stream
    stream_version: int
    recorded_at: Instant
    place: NotRequired[FoundPlace]
    warnings: NotRequired[
        Annotated[list[Fault], Field(description="Why it will be ignored, and what is odd about its place")]
    ]
    proof: NotRequired[Annotated[str | None, Field(description="With `wait=sealed`: null where it takes longer")]]
    proof_url: NotRequired[str]


class Taken(Places):
    """What became of many events that were all taken in."""

    appended: int
    duplicates: Annotated[int, Field(description="Those that were in the log before")]
    first_position: Position | None
    last_position: Position | None
    warnings_total: NotRequired[int]
    warnings: NotRequired[list[Fault]]
    sealed: NotRequired[bool]


class LineTaken(TypedDict):
    """What became of a line: it is in the log."""

    line: int
    status: Literal[200, 201]
    id: UUID
    position: Position
    place: NotRequired[FoundPlace]
    warnings: NotRequired[list[Fault]]


class LineRefused(TypedDict):
    """What became of a line: it is refused."""

    line: int
    status: int
    problem: Annotated[dict[str, Any], Field(description="A problem, as it would be answered for that event alone")]


class Sum(Places):
    """All lines together."""

    appended: int
    duplicates: int
    first_position: Position | None
    last_position: Position | None
    refused: int
    sealed: NotRequired[bool]


class LastLine(TypedDict):
    """The last line of what became of each."""

    summary: Sum


LineTold = LineTaken | LineRefused | LastLine


class CloudEvent(TypedDict):
    """An event as CloudEvents 1.0 has it; its data is an event as `/v1/events` takes it."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: NotRequired[str]
    time: NotRequired[Instant]
    datacontenttype: NotRequired[str]
    sequence: NotRequired[str]
    tlp: NotRequired[TlpLabel]
    recordstatus: NotRequired[str]
    data: NotRequired[dict[str, Any]]


class TakenCloudEvents(Taken):
    """What became of CloudEvents that were all taken in."""

    ids: list[UUID]


class RowTold(TypedDict):
    """What is wrong with a row of a file, or was repaired in it."""

    what: Literal["refused", "repaired"]
    file: str
    line: int
    column: str
    reason: str


ImportNumber = TypedDict("ImportNumber", {"import": Position | None})
"""Where an import began; null where nothing was appended."""


class NotRegistered(TypedDict):
    """An actor that could not be registered."""

    code: str
    reason: str


class Imported(Places, ImportNumber):
    """What became of all rows."""

    dry_run: bool
    rows: int
    refused: int
    repaired: int
    passed_over: int
    appended: int
    already_there: int
    registered: NotRequired[Annotated[list[str], Field(description="Codes of the actors that the log did not have")]]
    not_registered: NotRequired[list[NotRegistered]]
    changes: NotRequired[Annotated[dict[str, int], Field(description="Of an update: rows by what they are")]]
    samples: NotRequired[dict[str, list[str]]]
    held_back: NotRequired[Annotated[str | None, Field(description="Why nothing was retracted, though rows are gone")]]


class ImportReport(Imported):
    """The same, with the first of the rows that were refused or repaired."""

    report_total: int
    report: list[RowTold]


class ImportSum(TypedDict):
    """The last line of what became of each row."""

    summary: Imported


class ImportBroken(TypedDict):
    """The last line where it could not go on."""

    problem: dict[str, Any]


ImportTold = RowTold | ImportSum | ImportBroken


# ---------------------------------------------------------------------------------------------------- events


class Local(TypedDict):
    """When it was, in the log's zone; null where that is not known."""

    date_start: date | None
    date_end: date | None
    start: Instant | None
    end: Instant | None


OfImport = TypedDict("OfImport", {"import": NotRequired[Position]})
"""Where the import began with which an event came."""


class Event(OfImport):
    """An event: what was sent, where the service put it, and whether it counts."""

    id: UUID
    position: Position
    stream: Stream
    stream_version: int
    type: str
    schema_version: int
    occurred: dict[str, Any] | None
    local: Local
    reported_at: str | None
    recorded_at: Instant
    recorded_by: Annotated[str, Field(description="The name of the key")]
    place: Annotated[dict[str, Any] | None, Field(description="As it was reported; `resolved`: what it was taken for")]
    actors: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    verification: Annotated[str | None, Field(description="Null once the event was erased")]
    tlp: TlpLabel
    data: Annotated[dict[str, Any] | None, Field(description="As `/schemas/{type}.json` has it; null once erased")]
    links: list[dict[str, Any]]
    external_ids: list[dict[str, Any]]
    notes: str | None
    status: Literal["effective", "amended", "retracted", "erased"]
    patched_place: Annotated[dict[str, Any] | None, Field(description="What an amendment's own place was taken for")]
    private: NotRequired[Annotated[dict[str, Any] | None, Field(description="For auditors who ask for it")]]


class EventPage(TypedDict):
    """A page of the log."""

    events: list[Event]
    next: NotRequired[Next]


class EventIds(TypedDict):
    """A page of the ids of what came with an import."""

    ids: list[UUID]
    next: NotRequired[Next]


class StreamPage(TypedDict):
    """A page of a stream."""

    stream: Stream
    events: list[Event]
    next: NotRequired[Next]


class Geometry(TypedDict):
    """A point (RFC 7946)."""

    type: Literal["Point"]
    coordinates: tuple[float, float]


class Feature(TypedDict):
    """An event, or a row, where it is (RFC 7946)."""

    type: Literal["Feature"]
    id: str
    geometry: Geometry | None
    properties: dict[str, Any]


class Replayed(TypedDict):
    """The last line of a replay: it is whole."""

    position: Position
    events: int
    head: Position


class End(TypedDict):
    """The last line of a replay."""

    end: Replayed


ReplayLine = Event | End


# ----------------------------------------------------------------------------------- projections and subjects


class Projection(TypedDict):
    """One that can be asked."""

    name: str
    title: str
    version: int
    shape: Literal["tally", "document"]
    position: Position
    dimensions: NotRequired[Annotated[list[str], Field(description="By what a tally is grouped and narrowed")]]
    measures: NotRequired[list[str]]
    figures: NotRequired[Annotated[list[str], Field(description="By what its own rows can be ordered")]]


class Projections(TypedDict):
    """All that can be asked."""

    zone: Annotated[str, Field(description="In whose days is counted")]
    projections: list[Projection]


class Period(TypedDict):
    """Days: from the first one, to the one after the last."""

    since: date | None
    until: date | None


Rest = Annotated[
    dict[str, Any],
    Field(description="What `top` leaves out: how many `rows`, and their figures added up. Absent where it is nothing"),
]


class Rows(TypedDict):
    """Rows of a projection by their keys, as known at a moment."""

    projection: str
    version: int
    basis: Basis
    incomplete: NotRequired[Annotated[int, Field(description="How many streams could not be taken in")]]
    compared: NotRequired[dict[Literal["period", "previous"], Period]]
    rest: NotRequired[Rest]
    rows: dict[str, Row]
    next: NotRequired[Next]


class OneRow(TypedDict):
    """A row of a projection, as known at a moment."""

    projection: str
    version: int
    basis: Basis
    incomplete: NotRequired[int]
    compared: NotRequired[dict[Literal["period", "previous"], Period]]
    key: str
    row: Row


SubjectState = Annotated[
    dict[str, Any],
    Field(description="What its events add up to. `status` is current or retracted; the rest hangs on its category"),
]


class Subject(TypedDict):
    """A subject, as known at a moment."""

    stream: Annotated[str, Field(description="Of a stream that was merged, the survivor")]
    category: str
    basis: Basis
    state: SubjectState


SubjectRow = Annotated[
    dict[str, Any],
    Field(description="A subject in flat members, always the same ones of a category; null where nothing is known"),
]


class SubjectPage(TypedDict):
    """A page of subjects, as they stand at a moment."""

    subjects: list[SubjectRow]
    basis: Basis
    next: NotRequired[Next]


class Features(TypedDict):
    """Features, with what JSON says beside its rows, or events (RFC 7946 §6.1)."""

    type: Literal["FeatureCollection"]
    projection: NotRequired[str]
    version: NotRequired[int]
    basis: NotRequired[Basis]
    incomplete: NotRequired[int]
    compared: NotRequired[dict[Literal["period", "previous"], Period]]
    rest: NotRequired[Rest]
    features: list[Feature]
    next: NotRequired[Next]


class SubjectVersion(TypedDict):
    """A version of a subject."""

    from_position: Position
    to_position: Annotated[int | None, Field(description="Exclusive; null while it is what is known")]
    restated: bool
    state: SubjectState | None
    absorbed_into: NotRequired[Stream]


class History(TypedDict):
    """Versions of a subject."""

    stream: Stream
    versions: list[SubjectVersion]
    next: NotRequired[Next]


class Candidates(TypedDict):
    """Subjects that may be the same."""

    stream: Stream
    basis: Basis
    candidates: list[Candidate]
    incomplete: NotRequired[bool]


class Suspect(TypedDict):
    """A subject that may be one of an import's, and why."""

    stream: Stream
    occurred: dict[str, Any]
    place: str
    where: Annotated[Literal["same_place", "near"], Field(description="`near` is within 15 km")]
    kilometres: float | None
    hours_apart: Annotated[float, Field(description="Between the end of one and the start of the other; 0 overlap")]
    minutes_between_starts: float
    side: str | None
    same_source: Annotated[bool, Field(description="Both come from one source, which tells them apart itself")]
    likely: Annotated[bool, Field(description="Each is the other's best, at one place, with starts within 10 min")]


class SuspectedSubject(TypedDict):
    """A subject of an import, and which others it may be, the best first; at most five."""

    stream: Stream
    occurred: dict[str, Any]
    place: str
    candidates: list[Suspect]


Suspects = TypedDict(
    "Suspects",
    {
        "import": Position,
        "basis": Basis,
        "subjects": Annotated[int, Field(description="How many subjects of the import were compared")],
        "suspected": Annotated[int, Field(description="How many of them may be others")],
        "likely": Annotated[int, Field(description="How many of them have a likely twin")],
        "groups": list[SuspectedSubject],
        "incomplete": NotRequired[bool],
        "next": NotRequired[Next],
    },
)


Comparing = TypedDict(
    "Comparing",
    {
        "import": Position,
        "basis": Basis,
        "subjects": Annotated[int, Field(description="How many subjects the import has, as far as that is known")],
        "compared": Annotated[int, Field(description="How many of them are compared already")],
        "next": Next,
    },
)


class PairBasis(TypedDict):
    """What a difference rests on; sent back as parameters, it gives the same bytes."""

    version: int
    generation: int
    from_position: Position
    to_position: Position
    at: Instant
    by: Literal["recorded", "reported"]
    from_known: NotRequired[Instant]
    to_known: NotRequired[Instant]
    open: NotRequired[bool]


class Differing(TypedDict):
    """One thing that is another than before."""

    before: NotRequired[dict[str, Any] | None]
    after: NotRequired[dict[str, Any] | None]
    fields: Annotated[list[str], Field(description="What differs, the members of members joined by dots")]
    absorbed_into: NotRequired[Stream]
    causes: list[Cause]
    more_causes: NotRequired[bool]


class Moved(TypedDict):
    """A projection of which something became another."""

    name: str
    position: Position


class Diff(TypedDict):
    """What became another between two states of knowledge."""

    projection: NotRequired[str]
    subject: NotRequired[Stream]
    projections: NotRequired[list[Moved]]
    incomplete: NotRequired[int]
    version: int
    basis: PairBasis
    added: dict[str, Differing]
    changed: dict[str, Differing]
    withdrawn: dict[str, Differing]
    next: NotRequired[Next]


class Build(TypedDict):
    """One version of a projection."""

    build: int
    projection: str
    version: int
    state: State
    position: Position
    of_this_code: bool


class Builds(TypedDict):
    """Versions of projections."""

    head: NotRequired[Position]
    builds: list[Build]


class Parked(TypedDict):
    """A stream that a projection could not take in."""

    projection: str
    stream: Stream
    from_position: Position
    to_position: int | None
    reason: str
    wish: str | None
    note: str | None


class ParkedStreams(TypedDict):
    """The streams that projections could not take in."""

    parked: list[Parked]


# ------------------------------------------------------------------------------------------------------ places


class Found(TypedDict):
    """How a name would resolve."""

    q: str
    resolution: dict[str, Any]
    suggestions: list[dict[str, Any]]
    attribution: str


# -------------------------------------------------------------------------------------------- the log as a tree


Consistency = TypedDict("Consistency", {"from": int, "to": int, "proof": list[str]})
Consistency.__doc__ = "That a tree grew out of a smaller one (RFC 6962 §2.1.2); hashes in base64."


class Root(TypedDict):
    """What the tree hashed to."""

    size: int
    root: Annotated[str, Field(description="SHA-256, in base64")]


class Head(TypedDict):
    """A signed tree head."""

    size: int
    root: str
    signed_at: Instant
    note: Annotated[str, Field(description="As it was signed (C2SP signed-note)")]


class Heads(TypedDict):
    """A page of tree heads."""

    heads: list[Head]
    next: NotRequired[Next]


class LogKey(TypedDict):
    """Who signs."""

    origin: str
    vkey: str


class Proof(TypedDict):
    """A line of an export: a leaf, what opens it, and that it is in the tree."""

    leaf: str
    parts: dict[str, Any]
    proof: str


# ------------------------------------------------------------------------------------------------ keys and reads


class Key(TypedDict):
    """A key; of its secret nothing is kept."""

    name: str
    scopes: list[str]
    clearance: TlpLabel
    created_at: Instant
    revoked_at: Instant | None
    expires_at: Instant | None
    former_until: Annotated[
        Instant | None, Field(description="Up to when the secret before the last rotation opens too")
    ]
    last_used_at: Annotated[Instant | None, Field(description="To the hour")]
    requests: Annotated[
        int | None, Field(description="How many it may make in a minute; null is what the service allows")
    ]
    note: str | None


class Keys(TypedDict):
    """A page of keys."""

    keys: list[Key]
    next: NotRequired[Next]


class Webhook(TypedDict):
    """Where events are sent to, and how far that is; of its secret nothing."""

    id: UUID
    key: Annotated[str, Field(description="The key that made it, without which it is sent nothing")]
    clearance: Annotated[
        TlpLabel, Field(description="Of the key when it made it; what it sees by now, where that is less")
    ]
    url: str
    filters: Annotated[dict[str, list[str]], Field(description="As the parameters of `/v1/events`")]
    note: str | None
    created_at: Instant
    state: Annotated[
        Literal["active", "paused", "off"], Field(description="`off` was not asked for: `reason` says why it is")
    ]
    reason: Annotated[
        Literal["gone", "failing", "full"] | None,
        Field(description="It answered 410; some events in a row were given up; there are too many dead letters"),
    ]
    position: Annotated[int, Field(ge=0, description="What is for it up to there was delivered, or is a dead letter")]
    attempts: Annotated[int, Field(description="How often the event that comes next was tried in vain")]
    next_at: Annotated[Instant | None, Field(description="When it is tried again")]
    last_attempt_at: Instant | None
    last_delivered_at: Instant | None
    last_failure: str | None
    former_until: Annotated[
        Instant | None, Field(description="Up to when the secret before the last rotation signs too")
    ]


class WebhookWithSecret(Webhook):
    """A webhook, with its secret, which is told this once."""

    secret: Annotated[str, Field(description="`whsec_` and base64: what its messages are signed with")]


class Webhooks(TypedDict):
    """A page of webhooks."""

    webhooks: list[Webhook]
    next: NotRequired[Next]


class Delivered(TypedDict):
    """What became of a message that was sent to try it."""

    id: Annotated[UUID, Field(description="Its `webhook-id`")]
    status: Annotated[int | None, Field(description="What the receiver answered; null where it did not")]
    failure: Annotated[str | None, Field(description="Why it counts as not delivered; null where it was")]
    seconds: float


class DeadLetter(TypedDict):
    """An event that could not be delivered."""

    event_id: UUID
    position: Position
    attempts: int
    failed_at: Instant
    failure: str
    wanted: Annotated[bool, Field(description="It is to be tried once more")]


class DeadLetters(TypedDict):
    """A page of dead letters, in the order of the log."""

    dead_letters: list[DeadLetter]
    next: NotRequired[Next]


class Settled(TypedDict):
    """Which dead letters were there of those that were named."""

    events: list[UUID]


class SignedIn(TypedDict):
    """As whom a browser reads."""

    name: str
    clearance: Annotated[int, Field(description="The highest marking it sees: 0 CLEAR to 4 RED")]
    expires_at: Instant | None


class Session(TypedDict):
    """Whether a browser has signed in."""

    session: SignedIn | None
    open: NotRequired[Annotated[bool, Field(description="Whether one may read without a key")]]


class Read(TypedDict):
    """A read that was noted."""

    number: int
    day: date
    at: Instant
    key: str
    route: str
    status: int
    basis: dict[str, Any] | None
    purpose: str | None


class Reads(TypedDict):
    """A page of the reads that were noted."""

    entries: list[Read]
    next: NotRequired[Next]


# --------------------------------------------------------------------------------------------------- the service


class Alive(TypedDict):
    """That the process answers."""

    status: Literal["ok"]


class Followed(TypedDict):
    """How far a projection is."""

    version: int
    position: Position
    lag_events: int
    lag_seconds: float
    parked: int


class ReplicaRead(TypedDict):
    """A replica: why it is not read from at the moment, and for how long it has not replayed what the leader had."""

    server: str
    left_out: str | None
    lag_seconds: float


class Ready(TypedDict):
    """Whether the service can do its work; all but `status` with `verbose`."""

    status: Literal["ok", "not ready"]
    checks: NotRequired[dict[str, str]]
    warnings: NotRequired[list[str]]
    head: NotRequired[Position]
    position: NotRequired[Position]
    lag_events: NotRequired[int]
    lag_seconds: NotRequired[float]
    still_seconds: NotRequired[float]
    projections: NotRequired[dict[str, Followed]]
    does: NotRequired[list[Role]]
    replicas: NotRequired[list[ReplicaRead]]
    roles: NotRequired[Literal["shared", "separate"]]
    sealing: NotRequired[str]
    sealed: NotRequired[int]
    log: NotRequired[UUID]
    fork: NotRequired[int]
    zone: NotRequired[str]
    zone_data: NotRequired[str | None]
    version: NotRequired[str]


class Type(TypedDict):
    """A type of events, in one version."""

    type: str
    version: int
    title: str


class Types(TypedDict):
    """Every type of events; each has its schema at `/schemas/{type}.json`."""

    types: list[Type]
