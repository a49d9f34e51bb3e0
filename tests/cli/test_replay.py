"""`incidentlog replay`, as it is typed."""

import asyncio
import json
from datetime import timedelta

import asyncpg
import pytest

from incidentlog.api.replay import KEY
from incidentlog.cli import replay
from incidentlog.embedded import start
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, serving
from tests.cli.acting import Demo, Terminal
from tests.commands import about, strike

FLIP = "UPDATE incidentlog.documents SET restated = NOT restated WHERE build = (SELECT min(build) FROM incidentlog.documents)"


def test_history_is_told_to_its_end(terminal: Terminal):
    done = terminal.run("replay", "--speed", "0", "-o", "ndjson")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["position"] for e in told] == list(range(1, len(told) + 1))
    assert len(told) >= 110


def test_a_part_of_it_in_the_order_in_which_it_happened_for_people(terminal: Terminal):
    done = terminal.run(
        "replay", "--speed", "0", "--by", "occurred", "--from", "2025-01-01", "--until", "2026-01-01", "-o", "table"
    )
    assert done.returncode == 0, done.stderr
    days = [line.split()[1] for line in done.stdout.splitlines()]
    assert len(days) > 10
    assert days == sorted(days)


async def test_after_a_lost_connection_it_goes_on_by_what_was_known_when_it_began(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replay, "RETRY_SECONDS", 0.0)
    days = [{"start": f"2025-11-{day}", "precision": "day", "tz": "Europe/Kyiv"} for day in (10, 20, 30)]
    events = [strike(occurred=day) for day in days]
    async with serving(access) as served, asyncio.timeout(60):
        await served.add(*events)
        replays = served.app[KEY]
        telling = replay._events(served.url, ADMIN, {"by": "occurred", "speed": "1", "max_gap": "5"})
        told = [await anext(telling)]
        replays.closing.set()  # as a service does that stops
        while replays.running:
            await asyncio.sleep(0.01)
        replays.closing.clear()
        # As known now, the last one comes before what was told.
        patch = {"occurred": {"start": "2025-11-01"}}
        await served.add(about("amended", events[2]["id"], patch=patch, reason="the wrong day"))
        told.append(await anext(telling))
        await served.clock.advance(served.clock.now() + timedelta(seconds=5))
        told.append(await anext(telling))
        assert [e["id"] for e in told] == [e["id"] for e in events]
        assert [e async for e in telling] == []


def test_what_is_asked_wrongly_is_told_so(terminal: Terminal):
    for words, code in (
        (("--by", "known"), 2),
        (("--from", "soon"), 2),
        (("--projection", "city_incidents"), 2),
        (("--to", "soon"), 2),
        (("-o", "csv"), 2),
        (("--to", "head", "--projection", "nothing"), 3),
    ):
        done = terminal.run("replay", *words)
        assert done.returncode == code, (words, done.stderr)
        assert done.stderr.startswith("incidentlog: ")
    assert terminal.run("replay", INCIDENTLOG_URL="http://127.0.0.1:1").returncode == 8


def test_what_is_served_is_compared_with_what_the_log_gives(demo: Demo, terminal: Terminal):
    here = {"INCIDENTLOG_DATA_DIR": str(demo.root)}
    done = terminal.run("replay", "--to", "head", "-o", "json", **here)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["same"]
    assert all(c["served"] == c["replayed"] and len(c["served"]) == 64 for c in told["compared"])
    assert {"subjects", "city_incidents", "ceasefire_status"} <= {c["name"] for c in told["compared"]}
    edit(demo, FLIP)
    try:
        done = terminal.run("replay", "--to", str(told["position"]), "-o", "json", **here)
    finally:
        edit(demo, FLIP)
    assert done.returncode == 7
    different = [c for c in json.loads(done.stdout)["compared"] if not c["same"]]
    assert [c["first"]["table"] for c in different] == ["documents"]
    assert "is not what the log gives: the first row is in documents" in done.stderr
    assert terminal.run("replay", "--to", "999999", **here).returncode == 8


def edit(demo: Demo, statement: str) -> None:
    """Edit a table of the demonstration's, beside it."""

    async def run(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with start(demo.root) as running:
        asyncio.run(run(running.server.dsn()))
