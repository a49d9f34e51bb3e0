"""How a version of a subject is stored: whole, or as what it adds to an earlier one.

A subject lists its events, and may list more with each of them. Were every version whole, a stream of n events would
take n² of these items. So from LONG events on a version rests on an earlier one: it says with how many items of that
one's each of its lists begins, and has those that follow, or that a correction made other ones. Once these are over
STEP, those that come rest on it. So an event costs the same, however long its stream.

Which rests on which hangs on nothing but the versions: kept up and rebuilt, the rows are the same (P4).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import orjson

from incidentlog.events.values import STORED, Model
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool

LONG: Final = 16
"""From so many events on a version may rest on an earlier one."""
STEP: Final = 16
"""How many items of its lists a version has itself before others rest on it: nearly the most that any has."""

LARGE: Final = 64 * 1024
"""From so many characters on a subject is mostly the list of its events."""

Key = tuple[str, int]
"""A stream and a marking."""


def write_model(model: Model) -> str:
    """The text in which a subject or a document's body is stored."""
    return model.model_dump_json(exclude_defaults=True, context=STORED)


@dataclass(frozen=True, slots=True)
class Text:
    """A version as it was read: its text, and those of what it rests on, the nearest first."""

    stream: str
    body: str
    earlier: Sequence[str] = ()

    @property
    def octets(self) -> int:
        """How much text there is."""
        return len(self.body) + sum(map(len, self.earlier))

    @property
    def state(self) -> Subject | Absorbed:
        """The subject, or where its stream went."""
        return read_variant(self.stream, self.body if not self.earlier else orjson.dumps(self.said).decode())

    @property
    def light(self) -> Subject | Absorbed:
        """The same without the list of its events: all of it that does not grow with each."""
        if self.octets < LARGE:
            return self.state
        return read_variant(self.stream, orjson.dumps({**self.said, "entries": []}).decode())

    @property
    def said(self) -> dict[str, Any]:
        """What it says, as plain JSON."""
        said: dict[str, Any] = {}
        for body in (*reversed(self.earlier), self.body):
            earlier, said = said, orjson.loads(body)
            for name, (count, *instead) in said.pop("rests", {}).items():
                items, own = earlier.get(name, []), said.get(name, [])
                del items[count:]
                for index, item in zip(instead, own, strict=False):
                    items[index] = item
                said[name] = items + own[len(instead) :]
        return said


class Texts:
    """Reads what versions rest on. What several of one answer share is read once."""

    def __init__(self, pool: Pool | Connection) -> None:
        self._pool = pool
        self._last: tuple[tuple[Any, ...], Sequence[str]] = (), ()

    async def of(self, stream: str, body: str, build: int, level: int, rests_on: int | None) -> Text:
        """The text of a version, given its row."""
        if rests_on is None:
            return Text(stream, body)
        wanted = build, stream, level, rests_on
        if self._last[0] != wanted:
            rows = await self._pool.fetch(query("derive", "earlier"), *wanted)
            self._last = wanted, [row["body"] for row in rows]
        return Text(stream, body, self._last[1])


def read_variant(stream: str, body: str) -> Subject | Absorbed:
    """A subject from a whole text, or where its stream went."""
    if body.startswith('{"into":'):
        return Absorbed.model_validate_json(body)
    kind = Subject.families.get(stream.partition(":")[0], Subject)
    return kind.model_validate_json(body)


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it is stored."""

    state: Subject | Absorbed
    rests_on: int | None = None
    shared: Mapping[str, "Shared"] = field(default_factory=dict)
    """What its lists have of the other one's."""

    @property
    def body(self) -> str:
        """Its text; made when its row is written, since all texts of a batch are more than all that it is made of."""
        if self.rests_on is None or not isinstance(self.state, Subject):
            return write_model(self.state)
        rest = self.state.but(**{name: shared.own(getattr(self.state, name)) for name, shared in self.shared.items()})
        rests = {name: [shared.count, *shared.instead] for name, shared in self.shared.items()}
        return f'{{"rests":{orjson.dumps(rests).decode()},{write_model(rest)[1:]}'


