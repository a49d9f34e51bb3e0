"""How ceasefires and agreements stand; the cases E1-E11 of docs/ceasefires.md by their names."""

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from incidentlog.folding.shapes import Document, Row
from incidentlog.projections import PROJECTIONS
from incidentlog.projections.ceasefire_status import AccordBody
from tests.folding.test_kept_up import beside_of, bodies, folded, subjects_of, unmarked
from tests.projections.showing import Given, given, local
from tests.subjects.given import Event, amend, day, event, id_of, merge, minute, retract, timeline

STATUS: Document[AccordBody] = PROJECTIONS["ceasefire_status"]  # type: ignore[assignment]
EXPECTED = list(csv.DictReader((Path(__file__).parents[1] / "data" / "expected_status.csv").read_text().splitlines()))
TRUCE = "ceasefire:truce"
OTHER = "ceasefire:other"


def of_truce(what: str, on: str, called: str | None = None, /, stream: str = TRUCE, **data: Any) -> Event:
    occurred = minute(on) if "T" in on else day(on)
    return event(f"{stream.partition(':')[0]}.{what}", stream, called, occurred=occurred, data=data)


def declared(on: str, start: str, until: str | None = None, called: str | None = None, **more: Any) -> Event:
    terms = {"sidedness": "unilateral", "scope": ["general"], "declared_by": "RUS", "effective_from": start}
    end = {"effective_until": until} if until else {}
    return of_truce("declared", on, called, **{**terms, **end, **more})


def violation(name: str, on: str, by: str = "UKR", of: tuple[str, ...] = (TRUCE,), **more: Any) -> Event:
    accused = ["RUS" if by == "UKR" else "UKR"]
    said = {"ceasefires": list(of), "accused": accused, "claimed_by": by, "severity": "serious", **more}
    occurred = minute(on) if "T" in on else day(on)
    return event("violation.reported", f"violation:{name}", name, occurred=occurred, data=said)


def truce(log: Given, at: str, stream: str = TRUCE) -> Row:
    return log.shows("ceasefire_status", at)[stream]


DECLARED = declared("2025-05-01", "2025-05-08", "2025-05-11", "declared")
REJECTED = of_truce("responded", "2025-05-02", party="UKR", response="rejected")


# ------------------------------------------------------------------------------------------ the worked cases


@pytest.fixture(scope="module")
def the_timeline() -> Given:
    return given(*timeline())


@pytest.mark.parametrize("case", EXPECTED, ids=lambda c: f"{c['stream']} at {c['at']} known {c['known_at']}")
def test_the_worked_cases_come_out(the_timeline: Given, case: dict[str, str]):
    row = truce(the_timeline.known(case["known_at"]), case["at"], case["stream"])
    assert row["state"] == case["canonical"], case["why"]
    told = {party: case[party] for party in ("RUS", "UKR") if case[party]}
    assert {party: row["views"].get(party) for party in told} == told, case["why"]


def test_the_energy_truce_of_2026_has_three_intervals(the_timeline: Given):
    row = truce(the_timeline, "2026-02-03", "ceasefire:energy-2026")
    ends = row["disputed_terms"]["effective_until"]
    assert ends == {"RUS": local("2026-02-01"), "UKR": local("2026-02-05"), "USA": local("2026-02-01")}
    assert row["disputed_terms"]["effective_from"]["USA"] == local("2026-01-25")
    assert row["views"] == {"RUS": "expired", "UKR": "in_force", "USA": "expired"}


def test_the_energy_truce_of_2025_lasts_thirty_days_from_either_start(the_timeline: Given):
    disputed = truce(the_timeline, "2025-04-20", "ceasefire:energy-2025")["disputed_terms"]
    assert disputed["effective_from"]["UKR"] == local("2025-03-25")
    assert disputed["effective_until"] == {"RUS": local("2025-04-17"), "UKR": local("2025-04-24")}


def test_the_easter_truce_counts_by_claimant_and_apart_what_came_before(the_timeline: Given):
    row = truce(the_timeline, "2025-05-01", "ceasefire:easter-2025")
    assert row["compliance"]["by_claimant"] == {"RUS": 4900, "UKR": 2935}
    assert (row["pre_entry"], row["post_end"]) == (1, 0)


