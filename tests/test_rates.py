"""How many requests are let through, and that no number of those who ask takes more memory or time."""

from incidentlog.service.keys import OPEN, Reader
from incidentlog.service.rates import WINDOW_SECONDS, Buckets, Rates, Standing


class Watch:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def taken(buckets: Buckets, holder: str, quota: int | None = None) -> Standing:
    standing = buckets.take(holder, quota)
    assert standing is not None
    return standing


def test_a_bucket_holds_its_quota_and_then_one_has_to_wait_until_there_is_one_again():
    watch = Watch()
    buckets = Buckets("key", 60, watch)
    assert [taken(buckets, "a").remaining for _ in range(60)] == [*range(59, -1, -1)]
    refused = taken(buckets, "a")
    assert (refused.refused, refused.remaining, refused.reset_seconds) == (True, 0, 1)
    assert refused.refuse().retry_after == 1
    assert not taken(buckets, "b").refused  # nobody else's
    watch.now += 0.9
    assert taken(buckets, "a").refused
    watch.now += 0.1
    assert not taken(buckets, "a").refused
    assert taken(buckets, "a").refused


def test_asking_on_while_refused_takes_nothing_away():
    watch = Watch()
    buckets = Buckets("key", 60, watch)
    for _ in range(1_000):
        taken(buckets, "a")
    watch.now += 10
    assert [taken(buckets, "a").refused for _ in range(11)] == [False] * 10 + [True]


def test_in_the_long_run_no_more_come_through_than_the_quota():
    watch = Watch()
    buckets = Buckets("key", 600, watch)
    through = 0
    for _ in range(10_000):
        watch.now += 0.06  # ten minutes in all
        through += sum(not taken(buckets, "a").refused for _ in range(2))
    assert 6_000 <= through <= 6_600


def test_a_slow_bucket_says_how_long_it_takes():
    buckets = Buckets("address", 2, Watch())
    assert [taken(buckets, "a").reset_seconds for _ in range(3)] == [30, 60, 30]
    assert taken(buckets, "a").headers() == {
        "RateLimit-Policy": '"address";q=2;w=60',
        "RateLimit": '"address";r=0;t=30',
    }


def test_a_quota_of_its_own_goes_before_that_of_all_and_none_is_no_limit():
    buckets = Buckets("key", 1, Watch())
    assert not any(taken(buckets, "a", 100).refused for _ in range(100))
    assert taken(buckets, "a", 100).refused
    assert buckets.take("a", 0) is None
    assert Buckets("key", 0, Watch()).take("a") is None


def test_a_clock_that_stands_still_or_goes_back_locks_nobody_out_for_ever():
    watch = Watch()
    buckets = Buckets("key", 60, watch)
    for _ in range(100):
        taken(buckets, "a")
    watch.now += WINDOW_SECONDS
    assert taken(buckets, "a").remaining == 59


def test_very_many_addresses_take_no_more_memory_than_some():
    watch = Watch()
    buckets = Buckets("address", 3_000, watch, most=1_000)
    for n in range(50_000):
        watch.now += 1e-6
        taken(buckets, f"2001:db8:{n:x}::/64")
    assert len(buckets) <= 1_000
    watch.now += WINDOW_SECONDS
    for n in range(1_000):
        taken(buckets, f"again{n}")
        watch.now += 1
    assert len(buckets) <= 3  # what is full again is forgotten


def test_who_asks_all_the_time_is_not_forgotten_for_those_who_ask_once():
    watch = Watch()
    buckets = Buckets("address", 60, watch, most=100)
    refused = 0
    for n in range(1_000):
        refused += taken(buckets, "often").refused
        for m in range(50):
            taken(buckets, f"once {n} {m}")
    assert refused == 940


def test_keys_and_addresses_and_those_whose_keys_are_none_have_buckets_of_their_own():
    rates = Rates(key=2, address=1, seconds=Watch())
    key = Reader("key", frozenset({"read"}), 0)
    stranger = Reader(OPEN, frozenset({"read"}), 0, address="192.0.2.1")
    for reader, quota in ((key, 2), (stranger, 1)):
        standings = [rates.take(reader) for _ in range(quota + 1)]
        assert [s and s.refused for s in standings] == [False] * quota + [True]
    guess = rates.stranger("192.0.2.1")
    assert guess
    assert not guess.refused
