"""Following with the real service: what is told, in which order, and what survives a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from incidentlog.client import (
    Change,
    Client,
    FileStore,
    MemoryStore,
    Notice,
    Resume,
    ResumeError,
    Subscription,
)
from incidentlog.client import follower as follower_module
from incidentlog.errors import BadRequest, Forbidden, NotFound, Unauthenticated
from incidentlog.events.values import Tlp
from tests.api.serving import ADMIN, Served, make_key
from tests.client.network import Network, network
from tests.commands import retraction, strike
from tests.live.following import until

ODESA = "geonames:698740"
KYIV = {"name": "Kyiv", "country": "UA", "precision": "settlement"}
SECONDS = 60.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidentlog.live.hub.RETRY_MS", (5, 50))
    monkeypatch.setattr(follower_module, "LEAST_PATIENCE_SECONDS", 0.5)


@pytest.fixture
async def net(service: Served) -> AsyncIterator[Network]:
    """A network between the client and the service."""
    service.service.hub.heartbeat_seconds = 0.05
    async with network() as made:
        made.target = service.port
        yield made


@pytest.fixture
async def away(net: Network) -> AsyncIterator[Client]:
    """A client at the other end of the network."""
    async with Client(net.url, ADMIN, retry_seconds=5) as made:
        yield made


async def next_(subscription: Subscription) -> Change:
    async with asyncio.timeout(SECONDS):
        return await anext(subscription)


@asynccontextmanager
async def cities(client: Client, **more: object) -> AsyncIterator[Subscription]:
    async with client.subscribe("city_incidents", group_by=["place"], **more) as subscription:  # type: ignore[call-overload]
        yield subscription


async def test_rows_are_there_at_once_and_every_change_is_told(client: Client, service: Served):
    await service.add(strike())
    await service.settled()
    async with cities(client) as followed:
        assert (followed.position, followed.rows[ODESA]["incidents"]) == (1, 1)
        event = strike()
        await service.add(event)
        change = await next_(followed)
        assert (change.start, change.to, change.set[ODESA]["incidents"]) == (1, 2, 2)
        assert change.cause is not None
        assert (change.cause.kind, change.cause.event_id) == ("event", event["id"])
        await service.add(strike(place=KYIV, stream="strike:kyiv"))
        assert len((await next_(followed)).set) == 1
        await service.add(retraction(event["id"]))
        assert (await next_(followed)).set[ODESA]["incidents"] == 1
        assert followed.rows == await service.rows("city_incidents", group_by="place")


async def test_rows_move_only_when_the_next_change_is_asked_for(client: Client, service: Served):
    async with cities(client) as followed:
        await service.add(strike())
        await service.settled()
        await asyncio.sleep(0.05)
        assert (followed.position, followed.rows) == (0, {})
        await next_(followed)
        assert followed.position == 1


async def test_waiting_may_be_given_up_and_begun_again(client: Client, service: Served):
    async with cities(client) as followed:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(followed)
        await service.add(strike())
        assert (await next_(followed)).to == 1


async def test_the_log_is_told_from_a_position_and_then_as_it_grows(client: Client, service: Served):
    await service.fill(*(strike() for _ in range(250)))
    await service.settled()
    told: list[int] = []
    async with client.subscribe("events", after=5) as log:
        while len(told) < 245:
            told += [e["position"] for e in (await anext(log)).items]
        await service.add(strike())
        told += [e["position"] for e in (await anext(log)).items]
        assert log.position == 251
    assert told == list(range(6, 252))


async def test_without_a_position_the_log_is_told_from_now_on(client: Client, service: Served):
    await service.add(strike())
    await service.settled()
    async with client.subscribe("events") as log:
        await service.add(strike())
        assert [e["position"] for e in (await anext(log)).items] == [2]


async def test_a_cut_connection_comes_back_and_goes_on(away: Client, net: Network, service: Served):
    notices: list[Notice] = []
    async with cities(away, notify=notices.append) as followed:
        await service.add(strike())
        assert (await next_(followed)).to == 1
        net.cut()
        await service.add(strike())
        change = await next_(followed)
        assert (change.start, change.to, change.reason) == (1, 2, None)
    assert [n.code for n in notices] == ["lost", "back"], notices
    assert notices[0].retry_seconds is not None


async def test_a_connection_that_went_silent_is_given_up(away: Client, net: Network, service: Served):
    notices: list[Notice] = []
    async with cities(away, notify=notices.append) as followed:
        net.stall()
        await service.add(strike())
        async with asyncio.timeout(SECONDS):
            while not notices:
                await asyncio.sleep(0.02)
        net.heal()
        assert (await next_(followed)).to == 1
    assert "heartbeats" in notices[0].detail


@pytest.mark.parametrize("what", ["lose", "repeat"])
async def test_a_message_lost_or_repeated_is_seen_and_made_good(away: Client, net: Network, service: Served, what: str):
    notices: list[Notice] = []
    async with cities(away, notify=notices.append) as followed:
        setattr(net, what, 1)
        await service.add(strike())
        await service.settled()
        await service.add(strike())
        while followed.position < 2:
            await next_(followed)
        assert followed.rows[ODESA]["incidents"] == 2
        await service.add(strike())
        assert (await next_(followed)).set[ODESA]["incidents"] == 3
    assert any("it goes on from" in n.detail for n in notices)


async def test_what_concerns_nobody_moves_the_position_all_the_same(away: Client, net: Network, service: Served):
    async with cities(away, filters={"kind": "alert"}) as followed:
        await service.add(strike())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await anext(followed)
        assert (followed.position, followed.rows) == (1, {})


async def test_a_process_that_ends_goes_on_from_its_file(client: Client, service: Served, tmp_path: Path):
    store = FileStore(tmp_path / "cities.json")
    async with cities(client, resume=store) as followed:
        await service.add(strike())
        await next_(followed)
    await service.add(strike())
    await service.settled()
    async with cities(client, resume=FileStore(store.path)) as followed:
        assert (followed.position, followed.rows[ODESA]["incidents"]) == (1, 1)
        change = await next_(followed)
        assert (change.start, change.to, change.set[ODESA]["incidents"]) == (1, 2, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["cities.json"]
    assert store.path.stat().st_mode & 0o077 == 0


async def test_a_change_whose_handling_failed_is_told_again(client: Client, service: Served):
    store = MemoryStore()
    with suppress(ZeroDivisionError):
        async with cities(client, resume=store) as followed:
            await service.add(strike())
            await next_(followed)
            await service.add(strike())
            await next_(followed)
            raise ZeroDivisionError
    async with cities(client, resume=store) as followed:
        assert followed.position == 1
        assert (await next_(followed)).to == 2


async def test_a_place_kept_in_a_transaction_of_ones_own_is_gone_on_from(client: Client, service: Served):
    async with cities(client) as followed:
        await service.add(strike())
        await next_(followed)
        kept = followed.resume.to_json()
    await service.add(strike())
    async with cities(client, resume=Resume.from_json(kept)) as followed:
        assert followed.rows[ODESA]["incidents"] == 1
        assert (await next_(followed)).set[ODESA]["incidents"] == 2


async def test_the_log_is_resumed_too(client: Client, service: Served):
    store = MemoryStore()
    async with client.subscribe("events", after=0, resume=store) as log:
        await service.add(strike())
        assert [e["position"] for e in (await anext(log)).items] == [1]
    await service.add(strike(), strike())
    async with client.subscribe("events", after=0, resume=store) as log:
        assert next(e["position"] for e in (await anext(log)).items) == 2


async def test_a_store_of_something_else_is_refused(client: Client, service: Served, tmp_path: Path):
    store = MemoryStore()
    async with cities(client, resume=store):
        pass
    with pytest.raises(ResumeError, match="city_incidents"):
        async with client.subscribe("ceasefire_status", resume=store):
            pass
    broken = tmp_path / "broken.json"
    broken.write_text('{"format": 1, "followed"')
    with pytest.raises(ResumeError, match=r"broken\.json"):
        async with cities(client, resume=FileStore(broken)):
            pass
    broken.write_text('{"format": 1}')
    with pytest.raises(ResumeError, match="it lacks 'at'"):
        async with cities(client, resume=FileStore(broken)):
            pass


async def test_a_place_that_cannot_be_kept_is_told_before_anything_else_is(client: Client, tmp_path: Path):
    """Not with the first change, which was handled by then: on a quiet log that is days later."""
    with pytest.raises(ResumeError, match="No such file or directory"):
        async with client.subscribe("events", after=0, resume=FileStore(tmp_path / "mistyped" / "place.json")):
            pass


async def test_with_another_filter_a_store_is_replaced_and_the_difference_told(client: Client, service: Served):
    store = MemoryStore()
    await service.add(strike(), strike(place=KYIV))
    await service.settled()
    async with cities(client, resume=store):
        pass
    async with cities(client, resume=store, filters={"place": ODESA}) as followed:
        change = await next_(followed)
        assert (change.reason, change.set, list(change.gone)) == ("channel_changed", {}, ["geonames:703448"])
        assert set(followed.rows) == {ODESA}


async def test_in_a_new_epoch_the_difference_is_told_with_its_reason(client: Client, service: Served):
    service.service.hub.heartbeat_seconds = 0.05
    async with cities(client) as followed, client.subscribe("events", after=0) as log:
        await service.add(strike())
        await next_(followed)
        await anext(log)
        admin = await service.access.connect()
        await admin.execute("UPDATE log SET fork = fork + 1")
        await admin.close()
        await service.service.hub.look()
        change = await next_(followed)
        assert (change.reason, change.set, list(change.gone)) == ("epoch_changed", {}, [])
        async with asyncio.timeout(SECONDS):
            told = await anext(log)
            assert (told.reason, told.start, told.to, told.items) == ("epoch_changed", 1, 0, ())
            assert [e["position"] for e in (await anext(log)).items] == [1]


async def test_what_the_service_refuses_is_raised(client: Client, service: Served):
    with pytest.raises(NotFound):
        async with client.subscribe("no_such"):
            pass
    with pytest.raises(BadRequest) as refused:
        async with client.subscribe("city_incidents", group_by=["no", "such"]):
            pass
    assert refused.value.errors
    async with Client(service.url, "il_wrong") as stranger:
        with pytest.raises(Unauthenticated):
            async with stranger.subscribe("city_incidents"):
                pass
    await make_key(service.access, "writer", "a-writer", scopes=["report"])
    async with Client(service.url, "a-writer") as writer:
        with pytest.raises(Forbidden):
            async with writer.subscribe("city_incidents"):
                pass
    with pytest.raises(ValueError, match="after"):
        client.subscribe("city_incidents", after=3)  # type: ignore[call-overload]


async def test_with_another_clearance_rows_are_told_anew(client: Client, service: Served):
    """A place in the world of another reader is no place in this one."""
    await make_key(service.access, "public", "a-public-key", scopes=["read"], clearance=Tlp.CLEAR)
    await service.add(strike(tlp="RED"), strike())
    await service.settled()
    store = MemoryStore()
    async with cities(client, resume=store) as followed:
        assert followed.rows[ODESA]["incidents"] == 2
    async with Client(service.url, "a-public-key") as public, cities(public, resume=store) as followed:
        change = await next_(followed)
        assert (change.reason, change.set[ODESA]["incidents"]) == ("channel_changed", 1)


async def test_a_key_that_reaches_further_by_now_goes_on_in_another_world_and_a_revoked_one_ends(service: Served):
    await make_key(service.access, "analyst", "a-key", scopes=["read"], clearance=Tlp.CLEAR)
    await service.add(strike(tlp="AMBER"), strike())
    await service.settled()

    async def now(change: str) -> None:
        admin = await service.access.connect()
        await admin.execute(f"UPDATE api_keys SET {change} WHERE key_id = 'analyst'")
        await admin.close()
        await service.clock.advance(service.clock.now() + timedelta(minutes=1))
        await service.service.hub._check(tuple(service.service.hub._sessions))

    async with Client(service.url, "a-key") as analyst, cities(analyst) as followed:
        assert followed.rows[ODESA]["incidents"] == 1
        await now(f"clearance = {int(Tlp.RED)}")
        change = await next_(followed)
        assert (change.reason, change.set[ODESA]["incidents"]) == ("channel_changed", 2)
        await now("revoked_at = now()")
        with pytest.raises(Unauthenticated):
            await next_(followed)


async def test_the_service_sends_no_further_than_the_window_and_then_all_in_one(
    client: Client, service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(follower_module, "WINDOW", 2)
    async with cities(client) as followed, client.subscribe("events") as log:
        received = followed._chain, log._chain
        for n in range(6):
            await service.add(strike())
            await until(lambda n=n: all(chain.cursor.position == min(n + 1, 2) for chain in received))
        channels = service.service.hub._channels.values()
        await until(lambda: all(channel.cursor.position == 6 for channel in channels))
        changes = [await next_(followed) for _ in range(3)]
        assert [(c.start, c.to, c.conflated) for c in changes] == [(0, 1, False), (1, 2, False), (2, 6, True)]
        assert followed.rows[ODESA]["incidents"] == 6
        told: list[int] = []
        while len(told) < 6:
            told += [e["position"] for e in (await anext(log)).items]
        assert told == [1, 2, 3, 4, 5, 6]


async def test_who_was_too_slow_comes_back_only_once_it_has_taken_what_it_had(
    client: Client, service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(follower_module, "WINDOW", 1)
    monkeypatch.setattr("incidentlog.live.session.ACK_SECONDS", 0.1)
    service.service.hub._look_seconds = 0.05
    notices: list[Notice] = []
    async with cities(client, notify=notices.append) as followed:
        for _ in range(4):
            await service.add(strike())
        async with asyncio.timeout(SECONDS):
            while not notices:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert [n.code for n in notices] == ["lost"]
        while followed.position < 4:
            await next_(followed)
        assert followed.rows[ODESA]["incidents"] == 4


async def test_a_busy_consumer_keeps_its_connection_and_loses_nothing(
    away: Client, net: Network, service: Served, monkeypatch: pytest.MonkeyPatch
):
    # A machine that stands still for half a second is no fault of the consumer's.
    monkeypatch.setattr(follower_module, "LEAST_PATIENCE_SECONDS", 2.0)
    notices: list[Notice] = []
    async with (
        cities(away, notify=notices.append) as followed,
        away.subscribe("events", after=0, notify=notices.append) as log,
    ):
        for n in range(30):
            await service.add(strike(stream=f"strike:{n}"))
        await asyncio.sleep(2.5)  # busy with something else for fifty heartbeats, and longer than its patience
        told: list[int] = []
        while len(told) < 30:
            told += [e["position"] for e in (await anext(log)).items]
        while followed.position < 30:
            await next_(followed)
        assert told == list(range(1, 31))
        assert followed.rows[ODESA]["incidents"] == 30
    assert {notice.code for notice in notices} <= {"caught_up"}


async def test_a_row_that_came_and_went_between_two_changes_is_not_told_as_gone(client: Client, service: Served):
    await service.add(strike())
    await service.settled()
    async with client.subscribe("city_incidents", min_interval_ms=1_000) as cities:
        await service.add(strike())
        assert (await next_(cities)).to == 2
        passing = strike(place=KYIV)
        await service.add(passing, retraction(passing["id"]), strike())
        held = set(cities.rows)
        while cities.position < 5:
            change = await next_(cities)
            assert held.issuperset(change.gone)
            held = set(cities.rows)
        assert held == {ODESA}
