"""`python -m tests.runner.dying`: a runner that is killed by what it takes in, as by what watches over memory.

`DYING` says by what: `stream` by every change of `strike:deadly` in one projection, `many` by a batch of many events.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import uvloop

from incidentlog.folding.change import Change
from incidentlog.logging import configure_logging
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import lane
from incidentlog.runner.apart import serve_apart
from incidentlog.store.read import Section

MANY = 40


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


if __name__ == "__main__":
    {"stream": by_stream, "many": by_many}[os.environ["DYING"]]()
    uvloop.run(serve_apart(configure_logging))