def test_the_headline_of_the_timeline(the_timeline: Given):
    headlines = {
        "2022-08-15": None,  # an agreement is no ceasefire
        "2023-01-07": "ceasefire:xmas-2023",
        "2025-03-20": "ceasefire:energy-2025",
        "2025-04-20": "ceasefire:easter-2025",
        "2025-04-29": "ceasefire:victory-day-2025",  # declared, and none in force
        "2026-01-30": "ceasefire:energy-2026",
    }
    shown = {at: the_timeline.known(at).shows("ceasefire_status", at)["headline"]["stream"] for at in headlines}
    assert shown == headlines


# ------------------------------------------------------------------------------------------------ E1 to E11


def test_e1_a_late_event_changes_the_past_and_says_so():
    late = of_truce("terminated", "2025-05-09", mode="withdrawal", by="RUS")
    log = given(DECLARED, of_truce("suspended", "2025-05-10"), late)
    assert truce(log, "2025-05-10")["state"] == "terminated"
    assert truce(log, "2025-05-10")["restated"]
    before = truce(log.first(2), "2025-05-10")
    assert (before["state"], before["restated"]) == ("suspended", False)


def test_e2_retracting_the_start_undoes_it_and_orphans_its_violations():
    log = given(DECLARED, violation("v", "2025-05-09", count=3), retract("declared", "undo"))
    row = truce(log, "2025-05-10")
    assert (row["state"], row["is_current"], row["orphaned"]) == ("none", False, ["violation:v"])
    assert row["compliance"]["by_claimant"] == {}


def test_e2_reinstating_it_restores_its_violations():
    log = given(DECLARED, violation("v", "2025-05-09", count=3), retract("declared", "undo"), retract("undo"))
    row = truce(log, "2025-05-10")
    assert (row["state"], row["orphaned"], row["restated"]) == ("in_force", [], True)
    assert row["compliance"]["by_claimant"] == {"UKR": 3}


def test_e3_an_amended_end_in_the_past_expires_it_back_then():
    log = given(DECLARED, amend("declared", {"data": {"effective_until": "2025-05-09"}}))
    assert truce(log, "2025-05-10")["state"] == "expired"
    assert truce(log.first(1), "2025-05-10")["state"] == "in_force"


def test_e4_it_expires_while_nobody_writes_and_says_when_it_will():
    log = given(DECLARED)
    row = truce(log, "2025-05-10")
    assert (row["state"], row["next_transition_at"]) == ("in_force", local("2025-05-11"))
    assert truce(log, "2025-05-11")["state"] == "expired"
    assert truce(log, "2025-05-11")["next_transition_at"] is None


def test_e5_an_extension_recorded_late_but_made_in_time_leaves_no_gap():
    extended = of_truce("extended", "2025-05-10", **{"from": "2025-05-11", "until": "2025-05-20"})
    log = given(DECLARED, extended)
    assert (truce(log, "2025-05-15")["state"], truce(log, "2025-05-15")["gaps"]) == ("in_force", [])
    assert truce(log.first(1), "2025-05-15")["state"] == "expired"


def test_an_extension_after_a_gap_shows_the_gap():
    extended = of_truce("extended", "2025-05-12", **{"from": "2025-05-13", "days": 7})
    row = truce(given(DECLARED, extended), "2025-05-15")
    assert (row["state"], row["terms"]["effective_until"]) == ("in_force", local("2025-05-20"))
    assert row["gaps"] == [{"from": local("2025-05-11"), "until": local("2025-05-13")}]


