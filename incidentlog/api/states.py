"""Subjects as readers see them, written in slices: one of ten thousand events is no more at a stretch than others."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from incidentlog.api.answers import dumps
from incidentlog.projections.whereabouts import shown_place
from incidentlog.store.derive import read_variant
from incidentlog.subjects.subject import Absorbed, Subject
from incidentlog.turns import SLICE_OCTETS, Turns

HIDDEN: Final = frozenset({"stream", "claims", "told"})
"""What of a subject only the fold needs, and its name, which is told beside it."""
PORTION: Final = 250
"""Of a longer list, such as its events, so many items are read and written at a stretch."""


def shown(subject: Subject) -> dict[str, Any]:
    """A subject as readers see it."""
    status = "current" if subject.is_current else "retracted"
    state = subject.model_dump(mode="json", exclude=set(HIDDEN))
    return {"status": status, **state, "place": None if subject.place is None else shown_place(subject.place)}


async def write_subject(subject: Subject, turns: Turns) -> orjson.Fragment:
    """The JSON of a subject."""
    long = {name: value for name, value in subject if isinstance(value, tuple) and len(value) > PORTION}
    state = shown(subject.but(**dict.fromkeys(long, ())) if long else subject)
    for name in long.keys() - HIDDEN:
        adapter = _adapter(type(subject), name)
        pieces = list[bytes]()
        for portion in _portions(long[name]):
            pieces.append(dumps(adapter.dump_python(portion, mode="json"))[1:-1])
            await turns.spend(len(pieces[-1]))
        state[name] = _list(pieces)
    return await _written(state, turns)


async def write_stored(stream: str, body: str, turns: Turns) -> orjson.Fragment | Absorbed:
    """The JSON of a subject from the text in which it is stored, or where its stream went."""
    if len(body) <= SLICE_OCTETS:
        variant = read_variant(stream, body)
        await turns.spend(len(body))
        return variant if isinstance(variant, Absorbed) else await write_subject(variant, turns)
    raw = {name: value for name, value in orjson.loads(body).items() if name not in HIDDEN - {"stream"}}
    await turns.spend(len(body))
    long = {name: value for name, value in raw.items() if isinstance(value, list) and len(value) > PORTION}
    light = read_variant(stream, dumps({name: value for name, value in raw.items() if name not in long}).decode())
    assert isinstance(light, Subject)  # noqa: S101 - what is absorbed says no more than where it went
    state = shown(light)
    for name, items in long.items():
        adapter = _adapter(type(light), name)
        pieces = list[bytes]()
        for portion in _portions(items):
            text = dumps(portion)
            pieces.append(dumps(adapter.dump_python(adapter.validate_json(text), mode="json"))[1:-1])
            await turns.spend(len(text))
        state[name] = _list(pieces)
    return await _written(state, turns)


async def _written(state: dict[str, Any], turns: Turns) -> orjson.Fragment:
    text = dumps(state)
    await turns.spend(len(text))
    return orjson.Fragment(text)


def _portions(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[n : n + PORTION] for n in range(0, len(items), PORTION))


def _list(pieces: Sequence[bytes]) -> orjson.Fragment:
    return orjson.Fragment(b"[" + b",".join(pieces) + b"]")


@cache
def _adapter(kind: type[Subject], name: str) -> TypeAdapter[Any]:
    """What reads and writes a member that is a list; of a part of it, too."""
    annotation: Any = kind.model_fields[name].annotation
    return TypeAdapter(annotation)
