"""Two logs that differ only in what is marked too high for a reader: it must be told the same of both (P5).

Positions are dense, so the reader can count what it may not see; all else is equal. What is at a position is compared
by the number of events up to it that the reader sees: those of the plain log.
"""

import asyncio
import csv
import re
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson

from incidentlog.clock import ManualClock
from incidentlog.embedded import Server
from incidentlog.events.recorded import Recorded
from incidentlog.events.values import Tlp, tlp_level
from tests.api.serving import ADMIN, NDJSON, NOW, Answer, Served, make_key, serving
from tests.conftest import log_called
from tests.subjects.given import Event

PARQUET: Final = "application/vnd.apache.parquet"
LEVELS: Final = (Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT)
"""The clearances from which something can be hidden."""
READER: Final = "a-key-that-does-not-see-all"
OF_EVENTS: Final = frozenset({"position", "from_position", "first_position", "last_position", "import"})
"""Members that name the position of an event: outside a basis it must be one that the reader sees."""
OF_THE_LOG: Final = frozenset({"head", "from", "to", "to_position", "position", "from_position"})
"""Members that say how far a log was read."""
BASIS: Final = frozenset({"basis", "end"})
"""What says how far a log was read, with the members of the same names."""
ELSEWHERE: Final = frozenset({"recorded_at", "trace_id", "stream_version", "epoch", "conflated"})
"""Members that two logs with the same events do not share; a stream's versions are as dense as positions."""
SCOPES: Final = ("read", "report", "edit")
_NAMED: Final = re.compile(r"((?:after|position|from|to|import)(?:=|%3D| ))(\d+)")
_SSE_ID: Final = re.compile(r"id: [0-9a-f-]{36}\.\d+\.\d+:(\d+)(?:@(\d+))?")


def seen_of(log: Sequence[Recorded], level: int) -> list[Recorded]:
    """The events of a log that a clearance covers, where they are: as if the others had never been."""
    return [e for e in log if e.tlp <= level]


@dataclass(frozen=True)
class Side:
    """One of the two logs, served, and asked by a reader."""

    served: Served
    seen: list[int]
    """The positions of the events that the reader sees."""

    def at(self, plain: int) -> int:
        """Where an event is here that is at a position of the plain log."""
        return self.seen[plain - 1] if plain else 0

    def rank(self, position: int) -> int:
        """How many events the reader sees up to a position."""
        return bisect_right(self.seen, position)

    async def add(self, event: Event) -> int:
        """One more event, whoever sees it; its position."""
        (position,) = await self.served.by(ADMIN).add(event)
        return position

    def told(self, answer: Answer) -> tuple[Any, ...]:
        """What an answer says, in whatever format it is, with positions as they are in the plain log."""
        kind = answer.headers["Content-Type"].partition(";")[0]
        text = "" if kind == PARQUET else answer.raw.decode()
        said: Any
        if kind == PARQUET:
            said = _columns(answer.raw), [self.same(row) for row in _rows(answer.raw)]
        elif kind == NDJSON:
            said = [self.same(orjson.loads(line)) for line in text.splitlines() if line]
        elif kind == "text/csv":
            said = [self.same({name: _number(value) for name, value in row.items()}) for row in _table(text)]
        elif kind == "text/event-stream":
            said = [self._line(line) for line in text.splitlines()]
        else:
            said = self.same(answer.json)
        return answer.status, kind, self.rank(int(answer.headers.get("Log-Position", 0))), said

    def _line(self, line: str) -> Any:
        if (named := _SSE_ID.fullmatch(line)) is not None:
            assert int(named[1]) in self.seen
            return self.rank(int(named[1])), self.rank(int(named[2] or 0))
        return self.same(orjson.loads(line[len("data: ") :])) if line.startswith("data: ") else line

    def same(self, said: Any, *, log: bool = False) -> Any:
        """What was said, with positions as they are in the plain log. An event's must be one that the reader sees."""
        if isinstance(said, list):
            return [self.same(own, log=log) for own in said]
        if not isinstance(said, Mapping):
            return _NAMED.sub(lambda m: f"{m[1]}{self.rank(int(m[2]))}", said) if isinstance(said, str) else said
        return {
            self.same(name): self._member(name, own, log=log)
            for name, own in said.items()
            if name not in ELSEWHERE and not (name == "time" and "specversion" in said)  # a CloudEvent's recorded_at
        }

    def _member(self, name: str, value: Any, *, log: bool) -> Any:
        if name == "sequence":  # a CloudEvent's position, as text
            assert int(value) in self.seen, f"the position {value} is of an event that is hidden"
            return self.rank(int(value))
        if isinstance(value, int) and not isinstance(value, bool):
            if not log and name in OF_EVENTS:
                assert value == 0 or value in self.seen, f"the position {value} is of an event that is hidden"
                return self.rank(value)
            return self.rank(value) if name in OF_THE_LOG else value
        return self.same(value, log=log or name in BASIS)


