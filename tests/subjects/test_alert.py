from incidentlog.subjects.alert import Alert
from tests.subjects.given import Event, event, minute, subject_of

DECLARED = event("alert.declared", "alert:x", occurred=minute("2025-11-19T04:00+02:00"), level="oblast")
LIFTED = event("alert.lifted", "alert:x", occurred=minute("2025-11-19T06:30+02:00"))


def alert(*events: Event) -> Alert:
    return subject_of(*events, kind=Alert)


def test_an_alert_is_open_from_declared_to_lifted():
    assert alert(DECLARED).open
    over = alert(DECLARED, LIFTED)
    assert not over.open
    assert over.declared is not None
    assert over.lifted is not None
    assert (over.lifted - over.declared).total_seconds() == 2.5 * 3600


def test_an_end_that_is_recorded_first_is_still_the_end():
    assert alert(LIFTED, DECLARED).lifted == alert(DECLARED, LIFTED).lifted


def test_an_end_without_a_beginning_is_ignored():
    assert [i.reason for i in alert(LIFTED).ignored] == ["the alert was not declared"]
    assert not alert(LIFTED).open


def test_nothing_follows_the_end():
    again = event("alert.declared", "alert:x", occurred=minute("2025-11-19T07:00+02:00"), level="raion")
    subject = alert(DECLARED, LIFTED, again)
    assert subject.level == "oblast"
    assert [i.reason for i in subject.ignored] == ["the alert was lifted"]


def test_the_level_may_change_while_it_lasts():
    raised = event("alert.declared", "alert:x", occurred=minute("2025-11-19T05:00+02:00"), level="red")
    subject = alert(DECLARED, raised)
    assert subject.level == "red"
    assert subject.declared == alert(DECLARED).declared