def test_e7_of_a_disputed_length_the_shorter_part_is_canonical():
    stream = "agreement:grain"
    reached = {"form": "signed", "scope": ["maritime"], "effective_from": "2025-01-01", "duration_days": 10}
    stated = [{"party": "RUS", "days": 5}, {"party": "UKR", "days": 20}]
    log = given(
        of_truce("reached", "2025-01-01", stream=stream, **reached),
        of_truce("extended", "2025-01-10", stream=stream, **{"from": "2025-01-11", "days": 5, "stated": stated}),
    )
    row = truce(log, "2025-01-20", stream)
    assert (row["state"], row["views"]) == ("expired", {"RUS": "expired", "UKR": "in_force"})
    assert row["terms"]["effective_until"] == local("2025-01-16")
    assert row["disputed_terms"] == {"effective_until": {"RUS": local("2025-01-16"), "UKR": local("2025-01-31")}}


def test_a_truce_without_an_end_of_which_nobody_tells_any_more_has_ended_unclear():
    begun = declared("2025-05-01", "2025-05-08", None, "begun")
    log = given(begun)
    (before, after), row = (truce(log, at) for at in ("2026-04-30", "2026-05-01")), truce(log, "2025-06-01")
    assert (before["state"], after["state"], after["label"], after["views"]) == (
        "in_force", "ended_unclear", "silence", {"RUS": "ended_unclear"},
    )  # fmt: skip
    assert row["next_transition_at"] == local("2026-05-01") == after["since"]
    assert log.shows("ceasefire_status", "2026-05-01")["headline"]["state"] == "none"
    # Whatever is told of it puts that off, and so does a claim that it was violated; what is said of a record does not.
    news = (of_truce("position_stated", "2026-04-30", party="UKR", stated_status="holds"), violation("v", "2026-04-30"))
    assert [truce(given(begun, told), "2026-07-01")["state"] for told in news] == ["in_force", "in_force"]
    assert (
        truce(given(begun, amend("begun", {"data": {"scope": ["aerial"]}})), "2026-07-01")["state"] == "ended_unclear"
    )
    # It may be asked for as it was known; and the age is a policy's, by kind, of which 0 is never.
    assert truce(given(begun, news[0]).first(1), "2026-07-01")["state"] == "ended_unclear"
    never = event("policy.changed", "policy:silence", data={"policy": "silence", "values": {"ceasefire_days": 0}})
    assert truce(given(begun, never | {"sources": []}), "2026-12-31")["state"] == "in_force"
    ended = declared("2025-05-01", "2025-05-08", "2027-01-01")
    assert truce(given(ended), "2026-12-31")["state"] == "in_force"  # its end is known


def test_what_never_was_in_effect_was_never_entered_whatever_the_clock_had_it():
    log = given(declared("2025-05-01", "2025-05-08"), of_truce("terminated", "2025-06-01", mode="never_in_effect"))
    assert [truce(log, at)["state"] for at in ("2025-05-20", "2025-06-01")] == ["in_force", "never_entered"]
    assert truce(log, "2025-06-01")["gaps"] == []


def test_each_conflict_has_a_headline_of_its_own():
    part = {"rel": "part_of", "target": "conflict:moon"}
    log = given(
        declared("2025-05-01", "2025-05-08"),
        of_truce("declared", "2025-05-01", stream=OTHER, scope=["local"], effective_from="2025-05-02")
        | {"links": [part]},
    )
    rows = log.shows("ceasefire_status", "2025-05-09")
    assert (rows["headline"]["stream"], rows["headline:moon"]["stream"]) == (TRUCE, OTHER)
    assert [rows[key]["conflict"] for key in (TRUCE, OTHER, "headline:moon")] == [None, "moon", "moon"]
    assert "headline:moon" not in given(declared("2025-05-01", "2025-05-08")).shows("ceasefire_status", "2025-05-09")


def test_e8_a_condition_never_met_leaves_it_agreed():
    terms = {"sidedness": "bilateral", "scope": ["maritime"], "conditional_entry": True, "conditions": ["sanctions"]}
    row = truce(given(of_truce("agreed", "2025-03-25", **terms)), "2026-12-31")
    assert (row["state"], row["next_transition_at"]) == ("agreed", None)


def test_e9_at_one_instant_position_decides():
    suspended, resumed = of_truce("suspended", "2025-05-09"), of_truce("resumed", "2025-05-09")
    assert truce(given(DECLARED, suspended, resumed), "2025-05-09")["state"] == "in_force"
    assert truce(given(DECLARED, resumed, suspended), "2025-05-09")["state"] == "suspended"


