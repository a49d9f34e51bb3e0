"""How a version of a subject is stored: not at all, whole, or as what it adds to an earlier one.

A subject of few events is folded from them when it is read (store/from_events.py): of its versions only the row is
kept, which says from where and up to where each stood.

A longer one lists its events, and may list more with each of them. Were every version whole, a stream of n events would
take n² of these items. So from LONG events on a version rests on an earlier one: it says with how many items of that
one's its lists begin, and has those that follow, or that a correction made other ones. Once these are over STEP, those
that come rest on it. So an event that comes last costs the same, however long its stream. A list that changed as a
whole is not shared, and not by those that rest on such a version either: of what a version rests on only the shared
lists are read.

Which rests on which hangs on nothing but the versions: kept up and rebuilt, the rows are the same (P4).
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

import asyncpg
import orjson

from incidentlog.events.recorded import weigh
from incidentlog.events.values import STORED, Model
from incidentlog.folding.change import Change
from incidentlog.folding.subject import HIDDEN, Absorbed, Subject
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.from_events import History, read_histories
from incidentlog.turns import beside

LONG: Final = 16
"""From so many events on a version is stored, and may rest on an earlier one. May be raised; to lower it takes another
SUBJECT_VERSION, since what is not stored is looked for below it."""
HEAVY: Final = 256 * 1024
"""Or where its events weigh more: about how many bytes at most are read and folded for one version."""
STEP: Final = 16
"""How many items of its lists a version has itself before others rest on it: nearly the most that any has."""

LARGE: Final = 64 * 1024
"""From so many characters on a subject is mostly the list of its events."""

ITEM: Final = 200
"""About how many characters an item of a list takes, such as an event."""

GROWING: Final = frozenset({"entries", *HIDDEN})

PORTION: Final = 50
"""Of how many versions at a time the events are read that they are folded from."""

Key = tuple[str, int]
"""A stream and a marking."""


def on_read(change: Change) -> bool:
    """Whether the versions that a change makes are folded when they are read."""
    kind = Subject.families.get(change.stream.partition(":")[0], Subject)
    return not kind.listed and change.events < LONG and change.weight <= HEAVY


def write_model(model: Model, include: set[str] | None = None) -> str:
    """The text in which a subject or a document's body is stored; or only some of its members."""
    return model.model_dump_json(exclude_defaults=True, context=STORED, include=include)


@dataclass(frozen=True, slots=True)
class Text:
    """A version as it was read: its text, its lists, and what it rests on, the nearest first."""

    stream: str
    body: str
    lists: str | None = None
    earlier: Sequence[str] = ()

    @property
    def octets(self) -> int:
        """How much text there is."""
        return len(self.body) + len(self.lists or "") + sum(map(len, self.earlier))

    @property
    def work(self) -> int:
        """How much work it is to read, for `Turns`."""
        return self.octets

    @property
    def weight(self) -> int:
        """About how many bytes it takes in memory."""
        return sum(map(weigh, (self.body, self.lists or "", *self.earlier)))

    @property
    def state(self) -> Subject | Absorbed:
        """The subject, or where its stream went."""
        return read_variant(self.stream, self.body if self.lists is None else orjson.dumps(self.said).decode())

    @property
    def light(self) -> Subject | Absorbed:
        """The same without the list of its events, and without what only the fold needs: they grow with each."""
        if self.octets < LARGE:
            return self.state
        said = {name: value for name, value in self.said.items() if name not in GROWING}
        return read_variant(self.stream, orjson.dumps(said).decode())

    @property
    def said(self) -> dict[str, Any]:
        """What it says, as plain JSON."""
        said: dict[str, Any] = orjson.loads(self.body)
        return said if self.lists is None else said | joined((self.lists, *self.earlier))


def joined(texts: Sequence[str]) -> dict[str, list[Any]]:
    """The lists of a version, given its own and those of what it rests on, the nearest first, the last one whole."""
    *own, whole = texts
    lists: dict[str, list[Any]] = orjson.loads(whole)
    for text in reversed(own):
        said = orjson.loads(text)
        lists = {
            name: _continued(lists.get(name, []), said.get(name, []), count, instead)
            for name, (count, *instead) in said["rests"].items()
        }
    return lists


