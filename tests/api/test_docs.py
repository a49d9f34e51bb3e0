"""docs/access.md and docs/knowledge.md, held to what the service does."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from incidentlog.api import replay, wire
from incidentlog.api.access import PURPOSE
from incidentlog.api.candidates import EACH_WAITING, Reviews
from incidentlog.api.events import SCOPE_OF_CATEGORY, SCOPE_OF_TYPE
from incidentlog.cli.key import Clearance, Scope
from incidentlog.events.values import TLP_LABELS
from incidentlog.live import hub
from incidentlog.service import service as parts
from incidentlog.service.keys import SCOPES
from incidentlog.store import sessions
from incidentlog.subjects import EVENTS
from incidentlog.webhooks import deliverer, sending
from tests.api.serving import NDJSON, Served, make_key
from tests.commands import about, retraction, strike

PAGES = Path(__file__).parents[2] / "docs"
ACCESS = (PAGES / "access.md").read_text("utf-8")
KNOWLEDGE = (PAGES / "knowledge.md").read_text("utf-8")
ALLOWS = dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", ACCESS, re.MULTILINE))


def test_every_scope_and_clearance_is_told():
    assert list(ALLOWS) == list(SCOPES) == [str(scope) for scope in Scope]
    told = re.findall(r"^\| `([A-Z+]+)` \|", ACCESS, re.MULTILINE)
    assert told == list(TLP_LABELS) == [str(clearance) for clearance in Clearance]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_type_of_event_that_needs_more_than_reporting_is_told(scope: str):
    told = set(re.findall(r"`([a-z]+\.[a-z_]+)`", ALLOWS[scope]))
    needing = {kind for kind, needed in SCOPE_OF_TYPE.items() if needed == scope}
    of = {category for category, needed in SCOPE_OF_CATEGORY.items() if needed == scope}
    assert told == needing | {kind for kind in EVENTS.newest if kind.partition(".")[0] in of}


def asked(what: str, event: str) -> tuple[str, str, Any]:
    """A request that the table names: its method, its path and its body."""
    if " " not in what:
        return "POST", "/v1/events", about_of(what, event)
    method, path = what.split(" ")
    bodies = {"/v1/events": strike(), "/v1/streams/{stream}/events": strike(), "/v1/events/bulk": strike()}
    body = bodies.get(path, {} if method == "POST" else None)
    return method, path.format(stream="strike:x", id=event, name="nobody"), body


def about_of(kind: str, event: str) -> dict[str, Any]:
    """An event of a type that the table names."""
    match kind:
        case "record.retracted":
            return retraction(event)
        case "record.amended":
            return about("amended", event, patch={"occurred": {"precision": "day"}}, reason="x")
        case "record.remarked":
            return about("remarked", event, tlp="GREEN", reason="x")
        case "record.erased":
            return about("erased", event, part="private", ground="x")
        case "record.merged":
            data: dict[str, Any] = {"survivor": "strike:a", "absorbed": ["strike:b"], "reason": "x"}
        case "place.registered":
            place = {"slug": "x", "name": "X", "lat": 46.4, "lon": 30.2}
            return {"type": kind, "stream": "place:x", "data": place}
        case "actor.registered":
            return {"type": kind, "stream": "actor:zzz", "data": {"code": "ZZZ", "name": "Z"}}
        case "source.graded":
            return {"type": kind, "stream": "source:x", "data": {"old": None, "new": "C"}}
        case "policy.changed":
            data = {"policy": "compliance", "values": {"window_hours": 48}}
        case "audit.exported":
            data = {"to_position": 1}
        case _:
            data = {"day": "2026-01-01", "entries": 0, "sha256": "0" * 64}
    return {"id": str(uuid4()), "type": kind, "data": data}


@pytest.mark.parametrize("scope", SCOPES)
async def test_what_a_scope_allows_needs_it_and_nothing_that_is_not_told(service: Served, scope: str):
    event = strike()
    await service.add(event)
    named = re.findall(r"`((?:GET|POST|DELETE) /[^`]+|[a-z]+\.[a-z_]+)`", ALLOWS[scope])
    assert named
    with_ = {"read", "report"} | {scope}
    for keys, scopes in {"has": with_, "lacks": {*SCOPES} - {scope}}.items():
        key = f"key-of-somebody-who-{keys}-{scope}"
        await make_key(service.access, f"{keys}-{scope}", key, scopes=sorted(scopes), clearance=4)
        for what in named:
            method, path, body = asked(what, event["id"])
            kind = NDJSON if path.endswith("/bulk") else "application/json"
            headers = {"Authorization": f"Bearer {key}", "Content-Type": kind, PURPOSE: "a test"}
            raw = None if body is None else orjson.dumps(body)
            answer = await service.ask(method, path, data=raw, headers=headers)
            assert (answer.status == 403) is (keys == "lacks"), (what, answer)


async def test_a_date_begins_its_day_in_at_and_ends_it_in_known_at(service: Served):
    assert "**`at=DATE` is the beginning of the day**" in KNOWLEDGE
    assert "**`known_at=DATE` the end of it**" in KNOWLEDGE
    await service.add(strike())
    await service.settled()
    basis = (await service.get("/v1/projections/city_incidents", at="2025-11-19", known_at="2025-11-19")).json["basis"]
    assert basis["at"] == "2025-11-18T22:00:00Z"
    assert basis["known_at"] == "2025-11-19T22:00:00Z"


async def test_restated_speaks_of_the_last_change_alone(service: Served):
    async def restated() -> bool:
        row: dict[str, Any] = (await service.rows("city_incidents", group_by="place"))["geonames:698740"]
        return bool(row["restated"])

    first = strike(occurred={"start": "2025-11-10", "precision": "day", "tz": "Europe/Kyiv"})
    await service.add(first)
    assert not await restated()
    await service.add(
        about("amended", first["id"], patch={"data": {"casualties": {"killed": {"best": 2}}}}, reason="two")
    )
    assert await restated()
    await service.add(strike(occurred={"start": "2025-11-20", "precision": "day", "tz": "Europe/Kyiv"}))
    assert not await restated()
    assert "sets it to `false` again" in KNOWLEDGE


async def test_the_shares_are_those_that_the_page_tells(service: Served):
    folding, histories = service.service.reported, service.service.histories
    assert (folding.places, folding.each, folding.kept) == (histories.places, histories.each, histories.kept)
    reviews, keeping = Reviews(), service.service.keeping
    compared, made = reviews.places, reviews.made
    told = re.findall(r"^\| .* \| ([\d,]+) \| ([\d,]+) \| (?:[\d,]+|none) \| ([\d,]+) \|$", ACCESS, re.MULTILINE)
    assert [tuple(int(figure.replace(",", "")) for figure in row) for row in told] == [
        (hub.CONNECTIONS, hub.KEY_CONNECTIONS, hub.KEPT_CONNECTIONS),
        (hub.CHANNELS, hub.KEY_CHANNELS, hub.KEPT_CHANNELS),
        (replay.REPLAYS, replay.EACH, replay.KEPT),
        (parts.FILES, parts.KEY_FILES, parts.FILES),
        (parts.FOLDS, parts.EACH_FOLDS, parts.KEY_FOLDS),
        (folding.places, folding.each, folding.kept),
        (compared.places, compared.each, compared.kept),
        (made.places, made.each, made.kept),
        (keeping.places, keeping.each, keeping.places),
        (sending.CONNECTIONS, deliverer.KEY_CONNECTIONS, sending.CONNECTIONS),
    ]
    assert f"{histories.most_waiting} requests of one key" in ACCESS
    assert {histories.most_waiting, keeping.most_waiting, EACH_WAITING, parts.EACH_FOLDS} == {48}
    assert f"| browsers signed in | | {sessions.MOST:,} | none | |" in ACCESS
    assert f"within {wire.SILENT_SECONDS:.0f} s" in ACCESS
