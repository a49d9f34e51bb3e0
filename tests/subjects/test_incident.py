from incidentlog.events.values import Estimate
from incidentlog.subjects.incident import Incident
from incidentlog.subjects.strike import Strike
from tests.subjects.given import day, event, subject_of

CLASH = {"kind": "clash", "casualties": {"killed": {"best": 2}}, "as_of": "2025-11-19"}
REPORTED = event("incident.reported", "incident:x", data=CLASH)


def test_an_incident_learns_from_its_assessments():
    assessed = event("incident.assessed", "incident:x", as_of="2025-11-20", casualties={"killed": {"best": 3}})
    subject = subject_of(REPORTED, assessed, kind=Incident)
    assert (subject.kind, subject.reports) == ("clash", 1)
    assert subject.casualties.killed == Estimate(low=3, best=3, high=3)


def test_an_attack_is_claimed_and_attributed():
    claimed = event("attack.claimed", "incident:x", by="UKR")
    attributed = event("attack.attributed", "incident:x", to="RUS", by="UKR")
    subject = subject_of(REPORTED, claimed, attributed, kind=Incident)
    assert (subject.claimed_by, subject.attributed_to) == ("UKR", "RUS")


def test_an_older_assessment_does_not_replace_what_is_known_of_a_later_day():
    strike = event("strike.reported", "strike:x", means=["drone"], target_class="energy", as_of="2025-11-21")
    older = event("strike.assessed", "strike:x", occurred=day("2025-11-20"), as_of="2025-11-20", target_class="port")
    silent = event("strike.assessed", "strike:x", as_of="2025-11-20", target_object="depot")
    subject = subject_of(strike, older, silent, kind=Strike)
    assert (subject.target_class, subject.target_object) == ("energy", "depot")
