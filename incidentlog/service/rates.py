"""How many requests a key, and an address without one, may make: each has a bucket of them that fills up again.

What is kept of a bucket is the instant at which it is full (the generic cell rate algorithm, ITU-T I.371), and of no
more buckets than HOLDERS: what is full is forgotten, then whoever was silent for the longest.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from incidentlog.errors import TooManyRequests
from incidentlog.service.keys import Reader
from incidentlog.shares import network_of

WINDOW_SECONDS: Final = 60
"""In what time an empty bucket is full again; a quota is of so many seconds."""
HOLDERS: Final = 20_000
"""Of how many keys, and of how many addresses, it is known what they have left: some 3 MB."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a bucket holds after a request."""

    policy: str
    """Of what the bucket is: `key` or `address`."""
    quota: int
    remaining: int
    reset_seconds: int
    """Until it is full, or, where the request was one too many, until there is one again."""
    refused: bool = False

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers (version 11) has it."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }

    def refuse(self) -> TooManyRequests:
        """The refusal of a request that was one too many."""
        detail = f"one {self.policy} may make {self.quota} requests in {WINDOW_SECONDS} s"
        return TooManyRequests(detail, retry_after=self.reset_seconds)


class Buckets:
    """The buckets of one kind."""

    def __init__(self, policy: str, quota: int, seconds: Callable[[], float], *, most: int = HOLDERS) -> None:
        """`quota` is how many requests fit in a bucket, and are filled in in WINDOW_SECONDS; 0 is no limit."""
        self.policy, self.quota, self._seconds, self._most = policy, quota, seconds, most
        self._full_at: dict[str, float] = {}
        """When each is full, in the order in which they were used."""

    def take(self, holder: str, quota: int | None = None) -> Standing | None:
        """Take one request out of a bucket, which may have a quota of its own; None where there is no limit."""
        quota = self.quota if quota is None else quota
        if quota == 0:
            return None
        now, each = self._seconds(), WINDOW_SECONDS / quota
        full_at = max(now, self._full_at.pop(holder, now))
        left = floor((WINDOW_SECONDS - (full_at - now)) / each + 1e-6)
        if left >= 1:
            full_at += each
        self._full_at[holder] = full_at
        self._forget(now)
        if left < 1:
            return Standing(self.policy, quota, 0, max(1, ceil(full_at - now + each - WINDOW_SECONDS)), refused=True)
        return Standing(self.policy, quota, left - 1, ceil(full_at - now))

    def is_empty(self, holder: str) -> bool:
        """Whether a request of this holder would be one too many."""
        full_at = self._full_at.get(holder)
        return full_at is not None and full_at - self._seconds() > WINDOW_SECONDS * (1 - 1 / self.quota) + 1e-6

    def __len__(self) -> int:
        return len(self._full_at)

    def _forget(self, now: float) -> None:
        """Drop what need not be known any more, or is too much: at most a few each time, whoever asks."""
        for _ in range(2):
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) <= self._most:
                return
            del self._full_at[oldest]
            if not self._full_at:
                return


class Rates:
    """The buckets of keys, of addresses without one, and of addresses that show keys that are none."""

    def __init__(self, *, key: int, address: int, seconds: Callable[[], float] = time.monotonic) -> None:
        """`key` and `address` are the quotas."""
        self.seconds = seconds
        self.keys = Buckets("key", key, self._now)
        self.addresses = Buckets("address", address, self._now)
        self.strangers = Buckets("address", address, self._now)

    def _now(self) -> float:
        return self.seconds()

    def take(self, reader: Reader) -> Standing | None:
        """Count a request of somebody who is known, or comes without a key where that is allowed."""
        return self.addresses.take(reader.address) if reader.address else self.keys.take(reader.name, reader.requests)

    def stranger(self, address: str | None) -> Standing | None:
        """Count a request with a key, or a session, that is not known."""
        return self.strangers.take(network_of(address))

    def refuse_guessing(self, address: str | None) -> None:
        """Raises TooManyRequests for an address that has shown too many keys that are none: no more is looked up."""
        if self.strangers.quota and self.strangers.is_empty(network_of(address)):
            refused = self.stranger(address)
            assert refused is not None  # noqa: S101 - there is a limit
            raise refused.refuse()
