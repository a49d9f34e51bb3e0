"""Goldstein's weights by how sure the events are, with their number beside them (docs/projections.md)."""

from typing import Any

import pytest

from incidentlog.folding.shapes import Row
from incidentlog.projections.escalation_index import FACTORS, weights
from incidentlog.subjects import EVENTS
from tests.projections.showing import Given, given
from tests.subjects.given import Event, day, event, merge, retract, source, timeline

TWO = [source(origin="One"), source(origin="Two")]


def strike(name: str = "a", on: str = "2025-12-10", means: tuple[str, ...] = ("drone",), **more: Any) -> Event:
    data = {"means": list(means), "target_class": "energy"}
    return event("strike.reported", f"strike:{name}", name, **{"occurred": day(on), **more}, data=data)


def said(
    type_name: str, /, *, stream: str | None = None, actors: tuple[tuple[str, str], ...] = (), **data: Any
) -> Event:
    return event(
        type_name, stream or f"{type_name.partition('.')[0]}:a", occurred=day("2025-12-10"), verification="verified",
        actors=[{"code": code, "role": role} for code, role in actors], data=data,
    )  # fmt: skip


def held(*mediators: str) -> Event:
    sides = (("UKR", "party"), ("RUS", "party"), *((m, "mediator") for m in mediators))
    return said(
        "talk.held", actors=sides, track="t", format="multilateral", level="delegation", direct_ua_ru=True, outcome="o"
    )


def on(log: Given, day_: str = "2025-12-10", at: str = "2026-12-31") -> Row:
    return log.shows("escalation_index", at)[day_]


# ------------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize(
    ("verification", "index"),
    [("verified", -10.0), ("corroborated", -8.0), ("single_source", -5.0), ("unverified", -2.5), ("disputed", -2.5),
     ("refuted", 0.0)],
)  # fmt: skip
def test_a_strike_weighs_by_its_verification_and_is_counted_all_the_same(verification: str, index: float):
    row = on(given(strike(verification=verification, sources=TWO)))
    assert (row["index"], row["events"]) == (index, 1)


MADE = {"obligor": "RUS", "kind": "goal", "text": "t"}
TERMS = {"scope": ["general"]}
FREED = {"UKR": {"total": 1}}
GIVEN = {"provider": "USA", "recipient": "UKR"}


@pytest.mark.parametrize(
    ("happened", "index"),
    [
        (held(), 7.0),
        (held("USA"), 5.0),
        (said("talk.proposed", track="t"), 4.0),
        (said("contact.held", mode="phone_call"), 1.0),
        (said("contact.held", mode="visit"), 1.9),
        (said("contact.held", mode="message"), None),
        (said("proposal.tabled", by="USA"), 5.0),
        (said("proposal.responded", responder="RUS", response="accepted"), 7.0),
        (said("proposal.responded", responder="RUS", response="rejected"), -5.0),
        (said("proposal.responded", responder="RUS", response="under_review"), None),
        (said("statement.made", speaker="RUS", stance="threat", topic="t"), -7.0),
        (said("statement.made", speaker="RUS", stance="hope", topic="t"), None),
        (said("agreement.reached", form="signed", scope=[]), 8.0),
        (said("agreement.reached", form="verbal", scope=[]), None),
        (said("ceasefire.proposed", **TERMS), -0.3),
        (said("ceasefire.declared", **TERMS), 9.0),
        (said("ceasefire.responded", party="RUS", response="rejected"), -5.0),
        (said("ceasefire.responded", party="RUS", response="accepted"), None),
        (said("violation.reported", ceasefires=["ceasefire:x"], accused=["RUS"], claimed_by="UKR", severity="grave",
              count=99), -9.5),
        (said("exchange.completed", released=FREED), 7.0),
        (said("remains.repatriated", to="UKR", count=1), 7.0),
        (said("incident.reported", kind="shelling"), -10.0),
        (said("incident.reported", kind="cyber"), None),
        (said("sanction.imposed", imposer="USA"), -6.5),
        (said("sanction.eased", imposer="USA"), 7.0),
        (said("assistance.pledged", **GIVEN, kind=["military"]), 5.2),
        (said("assistance.delivered", **GIVEN, kind=["financial", "humanitarian"]), 7.4),
        (said("assistance.pledged", **GIVEN, kind=["financial"]), None),
        (said("corridor.opened"), 9.0),
        (said("commitment.made", **MADE), None),
    ],
    ids=lambda x: x if not isinstance(x, dict) else f"{x['type']} {list(x['data'].values())[:2]}",
)  # fmt: skip
def test_each_kind_of_event_has_its_weight_or_none(happened: Event, index: float | None):
    rows = given(happened).shows("escalation_index")
    assert (rows["2025-12-10"]["index"] if rows else None) == index