def _continued(items: list[Any], own: list[Any], count: int, instead: Sequence[int]) -> list[Any]:
    """A list that begins with so many items of another one, has its own in place of some, and goes on with its own."""
    del items[count:]
    for index, item in zip(instead, own, strict=False):
        items[index] = item
    items += own[len(instead) :]
    return items


@dataclass(frozen=True, slots=True)
class Folded:
    """A version that is not stored: it was folded from its events."""

    stream: str
    state: Subject | Absorbed
    weight: int
    """About how many bytes its events take in memory."""

    @property
    def octets(self) -> int:
        """How much text there would be."""
        return len(write_model(self.state))

    @property
    def work(self) -> int:
        """How much work it was, for `Turns`."""
        return self.weight

    @property
    def light(self) -> Subject | Absorbed:
        """It has no long list."""
        return self.state


AnyText = Text | Folded


class Row(NamedTuple):
    """A version as its row has it, whatever else is asked with it."""

    stream: str
    body: str | None
    build: int
    level: int
    from_position: int
    rests_on: int | None
    lists: str | None


def row_of(found: Row | asyncpg.Record) -> Row:
    """What a query found, which may be more."""
    return found if isinstance(found, Row) else Row(**{name: found[name] for name in Row._fields})


R = TypeVar("R", bound=Row | asyncpg.Record)


class Texts:
    """The one way from rows of subjects to what they say. What several of one answer share is read once."""

    def __init__(self, pool: Pool | Connection, *, forgiving: bool = False) -> None:
        """`forgiving` takes a version without what was erased since its build was begun: for who builds on.

        Answers are given of what a build was made of, or not at all.
        """
        self._pool, self._forgiving = pool, forgiving
        self._last: tuple[tuple[Any, ...], Sequence[str]] = (), ()

    async def one(self, row: Row | asyncpg.Record) -> AnyText:
        """The text of a version. Raises as `of`."""
        [(_, text)] = [pair async for pair in self.of([row])]
        return text

    async def of(self, rows: Sequence[R]) -> AsyncIterator[tuple[R, AnyText]]:
        """The texts of some versions of one build, each with its row, in their order.

        What is not stored is read with few queries, and folded one by one as it is asked for. Raises ProjectionLagging
        where what one is made of was erased since, until all is built anew.
        """
        for start in range(0, len(rows), PORTION):
            portion = [(row, row_of(row)) for row in rows[start : start + PORTION]]
            histories = await self._histories([own for _, own in portion if own.body is None])
            for row, own in portion:
                if own.body is None:
                    history = histories[own.stream]
                    state = history.state_at(own.from_position, own.level, forgiving=self._forgiving)
                    yield row, Folded(own.stream, state, history.weight)
                else:
                    yield row, await self._stored(own, own.body)

    async def _histories(self, missing: Iterable[Row]) -> dict[str, History]:
        build, upto = 0, dict[str, int]()
        for row in missing:
            build, upto[row.stream] = row.build, max(row.from_position, upto.get(row.stream, 0))
        return await read_histories(self._pool, build, upto, LONG)

    async def _stored(self, row: Row, body: str) -> Text:
        if row.rests_on is None:
            return Text(row.stream, body)
        wanted = row.build, row.stream, row.level, row.rests_on
        if self._last[0] != wanted:
            rows = await self._pool.fetch(query("derive", "earlier"), *wanted)
            self._last = wanted, [row["text"] for row in rows]
        return Text(row.stream, body, row.lists, self._last[1])


async def light_of(text: AnyText) -> Subject | Absorbed:
    """What `light` is, made beside the loop where it is put together of much text."""
    return await beside(items_of(text), lambda: text.light)


def items_of(text: AnyText) -> int:
    """About how many items its lists have, for `beside`."""
    return text.octets // ITEM if isinstance(text, Text) else 0


