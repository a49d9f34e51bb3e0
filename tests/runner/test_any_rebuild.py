"""P4 and erasure, whatever is built anew meanwhile: what answers is what folding afresh gives, and nothing is left behind.

A Hypothesis machine appends as in `test_any_history`, and orders rebuilds of anything, the way back and the deletion of
what answers no more, two at once too, erases parts, ends those who build and has streams choke projections, at any
moment, with one runner or several. A third as many histories are tried as `HISTORIES` says: each takes seconds.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from structlog.testing import capture_logs

from incidentlog.folding.afresh import Afresh
from incidentlog.folding.fold import RED
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import Rebuilder
from incidentlog.runner import lane as lane_module
from incidentlog.runner import leases as leases_module
from incidentlog.runner import rebuilder as rebuilder_module
from incidentlog.runner import runner as runner_module
from incidentlog.runner.replay import replay
from incidentlog.store import snapshots as snapshots_module
from incidentlog.store.builds import (
    SUBJECTS,
    active_builds,
    drop_left,
    forget_builds,
    ignorant_builds,
    read_builds,
    rebuild,
    take_back,
)
from incidentlog.store.connect import Connection
from incidentlog.store.erase import erase, pending_erasures, rebuild_owed
from tests.runner.driving import KYIV, Log, caught_up
from tests.runner.test_any_history import BOUNDS, HISTORIES, PICKS, Happening, used_log

__all__ = ["used_log"]

AT = datetime(2026, 9, 1, tzinfo=UTC)
NAMES = st.sampled_from([SUBJECTS, *PROJECTIONS])
TABLES = ("subjects", "segments", "names", "documents", "document_members", "parked", "snapshots")
ORDERS: list[Callable[[Connection, str], Any]] = [lambda c, name: rebuild(c, [name]), take_back, drop_left]
CHOKING: set[str] = set()
"""The streams that no projection can take in."""


class Rebuilds(Happening):
    """A log that is followed, while much is built anew."""

    def begun(self, runners: int) -> None:
        """As many build anew as follow."""
        rebuilder_module.PAGE = runner_module.PAGE  # type: ignore[misc] # the test's own
        CHOKING.clear()
        self.choked = False
        self.building: list[asyncio.Task[None]] = []
        for _ in range(runners):
            self.run(self._one_more())

    async def _one_more(self) -> None:
        self.building.append(asyncio.create_task(Rebuilder(self.log.access).run()))

    @rule(pick=PICKS)
    def dies(self, pick: int) -> None:
        """One of those who build is ended, and another begins."""

        async def replaced() -> None:
            task = self.building.pop(pick % len(self.building))
            task.cancel()
            await asyncio.wait([task])
            await self._one_more()

        self.run(replaced())

    @rule(orders=st.lists(st.tuples(st.sampled_from(ORDERS), NAMES), min_size=1, max_size=2))
    def ordered(self, orders: list[tuple[Callable[[Connection, str], Any], str]]) -> None:
        """One order, or two from two terminals at once."""

        async def both() -> None:
            await caught_up(self.log, self.runner)
            await asyncio.gather(*(self._order(order, name) for order, name in orders))

        self.run(both())

    async def _order(self, order: Callable[[Connection, str], Any], name: str) -> None:
        connection = await self.log.access.connect("runner")
        try:
            with suppress(
                asyncpg.DeadlockDetectedError
            ):  # whoever builds writes what is dropped: it may be tried again
                await order(connection, name)
        finally:
            connection.terminate()

    @rule(pick=PICKS, part=st.sampled_from(["body", "body", "private"]), anew=st.booleans())
    def erased(self, pick: int, part: str, *, anew: bool) -> None:
        """A part goes; what was made of it is built anew at once, or later."""
        self._about("erased", pick, "CLEAR", part=part, ground="asked for")

        async def carried_out() -> None:
            await caught_up(self.log, self.runner)
            connection = await self.log.access.connect("eraser")
            for erasure in await pending_erasures(connection):
                await erase(connection, erasure)
            connection.terminate()

        self.run(carried_out())
        if anew:
            self.ordered([(ORDERS[0], SUBJECTS)])

    @rule(pick=PICKS)
    def chokes(self, pick: int) -> None:
        CHOKING.add(self.streams[pick % len(self.streams)])
        self.choked = True

    @rule(milliseconds=st.integers(1, 100))
    def goes_on(self, milliseconds: int) -> None:
        self.run(asyncio.sleep(milliseconds / 1_000))

    @rule()
    def settles(self) -> None:
        """All is built."""
        self.run(self._all_is_built())

    async def _settled(self) -> None:
        await self._all_is_built()
        await forget_builds(self.log.connection, await ignorant_builds(self.log.connection, "retired"))
        await self._nothing_is_left()
        await self._is_right()

    async def _all_is_built(self) -> None:
        connection = await self.log.access.connect("eraser")
        async with asyncio.timeout(60):
            while (owed := await rebuild_owed(connection)) or await self._under_way():
                if owed:
                    await self._order(ORDERS[0], SUBJECTS)
                await caught_up(self.log, self.runner)
                await asyncio.sleep(0.01)
        connection.terminate()
        await caught_up(self.log, self.runner)

    async def _under_way(self) -> bool:
        return any(b.state == "building" for b in await read_builds(self.log.connection))

    async def _nothing_is_left(self) -> None:
        """Of builds that were dropped; and all that answers is made of the same subjects, and stands at one place."""
        known = {b.build for b in await read_builds(self.log.connection)}
        for table in TABLES:
            rows = await self.log.connection.fetch(f"SELECT DISTINCT build FROM {table}")
            assert {build for (build,) in rows} <= known, table
        active = (await active_builds(self.log.connection)).values()
        assert len({(b.base, *b.positions) for b in active}) == 1, active

    async def _is_right(self) -> None:
        events = await self.log.events()
        for position in {len(events), len(events) // 2}:
            afresh = Afresh(events[:position], KYIV)
            for name, projection in PROJECTIONS.items():
                for level in (0, RED):
                    rows = await self.log.rows(name, AT, position, level)
                    assert rows == afresh.rows(projection, AT, level=level), (name, position, level)
        assert (await replay(self.log.access)).same

    def teardown(self) -> None:
        """At the end nothing chokes any more, and all is built anew once more."""
        if self.following is None:
            return
        try:
            if self.choked:
                self.run(self._all_is_built())  # else what was begun meanwhile, and is without them, is gone on with
                CHOKING.clear()
                self.run(rebuild(self.log.connection, [SUBJECTS]))
            self.run(self._settled())
        finally:
            for task in self.building:
                task.cancel()
            self.run(asyncio.wait(self.building))
            self.run(self.following.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def choking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Projections choke on some streams; what went wrong is not drawn, which takes seconds."""
    for projection in PROJECTIONS.values():
        name = "contributions" if isinstance(projection, Tally) else "fold"
        monkeypatch.setattr(projection, name, _choking(getattr(projection, name)))
    with capture_logs():
        yield


