"""What was asked for lately, held as long as there is room for it: for answers that never change once they are made."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key. What was not asked for the longest goes first, and the newest one is always held."""

    def __init__(self, room: int, weigh: Callable[[K, V], int] = lambda _key, _value: 1) -> None:
        """`room` is in what `weigh` counts, which says the same of an item each time: by default in items."""
        self._room, self._weigh = room, weigh
        self._held: OrderedDict[K, V] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._held)

    def items(self) -> Iterator[tuple[K, V]]:
        """All that is held; nobody asked for it by this."""
        return iter(self._held.items())

    def get(self, key: K) -> V | None:
        """What is held under a key; None where nothing is."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> V:
        """Hold a value, in the place of what was held under its key, and let go of what there is no room for."""
        if key in self._held:
            self._weight -= self._weigh(key, self._held.pop(key))
        self._held[key] = value
        self._weight += self._weigh(key, value)
        while self._weight > self._room and len(self._held) > 1:
            self._weight -= self._weigh(*self._held.popitem(last=False))
        return value
