"""Field by field the latest as-of wins; what is absorbed only fills what is open; merges never sum (R4, R5)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from incidentlog.subjects.alert import Alert
from incidentlog.subjects.assistance import Assistance
from incidentlog.subjects.attack import Attack
from incidentlog.subjects.commitment import Commitment
from incidentlog.subjects.corridor import Corridor
from incidentlog.subjects.displacement import Displacement
from incidentlog.subjects.exchange import Exchange
from incidentlog.subjects.proposal import Proposal
from incidentlog.subjects.repatriation import Remains
from incidentlog.subjects.sentiment import Sentiment
from incidentlog.subjects.strike import Strike
from tests.projections.showing import given as shown
from tests.subjects.given import Event, day, event, fold, merge, minute, subject_of

A, B, C = "strike:a", "strike:b", "strike:c"
REPORTED = {"means": ["drone"], "target_class": "energy"}


def strike(stream: str = A, **more: Any) -> Event:
    return event("strike.reported", stream, occurred=day("2026-01-01"), data={**REPORTED, **more})


def assessed(as_of: str, stream: str = A, **more: Any) -> Event:
    return event("strike.assessed", stream, occurred=day("2026-01-25"), as_of=as_of, **more)


def said(what: str, code: str, on: str, stream: str = A) -> Event:
    by = "to" if what == "attributed" else "by"
    return event(f"attack.{what}", stream, occurred=day(on), data={by: code})


FIELDS = pytest.mark.parametrize(("what", "field"), [("attributed", "attributed_to"), ("claimed", "claimed_by")])


@FIELDS
@pytest.mark.parametrize("category", ["strike", "incident"])
def test_an_assessment_of_an_older_day_does_not_outdate_an_attribution_or_a_claim(what: str, field: str, category: str):
    stream = f"{category}:x"
    facts = REPORTED if category == "strike" else {"kind": "sabotage"}
    report = event(f"{category}.reported", stream, occurred=day("2026-01-01"), data={**facts, field: "UKR"})
    older, later = (
        event(f"{category}.assessed", stream, occurred=day("2026-01-25"), data={"as_of": as_of, field: "UKR"})
        for as_of in ("2026-01-03", "2026-01-21")
    )
    of_the_20th = said(what, "RUS", "2026-01-20", stream)
    assert getattr(subject_of(report, of_the_20th, older, kind=Attack), field) == "RUS"
    assert getattr(subject_of(report, older, of_the_20th, kind=Attack), field) == "RUS"
    assert getattr(subject_of(report, of_the_20th, later, kind=Attack), field) == "UKR"


@FIELDS
def test_an_absorbed_attribution_counts_only_if_it_is_the_later_one(what: str, field: str):
    reports = strike(A), strike(B), merge(A, B)
    own = said(what, "RUS", "2026-01-20")
    for when, code in (("2026-01-05", "RUS"), ("2026-01-20", "RUS"), ("2026-01-22", "UKR")):
        other = said(what, "UKR", when, B)
        for events in ((*reports, own, other), (other, own, *reports)):
            assert getattr(subject_of(*events, kind=Attack, stream=A), field) == code
    assert getattr(subject_of(*reports, said(what, "UKR", "2026-01-05", B), kind=Attack), field) == "UKR"


def test_a_merge_does_not_move_an_incident_to_the_side_that_was_held_to_be_it_before():
    place = {"name": "Odesa", "place_id": "geonames:698740", "country": "UA", "precision": "settlement"}
    mine = {**strike(A, as_of="2026-01-20", attributed_to="UKR"), "place": place}
    before = mine, {**strike(B), "place": place}, said("attributed", "RUS", "2026-01-05", B)
    log, merged = shown(*before), shown(*before, merge(A, B))
    sides = [{k: r["incidents"] for k, r in x.shows("city_incidents", by=("side",)).items()} for x in (log, merged)]
    assert sides == [{"RUS": 1, "UKR": 1}, {"UKR": 1}]


def test_an_absorbed_assessment_that_states_a_later_day_counts_and_one_that_states_none_only_fills():
    own = strike(A, as_of="2026-01-02", target_object="depot")
    other = strike(B, target_class="port", target_object="quay", effects=["fire"])
    later = assessed("2026-01-09", B, target_object="pier")
    subject = subject_of(own, other, later, merge(A, B), kind=Strike)
    assert (subject.target_class, subject.target_object, subject.effects) == ("energy", "pier", ("fire",))


def test_an_old_report_that_is_imported_late_does_not_outdate_what_was_learned_after_it():
    killed = {"casualties": {"killed": {"best": 5}}}
    more = {"casualties": {"killed": {"best": 12}}}
    report, learned = strike(target_object="depot", **killed), assessed("2026-01-03", target_object="port", **more)
    (subject,) = fold(report, learned, start=datetime(2027, 1, 1, tzinfo=UTC))[A].values()
    assert isinstance(subject, Strike)
    assert subject.target_object == "port"
    assert subject.casualties.killed is not None
    assert subject.casualties.killed.best == 12


def displaced(stream: str, idps: int, as_of: str, on: str = "2026-01-01") -> Event:
    return event("displacement.reported", stream, occurred=day(on), idps=idps, as_of=as_of)


@pytest.mark.parametrize(("as_of", "idps"), [("2026-01-01", 5), ("2026-01-05", 5), ("2026-01-09", 9)])
@pytest.mark.parametrize("on", ["2025-12-01", "2026-02-01"])
def test_of_two_merged_records_the_figure_of_the_later_day_stands_whichever_came_first(as_of: str, idps: int, on: str):
    own, other = displaced("displacement:a", 5, "2026-01-05"), displaced("displacement:b", 9, as_of, on)
    subject = subject_of(own, other, merge("displacement:a", "displacement:b"), kind=Displacement)
    assert subject.idps is not None
    assert subject.idps.count == idps


# -------------------------------------------------------------------------------- what the survivor tells itself


def at(hour: int, type_name: str, stream: str, **more: Any) -> Event:
    return event(type_name, stream, occurred=minute(f"2026-01-01T{hour:02}:00:00Z"), data=more)


def merged(*events: Event, kind: Any) -> Any:
    category = events[0]["stream"].partition(":")[0]
    return subject_of(*events, merge(f"{category}:a", f"{category}:b"), kind=kind, stream=f"{category}:a")


def hours(*instants: Any) -> list[int]:
    return [i.hour for i in instants]


def test_an_alert_begins_and_ends_when_the_surviving_record_says():
    other = at(4, "alert.declared", "alert:b", level="red"), at(6, "alert.lifted", "alert:b")
    own = at(5, "alert.declared", "alert:a", level="oblast"), at(7, "alert.lifted", "alert:a")
    alert = merged(*other, *own, kind=Alert)
    assert (hours(alert.declared, alert.lifted), alert.level, alert.ignored) == ([5, 7], "oblast", ())


def test_a_corridor_is_open_when_the_surviving_record_says():
    other = at(4, "corridor.opened", "corridor:b", route="north"), at(6, "corridor.closed", "corridor:b")
    own = at(5, "corridor.opened", "corridor:a"), at(7, "corridor.closed", "corridor:a")
    again = at(9, "corridor.opened", "corridor:a"), at(10, "corridor.closed", "corridor:a")
    corridor = merged(*other, *own, *again, kind=Corridor)
    assert [hours(o.since, o.until) for o in corridor.openings] == [[5, 7], [9, 10]]
    assert (corridor.route, corridor.ignored) == ("north", ())


def test_a_commitment_is_made_put_off_and_kept_once():
    def told(stream: str, hour: int) -> list[Event]:
        return [
            at(hour, "commitment.made", stream, obligor="RUS", kind="goal", text="t", due="2026-03-01"),
            at(hour + 4, "commitment.rescheduled", stream, new_due="2026-04-01"),
            at(hour + 8, "commitment.fulfilled", stream, value=hour),
        ]

    commitment = merged(*told("commitment:b", 4), *told("commitment:a", 5), kind=Commitment)
    assert (hours(commitment.made, commitment.closed), commitment.value) == ([5, 13], 5)
    assert len(commitment.earlier_dues) == 1


def test_a_pledge_told_twice_is_one_whichever_record_is_older():
    def pledged(stream: str, hour: int, amount: int, what: str = "pledged") -> Event:
        return at(hour, f"assistance.{what}", stream, provider="DEU", recipient="UKR", kind=["military"],
                  amount=amount, currency="EUR")  # fmt: skip

    own, other = pledged("assistance:a", 5, 100), pledged("assistance:b", 4, 90)
    came = [pledged("assistance:b", hour, 20, "delivered") for hour in (6, 7)]
    line = merged(other, own, *came, kind=Assistance)
    assert (line.pledged, line.delivered) == ({"EUR": 100}, {"EUR": 40})


def test_a_proposal_told_twice_has_one_first_version():
    tabled = [at(h, "proposal.tabled", f"proposal:{s}", by="USA", points=n) for h, s, n in ((4, "b", 27), (5, "a", 28))]
    assert [v.points for v in merged(*tabled, kind=Proposal).versions] == [28]


def test_a_poll_told_twice_is_one_poll():
    polls = [
        at(h, "sentiment.reported", f"sentiment:{s}", pollster="KIIS", n=n, results={"yes": 1})
        for h, s, n in ((4, "b", 900), (5, "a", 1000))
    ]
    assert [p.n for p in merged(*polls, kind=Sentiment).polls] == [1000]


def test_two_records_beside_the_survivors_are_not_summed_either():
    def handed(stream: str, count: int, kind: str = "remains") -> Event:
        return at(5, "remains.repatriated", f"{kind}:{stream}", to="UKR", count=count)

    first = at(4, "remains.repatriated", "remains:a", to="UKR", count=None)
    absorbed = handed("b", 1000), handed("c", 1001)
    two = merge("remains:a", "remains:b", "remains:c")
    assert subject_of(first, *absorbed, two, kind=Remains).count is None  # withheld, and so the survivor's own
    exchange = [at(4, "exchange.agreed", "exchange:a", formula="all for all")]
    for stream, total in (("b", 300), ("c", 301)):
        released = {"UKR": {"total": total}}
        exchange += [at(5, "exchange.stage_completed", f"exchange:{stream}", stage=1, released=released)]
        exchange += [handed(stream, total, "exchange")]
    both = subject_of(*exchange, merge("exchange:a", "exchange:b", "exchange:c"), kind=Exchange)
    assert both.released["UKR"].total == 300
    assert both.remains["UKR"].total == 300


def test_an_absorbed_target_brings_its_operator_and_another_does_not():
    own, other = (
        at(h, "exchange.agreed", f"exchange:{s}", formula="f", **more)
        for h, s, more in ((4, "a", {}), (5, "b", {"target": {"UKR": 100}, "target_operator": ">="}))
    )
    assert merged(own, other, kind=Exchange).target_operator == ">="
    has_one = at(4, "exchange.agreed", "exchange:a", formula="f", target={"UKR": 90})
    subject = merged(has_one, other, kind=Exchange)
    assert (subject.target, subject.target_operator) == ({"UKR": 90}, "=")


def test_an_actor_is_called_as_the_surviving_record_calls_it():
    mine, theirs = (
        {**strike(stream), "actors": [{"code": "RUS", "role": "attacker", "name": name}]}
        for stream, name in ((A, "Russia"), (B, "RF"))
    )
    assert [a.name for a in subject_of(mine, theirs, merge(A, B), kind=Attack).actors] == ["Russia"]
