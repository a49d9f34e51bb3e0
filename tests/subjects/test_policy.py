"""What is registered: policies, places, actors, grades, and what was done with the log."""

from incidentlog.subjects.actor import RegisteredActor
from incidentlog.subjects.audit import AuditTrail
from incidentlog.subjects.place import RegisteredPlace
from incidentlog.subjects.policy import DEFAULTS, Policy
from incidentlog.subjects.source import GradedSource
from tests.events.test_envelope import faults
from tests.subjects.given import Event, event, subject_of

COMPLIANCE = "policy:compliance"


def changed(**values: float) -> Event:
    said = event("policy.changed", COMPLIANCE, policy="compliance", values=values)
    return said | {"sources": []}


def test_what_a_change_does_not_name_stays():
    policy = subject_of(changed(window_hours=48), changed(breaking_down_days=1), kind=Policy)
    assert policy.values == {**DEFAULTS["compliance"], "window_hours": 48, "breaking_down_days": 1}


def test_a_known_policy_has_known_thresholds_and_none_below_zero():
    assert faults(changed(window_days=3)) == {"/data/values/window_days": "unknown_threshold"}
    assert faults(changed(window_hours=-1)) == {"/data/values/window_hours": "below_zero"}


def test_a_stream_is_of_one_policy():
    other = event("policy.changed", COMPLIANCE, policy="commitments", values={"at_risk_days": 3})
    policy = subject_of(changed(window_hours=48), other, kind=Policy)
    assert [i.reason for i in policy.ignored] == ["this stream is of policy compliance"]


def test_a_place_is_as_registered_last():
    first = event("place.registered", "place:mayaky", slug="mayaky", name="Mayaky", lat=46.4, lon=30)
    again = event("place.registered", "place:mayaky", slug="mayaky", name="Mayaky", lat=46.41, lon=30.26, country="UA")
    place = subject_of(first, again, kind=RegisteredPlace)
    assert (place.lat, place.country) == (46.41, "UA")


def test_an_actor_comes_into_use():
    actor = subject_of(event("actor.registered", "actor:x", code="SES", name="Rescuers"), kind=RegisteredActor)
    assert actor.code == "SES"


def test_a_grade_keeps_its_history():
    graded = [event("source.graded", "source:blog", old=o, new=n) for o, n in ((None, "C"), ("C", "D"))]
    source = subject_of(*graded, kind=GradedSource)
    assert (source.source_id, source.grade, len(source.gradings)) == ("blog", "D", 2)


def test_exports_and_digests_are_counted():
    digest = event("audit.access_digest", "audit:log", day="2026-01-01", entries=12, sha256="0" * 64)
    trail = subject_of(event("audit.exported", "audit:log", to_position=110), digest, kind=AuditTrail)
    assert (trail.exports, trail.digests) == (1, 1)
