"""How deep JSON may be nested, and the values in it with their paths."""

from collections.abc import Iterator
from typing import Any, Final

DEPTH: Final = 64
"""The most objects and lists inside one another. Past 200, readers and writers of JSON give up, each in its own way."""

Path = tuple[str | int, ...]


def walk(sent: Any) -> Iterator[tuple[Path, Any]]:
    """Every value with the path to it. One value after the other: a long name may be over many of them."""
    todo: list[Iterator[tuple[Path, Any]]] = [iter([((), sent)])]
    while todo:
        found = next(todo[-1], None)
        if found is None:
            todo.pop()
            continue
        yield found
        todo.append(_inner(*found))


def _inner(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        yield from (((*path, key), inner) for key, inner in value.items())
    elif isinstance(value, list):
        yield from (((*path, n), inner) for n, inner in enumerate(value))


def too_deep(sent: Any) -> Path | None:
    """The path of the first object or list that lies in `DEPTH` others; None where none does."""
    deep = (path for path, value in walk(sent) if len(path) >= DEPTH and isinstance(value, dict | list))
    return next(deep, None)
