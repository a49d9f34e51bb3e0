"""One request, followed through append and projections to a follower, by OpenTelemetry's own exporters."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import incidentlog
from incidentlog.otel import OpenTelemetry
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving
from tests.commands import strike
from tests.live.following import client

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def service(access: Access, exported: InMemorySpanExporter) -> AsyncIterator[Served]:
    tracing = OpenTelemetry(SimpleSpanProcessor(exported))
    async with serving(access, tracing=tracing) as served:
        yield served
    tracing.close()


async def spans(exported: InMemorySpanExporter, *names: str) -> dict[str, ReadableSpan]:
    """The last spans of some names, once all are there."""
    async with asyncio.timeout(60):
        while True:
            found = {span.name: span for span in exported.get_finished_spans()}
            if found.keys() >= {*names}:
                return found
            await asyncio.sleep(0.02)


async def test_a_trace_goes_from_the_request_through_the_append_and_the_projections_to_a_follower(
    service: Served, exported: InMemorySpanExporter
):
    await service.ready()
    url, key = f"ws://127.0.0.1:{service.port}/v1/live", {"Authorization": f"Bearer {ADMIN}"}
    async with client(url, additional_headers=key) as follower:
        await follower.subscribe("city_incidents")
        answer = await service.post(strike(), headers={"traceparent": PARENT})
        assert answer.status == 201
        await follower.until("update")
        found = await spans(exported, "POST /v1/events", "append", "project", "tell followers")
    request, append = found["POST /v1/events"], found["append"]
    assert request.parent is not None
    assert f"{request.parent.trace_id:032x}" == TRACE
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 201
    assert [link.context.span_id for link in append.links] == [request.context.span_id]
    assert append.context.trace_id != request.context.trace_id  # others wait for the same append
    for name in ("project", "tell followers"):
        span = found[name]
        assert span.parent is not None
        assert (span.context.trace_id, span.parent.span_id) == (request.context.trace_id, request.context.span_id)
        assert span.attributes is not None
        assert span.attributes["incidentlog.position"] == answer.json["position"]
    assert (found["tell followers"].attributes or {})["incidentlog.projection"] == "city_incidents"
    assert (found["project"].end_time or 0) <= (found["tell followers"].end_time or 0)


async def test_many_requests_in_one_append_are_all_linked_to_it(service: Served, exported: InMemorySpanExporter):
    answers = await asyncio.gather(*(service.post(strike()) for _ in range(20)))
    assert {answer.status for answer in answers} == {201}
    linked = [
        link.context.span_id for span in exported.get_finished_spans() if span.name == "append" for link in span.links
    ]
    requests = [span.context.span_id for span in exported.get_finished_spans() if span.name == "POST /v1/events"]
    assert sorted(linked) == sorted(requests)


async def test_what_the_caller_does_not_want_traced_is_not(service: Served, exported: InMemorySpanExporter):
    await service.post(strike(), headers={"traceparent": PARENT[:-1] + "0"})
    await service.settled()
    assert not [span for span in exported.get_finished_spans() if span.name in {"POST /v1/events", "project"}]
    assert (await service.get("/v1/nothing-is-here")).status == 404
    assert "GET none" in await spans(exported, "GET none")


async def test_spans_arrive_by_otlp_at_a_collector(access: Access):
    came: list[bytes] = []

    async def collect(request: web.Request) -> web.Response:
        came.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", collect)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces")
    tracing = OpenTelemetry(BatchSpanProcessor(exporter))
    async with serving(access, tracing=tracing) as served:
        await served.add(strike())
    await asyncio.to_thread(tracing.close)
    await runner.cleanup()
    sent = [ExportTraceServiceRequest.FromString(body) for body in came]
    names = {s.name for each in sent for r in each.resource_spans for scope in r.scope_spans for s in scope.spans}
    assert names >= {"POST /v1/events", "append"}


def test_nothing_of_it_is_imported_where_nobody_wants_traces():
    package = Path(incidentlog.__file__).parent
    for path in package.rglob("*.py"):
        text = path.read_text("utf-8")
        own = path == package / "otel.py"
        assert own or not re.search(r"^\s*(from|import) opentelemetry", text, re.MULTILINE), path
        assert not re.search(r"^(from|import) incidentlog\.otel", text, re.MULTILINE), path  # not at once
