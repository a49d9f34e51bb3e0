"""Changes carried by NATS JetStream: whatever it loses, doubles or is away for, nobody who follows misses anything."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from incidentlog.clock import SystemClock
from incidentlog.config import Role, Settings
from incidentlog.embedded.sockets import free_port
from incidentlog.service.fanout import Fanout, why_unfit
from incidentlog.service.service import prepare
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving
from tests.cli.acting import Terminal
from tests.commands import strike
from tests.live.following import Client, Held, client, until
from tests.live.test_subscription import come_back
from tests.network import line
from tests.publish.credentials import account
from tests.publish.nats_server import NEEDED, NatsServer, nats_server

pytestmark = NEEDED
ODESA = "geonames:698740"


@pytest.fixture(scope="module")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    """One server for all that leave it at work; each log has a stream of its own."""
    await prepare(["api"])  # else the first event holds up all nodes, which are in one process here
    async with nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


def fanout_of(node: Served) -> Fanout:
    assert node.service.fanout is not None
    return node.service.fanout


@dataclass
class Nodes:
    """Services on one log, of which one folds."""

    access: Access
    urls: list[str]
    running: AsyncExitStack
    creds: Path | None = None
    runner: Served = field(init=False)
    apis: list[Served] = field(default_factory=list)

    async def start(self, role: Role) -> Served:
        settings = Settings(roles=[role], dsn=self.access.admin, fanout_url=self.urls, fanout_creds=self.creds)
        again = role != "runner"
        made = serving(self.access, settings=settings, clock=SystemClock(), again=again)
        node = await self.running.enter_async_context(made)
        await node.ready()
        return node

    @property
    def all(self) -> list[Served]:
        return [self.runner, *self.apis]

    async def heard(self) -> None:
        """Wait until everybody hears NATS."""
        await until(lambda: all(fanout_of(node).heard for node in self.all))

    def steps(self) -> dict[str, int]:
        """How often channels of all nodes read what, together."""
        return {source: sum(n.service.hub.steps[source] for n in self.apis) for source in ("carried", "database")}


@asynccontextmanager
async def nodes(
    access: Access, url: str, *, api_url: str | None = None, apis: int = 2, creds: Path | None = None
) -> AsyncIterator[Nodes]:
    """Nodes that have found NATS, unless it is by credentials: then it is the test's to wait."""
    async with AsyncExitStack() as running:
        made = Nodes(access, [url], running, creds)
        made.runner = await made.start("runner")
        made.urls = [api_url or url]
        for _ in range(apis):
            made.apis.append(await made.start("api"))
        if creds is None:
            await made.heard()
        yield made


@asynccontextmanager
async def following(node: Served) -> AsyncIterator[Client]:
    url = f"ws://127.0.0.1:{node.port}/v1/live"
    async with client(url, additional_headers={"Authorization": f"Bearer {ADMIN}"}) as made:
        yield made


async def test_one_read_of_the_database_for_a_change_however_many_nodes_are_followed(access: Access, nats: NatsServer):
    async with nodes(access, nats.url, apis=3) as cluster, AsyncExitStack() as clients:
        await cluster.apis[0].add(strike(stream=None))
        held = list[tuple[Client, Held]]()
        for node in cluster.apis:
            c = await clients.enter_async_context(following(node))
            held.append((c, await c.subscribe("city_incidents")))
            for c, own in held:
                await c.reach(own, 1)
        before, reads = cluster.steps(), fanout_of(cluster.runner).reads
        for n in range(10):
            (position,) = await cluster.apis[n % 3].add(strike(stream=None))
            for c, own in held:
                await c.reach(own, position)
        after = cluster.steps()
        assert {own.rows[ODESA]["incidents"] for _, own in held} == {11}
        assert (after["carried"] - before["carried"], after["database"] - before["database"]) == (30, 0)
        assert fanout_of(cluster.runner).reads - reads == 10
        metrics = (await cluster.apis[0].get("/metrics")).raw.decode()
        assert "incidentlog_fanout_heard 1.0" in metrics
        assert f'steps_total{{source="carried"}} {cluster.apis[0].service.hub.steps["carried"]:.1f}' in metrics


def test_the_doctor_says_which_server_carries(nats: NatsServer, tmp_path: Path):
    urls = f"nats://a:secret@127.0.0.1:{(unused := free_port())},{nats.url}"
    terminal = Terminal(tmp_path, INCIDENTLOG_DSN="postgresql://127.0.0.1:1/none", INCIDENTLOG_FANOUT_URL=urls)
    done = terminal.run("doctor", "-o", "ndjson")
    found = [check for line in done.stdout.splitlines() if (check := json.loads(line))["name"] == "fanout"]
    assert [(check["status"], check["detail"].partition(": ")[0]) for check in found] == [
        ("warn", f"127.0.0.1:{unused}"), ("ok", f"127.0.0.1:{nats.port}"),
    ]  # fmt: skip
    assert "secret" not in done.stdout


