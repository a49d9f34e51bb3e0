"""Who took part, as what, and who sat with whom (docs/projections.md)."""

from typing import Any

import pytest

from incidentlog.projections.actor_participation import TABLE
from tests.projections.showing import Given, given
from tests.subjects.given import Event, day, event, merge, retract, timeline


def actors(*told: str) -> list[Event]:
    """`UKR/party`, and a party where no role is told."""
    return [{"code": t.partition("/")[0], "role": t.partition("/")[2] or "party"} for t in told]


def talk(*who: str, name: str = "a", on: str = "2025-05-16", **more: Any) -> Event:
    told = {"track": "t", "format": "multilateral", "level": "delegation", "direct_ua_ru": False, "outcome": "o"}
    said = {**told, **more}
    return event("talk.held", f"talk:{name}", name, occurred=day(on), actors=actors(*who), data=said)


def met(log: Given, **where: str) -> dict[str, int]:
    rows = log.shows("actor_participation", by=("actor", "with"), **where)
    return {key: row["met"] for key, row in rows.items() if row["met"]}


def participations(log: Given, *by: str, **where: str) -> dict[str, int]:
    rows = log.shows("actor_participation", by=by, **where)
    return {key: row["participations"] for key, row in rows.items()}


@pytest.fixture(scope="module")
def the_timeline() -> Given:
    return given(*timeline())


def test_who_sat_with_ukraine_and_how_often(the_timeline: Given):
    assert met(the_timeline, actor="UKR") == {
        "UKR|ARE": 2, "UKR|DEU": 4, "UKR|EUU": 1, "UKR|FRA": 4, "UKR|GBR": 4,
        "UKR|RUS": 8,  # three rounds in 2022, three in 2025, two in 2026; in Riyadh they did not meet
        "UKR|SAU": 2, "UKR|TUR": 5, "UKR|USA": 11,
    }  # fmt: skip


def test_meeting_is_mutual(the_timeline: Given):
    pairs = met(the_timeline)
    assert all(pairs["|".join(reversed(pair.split("|")))] == n for pair, n in pairs.items())


def test_mediators_by_category(the_timeline: Given):
    assert participations(the_timeline, "actor", "category", role="mediator", category="exchange") == {
        "ARE|exchange": 5, "USA|exchange": 1,
    }  # fmt: skip


def test_roles_and_months_are_apart():
    log = given(talk("UKR", "USA/mediator"), talk("UKR", "USA/host", name="b", on="2025-06-01"))
    assert participations(log, "actor", "role", "month") == {
        "UKR|party|2025-05": 1, "UKR|party|2025-06": 1, "USA|host|2025-06": 1, "USA|mediator|2025-05": 1,
    }  # fmt: skip
    assert met(log) == {"UKR|USA": 2, "USA|UKR": 2}


def test_parties_of_proximity_talks_do_not_sit_together():
    log = given(talk("UKR", "RUS", "USA/mediator", format="proximity"))
    assert met(log) == {"RUS|USA": 1, "UKR|USA": 1, "USA|RUS": 1, "USA|UKR": 1}


def test_the_two_sat_together_only_where_they_met_directly():
    assert met(given(talk("UKR", "RUS.MOD"))) == {}
    assert met(given(talk("UKR", "RUS", direct_ua_ru=True))) == {"RUS|UKR": 1, "UKR|RUS": 1}


def test_nobody_sits_with_itself_whatever_its_roles():
    log = given(talk("TUR/host", "TUR/mediator", "UKR"))
    assert met(log) == {"TUR|UKR": 1, "UKR|TUR": 1}
    assert participations(log, "actor") == {"TUR": 2, "UKR": 1}


def test_a_talk_that_was_only_proposed_seats_nobody():
    proposed = event("talk.proposed", "talk:a", actors=actors("UKR", "RUS"), track="t")
    assert met(given(proposed)) == {}
    assert participations(given(proposed), "actor") == {"RUS": 1, "UKR": 1}


@pytest.mark.parametrize(("mode", "pairs"), [("visit", 2), ("phone_call", 0), ("video", 0), ("message", 0)])
def test_of_contacts_only_a_visit_is_sitting_together(mode: str, pairs: int):
    log = given(event("contact.held", "contact:a", actors=actors("USA", "RUS"), mode=mode))
    assert len(met(log)) == pairs


def test_at_a_table_too_large_only_the_principals_are_paired_and_the_others_counted():
    allies = [f"ZZZ.A{n}/ally" for n in range(TABLE)]
    log = given(talk("UKR", "USA/mediator", *allies))
    assert met(log) == {"UKR|USA": 1, "USA|UKR": 1}
    rows = log.shows("actor_participation", by=("role",))
    assert {role: row["unpaired"] for role, row in rows.items()} == {"ally": TABLE, "mediator": 0, "party": 0}


def test_sub_actors_are_apart_and_together_by_state():
    log = given(talk("RUS.MOD", "RUS", "USA"))
    assert participations(log, "actor") == {"RUS": 1, "RUS.MOD": 1, "USA": 1}
    assert participations(log, "state") == {"RUS": 2, "USA": 1}


def test_a_talk_counts_in_the_month_it_was_held():
    proposed = event("talk.proposed", "talk:a", occurred=day("2025-04-30"), actors=actors("UKR"), track="t")
    log = given(proposed, talk("UKR", "USA"))
    assert log.shows("actor_participation", by=("month",), actor="UKR")["2025-05"]["met"] == 1
    assert met(log.first(1)) == {}


def test_merged_talks_are_one_and_retracted_ones_none():
    log = given(talk("UKR", "USA"), talk("UKR", "USA", name="b"), merge("talk:a", "talk:b"), retract("a"), retract("b"))
    assert [met(log.first(n)).get("UKR|USA") for n in (2, 3, 4, 5)] == [2, 1, 1, None]
    assert log.shows("actor_participation") == {}
