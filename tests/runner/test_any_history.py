"""P3 and P4, whatever happened: every projection is what is rebuilt and what is folded afresh, and no answer changes.

A Hypothesis machine appends events of every family of subjects, holds some back, amends, retracts, reinstates, merges
and remarks them in any order, and asks at any instant, position and clearance. One runner follows, or several share it. `HISTORIES` says how many histories
are tried (the default suits CI): `HISTORIES=2000 pytest tests/runner/test_any_history.py`.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from incidentlog.embedded import Server
from incidentlog.errors import Problem
from incidentlog.folding import steps as steps_module
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.fold import RED
from incidentlog.folding.shapes import Document, Tally
from incidentlog.folding.subject import Subject
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import Runner
from incidentlog.runner import deriving as deriving_module
from incidentlog.runner import lane as lane_module
from incidentlog.runner import leases as leases_module
from incidentlog.runner import runner as runner_module
from incidentlog.store import segments as segments_module
from incidentlog.store import versions as versions_module
from incidentlog.store.versions import Texts
from tests.conftest import log_called
from tests.ledgers import ledgers
from tests.runner.driving import (
    DERIVED,
    KYIV,
    LOG,
    Log,
    Several,
    caught_up,
    following,
    log_at,
    sharing,
    versions_are_folds,
)
from tests.subjects.given import Event, id_of
from tests.subjects.saying import EVENTS, PATCHES

HISTORIES = int(os.environ.get("HISTORIES", "6"))
STEPS = 25
INSTANTS = st.sampled_from([datetime(2025, 5, 10, 9, tzinfo=UTC), datetime(2025, 5, 20, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)])  # fmt: skip
LEVELS = st.sampled_from([0, 2, RED])
MARKS = st.sampled_from(["CLEAR", "CLEAR", "CLEAR", "AMBER", "RED"])
PICKS = st.integers(0, 10_000)
BOUNDS = [
    (segments_module, "STRETCH"), (segments_module, "RUN"), (steps_module, "FEW"), (versions_module, "LONG"), (versions_module, "STEP"),
    *((lane_module, name) for name in ("BATCH_WORK", "STREAMS_BYTES")),
    (deriving_module, "MEMBERS_BYTES"),
]  # fmt: skip
CLEAR = {"policy", "place", "actor", "source", "audit"}


class Happening(RuleBasedStateMachine):
    """One log, who follows it, and what happens in it."""

    log: ClassVar[Log]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.streams: list[str] = []
        self.undone: list[str] = []
        self.held: list[Event] = []
        self.following: AbstractAsyncContextManager[Runner | Several] | None = None
        self.runner: Runner | Several

    def run(self, doing: Any) -> Any:
        return self.loop.run_until_complete(doing)

    @initialize(
        page=st.integers(1, 9), few=st.integers(0, 4), long=st.integers(1, 5), small=st.booleans(), said=EVENTS,
        stretch=st.sampled_from([(1, 2), (5, 2), (16, 3), (4_096, 64)]), runners=st.sampled_from([1, 2, 5]),
    )  # fmt: skip
    def begin(
        self, page: int, few: int, long: int, stretch: tuple[int, int], runners: int, said: Event, *, small: bool
    ) -> None:
        """An empty log, read a few events at a time; with little remembered, and little stored whole."""
        runner_module.PAGE = page  # type: ignore[misc] # the test's own
        steps_module.FEW = few  # type: ignore[misc]
        versions_module.LONG = versions_module.STEP = long  # type: ignore[misc]
        lane_module.BATCH_WORK = 3 if small else 50_000  # type: ignore[misc]
        lane_module.STREAMS_BYTES = deriving_module.MEMBERS_BYTES = 10_000 if small else 2**20  # type: ignore[misc]
        segments_module.STRETCH, segments_module.RUN = stretch  # type: ignore[misc]
        self.run(self.log.clear(*LOG, *DERIVED, "leases", "snapshots"))
        self.run(self.log.connection.execute("UPDATE log SET generation = 0, erased_upto = 0"))
        self.following = sharing(self.log, runners)
        self.runner = self.run(self.following.__aenter__())
        self.begun(runners)
        self._append({**said, "tlp": "CLEAR"})

    def begun(self, runners: int) -> None:
        """So many follow, and nothing has happened yet."""

    @rule(events=st.lists(st.tuples(EVENTS, MARKS), min_size=1, max_size=4), late=st.booleans())
    def happens(self, events: list[tuple[Event, str]], *, late: bool) -> None:
        """Events in one append, or held back to come later, in another order."""
        marked = [{**e, "tlp": "CLEAR" if e["type"].partition(".")[0] in CLEAR else mark} for e, mark in events]
        if late:
            self.held = [*reversed(marked), *self.held]
        else:
            self._append(*marked)

    @precondition(lambda self: self.held)
    @rule()
    def comes_late(self) -> None:
        """What was held back."""
        held, self.held = self.held, []
        self._append(*held)

    @rule(pick=PICKS, patch=PATCHES, mark=MARKS)
    def amended(self, pick: int, patch: Event, mark: str) -> None:
        self._about("amended", pick, mark, patch=patch, reason="corrected")

    @rule(pick=PICKS, mark=MARKS)
    def retracted(self, pick: int, mark: str) -> None:
        self.undone += self._about("retracted", pick, mark, reason="wrong")

    @precondition(lambda self: self.undone)
    @rule(pick=PICKS)
    def reinstated(self, pick: int) -> None:
        """A retraction is retracted."""
        undo = self.undone[pick % len(self.undone)]
        self._append({"type": "record.retracted", "data": {"target": undo, "reason": "it was right"}})

    @rule(pick=PICKS, mark=MARKS)
    def remarked(self, pick: int, mark: str) -> None:
        self._about("remarked", pick, "CLEAR", tlp=mark, reason="the marking changed")

    @rule(pick=PICKS, kind=st.sampled_from(["corroborated", "disputed"]))
    def judged(self, pick: int, kind: str) -> None:
        self._about(kind, pick, "CLEAR")

    @rule(pick=PICKS, mark=MARKS)
    def merged(self, pick: int, mark: str) -> None:
        """Two streams of a category, where there are two."""
        stream = self.streams[pick % len(self.streams)]
        others = [s for s in self.streams if s != stream and s.partition(":")[0] == stream.partition(":")[0]]
        if others:
            data = {"survivor": stream, "absorbed": [others[0]], "reason": "one"}
            self._append({"type": "record.merged", "stream": stream, "tlp": mark, "data": data})

    def _about(self, kind: str, pick: int, mark: str, **said: Any) -> list[str]:
        target = self.ids[pick % len(self.ids)]
        return self._append({"type": f"record.{kind}", "tlp": mark, "data": {"target": target, **said}})

    def _append(self, *events: Event) -> list[str]:
        """In one append; what the door refuses is left out."""
        before = self.run(self.log.head())
        named = [{**e, "id": id_of(f"event {len(self.ids) + n} of {before}")} for n, e in enumerate(events)]
        try:
            self.run(self.log.add(*named, fitting=True))
        except Problem:
            return []  # such as a marking that its category cannot have
        new = [e for e in self.run(self.log.events()) if e.position > before]
        self.ids += [str(e.event_id) for e in new]
        self.streams = list(dict.fromkeys([*self.streams, *(e.stream for e in new)]))
        return [str(e.event_id) for e in new]


class Histories(Happening):
    """The same, and every answer that was ever given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[str, datetime, int, int, bytes]] = []
        self.compared = 0

    @rule(at=INSTANTS, level=LEVELS, back=st.integers(0, 8))
    def asked(self, at: datetime, level: int, back: int) -> None:
        """Every projection, now or as of a position before, is what folding afresh gives; the answer is remembered."""
        position = max(0, self.run(caught_up(self.log, self.runner)) - back)
        afresh = Afresh(self.run(self.log.events())[:position], KYIV)
        for name, projection in PROJECTIONS.items():
            rows = self.run(self.log.rows(name, at, position, level))
            assert rows == afresh.rows(projection, at, level=level), (name, position, at, level)
            self.given.append((name, at, position, level, orjson.dumps(rows)))
        self.compared += 1

    @rule(at=INSTANTS, level=LEVELS, back=st.integers(0, 4), span=st.integers(0, 12))
    def compared_with(self, at: datetime, level: int, back: int, span: int) -> None:
        """A comparison has the rows of either position, but for some that are the same, and makes few of them twice."""
        upto = max(0, self.run(caught_up(self.log, self.runner)) - back)
        positions = max(0, upto - span), upto
        for name, projection in PROJECTIONS.items():
            if isinstance(projection, Document):
                told = self.run(self.log.before_and_now(name, at, positions, level))
                asked = tuple(self.run(self.log.rows(name, at, position, level)) for position in positions)
                keys = {*told[0], *told[1]}
                shown = [{key: row for key, row in rows.items() if key in keys} for rows in asked]
                assert [*told] == shown, (name, positions, at, level)
                assert [list(rows) for rows in told] == [list(rows) for rows in shown], name
                left_out = [{key: row for key, row in rows.items() if key not in keys} for rows in asked]
                assert left_out[0] == left_out[1], (name, positions, at, level)

    @precondition(lambda self: self.given)
    @rule(pick=PICKS)
    def asked_again(self, pick: int) -> None:
        """An answer, once given, never changes (P3)."""
        self.run(caught_up(self.log, self.runner))
        self._same(self.given[pick % len(self.given)])

    def _same(self, given: tuple[str, datetime, int, int, bytes]) -> None:
        name, at, position, level, answer = given
        assert orjson.dumps(self.run(self.log.rows(name, at, position, level))) == answer, given[:4]

    @invariant()
    def nothing_failed(self) -> None:
        assert self.following is None or self.runner.failure is None

    def teardown(self) -> None:
        """At the end: the ledgers are the sums over the subjects; rebuilt from zero, all is as it was; as is each answer."""
        if self.following is None:
            return
        try:
            self.asked(at=datetime(2026, 9, 1, tzinfo=UTC), level=RED, back=0)
            self.run(self._ledgers_are_sums())
            self.run(versions_are_folds(self.log))
            live = self.run(self.log.derived())
        finally:
            self.run(self.following.__aexit__(None, None, None))
        self.run(self.log.clear(*DERIVED, "leases"))
        runner_module.PAGE = 1_000  # type: ignore[misc]
        again = following(self.log)
        self.runner = self.run(again.__aenter__())
        try:
            self.run(caught_up(self.log, self.runner))
            rebuilt = self.run(self.log.derived())
            for table in rebuilt:
                assert rebuilt[table] == live[table], table
            for given in self.given:
                self._same(given)
        finally:
            self.run(again.__aexit__(None, None, None))

    async def _ledgers_are_sums(self) -> None:
        subjects = await self.log.connection.fetch(
            "SELECT DISTINCT ON (stream) * FROM subjects WHERE to_position IS NULL ORDER BY stream, level DESC"
        )
        known = [text.state async for _, text in Texts(self.log.connection).of(subjects)]
        booked = await ledgers(self.log.connection)
        for name, projection in PROJECTIONS.items():
            if not isinstance(projection, Tally):
                continue
            builds = await self.log.connection.fetch("SELECT build FROM builds WHERE projection = $1", name)
            lines = [(b.at, b.dimensions, b.amounts) for (build,) in builds for b in booked.get(build, ())]
            right = [
                (c.at, c.dimensions, c.amounts)
                for s in known
                if isinstance(s, Subject)
                for c in projection.contributions(s)
            ]
            assert summed(lines) == summed(right), name


