"""Files that were brought in, each run an import of its own; and what was undone of one (docs/import.md)."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import MAX_INT, Count, Model, Sha256, Text, Word
from incidentlog.folding.subject import Subject

Number = Annotated[int, Field(ge=1, le=MAX_INT)]
"""What an import is called: the position of the event with which it began. Its events carry it."""


class ImportedFile(Model):
    """A file as it came."""

    name: Word
    sha256: Sha256 | None = None
    """Null before it was read, where it can be read only once."""
    octets: Annotated[int, Field(ge=0, le=MAX_INT)] | None = None


class UsedMapping(Model):
    """The mapping that said what the columns mean."""

    name: Word
    sha256: Sha256


class RowChanges(Model):
    """Rows of a release by what they are to the one before; of what has vanished, ids."""

    unchanged: Count = 0
    changed: Count = 0
    new: Count = 0
    vanished: Count = 0


Files = Annotated[list[ImportedFile], Field(max_length=1_000)]


@event("import.begun", sourced=False)
class ImportBegun(EventData):
    """Files are being brought in, or an import is being undone."""

    files: Files = []
    mapping: UsedMapping | None = None
    scheme: Word | None = None
    """Whose ids the rows have."""
    release: Word | None = None
    """What the release is called, where it is compared with what is there."""
    vanished: Literal["retract", "list"] | None = None
    """What becomes of events whose rows the release has no more."""
    undoes: Number | None = None
    reason: Text | None = None


@event("import.ended", sourced=False)
class ImportEnded(EventData):
    """All of it was read; what became of the rows, and of their events."""

    files: Files = []
    """As they were read, where they could not be read beforehand."""
    rows: Count = 0
    refused: Count = 0
    """Rows of which nothing, or not all, was taken in."""
    repaired: Count = 0
    passed_over: Count = 0
    """Rows of which the mapping makes no event."""
    appended: Count = 0
    """Events."""
    already_there: Count = 0
    """Events."""
    changes: RowChanges | None = None
    """Of a release."""


class Import(Subject, category="import"):
    """One import, from its beginning to its last end: it may be given again, and then goes on."""

    files: tuple[ImportedFile, ...] = ()
    mapping: UsedMapping | None = None
    scheme: str | None = None
    release: str | None = None
    undoes: int | None = None
    begun: datetime | None = None
    ended: datetime | None = None
    rows: int | None = None
    refused: int | None = None
    appended: int = 0

    def evolve(self, event: Effective[Any]) -> Self:
        """Take its beginning, or an end."""
        match event.data:
            case ImportBegun(files=files, mapping=mapping, scheme=scheme, release=release, undoes=undoes):
                told = self.learn(event, files=files, mapping=mapping, scheme=scheme, release=release, undoes=undoes)
                return told.but(begun=self.begun or event.since)
            case ImportEnded(files=files, rows=rows, refused=refused, appended=appended):
                told = self.learn(event, files=files or None)
                return told.but(ended=event.since, rows=rows, refused=refused, appended=self.appended + appended)
            case _:
                return self
