"""A line that is booked once is read as if each day of its rolling sums had been booked."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.events.recorded import Recorded
from incidentlog.events.values import Occurred, start_instant
from incidentlog.folding.afresh import group_bookings, sum_bookings
from incidentlog.folding.change import Change, Families
from incidentlog.folding.lines import Lines, merge, pack
from incidentlog.folding.rolling import days, days_of, latest, latest_of, rolled, rolled_bookings
from incidentlog.folding.rows import Group, Grouping
from incidentlog.folding.shapes import Booking, Contribution, Key, Tally
from incidentlog.folding.steps import TallyStep
from incidentlog.folding.subject import Subject
from incidentlog.folding.totalling import Booked, Part, Window, total
from incidentlog.projections.escalation_index import DAYS, EscalationIndex
from tests.subjects.given import KYIV, Event, amend, event, given
from tests.subjects.saying import DATES, PATCHES, marked
from tests.zone_data import FORMER, altered

FORMERLY: Final = altered("2024a", FORMER).id
INDEX = EscalationIndex()
MONTHS = st.sampled_from(["2025-04-30", "2025-05-28", "2025-05-31", "2025-12-29", "2025-10-25", "2025-03-30"])
"""Days after which another month begins, or another year, or days of 23 and 25 hours."""


class OnSevenDays(EscalationIndex):
    """The same with every day booked."""

    rolling = 0

    def _scored(self, subject: Subject, told: Iterable[tuple[Occurred, str]]) -> Iterator[Contribution]:
        for at, (*when, _), (score, one) in super()._scored(subject, told):
            if when[0] is None:
                yield Contribution(at, tuple(when), (score, one, 0, 0))
                continue
            yield Contribution(at, tuple(when), (score, one, score, one))
            for n in range(1, DAYS):
                day = date.fromisoformat(when[0]) + timedelta(days=n)
                buckets = Occurred(start=day, precision="day", tz=subject.zone).buckets(subject.zone)
                begins = start_instant(day, subject.zone)
                yield Contribution(max(at, begins), (*buckets.values, *when[3:]), (0, 0, score, one))


@st.composite
def logs(draw: st.DrawFn) -> list[Recorded]:
    """Histories of every kind, at several markings, by zone data that change."""

    def moved(said: Event) -> Event:
        if said["occurred"]["precision"] != "day" or "end" in said["occurred"]:
            return said
        return {**said, "occurred": {**said["occurred"], "start": draw(st.one_of(DATES, MONTHS))}}

    patches = st.one_of(PATCHES, MONTHS.map(lambda day: {"occurred": {"start": day}}))
    events = marked(draw, patches, moved)
    return given(*events, valid=False, zone_data=draw(st.lists(st.sampled_from([None, FORMERLY]), max_size=12)))


def booked(tally: Tally, log: list[Recorded]) -> list[Booking]:
    step = TallyStep(tally)
    for change in changes_of(log):
        step.apply(change)
    return step.bookings


def changes_of(log: list[Recorded]) -> Iterator[Change]:
    return Families({}).changes(log, KYIV)


def by_key(groups: list[Group]) -> dict[Key, tuple[tuple[int, ...], int, bool]]:
    """Of each group what it shows; no key is there twice."""
    found = {g.key: (tuple(g.sums), g.position, g.restated) for g in groups}
    assert len(found) == len(groups)
    return found


@settings(max_examples=60)
@for_all(logs())
def test_it_is_read_as_if_every_day_had_been_booked(log: list[Recorded]):
    stored, right = booked(INDEX, log), booked(OnSevenDays(), log)
    assert Counter(rolled_bookings(INDEX, stored)) == Counter(right)
    if stored:
        lines = Lines(pack(stored))
        assert Counter(rolled(INDEX, lines).bookings()) == Counter(right)
        assert (
            latest(INDEX, stored)
            == latest_of(INDEX, lines)
            >= max((b.at for b in right), default=latest(INDEX, stored))
        )
        told = {b.dimensions[0] for b in right if b.dimensions[0] is not None}
        first, last = days(INDEX, stored)
        assert (first, last) == days_of(INDEX, [lines])
        assert all(first is not None and last is not None and str(first) <= day <= str(last) for day in told)


@settings(max_examples=60)
@for_all(
    logs(),
    st.integers(0, 12),
    st.sampled_from(["2025-05-03T10:00", "2025-05-20T21:30", "2025-05-20T22:30", "2026-01-01T21:30", "2028-01-01"]),
    st.sampled_from([
        Grouping(("day",)), Grouping(("day", "week", "month")), Grouping(("week",)), Grouping(("type",)), Grouping(()),
        Grouping(("day",), {"verification": ("unverified",)}), Grouping(("month", "category")),
        Grouping(("type",), {"day": ("2025-05-12", "2025-05-13", "2026-01-01")}), Grouping(("place",), {"month": ("2025-06",)}),
        Grouping(("day", "type"), since="2025-05-10", until="2025-05-17"), Grouping(("category",), since="2025-05-31"),
        Grouping(("week",), until="2025-05-05"),
    ]),
    st.sampled_from([0, 1, 4]),
)  # fmt: skip
def test_sums_over_it_are_sums_over_every_day(
    log: list[Recorded], position: int, at: str, grouping: Grouping, clearance: int
):
    """As of any position, by any grouping, for any clearance; of lines in pieces as well."""
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    stored = [b for b in booked(INDEX, log) if b.position <= position]
    reference = [b for b in booked(OnSevenDays(), log) if b.position <= position]
    right = by_key(sum_bookings(OnSevenDays(), reference, instant, grouping, clearance))
    assert by_key(group_bookings(INDEX, stored, instant, grouping, clearance)) == right
    by_position = [[b for b in stored if b.position % 2 == n] for n in (0, 1)]
    window = Window(0, position, clearance, at=instant)
    parts = [Part(rolled(INDEX, Lines(pack(own))), window, INDEX.dimensions) for own in by_position if own]
    assert by_key(total(parts, grouping, len(INDEX.measures))) == right


def test_what_is_moved_to_the_next_day_moves_the_first_and_the_last_of_them_alone():
    """On the others it was before and is now: nothing that a row of theirs shows was booked, nor where it was."""
    log = given(event("strike.reported", "strike:a", "a", data={"means": ["drone"], "target_class": "energy"}),
                amend("a", {"occurred": {"start": "2025-11-20"}}))  # fmt: skip
    stored = booked(INDEX, log)
    assert len(stored) == 3
    lines = rolled(INDEX, Lines(merge([Lines(pack(stored[:1])), Lines(pack(stored[1:]))])))
    days = [b.dimensions[0] for b in lines.bookings() if b.position == 2]
    assert sorted(map(str, days)) == ["2025-11-19", "2025-11-20", "2025-11-26"]
    asked = Booked([("2025-11-21",), ("2025-11-26",)], 9)
    asked.take([Part(lines, Window(0, 9, 4), INDEX.dimensions)], Grouping(("day",)))
    assert asked.positions() == {("2025-11-21",): [1], ("2025-11-26",): [2]}
