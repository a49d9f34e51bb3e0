"""What Prometheus is told: in its own formats, with labels that no client chooses, and nothing that is hidden."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from incidentlog import __version__
from incidentlog.api.formats import Format
from incidentlog.api.metrics import OPENMETRICS, PLAIN, SEALING
from incidentlog.config import Settings
from incidentlog.projections import PROJECTIONS
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, make_key, serving
from tests.api.test_access import entries
from tests.api.test_health import choking
from tests.audit.sealing import sealing
from tests.commands import retraction, strike
from tests.live.following import client, until

ROOT = Path(__file__).parents[2]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def told(service: Served) -> dict[str, Metric]:
    """The families that are told, by name."""
    answer = await service.get("/metrics", format="openmetrics")
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    return {family.name: family for family in openmetrics(answer.raw.decode())}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """The one sample of a name and some labels."""
    samples = [s for family in families.values() for s in family.samples if s.name == name]
    (found,) = [s.value for s in samples if s.labels.items() >= labels.items()]
    return found


async def test_it_says_what_was_appended_projected_and_refused(service: Served):
    one = strike()
    await service.add(one, strike())
    assert (await service.post(one)).status == 200
    assert (await service.post({"type": "strike.reported"})).status == 422
    assert (await service.bulk(strike(), strike())).status == 201
    await service.settled()
    families = await told(service)
    outcomes = {o: value(families, "incidentlog_append_outcomes_total", outcome=o) for o in ("appended", "duplicate")}
    assert outcomes == {"appended": 4, "duplicate": 1}
    assert value(families, "incidentlog_append_batches_total") == 4
    assert value(families, "incidentlog_append_available") == 1
    assert value(families, "incidentlog_problems_total", problem="invalid-event") == 1
    posts = {"method": "POST", "route": "/v1/events"}
    assert value(families, "incidentlog_http_requests_total", **posts, status="201") == 2
    assert value(families, "incidentlog_http_requests_total", **posts, status="422") == 1
    assert value(families, "incidentlog_http_request_duration_seconds_count", **posts) == 4
    assert value(families, "incidentlog_head_position") == 4
    for name in PROJECTIONS:
        assert value(families, "incidentlog_projection_position", projection=name) == 4
        assert value(families, "incidentlog_projection_lag_events", projection=name) == 0
    assert value(families, "incidentlog_info", version=__version__) == 1
    assert {o: value(families, "incidentlog_sealing", incidentlog_sealing=o) for o in SEALING} == {
        o: float(o == "off") for o in SEALING
    }


async def test_the_plain_format_says_the_same_to_who_asks_for_nothing_else(service: Served):
    await service.add(strike())
    await service.settled()
    answer = await service.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    families = {family.name: family for family in plain(answer.raw.decode())}
    assert value(families, "incidentlog_head_position") == 1
    assert value(families, "process_open_fds") > 0


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1", OPENMETRICS),
        ("application/openmetrics-text; version=x.y", OPENMETRICS),
        ("text/plain;version=x.y;q=0.9, application/openmetrics-text;q=0.1", PLAIN),
        ("*/*", PLAIN),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily, text/*;q=0.2", PLAIN),
    ],
)
async def test_the_format_is_the_one_that_is_liked_best(service: Served, accept: str, media: Format):
    answer = await service.get("/metrics", {"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, media.sent_as)
    assert (await service.get("/metrics", {"Accept": "image/png"})).slug == "not-acceptable"


async def test_followers_are_counted_while_they_are_there(service: Served):
    await service.ready()
    url, key = f"ws://127.0.0.1:{service.port}/v1/live", {"Authorization": f"Bearer {ADMIN}"}
    async with client(url, additional_headers=key) as follower:
        await follower.subscribe("city_incidents")
        families = await told(service)
        assert value(families, "incidentlog_live_connections") == 1
        assert value(families, "incidentlog_live_channels") == 1
        await service.add(strike())
        await follower.until("update")
        assert value(await told(service), "incidentlog_live_updates_total") >= 1
    await until(lambda: not service.service.hub.connections.held.total())
    assert value(await told(service), "incidentlog_live_connections") == 0


async def test_a_key_is_needed_and_reading_is_enough(access: Access):
    await make_key(access, "reporter", "a-key-that-reports-only", scopes=("report",))
    await make_key(access, "prometheus", "a-key-that-reads", scopes=("read",))
    async with serving(access, settings=Settings(open_read=True)) as service:
        statuses = {key: (await service.by(key).get("/metrics")).status for key in (None, "a-key-that-reports-only")}
        assert statuses == {None: 401, "a-key-that-reports-only": 403}
        assert (await service.by("a-key-that-reads").get("/metrics")).status == 200
        assert (await service.get("/metrics", name="city_incidents")).slug == "bad-request"
        await service.get("/v1/builds")
        noted = await entries(service, 1)
        assert [entry["route"] for entry in noted] == ["GET /v1/builds"]  # it would be most of what is there


async def test_what_is_set_aside_is_counted_for_those_who_may_see_it(service: Served, monkeypatch: pytest.MonkeyPatch):
    await make_key(service.access, "prometheus", "a-key-that-reads", scopes=("read",))
    choking(monkeypatch, PROJECTIONS["city_incidents"])
    await service.add(strike(tlp="RED"))
    await service.settled()
    name, of = "incidentlog_projection_parked_streams", {"projection": "city_incidents"}
    assert value(await told(service), name, **of) == 1
    assert value(await told(service.by("a-key-that-reads")), name, **of) == 0


async def test_no_client_makes_series_of_its_own(service: Served):
    async def series() -> int:
        families = await told(service)
        return sum(len(family.samples) for family in families.values())

    async def ask(n: int) -> None:
        await service.ask(f"FOO{n}", "/v1/events")
        await service.get(f"/nowhere/{n}")
        await service.get(f"/v1/streams/strike:{n}")
        await service.get(f"/problems/{n}")

    await service.ready()  # builds have series of their own, from when they are there
    await ask(0)
    await told(service)
    before = await series()
    for n in range(1, 20):
        await ask(n)
    assert await series() == before


async def test_what_the_database_does_not_say_is_left_out(service: Served, monkeypatch: pytest.MonkeyPatch):
    async def away(_: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("incidentlog.api.metrics.read_head", away)
    families = await told(service)
    assert value(families, "incidentlog_database_up") == 0
    assert "incidentlog_head_position" not in families
    monkeypatch.undo()
    assert value(await told(service), "incidentlog_database_up") == 1


async def test_how_far_the_log_is_signed_is_told(access: Access):
    async with sealing(access) as log, serving(log.access, folder=log.folder) as service:
        await service.add(strike())
        assert await service.service.notary.sealed(1, 10)
        families = await told(service)
        assert value(families, "incidentlog_sealed_position") == 1
        assert value(families, "incidentlog_sealing", incidentlog_sealing="sealing") == 1


# ----------------------------------------------------------------------------------- what is said about them


async def names(service: Served) -> set[str]:
    """Every name under which a sample may be asked for; of a gauge also while there is none."""
    await service.add(strike())
    await service.get("/nowhere")
    await service.settled()
    families = (await told(service)).values()
    samples = {sample.name for family in families for sample in family.samples if not sample.name.endswith("_created")}
    return samples | {family.name for family in families if family.type == "gauge"}


def asked_for(text: str) -> set[str]:
    return set(re.findall(r"\bincidentlog_[a-z0-9_]+", text))


async def test_rules_and_dashboard_ask_for_what_is_there(service: Served):
    there = await names(service)
    for path in ("prometheus/alerts.yml", "grafana/incidentlog.json"):
        asked = asked_for((ROOT / "deploy" / path).read_text("utf-8"))
        assert asked
        assert asked <= there, path


async def test_the_document_names_every_metric_and_no_other(service: Served):
    text = (ROOT / "docs/metrics.md").read_text("utf-8")
    table = asked_for("\n".join(line for line in text.splitlines() if line.startswith("| `")))
    there = {
        re.sub("_(bucket|sum|count)$", "", name) for name in await names(service) if name.startswith("incidentlog")
    }
    assert table == there


def dashboard() -> Any:
    return orjson.loads((ROOT / "deploy/grafana/incidentlog.json").read_bytes())


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def test_the_dashboard_has_panels_that_do_not_overlap():
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len(list(expressions())) >= 10


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
async def test_promtool_accepts_the_rules_and_what_is_told(service: Served):
    for command, said in (
        (["check", "rules", str(ROOT / "deploy/prometheus/alerts.yml")], b""),
        (["check", "metrics"], (await service.get("/metrics")).raw),
    ):
        found = await asyncio.to_thread(
            subprocess.run, ["promtool", *command], input=said, capture_output=True, check=False, timeout=60
        )
        assert found.returncode == 0, found


async def test_a_retraction_of_what_is_not_there_is_refused_and_counted_as_such(service: Served):
    assert (await service.post(retraction("0198c0de-0000-7000-8000-00000000dead"))).status >= 400
    families = await told(service)
    assert sum(s.value for s in families["incidentlog_problems"].samples if s.name.endswith("_total")) == 1
