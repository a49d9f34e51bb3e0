"""The envelope every event comes in (docs/events.md, The envelope)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Generic, Literal, LiteralString, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from incidentlog.events.values import (
    ActorCode,
    JsonObject,
    Model,
    Occurred,
    Sha256,
    Stream,
    Text,
    TlpLabel,
    Verification,
    When,
    Word,
)

Role = Literal[
    "party", "mediator", "facilitator", "host", "observer", "guarantor", "ally", "attacker", "victim",
    "claimant", "obligor", "beneficiary", "imposer", "target", "provider", "recipient", "monitor",
    "signatory", "proposer", "declarer",
]  # fmt: skip
PlacePrecision = Literal["exact", "settlement", "admin2", "admin1", "country", "area", "unknown"]
Relation = Literal[
    "part_of", "responds_to", "implements", "violates", "follows", "supersedes", "caused_by", "evidence_for"
]


class PlaceRef(Model):
    """A place as it was reported; the spelling is kept."""

    name: Word | None = None
    """Not needed where there is a point or a place_id."""
    place_id: (
        Annotated[str, StringConstraints(pattern=r"^(geonames:\d{1,10}|katottg:UA\d{17}|place:[a-z0-9._-]{1,120})$")]
        | None
    ) = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """ISO 3166-1 alpha-2, as a code only."""
    admin1: Word | None = None
    admin2: Word | None = None
    """A raion: its P-code (UA1402), its code in the register (KATOTTG) or its name."""
    admin3: Word | None = None
    """A hromada, so too."""
    lat: Annotated[float, Field(ge=-90, le=90, strict=False)] | None = None
    lon: Annotated[float, Field(ge=-180, le=180, strict=False)] | None = None
    precision: PlacePrecision

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.lat is None) != (self.lon is None):
            raise PydanticCustomError("lat_and_lon", "lat and lon go together")
        if self.name is None and self.place_id is None and self.lat is None:
            raise PydanticCustomError("no_place", "give a name, a point (lat and lon) or a place_id")
        return self


class ResolvedPlace(Model):
    """The place as it was resolved at append, and kept (docs/places.md)."""

    model_config = ConfigDict(extra="ignore")

    name: str
    """The canonical name where it was found, else the reported one, else the point."""
    place_id: str | None = None
    country: str | None = None
    admin1: str | None = None
    """GeoNames' code within the country."""
    admin2: str | None = None
    """A raion's P-code."""
    admin3: str | None = None
    """A hromada's."""
    lat: float | None = None
    lon: float | None = None
    precision: PlacePrecision
    how: str
    """How it was found: explicit, external, name, ..., ambiguous, conflict, unresolved."""
    key: str | None = None
    """By what a settlement that was not found is counted; events from before this was kept go by their name."""
    nearest: str | None = None
    """The place by which a point's region or country is told."""
    distance_km: float | None = None
    """How far that is from the point."""

    def __hash__(self) -> int:
        """By what mostly tells places apart; a town that is asked for has as many points as events."""
        return hash((self.place_id, self.name, self.precision, self.lat, self.lon))


class Actor(Model):
    """Who took part, and as what."""

    code: ActorCode
    role: Role
    name: Word | None = None


class Source(Model):
    """Where we have it from, graded with the Admiralty code."""

    source_id: Word
    title: Word
    url: Annotated[str, StringConstraints(pattern=r"^(https?|file)://\S+$", max_length=2_000)] | None = None
    publisher: Word | None = None
    origin: Word | None = None
    """The first publisher; reprints share it."""
    published_at: When | None = None
    accessed_at: When | None = None
    lang: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")] | None = None
    reliability: Literal["A", "B", "C", "D", "E", "F"]
    credibility: Annotated[int, Field(ge=1, le=6)]
    sha256: Sha256 | None = None
    archive_url: Annotated[str, StringConstraints(pattern=r"^(https?|file)://\S+$", max_length=2_000)] | None = None
    speaks_for: ActorCode | None = None

    @property
    def first_origin(self) -> str:
        """What makes two sources one voice: origin, else publisher, else the url's host, else the id."""
        if self.origin or self.publisher:
            return (self.origin or self.publisher or "").casefold()
        host = _host(self.url) if self.url else None
        return (host or self.source_id).casefold()


