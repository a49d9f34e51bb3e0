"""How much is taken in at once."""


class Portion:
    """A number of events that is halved after a batch that did not go through, and grows with those that do.

    A batch that took too long, or that loses its connection each time, may go through when it is smaller. A small one
    is doubled, to catch up soon; a large one grows by tenths: doubled it would be too much again at once.
    """

    def __init__(self, most: int) -> None:
        """`most` is the number to begin with, and the largest."""
        self._most = most
        self.size = most

    def shrink(self) -> None:
        """A batch did not go through: less next time, at least one."""
        self.size = max(1, self.size // 2)

    def grow(self) -> None:
        """A batch went through: more next time."""
        more = self.size if self.size < self._most // 4 else max(1, self.size // 10)
        self.size = min(self._most, self.size + more)
