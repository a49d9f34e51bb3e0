"""How long what is not projected has waited, whatever the size of it."""

from incidentlog.runner.portion import Portion
from incidentlog.runner.progress import SIGHTS, Progress


class Seconds:
    def __init__(self) -> None:
        self.passed = 100.0

    def __call__(self) -> float:
        return self.passed


def test_the_lag_counts_from_when_the_oldest_event_that_waits_was_sighted():
    progress = Progress(now := Seconds())
    assert (progress.lag_seconds, progress.still_seconds) == (0, 0)
    progress.expect(3)
    now.passed += 5
    progress.expect(9)
    now.passed += 1
    assert (progress.lag_seconds, progress.still_seconds) == (6, 6)
    progress.move(3)
    assert (progress.lag_seconds, progress.still_seconds) == (1, 0)
    now.passed += 2
    progress.move(4)
    assert (progress.lag_seconds, progress.still_seconds) == (3, 0)
    progress.move(9)
    assert (progress.lag_seconds, progress.still_seconds) == (0, 0)


def test_a_runner_that_has_nothing_to_do_does_not_stand_still():
    progress = Progress(now := Seconds())
    progress.move(7)
    now.passed += 3_600
    progress.expect(7)
    progress.expect(2)
    assert (progress.lag_seconds, progress.still_seconds) == (0, 0)
    progress.expect(8)
    now.passed += 4
    assert progress.still_seconds == 4  # from when there was something to do


def test_a_move_that_says_less_is_no_progress():
    progress = Progress(now := Seconds())
    progress.move(5)
    progress.expect(6)
    now.passed += 4
    progress.move(5)
    progress.move(1)
    assert (progress.position, progress.still_seconds) == (5, 4)


def test_sights_that_are_remembered_are_few_and_the_oldest_counts():
    progress = Progress(now := Seconds())
    for head in range(1, SIGHTS + 500):
        progress.expect(head)
        now.passed += 1
    assert len(progress._sights) == SIGHTS
    assert progress.lag_seconds == SIGHTS + 499
    for _ in range(3):  # at once: one sight
        progress.expect(progress._sights[-1][0] + 1)
    assert len(progress._sights) == SIGHTS


def test_a_portion_is_halved_after_what_did_not_go_through_and_grows_again():
    portion = Portion(1_000)
    for _ in range(20):
        portion.shrink()
    assert portion.size == 1
    portion.grow()
    assert portion.size == 2
    sizes = [portion.grow() or portion.size for _ in range(100)]
    assert sizes == sorted(sizes)
    assert portion.size == 1_000
