"""What a service keeps outside its database: the log it served, how far that was, what was signed of it, and the key.

A database that is restored, emptied or exchanged does not know that it was; this folder does (docs/audit.md).
"""

import base64
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from incidentlog.audit.notes import NoteError, Signer
from incidentlog.files import sync, write_private

_VERSION: Final = 1


class StateError(Exception):
    """The folder cannot be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Past:
    """A fork that ended: up to which position what it signed still holds, and under which key it signed."""

    fork: int
    end: int
    vkey: str | None


@dataclass(frozen=True, slots=True)
class State:
    """What was known last: it is never allowed to go back."""

    log: UUID
    fork: int
    head: int = 0
    """The last position that was seen committed."""
    vkey: str | None = None
    """Under which key this folder's owner signs; None for a service that does not."""
    note: str | None = None
    """The last tree head that was signed."""
    edge: tuple[bytes, ...] = ()
    """The tiles under that head that are not full, from level 0 up: what it takes to grow on, and, should the database
    tell another story later, to say where that begins."""
    heads: int = 0
    """How many tree heads of this fork were published before the last one that was signed: all are smaller."""
    past: tuple[Past, ...] = ()
    """The forks before this one that `log fork` ended in this folder, the oldest first."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The files, in a folder of one log's own."""

    path: Path

    @property
    def key(self) -> Path:
        """The signing key in use, 0600."""
        return self.path / "key"

    @property
    def new_key(self) -> Path:
        """A signing key that was made and signed nothing yet."""
        return self.path / "key.new"

    @property
    def state(self) -> Path:
        """What was known last."""
        return self.path / "state.json"

    @property
    def evidence(self) -> Path:
        """What contradicts that. While it is there, nothing is signed."""
        return self.path / "contradiction.json"

    def make(self) -> None:
        """Make the folder, for its owner alone."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"cannot keep the log's state in {self.path}: {error}. "
                "Set INCIDENTLOG_DATA_DIR to a directory that can be written and outlives the service."
            ) from error

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the folder, if nobody else does, until the block ends; whether it is held."""
        with (self.path / "lock").open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def is_free(self) -> bool:
        """Whether nobody holds the folder at the moment."""
        with self.held() as held:
            return held

    def read(self) -> State | None:
        """What was known last; None in a new folder. Raises StateError for a file that says nothing sound."""
        try:
            told = orjson.loads(self.state.read_bytes())
            if told["version"] != _VERSION:
                raise StateError(f"{self.state} was written by another version of this program")
            return State(
                log=UUID(told["log"]),
                fork=int(told["fork"]),
                head=int(told["head"]),
                vkey=told["vkey"],
                note=told["note"],
                edge=tuple(base64.b64decode(tile, validate=True) for tile in told["edge"]),
                heads=int(told.get("heads", 0)),
                past=tuple(Past(int(p["fork"]), int(p["end"]), p["vkey"]) for p in told.get("past", ())),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(f"{self.state} cannot be read: {error!r}") from error

    def write(self, state: State) -> None:
        """Know this from now on, whatever happens; the old state stays until the new one is whole and on the disk.

        Raises StateError when it cannot be written.
        """
        told: dict[str, Any] = {
            "version": _VERSION,
            "log": str(state.log),
            "fork": state.fork,
            "head": state.head,
            "vkey": state.vkey,
            "note": state.note,
            "edge": [base64.b64encode(tile).decode() for tile in state.edge],
            "heads": state.heads,
            "past": [asdict(p) for p in state.past],
        }
        try:
            write_private(self.state, orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
            sync(self.path)
        except OSError as error:
            raise StateError(f"{self.state} cannot be written: {error}") from error

    def signer(self, given: str | None) -> Signer | None:
        """The key to sign with: the one given, else the file's; None where there is none. Raises StateError."""
        try:
            if given is not None:
                return Signer.parse(given)
            return Signer.parse(self.key.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except NoteError as error:
            raise StateError(f"the log's key cannot be used: {error}") from error

    def make_key(self, origin: str) -> Signer:
        """A new key that signed nothing yet. Raises StateError where one waits already, NoteError for a bad origin."""
        self.make()
        if self.new_key.exists():
            raise StateError(f"{self.new_key} is there already: use it with `log init` or `log fork`, or remove it")
        signer = Signer.make(origin)
        write_private(self.new_key, signer.skey + "\n")
        return signer

    def begin(self, state: State, signer: Signer, *, own_key: bool) -> None:
        """Start to sign a log: the state first, then the key. `own_key` is one that this folder keeps."""
        assert state.vkey == signer.verifier.vkey  # noqa: S101 - the caller made both
        self.write(state)
        if own_key:
            write_private(self.key, signer.skey + "\n")
            self.new_key.unlink(missing_ok=True)
            sync(self.path)

    def put_aside(self, fork: int) -> None:
        """Keep what a fork leaves behind, under its number."""
        for file in (self.key, self.state, self.evidence):
            with suppress(FileNotFoundError):
                file.rename(file.with_name(f"fork-{fork}.{file.name}"))
        sync(self.path)

    def accuse(self, evidence: dict[str, Any]) -> None:
        """Keep what contradicts the state."""
        write_private(self.evidence, orjson.dumps(evidence, option=orjson.OPT_INDENT_2).decode() + "\n")

    def accused(self) -> dict[str, Any] | None:
        """What is kept against the state; None where nothing is."""
        try:
            evidence: dict[str, Any] = orjson.loads(self.evidence.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            return {"detail": f"{self.evidence} is there, and cannot be read"}
        return evidence

    def acquit(self) -> None:
        """Nothing contradicts the state."""
        self.evidence.unlink(missing_ok=True)


def folder_of(root: Path, schema: str) -> Folder:
    """The folder of one log below a data root."""
    return Folder(Path(os.path.abspath(root)) / "log" / schema)  # noqa: PTH100 - the links an operator chose stay


def seen(state: State, head: int) -> State:
    """The state, with a head that was seen committed."""
    return state if head <= state.head else replace(state, head=head)
