"""How often commitments are kept: a ledger by the clock, which agrees with the rows of `commitments` at every instant."""

from collections import Counter
from typing import Any

from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.folding.shapes import Row
from tests.projections.showing import Given, given
from tests.projections.test_commitments import D, made, step
from tests.subjects.given import Event, amend, merge, remark, retract, timeline

STREAMS = [f"commitment:{n}" for n in range(5)]
FIVE = (
    *(made(stream=s, due="2025-03-01") for s in STREAMS),
    made(stream=D, obligor="UKR", beneficiary="RUS", kind="goal", source_agreement="agreement:a"),
    step("fulfilled", "2025-02-01", stream=STREAMS[0]),
    step("breached", "2025-02-01", stream=STREAMS[1], claimed_by="UKR"),
    step("withdrawn", "2025-02-01", stream=STREAMS[2]),
)


def counted(log: Given, at: str, *by: str, **where: str) -> dict[str, Row]:
    rows = log.shows("follow_through", at, by, **where)
    marks = {"position", "restated", "obligor", "name", *by}
    return {key: {name: n for name, n in row.items() if name not in marks} for key, row in rows.items()}


def test_the_rate_is_of_those_decided_or_overdue():
    log = given(*FIVE)
    assert counted(log, "2025-04-01") == {
        "RUS": {"made": 5, "open": 2, "fulfilled": 1, "breached": 1, "withdrawn": 1, "overdue": 2, "denominator": 4, "rate": 0.25},
        "UKR": {"made": 1, "open": 1, "fulfilled": 0, "breached": 0, "withdrawn": 0, "overdue": 0, "denominator": 0, "rate": None},
    }  # fmt: skip
    before = counted(log, "2025-01-31")["RUS"]
    assert (before["made"], before["open"], before["denominator"], before["rate"]) == (5, 5, 0, None)
    assert counted(log, "2024-12-31") == {}


def test_it_can_be_asked_by_whom_for_whom_of_what_kind_and_by_agreement():
    log = given(*FIVE)
    for dimension, own, others in (
        ("beneficiary", "RUS", "UKR"), ("kind", "goal", "deadline"), ("agreement", "agreement:a", ""),
    ):  # fmt: skip
        rows = counted(log, "2025-04-01", dimension)
        assert {key: row["made"] for key, row in rows.items()} == {own: 1, others: 5}
    assert counted(log, "2025-04-01", agreement="agreement:a")["UKR"]["made"] == 1
    assert log.shows("follow_through", "2025-04-01", ("stream",))[D]["name"] == "to withdraw"


def test_what_is_rescheduled_is_overdue_until_then_and_again_from_its_new_date_on():
    log = given(made(due="2025-02-01"), step("rescheduled", "2025-03-01", new_due="2025-05-01"))
    days = ("2025-01-31", "2025-02-01", "2025-02-28", "2025-03-01", "2025-04-30", "2025-05-01")
    assert [counted(log, day)["RUS"]["overdue"] for day in days] == [0, 1, 1, 0, 0, 1]


def test_what_is_late_and_kept_is_overdue_no_more():
    log = given(made(due="2025-02-01"), step("fulfilled", "2025-03-01"))
    rates = [counted(log, day)["RUS"]["rate"] for day in ("2025-01-31", "2025-02-01", "2025-03-01")]
    assert rates == [None, 0.0, 1.0]


def test_a_retracted_one_was_never_made():
    log = given(made("2025-01-01", "made", due="2025-03-01"), retract("made", "undo"), retract("undo"))
    assert counted(log.first(2), "2025-04-01") == {}
    assert log.shows("follow_through", "2025-04-01")["RUS"]["restated"]
    assert counted(log, "2025-04-01")["RUS"]["overdue"] == 1


def test_the_timeline_has_one_that_was_kept():
    log = given(*timeline())
    assert {row["denominator"] for row in counted(log, "2025-06-01").values()} == {0}
    (row,) = (row for row in counted(log, "2025-12-20").values() if row["denominator"])
    assert (row["rate"], row["denominator"], row["fulfilled"]) == (1.0, 1, 1)


days = st.integers(1, 28).map(lambda n: f"2025-02-{n:02d}")


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """What happens to three commitments, in any order, with corrections of it and a merge."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, 12))):
        stream, on, name = draw(st.sampled_from(STREAMS[:3])), draw(days), f"e{number}"
        due: dict[str, Any] = draw(st.just({}) | days.map(lambda day: {"due": day}))
        what = draw(
            st.sampled_from(["made", "made", "progressed", "fulfilled", "breached", "withdrawn", "rescheduled"])
        )
        match what:
            case "made":
                events.append(made(on, name, stream=stream, obligor=draw(st.sampled_from(["UKR", "RUS"])), **due))
            case "progressed":
                events.append(step(what, on, name, stream=stream, level="minimum"))
            case "breached":
                events.append(step(what, on, name, stream=stream, claimed_by="UKR"))
            case "rescheduled":
                events.append(step(what, on, name, stream=stream, new_due=draw(days)))
            case _:
                events.append(step(what, on, name, stream=stream))
        target = f"e{draw(st.integers(0, number))}"
        correction = draw(st.sampled_from(["no", "no", "no", "retract", "amend", "remark"]))
        if correction == "retract":
            events.append(retract(target, f"c{number}"))
        elif correction == "amend":
            events.append(amend(target, {"occurred": {"start": draw(days), "precision": "day"}}, f"c{number}"))
        elif correction == "remark":
            events.append(remark(target, "AMBER", f"c{number}"))
    if draw(st.booleans()):
        events.append(merge(*draw(st.permutations(STREAMS[:3]))[:2]))
    return events


@settings(max_examples=150)
@drawn(histories(), days, st.integers(0, 23))
def test_it_agrees_with_the_rows_of_commitments_at_every_instant(events: list[Event], day: str, hour: int):
    log, at = given(*events), f"{day}T{hour:02d}:00"
    expected: dict[str, Counter[str]] = {}
    for row in log.shows("commitments", at).values():
        if row["state"] != "none":
            own = expected.setdefault(row["obligor"], Counter())
            state = "open" if row["state"] in {"made", "in_progress"} else row["state"]
            own.update({"made": 1, state: 1, "overdue": int(row["overdue"])})
    rows = counted(log, at)
    names = ("made", "open", "fulfilled", "breached", "withdrawn", "overdue")
    assert {key: [row[name] for name in names] for key, row in rows.items()} == {
        key: [own[name] for name in names] for key, own in expected.items()
    }