@dataclass(frozen=True, slots=True)
class Shared:
    """What a list has of another one: that many items, but for those at some places, in order."""

    count: int
    instead: Sequence[int] = ()

    def own(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        """What is the list's own: the items at those places, and those that follow."""
        return (*(items[index] for index in self.instead), *items[self.count :])


@dataclass(frozen=True, slots=True)
class _Base:
    position: int
    subject: Subject


@dataclass(slots=True)
class Bases:
    """By stream and marking what the next version of a long stream may rest on."""

    _known: dict[Key, _Base] = field(default_factory=dict)
    _last: dict[Key, tuple[int, _Base | None]] = field(default_factory=dict)
    """Where each was put last in this batch, and what was known before: another one there takes its place."""

    def missing(self, standing: Mapping[Key, Subject | Absorbed | None]) -> set[Key]:
        """Of stored versions that others will follow those that are long, and of which it does not know the base."""
        return {key for key, state in standing.items() if _length(state) >= LONG} - self._known.keys()

    def know(self, key: Key, position: int, text: Text, rests_on: int | None) -> None:
        """Take in a version that stands, and what it rests on."""
        state = text.state
        assert isinstance(state, Subject)  # noqa: S101 - it is long
        self._known[key] = _Base(position, state)
        if rests_on is not None:
            earlier = Text(text.stream, text.earlier[0], text.earlier[1:]).state
            assert isinstance(earlier, Subject)  # noqa: S101 - as above
            if _beyond(state, _shared(earlier, state)) <= STEP:
                self._known[key] = _Base(rests_on, earlier)

    def put(self, key: Key, position: int, state: Subject | Absorbed) -> Version:
        """How a version that begins at a position is stored. In the order of the positions."""
        base = self._before(key, position)
        if not isinstance(state, Subject) or len(state.entries) < LONG:
            self._known.pop(key, None)
            return Version(state)
        shared = {} if base is None else _shared(base.subject, state)
        if base is None or "entries" not in shared:
            self._known[key] = _Base(position, state)
            return Version(state)
        if _beyond(state, shared) > STEP:
            self._known[key] = _Base(position, state)
        else:  # items that are the same, and not only equal, are compared at no cost
            alike = {name: own.count for name, own in shared.items() if not own.instead}
            same = base.subject.but(**{name: getattr(state, name)[:count] for name, count in alike.items()})
            self._known[key] = _Base(base.position, same)
        return Version(state, base.position, shared)

    def end(self, key: Key, position: int) -> None:
        """There is none any more from a position on; what follows rests on nothing."""
        self._before(key, position)
        self._known.pop(key, None)

    def settle(self) -> None:
        """The batch is written."""
        self._last.clear()

    def forget(self, streams: Iterable[str]) -> None:
        """Forget what is known of some streams: it is read again when more of them comes."""
        gone = set(streams)
        for key in [key for key in self._known if key[0] in gone]:
            del self._known[key]

    def _before(self, key: Key, position: int) -> _Base | None:
        base = self._known.get(key)
        if (last := self._last.get(key)) is not None and last[0] == position:
            base = last[1]
        self._last[key] = position, base
        return base


def _length(state: Subject | Absorbed | None) -> int:
    return len(state.entries) if isinstance(state, Subject) else 0


def _shared(base: Subject, state: Subject) -> dict[str, Shared]:
    """The lists of a subject that begin with what another one's have, but for a few items, and what they share."""
    if type(base) is not type(state):
        return {}
    pairs = ((name, value, getattr(state, name)) for name, value in base if isinstance(value, tuple) and value)
    found = ((name, _of_list(value, now)) for name, value, now in pairs if len(now) >= len(value))
    return {name: shared for name, shared in found if shared is not None}


def _of_list(items: tuple[Any, ...], now: tuple[Any, ...]) -> Shared | None:
    count = len(items)
    if now[:count] == items:
        return Shared(count)
    instead = list(islice((n for n, (was, one) in enumerate(zip(items, now, strict=False)) if was != one), STEP + 1))
    return Shared(count, instead) if len(instead) <= STEP else None


def _beyond(state: Subject, shared: Mapping[str, Shared]) -> int:
    """How many items a version would have itself."""
    lists = ((name, value) for name, value in state if isinstance(value, tuple))
    return sum(len(shared[name].own(value) if name in shared else value) for name, value in lists)
