"""Following a running service with the client, as commands do it: what goes wrong is said, and has its exit code."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from incidentlog.cli.ending import Code, Failed, Refused, say
from incidentlog.client import (
    Change,
    Client,
    EndedError,
    FileStore,
    Notice,
    NotOursError,
    Problem,
    ResumeError,
    Subscription,
    UnreachableError,
)

RETRY_SECONDS: Final = 5.0
"""How long nobody may answer at first; a connection that is lost later is made anew without an end."""


@asynccontextmanager
async def client_of(url: str, key: str | None) -> AsyncIterator[Client]:
    """A client whose exceptions end the command as the service's refusals do elsewhere."""
    try:
        async with Client(url, key, retry_seconds=RETRY_SECONDS) as client:
            yield client
    except Problem as problem:
        raise Refused(problem.status, problem.as_json()) from problem
    except UnreachableError as error:
        raise Failed(str(error), Code.UNAVAILABLE) from error
    except (NotOursError, EndedError) as error:
        raise Failed(str(error)) from error
    except ResumeError as error:
        raise Failed(f"cannot go on from where it was: {error}") from error
    except ValueError as error:
        raise Failed(str(error), Code.USAGE) from error


def tell(notice: Notice) -> None:
    """Say on stderr what happens to the connection."""
    match notice:
        case Notice("lost", detail, float(seconds)):
            say(f"incidentlog: {detail}; again in {seconds:.1f} s")
        case Notice("draining"):
            say("incidentlog: the service is about to stop")
        case Notice("lagging"):
            say("incidentlog: slower than what comes; some changes come together")


def store_at(path: Path | None) -> FileStore | None:
    """Where the place is kept, if anywhere."""
    return None if path is None else FileStore(path)


def filters_of(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by name."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def snapshot(followed: Subscription) -> Mapping[str, Any]:
    """All rows, as the protocol tells them."""
    return {
        "type": "snapshot",
        "position": followed.position,
        "at": _written(followed.cursor.at),
        "rows": followed.rows,
    }


def update(change: Change) -> Mapping[str, Any]:
    """A change, as the protocol tells it, with why it began anew where it did."""
    cause = change.cause
    said: dict[str, Any] = {
        "type": "update",
        "from": change.start,
        "to": change.to,
        "at": _written(change.at),
        "cause": cause and {"position": cause.position, "event_id": cause.event_id, "kind": cause.kind},
        "set": change.set,
        "del": change.gone,
        "conflated": change.conflated,
    }
    return said if change.reason is None else {**said, "reason": change.reason}


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
