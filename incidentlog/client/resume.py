"""Where a subscription goes on after the process that followed it has ended."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, Protocol, Self

import orjson

from incidentlog.client.chain import Cursor
from incidentlog.client.changes import Row
from incidentlog.files import sync, write_private

FORMAT: Final = 1


class ResumeError(ValueError):
    """A place cannot be gone on from, or not be kept: it is damaged, of another subscription, or the disk is full."""


@dataclass(frozen=True, slots=True)
class Resume:
    """All that is needed to go on, and that belongs together: store it whole, or not at all."""

    followed: str
    """The projection, or `events`."""
    cursor: Cursor
    rows: Mapping[str, Row] = field(default_factory=dict)
    """The rows at the cursor; none for the raw log."""

    def to_json(self) -> bytes:
        """As one JSON object; the same every time."""
        cursor = self.cursor
        said: dict[str, Any] = {
            "format": FORMAT,
            "followed": self.followed,
            "epoch": cursor.epoch,
            "channel": cursor.channel,
            "version": cursor.version,
            "position": cursor.position,
            "at": cursor.at,
            "rows": self.rows,
        }
        return orjson.dumps(said)

    @classmethod
    def from_json(cls, text: bytes | str) -> Self:
        """Reads what `to_json` wrote; raises ResumeError for anything else."""
        try:
            said = orjson.loads(text)
            if said["format"] != FORMAT:
                raise ResumeError(f"it is of format {said['format']}, and not {FORMAT}")
            at = said["at"] and datetime.fromisoformat(said["at"])
            cursor = Cursor(said["epoch"], said["channel"], int(said["position"]), at, said["version"])
            return cls(said["followed"], cursor, dict(said["rows"]))
        except (KeyError, TypeError, ValueError) as error:
            lacking = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ResumeError(f"this is no place to resume from: {lacking}") from error


class ResumeStore(Protocol):
    """Keeps one subscription's place. `save` is called after each change was handled, with what comes after it.

    So, when the process ends in between, the last change is told again: at least once. Exactly once is yours when you
    keep `Subscription.resume` in the transaction that holds what you made of the change, and give it back as `resume`.
    """

    async def load(self) -> Resume | None:
        """What was saved last; None at first."""
        ...

    async def save(self, resume: Resume) -> None:
        """Keep it: when this returns it is safe, and a failure leaves what was there before."""
        ...


@dataclass(slots=True)
class MemoryStore:
    """Keeps the place as long as the process lives."""

    resume: Resume | None = None

    async def load(self) -> Resume | None:
        """What was saved last."""
        return self.resume

    async def save(self, resume: Resume) -> None:
        """Keep it."""
        self.resume = resume


class FileStore:
    """Keeps the place in a file of its own, which is replaced as a whole: a crash leaves the old one or the new one.

    One process at a time may use it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    async def load(self) -> Resume | None:
        """What the file holds; None when there is none.

        Raises ResumeError when it is damaged, or cannot be read, and where none could be written: who is told that only
        with the first change has handled it by then, and is told it again.
        """
        try:
            held = await asyncio.to_thread(self._read)
            return None if held is None else Resume.from_json(held)
        except (ResumeError, OSError) as error:
            raise ResumeError(f"{self.path}: {error}") from error

    async def save(self, resume: Resume) -> None:
        """Write it beside the file, to the disk, and then in its place. Raises ResumeError when that fails."""
        try:
            await asyncio.to_thread(self._replace, resume.to_json())
        except OSError as error:
            raise ResumeError(f"{self.path}: {error}") from error

    def _read(self) -> bytes | None:
        with TemporaryFile(dir=self.path.parent):
            pass
        return self.path.read_bytes() if self.path.exists() else None

    def _replace(self, content: bytes) -> None:
        write_private(self.path, content.decode())  # the rows may be marked
        sync(self.path.parent)
