"""What a channel shows: the rows of a projection as of one cursor, moved on by the log and by the clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from incidentlog.errors import TooLarge
from incidentlog.folding.shapes import Row
from incidentlog.live.frames import Cursor
from incidentlog.store.connect import Connection

ROWS: Final = 20_000
"""The most rows that one subscription follows; a reader of more narrows it, or groups it by less."""

Delta = dict[str, Row | None]
"""Rows that are another than before, by key; None where there is none any more."""


class Mark(NamedTuple):
    """The last booking or version behind a change, and whether it restated the past."""

    position: int
    restated: bool


@dataclass(slots=True)
class Missed:
    """What a reader has missed since its cursor: first by the clock, at its own position; then by the log."""

    by_clock: Delta = field(default_factory=dict)
    by_log: Delta = field(default_factory=dict)
    mark: Mark | None = None


class Plan(Protocol):
    """What was read for a step; taking it in needs no more reading."""

    @property
    def mark(self) -> Mark | None:
        """The last booking or version read; None when there was none."""
        ...


class View(Protocol):
    """The rows at a cursor. What reads changes nothing, what changes does not wait: no reader sees it half done."""

    rows: dict[str, Row]

    @property
    def clearance(self) -> int:
        """Up to which marking its readers see."""
        ...

    async def load(self, connection: Connection, upto: int, at: datetime) -> None:
        """Read everything as of a cursor. Raises TooLarge past ROWS."""
        ...

    async def read(self, connection: Connection, after: int, upto: int, at: datetime) -> Plan:
        """Read what was booked between two positions, as it counts at an instant; names of it, too."""
        ...

    def apply(self, plan: Plan, at: datetime) -> Delta:
        """Take in what `read` found, up to the instant `at`, which may be later than that of the reading."""
        ...

    def tick(self, at: datetime) -> Delta:
        """Let the clock reach an instant."""
        ...

    @property
    def next_transition(self) -> datetime | None:
        """When the clock changes a row next."""
        ...

    async def missed(self, connection: Connection, since: Cursor, now: Cursor) -> Missed:
        """What a reader at `since` has missed; `now` is where these rows are when it is called."""
        ...


def limited(number: int) -> None:
    """Refuse what has too many rows."""
    if number > ROWS:
        raise TooLarge(f"over {ROWS} rows: narrow the subscription with a filter, or group it by less")


def put(rows: dict[str, Row], found: Mapping[str, Row | None]) -> Delta:
    """Take rows over, and answer those that are another than before."""
    delta: Delta = {}
    for key, row in found.items():
        if row == rows.get(key):
            continue
        delta[key] = row
        if row is None:
            del rows[key]
        else:
            rows[key] = row
    return delta


def differences(before: Mapping[str, Row], after: Mapping[str, Row]) -> Delta:
    """The rows that are other than they were, and None for those that are there no more."""
    found: Delta = {key: row for key, row in after.items() if row != before.get(key)}
    return found | dict.fromkeys(before.keys() - after.keys())