async def test_credentials_are_shown_and_may_come_later_or_be_renewed(access: Access, tmp_path: Path):
    pytest.importorskip("nkeys", reason="nkeys, of the groups `tools` and `cluster`, makes credentials")
    made = account(tmp_path)
    good = made.creds.read_text()
    (tmp_path / "server").mkdir()
    async with nats_server(tmp_path / "server", made) as server:
        for nothing in ("", "no credentials", good.replace("\nSU", "\nSX"), good[: len(good) // 2]):
            made.creds.write_text(nothing)
            assert await why_unfit(server.url, made.creds) == f"{made.creds} has no credentials of NATS"
        assert "No such file" in str(await why_unfit(server.url, tmp_path / "none"))
        assert await why_unfit(server.url, None) == "nats: 'Authorization Violation'"
        async with nodes(access, server.url, apis=1, creds=made.creds) as cluster:
            (node,) = cluster.apis
            await until(lambda: "no credentials" in str(fanout_of(node).warning))
            async with following(node) as c:
                own = await c.subscribe("city_incidents")
                (position,) = await node.add(strike())  # read from the database meanwhile
                await c.reach(own, position)
                made.creds.write_text(good)
                await cluster.heard()
                (position,) = await node.add(strike())
                await c.reach(own, position)
                assert node.service.hub.steps["carried"] > 0


async def test_a_client_goes_from_node_to_node_and_to_one_that_starts_late_without_a_gap(
    access: Access, nats: NatsServer
):
    async with nodes(access, nats.url, apis=1) as cluster:
        held: Held | None = None
        for n in range(6):
            if n in {1, 3}:
                cluster.apis.append(await cluster.start("api"))
            async with following(cluster.apis[n % len(cluster.apis)]) as c:
                held = await come_back(c, held, "city_incidents")
                for _ in range(3):
                    (position,) = await cluster.apis[0].add(strike(stream=None))
                    await c.reach(held, position)
                await cluster.apis[0].add(strike(stream=None))  # told by the next node
        assert held is not None
        async with following(cluster.apis[-1]) as c:
            held = await come_back(c, held, "city_incidents")
            await c.reach(held, 24)
            assert held.rows[ODESA]["incidents"] == 24


async def test_a_server_that_is_away_is_passed_over_for_the_next(access: Access, nats: NatsServer):
    async with nodes(access, nats.url, apis=0) as cluster:
        cluster.urls = [f"nats://127.0.0.1:{free_port()}", nats.url]
        cluster.apis.append(await cluster.start("api"))
        await cluster.heard()


async def test_a_server_that_is_killed_and_comes_back_costs_nobody_a_change(access: Access, tmp_path: Path):
    async with nats_server(tmp_path) as server, nodes(access, server.url) as cluster:
        one, other = cluster.apis
        async with following(one) as c, following(other) as d:
            held = [(c, await c.subscribe("city_incidents")), (d, await d.subscribe("city_incidents"))]

            async def add(node: Served) -> None:
                (position,) = await node.add(strike(stream=None))
                for each, own in held:
                    await each.reach(own, position)

            await add(one)
            await add(other)
            server.kill()
            for _ in range(5):
                await add(one)
            await until(lambda: not any(fanout_of(node).heard for node in cluster.all))
            await until(lambda: all(fanout_of(node).warning for node in cluster.all))
            told = (await one.get("/readyz", verbose="")).json
            assert (told["status"], len(told["warnings"])) == ("ok", 1)
            assert told["warnings"][0].startswith("changes are read from the database")
            before = cluster.steps()
            await add(other)
            assert cluster.steps()["carried"] == before["carried"]
            await server.start()
            await cluster.heard()
            assert (await one.get("/readyz", verbose="")).json["warnings"] == []
            before = cluster.steps()
            for _ in range(3):
                await add(other)
            assert cluster.steps() == {"carried": before["carried"] + 6, "database": before["database"]}
            assert [own.rows[ODESA]["incidents"] for _, own in held] == [11, 11]


async def test_what_is_lost_is_read_from_the_database_and_what_is_doubled_is_passed_over(
    access: Access, nats: NatsServer
):
    async with nodes(access, nats.url, apis=1) as cluster, following(cluster.apis[0]) as c:
        (api,) = cluster.apis
        held = await c.subscribe("city_incidents")

        async def add() -> int:
            (position,) = await api.add(strike(stream=None))
            await c.reach(held, position)
            return position

        fanout = fanout_of(api)
        for _ in range(3):
            await add()
        async with nats.connected() as connection:
            js = connection.jetstream()
            last = (await js.stream_info(fanout._stream)).state.last_seq
            known = [(await js.get_msg(fanout._stream, seq=n)).data for n in range(1, last + 1)]
            for data in [*known[::-1], *known, b"", b"{}", b"\xff\n", known[-1] + b"damaged"]:
                await js.publish(fanout._subject, data)
            steps = cluster.steps()
            await add()
            assert cluster.steps() == {"carried": steps["carried"] + 1, "database": steps["database"]}


async def test_what_is_lost_on_the_way_is_read_from_the_database(access: Access, nats: NatsServer):
    async with (
        line(nats.port) as way,
        nodes(access, nats.url, api_url=f"nats://127.0.0.1:{way.port}", apis=1) as cluster,
        following(cluster.apis[0]) as c,
        nats.connected() as connection,
    ):
        (api,) = cluster.apis
        held = await c.subscribe("city_incidents")

        async def add() -> None:
            (position,) = await api.add(strike(stream=None))
            await c.reach(held, position)

        await add()
        await add()
        before = cluster.steps()
        way.stall()
        for _ in range(3):
            await add()
        assert cluster.steps()["carried"] == before["carried"]
        assert cluster.steps()["database"] > before["database"]
        await connection.jetstream().purge_stream(fanout_of(api)._stream)
        way.cut()
        way.flow()
        await until(lambda: fanout_of(api).heard)
        before = cluster.steps()
        await add()
        assert cluster.steps() == {"carried": before["carried"] + 1, "database": before["database"]}
        assert held.rows[ODESA]["incidents"] == 6
