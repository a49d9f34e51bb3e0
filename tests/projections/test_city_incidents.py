"""Incidents by place, kind and local day (docs/projections.md), with the cases E6, E12 and E13 that meet here."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from incidentlog.folding.change import seen_at
from incidentlog.folding.fold import RED, fold_family
from incidentlog.folding.shapes import Row, Tally
from incidentlog.projections import PROJECTIONS
from tests.projections.showing import KYIV, Given, given
from tests.subjects.given import Event, amend, day, event, id_of, merge, minute, retract, timeline

CITY: Tally = PROJECTIONS["city_incidents"]  # type: ignore[assignment]
ODESA_ID = "geonames:698740"
ODESA = {"name": "Odesa", "place_id": ODESA_ID, "country": "UA", "admin1": "17", "precision": "settlement"}
REGION = {"name": "Odesa oblast", "country": "UA", "admin1": "17", "precision": "admin1"}
A, B = "strike:a", "strike:b"


def strike(name: str, place: Event | None = ODESA, killed: Any = None, **more: Any) -> Event:
    data = {"means": ["drone"], "target_class": "civilian", "attributed_to": "RUS"}
    if killed is not None:
        data["casualties"] = {"killed": killed if isinstance(killed, dict) else {"best": killed}}
    where = {"place": place} if place else {}
    return event(
        "strike.reported", f"strike:{name}", name, **where, **{"occurred": day("2025-12-19")} | more, data=data
    )


def merged(absorbed: str, into: str) -> Event:
    return merge(into, absorbed, name="merged")


def counts(rows: dict[str, Row]) -> dict[str, int]:
    return {key: row["incidents"] for key, row in rows.items()}


def estimate(low: int | None, best: int | None, high: int | None) -> dict[str, int | None]:
    return {"low": low, "best": best, "high": high}


REPORT_A = strike("a", killed=7)
REPORT_B = strike("b", {**ODESA, "name": "Odessa"}, killed=8)


# ------------------------------------------------------------------------------------------- cases by their names


def test_e6_two_reports_of_one_strike_count_twice_until_merged_and_again_if_that_is_retracted():
    log = given(REPORT_A, REPORT_B, merged(B, into=A), retract("merged"))
    rows = [log.first(n).shows("city_incidents")[ODESA_ID] for n in (2, 3, 4)]
    assert [(r["incidents"], r["reports"], r["restated"]) for r in rows] == [(2, 2, False), (1, 2, True), (2, 2, True)]
    assert [r["killed"]["best"] for r in rows] == [15, 8, 15]  # never summed over a merge


def test_e12_an_event_known_to_the_month_is_in_the_months_bucket_and_in_no_days():
    month = {"start": "2025-12-01", "precision": "month", "tz": KYIV}
    log = given(strike("a", occurred=month))
    assert counts(log.shows("city_incidents", by=("day",))) == {"": 1}
    assert counts(log.shows("city_incidents", by=("week",))) == {"": 1}
    assert counts(log.shows("city_incidents", by=("month",))) == {"2025-12": 1}


@for_all(
    st.dates(date(2025, 11, 20), date(2026, 1, 10)),
    st.integers(0, 45),
    st.sampled_from(["window", "length", None]),
    st.sampled_from([None, "00:00", "23:30"]),
)
def test_a_window_is_counted_once_where_all_of_it_lies_and_a_length_where_it_began(
    start: date, days: int, is_a: str | None, clock: str | None
):
    last = start + timedelta(days=days)
    said = {"start": start.isoformat(), "end": last.isoformat(), "precision": "day", "tz": KYIV}
    if clock is not None:  # half-open: what ends at midnight ends with the day before
        said |= {"start": f"{start}T00:00", "end": f"{last}T{clock}", "precision": "minute"}
        last = max(start, last - timedelta(days=clock == "00:00"))
    log = given(strike("a", killed=3, occurred=said | ({} if is_a is None else {"range": is_a})))
    known = last if is_a == "window" or (is_a is None and clock is None) else start  # the last day on which it began
    held = {
        "day": start == known,
        "week": monday(start) == monday(known),
        "month": f"{start:%Y-%m}" == f"{known:%Y-%m}",
    }
    for bucket, lies_in_one in held.items():
        ((key, row),) = log.shows("city_incidents", by=(bucket,)).items()
        assert (row["incidents"], row["killed"]["best"], key != "") == (1, 3, lies_in_one)
        assert row["windows"] == ({"incidents": 0, "killed": None} if held["day"] else {"incidents": 1, "killed": 3})


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def test_e13_what_is_not_disclosed_is_null_and_counted_apart():
    row = given(strike("a")).shows("city_incidents")[ODESA_ID]
    assert (row["undisclosed"], row["killed"]) == (1, estimate(None, None, None))
    row = given(strike("a"), strike("b", killed=0)).shows("city_incidents")[ODESA_ID]
    assert (row["undisclosed"], row["killed"]) == (1, estimate(0, 0, 0))


# ------------------------------------------------------------------------------------------------------- places


def test_two_spellings_of_a_place_are_one_place_under_its_first_name():
    rows = given(REPORT_A, REPORT_B).shows("city_incidents")
    assert counts(rows) == {ODESA_ID: 2}
    assert rows[ODESA_ID]["name"] == "Odesa"


@pytest.mark.parametrize("precision", ["admin2", "admin1", "area"])
def test_what_is_coarser_than_a_settlement_is_counted_in_its_region_only(precision: str):
    log = given(REPORT_A, strike("b", {**REGION, "precision": precision}))
    assert counts(log.shows("city_incidents")) == {"": 1, ODESA_ID: 1}
    assert counts(log.shows("city_incidents", by=("admin1",))) == {"UA.17": 2}
    assert log.shows("city_incidents", by=("admin1",))["UA.17"]["name"] == "Odesa"


def test_a_name_that_is_not_resolved_is_counted_under_itself():
    log = given(
        strike("a", {"name": "Nova Niva", "country": "UA", "precision": "settlement"}),
        strike("b", {"name": "NOVA NÍVA", "country": "UA", "precision": "exact"}),
    )
    rows = log.shows("city_incidents")
    assert counts(rows) == {"name:nova niva": 2}
    assert rows["name:nova niva"]["name"] in {"Nova Niva", "NOVA NÍVA"}


def test_an_incident_without_a_place_is_not_dropped():
    log = given(strike("a", None))
    assert counts(log.shows("city_incidents")) == {"": 1}
    assert counts(log.shows("city_incidents", by=("country",))) == {"": 1}


def test_a_corrected_place_moves_the_count():
    log = given(
        REPORT_A, amend("a", {"place": {"name": "Pivdenne", "place_id": "geonames:687997", "precision": "exact"}})
    )
    assert counts(log.shows("city_incidents")) == {"geonames:687997": 1}
    assert counts(log.first(1).shows("city_incidents")) == {ODESA_ID: 1}


# --------------------------------------------------------------------------------------------------- kinds, days


def test_strikes_alerts_and_the_kinds_of_incident_are_counted_and_nothing_else():
    truce = {"ceasefires": ["ceasefire:x"], "accused": ["RUS"], "claimed_by": "UKR", "severity": "serious"}
    log = given(
        REPORT_A,
        event("alert.declared", "alert:a", place=REGION, level="oblast"),
        event("incident.reported", "incident:a", place=ODESA, kind="sabotage"),
        event("violation.reported", "violation:a", place=ODESA, data=truce),
    )
    rows = log.shows("city_incidents", by=("kind",))
    assert counts(rows) == {"alert": 1, "sabotage": 1, "strike": 1}
    assert rows["alert"]["undisclosed"] == 0


def test_a_strike_late_in_the_evening_of_utc_is_on_the_next_local_day():
    log = given(strike("a", occurred=minute("2025-11-18T22:30:00Z")))
    assert counts(log.shows("city_incidents", by=("day", "week", "month"))) == {"2025-11-19|2025-W47|2025-11": 1}


def test_a_day_is_a_day_in_the_zone_of_the_event():
    abroad = {"start": "2025-11-18", "precision": "day", "tz": "America/New_York"}
    assert counts(given(strike("a", occurred=abroad)).shows("city_incidents", by=("day",))) == {"2025-11-18": 1}


def test_what_happens_later_is_not_counted_yet():
    assert given(REPORT_A).shows("city_incidents", at="2025-12-18") == {}


def test_sides_and_verification_are_dimensions():
    log = given(REPORT_A, strike("c", verification="verified"))
    assert counts(log.shows("city_incidents", by=("side", "verification"))) == {"RUS|unverified": 1, "RUS|verified": 1}
    assert counts(log.shows("city_incidents", verification="verified")) == {ODESA_ID: 1}


# ------------------------------------------------------------------------------------------------------- figures


def test_in_sums_what_is_missing_takes_what_is_known():
    log = given(strike("a", killed={"low": 2}), strike("b", killed={"best": 5, "high": 9}))
    assert log.shows("city_incidents")[ODESA_ID]["killed"] == estimate(7, 7, 11)


def test_a_retracted_strike_is_not_counted_and_a_reinstated_one_is():
    log = given(REPORT_A, retract("a", "undo"), retract("undo"))
    assert log.first(2).shows("city_incidents") == {}
    assert counts(log.shows("city_incidents")) == {ODESA_ID: 1}


def test_the_timeline_by_place():
    rows = given(*timeline()).shows("city_incidents")
    assert rows["geonames:691650"]["killed"] == estimate(38, 38, 38)
    pivdenne = rows["geonames:687997"]
    assert (pivdenne["incidents"], pivdenne["reports"], pivdenne["killed"]["best"]) == (1, 2, 8)
    assert rows["geonames:709083"]["incidents"] == 1  # of two strikes on Belbek one was retracted


# -------------------------------------------------------------------------------- kept up = folded at one go

PLACES = st.sampled_from([ODESA, REGION, {"name": "Nowhere", "precision": "settlement"}, None])
DAYS = st.integers(1, 28).map(lambda n: day(f"2025-12-{n:02}"))
REPORTS = st.builds(
    lambda n, place, killed, on: strike("abc"[n], place, killed, occurred=on),
    st.integers(0, 2),
    PLACES,
    st.none() | st.integers(0, 5),
    DAYS,
)


@st.composite
def logs(draw: st.DrawFn) -> Given:
    """Up to three strikes, reported several times, some retracted, reinstated or merged."""
    events: list[Event] = []
    for n in range(draw(st.integers(1, 9))):
        said, what = draw(REPORTS), draw(st.integers(0, 5)) if events else 5
        if what == 0:
            said = retract(f"e{draw(st.integers(0, n - 1))}")
        elif what == 1:
            said = merge(*draw(st.permutations(["strike:a", "strike:b", "strike:c"]))[:2])
        events.append({**said, "id": id_of(f"e{n}")})
    return given(*events)


@for_all(logs())
def test_booked_change_by_change_the_sums_are_those_of_the_subjects_as_they_stand(log: Given):
    sums: dict[str | None, int] = {}
    for variants in fold_family(log.log, KYIV).values():
        subject = seen_at(variants, RED)
        for part in CITY.contributions(subject) if subject is not None else ():
            at, incidents = part.dimensions[CITY.dimensions.index("place")], part.amounts[0]
            sums[at] = sums.get(at, 0) + incidents
    assert counts(log.shows("city_incidents")) == {place or "": n for place, n in sums.items() if n}
