"""Behind Debian's PgBouncer in transaction mode, where no connection is anybody's for longer than a transaction."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.runner.replay import replay
from incidentlog.store.connect import CARRIED, ROLES, Access, NoSessionError
from incidentlog.store.migrate import migrate
from incidentlog.store.pooler import PoolerError, check_pooler
from tests.api.serving import serving
from tests.api.test_nodes import follower, reaches
from tests.cli.acting import Terminal
from tests.commands import about, strike
from tests.stories.pooling import PAGE, PROGRAM, Pooled, pooled
from tests.stories.test_killed import HEADERS, KEY, Process, folder  # noqa: F401 - a fixture
from tests.stories.test_two_nodes import follower as follower_at

ODESA = "geonames:698740"
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no PgBouncer: apt-get install pgbouncer")


@pytest.fixture
async def unready(server: Server) -> AsyncIterator[Pooled]:
    """A database behind PgBouncer, and nothing done about it."""
    async with pooled(server) as made:
        yield made


@pytest.fixture
async def pool(unready: Pooled) -> Pooled:
    """A database behind PgBouncer whose role finds the log, as the message says."""
    await say_where_the_log_is(unready)
    return unready


async def say_where_the_log_is(pool: Pooled) -> None:
    with pytest.raises(PoolerError) as refused:
        await check_pooler(pool.access(direct=False))
    statement = re.search(r"ALTER ROLE \w+ IN DATABASE \w+ SET search_path = incidentlog;", str(refused.value))
    assert statement is not None, refused.value
    connection = await pool.access(direct=True).connect()
    await connection.execute(statement[0])
    await connection.close()
    await pool.cut()


async def test_without_the_roles_search_path_nothing_starts_and_the_one_statement_is_told(
    unready: Pooled, tmp_path: Path
):
    terminal = Terminal(tmp_path, INCIDENTLOG_DSN=unready.dsn, INCIDENTLOG_POOLER="transaction",
                        INCIDENTLOG_DATA_DIR=str(tmp_path))  # fmt: skip
    done = terminal.run_apart("serve", "--port", "0")
    assert done.returncode == 1
    assert "SET search_path = incidentlog;" in done.stderr
    assert "Traceback" not in done.stderr
    await say_where_the_log_is(unready)
    done = terminal.run_apart("db", "migrate")
    assert done.returncode == 0, done.stderr


def test_the_page_names_every_setting_that_the_role_has_to_bring():
    page = PAGE.read_text("utf-8")
    assert "SET search_path = incidentlog;" in page
    for role in ROLES:
        assert [name for name in Access("").settings(role) if name not in CARRIED and name not in page] == []


async def test_a_service_does_all_its_work_there_and_starts_again(pool: Pooled, folder: Path):  # noqa: F811
    settings = {"INCIDENTLOG_DSN": pool.dsn, "INCIDENTLOG_POOLER": "transaction", "INCIDENTLOG_DIRECT_DSN": pool.direct}
    node = Process(folder, **settings)
    again = None
    try:
        url = await node.started()
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            asked = Asked(session, url)
            async with follower_at(url) as c:
                rows, events = await c.subscribe("city_incidents"), await c.subscribe("events", id_="log")
                sent = [[strike(stream=None) for _ in range(10)] for _ in range(8)]
                await asyncio.gather(*(asked.post_all(each) for each in sent))
                await c.reach(rows, 80)
                await c.reach(events, 80)
                assert rows.rows[ODESA]["incidents"] == 80
                assert [item["position"] for item in events.items] == list(range(1, 81))
            before = await asked.get("/v1/projections/city_incidents?min_position=80")
            assert before["rows"] == rows.rows
            await asked.post(about("erased", sent[0][0]["id"], part="body", ground="asked to"))
            assert (await asked.get(f"/v1/events/{sent[0][0]['id']}"))["status"] == "erased"
            await asked.until("/readyz?verbose", lambda told: told["sealed"] == 81)
            # The erasure has everything built anew.
            await asked.until("/v1/projections/city_incidents", lambda told: told["basis"]["generation"] == 1)
            assert (await asked.get("/v1/projections/city_incidents"))["rows"][ODESA]["incidents"] == 79
        assert node.stop() == 0
        terminal = Terminal(folder, INCIDENTLOG_DATA_DIR=str(folder / "data"), **settings)
        for words in (("verify",), ("replay", "--to", "head")):
            done = await asyncio.to_thread(terminal.run_apart, *words)
            assert done.returncode == 0, (words, done.stderr)
        again = Process(folder, **settings)
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            asked = Asked(session, await again.started())
            assert (await asked.get("/v1/projections/city_incidents"))["rows"][ODESA]["incidents"] == 79
            await pool.cut()  # as a failover behind the pooler does
            await asked.post(strike(stream=None))
            await asked.until("/readyz?verbose", lambda told: told["sealed"] == 82 and told["status"] == "ok")
        assert again.stop() == 0
    finally:
        node.close()
        if again is not None:
            again.close()


async def test_without_a_way_around_it_nodes_find_by_looking_what_others_append(pool: Pooled):
    access = pool.access(direct=False)
    await migrate(access)
    settings = Settings(dsn=pool.dsn, pooler="transaction")
    async with serving(access, settings=settings) as one, serving(access, settings=settings, again=True) as other:
        await one.ready()
        await other.ready()
        assert other.service.nodes.hints is None
        async with follower(other) as c:
            await reaches(one, c)
    with pytest.raises(NoSessionError, match="INCIDENTLOG_DIRECT_DSN"):
        await replay(access)


class Asked:
    """A service, asked as the admin."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url

    async def get(self, path: str) -> Any:
        async with self.session.get(self.url + path, headers={"Prefer": "wait=10"}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, event: dict[str, Any]) -> None:
        async with self.session.post(f"{self.url}/v1/events", json=event) as answer:
            assert answer.status == 201, await answer.text()

    async def post_all(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            await self.post(event)

    async def until(self, path: str, true: Any) -> None:
        """Ask until it is so, at most 60 s."""
        async with asyncio.timeout(60):
            while True:
                async with self.session.get(self.url + path) as answer:
                    if true(await answer.json()):
                        return
                await asyncio.sleep(0.05)
