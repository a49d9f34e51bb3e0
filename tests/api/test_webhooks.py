"""Webhooks: what is sent where, in which order, how often, signed by whom, and what nobody is sent."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiohttp import web
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook

from incidentlog.api.operations import operation_of
from incidentlog.api.webhooks import routes
from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.events.values import Tlp
from incidentlog.service.keys import SCOPES, digest
from incidentlog.store.keys import end_key, insert_key
from incidentlog.webhooks import delivery
from tests.api.serving import ADMIN, Answer, Served, make_key, serving
from tests.api.test_access import entries
from tests.commands import about, retraction, strike
from tests.conftest import log_called
from tests.pairs import LEVELS, Side
from tests.webhooks.receiving import Answering, Message, Receiver, receiving

HERE = Settings(webhook_networks=["127.0.0.0/8"])
PATH = "/v1/webhooks"
_numbers = count(1)


@pytest.fixture(scope="module")
async def shared(server: Server) -> AsyncIterator[Served]:
    """One service for all: each test has a stream, a key and a receiver of its own."""
    async with log_called("test_webhooks", server) as access, serving(access, settings=HERE) as served:
        yield served


@pytest.fixture
async def service(shared: Served) -> AsyncIterator[Served]:
    """The service, asked with a key that sees all."""
    name = f"key-{next(_numbers)}"
    await make_key(shared.access, name, f"the-secret-of-{name}", scopes=("read", "report", "edit"), clearance=Tlp.RED)
    served = shared.by(f"the-secret-of-{name}")
    yield served
    for webhook in (await served.get(PATH)).json["webhooks"]:
        await served.ask("DELETE", f"{PATH}/{webhook['id']}")


@pytest.fixture
def stream() -> str:
    return f"strike:webhook-{next(_numbers)}"


async def made(service: Served, receiver: Receiver, stream: str, **more: Any) -> dict[str, Any]:
    """A webhook for the events of a stream."""
    answer = await service.post({"url": receiver.url, "filters": {"stream": [stream]}, **more}, path=PATH)
    assert answer.status == 201, answer
    webhook: dict[str, Any] = answer.json
    return webhook


async def change(service: Served, webhook: dict[str, Any], **changes: Any) -> Answer:
    headers = {"Content-Type": "application/json"}
    return await service.ask("PATCH", f"{PATH}/{webhook['id']}", data=orjson.dumps(changes), headers=headers)


async def until(service: Served, webhook: dict[str, Any], **values: Any) -> dict[str, Any]:
    """The webhook, once it has some values."""
    async with asyncio.timeout(60):
        while True:
            service.service.deliverer.look_soon()
            told: dict[str, Any] = (await service.get(f"{PATH}/{webhook['id']}")).json
            if all(told[name] == value for name, value in values.items()):
                return told
            await asyncio.sleep(0.02)


async def later(service: Served, **how: float) -> None:
    await service.clock.advance(service.clock.now() + timedelta(**how))
    service.service.deliverer.look_soon()


async def looked(service: Served) -> None:
    """Wait until whoever delivers has looked for what changed up to now."""
    deliverer = service.service.deliverer
    for _ in range(2):  # the first look may have begun before
        ticket = deliverer._looked
        deliverer.look_soon()
        await asyncio.wait_for(ticket.wait(), 60)


def until_told(up_to: list[int], status: int) -> Answering:
    """Refuses until the list is emptied."""
    return lambda *_: web.Response(status=status if up_to else 204)


# -------------------------------------------------------------------------------------------------- delivery


async def test_events_come_in_order_each_as_a_cloudevent_that_is_signed(service: Served, stream: str):
    before = strike(stream=stream)
    (first,) = await service.add(before)
    async with receiving() as receiver:
        webhook = await made(service, receiver, stream, after=first - 1, note="a test")
        events = [before, *(strike(stream=stream) for _ in range(4)), retraction(before["id"])]
        await service.add(events[1], strike(), *events[2:])
        await receiver.until(len(events))
        assert receiver.took == [event["id"] for event in events]
        for message, event in zip(receiver.came, events, strict=True):
            own = signature_of(webhook["secret"], message)
            assert message.headers["webhook-signature"] == own
            assert message.headers["Content-Type"] == "application/cloudevents+json"
            told = from_http_event(HTTPMessage(dict(message.headers), message.body))
            assert (told.get_id(), told.get_type()) == (event["id"], event["type"])
            assert message.event["recordstatus"] == "effective"
        assert receiver.came[0].event["data"]["data"] == before["data"]
        position = int(receiver.came[-1].event["sequence"])
        told = await until(service, webhook, position=position, attempts=0, last_failure=None)
        assert told["state"] == "active"
        assert "secret" not in told
    assert [e["route"] for e in await entries(service.by(ADMIN), 1) if e["route"].startswith("POST")] == [
        f"POST {PATH}"
    ]


def signature_of(secret: str, message: Message) -> str:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(int(message.headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(message.id, at, message.body.decode())


async def test_of_which_event_attempts_are_is_kept_with_them(service: Served, stream: str):
    asked = [1]
    async with receiving(answering=until_told(asked, 503)) as receiver:
        webhook = await made(service, receiver, stream)
        (position,) = await service.add(strike(stream=stream))
        await until(service, webhook, attempts=1)
        assert await attempts_of(service, webhook) == position
        asked.clear()
        await later(service, seconds=7)
        await until(service, webhook, position=position, attempts=0)
        assert await attempts_of(service, webhook) is None


async def attempts_of(service: Served, webhook: dict[str, Any]) -> int | None:
    connection = await service.access.connect()
    try:
        of = "SELECT attempts_of FROM webhooks WHERE webhook_id = $1"
        position: int | None = await connection.fetchval(of, UUID(webhook["id"]))
        return position
    finally:
        await connection.close()


async def test_what_fails_by_what_was_not_foreseen_is_left_alone_for_twice_as_long_each_time(
    service: Served, stream: str, monkeypatch: pytest.MonkeyPatch
):
    deliverer = service.service.deliverer

    def fails(*_: Any) -> bytes:
        raise ZeroDivisionError

    async with receiving() as receiver:
        webhook = await made(service, receiver, stream)
        number = UUID(webhook["id"])
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "message", fails)
            await service.add(strike(stream=stream))
            for times in (1, 2):
                await failed(service, number, times)
                assert deliverer._failed[number][2] == service.clock.now() + timedelta(seconds=2 ** (times - 1))
                await looked(service)
                assert number not in deliverer._deliveries
                await later(service, seconds=times)
            await failed(service, number, 3)
        await later(service, seconds=4)
        await receiver.until(1)


async def failed(service: Served, webhook: UUID, times: int) -> None:
    """Wait until delivering to a webhook has failed so often."""
    deliverer = service.service.deliverer
    async with asyncio.timeout(60):
        while deliverer._failed.get(webhook, (0, 0))[1] < times:
            deliverer.look_soon()
            await asyncio.sleep(0.02)


async def test_what_fails_is_tried_again_later_and_nothing_passes_it(service: Served, stream: str):
    asked = [1]
    async with receiving(answering=until_told(asked, 503)) as receiver:
        webhook = await made(service, receiver, stream)
        events = [strike(stream=stream) for _ in range(3)]
        await service.add(*events)
        told = await until(service, webhook, attempts=1)
        assert told["last_failure"] == "it answered 503"
        await later(service, seconds=7)
        await until(service, webhook, attempts=2)
        assert {message.id for message in receiver.came} == {events[0]["id"]}
        assert len({message.body for message in receiver.came}) == 1
        asked.clear()
        await service.add(strike(stream="strike:elsewhere"))  # what is new does not make it come earlier
        assert len(receiver.came) == 2
        await later(service, seconds=13)
        await receiver.until(3)
        assert receiver.took == [event["id"] for event in events]
        await until(service, webhook, attempts=0, next_at=None)


async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(service: Served, stream: str):
    async with receiving(
        answering=lambda _, n: web.Response(status=429, headers={"Retry-After": "600"}) if n == 1 else web.Response()
    ) as receiver:
        webhook = await made(service, receiver, stream)
        await service.add(strike(stream=stream))
        told = await until(service, webhook, attempts=1)
        assert told["next_at"] == (service.clock.now() + timedelta(seconds=600)).isoformat().replace("+00:00", "Z")
        await later(service, seconds=601)
        await receiver.until(1)


async def test_a_redirect_is_not_followed_and_410_ends_it(service: Served, stream: str):
    async with receiving() as elsewhere:
        there = {"Location": elsewhere.url}
        async with receiving(
            answering=lambda _, n: web.Response(status=307 if n == 1 else 410, headers=there)
        ) as receiver:
            webhook = await made(service, receiver, stream)
            await service.add(strike(stream=stream), strike(stream=stream))
            assert (await until(service, webhook, attempts=1))["last_failure"] == "it answered 307"
            await later(service, seconds=7)
            told = await until(service, webhook, state="off")
            assert (told["reason"], told["last_failure"]) == ("gone", "it answered 410")
            await later(service, hours=2)
            assert len(receiver.came) == 2
            assert elsewhere.came == []
            assert (await change(service, webhook, url=elsewhere.url, state="active")).json["reason"] is None
            await elsewhere.until(2)


# ---------------------------------------------------------------------------------------------- dead letters


async def test_what_is_given_up_is_a_dead_letter_that_can_be_tried_again(
    service: Served, stream: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "ATTEMPTS", 2)
    bad = strike(stream=stream)
    refused = [bad["id"]]
    async with receiving(answering=lambda m, _: web.Response(status=500 if m.id in refused else 200)) as receiver:
        webhook = await made(service, receiver, stream)
        good = [strike(stream=stream) for _ in range(2)]
        positions = await service.add(good[0], bad, good[1])
        await until(service, webhook, attempts=1)
        await later(service, seconds=7)
        await receiver.until(2)
        assert receiver.took == [event["id"] for event in good]
        path = f"{PATH}/{webhook['id']}/dead-letters"
        (letter,) = (await service.get(path)).json["dead_letters"]
        assert (letter["event_id"], letter["position"], letter["attempts"], letter["failure"]) == (
            bad["id"], positions[1], 2, "it answered 500",
        )  # fmt: skip
        asked = {"do": "retry", "events": [bad["id"], strike()["id"]]}
        assert (await service.post(asked, path=path)).json == {"events": [bad["id"]]}
        async with asyncio.timeout(60):
            while (letter := (await service.get(path)).json["dead_letters"][0])["attempts"] != 3:
                await asyncio.sleep(0.02)
        assert not letter["wanted"]
        refused.clear()
        await service.post(asked, path=path)
        await receiver.until(3)
        async with asyncio.timeout(60):
            while (await service.get(path)).json["dead_letters"]:
                await asyncio.sleep(0.02)
        assert receiver.took[-1] == bad["id"]


async def test_after_some_dead_letters_in_a_row_it_is_off_and_goes_on_where_it_was(
    service: Served, stream: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "ATTEMPTS", 1)
    asked = [1]
    async with receiving(answering=until_told(asked, 404)) as receiver:
        webhook = await made(service, receiver, stream)
        events = [strike(stream=stream) for _ in range(5)]
        await service.add(*events)
        assert (await until(service, webhook, state="off"))["reason"] == "failing"
        assert [message.id for message in receiver.came] == [event["id"] for event in events[:3]]
        asked.clear()
        assert (await change(service, webhook, state="active")).status == 200
        await receiver.until(2)
        path = f"{PATH}/{webhook['id']}/dead-letters"
        page = (await service.get(path, limit=2)).json
        rest = (await service.ask("GET", page["next"])).json
        dead = [letter["event_id"] for part in (page, rest) for letter in part["dead_letters"]]
        assert dead == [event["id"] for event in events[:3]]
        assert (await service.post({"do": "discard", "events": dead}, path=path)).json == {"events": dead}
        assert (await service.get(path)).json == {"dead_letters": []}


# ------------------------------------------------------------------------------------------ what is not told


@pytest.mark.parametrize("level", [Tlp.CLEAR, Tlp.AMBER])
async def test_two_logs_that_differ_in_what_is_hidden_send_the_same(server: Server, level: Tlp):
    assert level in LEVELS
    events = [strike(stream=f"strike:{n % 2}", tlp=level.label if n % 2 else "CLEAR") for n in range(6)]
    above = Tlp(level + 1).label
    hidden = [strike(stream=f"strike:{n % 2}", tlp=above) for n in range(6)]
    told: list[list[Any]] = []
    for between in (True, False):
        async with log_called("test_webhooks_pair", server) as access, serving(access, settings=HERE) as served:
            await make_key(access, "reader", "a-key-of-a-reader", scopes=("read",), clearance=level)
            reader = served.by("a-key-of-a-reader")
            async with receiving(answering=lambda _, n: web.Response(status=200 if n != 3 else 503)) as receiver:
                answer = await reader.post({"url": receiver.url, "after": 0}, path=PATH)
                assert answer.status == 201
                seen = []
                for event, other in zip(events, hidden, strict=True):
                    if between:
                        await served.add(other)
                    seen += await served.add(event)
                    if between:
                        await served.add(*({**retraction(each["id"]), "tlp": above} for each in (other, event)))
                async with asyncio.timeout(60):
                    while len(receiver.took) < len(events):
                        await later(served, seconds=7)
                        await asyncio.sleep(0.05)
                assert receiver.took == [event["id"] for event in events]
                assert len(receiver.came) == len(events) + 1
                side = Side(served, seen)
                log = str(served.service.log.id)
                told.append([
                    (
                        set(message.headers),
                        {**side.same(message.event), "source": message.event["source"].replace(log, "")},
                    )
                    for message in receiver.came
                ])  # fmt: skip
                metrics = (await reader.get("/metrics")).raw.decode()
                told[-1].append(
                    [
                        line
                        for line in metrics.splitlines()
                        if line.startswith("incidentlog_webhook") and "waiting" not in line
                    ]
                )
    assert told[0] == told[1]


async def test_what_is_marked_higher_before_it_is_delivered_is_not_sent(service: Served, stream: str):
    await make_key(service.access, f"clear-{stream[7:]}", f"a-clear-key-{stream}", scopes=("read",))
    reader = service.by(f"a-clear-key-{stream}")
    asked = [1]
    async with receiving(answering=until_told(asked, 500)) as receiver:
        webhook = await made(reader, receiver, stream)
        secret, after = strike(stream=stream), strike(stream=stream)
        await service.add(secret)
        await until(reader, webhook, attempts=1)
        await service.add(about("remarked", secret["id"], tlp="RED", reason="a source is in danger"), after)
        asked.clear()
        await later(service, seconds=7)
        await receiver.until(1)
        assert receiver.took == [after["id"]]
        await reader.ask("DELETE", f"{PATH}/{webhook['id']}")


async def test_a_webhook_ends_with_its_key_and_sees_no_more_than_it(service: Served, stream: str):
    name, key = f"short-{stream[7:]}", f"a-key-that-is-taken-away-{stream}"
    await make_key(service.access, name, key, scopes=("read",), clearance=Tlp.RED)
    connection = await service.access.connect()
    async with receiving() as receiver:
        webhook = await made(service.by(key), receiver, stream)
        await service.add(one := strike(stream=stream, tlp="RED"))
        await receiver.until(1)
        await insert_key(connection, name, digest(key), ("read",), Tlp.CLEAR)
        await looked(service)
        await service.add(strike(stream=stream, tlp="RED"), two := strike(stream=stream))
        await receiver.until(2)
        assert receiver.took == [one["id"], two["id"]]
        await end_key(connection, name)
        await looked(service)
        await service.add(strike(stream=stream))
        await asyncio.sleep(0.2)
        assert len(receiver.came) == 2
        admin = service.by(ADMIN)
        assert (await admin.get(f"{PATH}/{webhook['id']}")).status == 200
        await insert_key(
            connection, name, digest("another" + key), ("read",), Tlp.CLEAR
        )  # somebody else's, by the name
        assert (await admin.get(f"{PATH}/{webhook['id']}")).slug == "not-found"
    await connection.close()


async def test_a_key_sees_its_own_and_an_admin_those_that_see_no_more_than_it(service: Served, stream: str):
    for name, scopes, clearance in (("other", ("read",), Tlp.RED), ("keeper", SCOPES, Tlp.GREEN)):
        await make_key(
            service.access, f"{name}-{stream[7:]}", f"{name}-key-{stream}", scopes=scopes, clearance=clearance
        )
    async with receiving() as receiver:
        webhook = await made(service, receiver, stream)
        path = f"{PATH}/{webhook['id']}"
        for key in (f"other-key-{stream}", f"keeper-key-{stream}"):
            other = service.by(key)
            assert (await other.get(PATH)).json["webhooks"] == []
            asked = [await other.get(path), await other.ask("DELETE", path), await change(other, webhook, state="paused"),
                     await other.get(f"{path}/dead-letters"), await other.ask("POST", f"{path}/test")]  # fmt: skip
            assert {answer.slug for answer in asked} == {"not-found"}
        assert webhook["id"] in {each["id"] for each in (await service.by(ADMIN).get(PATH)).json["webhooks"]}
        assert (await service.by(ADMIN).ask("DELETE", path)).status == 204
        assert (await service.get(path)).slug == "not-found"


# ---------------------------------------------------------------------------------------------- looking after it


async def test_it_pauses_goes_elsewhere_and_is_narrowed_otherwise(service: Served, stream: str):
    async with receiving() as receiver, receiving() as elsewhere:
        webhook = await made(service, receiver, stream)
        assert (await change(service, webhook, state="paused")).json["state"] == "paused"
        await until(service, webhook, state="paused")
        noted = (await change(service, webhook, note="what it is for")).json  # and nothing else is changed
        assert (noted["note"], noted["state"], noted["filters"]) == ("what it is for", "paused", {"stream": [stream]})
        await service.add(one := strike(stream=stream))
        answer = await change(service, webhook, url=elsewhere.url, note="", state="active")
        assert (answer.json["note"], answer.json["state"], answer.json["filters"]) == (
            None,
            "active",
            {"stream": [stream]},
        )
        await elsewhere.until(1)
        assert elsewhere.took == [one["id"]]
        assert receiver.came == []
        await change(service, webhook, filters={"stream": [stream], "type": ["strike.assessed"]})
        await service.add(strike(stream=stream))
        wrong = await change(service, webhook, url="http://10.0.0.1/", filters={"colour": ["red"]})
        assert wrong.faults == {"/url": "not_allowed", "/filters/colour": "unknown_filter"}


async def test_a_rotated_secret_signs_with_the_one_before_for_a_while(service: Served, stream: str):
    async with receiving() as receiver:
        webhook = await made(service, receiver, stream, secret="whsec_" + "A" * 40)
        assert webhook["secret"] == "whsec_" + "A" * 40
        answer = await service.post({"overlap_hours": 1}, path=f"{PATH}/{webhook['id']}/secret")
        secrets = [answer.json["secret"], webhook["secret"]]
        tried = (await service.ask("POST", f"{PATH}/{webhook['id']}/test")).json
        assert (tried["status"], tried["failure"]) == (200, None)
        (message,) = receiver.came
        assert message.id == tried["id"]
        assert message.event["type"] == "incidentlog.webhook.test"
        assert message.headers["webhook-signature"].split(" ") == [signature_of(each, message) for each in secrets]
        await later(service, hours=2)
        await service.ask("POST", f"{PATH}/{webhook['id']}/test")
        message = receiver.came[-1]
        assert message.headers["webhook-signature"] == signature_of(secrets[0], message)


async def test_a_key_tries_two_at_a_time_and_no_more(service: Served, stream: str):
    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        waiting.append(writer)

    waiting: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(waits, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    path = f"{PATH}/{(await made(service, Receiver(url), stream))['id']}/test"
    tries = [asyncio.create_task(service.ask("POST", path)) for _ in range(2)]
    async with asyncio.timeout(60):
        while len(waiting) < 2:
            await asyncio.sleep(0.01)
    assert (await service.ask("POST", path)).slug == "too-many-connections"
    for writer in waiting:
        writer.transport.abort()
    assert {answer.json["failure"] for answer in await asyncio.gather(*tries)} == {
        "the connection ended before it answered"
    }
    server.close()


async def test_what_cannot_be_is_refused_with_every_fault_and_nothing_is_made(service: Served):
    answer = await service.post(
        {"url": "http://10.0.0.1/", "filters": {"country": ["Ukraine"]}, "after": 10**6, "secret": "whsec_A"}, path=PATH
    )
    assert answer.status == 400
    assert answer.faults.keys() == {"/url", "/filters/country", "/after", "/secret"}
    assert (await service.post({"url": "https://example.org/", "colour": 1}, path=PATH)).faults == {
        "/colour": "extra_forbidden"
    }
    many = {
        name: [f"{kind}:{n:0110}" for n in range(100)] for name, kind in (("external_id", "s"), ("stream", "strike"))
    }
    told = await service.post({"url": "http://127.0.0.1:9/", "filters": many, "note": "a\x00b"}, path=PATH)
    assert (told.status, told.faults) == (400, {"/note": "string_pattern_mismatch"})
    told = await service.post({"url": "http://127.0.0.1:9/", "filters": many}, path=PATH)
    assert (told.status, told.faults) == (400, {"/filters": "too_long"})
    assert (await service.get(PATH)).json == {"webhooks": []}
    for _ in range(20):
        assert (await service.post({"url": "http://127.0.0.1:9/"}, path=PATH)).status == 201
    assert (await service.post({"url": "http://127.0.0.1:9/"}, path=PATH)).slug == "too-many-webhooks"
    pages, following = [], f"{PATH}?limit=15"
    while following:
        page = (await service.ask("GET", following)).json
        pages.append(len(page["webhooks"]))
        following = page.get("next")
    assert pages == [15, 5]


def test_the_examples_of_bodies_are_what_their_models_take():
    bodies = [operation_of(route).body for route in routes]
    for body in filter(None, bodies):
        assert body.of.model_validate_json(orjson.dumps(body.example))
