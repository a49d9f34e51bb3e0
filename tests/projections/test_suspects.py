"""Subjects of an import that may have been told before (docs/import.md, Twice in the log)."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import given as for_all
from hypothesis import strategies as st

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import Occurred
from incidentlog.projections.candidates import Outline, compare
from incidentlog.projections.suspects import EACH, TWIN, Blocks, Comparison, Ranking, Suspect, Suspected
from incidentlog.subjects.alert import Alert
from incidentlog.subjects.strike import Strike

KYIV = "Europe/Kyiv"
ODESA = ResolvedPlace(
    name="Odesa", place_id="geonames:698740", country="UA", lat=46.48, lon=30.73, precision="settlement", how="name"
)


def told(stream: str, start: str = "2023-08-01T10:00", minutes: int = 30, place: ResolvedPlace = ODESA) -> Outline:
    occurred = Occurred(start=start, precision="minute", tz=KYIV)
    return Outline(stream, Alert, occurred, (occurred.since, occurred.since + timedelta(minutes=minutes)), place, None)


def found_by(
    own: list[Outline], others: list[Outline], of_source: frozenset[str] = frozenset()
) -> dict[str, list[tuple[str, bool]]]:
    """What is suspected of each subject, and whether it is likely; in the order of the groups.

    All come in the order of time, and what is past is let go of before each.
    """
    comparison, ranking, groups = Comparison({o.stream for o in own}), Ranking(), list[Suspected]()

    def look(begin: datetime | None) -> None:
        for found in comparison.upto(begin):
            if found is not None:
                groups.append(found)
                ranking.take(found)

    for one in sorted([*own, *others], key=lambda o: o.span[0]):
        look(one.span[0])
        comparison.take(one, of_source=one.stream in of_source)
    look(None)
    assert (comparison.subjects, comparison.whole) == (len(own), True)
    return {
        groups[n].own.stream: [(s.candidate.stream, likely and not rank) for rank, s in enumerate(groups[n].suspects)]
        for n, likely in ranking.order()
    }


def test_the_twin_comes_first_and_the_surest_subject_before_others():
    own = [told("alert:late", "2023-08-01T10:07"), told("alert:own", "2023-08-01T12:01")]
    others = [told("alert:long", "2023-08-01T09:40", 300), told("alert:twin", "2023-08-01T12:02")]
    assert found_by(own, others) == {
        "alert:own": [("alert:twin", True), ("alert:long", False)],
        "alert:late": [("alert:long", False), ("alert:twin", False)],
    }


def test_of_two_that_have_one_twin_only_the_nearer_is_likely():
    own = [told("alert:near", "2023-08-01T10:01"), told("alert:far", "2023-08-01T10:05")]
    assert found_by(own, [told("alert:twin")]) == {
        "alert:near": [("alert:twin", True)],
        "alert:far": [("alert:twin", False)],
    }


def test_what_one_source_tells_apart_is_never_likely_and_told_once():
    own = [told("alert:a"), told("alert:b"), told("alert:c", "2023-08-01T10:01")]
    before = told("alert:of an earlier release")
    found = found_by(own, [before], frozenset({before.stream}))
    assert found == {
        "alert:a": [("alert:b", False), (before.stream, False)],
        "alert:b": [(before.stream, False)],
    }


POINTS = st.tuples(
    st.sampled_from([0.0, 46.48, 60.0, 79.9, 88.2, -89.9]), st.sampled_from([30.73, 179.98, -179.98, 0.0])
)
STEPS = st.floats(-0.4, 0.4)


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    """Something at or near one of a few points, and at or near one of a few days, for hours or up to a month."""
    (lat, lon), north, east = draw(POINTS), draw(STEPS), draw(STEPS)
    lat, lon = max(-90.0, min(90.0, lat + north)), (lon + east * 3 + 180) % 360 - 180
    precision = draw(st.sampled_from(["settlement", "exact", "admin1"]))
    place_id = draw(st.sampled_from([None, "geonames:1", "geonames:2"]))
    place = ResolvedPlace(
        name="somewhere", country="UA", lat=lat, lon=lon, precision=precision, place_id=place_id, how="name"
    )
    start = date(2023, 8, 1) + timedelta(days=draw(st.integers(0, 4)))
    precision = draw(st.sampled_from(["day", "day", "week", "month"]))
    occurred = Occurred(start=start, precision=precision, tz=KYIV)
    if draw(st.booleans()):
        occurred = Occurred(start=f"{start}T{draw(st.integers(0, 23)):02}:00", precision="minute", tz=KYIV)
    kind = draw(st.sampled_from([Alert, Strike]))
    return Outline(f"x:{draw(st.integers())}", kind, occurred, (occurred.since, occurred.until), place, None)


@for_all(outlines(), outlines())
def test_whatever_the_comparison_suggests_is_in_a_block_nearby(one: Outline, other: Outline):
    other = replace(other, stream="x:other")
    blocks = Blocks()
    blocks.add(other)
    if compare(one, other) is not None:
        assert [*blocks.near(one)] == [other]


def slowly(own: list[Outline], others: list[Outline], of_source: frozenset[str]) -> dict[str, list[tuple[str, bool]]]:
    """The same, each compared with each, and all of it ranked at its end."""
    mine, blocks = {o.stream for o in own}, Blocks()
    for each in (*own, *others):
        blocks.add(each)
    groups = dict[str, list[Suspect]]()
    for one in own:
        for other in blocks.near(one):
            if (told := compare(one, other)) is None:
                continue
            same_source, begun_apart = other.stream in mine | of_source, abs(one.span[0] - other.span[0])
            alike = told.where == "same_place" and told.hours_apart == 0 and not begun_apart
            if not same_source or (alike and not (other.stream in mine and one.stream > other.stream)):
                groups.setdefault(one.stream, []).append(Suspect(other, told, begun_apart, same_source))
    best = {stream: sorted(found, key=lambda s: s.rank)[:EACH] for stream, found in groups.items()}
    known = {o.stream: o for o in own}

    def is_likely(stream: str) -> bool:
        first = best[stream][0]
        rivals = [(s.rank, name) for name, found in best.items() for s in found if s.other is first.other]
        near = first.candidate.where == "same_place" and first.starts_apart <= TWIN and not first.is_same_source
        return near and known[stream].is_timed and min(rivals)[1] == stream

    order = sorted(best, key=lambda stream: (not is_likely(stream), best[stream][0].rank, stream))
    return {
        stream: [(s.candidate.stream, is_likely(stream) and not n) for n, s in enumerate(best[stream])]
        for stream in order
    }


@for_all(st.lists(outlines(), max_size=12, unique_by=lambda o: o.stream), st.data())
def test_as_they_come_the_same_is_found_as_with_all_of_them_at_hand(all_: list[Outline], data: st.DataObject):
    is_own = {o.stream: data.draw(st.booleans()) for o in all_}
    of_source = frozenset(o.stream for o in all_ if not is_own[o.stream] and data.draw(st.booleans()))
    own, others = [o for o in all_ if is_own[o.stream]], [o for o in all_ if not is_own[o.stream]]
    assert found_by(own, others, of_source) == slowly(own, others, of_source)


def test_what_is_past_is_let_go_of():
    long_ago, now = told("alert:before", "2023-06-01T10:00"), told("alert:now")
    comparison = Comparison({now.stream})
    comparison.take(long_ago)
    assert [*comparison.upto(now.span[0])] == []
    assert comparison.held == 0
    comparison.take(now)
    assert [*comparison.upto(None)] == [None]
