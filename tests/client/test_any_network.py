"""Whatever the network does, and whatever happens meanwhile, a reader has what is true where it is (docs/live-protocol.md).

The real service and the real client, through a network that cuts, stalls, delays, drips, refuses, loses and repeats,
while the log is appended to, corrected, restored and forked, the clock moves, and readers are slow, killed and doubled.
Longer: pytest --hypothesis-profile=deep tests/client/test_any_network.py
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from incidentlog.client import chain, follower
from incidentlog.client.waits import Waits
from incidentlog.embedded import Server
from incidentlog.live.channel import Channel
from incidentlog.live.subscription import Subscription
from tests.client.network import network
from tests.client.world import World
from tests.conftest import log_called

# A service is stopped here in the middle of everything, and a connection that it was just accepting is left to the
# collector (seen on a busy machine; read=idle: nobody had begun to read). It is told, and is no untruth.
pytestmark = pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")

HAPPENINGS = ["strike", "strike", "strike", "truce", "amended", "retracted", "merged"]
MOST_READERS = 8
DEEP = 100, 40
numbers = st.integers(0, 9)
happenings = st.lists(st.tuples(st.sampled_from(HAPPENINGS), numbers), min_size=1, max_size=4)


class AnyNetwork(RuleBasedStateMachine):
    """What may happen, in any order."""

    world: ClassVar[World]
    run: ClassVar[Callable[[Coroutine[Any, Any, None]], None]]
    only: ClassVar[frozenset[str]] = frozenset()
    """Which troubles there are; all of them when it is empty."""
    untruths: ClassVar[list[AssertionError]]

    def __init__(self) -> None:
        super().__init__()
        self.sound, self.steps = True, 0
        self.do(self.world.begin())

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something, and let the world go on a little."""
        if self.only and self.untruths:  # it is known already, and Hypothesis tries whether it comes again
            work.close()
            return

        async def within() -> None:
            async with asyncio.timeout(60):
                await work
                await asyncio.sleep(0.005)

        try:
            type(self).run(within())
        except BaseException as error:
            self.sound = False
            if isinstance(error, AssertionError):
                self.untruths.append(error)
            raise

    def may(self, trouble: str) -> bool:
        return not self.only or trouble in self.only

    # ------------------------------------------------------------------------------------ what happens

    @rule(what=happenings)
    def it_happens(self, what: list[tuple[str, int]]) -> None:
        async def happen() -> None:
            for kind, n in what:
                await self.world.happen(kind, n)

        self.do(happen())

    @precondition(lambda self: not self.only)
    @rule(hours=st.sampled_from([1, 5, 30]))
    def time_passes(self, hours: int) -> None:
        clock = self.world.clock
        self.do(clock.advance(clock.now() + timedelta(hours=hours)))

    @rule(seconds=st.sampled_from([0.01, 0.06, 0.2]))
    def nothing_happens(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    # ------------------------------------------------------------------------------------ to the network

    @precondition(lambda self: self.may("cut"))
    @rule(after=st.one_of(st.none(), st.integers(1, 4_000)))
    def connections_are_cut(self, after: int | None) -> None:
        self.world.network.cut_after = after
        if after is None:
            self.world.network.cut()
        self.do(asyncio.sleep(0))

    @precondition(lambda self: self.may("slow network"))
    @rule(delay=st.sampled_from([0.0, 0.003, 0.02]), drip=st.sampled_from([None, 7, 100]))
    def the_network_is_slow(self, delay: float, drip: int | None) -> None:
        self.world.network.delay_seconds = 0.0 if drip == 7 else delay
        self.world.network.drip = drip
        self.do(asyncio.sleep(0))

    @precondition(lambda self: self.may("stall"))
    @rule()
    def nothing_arrives(self) -> None:
        self.world.network.stall()
        self.do(asyncio.sleep(0.02))

    @precondition(lambda self: self.may("stall"))
    @rule()
    def nobody_is_let_in(self) -> None:
        self.world.network.refusing = True
        self.do(asyncio.sleep(0.02))

    @precondition(lambda self: self.may("lose"))
    @rule(lost=st.integers(2, 12), repeated=st.integers(0, 3))
    def messages_are_lost_or_repeated(self, lost: int, repeated: int) -> None:
        self.world.network.lose, self.world.network.repeat = lost, repeated
        self.do(asyncio.sleep(0))

    @precondition(lambda self: not self.only)
    @rule()
    def the_network_is_well_again(self) -> None:
        self.world.network.heal()
        self.do(asyncio.sleep(0.02))

    # ------------------------------------------------------------------------------------ to readers

    @precondition(lambda self: self.may("kill"))
    @rule(n=numbers)
    def a_reader_is_killed_or_comes_back(self, n: int) -> None:
        reader = self.world.readers[n % len(self.world.readers)]
        self.do(reader.start() if reader.task is None else reader.kill())

    @precondition(lambda self: self.may("slow reader"))
    @rule(n=numbers)
    def a_reader_is_slow_or_quick_again(self, n: int) -> None:
        reader = self.world.readers[n % len(self.world.readers)]
        (reader.slow.clear if reader.slow.is_set() else reader.slow.set)()
        self.do(asyncio.sleep(0))

    @precondition(lambda self: self.may("twin"))
    @rule(n=numbers)
    def a_reader_is_doubled(self, n: int) -> None:
        if len(self.world.readers) >= MOST_READERS:
            return
        twin = self.world.readers[n % len(self.world.readers)].twin()
        self.world.readers.append(twin)
        self.do(twin.start())

    # ------------------------------------------------------------------------------------ to the service

    @precondition(lambda self: self.may("restart"))
    @rule()
    def the_service_is_started_again(self) -> None:
        self.do(self.world.restart())

    @precondition(lambda self: self.may("restore"))
    @rule(share=st.floats(0.3, 1))
    def an_older_log_is_put_back(self, share: float) -> None:
        self.do(self.world.restore(share))

    # ------------------------------------------------------------------------------------ what is promised

    @invariant()
    def everybody_has_what_is_true(self) -> None:
        """One of them at a time; all of them in the end."""
        self.steps += 1
        self.do(self.world.check_one(self.steps))

    def teardown(self) -> None:
        try:
            if self.sound:
                self.do(self.world.settle())
        finally:
            type(self).run(self.world.end())


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[Callable[..., type[AnyNetwork]]]:
    """What makes a machine, over one service for all examples; the machine has a loop of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("incidentlog.live.hub.RETRY_MS", (5, 40))
        patch.setattr("incidentlog.live.channel.REMEMBERED", 3)
        patch.setattr(follower, "LEAST_PATIENCE_SECONDS", 0.4)
        patch.setattr(follower, "CLOSE_SECONDS", 0.05)
        patch.setattr(follower, "Waits", partial(Waits, 5, 40))  # what holds before the service has advised
        loop = asyncio.new_event_loop()
        made = lived(server, loop)
        world = next(made)
        yield lambda *only: type("AnyNetwork", (AnyNetwork,), {
            "world": world, "run": staticmethod(loop.run_until_complete), "only": frozenset(only), "untruths": []
        })  # fmt: skip
        next(made, None)
        loop.close()


def lived(server: Server, loop: asyncio.AbstractEventLoop) -> Iterator[World]:
    log, between = log_called("test_any_network", server), network()
    access = loop.run_until_complete(log.__aenter__())
    try:
        proxy = loop.run_until_complete(between.__aenter__())
        world = World(access, proxy)
        loop.run_until_complete(world.start())
        yield world
        loop.run_until_complete(world.stop())
        loop.run_until_complete(between.__aexit__(None, None, None))
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.run_until_complete(log.__aexit__(None, None, None))


def depth(examples: int, steps: int) -> settings:
    """So deep, or as deep as the profile `deep` goes."""
    if settings.get_current_profile_name() == "deep":
        examples, steps = DEEP
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # a failure that depends on time is not made smaller by trying
        print_blob=False,
    )


def test_readers_have_what_is_true_whatever_happens(world: Callable[..., type[AnyNetwork]]):
    run_state_machine_as_test(world(), settings=depth(6, 12))


def believed(*_: Any) -> bool:
    return True


async def never_refused(_: Subscription) -> None:
    return None


def forgets_what_the_slowest_lacks(channel: Channel) -> None:
    last = channel._last_change
    for key in [key for key, at in channel._changed.items() if at != last]:
        del channel._changed[key]


def quiet_even_when_something_came(channel: Channel, _: Any) -> Any:
    return channel.cursor


BROKEN: dict[str, tuple[list[tuple[Any, str, Any]], list[str]]] = {
    "the gap check": ([(chain, "follows", believed)], ["lose"]),
    "the epoch check": (
        [(chain, "means_the_same", believed), (Subscription, "_refusal", never_refused)], ["restore", "kill"]
    ),
    "the conflation bound": ([(Channel, "_forget", forgets_what_the_slowest_lacks)], ["none"]),
    "the quiet heartbeat": ([(Channel, "quiet", quiet_even_when_something_came)], ["none"]),
}  # fmt: skip
"""What is taken away, and which troubles show it soonest."""


@pytest.mark.skipif(
    settings.get_current_profile_name() != "deep",
    reason="it tries the machine above, not the product, for minutes: --hypothesis-profile=deep",
)
@pytest.mark.parametrize("what", BROKEN)
def test_the_machine_sees_it_when_a_guard_is_gone(
    world: Callable[..., type[AnyNetwork]], what: str, monkeypatch: pytest.MonkeyPatch
):
    guards, troubles = BROKEN[what]
    for owner, name, broken in guards:
        monkeypatch.setattr(owner, name, broken)
    monkeypatch.setattr("tests.client.world.SETTLE_SECONDS", 3.0)
    machine = world(*troubles)
    with suppress(AssertionError, Flaky):  # what the network brought about need not come again
        run_state_machine_as_test(machine, settings=depth(30, 10))
    assert machine.untruths