def test_every_row_of_the_table_is_of_event_types_that_there_are():
    names = {name for name, _ in EVENTS.types}
    for label in weights():
        kind, _, rest = label.partition(" ")[0].partition(".")
        assert {f"{kind}.{what}" for what in rest.split("/")} <= names, label
    assert FACTORS.keys() == {"unverified", "single_source", "corroborated", "verified", "disputed", "refuted"}


def test_sums_are_exact_to_the_thousandth():
    claim = {"ceasefires": ["ceasefire:x"], "accused": ["RUS"], "claimed_by": "UKR", "severity": "grave"}
    log = given(*(event("violation.reported", f"violation:{n}", data=claim) for n in range(3)))
    assert on(log, "2025-11-19")["index"] == -7.125  # 3 x 9.5 x 0.25


# ------------------------------------------------------------------------------------------------------- counting


def test_a_thing_told_twice_happened_once():
    assessed = event("strike.assessed", "strike:a", occurred=day("2025-12-10"), data={"as_of": "2025-12-11"})
    log = given(strike(), strike() | {"id": strike("again")["id"]}, assessed)
    assert on(log)["events"] == 1
    log = given(strike("a"), strike("b"), merge("strike:a", "strike:b"))
    assert [on(log.first(n))["events"] for n in (2, 3)] == [2, 1]


def test_two_merged_records_of_a_talk_are_one_talk_on_each_day():
    log = given(held(), {**held(), "stream": "talk:b"}, merge("talk:a", "talk:b"))
    assert [on(log.first(n))["events"] for n in (2, 3)] == [2, 1]


def test_an_exchange_in_stages_counts_by_its_stages_only():
    stages = [said("exchange.stage_completed", stage=n, released=FREED) for n in (1, 2)]
    log = given(*stages, said("exchange.completed", released_total={"UKR": 2}))
    assert on(log)["events"] == 2


def test_retracted_and_unfit_events_have_no_weight():
    assert given(strike(), retract("a")).shows("escalation_index") == {}
    twice = [said("talk.cancelled", by="RUS"), said("talk.cancelled", by="RUS")]
    assert on(given(said("talk.proposed", track="t"), *twice))["index"] == 4.0 - 7.0


# ---------------------------------------------------------------------------------------------- the seven-day mean


def test_the_mean_is_over_a_day_and_the_six_before_it():
    log = given(strike("a", "2025-12-10", verification="verified"), strike("b", "2025-12-16", verification="verified"))
    rows = log.shows("escalation_index")
    means = {d: (rows[d]["events"], rows[d]["mean_7_days"], rows[d]["events_7_days"]) for d in sorted(rows)}
    assert means["2025-12-10"] == (1, -1.429, 1)
    assert means["2025-12-15"] == (0, -1.429, 1)
    assert means["2025-12-16"] == (1, -2.857, 2)
    assert means["2025-12-17"] == (0, -1.429, 1)
    assert max(means) == "2025-12-22"


def test_a_day_that_has_not_come_has_no_mean_yet():
    log = given(strike("a", "2025-12-10"))
    assert list(log.shows("escalation_index", "2025-12-11T23:59")) == ["2025-12-10", "2025-12-11"]
    assert list(log.shows("escalation_index", "2025-12-12")) == ["2025-12-10", "2025-12-11", "2025-12-12"]


def test_e12_what_is_known_to_the_month_is_in_no_day_and_no_mean():
    month = {"start": "2025-12-01", "precision": "month", "tz": "Europe/Kyiv"}
    log = given(strike(occurred=month))
    assert log.shows("escalation_index", by=("month",))["2025-12"]["events"] == 1
    row = log.shows("escalation_index")[""]
    assert (row["events"], row["mean_7_days"]) == (1, None)


def test_other_groups_than_days_have_no_mean():
    assert "mean_7_days" not in given(strike()).shows("escalation_index", by=("type",))["strike.reported (uav)"]


def test_the_timeline_at_the_end_of_2025():
    rows = given(*timeline()).shows("escalation_index", "2025-12-25")
    shown = {d: (rows[d]["index"], rows[d]["events"]) for d in ("2025-11-19", "2025-12-18", "2025-12-19", "2025-12-20")}
    assert shown == {
        "2025-11-19": (-10.0, 1),
        "2025-12-18": (-13.0, 2),  # a bridge, corroborated, and an airfield, from a single source
        "2025-12-19": (-5.5, 2),  # a port, corroborated, and a mediated talk, from a single source
        "2025-12-20": (7.2, 2),  # a talk held and one proposed, both corroborated; the strike was retracted
    }
