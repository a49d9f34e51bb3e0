"""Documents' bodies that were read lately: one text is one body, and no more of them are held than there is room for."""

from incidentlog.projections.policies import PolicyBody
from incidentlog.projections.talks_ledger import Track
from incidentlog.store.answer import Bodies

EMPTY = '{"meetings": []}'


def policy(name: str) -> str:
    return f'{{"policy": "{name}", "changed": {{}}}}'


def test_a_body_is_read_once():
    bodies = Bodies()
    assert bodies.find(Track, EMPTY) is None
    body = bodies.read(Track, EMPTY)
    assert body == Track(meetings=())
    assert bodies.find(Track, EMPTY) is body
    assert bodies.find(PolicyBody, EMPTY) is None


def test_what_was_not_asked_for_the_longest_is_let_go():
    first, second, third = map(policy, ("first", "other", "third"))
    bodies = Bodies(most=len(first + second))
    bodies.read(PolicyBody, first)
    bodies.read(PolicyBody, second)
    assert bodies.find(PolicyBody, first) is not None
    bodies.read(PolicyBody, third)
    assert bodies.find(PolicyBody, second) is None
    assert [bodies.find(PolicyBody, text) for text in (first, third)] == [
        PolicyBody(policy=name, changed={}) for name in ("first", "third")
    ]


def test_one_that_is_larger_than_the_room_is_held_until_the_next():
    bodies = Bodies(most=1)
    body = bodies.read(Track, EMPTY)
    assert bodies.find(Track, EMPTY) is body
    bodies.read(PolicyBody, policy("next"))
    assert bodies.find(Track, EMPTY) is None
