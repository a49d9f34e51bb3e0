"""When Python's garbage collector looks through what is in memory."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held() -> Iterator[None]:
    """Let it rest, at most until the block ends: as long as a process starts, until it calls `spare`.

    What is imported and read then stays, and to look through it again and again took a fifth of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def spare(*thresholds: int) -> None:
    """Let it pass over all there is from now on, and look for the rest by these thresholds (those of `gc`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds)
    gc.enable()
