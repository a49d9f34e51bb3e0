"""Subjects as readers see them, written in slices: one of ten thousand events is no more at a stretch than others."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from incidentlog.api.answers import Written, dumps
from incidentlog.api.paging import write_list
from incidentlog.folding.subject import HIDDEN, Absorbed, Subject
from incidentlog.folding.whereabouts import shown_place
from incidentlog.recent import Recent
from incidentlog.store.versions import AnyText, Folded, items_of, read_variant
from incidentlog.turns import Turns, beside

PORTION: Final = 100
"""Of a longer list, such as its events, so many items are read and written at a stretch."""
SHORT: Final = 16 * 1024
"""What is stored in fewer characters is read whole: it has no long list."""
REMEMBERED: Final = 256
EACH: Final = 1024
"""What an item of such a list costs beside its text: it is read, checked and written."""


def shown(subject: Subject) -> dict[str, Any]:
    """A subject as readers see it."""
    status = "current" if subject.is_current else "retracted"
    state = subject.model_dump(mode="json", exclude={"stream", *HIDDEN})
    return {"status": status, **state, "place": None if subject.place is None else shown_place(vars(subject.place))}


class States:
    """Writes the subjects of one answer. What versions of one have in common is read and written once."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._known = Recent[tuple[type[Subject], str, bytes], bytes](REMEMBERED)

    async def write(self, subject: Subject) -> orjson.Fragment:
        """The JSON of a subject."""
        return await self._whole(await self.shown(subject))

    async def write_stored(self, text: AnyText) -> orjson.Fragment | Absorbed:
        """The JSON of a subject as it was read, or where its stream went."""
        state = await self.shown_stored(text)
        return state if isinstance(state, Absorbed) else await self._whole(state)

    async def shown(self, subject: Subject) -> dict[str, Any]:
        """A subject as readers see it, its long lists written."""
        long = {name: value for name, value in subject if isinstance(value, tuple) and len(value) > PORTION}
        state = shown(subject.but(**dict.fromkeys(long, ())) if long else subject)
        for name in long.keys() - HIDDEN:
            adapter = _adapter(type(subject), name)
            state[name] = await self._list(long[name], lambda part: _items(adapter, part))  # noqa: B023 - used at once
        return state

    async def shown_stored(self, text: AnyText) -> dict[str, Any] | Absorbed:
        """A subject as it was read, likewise, or where its stream went."""
        stream = text.stream
        if isinstance(text, Folded) or text.octets <= SHORT:
            variant = text.state
            return variant if isinstance(variant, Absorbed) else await self.shown(variant)
        said = await beside(items_of(text), lambda: text.said)
        raw = {name: value for name, value in said.items() if name not in HIDDEN}
        await self._turns.spend(text.octets)
        long = {name: value for name, value in raw.items() if isinstance(value, list) and len(value) > PORTION}
        light = read_variant(stream, dumps({name: value for name, value in raw.items() if name not in long}).decode())
        assert isinstance(light, Subject)  # noqa: S101 - what is absorbed says no more than where it went
        state = shown(light)
        for name, items in long.items():
            kind = type(light)
            state[name] = await self._list(items, lambda part: self._again(kind, name, dumps(part)))  # noqa: B023
        return state

    def _again(self, kind: type[Subject], name: str, text: bytes) -> bytes:
        """Some items of a list, as they are stored, for readers."""
        written = self._known.get((kind, name, text))
        if written is None:
            adapter = _adapter(kind, name)
            written = self._known.put((kind, name, text), _items(adapter, adapter.validate_json(text)))
        return written

    async def _list(self, items: Sequence[Any], write: Callable[[Sequence[Any]], bytes]) -> Written:
        return await write_list(items, write, self._turns, portion=PORTION, each=EACH)

    async def _whole(self, state: dict[str, Any]) -> orjson.Fragment:
        text = dumps(state)
        await self._turns.spend(len(text))
        return orjson.Fragment(text)


def _items(adapter: TypeAdapter[Any], items: Sequence[Any]) -> bytes:
    return dumps(adapter.dump_python(items, mode="json"))[1:-1]


@cache
def _adapter(kind: type[Subject], name: str) -> TypeAdapter[Any]:
    """What reads and writes a member that is a list; of a part of it, too."""
    annotation: Any = kind.model_fields[name].annotation
    return TypeAdapter(annotation)
