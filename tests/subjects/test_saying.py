from incidentlog.folding.subject import Subject
from incidentlog.subjects import EVENTS
from tests.subjects.saying import TYPES


def test_histories_are_of_every_family():
    assert {name.partition(".")[0] for name in TYPES} >= {*Subject.families}
    assert {*EVENTS.newest} >= TYPES
