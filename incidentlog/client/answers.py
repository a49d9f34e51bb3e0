"""What the service answers, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from incidentlog.client.changes import Row
from incidentlog.errors import Fault, Problem

When = datetime | date | str
"""An instant, a local day of the log's zone, or either as REST writes it."""
By = Literal["recorded", "reported"]
Values = str | Sequence[str]


def warnings_of(said: Mapping[str, Any], number: int | None = None) -> tuple[Fault, ...]:
    """The warnings in an answer, those of one of many events with its number."""
    told = said.get("warnings", ())
    return tuple(Fault(w["pointer"], w["code"], w["detail"], w.get("line") if number is None else number) for w in told)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an event is in the log."""

    id: UUID
    position: int
    stream: str
    stream_version: int
    recorded_at: datetime
    replayed: bool
    """Whether it was there already: from an earlier call, or from this one, whose first answer was lost."""
    warnings: Sequence[Fault] = ()
    """Why it will be ignored, as far as that was known."""

    @classmethod
    def of(cls, said: Mapping[str, Any], *, replayed: bool) -> Self:
        """From REST's answer."""
        at = datetime.fromisoformat(said["recorded_at"])
        warnings = warnings_of(said)
        return cls(UUID(said["id"]), said["position"], said["stream"], said["stream_version"], at, replayed, warnings)


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """One of many events, that was not appended, and why."""

    number: int
    """Which one, from 1."""
    problem: Problem


@dataclass(frozen=True, slots=True)
class Bulk:
    """What became of many events."""

    appended: int = 0
    duplicates: int = 0
    """How many were there already."""
    refused: int = 0
    first_position: int | None = None
    last_position: int | None = None
    """Of those that were appended now; others may have come in between."""
    places: Mapping[str, int] = field(default_factory=dict)
    """How the places of these were found (docs/places.md), and of how many."""
    unresolved: Mapping[str, int] = field(default_factory=dict)
    """The most frequent names that were not found, each with its country and region, and how many events have it."""
    refusals: Sequence[RefusedEvent] = ()
    """The first of those refused."""
    warnings: Sequence[Fault] = ()
    """The first reasons why some will be ignored; the `line` of each is the number of its event, from 1."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on. Asked for again with it, the answer is the same, byte for byte."""

    version: int
    generation: int
    position: int
    at: str
    by: By
    known_at: str | None = None
    open: bool = False
    """Whether more may yet be recorded for `known_at`, which lies after the head."""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """From REST's answer; members not known here are left out."""
        return cls(**{name: said[name] for name in cls.__dataclass_fields__ if name in said})

    def params(self) -> list[tuple[str, str]]:
        """As parameters of a request."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return [(k, "true" if v is True else str(v)) for k, v in said.items() if v is not None and v is not False]


@dataclass(frozen=True, slots=True)
class Rows:
    """A projection's rows at one moment."""

    projection: str
    version: int
    basis: Basis
    rows: Mapping[str, Row]
    grouped_by: Sequence[str] = ()
    """By what a tally's were asked to be grouped; empty for its own grouping."""

    def to_polars(self) -> Any:
        """The rows as a `polars.DataFrame`, typed as in Parquet. Raises ImportError without the extra `[polars]`."""
        from incidentlog.client import frames  # noqa: PLC0415 - who asks for no frame pays for none

        return frames.to_polars(self.projection, self.grouped_by, self.rows)

    def to_pandas(self) -> Any:
        """The rows as a `pandas.DataFrame`, typed as in Parquet. Raises ImportError without the extra `[pandas]`."""
        from incidentlog.client import frames  # noqa: PLC0415

        return frames.to_pandas(self.projection, self.grouped_by, self.rows)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a stream's events add up to at one moment."""

    stream: str
    """The survivor's, where the stream was merged into another."""
    category: str
    basis: Basis
    state: Mapping[str, Any]
