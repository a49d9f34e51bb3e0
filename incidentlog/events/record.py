"""What is said about records: corrections, corroboration, evidence, markings, erasure (docs/corrections.md)."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from incidentlog.events.envelope import EventData
from incidentlog.events.registry import event
from incidentlog.events.values import JsonObject, Model, Sha256, Stream, Text, TlpLabel, When, Word

Target = Annotated[UUID, Field(strict=False)]
"""The id of an event that is earlier in the log, or earlier in the same request."""


class Patch(Model):
    """An RFC 7396 merge patch on what may be corrected: occurred, place, actors and data (R3)."""

    occurred: JsonObject | None = None
    place: JsonObject | None = None
    actors: list[JsonObject] | None = None
    data: JsonObject | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_patch", "the patch changes nothing")
        if "occurred" in self.model_fields_set and self.occurred is None:
            raise PydanticCustomError("required", "occurred can be changed but not removed")
        if "data" in self.model_fields_set and self.data is None:
            raise PydanticCustomError("required", "data can be changed but not removed")
        return self


@event("record.amended", on=(), sourced=False)
class RecordAmended(EventData):
    """Our record of an event was wrong in part."""

    target: Target
    patch: Patch
    reason: Text


@event("record.retracted", on=(), sourced=False)
class RecordRetracted(EventData):
    """Our record of an event was wrong; retracting a retraction reinstates (R1)."""

    target: Target
    reason: Text


@event("record.corroborated", on=(), sourced=False)
class RecordCorroborated(EventData):
    """Another origin confirms an event."""

    target: Target
    note: Text | None = None


@event("record.disputed", on=(), sourced=False)
class RecordDisputed(EventData):
    """Somebody contests an event."""

    target: Target
    by: Word | None = None
    note: Text | None = None


@event("record.merged", on=(), sourced=False)
class RecordMerged(EventData):
    """Two records are one thing; stands on the survivor's stream (R4)."""

    survivor: Stream
    absorbed: Annotated[list[Stream], Field(min_length=1, max_length=100)]
    reason: Text


@event("evidence.attached", on=(), sourced=False)
class EvidenceAttached(EventData):
    """A file that shows it, by its hash (Berkeley Protocol)."""

    target: Target | None = None
    sha256: Sha256
    media_type: Word
    captured_at: When
    collector: Word
    method: Word


@event("custody.transferred", on=(), sourced=False)
class CustodyTransferred(EventData):
    """Evidence changed hands."""

    sha256: Sha256
    from_: Annotated[Word, Field(alias="from")]
    to: Word
    note: Text | None = None


@event("record.remarked", on=(), sourced=False)
class RecordRemarked(EventData):
    """An event's marking changed."""

    target: Target
    tlp: TlpLabel
    reason: Text


@event("record.erased", on=(), sourced=False)
class RecordErased(EventData):
    """A part of an event is to be erased; its digest stays (docs/erasure-and-replay.md, Erasing)."""

    target: Target
    part: Literal["private", "body"]
    ground: Text


Targeting = (
    RecordAmended
    | RecordRetracted
    | RecordCorroborated
    | RecordDisputed
    | RecordRemarked
    | RecordErased
    | EvidenceAttached
)
"""Record events that speak of one earlier event; evidence may have no `target`."""