def test_e10_one_side_declares_and_the_other_rejects():
    row = truce(given(DECLARED, REJECTED), "2025-05-09")
    assert (row["state"], row["views"]) == ("in_force", {"RUS": "in_force", "UKR": "rejected"})
    assert row["disputed_terms"] == {}


def test_e11_a_release_clause_and_its_breach_end_nothing():
    note = "breach by one side releases the other"
    position = of_truce("position_stated", "2025-05-08", party="RUS", stated_status="in_force", terms_note=note)
    breach = violation("v", "2025-05-09", by="RUS", severity="grave")
    assert truce(given(DECLARED, position, breach), "2025-05-10")["state"] == "in_force"
    withdrawn = of_truce("terminated", "2025-05-09", by="RUS", mode="withdrawal")
    assert truce(given(DECLARED, position, breach, withdrawn), "2025-05-10")["state"] == "terminated"


# ------------------------------------------------------------------------------------------------ what is shown


def test_before_its_start_a_declaration_is_shown_as_declared():
    row = truce(given(DECLARED), "2025-05-02")
    assert (row["state"], row["views"]) == ("declared", {"RUS": "declared"})


def test_a_proposal_that_lapses_says_so():
    terms = {"scope": ["general"], "parties": ["RUS", "UKR"], "respond_by": "2025-05-12"}
    row = truce(given(of_truce("proposed", "2025-05-10", **terms)), "2025-05-12")
    assert (row["state"], row["label"]) == ("rejected", "lapsed")


def test_an_event_that_does_not_fit_is_listed_with_its_reason():
    over = of_truce("terminated", "2025-05-09", mode="mutual")
    again = of_truce("agreed", "2025-05-20", scope=["general"])
    (ignored,) = truce(given(DECLARED, over, again), "2025-06-01")["ignored"]
    assert ignored["type"] == "ceasefire.agreed"
    assert ignored["reason"] == "it is terminated: a new one needs a stream of its own"


def test_the_terms_are_what_was_given_with_the_interval_as_it_stands():
    row = truce(given(declared("2025-05-01", "2025-05-08", duration_days=3, purpose=["holiday"])), "2025-05-09")
    assert row["terms"]["purpose"] == ["holiday"]
    interval = row["terms"]["effective_from"], row["terms"]["effective_until"]
    assert interval == (local("2025-05-08"), local("2025-05-11"))


# -------------------------------------------------------------------------------------------------- violations


@pytest.mark.parametrize(
    ("on", "counted"),
    [
        ("2025-05-07", "pre_entry"),
        ("2025-05-07T23:59", "pre_entry"),
        ("2025-05-08T00:00", "by_claimant"),
        ("2025-05-10T23:59", "by_claimant"),
        ("2025-05-11T00:00", "post_end"),
        ("2025-05-11", "post_end"),
    ],
)
def test_a_violation_counts_only_while_it_was_in_force(on: str, counted: str):
    row = truce(given(DECLARED, violation("v", on, count=7)), "2025-06-01")
    shown = {"by_claimant": row["compliance"]["by_claimant"].get("UKR", 0), **row}
    assert {where: shown[where] for where in ("pre_entry", "by_claimant", "post_end")} == {
        "pre_entry": 0,
        "by_claimant": 0,
        "post_end": 0,
        counted: 7,
    }


def test_a_period_that_reaches_into_it_counts():
    period = {"from": "2025-05-01", "to": "2025-05-09"}
    assert truce(given(DECLARED, violation("v", "2025-05-09", period=period)), "2025-06-01")["pre_entry"] == 0


def test_a_violation_in_a_gap_came_after_an_end():
    extended = of_truce("extended", "2025-05-12", **{"from": "2025-05-14", "until": "2025-05-20"})
    assert truce(given(DECLARED, extended, violation("v", "2025-05-12")), "2025-06-01")["post_end"] == 1