@lru_cache(maxsize=1_000)
def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # such as a bracket that is no IPv6 address: the id speaks for it then
        return None


class Link(Model):
    """How this event's subject relates to another stream or event."""

    rel: Relation
    target: Annotated[str, StringConstraints(min_length=1, max_length=161)]


class ExternalId(Model):
    """The id of the same thing in somebody else's data."""

    scheme: Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,40}$")]
    id: Word


class Fault(NamedTuple):
    """A rule across fields that does not hold, and where."""

    loc: tuple[str | int, ...]
    """The path within `data`; empty for `data` itself."""
    code: LiteralString
    detail: str


class EventData(Model):
    """What one type of event says: its `data`."""

    sourced: ClassVar[bool] = True
    """Whether an event of this type needs a source; set where the type is registered."""

    def faults(self, actors: Sequence[Actor] | None) -> Iterable[Fault]:  # noqa: ARG002 - most have no such rules
        """Every rule across fields that does not hold; `actors` is None when those are invalid themselves."""
        return ()


BELLIGERENTS = frozenset({"RUS", "UKR"})
"""Whose spokesmen do not corroborate (docs/events.md, The envelope), in the conflict this log is kept of."""

E = TypeVar("E", bound=EventData)


class Envelope(Model, Generic[E]):
    """One event as a client sends it."""

    id: UUID | None = Field(default=None, strict=False)
    type: str
    schema_version: Annotated[int, Field(ge=1, le=1000)] | None = None
    stream: Stream | None = None
    expected_version: Annotated[int, Field(ge=0, le=10_000)] | None = None
    occurred: Occurred
    reported_at: When | None = None
    place: PlaceRef | None = None
    actors: list[Actor] = Field(default_factory=list, max_length=200)
    sources: list[Source] = Field(default_factory=list, max_length=100, validate_default=True)
    verification: Verification = "unverified"
    tlp: TlpLabel = "CLEAR"
    data: E
    private: JsonObject | None = None
    notes: Text | None = None
    links: list[Link] = Field(default_factory=list, max_length=100)
    external_ids: list[ExternalId] = Field(default_factory=list, max_length=20)

    # Field by field, and not at the end, so that a fault elsewhere does not hide these: all are told at once.
    @field_validator("sources")
    @classmethod
    def _has_a_source(cls, sources: list[Source]) -> list[Source]:
        if not sources and model_of(cls).sourced:
            raise PydanticCustomError("needs_a_source", "at least one source is needed")
        return sources

    @field_validator("verification")
    @classmethod
    def _corroborated_by_two(cls, verification: Verification, info: ValidationInfo) -> Verification:
        if verification == "corroborated" and "sources" in info.data:
            sources: list[Source] = info.data["sources"]
            voices = {s.first_origin for s in sources if (s.speaks_for or "").partition(".")[0] not in BELLIGERENTS}
            if len(voices) < 2:  # noqa: PLR2004 - two is the rule
                raise PydanticCustomError(
                    "needs_two_origins",
                    "corroborated needs two origins that do not speak for a belligerent; there are {n}",
                    {"n": len(voices)},
                )
        return verification

    @field_validator("data")
    @classmethod
    def _keeps_its_rules(cls, data: E, info: ValidationInfo) -> E:
        faults = tuple(data.faults(info.data.get("actors")))
        if faults:
            raise ValidationError.from_exception_data(
                cls.__name__,
                [
                    InitErrorDetails(
                        type=PydanticCustomError(f.code, "{detail}", {"detail": f.detail}), loc=f.loc, input=None
                    )
                    for f in faults
                ],
            )
        return data


def model_of(envelope: type[Envelope[Any]]) -> type[EventData]:
    """The model of an envelope's `data`."""
    said = envelope.__pydantic_generic_metadata__["args"]
    return said[0] if said and isinstance(said[0], type) else EventData
