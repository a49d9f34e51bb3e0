"""Publishing to a real JetStream: each event once, where it is kept, and what does not go together is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.js.api import RetentionPolicy, StreamConfig

from incidentlog.client import Client
from incidentlog.embedded import Server
from incidentlog.events.values import Tlp
from incidentlog.publish import Publisher, SinkAwayError, UnfitError, jetstream
from incidentlog.publish.jetstream import JetStream
from tests.api.serving import ADMIN, Served, make_key, serving
from tests.cli.acting import Terminal
from tests.commands import about, strike
from tests.conftest import log_called
from tests.publish.nats_server import NEEDED, NatsServer, nats_server

pytestmark = NEEDED
CLEAR_KEY = "a-key-that-sees-what-is-clear"


@pytest.fixture(scope="module")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    async with nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="module")
async def service(server: Server) -> AsyncIterator[Served]:
    async with log_called("test_jetstream", server) as access, serving(access) as served:
        await make_key(access, "clear", CLEAR_KEY, scopes=("read",))
        yield served


@asynccontextmanager
async def publishing(
    service: Served, nats: NatsServer, name: str, *, key: str = ADMIN, after: int = 0, **filters: list[str]
) -> AsyncIterator[asyncio.Task[None]]:
    """A publisher at work, until the block ends."""
    async with Client(service.url, key, retry_seconds=5) as client:
        publisher = Publisher(
            client, lambda: JetStream(nats.url, name, name.lower()), filters=filters, after=after,
            say=lambda _: None, published=lambda *_: None,
        )  # fmt: skip
        task = asyncio.create_task(publisher.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, UnfitError, SinkAwayError):
                await task


async def held(nats: NatsServer, stream: str, count: int) -> list[Any]:
    """The messages of a stream, once there are so many."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Exception):
                if len(messages := await nats.messages(stream)) >= count:
                    return messages
            await asyncio.sleep(0.05)


async def test_each_event_is_published_once_in_order_through_stops_and_by_two_at_once(
    service: Served, nats: NatsServer
):
    events = [strike(stream="strike:one") for _ in range(30)]
    await service.add(*events[:10])
    async with publishing(service, nats, "ONE", stream=["strike:one"]):
        await held(nats, "ONE", 10)
        await service.add(strike(stream="strike:elsewhere"), *events[10:15])
        await held(nats, "ONE", 15)
    await service.add(*events[15:20])
    async with (
        publishing(service, nats, "ONE", stream=["strike:one"]),
        publishing(service, nats, "ONE", stream=["strike:one"]),
    ):
        await service.add(*events[20:])
        messages = await held(nats, "ONE", 30)
    assert [orjson.loads(m.data)["id"] for m in messages] == [event["id"] for event in events]
    shown = (await service.get(f"/v1/events/{events[0]['id']}")).json
    first = messages[0]
    assert first.subject == "one.strike.reported"
    assert orjson.loads(first.data) == {name: value for name, value in shown.items() if name not in {"log", "basis"}}
    assert first.headers["Nats-Msg-Id"] == first.headers["ce-id"] == events[0]["id"]
    assert first.headers["Incidentlog-Position"] == str(shown["position"])
    assert first.headers["ce-source"] == f"urn:uuid:{service.service.log.id}"


async def test_only_what_the_key_sees_is_published(service: Served, nats: NatsServer):
    events = [strike(stream="strike:marked", tlp=tlp) for tlp in ("CLEAR", "RED", "CLEAR")]
    await service.add(*events)
    await service.add(about("remarked", events[2]["id"], tlp="RED", reason="a source is in danger"))
    await service.add(last := strike(stream="strike:marked"))
    async with publishing(service, nats, "CLEAR", key=CLEAR_KEY, stream=["strike:marked"]):
        messages = await held(nats, "CLEAR", 2)
        assert [m.headers["ce-id"] for m in messages] == [events[0]["id"], last["id"]]
    assert events[1]["id"] not in str(messages)
    assert Tlp.RED.label not in str([m.data for m in messages])


async def refusal(service: Served, nats: NatsServer, stream: str) -> str:
    async with publishing(service, nats, stream) as task:
        with pytest.raises(UnfitError) as told:
            await asyncio.wait_for(task, 60)
    return str(told.value)


async def test_what_does_not_go_together_is_refused(service: Served, nats: NatsServer, monkeypatch: pytest.MonkeyPatch):
    await service.add(strike())
    async with nats.connected() as connection:
        js = connection.jetstream()
        await js.add_stream(StreamConfig(name="QUEUE", subjects=["queue.>"], retention=RetentionPolicy.WORK_QUEUE))
        await js.add_stream(StreamConfig(name="OTHERS", subjects=["others.>"]))
        await js.publish("others.x", b"somebody else's")
        await js.add_stream(StreamConfig(name="ELSEWHERE", subjects=["somewhere.>"]))
        await js.add_stream(StreamConfig(name="WIDE", subjects=["overlapped.strike.>"]))
        await js.add_stream(StreamConfig(name="SMALL", subjects=["small.>"], max_msg_size=100))
        await js.add_stream(StreamConfig(name="EMPTIED", subjects=["emptied.>"]))
        await js.publish("emptied.x", b"")
        await js.purge_stream("EMPTIED")
        await js.add_stream(StreamConfig(name="FORKED", subjects=["forked.>"]))
        place = {"Incidentlog-Position": "1", "Incidentlog-Epoch": f"{service.service.log.id}.7.0"}
        await js.publish("forked.x", b"", headers=place)
        await js.add_stream(StreamConfig(name="AHEAD", subjects=["ahead.>"]))
        place = {"Incidentlog-Position": "100000", "Incidentlog-Epoch": service.service.log.epoch}
        await js.publish("ahead.x", b"", headers=place)
    assert "retention by limits" in await refusal(service, nats, "QUEUE")
    assert "others publish to it" in await refusal(service, nats, "OTHERS")
    assert "does not take elsewhere.>" in await refusal(service, nats, "ELSEWHERE")
    assert "subjects overlap with an existing stream" in await refusal(service, nats, "OVERLAPPED")
    assert "message size exceeds maximum allowed" in await refusal(service, nats, "SMALL")
    assert "the last message of the stream EMPTIED is gone" in await refusal(service, nats, "EMPTIED")
    assert "of the log and fork" in await refusal(service, nats, "FORKED")
    assert "an older state of it was restored" in await refusal(service, nats, "AHEAD")
    monkeypatch.setattr(jetstream, "HEADERS_BYTES", 2**20)
    assert "raise max_payload" in await refusal(service, nats, "LARGE")


async def test_the_command_says_what_is_not_there(
    service: Served, nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.cli.live.RETRY_SECONDS", 0.0)
    nobody = Terminal(tmp_path, INCIDENTLOG_URL="http://127.0.0.1:9", NATS_URL="nats://127.0.0.1:9")
    asked = await nobody.run_beside("publish", "nats")
    assert (asked.returncode, asked.stdout) == (8, "")
    assert "no servers available" in asked.stderr
    asked = await nobody.run_beside("publish", "nats", NATS_URL=nats.url)
    assert (asked.returncode, asked.stdout) == (8, "")
    assert "no service at http://127.0.0.1:9" in asked.stderr
