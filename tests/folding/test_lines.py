"""Lines of a ledger as columns: what is unpacked is what was packed, and sums over columns are sums over lines."""

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidentlog.folding import totalling
from incidentlog.folding.afresh import group_bookings
from incidentlog.folding.lines import FEW, MANY, Lines, merge, pack
from incidentlog.folding.rows import Group, Grouping
from incidentlog.folding.shapes import Booking, Tally
from incidentlog.folding.totalling import (
    Booked,
    Extent,
    Kept,
    Part,
    TooManyGroupsError,
    Totalling,
    Window,
    of_stream,
    streams_of,
    total,
)

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
DIMENSIONS = ("day", "place", "kind")
INSTANTS = st.one_of(
    st.integers(0, 40).map(lambda n: BEGINNING + timedelta(hours=n)),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given a zone beside
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
)
AMOUNTS = st.one_of(st.integers(-3, 3), st.integers(-(2**33), 2**33), st.sampled_from([-(2**63), 2**63 - 1, 2**62]))
SMALL = st.one_of(st.integers(-3, 3), st.integers(-(2**40), 2**40))
VALUES = st.sampled_from([None, "", "a", "b", "Одеса", 'q"|'])
DAYS = st.sampled_from([None, "2025-05-01", "2025-05-02", "2025-05-03"])


class Counted(Tally):
    dimensions = DIMENSIONS
    measures = ("one", "other")
    group_by = ("day",)


def bookings(amounts: st.SearchStrategy[int] = SMALL) -> st.SearchStrategy[list[Booking]]:
    line = st.builds(
        Booking,
        position=st.integers(1, 5_000),
        level=st.sampled_from([0, 0, 0, 2, 4]),
        stream=st.sampled_from(["strike:a", "strike:b", "talk:a"]),
        at=INSTANTS,
        dimensions=st.tuples(DAYS, VALUES, VALUES),
        amounts=st.tuples(amounts, amounts),
        restated=st.booleans(),
    )
    return st.lists(line, min_size=1, max_size=30).map(lambda lines: sorted(lines, key=lambda b: b.position))


@given(bookings(AMOUNTS))
def test_what_is_unpacked_is_what_was_packed(lines: list[Booking]):
    assert list(Lines(pack(lines)).bookings()) == lines


@given(bookings(AMOUNTS), st.integers(1, 29))
def test_merged_they_are_what_they_were_one_after_the_other(lines: list[Booking], at: int):
    parts = [part for part in (lines[:at], lines[at:]) if part]
    assert list(Lines(merge([Lines(pack(part)) for part in parts])).bookings()) == lines


@given(bookings(AMOUNTS), st.lists(st.integers(0, 3), min_size=30, max_size=30))
def test_merged_they_are_the_same_octets_whoever_wrote_which(lines: list[Booking], writers: list[int]):
    """The lines of a position have one writer; the segments of several overlap."""
    by_writer = [[b for b in lines if writers[b.position % 30] == writer] for writer in range(4)]
    apart = merge([Lines(pack(own)) for own in by_writer if own])
    assert list(Lines(apart).bookings()) == lines
    assert apart == merge([Lines(pack(lines))])


def test_many_lines_are_packed_like_few():
    lines = [
        Booking(
            n // 2, n % 3, f"strike:{n % 5}", BEGINNING + timedelta(minutes=n), ("d", None, str(n)), (n, -n), n % 7 == 0
        )
        for n in range(3 * FEW)
    ]
    assert list(Lines(pack(lines)).bookings()) == lines
    apart = merge([Lines(pack(lines[:10])), Lines(pack(lines[10:]))])
    assert list(Lines(apart).bookings()) == lines


@pytest.mark.parametrize("count", [MANY, MANY + 1, 10 * MANY])
def test_texts_of_which_there_are_many_are_the_same_however_they_are_kept(count: int):
    lines = [
        Booking(
            n, 0, f"strike:{n}", BEGINNING, (None, f"Одеса {n % 3}", str(n) if n % 2 else None), (1, 0), restated=False
        )
        for n in range(1, count + 1)
    ]
    together = Lines(pack(lines))
    assert list(together.bookings()) == lines
    assert together.streams[0] == [b.stream for b in lines]
    assert merge([together]) == pack(lines)
    assert merge([Lines(pack(lines[:7])), Lines(pack(lines[7:]))]) == pack(lines)
    late = lines[1::2], lines[::2]
    assert merge([Lines(pack(own)) for own in late]) == pack(lines)


def test_lines_that_are_not_asked_for_their_texts_take_little_more_memory_than_octets():
    named = [
        Booking(n, 0, f"strike:{uuid4()}", BEGINNING, ("d", None, "k"), (1, 0), restated=False) for n in range(1, 4_001)
    ]
    assert Lines(pack(named)).weight < 4_000 * 60


