"""Which route needs which scope is what docs/keys.md says: each is asked with that scope alone, and with all others."""

import re
from pathlib import Path

import pytest

from incidentlog.api.app import MODULES
from incidentlog.events.values import Tlp
from incidentlog.live import PROTOCOL
from incidentlog.service.keys import SCOPES
from tests.api.serving import Served, make_key

DOCUMENT = Path(__file__).parents[2] / "docs" / "keys.md"
ROUTE = re.compile(r"`((?:GET|POST|PATCH|DELETE) /[^`]*)`")
ROW = re.compile(r"^\| (none|`[a-z]+`) \| (`(?:GET|POST|PATCH|DELETE) .*) \|$", re.MULTILINE)
NEEDS = {
    route: scope.strip("`")
    for scope, routes in ROW.findall(DOCUMENT.read_text("utf-8"))
    for route in ROUTE.findall(routes)
}
GIVEN = {
    "name": "city_incidents",
    "key": "x",
    "stream": "strike:x",
    "id": "x",
    "index": "000",
    "level": "0",
    "slug": "forbidden",
    "z": "0",
    "x": "0",
    "y": "0",
    "type": "strike.reported",
    "webhook": "none",
}
SOCKET = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": PROTOCOL,
}  # fmt: skip


def plain(path: str) -> str:
    """A route's path without the patterns of its parts."""
    return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)


def test_every_route_is_in_the_document_once():
    routes = [f"{route.method} {plain(route.path)}" for module in MODULES for route in module.routes]
    assert sorted(NEEDS) == sorted(routes)
    assert {*NEEDS.values()} == {"none", *SCOPES} - {"edit"}  # which counts beside `report` alone


@pytest.fixture(scope="module")
async def keyed(timeline: Served) -> Served:
    """A service with keys for one scope each, for all but one, and for none."""
    for scope in SCOPES:
        await make_key(timeline.access, f"only-{scope}", f"a-key-only-for-{scope}", scopes=[scope], clearance=Tlp.RED)
        others = [s for s in SCOPES if s != scope]
        await make_key(timeline.access, f"but-{scope}", f"a-key-for-all-but-{scope}", scopes=others, clearance=Tlp.RED)
    await make_key(timeline.access, "nothing", "a-key-for-nothing", scopes=[], clearance=Tlp.RED)
    return timeline


async def status(service: Served, key: str, route: str) -> tuple[int, str]:
    method, path = route.split(" ")
    if path == "/v1/replay":
        path = "/v1/replay?speed=0"
    if path == "/v1/keys/{name}":
        path = "/v1/keys/nobody"
    headers = {"Authorization": f"Bearer {key}", **(SOCKET if path == "/v1/live" else {})}
    url = service.url + path.format(**GIVEN)
    async with service.session.request(method, url, headers=headers) as response:  # streams are not read to their end
        problem = response.content_type == "application/problem+json"
        return response.status, (await response.json(content_type=None))["detail"] if problem else ""


@pytest.mark.parametrize("route", sorted(NEEDS))
async def test_a_route_is_open_to_its_scope_alone(keyed: Served, route: str):
    scope = NEEDS[route]
    if scope == "none":
        assert (await status(keyed, "a-key-for-nothing", route))[0] not in {401, 403}
        return
    assert (await status(keyed, f"a-key-only-for-{scope}", route))[0] not in {401, 403}
    refused, detail = await status(keyed, f"a-key-for-all-but-{scope}", route)
    assert (refused, f"'{scope}'" in detail) == (403, True)
