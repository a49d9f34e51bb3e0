"""How far a ceasefire is kept (docs/ceasefires.md, Compliance): the window, the labels, when a collapse is suspected."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.events.values import local_date
from incidentlog.subjects.ceasefire import Ceasefire
from incidentlog.subjects.lifecycle import Course, course
from incidentlog.subjects.violation import Violation
from tests.folding.test_kept_up import beside_of, bodies, subjects_of
from tests.projections.showing import Given, given, local
from tests.projections.test_ceasefire_status import OTHER, STATUS, TRUCE, declared, of_truce, truce, violation
from tests.subjects.given import Event, about, amend, event, merge, minute, retract

LONG = declared("2025-05-01", "2025-05-01", "2025-08-01", "declared")
"""In force for three months."""
OPEN = declared("2025-05-01", "2025-05-01", called="declared")


def confirmed(name: str, on: str, by: str = "UKR", verification: str = "corroborated", **more: Any) -> Event:
    said = violation(name, on, by, **more)
    two = [{**said["sources"][0], "origin": origin} for origin in ("One", "Two")]
    return said | {"sources": two, "verification": verification}


def compliance(log: Given, at: str, stream: str = TRUCE) -> dict[str, Any]:
    shown: dict[str, Any] = truce(log, at, stream)["compliance"]
    return shown


def label(at: str, *events: Event) -> str | None:
    found: str | None = compliance(given(LONG, *events), at)["label"]
    return found


# -------------------------------------------------------------------------------------------------- the labels


def test_with_no_claim_there_are_no_reports():
    assert label("2025-05-10") == "no_reports"


@pytest.mark.parametrize("by", ["UKR", "RUS"])
def test_what_only_belligerents_claim_is_contested(by: str):
    assert label("2025-05-10", violation("v", "2025-05-09T10:00", by, count=900, severity="grave")) == "contested"


@pytest.mark.parametrize("verification", ["corroborated", "verified"])
def test_one_that_is_corroborated_makes_it_strained(verification: str):
    said = confirmed("v", "2025-05-09T10:00", verification=verification, severity="minor")
    assert label("2025-05-10", said) == "strained"


@pytest.mark.parametrize("verification", ["unverified", "single_source", "disputed", "refuted"])
def test_anything_less_does_not(verification: str):
    said = violation("v", "2025-05-09T10:00") | {"verification": verification}
    assert label("2025-05-10", said) == "contested"


def test_a_claim_that_is_corroborated_later_makes_it_strained():
    said = violation("v", "2025-05-09T10:00")
    assert label("2025-05-10", said, about("record.corroborated", "v")) == "strained"


def test_three_serious_ones_on_two_days_are_breaking_down():
    two = [confirmed("a", "2025-05-08T10:00"), confirmed("b", "2025-05-09T10:00", severity="grave")]
    assert label("2025-05-10", *two) == "strained"
    assert label("2025-05-10", *two, confirmed("c", "2025-05-09T11:00")) == "breaking_down"
    assert label("2025-05-10", *two, confirmed("c", "2025-05-09T11:00", severity="minor")) == "strained"
    assert label("2025-05-10", *two, violation("c", "2025-05-09T11:00")) == "strained"


def test_three_on_one_local_day_are_not():
    three = [confirmed(name, f"2025-05-09T{hour}:00") for name, hour in (("a", "00"), ("b", "12"), ("c", "23"))]
    assert label("2025-05-10", *three) == "strained"


def test_records_are_counted_and_not_what_each_claims():
    assert label("2025-05-10", confirmed("a", "2025-05-08", count=50), confirmed("b", "2025-05-09")) == "strained"


def test_two_reports_of_one_violation_count_once_after_the_merge():
    three = [confirmed("a", "2025-05-08T10:00"), confirmed("b", "2025-05-09T10:00"), confirmed("c", "2025-05-09T10:00")]
    assert label("2025-05-10", *three) == "breaking_down"
    assert label("2025-05-10", *three, merge("violation:b", "violation:c")) == "strained"


def test_one_known_to_the_month_is_on_no_day():
    month = confirmed("c", "2025-05-08") | {"occurred": {"start": "2025-05-01", "precision": "month", "tz": "UTC"}}
    two = [confirmed("a", "2025-05-09T10:00"), confirmed("b", "2025-05-09T11:00")]
    assert label("2025-05-10", *two, month) == "strained"
    assert label("2025-05-10", *two, confirmed("c", "2025-05-08")) == "breaking_down"


def test_a_grave_one_by_each_side_is_breaking_down_on_any_one_day():
    ours = confirmed("a", "2025-05-09T10:00", by="UKR", severity="grave")
    theirs = confirmed("b", "2025-05-09T11:00", by="RUS", severity="grave")
    assert label("2025-05-10", ours, theirs) == "breaking_down"
    assert label("2025-05-10", ours, confirmed("b", "2025-05-09T11:00", by="UKR", severity="grave")) == "strained"
    assert label("2025-05-10", ours, confirmed("b", "2025-05-09T11:00", by="RUS")) == "strained"
    both = confirmed("a", "2025-05-09T10:00", by="OSCE", severity="grave", accused=["RUS.MOD", "UKR"])
    assert label("2025-05-10", both) == "breaking_down"


def test_there_is_a_label_only_while_it_is_in_force():
    said = violation("v", "2025-04-30T10:00")
    before = declared("2025-04-20", "2025-05-01", "2025-05-03")
    log = given(before, said, of_truce("suspended", "2025-05-02"), of_truce("resumed", "2025-05-02T12:00"))
    labels = [compliance(log, at)["label"] for at in ("2025-04-30T12:00", "2025-05-01", "2025-05-02", "2025-05-03")]
    assert labels == [None, "no_reports", None, None]
    assert compliance(log, "2025-05-02T12:00")["label"] == "no_reports"


# -------------------------------------------------------------------------------------------------- the window


def test_a_claim_is_in_the_window_for_72_hours_and_stays_counted():
    log = given(LONG, violation("v", "2025-05-09T10:00", count=7))
    shown = {at: compliance(log, at) for at in ("2025-05-09T10:00", "2025-05-12T09:59", "2025-05-12T10:00")}
    assert [(c["label"], c["in_window"]) for c in shown.values()] == [
        ("contested", {"UKR": 7}),
        ("contested", {"UKR": 7}),
        ("no_reports", {}),
    ]
    assert [c["by_claimant"] for c in shown.values()] == [{"UKR": 7}] * 3


def test_a_period_is_in_the_window_until_72_hours_after_its_end():
    period = {"from": "2025-05-02", "to": "2025-05-09"}
    said = violation("v", "2025-05-09", period=period)
    assert label("2025-05-11T23:59", said) == "contested"
    assert label("2025-05-12", said) == "no_reports"


def test_the_window_begins_no_earlier_than_the_entry_into_force():
    late = declared("2025-05-01", "2025-05-09T12:00", "2025-06-01")
    log = given(late, violation("v", "2025-05-09T11:00"))
    assert (truce(log, "2025-05-09T13:00")["compliance"]["label"], truce(log, "2025-05-10")["pre_entry"]) == (
        "no_reports",
        1,
    )


def test_after_a_gap_the_window_begins_with_the_new_entry():
    short = declared("2025-05-01", "2025-05-08", "2025-05-11")
    extended = of_truce("extended", "2025-05-12", **{"from": "2025-05-12T06:00", "until": "2025-05-20"})
    log = given(short, violation("v", "2025-05-10T23:00"), extended)
    assert compliance(log, "2025-05-10T23:30")["label"] == "contested"
    assert compliance(log, "2025-05-12T07:00")["label"] == "no_reports"


def test_the_row_says_when_a_claim_leaves_the_window():
    row = truce(given(LONG, violation("v", "2025-05-09T10:00")), "2025-05-10")
    assert row["next_transition_at"] == local("2025-05-12T10:00")


# ------------------------------------------------------------------------------------------ suspected collapse

BREAKING = [
    confirmed("a", "2025-05-08T10:00"),
    confirmed("b", "2025-05-09T10:00"),
    confirmed("c", "2025-05-09T12:00"),
]
"""Breaking down from 9 May 12:00, until the first of the three leaves the window on 11 May 10:00."""
MORE = confirmed("d", "2025-05-10T08:00")


def suspected(at: str, *events: Event) -> bool:
    found: bool = compliance(given(LONG, *events), at)["collapse_suspected"]
    return found


def test_a_collapse_is_suspected_after_48_hours_of_breaking_down():
    assert not suspected("2025-05-11T11:59", *BREAKING, MORE)
    assert suspected("2025-05-11T12:00", *BREAKING, MORE)
    assert suspected("2025-05-12T09:59", *BREAKING, MORE)
    assert not suspected("2025-05-12T10:00", *BREAKING, MORE)  # two of four are left


def test_less_than_48_hours_of_it_are_not_enough():
    assert not suspected("2025-05-11T12:00", *BREAKING)


def test_those_48_hours_may_hang_on_claims_that_are_in_no_window_any_more():
    later = [("d", "2025-05-11T09:30"), ("e", "2025-05-11T09:40"), ("f", "2025-05-12T09:00")]
    assert suspected("2025-05-13T12:00", *BREAKING, *(confirmed(name, on) for name, on in later))


def test_a_break_begins_the_48_hours_anew():
    pause = [of_truce("suspended", "2025-05-10T00:00"), of_truce("resumed", "2025-05-10T01:00")]
    assert not suspected("2025-05-11T12:00", *BREAKING, MORE, *pause)


def test_an_extension_is_no_break():
    extended = of_truce("extended", "2025-05-10T00:00", until="2025-09-01")
    assert suspected("2025-05-11T12:00", *BREAKING, MORE, extended)


def test_the_row_says_when_a_collapse_will_be_suspected():
    row = truce(given(LONG, *BREAKING, MORE), "2025-05-11T11:00")
    assert row["next_transition_at"] == local("2025-05-11T12:00")


def test_a_collapse_is_suspected_once_a_party_says_that_it_is_over():
    over = of_truce("position_stated", "2025-05-20", party="RUS", stated_status="over")
    assert [suspected(at, over) for at in ("2025-05-19T23:59", "2025-05-20")] == [False, True]
    assert truce(given(LONG, over), "2025-05-19")["next_transition_at"] == local("2025-05-20")
    again = of_truce("position_stated", "2025-05-21", party="RUS", stated_status="in_force")
    assert not suspected("2025-05-22", over, again)


def test_only_an_event_makes_it_collapsed():
    log = given(LONG, *BREAKING, MORE)
    assert truce(log, "2025-05-11T12:00")["state"] == "in_force"
    ended = given(LONG, *BREAKING, MORE, of_truce("terminated", "2025-05-11T11:00", mode="collapsed"))
    row = truce(ended, "2025-05-11T12:00")
    assert (row["state"], row["compliance"]["label"], row["compliance"]["collapse_suspected"]) == (
        "collapsed",
        None,
        False,
    )


# ------------------------------------------------------------------------------------------------- the policy


def changed(
    called: str | None = None, on: str = "2025-05-01", stream: str = "policy:compliance", **values: float
) -> Event:
    said = event("policy.changed", stream, called, occurred=minute(f"{on}T00:00"), data={})
    return said | {"sources": [], "data": {"policy": "compliance", "values": values}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"window_hours": 1}, ("no_reports", False)),
        ({"strained_corroborated": 5, "breaking_down_count": 9}, ("contested", False)),
        ({"breaking_down_count": 5}, ("strained", False)),
        ({"breaking_down_days": 4}, ("strained", False)),
        ({"suspected_after_hours": 46}, ("breaking_down", True)),
    ],
)
def test_a_threshold_is_what_the_policy_says(values: dict[str, float], expected: tuple[str, bool]):
    shown = compliance(given(LONG, *BREAKING, MORE, changed(**values)), "2025-05-11T11:00")
    assert (shown["label"], shown["collapse_suspected"]) == expected


def test_a_policy_holds_for_every_instant_and_as_known_at_the_position():
    log = given(LONG, violation("v", "2025-05-09T10:00"), changed("p", on="2025-07-01", window_hours=1))
    assert compliance(log, "2025-05-10")["label"] == "no_reports"
    assert compliance(log.first(2), "2025-05-10")["label"] == "contested"
    assert (truce(log, "2025-05-10")["position"], truce(log.first(2), "2025-05-10")["position"]) == (3, 2)


def test_a_retracted_change_of_a_policy_was_never_made():
    log = given(LONG, violation("v", "2025-05-09T10:00"), changed("p", window_hours=1), retract("p"))
    assert compliance(log, "2025-05-10")["label"] == "contested"
    assert log.shows("policies")["compliance"]["changed"] == {}


def test_of_two_streams_on_one_policy_the_later_change_of_each_threshold_counts():
    log = given(
        changed(on="2025-05-02", window_hours=48, breaking_down_days=1),
        changed(on="2025-05-03", stream="policy:other", window_hours=24),
        changed(on="2025-05-01", stream="policy:third", window_hours=12, breaking_down_count=9),
    )
    row = log.shows("policies")["compliance"]
    assert (
        row["values"]["window_hours"],
        row["values"]["breaking_down_days"],
        row["values"]["breaking_down_count"],
    ) == (
        24,
        1,
        9,
    )
    assert {name: c["position"] for name, c in row["changed"].items()} == {
        "window_hours": 2,
        "breaking_down_days": 1,
        "breaking_down_count": 3,
    }


def test_policies_that_nothing_changed_are_at_their_defaults():
    rows = given(LONG).shows("policies")
    assert rows["commitments"]["values"] == {"at_risk_days": 7}
    assert rows["compliance"]["values"]["window_hours"] == 72


# ----------------------------------------------------------------------------------------- by the definition

TIMES = st.builds(lambda n, h: f"2025-05-{n:02}T{h:02}:30", st.integers(1, 14), st.integers(0, 23))
CLAIMS = st.builds(
    lambda n, on, by, sure, grave, of, days, said: (confirmed if sure else violation)(
        f"v{n}", on, by, severity=grave, of=of, count=said,
        **({"period": {"from": on, "to": f"2025-05-{int(on[8:10]) + days:02}"}} if days else {}),
    ),
    st.integers(1, 12), TIMES, st.sampled_from(["UKR", "RUS"]), st.booleans(),
    st.sampled_from(["minor", "serious", "grave", "grave"]), st.sampled_from([(TRUCE,), (TRUCE, OTHER), (OTHER,)]),
    st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip
LIVES = st.sampled_from([
    [OPEN],
    [declared("2025-05-01", "2025-05-03T12:00", "2025-05-12T15:00", "declared")],
    [declared("2025-05-01", "2025-05-02", "2025-05-05", "declared"),
     of_truce("extended", "2025-05-06", **{"from": "2025-05-07T09:00", "until": "2025-05-16T09:00"})],
    [OPEN, of_truce("suspended", "2025-05-08"), of_truce("resumed", "2025-05-09")],
])  # fmt: skip
AFTER = st.lists(
    st.one_of(
        st.builds(lambda n: retract(f"v{n}"), st.integers(1, 12)),
        st.builds(lambda n, on: amend(f"v{n}", {"occurred": {"start": on}}), st.integers(1, 12), TIMES),
        st.just(merge(TRUCE, OTHER)),
        st.just(changed(window_hours=30, suspected_after_hours=7)),
    ),
    max_size=3,
)


@st.composite
def histories(draw: st.DrawFn) -> Given:
    life, claims = draw(LIVES), draw(st.lists(CLAIMS, max_size=12, unique_by=lambda c: c["stream"]))
    known = {c["id"] for c in claims}
    after = [e for e in draw(AFTER) if "target" not in e["data"] or e["data"]["target"] in known]
    return given(*life, declared("2025-05-01", "2025-05-01", stream=OTHER), *claims, *after)


@dataclass
class ByDefinition:
    """Every claim looked at, at every instant that matters: slow, and as docs/ceasefires.md has it."""

    life: Course
    claims: list[Violation]
    policy: dict[str, float]

    def counts(self, at: datetime) -> tuple[dict[str, int], int, int]:
        """By claimant while it was in force, before its entry, and after an end."""
        periods, by, apart = self.life.at(at).periods, Counter[str](), [0, 0]
        for claim in self.claims:
            if any(meets(claim, start, end) for start, end in periods):
                by[claim.claimed_by or ""] += claim.count
            else:
                apart[bool(periods) and claim.begins >= periods[0][0]] += claim.count
        return dict(by), apart[0], apart[1]

    def window(self, at: datetime) -> list[Violation] | None:
        """The claims in the window; None while it is not in force."""
        standing = self.life.at(at)
        if standing.state != "in_force":
            return None
        opened = timedelta(hours=self.policy["window_hours"])
        entry = standing.periods[-1][0]
        begun = [c for c in self.claims if max(c.since, c.begins) <= at and meets(c, entry, None)]
        return [c for c in begun if max(c.begins, c.ends) + opened > at]

    def is_breaking(self, at: datetime) -> bool:
        window = self.window(at) or []
        weighty = [c for c in window if c.verification == "corroborated" and c.severity in {"serious", "grave"}]
        grave = {side for c in weighty if c.severity == "grave" for side in c.accused}
        days = {local_date(c.begins, "Europe/Kyiv") for c in weighty}
        enough = len(weighty) >= self.policy["breaking_down_count"] and len(days) >= self.policy["breaking_down_days"]
        return enough or grave >= {"RUS", "UKR"}

    def label(self, at: datetime) -> str | None:
        window = self.window(at)
        if window is None:
            return None
        if not window:
            return "no_reports"
        if self.is_breaking(at):
            return "breaking_down"
        return "strained" if any(c.verification == "corroborated" for c in window) else "contested"

    def is_suspected(self, at: datetime) -> bool:
        """Whether it is breaking down now, and was at every instant of the last hours."""
        start = at - timedelta(hours=self.policy["suspected_after_hours"])
        opened = timedelta(hours=self.policy["window_hours"])
        own = [i for c in self.claims for i in (c.since, c.begins, max(c.begins, c.ends) + opened)]
        instants = [start, at, *own, *(since for since, _ in self.life.steps)]
        return all(self.is_breaking(i) for i in instants if start <= i <= at)


def meets(claim: Violation, start: datetime, end: datetime | None) -> bool:
    """Whether its interval, half-open or one instant, meets another, half-open."""
    return (end is None or claim.begins < end) and (claim.ends > start or claim.begins >= start)


@settings(max_examples=100)
@for_all(histories(), TIMES)
def test_it_is_what_looking_at_every_claim_gives(log: Given, on: str):
    subjects, at = subjects_of(log), local(on)
    truces = [s for s in subjects if isinstance(s, Ceasefire)]
    for accord in truces:
        ours = {accord.stream, *accord.absorbed}
        claims = [
            s for s in subjects if isinstance(s, Violation) and s.is_current and not ours.isdisjoint(s.ceasefires)
        ]
        policy = log.shows("policies")["compliance"]["values"]
        right = ByDefinition(course(accord.life), [c for c in claims if c.since <= at], policy)
        row = truce(log, on, accord.stream)
        assert (row["compliance"]["by_claimant"], row["pre_entry"], row["post_end"]) == right.counts(at)
        assert row["compliance"]["label"] == right.label(at)
        assert row["compliance"]["collapse_suspected"] == right.is_suspected(at)
        window: Counter[str] = Counter()
        for claim in right.window(at) or ():
            window[claim.claimed_by or ""] += claim.count
        assert row["compliance"]["in_window"] == dict(window)


@settings(max_examples=20)
@for_all(histories(), TIMES)
def test_nothing_changes_by_itself_before_the_next_transition_and_something_does_then(log: Given, on: str):
    subjects, at = subjects_of(log), local(on)
    for stored in bodies(STATUS, subjects):
        known, *_ = beside_of(STATUS, [stored], subjects, on).known(STATUS, stored, at)
        shown, upcoming = STATUS.row(stored.body, at, known), STATUS.next_transition(stored.body, at, known)
        end = upcoming or at + timedelta(days=12)
        between = [at + timedelta(hours=n, minutes=30) for n in range(24 * 12)]
        assert all(STATUS.row(stored.body, i, known) == shown for i in between if i < end)
        assert upcoming is None or STATUS.row(stored.body, upcoming, known) != shown


@pytest.mark.parametrize("zone", ["Europe/Kyiv", "Europe/Moscow"])
def test_claims_of_one_date_are_of_one_day_whatever_zone_it_is_told_in(zone: str):
    """Three days of the window make it `breaking_down`: one date must not be two of them."""
    claims = [confirmed(name, "2025-05-09") for name in "abc"]
    claims[2]["occurred"] = {"start": "2025-05-09", "precision": "day", "tz": zone}
    log = given(LONG, *claims)
    assert compliance(log, "2025-05-10T12:00")["label"] == "strained"
    assert {row["on"] for row in log.shows("violation_sheets", by=("on", "day")).values()} == {"2025-05-09"}