@dataclass(frozen=True)
class Pair:
    """The same service over a log with hidden events and over one without, for a reader of one clearance."""

    hidden: Side
    plain: Side
    told: set[tuple[str, str]] = field(default_factory=set)
    """What was answered: the path that was asked, and the media type."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """The two, in this order."""
        return self.hidden, self.plain

    async def get(
        self,
        path: str,
        *,
        plain_positions: Mapping[str, int] | None = None,
        just_before: Mapping[str, int] | None = None,
        **params: Any,
    ) -> Any:
        """The same question to both; fails unless the answers are equal.

        `plain_positions` are those of events in the plain log; `just_before` are of what comes before such an event:
        in the other log that may be hidden.
        """

        async def asked(side: Side) -> tuple[Any, ...]:
            own = {name: side.at(position) for name, position in (plain_positions or {}).items()}
            own |= {name: side.at(position) - 1 for name, position in (just_before or {}).items()}
            told = side.told(await side.served.get(path, **params, **own))
            self.told.add((path, told[1]))
            return told

        return self._equal(await asyncio.gather(*map(asked, self.sides)), path, params)

    async def post(self, event: Event) -> Any:
        """The same event, sent to both by the reader."""
        answers = [(side, await side.served.post(event)) for side in self.sides]
        for side, answer in answers:
            if answer.status == HTTPStatus.CREATED:
                side.seen.append(answer.json["position"])
        return self._equal([side.told(answer) for side, answer in answers], "POST", event)

    async def send(self, what: str, asking: Callable[[Served], Awaitable[Answer]], *, appends: int = 0) -> Any:
        """The same request of another kind, sent to both by the reader; what it appends the reader sees."""
        told = []
        for side in self.sides:
            before = await side.served.head()
            answer = await asking(side.served)
            assert await side.served.head() == before + appends, (what, answer)
            side.seen.extend(range(before + 1, before + appends + 1))
            told.append(side.told(answer))
        return self._equal(told, what)

    def _equal(self, told: Sequence[tuple[Any, ...]], *asked: Any) -> Any:
        hidden, plain = told
        assert hidden == plain, (asked, hidden, plain)
        return plain[-1]


def _rows(parquet: bytes) -> list[dict[str, Any]]:
    from pyarrow import BufferReader
    from pyarrow.parquet import read_table

    rows: list[dict[str, Any]] = read_table(BufferReader(parquet)).to_pylist()
    return rows


def _columns(parquet: bytes) -> list[str]:
    from pyarrow import BufferReader
    from pyarrow.parquet import read_schema

    return [str(field) for field in read_schema(BufferReader(parquet))]


def _table(text: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(text.splitlines())


def _number(cell: str) -> int | str:
    return int(cell) if cell.isdecimal() else cell


@asynccontextmanager
async def pair_of(server: Server, events: Sequence[Event], level: int) -> AsyncIterator[Pair]:
    """Both logs, filled; what is marked above `level` is only in the first."""
    async with (
        log_called("test_hidden", server) as one,
        log_called("test_plain", server) as other,
        serving(one, clock=ManualClock(NOW)) as hidden,
        serving(other, clock=ManualClock(NOW)) as plain,
    ):
        seen = [n for n, e in enumerate(events, start=1) if tlp_level(e.get("tlp", "CLEAR")) <= level]
        for served, filled in ((hidden, events), (plain, [events[n - 1] for n in seen])):
            answer = await served.bulk(*filled)
            assert answer.status == HTTPStatus.CREATED, answer
            await make_key(served.access, "reader", READER, scopes=SCOPES, clearance=level)
            await served.settled()
        yield Pair(Side(hidden.by(READER), seen), Side(plain.by(READER), list(range(1, len(seen) + 1))))
