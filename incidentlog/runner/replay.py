"""Replay: what is served, folded again from the log beside it and compared row by row (docs/erasure-and-replay.md).

The folding is the runner's own step. It writes into tables that only this session sees, and that are gone with it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from incidentlog.projections import PROJECTIONS
from incidentlog.runner.lane import Lane
from incidentlog.runner.portion import Portion
from incidentlog.store.builds import SUBJECTS, Build, active_builds, begin_builds
from incidentlog.store.connect import Access, Connection, heed_cancelling, lost, told
from incidentlog.store.read import read_log
from incidentlog.store.replay_check import Compared, Side, analyze_scratch, compare, make_scratch

PAGE: Final = 1_000
TRIES: Final = 5
"""How often it begins again after a lost connection: its tables go with it."""
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class ReplayError(Exception):
    """It cannot be compared, and why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The state of knowledge that was compared, and what came of it."""

    position: int
    generation: int
    compared: Sequence[Compared]

    @property
    def same(self) -> bool:
        """Whether all that is served is what the log gives."""
        return all(c.same for c in self.compared)


async def replay(
    access: Access,
    *,
    to: int | None = None,
    projection: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Replayed:
    """Fold the log up to a position, and compare the subjects and the projections, or one of them.

    `to` None is where the projections are. Raises ReplayError when they are not that far, are of another version than
    this code's, or were built anew meanwhile; KeyError for a projection that is none. After a lost connection it
    begins again, at most TRIES times in all.
    """
    names = list(PROJECTIONS) if projection is None else _with_what_it_reads(projection)
    portion = Portion(PAGE)
    for left in reversed(range(TRIES)):
        try:
            return await _replay(access, names, to, portion, progress)
        except Exception as error:
            heed_cancelling()
            if not lost(error) or not left:
                raise
            portion.shrink()
            log.warning("replay_interrupted", tries_left=left, error=told(error))
            await asyncio.sleep(RETRY_SECONDS)
    raise AssertionError


async def _replay(
    access: Access, names: Sequence[str], to: int | None, portion: Portion, progress: Callable[[int, int], None]
) -> Replayed:
    scratch = await access.connect("runner", session=True)
    served: Connection | None = None
    try:
        served = await access.connect("runner")
        identity = await read_log(served)
        builds = _served(await active_builds(served), names)
        upto = min(b.position for b in builds.values()) if to is None else to
        if any(b.position < upto for b in builds.values()):
            raise ReplayError(f"the projections are at position {min(b.position for b in builds.values())}, not {upto}")
        await make_scratch(scratch)
        ours = await _fold(scratch, names, upto, identity.zone, portion, progress)
        compared = [
            await compare(name, Side(served, builds[name].build), Side(scratch, ours[name].build), upto)
            for name in (SUBJECTS, *names)
        ]
        now = await active_builds(served)
        if any(name not in now or now[name].build != build.build for name, build in builds.items()):
            raise ReplayError("what is served was built anew meanwhile: again")
        return Replayed(upto, identity.generation, compared)
    finally:
        scratch.terminate()
        if served is not None:
            served.terminate()


def _with_what_it_reads(name: str) -> list[str]:
    """A projection, after those that its rows are made of as well."""
    projection = PROJECTIONS[name]
    return [*(read.name for read in projection.beside()), name]


def _served(builds: dict[str, Build], names: Sequence[str]) -> dict[str, Build]:
    """The builds that answer; raises ReplayError where one is not of this code's version."""
    wanted = (SUBJECTS, *names)
    other = [name for name in wanted if name not in builds or not builds[name].wanted]
    if other:
        raise ReplayError(f"{', '.join(other)}: what is served is not of this version of the code, or not there yet")
    return {name: builds[name] for name in wanted}


async def _fold(
    connection: Connection,
    names: Sequence[str],
    upto: int,
    zone: str,
    portion: Portion,
    progress: Callable[[int, int], None],
) -> dict[str, Build]:
    """Fold the log up to a position into the session's own tables; answers their builds."""
    made = await begin_builds(connection)
    lane = Lane(connection, [b for b in made if b.projection in {SUBJECTS, *names}], zone)
    batches, analyzed = 0, 1
    while lane.position < upto:
        batch = await lane.read(connection, min(portion.size, upto - lane.position))
        if not batch:
            raise ReplayError(f"the log ends at position {lane.position}, not {upto}")
        await lane.take(batch)
        await lane.merge(len(batch))
        portion.grow()
        batches += 1
        if batches == analyzed:  # at 1, 4, 16, ... batches
            await analyze_scratch(connection)
            analyzed *= 4
        progress(lane.position, upto)
    while await lane.summarise():
        pass
    return {b.projection: b for b in lane.builds}
