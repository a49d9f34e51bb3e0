"""How a version of a subject is stored: whole, or as what it adds to an earlier one.

A subject lists its events, and may list more with each of them. Were every version whole, a stream of n events would
take n² of these items. So from LONG events on a version rests on an earlier one that is whole: it says with how many
items of that one's each of its lists begins, and has those that follow. Once these are over STEP, it is whole again.

Which versions are whole hangs on nothing but the versions: kept up and rebuilt, the rows are the same (P4).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from incidentlog.events.values import STORED, Model
from incidentlog.folding.subject import Absorbed, Subject

LONG: Final = 64
"""From so many events on a version may rest on an earlier one."""
STEP: Final = 64
"""The most items of its lists that such a version has itself."""

LARGE: Final = 64 * 1024
"""From so many characters on a subject is mostly the list of its events."""

Key = tuple[str, int]
"""A stream and a marking."""


def write_model(model: Model) -> str:
    """The text in which a subject or a document's body is stored."""
    return model.model_dump_json(exclude_defaults=True, context=STORED)


@dataclass(frozen=True, slots=True)
class Text:
    """A version as it was read: its text, and that of the version that it rests on, if it does."""

    stream: str
    body: str
    whole: str | None = None

    @property
    def octets(self) -> int:
        """How much text there is."""
        return len(self.body) + len(self.whole or "")


def read_light(text: Text) -> Subject | Absorbed:
    """A subject without the list of its events: all of it that does not grow with each."""
    if text.octets < LARGE:
        return read_variant(text.stream, text.body, text.whole)
    light = {**joined(text.body, text.whole), "entries": []}
    return read_variant(text.stream, orjson.dumps(light).decode())


def read_variant(stream: str, body: str, whole: str | None = None) -> Subject | Absorbed:
    """A subject from its stored text and that of the version that it rests on; or where its stream went."""
    if body.startswith('{"into":'):
        return Absorbed.model_validate_json(body)
    kind = Subject.families.get(stream.partition(":")[0], Subject)
    return kind.model_validate_json(body if whole is None else orjson.dumps(joined(body, whole)))


def joined(body: str, whole: str | None) -> dict[str, Any]:
    """What a version says, as plain JSON: its own text, with the items of the version that it rests on."""
    said: dict[str, Any] = orjson.loads(body)
    if whole is not None:
        rests, earlier = said.pop("rests"), orjson.loads(whole)
        said |= {name: earlier[name][:count] + said.get(name, []) for name, count in rests.items()}
    return said


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it is stored."""

    state: Subject | Absorbed
    rests_on: int | None = None
    shared: Mapping[str, int] = field(default_factory=dict)
    """How many items of the other one's its lists begin with."""

    @property
    def body(self) -> str:
        """Its text; made when its row is written, since all texts of a batch are more than all that it is made of."""
        if self.rests_on is None or not isinstance(self.state, Subject):
            return write_model(self.state)
        rest = self.state.but(**{name: getattr(self.state, name)[count:] for name, count in self.shared.items()})
        return f'{{"rests":{orjson.dumps(self.shared).decode()},{write_model(rest)[1:]}'


@dataclass(frozen=True, slots=True)
class _Whole:
    position: int
    subject: Subject


@dataclass(slots=True)
class Wholes:
    """By stream and marking the whole version that the next one may rest on, where a stream is long."""

    _known: dict[Key, _Whole] = field(default_factory=dict)
    _last: dict[Key, tuple[int, _Whole | None]] = field(default_factory=dict)
    """Where each was put last in this batch, and what was known before: another one there takes its place."""

    def missing(self, standing: Mapping[Key, Subject | Absorbed | None]) -> set[Key]:
        """Of stored versions that others will follow those that are long, and rest on what it does not know."""
        return {key for key, state in standing.items() if _length(state) >= LONG} - self._known.keys()

    def know(self, key: Key, position: int, subject: Subject) -> None:
        """Take in a whole version that was read."""
        self._known[key] = _Whole(position, subject)

    def put(self, key: Key, position: int, state: Subject | Absorbed) -> Version:
        """How a version that begins at a position is stored. In the order of the positions."""
        known = self._before(key, position)
        if not isinstance(state, Subject) or len(state.entries) < LONG:
            self._known.pop(key, None)
            return Version(state)
        shared = {} if known is None else _shared(known.subject, state)
        if known is None or "entries" not in shared or _beyond(state, shared) > STEP:
            self._known[key] = _Whole(position, state)
            return Version(state)
        # Items that are the same, and not only equal, are compared at no cost.
        same = known.subject.but(**{name: getattr(state, name)[:count] for name, count in shared.items()})
        self._known[key] = _Whole(known.position, same)
        return Version(state, known.position, shared)

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

    def _before(self, key: Key, position: int) -> _Whole | None:
        known = self._known.get(key)
        if (last := self._last.get(key)) is not None and last[0] == position:
            known = last[1]
        self._last[key] = position, known
        return known


def _length(state: Subject | Absorbed | None) -> int:
    return len(state.entries) if isinstance(state, Subject) else 0


def _shared(whole: Subject, state: Subject) -> dict[str, int]:
    """The lists of a subject that begin with all that another one's have, and with how many items."""
    if type(whole) is not type(state):
        return {}
    pairs = ((name, value, getattr(state, name)) for name, value in whole if isinstance(value, tuple) and value)
    return {name: len(value) for name, value, now in pairs if now[: len(value)] == value}


def _beyond(state: Subject, shared: Mapping[str, int]) -> int:
    """How many items a version would have itself."""
    return sum(len(value) - shared.get(name, 0) for name, value in state if isinstance(value, tuple))
