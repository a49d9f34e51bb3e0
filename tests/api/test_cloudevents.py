"""CloudEvents in and out, in three modes, written and read by the SDK of others."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from incidentlog.api.bulk import STEP
from incidentlog.door import Door
from tests.api.serving import Answer, Served
from tests.commands import about, retraction, strike

PATH = "/v1/cloudevents"
BATCH = "application/cloudevents-batch+json"
OURS = ("id", "type", "stream")


def said(**attributes: Any) -> CloudEvent:
    """A strike as another system says it: with an id of its own."""
    event = strike(**attributes.pop("event", {}))
    own = {"id": "A-17", "source": "https://desk.example/reports", "type": event["type"], "subject": "strike:told-1"}
    own["datacontenttype"] = "application/json"
    return CloudEvent(own | attributes, {name: value for name, value in event.items() if name not in OURS})


async def sent(service: Served, message: HTTPMessage) -> Answer:
    return await service.ask("POST", PATH, data=message.body, headers=message.headers)


def read(answer: Answer) -> Any:
    """What the SDK makes of an answer."""
    return from_http_event(HTTPMessage({name.lower(): value for name, value in answer.headers.items()}, answer.raw))


async def test_an_event_of_another_system_is_taken_in_once_in_whichever_mode(service: Served):
    event = said(tlp="GREEN")
    first = await sent(service, to_structured_event(event))
    assert (first.status, first.json["appended"], first.json["duplicates"]) == (201, 1, 0), first
    again = await sent(service, to_binary_event(event))
    assert (again.status, again.json["appended"], again.json["duplicates"]) == (201, 0, 1), again
    assert again.json["ids"] == first.json["ids"]
    whole = orjson.dumps([orjson.loads(to_structured_event(event).body)])
    batch = await service.ask("POST", PATH, data=whole, headers={"Content-Type": BATCH})
    assert batch.json["ids"] == first.json["ids"], batch
    there = (await service.get(f"/v1/events/{first.json['ids'][0]}")).json
    assert (there["stream"], there["tlp"]) == ("strike:told-1", "GREEN")
    other = await sent(service, to_structured_event(said(source="https://other.example/", subject="strike:told-2")))
    assert other.json["ids"] != first.json["ids"]  # an id is its source's own


async def test_others_have_their_turn_while_a_batch_is_judged(service: Served, monkeypatch: pytest.MonkeyPatch):
    turns, at_a_stretch, read = 0, list[int](), Door.read

    async def ticking() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def noted(self: Door, raw: bytes, **more: Any) -> Any:
        at_a_stretch.append(turns)
        return read(self, raw, **more)

    monkeypatch.setattr(Door, "read", noted)
    events = [orjson.loads(to_structured_event(said(subject=f"strike:{n}", id=f"A-{n}")).body) for n in range(60)]
    body = orjson.dumps(events)
    ticker = asyncio.create_task(ticking())
    answer = await service.ask("POST", PATH, data=body, headers={"Content-Type": BATCH})
    ticker.cancel()
    assert (answer.status, answer.json["appended"]) == (201, 60), answer
    most = max(Counter(at_a_stretch).values()) * len(body) / len(events)
    assert most <= 2 * STEP


async def test_what_is_read_goes_into_another_log_as_it_was_sent(service: Served):
    event = strike(notes="noted — with a dash", stream="strike:a")
    await service.add(event, retraction(event["id"]))
    for mode in ("structured", "binary"):
        answer = await service.get(f"{PATH}/{event['id']}", mode=mode)
        assert answer.status == 200
        told = read(answer)
        assert (told.get_id(), told.get_type(), told.get_subject()) == (event["id"], event["type"], "strike:a")
        assert told.get_data() == {name: value for name, value in event.items() if name not in OURS}
        assert told.get_extension("sequence") == "0000000000000001"
        assert told.get_extension("recordstatus") == "retracted"
        assert UUID(told.get_source().removeprefix("urn:uuid:"))
        # Sent to where it came from it is the same event.
        again = await sent(service, to_structured_event(told))
        assert (again.status, again.json["duplicates"]) == (201, 1), again
    listed = await service.get(PATH, limit=1)
    assert listed.headers["Content-Type"] == BATCH
    (one,) = listed.json
    assert one["id"] == event["id"]
    assert listed.headers["Link"] == f'<{PATH}?limit=1&after=1>; rel="next"'
    again = await service.ask(
        "POST", PATH, data=(await service.get(PATH, limit=1)).raw, headers={"Content-Type": BATCH}
    )
    assert (again.status, again.json["duplicates"]) == (201, 1), again


async def test_a_batch_is_taken_in_whole_or_not_at_all(service: Served):
    good, bad = said(), said(id="A-18", event={"occurred": "yesterday"})
    whole = [orjson.loads(to_structured_event(event).body) for event in (good, bad, good)]
    answer = await service.ask("POST", PATH, data=orjson.dumps(whole), headers={"Content-Type": BATCH})
    assert (answer.status, answer.slug) == (422, "refused-lines")
    found = {(fault["line"], fault["pointer"].split("/")[1]) for fault in answer.json["errors"]}
    assert found == {(2, "data"), (3, "id")}
    assert await service.head() == 0


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"specversion": "0.3"}, "/specversion", "unknown_value"),
        ({"id": ""}, "/id", "missing"),
        ({"source": None}, "/source", "missing"),
        ({"type": "no.such"}, "/type", "unknown_type"),
        ({"subject": "no stream"}, "/subject", None),
        ({"data": "text"}, "/data", "not_an_object"),
        ({"data_base64": "AAAA"}, "/data", "not_an_object"),
        ({"data": {"type": "talk.held"}}, "/data/type", "other_value"),
        ({"tlp": "PURPLE"}, "/data/tlp", None),
        ({"tlp": "AMBER", "data": {"tlp": "RED"}}, "/data/tlp", "other_value"),
    ],
)
async def test_what_cannot_be_is_told_where_it_is(
    attacked: Served, change: dict[str, Any], pointer: str, code: str | None
):
    event = orjson.loads(to_structured_event(said()).body) | change
    answer = await attacked.post(event, path=PATH, headers={"Content-Type": "application/cloudevents+json"})
    assert (answer.status, answer.slug) == (422, "refused-lines"), answer
    assert pointer in answer.faults, answer.json
    assert code in {None, answer.faults[pointer]}


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("text/plain", b"{}", 415),
        (BATCH, b"{}", 400),
        (BATCH, b"[]", 400),
        (BATCH, b"[" + b",".join([b"{}"] * 1_001) + b"]", 400),
        (BATCH, b"[1]", 422),
        ("application/cloudevents+json", b"{", 400),
    ],
)
async def test_what_is_no_cloudevent_is_refused(attacked: Served, kind: str, body: bytes, status: int):
    answer = await attacked.post(body, path=PATH, headers={"Content-Type": kind})
    assert answer.status == status, answer
    assert answer.slug


async def test_what_corrects_needs_the_scope_that_it_needs_elsewhere(service: Served):
    event = strike()
    await service.add(event)
    made = CloudEvent(
        {"source": "/desk", "id": "1", "type": "record.retracted"},
        {"data": about("retracted", event["id"], reason="x")["data"]},
    )
    assert (await sent(service, to_structured_event(made))).status == 201
    assert (await service.by(None).get(PATH)).status == 401
