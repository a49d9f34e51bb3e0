"""Waiting for something to become true: polled, bounded, and never in silence."""

from collections.abc import Callable, Iterator
from time import monotonic, sleep

from incidentlog.embedded.errors import EmbeddedError

Progress = Callable[[str], None]

_FIRST_STEP_SECONDS = 0.002
_LAST_STEP_SECONDS = 0.05
_FIRST_WORD_SECONDS = 1.0
_NEXT_WORD_SECONDS = 5.0


def silent(_: str) -> None:
    """Report progress to nobody."""


def polling(what: Callable[[], str], limit_seconds: float, progress: Progress = silent) -> Iterator[float]:
    """Yield the seconds waited, again and again with a pause between; the caller leaves the loop when it is content.

    `what()` says what is waited for; `progress` hears it after 1 s and then every 5 s.
    EmbeddedError when the limit has passed.
    """
    began = monotonic()
    step, next_word = _FIRST_STEP_SECONDS, _FIRST_WORD_SECONDS
    while (waited := monotonic() - began) < limit_seconds:
        yield waited
        if waited >= next_word:
            progress(f"{what()} ({waited:.0f} s so far)")
            next_word = waited + _NEXT_WORD_SECONDS
        sleep(step)
        step = min(step * 1.2, _LAST_STEP_SECONDS)
    raise EmbeddedError(f"Gave up after {limit_seconds:g} s: {what()}")