@pytest.mark.parametrize("count", [1, 3, 30, 300, 3_000])
def test_what_lines_weigh_is_about_what_they_take(count: int):
    """Else of very many small segments far more would be held than there is room for."""
    lines = [
        Booking(n, 0, f"strike:{n}", BEGINNING + timedelta(hours=n), ("d", str(n % 50), str(n % 7)), (n % 3, 1), restated=False)
        for n in range(1, count + 1)
    ]  # fmt: skip
    packed = pack(lines)
    tracemalloc.start()
    try:
        unpacked = [Lines(packed) for _ in range(50)]
        for own in unpacked:
            assert (len(own.positions), len(own.streams[1]), len(own.several([0, 1, 2]))) == (count, count, 3)
        taken = tracemalloc.get_traced_memory()[0] / len(unpacked)
    finally:
        tracemalloc.stop()
    assert taken / 2 < unpacked[0].weight < taken * 2, taken


def test_a_column_that_says_nothing_takes_no_room():
    once = [Booking(n, 0, "strike:a", BEGINNING, ("d", None, "k"), (1, 0), restated=False) for n in range(1, 2_001)]
    assert len(pack(once)) < 300


@given(
    bookings(),
    st.integers(1, 29),
    st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=3, unique=True),
    st.dictionaries(
        st.sampled_from(["place", "kind"]), st.lists(st.sampled_from(["", "a", "b"]), min_size=1).map(tuple)
    ),
    st.tuples(DAYS, DAYS),
    INSTANTS,
    st.sampled_from([0, 2, 4]),
)
@settings(max_examples=150)
def test_sums_over_columns_are_sums_over_lines(
    lines: list[Booking],
    apart: int,
    by: list[str],
    where: dict[str, tuple[str, ...]],
    days: tuple[str | None, str | None],
    at: datetime,
    level: int,
):
    grouping = Grouping(tuple(by), where, *days)
    window = Window(0, 10_000, level, at=at)
    parts = [Part(Lines(pack(own)), window, DIMENSIONS) for own in (lines[:apart], lines[apart:]) if own]
    right = {g.key: g for g in group_bookings(Counted(), lines, at, grouping, level)}
    found = {g.key: g for g in total(parts, grouping, 2)}
    assert found.keys() == right.keys()
    for key, group in found.items():
        assert (list(group.sums), group.position) == (list(right[key].sums), right[key].position)
    segments = [replace(part, uid=uuid4()) for part in parts]
    for _ in range(2):  # the sums of a segment are kept, and found again
        assert {g.key: g for g in total(segments, grouping, 2)} == found
    positions = Booked(list(found), 3)
    for part in parts:
        positions.take([part], grouping)
    for key, own in positions.positions().items():
        booked = {
            b.position for b in lines if group_bookings(Counted(), [b], at, grouping, level) and _key(b, by) == key
        }
        assert own == sorted(booked, reverse=True)[:3]


def _key(b: Booking, by: list[str]) -> tuple[str | None, ...]:
    return tuple(b.dimensions[DIMENSIONS.index(name)] for name in by)


@given(bookings(), st.integers(0, 5_000), st.integers(0, 5_000), INSTANTS, INSTANTS, st.sampled_from([0, 2, 4]))
def test_a_window_has_the_lines_that_it_says(
    lines: list[Booking], after: int, upto: int, later: datetime, at: datetime, level: int
):
    window = Window(after, upto, level, later_than=later, at=at)
    packed = Lines(pack(lines))
    right = [b for b in lines if after < b.position <= upto and b.level <= level and later < b.at <= at]
    assert list(packed.bookings(window.choose(packed))) == right
    assert streams_of(packed, window, "strike:") == {b.stream for b in right if b.stream.startswith("strike:")}
    assert list(packed.bookings(of_stream(packed, "talk:a"))) == [b for b in lines if b.stream == "talk:a"]


@given(bookings())
def test_totals_that_are_stored_are_summed_as_the_lines_were(lines: list[Booking]):
    sums = Totalling(2, by_level=True)
    sums.add(Lines(pack(lines)), None, (1, 2))
    stored = Lines(sums.packed(2))
    for level in (0, 2, 4):
        window, grouping = Window(0, 10_000, level), Grouping(("kind",))
        again = total([Part(stored, window, ("place", "kind"))], grouping, 2)
        assert sorted(again, key=repr) == sorted(
            total([Part(Lines(pack(lines)), window, DIMENSIONS)], grouping, 2), key=repr
        )


