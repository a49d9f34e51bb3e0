"""A log counts in the days of its own zone, whatever that is (docs/events.md, What a date means)."""

from typing import Any

import pytest

from incidentlog.events.values import start_instant
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Row
from incidentlog.projections import PROJECTIONS
from tests.projections.showing import RECORDED, when
from tests.projections.test_ceasefire_status import TRUCE, declared, violation
from tests.projections.test_exchange_tally import released
from tests.projections.test_talks_ledger import held
from tests.subjects.given import Event, event, given

BOGOTA, KYIV, AUCKLAND = "America/Bogota", "Europe/Kyiv", "Pacific/Auckland"
NIGHT = "2025-11-19T01:30:00Z"
"""The 18th in Bogotá, the 19th in Kyiv."""


def at_night(type_name: str, stream: str, occurred: str = NIGHT, **more: Any) -> Event:
    return event(type_name, stream, occurred={"start": occurred, "precision": "minute", "tz": "UTC"}, **more)


def shows(zone: str, name: str, at: str, *events: Event, by: tuple[str, ...] = ()) -> dict[str, Row]:
    grouping = Grouping(by or getattr(PROJECTIONS[name], "group_by", ()), {})
    log = given(*events, start=RECORDED)
    return Afresh(log, zone).rows(PROJECTIONS[name], start_instant(when(at), zone), grouping)


STRIKE = at_night("strike.reported", "strike:a", means=["drone"], target_class="energy")
TALK = held(NIGHT)
EXCHANGE = at_night(
    "exchange.completed", "exchange:a", released=released(3), links=[{"rel": "implements", "target": "commitment:a"}]
)
VIOLATION = violation("a", NIGHT)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("city_incidents", STRIKE),
        ("strike_profile", STRIKE),
        ("daily_timeline", STRIKE),
        ("actor_participation", TALK),
        ("exchange_tally", EXCHANGE),
        ("implementations", EXCHANGE),
        ("violations", VIOLATION),
        ("violation_sheets", VIOLATION),
    ],
)
def test_an_event_is_of_the_day_that_it_was_in_the_logs_zone(name: str, said: Event):
    for zone, day in ((BOGOTA, "2025-11-18"), (KYIV, "2025-11-19")):
        assert list(shows(zone, name, "2025-12-31", said, by=("day",))) == [day]


def test_the_index_and_its_mean_are_of_the_days_of_the_logs_zone():
    for zone, days in ((BOGOTA, range(18, 25)), (KYIV, range(19, 26))):
        rows = shows(zone, "escalation_index", "2025-12-31", STRIKE)
        assert list(rows) == [f"2025-11-{day}" for day in days]
        assert [row["events"] for row in rows.values()] == [1, 0, 0, 0, 0, 0, 0]


def test_the_gap_since_the_last_round_grows_at_the_logs_midnight():
    rows = [shows(zone, "talks_ledger", "2025-11-19T12:00:00+00:00", TALK)["ua-ru"] for zone in (BOGOTA, KYIV)]
    assert [row["days_since_last"] for row in rows] == [1, 0]
    assert [row["next_transition_at"].isoformat() for row in rows] == [
        "2025-11-20T05:00:00+00:00",
        "2025-11-19T22:00:00+00:00",
    ]


def test_a_position_ages_at_the_logs_midnight():
    said = at_night("statement.made", "statement:a", speaker="UKR", topic="borders", stance="rejects")
    rows = [shows(zone, "positions_board", "2025-11-19T12:00:00+00:00", said)["UKR|borders"] for zone in (BOGOTA, KYIV)]
    assert [row["age_days"] for row in rows] == [1, 0]
    assert [row["next_transition_at"].hour for row in rows] == [5, 22]


def test_a_commitment_is_overdue_by_days_of_the_logs_zone():
    made = at_night(
        "commitment.made", "commitment:a", "2025-11-01T00:00:00Z",
        obligor="RUS", beneficiary="UKR", kind="deadline", text="to withdraw", due=NIGHT,
    )  # fmt: skip
    rows = [shows(zone, "commitments", "2025-11-19T12:00:00+00:00", made)["commitment:a"] for zone in (BOGOTA, KYIV)]
    assert [row["days_over"] for row in rows] == [1, 0]
    assert [row["next_transition_at"].hour for row in rows] == [5, 22]


@pytest.mark.parametrize("zone", [BOGOTA, KYIV, AUCKLAND])
def test_what_is_claimed_of_a_ceasefire_is_before_it_in_it_or_after_it_in_every_zone(zone: str):
    """Claims are summed by local weeks, and a boundary cuts one: which they fall under is a matter of instants."""
    truce = declared("2025-11-16T20:00:00Z", "2025-11-16T23:00:00Z", "2025-11-24T03:00:00Z")
    instants = (
        "2025-11-16T22:59:00Z", "2025-11-16T23:01:00Z", "2025-11-17T10:59:00Z", "2025-11-17T11:01:00Z",
        "2025-11-20T12:00:00Z", "2025-11-24T02:59:00Z", "2025-11-24T03:01:00Z", "2025-11-24T11:30:00Z",
    )  # fmt: skip
    claims = [violation(str(n), instant) for n, instant in enumerate(instants)]
    row = shows(zone, "ceasefire_status", "2025-12-31", truce, *claims)[TRUCE]
    assert (row["pre_entry"], row["compliance"]["by_claimant"], row["post_end"]) == (1, {"UKR": 5}, 2)


@pytest.mark.parametrize(
    ("zone", "begin", "end"),
    [
        ("Asia/Beirut", "2026-03-29", "2026-04-05"),
        ("Africa/Cairo", "2026-04-24", "2026-05-01"),
        ("America/Asuncion", "2023-10-01", "2023-10-08"),
        ("America/Santiago", "2025-09-07", "2025-09-14"),
        ("Pacific/Apia", "2011-12-29", "2012-01-05"),
        ("Europe/Kyiv", "2026-03-29", "2026-04-05"),
    ],
)
def test_a_term_in_days_ends_at_a_days_begin_also_where_a_day_begins_at_one(zone: str, begin: str, end: str):
    truce = declared(begin, begin, duration_days=7)
    truce["occurred"]["tz"] = zone
    row = shows(zone, "ceasefire_status", end, truce)[TRUCE]
    assert row["terms"]["effective_until"] == start_instant(when(end), zone)
    assert row["state"] == "expired"


def test_a_partys_own_term_is_as_many_days_long_where_a_day_begins_at_one():
    zone = "Asia/Beirut"
    agreed = event(
        "ceasefire.agreed", TRUCE, occurred={"start": "2026-03-20", "precision": "day", "tz": zone},
        actors=[{"code": "UKR", "role": "party"}, {"code": "RUS", "role": "party"}], scope=["general"],
        effective_from="2026-03-29", effective_until="2026-04-05",
    )  # fmt: skip
    stated = event(
        "ceasefire.position_stated", TRUCE, occurred={"start": "2026-03-21", "precision": "day", "tz": zone},
        party="RUS", stated_status="in_force", stated_from="2026-04-01",
    )  # fmt: skip
    row = shows(zone, "ceasefire_status", "2026-04-02", agreed, stated)[TRUCE]
    assert row["disputed_terms"]["effective_until"]["RUS"] == start_instant(when("2026-04-08"), zone)
