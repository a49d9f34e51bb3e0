"""How much is taken in at once."""

from dataclasses import dataclass
from typing import Final

SHARE: Final = 32
"""By how much less is taken in at once after the process ended, each time."""
ENDS: Final = 3
"""After how many ends of the process at one position the event that follows is not taken in as others are."""


class Portion:
    """A number of events that is halved after a batch that did not go through, and grows with those that do.

    A batch that took too long, or that loses its connection each time, may go through when it is smaller. A small one
    is doubled, to catch up soon; a large one grows by tenths: doubled it would be too much again at once.
    """

    def __init__(self, most: int, size: int | None = None) -> None:
        """`most` is the largest; `size` the number to begin with, the largest where none is given."""
        self._most = most
        self.size = most if size is None else max(1, min(most, size))

    def of_log(self, spread: float) -> int:
        """How many events of the log to read: among `spread` of them one is to be taken in. After a failure no more."""
        return round(self.size * spread) if self.size == self._most else self.size

    def shrink(self) -> None:
        """A batch did not go through: less next time, at least one."""
        self.size = max(1, self.size // 2)

    def grow(self) -> None:
        """A batch went through: more next time."""
        more = self.size if self.size < self._most // 4 else max(1, self.size // 10)
        self.size = min(self._most, self.size + more)


@dataclass(frozen=True, slots=True)
class Ends:
    """How often in a row a process ended at one position, and how it is to go on from there."""

    position: int = 0
    times: int = 0

    def again(self, position: int) -> "Ends":
        """It ended once more, at a position."""
        return Ends(position, self.times + 1 if position == self.position else 1)

    def portion(self, most: int) -> int:
        """How many events to begin with: after two ends with one, so that it shows which one it is."""
        return int(max(1, most // SHARE**self.times))

    @property
    def doomed(self) -> int | None:
        """The position of the event with which it ended time and again; None while that is not known."""
        return self.position + 1 if self.times >= ENDS else None


NEVER: Final = Ends()
