"""Places for what only so many of fit at once, shared so that nobody alone holds them all."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Protocol

from incidentlog.errors import Overloaded, TooManyConnections

OWN_NETWORK: Final = 64
"""The bits of an IPv6 address that one subscriber is given (RFC 6177): the rest is theirs to vary."""


class Holder(Protocol):
    """Who may hold a place."""

    @property
    def name(self) -> str:
        """The key's; one for all who come without."""
        ...

    @property
    def address(self) -> str:
        """Where who has no key comes from, as `network_of` tells it; empty for a key."""
        ...


@dataclass(frozen=True, slots=True)
class Stranger:
    """Whoever has not said yet who it is."""

    address: str
    name: str = "who has not said who it is"


@dataclass(frozen=True, slots=True)
class OfKey:
    """What is done for a key while nobody asks."""

    name: str
    address: str = ""


class Shares:
    """The places for one thing.

    No key has more than its share, and no address of those who come without a key, who all together leave some places
    to keys.
    """

    def __init__(self, what: str, places: int, *, each: int, kept: int = 0) -> None:
        """`what` is the thing in the plural; each holder has at most `each`; `kept` are for keys alone."""
        self.what, self.places, self.each, self.kept = what, places, each, kept
        self.held = Counter[tuple[str, str]]()
        """How many each holder has, by name and address."""

    def admit(self, holder: Holder) -> None:
        """Raises TooManyConnections for who has a share already, Overloaded where there is no place."""
        if self.held[holder.name, holder.address] >= self.each:
            raise TooManyConnections(f"{_told(holder)} has {self.each} {self.what} already")
        if self.held.total() >= self.places - (self.kept if holder.address else 0):
            raise Overloaded(f"there are as many {self.what} as there is room for")

    @contextmanager
    def place(self, holder: Holder) -> Iterator[None]:
        """A place, for as long as it lasts. Raises as `admit`."""
        self.admit(holder)
        key = holder.name, holder.address
        self.held[key] += 1
        try:
            yield
        finally:
            self.held[key] -= 1
            if not self.held[key]:
                del self.held[key]


class Turnstile:
    """The few places for one thing that takes not long: one waits for them.

    They go round among those who wait, so that nobody waits for all that another one asked. No holder has more than
    its share at once, and those who come without a key leave some to keys.
    """

    def __init__(self, doing: str, places: int, *, each: int, kept: int = 0, waiting: int | None = None) -> None:
        """`doing` is what the others do, as one who waited in vain is told; of one holder `waiting` wait at most.

        The rest is as for Shares.
        """
        self.doing, self.places, self.each, self.kept = doing, places, each, kept
        self.most_waiting = waiting
        self.held = Counter[tuple[str, str]]()
        self._waiting: dict[tuple[str, str], deque[asyncio.Future[None]]] = {}
        """By holder, who was served last at the end."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def place(self, holder: Holder, *, seconds: float | None) -> AsyncIterator[None]:
        """A place, for as long as it lasts.

        Raises Overloaded where there was none for so many seconds, TooManyConnections where too many of these wait.
        """
        key, mine = (holder.name, holder.address), asyncio.get_running_loop().create_future()
        if self.most_waiting is not None and len(self._waiting.get(key, ())) >= self.most_waiting:
            many = f"{_told(holder)} waits {self.most_waiting} times already"
            raise TooManyConnections(f"{many} while others are {self.doing}")
        self._waiting.setdefault(key, deque()).append(mine)
        self._admit()
        try:
            try:
                async with asyncio.timeout(seconds):
                    await mine
            except TimeoutError:
                raise Overloaded(f"others are {self.doing}") from None
            yield
        finally:
            if mine.done() and not mine.cancelled():
                self.held -= Counter({key: 1})
            elif mine in (queue := self._waiting.get(key, deque())):
                queue.remove(mine)
                if not queue:
                    del self._waiting[key]
            self._admit()

    def _admit(self) -> None:
        """Give out what is free, one to each in turn."""
        while key := next((key for key in self._waiting if self._has_room(key)), None):
            queue = self._waiting.pop(key)
            mine = queue.popleft()
            if queue:
                self._waiting[key] = queue
            if not mine.done():
                self.held[key] += 1
                mine.set_result(None)

    def _has_room(self, key: tuple[str, str]) -> bool:
        strangers = sum(number for (_, address), number in self.held.items() if address)
        left = not key[1] or strangers < self.places - self.kept
        return left and self.held[key] < self.each and self.held.total() < self.places


def network_of(remote: str | None) -> str:
    """Whose an address is: it alone for IPv4, the subscriber's network for IPv6, `local` for a socket without one."""
    try:
        address: IPv4Address | IPv6Address = ip_address((remote or "").partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, OWN_NETWORK), strict=False))


def _told(holder: Holder) -> str:
    return f"{holder.name} from {holder.address}" if holder.address else holder.name
