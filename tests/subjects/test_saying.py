from incidentlog.subjects.registry import EVENTS
from incidentlog.subjects.subject import Subject
from tests.subjects.saying import TYPES


def test_histories_are_of_every_family():
    assert {name.partition(".")[0] for name in TYPES} >= {*Subject.families}
    assert {*EVENTS.newest} >= TYPES
