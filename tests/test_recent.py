"""What was asked for lately is held as long as there is room, and what was not asked for the longest goes first."""

from incidentlog.recent import Recent


def by_length(_: str, value: str) -> int:
    return len(value)


def test_what_was_not_asked_for_the_longest_is_let_go():
    recent = Recent[str, str](10, by_length)
    recent.put("first", "12345")
    recent.put("other", "12345")
    assert recent.get("first") == "12345"
    assert recent.put("third", "123") == "123"
    assert recent.get("other") is None
    assert dict(recent.items()) == {"first": "12345", "third": "123"}


def test_without_weights_room_is_a_number_of_items():
    recent = Recent[int, str](2)
    for n in range(4):
        recent.put(n, "of any length")
    assert [key for key, _ in recent.items()] == [2, 3]


def test_one_that_is_larger_than_the_room_is_held_until_the_next():
    recent = Recent[str, str](1, by_length)
    recent.put("large", "12345")
    assert recent.get("large") == "12345"
    recent.put("next", "12345")
    assert recent.get("large") is None
    assert len(recent) == 1


def test_what_is_put_again_takes_the_place_and_weighs_once():
    recent = Recent[str, str](10, by_length)
    for _ in range(5):
        recent.put("same", "123456")
    recent.put("other", "1234")
    assert len(recent) == 2


def test_looking_through_all_is_not_asking():
    recent = Recent[int, int](2)
    recent.put(1, 1)
    recent.put(2, 2)
    assert list(recent.items()) == [(1, 1), (2, 2)]
    recent.put(3, 3)
    assert recent.get(1) is None
