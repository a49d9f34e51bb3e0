"""An event as the log holds it, and as a fold sees it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Generic
from uuid import UUID

import msgspec
import orjson
from propcache.api import cached_property
from pydantic import ValidationError

from incidentlog.events.envelope import E, Envelope, ResolvedPlace
from incidentlog.events.registry import EVENTS, Registry
from incidentlog.events.values import Reading, When, end_of_day_instant

NULL: Final = msgspec.Raw(b"null")


class Meta(msgspec.Struct, frozen=True, gc=False):
    """What the server says about an event and no column has as it was said; a Raw is a piece of the stored text."""

    occurred: msgspec.Raw = NULL
    place: msgspec.Raw = NULL
    imported: int | None = msgspec.field(name="import", default=None)
    zone_data: str | None = None


_META: Final = msgspec.json.Decoder(Meta)


def read_meta(text: str) -> Meta:
    """The meta of an event, from its text; one that says nothing where somebody changed that to what is none."""
    try:
        return _META.decode(text)
    except msgspec.DecodeError:
        return Meta()


@dataclass(eq=False)
class Recorded:
    """One row of the log. `body` and `meta` are the exact stored texts; `body` is None once it was erased."""

    position: int
    event_id: UUID
    stream: str
    stream_version: int
    type: str
    schema_version: int
    recorded_at: datetime
    recorded_by: str
    tlp: int
    body: str | None
    meta: str
    registry: Registry = field(default_factory=lambda: EVENTS, repr=False)

    @cached_property
    def made(self) -> dict[Any, Any]:
        """What folds made of it and need not make again: a long stream is folded once for every correction."""
        return {}

    @property
    def category(self) -> str:
        """The stream's category."""
        return self.stream.partition(":")[0]

    @cached_property
    def weight(self) -> int:
        """About how many bytes it takes in memory once it is read."""
        return weigh(self.body or "") + len(self.meta)

    @property
    def body_as_sent(self) -> dict[str, Any]:
        """The body, parsed, just as it was sent; empty once it was erased."""
        body: dict[str, Any] = {} if self.body is None else orjson.loads(self.body)
        return body

    @cached_property
    def raw(self) -> dict[str, Any]:
        """The body, parsed, with the data lifted to the newest schema version and what the server filled in."""
        body = self.body_as_sent
        newest = self.registry.newest.get(self.type, self.schema_version)
        if self.schema_version != newest and self.body is not None:
            body["data"] = self.registry.lift(self.type, self.schema_version, body["data"])
            body["schema_version"] = newest
        if body.get("occurred") is None:
            body["occurred"] = self.occurred_set
        return body

    @property
    def occurred_set(self) -> dict[str, Any]:
        """When it happened, as the server set it: record and registry events may leave that out."""
        occurred: dict[str, Any] = orjson.loads(bytes(self.about.occurred))
        return occurred

    @cached_property
    def about(self) -> Meta:
        """What the server says about it."""
        return read_meta(self.meta)

    @cached_property
    def zone_data(self) -> str | None:
        """By which zone data its dates are meant; None where it does not say, being older, and nobody set them."""
        return self.about.zone_data

    @property
    def imported(self) -> int | None:
        """The number of the import that it came with, which is where that began; None where it came otherwise."""
        return self.about.imported

    @cached_property
    def envelope(self) -> Envelope[Any] | None:
        """The event in its newest shape; None when it was erased, or today's rules no longer accept it."""
        if self.body is None:
            return None
        if self.schema_version == self.registry.newest.get(self.type):
            # Nearly every event: its own text is read once. What left `occurred` to the server takes the other way.
            envelope = _parse(self.type, self.body, self.registry, self.zone_data)
            if envelope is not None:
                return envelope
        return read_envelope(self.type, self.raw, self.registry, self.zone_data)

    @cached_property
    def place(self) -> ResolvedPlace | None:
        """The place as it was resolved at append."""
        text = bytes(self.about.place)
        return None if text == b"null" else _resolved(text)


OBJECT_BYTES: Final = 600
"""What an object of a JSON text takes as a model, such as an actor: more than its text where that is short."""


def weigh(text: str) -> int:
    """About how many bytes a JSON text and what is read from it take in memory."""
    return len(text) + OBJECT_BYTES * text.count("{")


@lru_cache(maxsize=2_000)  # of 2 KB each, and in a file whose rows have points hardly one comes again
def _resolved(text: bytes) -> ResolvedPlace:
    return ResolvedPlace.model_validate_json(text)


def read_envelope(
    type_name: str, raw: dict[str, Any], registry: Registry = EVENTS, zone_data: str | None = None
) -> Envelope[Any] | None:
    """Validate a body as the newest version of its type; None when it is not valid."""
    return _parse(type_name, orjson.dumps(raw), registry, zone_data)


def _parse(type_name: str, text: str | bytes, registry: Registry, zone_data: str | None) -> Envelope[Any] | None:
    event_type = registry.find(type_name)
    if event_type is None:
        return None
    try:
        return event_type.envelope.model_validate_json(text, context=reading_by(zone_data))
    except ValidationError:
        return None


@lru_cache(maxsize=100)
def reading_by(zone_data: str | None) -> Reading:
    """How an event of the log's is read whose dates are meant by these zone data."""
    return Reading(zone_data)


@dataclass(slots=True)
class Effective(Generic[E]):
    """An event as it counts now: amended, not retracted, and told from which stream it came."""

    recorded: Recorded
    envelope: Envelope[E]
    place: ResolvedPlace | None
    absorbed: bool
    """Whether it came with a merge, from a stream that this subject absorbed."""
    corroborated: bool = False
    """Whether an effective `record.corroborated` names it."""

    @property
    def data(self) -> E:
        """What the event says."""
        return self.envelope.data

    @property
    def position(self) -> int:
        """Its place in the log."""
        return self.recorded.position

    @property
    def tz(self) -> str:
        """The zone in which its dates are meant, with the zone data by which they are."""
        return self.envelope.occurred.tz

    @property
    def since(self) -> datetime:
        """When it began, in the world."""
        return self.envelope.occurred.since

    def as_of(self, stated: When | None) -> datetime:
        """As of when something is told: as the event states, else when a source first said so, else when it was.

        Never when it was recorded: an old report that is imported today would outdate what was learned after it.
        """
        said = self.envelope.reported_at if stated is None else stated
        return self.envelope.occurred.until if said is None else end_of_day_instant(said, self.tz)

    @property
    def order(self) -> tuple[datetime, int]:
        """The order of events in a subject: by start, then by position (docs/ceasefires.md)."""
        return self.since, self.position


def reported_instant(recorded: Recorded) -> datetime:
    """When a source first said so, for reads on the basis `reported`; else when it was recorded."""
    envelope = recorded.envelope
    if envelope is None or envelope.reported_at is None:
        return recorded.recorded_at.astimezone(UTC)
    return end_of_day_instant(envelope.reported_at, envelope.occurred.tz)


AnyEffective = Effective[Any]
