"""Refusals in the usual form, and what they mean in words; routes and methods that are not there."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import urljoin

import pytest
from aiohttp.web import RouteDef

import incidentlog
from incidentlog.api import live, replay, sse
from incidentlog.api.app import MODULES
from incidentlog.errors import PROBLEMS, Problem
from tests.api.serving import ADMIN, Served

ROUTES = {
    "/v1/events": {"GET", "HEAD", "POST"},
    "/v1/events/bulk": {"GET", "HEAD", "POST"},
    "/v1/streams/strike:one/events": {"POST"},
    "/v1/streams/strike:one": {"GET", "HEAD"},
    "/v1/subjects/strike:one": {"GET", "HEAD"},
    "/v1/subjects/strike:one/history": {"GET", "HEAD"},
    "/v1/projections": {"GET", "HEAD"},
    "/v1/projections/city_incidents": {"GET", "HEAD"},
    "/v1/places": {"GET", "HEAD"},
    "/": {"GET", "HEAD"},
    "/livez": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
}


@pytest.mark.parametrize("slug", [p.slug for p in PROBLEMS])
async def test_every_problem_has_a_page(timeline: Served, slug: str):
    answer = await timeline.by(None).get(f"/problems/{slug}")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert slug.encode() in answer.raw


async def test_a_page_of_a_problem_that_is_none_is_not_there(timeline: Served):
    answer = await timeline.get("/problems/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert (answer.status, answer.slug) == (404, "not-found")
    assert b"<script>" not in answer.raw or answer.headers["Content-Type"].startswith("application/problem+json")


def kinds(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Every class of refusal in the package."""
    for kind in of.__subclasses__():
        if kind.__module__.startswith("incidentlog.") and kind.__name__ != "UnknownProblem":
            yield kind
            yield from kinds(kind)


def test_every_refusal_that_the_package_can_make_is_one_that_is_told_of():
    for module in pkgutil.walk_packages(incidentlog.__path__, "incidentlog."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as missing:  # of an extra: `tests/test_packaging.py` knows of which
                if (missing.name or "incidentlog").startswith("incidentlog"):
                    raise
    assert {"too-many-connections", "no-way-back"} <= {p.slug for p in PROBLEMS}
    assert {kind.slug for kind in kinds()} == {p.slug for p in PROBLEMS}
    assert len(set(kinds())) >= len(PROBLEMS) > 20


def test_slugs_are_unique_and_statuses_are_errors():
    assert len({p.slug for p in PROBLEMS}) == len(PROBLEMS)
    assert all(400 <= p.status < 600 for p in PROBLEMS)


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/events/", "/v1/event", "/v2/events", "/V1/events", "/favicon.ico",
                                  "/.git/config", "/v1/projections/city_incidents/a/b", "/livez/"])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
async def test_what_is_not_there_is_not_found(timeline: Served, method: str, path: str):
    answer = await timeline.ask(method, path)
    assert answer.status in {404, 405}
    if method != "HEAD":
        assert answer.slug in {"not-found", "method-not-allowed"}
        assert answer.json["instance"] == path


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_a_method_that_is_not_there_is_not_allowed(timeline: Served, method: str, path: str):
    if method in ROUTES[path]:
        return
    answer = await timeline.ask(method, path)
    assert (answer.status, answer.slug) == (405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(",")) >= ROUTES[path] - {"HEAD"}


@pytest.mark.parametrize("path", [p for p, methods in ROUTES.items() if "GET" in methods])
async def test_head_answers_as_get_does_without_a_body(timeline: Served, path: str):
    got = await timeline.get(path)
    answer = await timeline.ask("HEAD", path)
    assert answer.status == got.status
    assert answer.raw == b""
    assert answer.headers["Content-Type"] == got.headers["Content-Type"]
    if "Log-Position" in got.headers:
        assert answer.headers["Log-Position"] == got.headers["Log-Position"]