def summed(lines: list[tuple[Any, ...]]) -> dict[Any, tuple[int, ...]]:
    sums: dict[Any, tuple[int, ...]] = {}
    for at, dimensions, amounts in lines:
        old = sums.get((at, dimensions), (0,) * len(amounts))
        sums[at, dimensions] = tuple(a + b for a, b in zip(old, amounts, strict=True))
    return {cell: total for cell, total in sums.items() if any(total)}


@pytest.fixture
def used_log(server: Server) -> Iterator[tuple[asyncio.AbstractEventLoop, Log]]:
    """One log for all histories, emptied before each, in a loop that runs while something is done."""
    with asyncio.Runner() as runner:

        async def opened() -> tuple[Any, Any, Log]:
            called = log_called("test_runner_histories", server)
            at = log_at(await called.__aenter__())
            return called, at, await at.__aenter__()

        called, at, log = runner.run(opened())
        yield runner.get_loop(), log
        runner.run(at.__aexit__(None, None, None))
        runner.run(called.__aexit__(None, None, None))


def test_live_rebuilt_and_folded_afresh_are_the_same_and_no_answer_changes(
    used_log: tuple[asyncio.AbstractEventLoop, Log], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runner_module, "PAGE", 1_000)
    monkeypatch.setattr(leases_module, "RENEW_SECONDS", 0.05)
    for module, name in BOUNDS:  # what each history sets is taken back
        monkeypatch.setattr(module, name, getattr(module, name))
    Histories.loop, Histories.log = used_log
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Histories,
        settings=settings(max_examples=HISTORIES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck)),
    )
