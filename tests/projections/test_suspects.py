"""Subjects of an import that may have been told before (docs/import.md, Twice in the log)."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given as for_all
from hypothesis import strategies as st

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import Occurred
from incidentlog.projections.candidates import Outline, compare
from incidentlog.projections.suspects import Blocks, Comparison
from incidentlog.subjects.alert import Alert
from incidentlog.subjects.strike import Strike

KYIV = "Europe/Kyiv"
ODESA = ResolvedPlace(
    name="Odesa", place_id="geonames:698740", country="UA", lat=46.48, lon=30.73, precision="settlement", how="name"
)


def told(stream: str, start: str = "2023-08-01T10:00", minutes: int = 30, place: ResolvedPlace = ODESA) -> Outline:
    occurred = Occurred(start=start, precision="minute", tz=KYIV)
    return Outline(stream, Alert, occurred, (occurred.since, occurred.since + timedelta(minutes=minutes)), place, None)


def reviewed(
    own: list[Outline], others: list[Outline], of_source: frozenset[str] = frozenset()
) -> dict[str, list[tuple[str, bool]]]:
    """What is suspected of each subject, and whether it is likely; in the order of the groups."""
    comparison = Comparison(own, others, of_source)
    for one in own:
        comparison.look_at(one)
    found = comparison.review()
    assert found.whole
    return {g.own.stream: [(s.candidate.stream, s.likely) for s in g.suspects] for g in found.groups}


def test_the_twin_comes_first_and_the_surest_subject_before_others():
    own = [told("alert:late", "2023-08-01T10:07"), told("alert:own", "2023-08-01T12:01")]
    others = [told("alert:long", "2023-08-01T09:40", 300), told("alert:twin", "2023-08-01T12:02")]
    assert reviewed(own, others) == {
        "alert:own": [("alert:twin", True), ("alert:long", False)],
        "alert:late": [("alert:long", False), ("alert:twin", False)],
    }


def test_of_two_that_have_one_twin_only_the_nearer_is_likely():
    own = [told("alert:near", "2023-08-01T10:01"), told("alert:far", "2023-08-01T10:05")]
    assert reviewed(own, [told("alert:twin")]) == {
        "alert:near": [("alert:twin", True)],
        "alert:far": [("alert:twin", False)],
    }


def test_what_one_source_tells_apart_is_never_likely_and_told_once():
    own = [told("alert:a"), told("alert:b"), told("alert:c", "2023-08-01T10:01")]
    before = told("alert:of an earlier release")
    found = reviewed(own, [before], frozenset({before.stream}))
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
