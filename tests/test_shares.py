"""Nobody alone holds all there is of a thing."""

import asyncio

import pytest

from incidentlog.errors import Overloaded, TooManyConnections
from incidentlog.shares import Shares, Stranger, Turnstile, network_of


def test_a_holder_has_its_share_and_what_it_gives_back_is_there_again():
    shares = Shares("things", 3, each=2)
    one = Stranger("", "one")
    with shares.place(one), shares.place(one):
        with pytest.raises(TooManyConnections, match="one has 2 things already"), shares.place(one):
            pass
        with shares.place(Stranger("", "two")), pytest.raises(Overloaded), shares.place(Stranger("", "three")):
            pass
    assert not shares.held
    with shares.place(one):
        pass


def test_what_is_kept_for_keys_is_theirs_however_many_addresses_ask():
    shares = Shares("things", 3, each=2, kept=1)
    with shares.place(Stranger("192.0.2.1")), shares.place(Stranger("192.0.2.2")):
        with pytest.raises(Overloaded), shares.place(Stranger("192.0.2.3")):
            pass
        with shares.place(Stranger("", "a key")):
            pass


class Asked:
    """Who asks for a place, holds it once it has one, and gives it back when told to."""

    def __init__(self, turnstile: Turnstile, name: str, address: str = "") -> None:
        self.has, self._back = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run(turnstile, Stranger(address, name)))

    async def _run(self, turnstile: Turnstile, holder: Stranger) -> None:
        async with turnstile.place(holder, seconds=None):
            self.has.set()
            await self._back.wait()

    async def ends(self) -> None:
        self._back.set()
        await self.task
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_go_round_among_those_who_wait_and_not_to_who_asked_the_most():
    turnstile = Turnstile("folding", 1, each=1)
    many = [Asked(turnstile, "one") for _ in range(3)]
    await settled()
    other, more = Asked(turnstile, "other"), Asked(turnstile, "one")
    await settled()
    assert [asked.has.is_set() for asked in (*many, other, more)] == [True, False, False, False, False]
    await many[0].ends()
    assert (many[1].has.is_set(), other.has.is_set()) == (True, False)
    await many[1].ends()
    assert (many[2].has.is_set(), other.has.is_set()) == (False, True)
    for asked in (other, many[2], more):
        assert asked.has.is_set()
        await asked.ends()
    assert not turnstile.held


async def test_nobody_has_all_the_places_and_one_is_kept_for_keys():
    turnstile = Turnstile("folding", 2, each=1, kept=1)
    first, second = Asked(turnstile, "a key"), Asked(turnstile, "a key")
    strangers = [Asked(turnstile, "anybody", f"192.0.2.{n}") for n in range(2)]
    await settled()
    assert [asked.has.is_set() for asked in (first, second, *strangers)] == [True, False, True, False]
    await first.ends()
    assert second.has.is_set()
    await second.ends()
    assert [asked.has.is_set() for asked in strangers] == [True, False]
    for asked in strangers:
        assert asked.has.is_set()
        await asked.ends()
    assert not turnstile.held


async def test_of_one_holder_only_so_many_wait_and_others_may():
    turnstile = Turnstile("folding", 1, each=1, waiting=2)
    asked = [Asked(turnstile, "one") for _ in range(3)]
    await settled()
    with pytest.raises(TooManyConnections, match="one waits 2 times already"):
        async with turnstile.place(Stranger("", "one"), seconds=None):
            pass
    other = Asked(turnstile, "other")
    await settled()
    assert turnstile.waiting == 3
    for each in (asked[0], asked[1], other, asked[2]):
        assert each.has.is_set()
        await each.ends()
    assert not turnstile.held
    assert not turnstile._waiting


async def test_who_waited_in_vain_or_went_away_takes_no_place():
    turnstile = Turnstile("folding", 1, each=1)
    has = Asked(turnstile, "one")
    await settled()
    with pytest.raises(Overloaded, match="others are folding"):
        async with turnstile.place(Stranger("", "two"), seconds=0):
            pass
    gone, next_one = Asked(turnstile, "two"), Asked(turnstile, "three")
    await settled()
    gone.task.cancel()
    await has.ends()
    assert next_one.has.is_set()
    await next_one.ends()
    assert not turnstile.held
    assert not turnstile._waiting


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "local"),
        (None, "local"),
    ],
)
def test_addresses_of_one_subscriber_are_one(remote: str | None, network: str):
    assert network_of(remote) == network