def test_what_has_not_happened_yet_is_not_counted():
    log = given(DECLARED, violation("v", "2025-05-10T10:00"))
    assert truce(log, "2025-05-10T09:59")["compliance"]["by_claimant"] == {}
    assert truce(log, "2025-05-10T10:00")["compliance"]["by_claimant"] == {"UKR": 1}


def test_violations_of_a_merged_ceasefire_count_for_the_survivor_and_once():
    twin = declared("2025-05-01", "2025-05-08", "2025-05-11", stream=OTHER)
    claims = [violation("v", "2025-05-09", of=(OTHER,), count=2), violation("w", "2025-05-09", of=(TRUCE, OTHER))]
    log = given(DECLARED, twin, *claims, merge(TRUCE, OTHER, name="merged"), retract("merged"))
    assert truce(log.first(5), "2025-05-10")["compliance"]["by_claimant"] == {"UKR": 3}
    assert OTHER not in log.first(5).shows("ceasefire_status")
    assert truce(log, "2025-05-10")["compliance"]["by_claimant"] == {"UKR": 1}
    assert truce(log, "2025-05-10", OTHER)["compliance"]["by_claimant"] == {"UKR": 3}


def test_a_merge_keeps_the_survivors_own_terms():
    twin = declared("2025-04-30", "2025-05-07", "2025-05-20", stream=OTHER)
    row = truce(given(DECLARED, twin, merge(TRUCE, OTHER)), "2025-05-12")
    assert row["terms"]["effective_until"] == local("2025-05-11")
    assert [i["reason"] for i in row["ignored"]] == ["told by the surviving record itself"]


def test_of_the_violations_of_a_retracted_ceasefire_the_latest_are_listed_and_the_rest_counted():
    claims = [violation(f"v{n}", f"2025-05-{8 + n % 3:02}T10:00") for n in range(103)]
    log = given(DECLARED, *claims, retract("declared"))
    row = truce(log, "2025-05-20")
    assert (len(row["orphaned"]), row["orphaned_unlisted"]) == (100, 3)
    left_out = {c["stream"] for c in claims} - {*row["orphaned"]}
    assert all(int(stream.removeprefix("violation:v")) % 3 == 0 for stream in left_out)  # of the first day


def test_a_claim_that_cites_two_records_of_one_ceasefire_is_orphaned_once():
    twin = declared("2025-05-01", "2025-05-08", stream=OTHER, called="twin")
    log = given(DECLARED, twin, violation("w", "2025-05-09", of=(TRUCE, OTHER)), merge(TRUCE, OTHER))
    assert truce(log, "2025-05-10")["compliance"]["by_claimant"] == {"UKR": 1}
    undone = given(*[DECLARED, twin, violation("w", "2025-05-09", of=(TRUCE, OTHER)), merge(TRUCE, OTHER)],
                   retract("declared"), retract("twin"))  # fmt: skip
    assert truce(undone, "2025-05-10")["orphaned"] == ["violation:w"]


def test_violations_are_asked_by_accused_and_day_too():
    log = given(DECLARED, violation("v", "2025-05-09", count=7), violation("w", "2025-05-09", by="RUS"))
    rows = log.shows("violations", by=("accused", "day"), ceasefire=TRUCE)
    assert {key: row["reported"] for key, row in rows.items()} == {"RUS|2025-05-09": 7, "UKR|2025-05-09": 1}


# ---------------------------------------------------------------------------------------------------- headline


def headline(*events: Event, at: str = "2025-05-10") -> Row:
    return given(*events).shows("ceasefire_status", at)["headline"]


def test_the_headline_is_the_widest_in_force():
    energy = declared("2025-05-01", "2025-05-09", stream=OTHER, scope=["local", "energy_infrastructure"])
    assert headline(energy)["stream"] == OTHER
    assert headline(energy, DECLARED)["stream"] == TRUCE
    assert headline(energy, DECLARED, at="2025-05-11")["stream"] == OTHER


def test_of_two_as_wide_the_later_one_is_the_headline():
    later = declared("2025-05-01", "2025-05-09", stream=OTHER)
    assert headline(DECLARED, later)["stream"] == OTHER