async def test_a_request_keeps_the_id_it_came_with(timeline: Served):
    answer = await timeline.get("/v1/nothing", {"X-Request-Id": "from-the-proxy_1.2"})
    assert answer.json["trace_id"] == "from-the-proxy_1.2"
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await timeline.get("/v1/nothing", {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.json["trace_id"] == trace


@pytest.mark.parametrize("name", ["a b c d e f", "<script>x</script>", "short", "x" * 65, "Ünïcödé-id"])
async def test_an_odd_request_id_is_replaced(timeline: Served, name: str):
    answer = await timeline.get("/v1/nothing", {"X-Request-Id": name})
    assert answer.json["trace_id"] != name
    assert len(answer.json["trace_id"]) == 16


@pytest.mark.parametrize(
    "parent", ["ff-{t}-b7ad6b7169203331-01", "00-{z}-b7ad6b7169203331-01", "00-{t}-0000000000000000-01"]
)
async def test_a_traceparent_that_is_none_is_no_id(timeline: Served, parent: str):
    trace, zeros = "0af7651916cd43dd8448eb211c80319c", "0" * 32
    answer = await timeline.get("/v1/nothing", {"traceparent": parent.format(t=trace, z=zeros)})
    assert answer.json["trace_id"] not in {trace, zeros}


async def test_an_id_of_ours_tells_nothing_of_other_requests(timeline: Served):
    """No counter, no part that they share: how many ask what is nobody's business."""
    ids = [(await timeline.get("/v1/nothing")).json["trace_id"] for _ in range(40)]
    assert all(len(set(place)) > 1 for place in zip(*ids, strict=True))
    steps = {int(after, 16) - int(before, 16) for before, after in pairwise(ids)}
    assert len(steps) == 39


async def test_a_fault_of_ours_is_told_without_its_details(service: Served, monkeypatch: pytest.MonkeyPatch):
    from incidentlog.api import events

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(events, "search_events", broken)
    answer = await service.get("/v1/events")
    assert (answer.status, answer.slug) == (500, "internal")
    assert b"secret" not in answer.raw
    assert b"ZeroDivision" not in answer.raw


async def test_the_first_page_leads_to_what_is_there(timeline: Served):
    page = await timeline.by(None).get("/", {"Accept-Encoding": "identity"})
    assert page.status == 200
    links = re.findall(r'(?:href|src)="([^"#]+)"', page.raw.decode())
    assert {".", "docs/live", "verify", "page/shell.css", "page/whole.js"} <= {*links}
    for link in links:
        assert (await timeline.get(urljoin("/", link))).status == 200, link


STREAMS = ["/v1/replay", "/v1/replay?speed=0", "/v1/events/stream", "/v1/projections/city_incidents/stream", "/v1/live"]


@pytest.mark.parametrize("path", STREAMS)
async def test_head_of_a_stream_is_refused_and_the_connection_is_as_good_as_before(timeline: Served, path: str):
    """What follows on the connection is the next answer: nothing of a stream is sent before it."""
    head = f" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN}\r\n".encode()
    answer = await timeline.raw(
        b"HEAD " + path.encode() + head + b"\r\n", b"GET /livez" + head + b"Connection: close\r\n\r\n"
    )
    refused, _, rest = answer.partition(b"\r\n\r\n")
    assert refused.split(b" ")[1] in {b"405", b"404"}  # an event of which no id is `stream` is not there
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(b'{"status":"ok"}')


def test_every_route_that_streams_is_tried_above():
    streams = {
        path
        for module in (live, replay, sse)
        for path in (route.path for route in module.routes if isinstance(route, RouteDef))
    }
    assert streams == {re.sub("city_incidents", "{name}", path.partition("?")[0]) for path in STREAMS}


async def test_every_page_has_the_same_headers_of_safety(timeline: Served):
    paths = [r.path for module in MODULES for r in module.routes if isinstance(r, RouteDef) and r.method == "GET"]
    paths = [path for path in paths if "{" not in path]
    paths += ["/verify/index.html", "/docs/live/index.html", *(f"/problems/{kind.slug}" for kind in PROBLEMS)]
    pages = {}
    for path in (path for path in paths if path not in STREAMS):
        answer = await timeline.get(path)
        if answer.headers["Content-Type"].startswith("text/html"):
            pages[path] = answer.headers
    assert {"/", "/verify", "/docs/live", "/problems/misdirected"} <= {*pages}
    for path, headers in pages.items():
        policy = headers["Content-Security-Policy"]
        framed = "*" if path == "/embed" else "'none'"
        for part in ("default-src 'none'", f"frame-ancestors {framed}", "base-uri 'none'", "form-action 'none'"):
            assert f"{part};" in policy, path
        assert "require-trusted-types-for 'script'" in policy, path
        assert "unsafe" not in policy, path
        assert "//" not in re.sub("sha256-[^']*", "", policy), path  # no other host
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer", path
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
