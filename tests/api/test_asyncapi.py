"""The description of the live protocol, and the page that shows it."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest

from incidentlog.live.answers import ServerMessage
from incidentlog.live.messages import ClientMessage
from incidentlog.projections import PROJECTIONS
from tests.api.serving import Served
from tests.live.following import SAID


async def described(busy: Served) -> dict[str, Any]:
    answer = await busy.by(None).get("/asyncapi.json")
    assert answer.status == 200
    document: dict[str, Any] = answer.json
    return document


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in references(each)]
    return [found for each in value for found in references(each)] if isinstance(value, list) else []


async def test_the_description_is_asyncapi_3_in_its_parts_and_every_reference_leads_somewhere(busy: Served):
    document = await described(busy)
    assert document["asyncapi"] == "3.0.0"
    assert document.keys() >= {"info", "servers", "channels", "operations", "components"}
    assert {"title", "version"} <= document["info"].keys()
    assert all({"host", "protocol"} <= server.keys() for server in document["servers"].values())
    assert {o["action"] for o in document["operations"].values()} == {"send", "receive"}
    for reference in references(document):
        at: Any = document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part.replace("~1", "/").replace("~0", "~")]
        assert isinstance(at, dict), reference


async def test_every_message_of_both_sides_is_described_by_the_model_that_is_used(busy: Served):
    document = await described(busy)
    schemas, messages = document["components"]["schemas"], document["components"]["messages"]
    for union, operation in ((ClientMessage, "hear"), (ServerMessage, "tell")):
        names = {m["$ref"].rpartition("/")[2] for m in document["operations"][operation]["messages"]}
        kinds = {kind.__name__ for kind in union.__args__}
        assert {messages[name]["title"] for name in names} == kinds
        for name in names:
            schema = schemas[messages[name]["title"]]
            assert schema["properties"]["type"]["const"] == name
            assert messages[name]["summary"], name
    assert set(schemas["Subscribe"]["properties"]) >= {"id", "projection", "from", "at", "epoch", "window"}
    assert SAID.validate_python({"type": "pong", "ref": 1})
    assert document["x-projections"] == sorted(PROJECTIONS)


async def test_the_page_explains_the_protocol_and_asks_nobody_else(busy: Served):
    plain = {"Accept-Encoding": "identity"}
    page = await busy.by(None).get("/docs/live", plain)
    assert page.status == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    text = page.raw.decode()
    parts = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert [part for part in parts if not part.startswith("#")] == [
        "../page/mark.svg", "../page/shell.css", "live/style.css", "live/app.js",
        "../", "../", "live", "../verify", "../asyncapi.json",
    ]  # fmt: skip
    for part in parts[1:4]:
        answer = await busy.by(None).get(urljoin("/docs/live", part), plain)
        assert answer.status == 200
        assert b"http://" not in answer.raw
        assert b"https://" not in answer.raw
    assert "<script>" not in text
    assert " style=" not in text


@pytest.mark.parametrize("name", ["none.js", "..%2fapp.py", "index.htm"])
async def test_the_page_has_no_other_files(busy: Served, name: str):
    assert (await busy.get(f"/docs/live/{name}")).status == 404
