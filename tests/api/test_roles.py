"""Nodes that do a part of the work each: one takes and answers, one folds, one signs."""

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.state import Folder
from incidentlog.clock import SystemClock
from incidentlog.config import Role, Settings
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.commands import strike

ODESA = "geonames:698740"


async def test_what_one_node_takes_another_folds_and_a_third_signs(access: Access, tmp_path: Path):
    folders = {role: Folder(tmp_path / role) for role in ("api", "runner", "notary")}
    await begin_if_new(access, folders["notary"], origin=None, key=None)
    async with AsyncExitStack() as running:

        async def node(role: Role, *, again: bool = True) -> Served:
            settings = Settings(roles=[role])
            one = serving(access, settings=settings, clock=SystemClock(), folder=folders[role], again=again)
            return await running.enter_async_context(one)

        api = await node("api", again=False)
        (first,) = await api.add(strike(stream=None))
        behind = await api.get("/v1/projections/city_incidents", {"Prefer": "wait=0"}, min_position=first)
        assert behind.slug == "projection-lagging"
        runner = await node("runner")
        notary = await node("notary")
        for each, role in ((api, "api"), (runner, "runner"), (notary, "notary")):
            await each.ready()
            assert (await each.get("/readyz", verbose="")).json["does"] == [role]
        (second,) = await api.add(strike(stream=None))
        assert (await api.rows("city_incidents", min_position=second))[ODESA]["incidents"] == 2
        async with asyncio.timeout(60):
            while min(n.service.notary.size for n in (api, runner, notary)) < second:
                await asyncio.sleep(0.02)
        assert [n.service.notary.status for n in (api, runner, notary)] == ["following", "following", "sealing"]
        for each in (runner, notary):
            for path in ("/v1/events", "/v1/projections/city_incidents", "/v1/live", "/", "/docs"):
                async with each.session.get(each.url + path) as answer:
                    assert answer.status == 404, path
            async with each.session.post(f"{each.url}/v1/events", json=strike(stream=None)) as answer:
                assert answer.status == 404
            metrics = (await each.get("/metrics")).raw.decode()
            assert 'incidentlog_role{incidentlog_role="api"} 0.0' in metrics
        assert 'incidentlog_role{incidentlog_role="runner"} 1.0' in (await runner.get("/metrics")).raw.decode()


async def test_a_node_that_does_not_sign_leaves_the_folder_to_the_one_that_does(access: Access, tmp_path: Path):
    folder = Folder(tmp_path / "log")
    await begin_if_new(access, folder, origin=None, key=None)
    api, notary = Settings(roles=["api", "runner"]), Settings(roles=["notary"])
    clock = SystemClock()
    async with (
        serving(access, settings=api, clock=clock, folder=folder) as one,
        serving(access, settings=notary, clock=clock, folder=folder, again=True) as other,
    ):
        (position,) = await one.add(strike(stream=None))
        async with asyncio.timeout(60):
            while one.service.notary.size < position:
                await asyncio.sleep(0.02)
        assert (one.service.notary.status, other.service.notary.status) == ("following", "sealing")


async def test_on_one_machine_nothing_of_a_cluster_is_there(service: Served):
    assert (service.service.replicas, service.service.standbys, service.service.fanout) == (None, None, None)
    assert service.service.pool is service.service.leader
    told = (await service.get("/readyz", verbose="")).json
    assert (told["does"], told["replicas"]) == (["api", "runner", "notary"], [])


def test_nothing_of_a_cluster_is_imported_where_none_is_set():
    parts = (
        "incidentlog.service.replicas",
        "incidentlog.service.fanout",
        "incidentlog.broker",
        "nats",
        "patroni",
        "etcd3",
        "psycopg",
    )
    program = f"import sys, incidentlog.api.serve; print([m for m in {parts} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