def test_a_segment_is_summed_once_for_each_grouping_and_wherever_the_window_ends(monkeypatch: pytest.MonkeyPatch):
    lines = Lines(pack([Booking(n, 0, "talk:a", BEGINNING, ("a", "b", None), (1, n), False) for n in range(1, 101)]))
    kept, uid, asked = Kept(), uuid4(), Grouping(("place",))
    monkeypatch.setattr(totalling, "KEPT", kept)
    summed = [total([Part(lines, Window(0, upto, 4), DIMENSIONS, uid)], asked, 2) for upto in (100, 5_000, 60, 100)]
    assert [[list(group.sums) for group in groups] for groups in summed] == [
        [[n, n * (n + 1) // 2]] for n in (100, 100, 60, 100)
    ]
    assert total([Part(lines, Window(0, 100, 4), DIMENSIONS, uid)], asked, 1) == [Group(("b",), (100,), 100, False)]
    assert len(kept) == 2  # with one measure, and with two: what a window cuts is not kept


@given(bookings(), st.data())
def test_lines_lie_within_a_window_where_it_has_their_extent(lines: list[Booking], data: st.DataObject):
    packed = Lines(pack(lines))
    ends = st.integers(lines[0].position - 1, lines[-1].position + 1)
    some = st.none() | st.sampled_from([b.at for b in lines])
    window = Window(data.draw(ends), data.draw(ends), data.draw(st.integers(0, 4)), data.draw(some), data.draw(some))
    chosen = window.choose(packed)
    assert window.has(Extent.of(packed)) == (chosen is None or bool(chosen.all()))


def test_sums_that_are_kept_are_let_go_of_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch):
    lines = Lines(pack([Booking(n, 0, "talk:a", BEGINNING, ("a", "b", None), (1, n), False) for n in range(1, 101)]))
    kept = Kept(most=10_000)
    monkeypatch.setattr(totalling, "KEPT", kept)
    for _ in range(20):
        total([Part(lines, Window(0, 100, 4), DIMENSIONS, uuid4())], Grouping(("place",)), 2)
    assert 1 <= len(kept) <= 5


def test_of_nothing_there_are_no_totals():
    stored = Lines(Totalling(2, by_level=True).packed(2))
    assert (stored.count, list(stored.bookings())) == (0, [])
    assert total([Part(stored, Window(0, 1, 4), ("place", "kind"))], Grouping(("kind",)), 2) == []


def test_what_is_summed_in_between_changes_no_sum(monkeypatch: pytest.MonkeyPatch):
    lines = [Booking(n, 0, "s:a", BEGINNING, ("d", str(n % 3), None), (n, 0), restated=False) for n in range(1, 100)]
    parts = [Part(Lines(pack(lines[n : n + 7])), Window(0, 1_000, 0), DIMENSIONS) for n in range(0, 99, 7)]
    whole = total(parts, Grouping(("place",)), 2)
    monkeypatch.setattr("incidentlog.folding.totalling.CHUNK", 10)
    assert total(parts, Grouping(("place",)), 2) == whole


@pytest.mark.parametrize("chunk", [1, 3, 1_000])
def test_more_groups_than_are_wanted_are_refused_wherever_they_are_summed(monkeypatch: pytest.MonkeyPatch, chunk: int):
    monkeypatch.setattr(totalling, "CHUNK", chunk)
    lines = [Booking(n, 0, "s:a", BEGINNING, ("d", str(n % 8), None), (n, 0), restated=False) for n in range(1, 17)]
    parts = [Part(Lines(pack(lines[n : n + 5])), Window(0, 1_000, 0), DIMENSIONS) for n in range(0, 16, 5)]

    def at_most(most: int) -> list[Group]:
        sums = Totalling(2, most=most)
        sums.take(parts, Grouping(("place",)))
        return sums.groups()

    assert at_most(8) == total(parts, Grouping(("place",)), 2)
    with pytest.raises(TooManyGroupsError):
        at_most(7)


def test_more_groups_than_a_number_can_tell_apart_are_told_apart():
    lines = [
        Booking(n, 0, "s:a", BEGINNING, tuple(str(n * k) for k in range(1, 9)), (1,), restated=False)
        for n in range(1, 1_001)
    ]
    names = tuple("abcdefgh")
    assert len(total([Part(Lines(pack(lines)), Window(0, 2_000, 0), names)], Grouping(names), 1)) == 1_000


def test_a_sum_beyond_what_is_stored_is_refused():
    lines = [Booking(1, 0, "s:a", BEGINNING, ("d", None, None), (2**62, 0), restated=False)] * 3
    with pytest.raises(OverflowError, match="64 bits"):
        total([Part(Lines(pack(lines)), Window(0, 1, 0), DIMENSIONS)], Grouping(("day",)), 2)


@pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda b: b[:20] + bytes([b[20] ^ 1]) + b[21:], lambda _: b""])
def test_what_is_damaged_is_refused(harm):
    packed = pack([Booking(1, 0, "strike:a", BEGINNING, ("d", None, "k"), (1, 0), restated=False)])
    with pytest.raises(ValueError, match="unpacked"):
        Lines(harm(packed))
