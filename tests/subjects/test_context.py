"""The small ones: contact, proposal, statement, sanction, assistance, displacement, sentiment, corridor."""

from incidentlog.subjects.assistance import Assistance
from incidentlog.subjects.contact import Contact
from incidentlog.subjects.corridor import Corridor
from incidentlog.subjects.displacement import Displacement
from incidentlog.subjects.proposal import Proposal
from incidentlog.subjects.sanction import Sanction
from incidentlog.subjects.sentiment import Sentiment
from incidentlog.subjects.statement import Statement
from tests.subjects.given import Event, day, event, merge, subject_of, timeline


def test_a_call_between_presidents():
    contact = subject_of(*timeline("contact:2025-03-18-us-ru"), kind=Contact)
    assert (contact.mode, contact.duration_min, contact.level) == ("phone_call", 150, "heads_of_state")


def test_a_proposal_has_versions():
    proposal = subject_of(*timeline("proposal:us-peace-plan"), kind=Proposal)
    assert [(v.by, v.points) for v in proposal.versions] == [("USA", 28), ("UKR", 20)]
    assert proposal.proposed_by == "USA"


def test_a_party_s_latest_answer_stands_and_says_to_which_version():
    tabled = event("proposal.tabled", "proposal:x", by="USA")
    first = event("proposal.responded", "proposal:x", responder="UKR", response="rejected")
    second = event("proposal.responded", "proposal:x", responder="UKR", response="accepted")
    answer = subject_of(tabled, first, event("proposal.revised", "proposal:x"), second, kind=Proposal).responses["UKR"]
    assert (answer.response, answer.version) == ("accepted", 2)
    alone = subject_of(*timeline("proposal:ua-2022-guarantees"), kind=Proposal).responses["RUS"]
    assert (alone.response, alone.version) == ("rejected", 0)


def test_the_latest_statement_stands_by_the_time_it_was_made():
    late, early = (
        event("statement.made", "statement:x", occurred=day(d), speaker="RUS", topic="ceasefire", stance=s)
        for d, s in (("2025-03-02", "support"), ("2025-03-01", "oppose"))
    )
    assert subject_of(late, early, kind=Statement).stance == "support"


def test_sanctions_keep_their_terms_when_they_are_eased():
    imposed = event("sanction.imposed", "sanction:x", imposer="EUU", package=19, targets=["A bank"])
    eased = event("sanction.eased", "sanction:x", imposer="EUU")
    sanction = subject_of(imposed, eased, kind=Sanction)
    assert (sanction.status, sanction.package, sanction.targets) == ("eased", 19, ("A bank",))


def test_assistance_is_summed_by_currency_and_an_absorbed_record_adds_nothing():
    def delivered(stream: str, amount: float, currency: str | None = "EUR") -> Event:
        more = {"currency": currency} if currency else {}
        return event(
            "assistance.delivered", stream, provider="DEU", recipient="UKR", kind=["military"], amount=amount, **more
        )

    x = [delivered("assistance:x", n) for n in (100, 50)], delivered("assistance:x", 7, None)
    other = delivered("assistance:y", 900), merge("assistance:x", "assistance:y")
    line = subject_of(*x[0], x[1], *other, kind=Assistance)
    assert line.delivered == {"EUR": 150, "XXX": 7}
    assert line.status == "delivered"


def test_a_pledge_of_ninety_billion():
    line = subject_of(*timeline("assistance:eu-90bn"), kind=Assistance)
    assert line.pledged == {"EUR": 90_000_000_000}
    assert (line.status, line.kind, line.form) == ("pledged", ("financial",), "loan")


def test_each_figure_of_displacement_has_its_own_day():
    subject = subject_of(*timeline("displacement:ukr"), kind=Displacement)
    assert subject.idps is not None
    assert subject.refugees is not None
    assert (subject.idps.count, subject.refugees.count) == (8_000_000, 5_900_000)
    assert subject.idps.as_of < subject.refugees.as_of
    older = event("displacement.reported", "displacement:ukr", refugees=1, as_of="2022-03-01")
    again = subject_of(*timeline("displacement:ukr"), older, kind=Displacement)
    assert again.refugees == subject.refugees


def test_the_final_results_of_a_poll_stand_and_the_preliminary_ones_stay():
    poll = subject_of(*timeline("sentiment:kiis-peace-plan"), kind=Sentiment)
    assert [p.preliminary for p in poll.polls] == [True, False]
    assert poll.latest is not None
    assert (poll.latest.n, poll.latest.results) == (1001, {"reject": 74})
    assert poll.question is not None


def test_a_corridor_may_open_more_than_once():
    days = ("2022-03-08", "2022-03-09", "2022-03-12")
    opened, closed, again = (
        event(f"corridor.{what}", "corridor:x", occurred=day(d))
        for what, d in zip(("opened", "closed", "opened"), days, strict=True)
    )
    corridor = subject_of(opened, closed, again, kind=Corridor)
    assert corridor.open
    assert [o.until is None for o in corridor.openings] == [False, True]
    assert [i.reason for i in subject_of(closed, kind=Corridor).ignored] == ["the corridor was not open"]