def test_with_none_in_force_the_latest_agreed_or_declared_is_the_headline():
    earlier = declared("2025-04-01", "2025-06-01", stream=OTHER)
    row = headline(earlier, DECLARED, at="2025-05-02")
    assert (row["stream"], row["state"]) == (TRUCE, "declared")


def test_the_headline_is_none_when_nothing_stands():
    assert headline(DECLARED, at="2025-06-01")["state"] == "none"
    assert headline()["state"] == "none"


def test_the_headline_changes_no_later_than_it_says():
    later = declared("2025-05-01", "2025-05-10T12:00", stream=OTHER)
    assert headline(DECLARED, later, at="2025-05-09")["next_transition_at"] == local("2025-05-10T12:00")


# -------------------------------------------------------------------------------- kept up = folded at one go

DAYS = st.integers(1, 28).map(lambda n: f"2025-05-{n:02}")
STREAMS = st.sampled_from([TRUCE, OTHER])
PARTIES = st.sampled_from(["RUS", "UKR"])
EVENTS = st.one_of(
    st.builds(lambda on, a, b, s: declared(on, a, b, stream=s), DAYS, DAYS, DAYS, STREAMS),
    st.builds(lambda on, a, s: of_truce("agreed", on, stream=s, scope=["local"], duration_days=3, effective_from=a),
              DAYS, DAYS, STREAMS),
    st.builds(lambda on, s, p, r: of_truce("responded", on, stream=s, party=p, response=r),
              DAYS, STREAMS, PARTIES, st.sampled_from(["accepted", "rejected"])),
    st.builds(lambda on, s, what: of_truce(what, on, stream=s), DAYS, STREAMS,
              st.sampled_from(["entered_into_force", "suspended", "resumed"])),
    st.builds(lambda on, s, until: of_truce("extended", on, stream=s, until=until), DAYS, STREAMS, DAYS),
    st.builds(lambda on, s, p, a: of_truce("position_stated", on, stream=s, party=p, stated_status="x", stated_from=a),
              DAYS, STREAMS, PARTIES, DAYS),
    st.builds(lambda n, on, s: violation(f"v{n}", on, of=s), st.integers(1, 3), DAYS,
              st.sampled_from([(TRUCE,), (OTHER,), (TRUCE, OTHER)])),
)  # fmt: skip


@st.composite
def logs(draw: st.DrawFn) -> Given:
    """Ceasefires and violations, some of them retracted, reinstated or merged."""
    events: list[Event] = []
    for n in range(draw(st.integers(1, 9))):
        what = draw(st.integers(0, 9)) if events else 9
        said = draw(EVENTS)
        if what == 0:
            said = retract(f"e{draw(st.integers(0, n - 1))}")
        elif what == 1:
            said = merge(TRUCE, OTHER)
        events.append({**said, "id": id_of(f"e{n}")})
    return given(*events)


@for_all(logs())
def test_kept_up_change_by_change_it_shows_what_folding_at_one_go_shows(log: Given):
    subjects = subjects_of(log)
    for at in ("2025-05-01", "2025-05-14", "2025-06-10"):
        shown = log.shows("ceasefire_status", at)
        assert unmarked(shown) == unmarked(folded("ceasefire_status", subjects, at, {}))


@for_all(logs(), DAYS)
def test_no_row_changes_by_itself_before_its_next_transition_and_it_does_then(log: Given, on: str):
    subjects, at = subjects_of(log), local(on)
    for stored in bodies(STATUS, subjects):
        body = stored.body
        known, *_ = beside_of(STATUS, [stored], subjects, on).known(STATUS, stored, at)
        shown, upcoming = STATUS.row(body, at, known), STATUS.next_transition(body, at, known)
        end = upcoming or at + timedelta(days=90)
        between = [at + timedelta(hours=18 * n) for n in range(120)]
        assert all(STATUS.row(body, i, known) == shown for i in between if i < end)
        assert upcoming is None or STATUS.row(body, upcoming, known) != shown
        assert AccordBody.model_validate_json(body.model_dump_json()) == body
