"""P4: what is kept up event by event is what is rebuilt from zero, and what is folded afresh, whatever happened."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from incidentlog.embedded import Server
from incidentlog.runner import runner as runner_module
from tests.api.serving import log_called
from tests.commands import strike
from tests.runner.driving import DERIVED, LOG, Log, caught_up, check, following, log_at

ATS = [datetime(2025, 11, 21, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)]
LEVELS = [0, 2, 4]
PLACES: list[dict[str, Any]] = [
    {"name": "Odesa", "country": "UA", "precision": "settlement"},
    {"name": "Одесса", "country": "UA", "precision": "settlement"},
    {"name": "Nowhere", "precision": "settlement"},
    {"name": "NOWHERE", "precision": "settlement"},
    {"name": "Moscow region", "country": "RU", "admin1": "48", "precision": "admin1"},
]
PATCHES: list[dict[str, Any]] = [
    {"data": {"casualties": {"killed": {"best": 9}}}},
    {"data": {"casualties": {"killed": {"best": None}}}},
    {"data": {"count": -1}},
    {"data": {"effective_until": "2025-11-21"}},
    {"occurred": {"start": "2025-11-23"}},
    {"place": {"name": "Kyiv", "country": "UA", "place_id": None}},
    {"place": None},
    {"actors": None},
]
STREAMS = ["strike:a", "strike:b", "strike:c", "ceasefire:a", "ceasefire:b", "violation:a", "alert:a"]
MARKS = ["CLEAR", "CLEAR", "CLEAR", "AMBER", "RED"]

numbers = st.integers(0, 9)
actions = st.tuples(
    st.sampled_from(["new"] * 6 + ["retract", "retract", "amend", "amend", "merge", "remark", "confirm"]),
    st.sampled_from(STREAMS),
    numbers,
    st.integers(0, 40),
    st.sampled_from(MARKS),
)
histories = st.lists(st.lists(actions, min_size=1, max_size=8), min_size=1, max_size=5)


def made(batches: list[list[tuple[str, str, int, int, str]]]) -> list[list[dict[str, Any]]]:
    """Events of these actions, each with a target that is there; what has none is left out."""
    ids, streams, numbered = list[str](), list[str](), count(1)
    answer = []
    for batch in batches:
        events = []
        for kind, stream, n, target, mark in batch:
            event: dict[str, Any] = {"id": str(UUID(int=next(numbered))), "tlp": mark}
            if kind == "new":
                event |= happened(stream, n, first=stream not in streams)
                streams.append(stream)
            elif kind == "merge":
                others = [s for s in dict.fromkeys(streams) if s != stream]
                if stream not in streams or not others:
                    continue
                event |= {"type": "record.merged", "stream": stream}
                event["data"] = {"survivor": stream, "absorbed": [others[target % len(others)]], "reason": "one"}
            elif ids:
                event |= said(kind, ids[target % len(ids)], n, mark)
            else:
                continue
            ids.append(event["id"])
            events.append(event)
        answer.append(events)
    return [events for events in answer if events]


def happened(stream: str, n: int, *, first: bool) -> dict[str, Any]:
    category = stream.partition(":")[0]
    event = strike(stream=stream, place=PLACES[n % len(PLACES)])
    event["occurred"] = {"start": f"2025-11-{18 + n % 5}", "precision": "day", "tz": "Europe/Kyiv"}
    event["sources"][0]["reliability"] = "ABCDEF"[n % 6]
    del event["id"]
    match category:
        case "strike":
            event["data"]["casualties"] = {"killed": {"best": n}} if n else {}
            if not first and n % 2:
                event["type"] = "strike.assessed"
                event["data"] = {"as_of": f"2025-11-{19 + n % 5}", "casualties": {"killed": {"best": n}}}
        case "ceasefire":
            del event["place"]
            kinds = ["declared", "terminated", "suspended", "resumed", "extended", "position_stated"]
            kind = "declared" if first else kinds[n % len(kinds)]
            event |= {"type": f"ceasefire.{kind}", "data": TERMS[kind]}
        case "violation":
            event["type"] = "violation.reported"
            event["data"] = {
                "ceasefires": ["ceasefire:a", "ceasefire:b"][: 1 + n % 2], "accused": ["RUS"], "claimed_by": "UKR",
                "severity": "serious", "count": n + 1,
            }  # fmt: skip
        case _:
            event |= {
                "type": "alert.declared" if n % 2 else "alert.lifted",
                "data": {"level": "oblast"} if n % 2 else {},
            }
    return event


TERMS: dict[str, dict[str, Any]] = {
    "declared": {"sidedness": "unilateral", "scope": ["general"], "effective_from": "2025-11-19",
                 "effective_until": "2025-11-29", "declared_by": "RUS"},
    "terminated": {"mode": "collapsed"},
    "suspended": {"by": "RUS"},
    "resumed": {},
    "extended": {"from": "2025-11-29", "until": "2025-12-09"},
    "position_stated": {"party": "UKR", "stated_status": "in_force", "stated_until": "2025-11-25"},
}  # fmt: skip


def said(kind: str, target: str, n: int, mark: str) -> dict[str, Any]:
    match kind:
        case "retract":
            return {"type": "record.retracted", "data": {"target": target, "reason": "wrong"}}
        case "amend":
            patch = PATCHES[n % len(PATCHES)]
            return {"type": "record.amended", "data": {"target": target, "patch": patch, "reason": "corrected"}}
        case "remark":
            return {"type": "record.remarked", "tlp": "CLEAR", "data": {"target": target, "tlp": mark, "reason": "now"}}
        case _:
            return {"type": "record.corroborated", "data": {"target": target}}


@pytest.fixture(scope="session")
async def used_log(server: Server) -> AsyncIterator[Log]:
    """One log for all examples, emptied before each."""
    async with log_called("test_runner_histories", server) as access, log_at(access) as log:
        yield log


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=histories, page=st.integers(1, 9))
async def test_live_rebuilt_and_folded_afresh_are_the_same(used_log: Log, batches: Any, page: int):
    log = used_log
    events = made([[("new", "strike:a", 1, 0, "CLEAR")], *batches])
    note(repr(events))
    await log.clear(*LOG, *DERIVED)
    live_page, runner_module.PAGE = runner_module.PAGE, page
    try:
        async with following(log) as runner:
            for batch in events:
                await log.add(*batch, fitting=True)
                await caught_up(log, runner)
            assert runner.failure is None
        live = await log.derived()
        await check(log, ats=ATS, levels=LEVELS)
        await log.clear(*DERIVED)
        runner_module.PAGE = live_page
        async with following(log) as runner:
            await caught_up(log, runner)
        rebuilt = await log.derived()
    finally:
        runner_module.PAGE = live_page
    for table in DERIVED:
        assert rebuilt[table] == live[table], table
