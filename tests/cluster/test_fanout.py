"""Changes carried by NATS JetStream: whatever it loses, doubles or is away for, nobody who follows misses anything."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from incidentlog.clock import SystemClock
from incidentlog.config import Role, Settings
from incidentlog.service.fanout import Fanout
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving
from tests.commands import strike
from tests.live.following import Client, Held, client, until
from tests.publish.nats_server import NEEDED, NatsServer, nats_server

pytestmark = NEEDED
ODESA = "geonames:698740"


@pytest.fixture(scope="module")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    """One server for all that leave it at work; each log has a stream of its own."""
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
    runner: Served = field(init=False)
    apis: list[Served] = field(default_factory=list)

    async def start(self, role: Role) -> Served:
        settings = Settings(roles=[role], dsn=self.access.admin, fanout_url=self.urls)
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
async def nodes(access: Access, *urls: str, apis: int = 2) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as running:
        made = Nodes(access, [*urls], running)
        made.runner = await made.start("runner")
        for _ in range(apis):
            made.apis.append(await made.start("api"))
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