def read_variant(stream: str, body: str) -> Subject | Absorbed:
    """A subject from a whole text, or where its stream went."""
    if body.startswith('{"into":'):
        return Absorbed.model_validate_json(body)
    kind = Subject.families.get(stream.partition(":")[0], Subject)
    return kind.model_validate_json(body)


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it is stored. Its texts are made when its row is written: all of a batch are more than all else."""

    state: Subject | Absorbed
    rests_on: int | None = None
    shared: Mapping[str, "Shared"] = field(default_factory=dict)
    """What its lists have of the other one's."""
    on_read: bool = False
    """Whether it is folded from its events, and has no text."""

    @property
    def body(self) -> str | None:
        """Its text, without the lists that it shares."""
        if self.on_read:
            return None
        if not isinstance(self.state, Subject):
            return write_model(self.state)
        return write_model(self.state.but(**dict.fromkeys(self.shared, ())))

    @property
    def lists(self) -> str | None:
        """Of the lists that it shares what is its own, and what is not; None where it rests on nothing."""
        if self.rests_on is None or not isinstance(self.state, Subject):
            return None
        own = {name: shared.own(getattr(self.state, name)) for name, shared in self.shared.items()}
        text = write_model(self.state.but(**own), include=set(own))
        rests = orjson.dumps({name: [shared.count, *shared.instead] for name, shared in self.shared.items()}).decode()
        return f'{{"rests":{rests}{text[:-1].replace("{", ",", 1) if len(text) > len("{}") else ""}}}'


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
    lists: Mapping[str, tuple[Any, ...]]
    """Those that may be shared: of a whole version all, of another one those that it shares itself."""


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
        self._known[key] = _Base(position, _lists(state))
        if text.lists is None or rests_on is None:
            return
        said = {**orjson.loads(text.body), **joined(text.earlier)}
        earlier = read_variant(text.stream, orjson.dumps(said).decode())
        assert isinstance(earlier, Subject)  # noqa: S101 - as above
        names = text.earlier[:-1] and orjson.loads(text.earlier[0])["rests"].keys()
        base = _Base(rests_on, _lists(earlier, names or None))
        shared = _shared(base, state)
        self._known[key] = base if _own(state, shared) <= STEP else _Base(position, _lists(state, shared))

    def put(self, key: Key, position: int, state: Subject | Absorbed, *, on_read: bool = False) -> Version:
        """How a version that begins at a position is stored. In the order of the positions.

        `on_read` where it is made of so little that it is folded when it is read; where a stream went is stored.
        """
        base = self._before(key, position)
        if not isinstance(state, Subject) or len(state.entries) < LONG:
            self._known.pop(key, None)
            return Version(state, on_read=on_read and isinstance(state, Subject))
        shared = {} if base is None else _shared(base, state)
        if base is None or "entries" not in shared:
            self._known[key] = _Base(position, _lists(state))
            return Version(state)
        if _own(state, shared) > STEP:
            self._known[key] = _Base(position, _lists(state, shared))
        else:  # items that are the same, and not only equal, are compared at no cost
            same = {name: getattr(state, name)[: own.count] for name, own in shared.items() if not own.instead}
            self._known[key] = _Base(base.position, {**base.lists, **same})
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


def _lists(state: Subject, names: Collection[str] | None = None) -> dict[str, tuple[Any, ...]]:
    """A subject's lists: all, or those of some names."""
    return {n: value for n, value in state if isinstance(value, tuple) and (names is None or n in names)}


def _shared(base: _Base, state: Subject) -> dict[str, Shared]:
    """The lists of a subject that begin with what the base's have, but for a few items, and what they share."""
    found = ((name, _of_list(items, getattr(state, name))) for name, items in base.lists.items())
    return {name: shared for name, shared in found if shared is not None}


def _of_list(items: tuple[Any, ...], now: tuple[Any, ...]) -> Shared | None:
    count = len(items)
    if len(now) < count:
        return None
    if now[:count] == items:
        return Shared(count)
    instead = list(islice((n for n, (was, one) in enumerate(zip(items, now, strict=False)) if was != one), STEP + 1))
    return Shared(count, instead) if len(instead) <= STEP else None


def _own(state: Subject, shared: Mapping[str, Shared]) -> int:
    """How many items a version has itself, of the lists that it shares."""
    return sum(len(own.own(getattr(state, name))) for name, own in shared.items())