def _choking(original: Callable[..., Any]) -> Callable[..., Any]:
    def choke(*given: Any) -> Any:
        subjects = [given[-1]] if len(given) == 1 else list(given[-1])
        if any(subject.stream in CHOKING for subject in subjects):
            raise ValueError("it cannot be swallowed")
        return original(*given[:-1], given[-1] if len(given) == 1 else subjects)

    return choke


def test_what_is_built_anew_while_anything_happens_is_what_folding_afresh_gives(
    used_log: tuple[asyncio.AbstractEventLoop, Log], monkeypatch: pytest.MonkeyPatch
):
    for module, name, value in (
        (runner_module, "PAGE", 1_000), (rebuilder_module, "PAGE", 1_000), (leases_module, "RENEW_SECONDS", 0.05),
        (snapshots_module, "EVERY", 8), (lane_module, "EVERY", 8),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    for module, name in BOUNDS:
        monkeypatch.setattr(module, name, getattr(module, name))
    Rebuilds.loop, Rebuilds.log = used_log
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Rebuilds,
        settings=settings(  # no shrinking: what is at work beside is elsewhere the next time
            max_examples=HISTORIES // 3, stateful_step_count=25, suppress_health_check=list(HealthCheck), deadline=None,
            phases=[Phase.generate], database=None,
        ),
    )  # fmt: skip
