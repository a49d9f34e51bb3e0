"""A token that runs out is renewed on the connection that is open."""

from dataclasses import replace
from datetime import timedelta

from incidentlog.client import Client, Notice
from incidentlog.clock import ManualClock
from incidentlog.store.connect import Access
from tests.commands import strike
from tests.live.following import Somebody, until
from tests.live.test_tokens import NOON, Tokens, guarded


async def test_a_token_that_expires_is_replaced_by_the_next_one_in_time(access: Access):
    tokens, clock, notices = Tokens(), ManualClock(NOON), list[Notice]()
    told = iter(["one", "two"])

    async def fetch() -> str:
        return next(told)

    async with guarded(access, tokens, clock) as node:
        node.reader = replace(Somebody("ada", 1), expires_at=NOON + timedelta(hours=1))
        async with (
            Client(f"http://127.0.0.1:{node.port}", fetch) as client,
            client.subscribe("city_incidents", notify=notices.append) as followed,
        ):
            await clock.advance(NOON + timedelta(minutes=59))
            await until(lambda: bool(notices))
            await until(lambda: tokens.asked > 0)
            await clock.advance(NOON + timedelta(hours=2))
            await node.append(strike())
            assert (await anext(followed)).to == 1
    assert [notice.code for notice in notices] == ["auth_expiring"]
