"""How a command ends: its exit code, and what it says on stderr before."""

import os
import sys
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import typer


class Code(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    AUTH = 4
    CONFLICT = 5
    PARTLY_REFUSED = 6
    NOT_VERIFIED = 7
    UNAVAILABLE = 8
    INTERRUPTED = 130


BY_STATUS: Final[Mapping[int, Code]] = {
    400: Code.USAGE,
    401: Code.AUTH,
    403: Code.AUTH,
    404: Code.NOT_FOUND,
    409: Code.CONFLICT,
    410: Code.CONFLICT,
    412: Code.CONFLICT,
    429: Code.UNAVAILABLE,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}


class Failed(Exception):  # noqa: N818 - what happened to the command
    """The command cannot do what was asked; the message is for the user."""

    def __init__(self, message: str, code: Code = Code.FAILURE) -> None:
        super().__init__(message)
        self.code = code


class Refused(Failed):
    """The service said no; `problem` is its problem+json (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_seconds: float | None = None) -> None:
        self.status, self.problem, self.retry_after_seconds = status, problem, retry_after_seconds
        self.faults: list[dict[str, Any]] = [f for f in problem.get("errors") or [] if isinstance(f, dict)]
        super().__init__(self._told(), BY_STATUS.get(status, Code.FAILURE))

    @property
    def slug(self) -> str:
        """Which problem it is."""
        return str(self.problem.get("type", "")).rpartition("/")[2]

    def _told(self) -> str:
        title = self.problem.get("title") or f"The service answered {self.status}"
        detail = self.problem.get("detail")
        lines = [title if detail in (None, title) else f"{title}: {detail}"]
        lines += [f"  {told_fault(fault)}" for fault in self.faults]
        if self.status == 401:  # noqa: PLR2004 - what one can do about it
            lines.append("Give a key that it knows with --key or INCIDENTLOG_KEY.")
        return "\n".join(lines)


def unreadable(name: str | Path, error: OSError) -> Failed:
    """What to raise of a file that is not there, or cannot be read: the same in every command."""
    if isinstance(error, FileNotFoundError):
        return Failed(f"{name} is not there", Code.NOT_FOUND)
    return Failed(f"{name} cannot be read: {error.strerror}", Code.USAGE)


def told_fault(fault: Mapping[str, Any]) -> str:
    """One fault on one line."""
    said = " ".join(str(fault[name]) for name in ("pointer", "code") if fault.get(name))
    return f"{said}: {fault.get('detail', '')}" if said else str(fault.get("detail", fault))


def say(message: str) -> None:
    """Tell the user something, on stderr; control characters in it do nothing."""
    sys.stderr.write(printable(message) + "\n")
    sys.stderr.flush()


def places_told(hows: Mapping[str, int], unresolved: Mapping[str, int]) -> list[str]:
    """How places were found, and the names that were not, the most frequent first: nothing, or one line each."""
    lines = []
    if hows:
        lines.append("places: " + ", ".join(f"{how} {n:,}" for how, n in _most(hows)))
    if unresolved:
        most = ", ".join(f"{name} {n:,}" for name, n in _most(unresolved)[:10])
        lines.append(f"not found, {len(unresolved):,} names: {most}")
    return lines


def _most(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda each: -each[1])


def printable(text: str) -> str:
    """The text without what would move the cursor or change a terminal's state: events are other people's words."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def ending() -> Iterator[None]:
    """Turn what goes wrong inside into a message and an exit code."""
    try:
        yield
    except Failed as failed:
        say(f"incidentlog: {failed}")
        raise typer.Exit(failed.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(Code.INTERRUPTED) from None
    except BrokenPipeError:  # whoever read, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it flushes
        raise typer.Exit(Code.OK) from None


def run(work: Coroutine[Any, Any, int | None]) -> None:
    """Run a command to its end and exit with the code it answers."""
    import asyncio

    with ending():
        raise typer.Exit(asyncio.run(work) or Code.OK)
