"""`python -m tests.runner.dying`: a runner that is killed where it is told to be, as by what watches over memory.

`DYING` says where: `stream` by every change of `strike:deadly` in one projection, `many` by a batch of many events, and
`before derive.write` or `after derive.write` (any query) a few times in all, as `DYING_TIMES` counts in a folder.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from incidentlog.folding.change import Change
from incidentlog.logging import configure_logging
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import lane
from incidentlog.runner.apart import serve_apart
from incidentlog.sqlfiles import query
from incidentlog.store.read import Section
from tests.runner.small import SMALL

MANY = 40
TIMES = 2
"""How often it is killed at a query, whichever process that is."""


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def by_stream() -> None:
    tally: Any = PROJECTIONS["city_incidents"]
    contributions = tally.contributions

    def deadly(subject: Any) -> Iterator[Any]:
        if subject.stream == "strike:deadly":
            end()
        return iter(contributions(subject))

    tally.contributions = deadly


def by_many() -> None:
    take = lane.Lane.take

    async def deadly(self: lane.Lane, read: Section) -> Sequence[Change]:
        if len(read) > MANY:
            end()
        return await take(self, read)

    lane.Lane.take = deadly  # type: ignore[method-assign]


def at_query(when: str, what: str) -> None:
    """With little in each batch, so that all that is done is done often."""
    for module, name, value in SMALL:
        setattr(module, name, value)
    text = query(*what.split("."))

    def deadly(original: Any) -> Any:
        async def asked(self: Any, sql: str, *args: Any, **how: Any) -> Any:
            if sql == text and when == "before":
                end_once()
            answer = await original(self, sql, *args, **how)
            if sql == text and when == "after":
                end_once()
            return answer

        return asked

    for method in ("execute", "fetch", "fetchval", "fetchrow"):
        setattr(asyncpg.Connection, method, deadly(getattr(asyncpg.Connection, method)))


def end_once() -> None:
    """Be killed, unless that has happened often enough."""
    for number in range(TIMES):
        with suppress(FileExistsError):
            (Path(os.environ["DYING_TIMES"]) / str(number)).touch(exist_ok=False)
            end()


if __name__ == "__main__":
    match os.environ["DYING"].split():
        case ["stream"]:
            by_stream()
        case ["many"]:
            by_many()
        case [when, what]:
            at_query(when, what)
    uvloop.run(serve_apart(configure_logging))
