"""What a part says of its work, so that one request can be followed through all of them (docs/tracing.md).

Parts hold a `Tracing` or None. What makes traces is in `otel.py`, which is imported only where they are wanted: else a
request costs a look at a None.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

Carried = object
"""Which trace something belongs to, to be handed back later; of no meaning to who carries it."""


class Answered(Protocol):
    """What is told of a request once it is answered."""

    def __call__(self, status: int) -> None:
        """With which status."""
        ...


class Tracing(Protocol):
    """Takes down what becomes of requests."""

    def request(self, method: str, route: str, headers: Mapping[str, str]) -> AbstractContextManager[Answered]:
        """A request, while it is answered; it goes on a trace that its `traceparent` names (W3C Trace Context)."""
        ...

    def carried(self) -> Carried | None:
        """The trace of the request that is answered here; None where nobody keeps it."""
        ...

    def batch(self, carried: Sequence[Carried], events: int) -> AbstractContextManager[None]:
        """An append of so many events, which is linked to each request that waits for it."""
        ...

    def written(self, carried: Carried, position: int) -> None:
        """What a request appended is in the log up to a position."""
        ...

    def projected(self, position: int) -> None:
        """Everything up to a position is in the projections."""
        ...

    def told(self, followed: str, after: int, upto: int) -> None:
        """Followers of a projection are told of what came after one position and up to another."""
        ...
