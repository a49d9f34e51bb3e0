"""What an answer has to be for what is said of its route: whatever a test asks, `Served.ask` holds the answer to it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from aiohttp import web
from pydantic import TypeAdapter
from yarl import URL

from incidentlog.api.app import MODULES
from incidentlog.api.operations import Operation, operation_of
from incidentlog.errors import PROBLEMS

LINES = "application/x-ndjson"


@cache
def patterns() -> list[tuple[str, re.Pattern[str], Operation]]:
    """Every route in the order in which the application tries them: its method, its path and what is said of it."""
    return [
        (route.method, _pattern(route.path), operation_of(route))
        for module in MODULES
        for route in module.routes
        if isinstance(route, web.RouteDef)
    ]


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+(?::[^}]*)?\})", path)
    return re.compile("".join(_part(part) for part in parts))


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return f"({part[1:-1].partition(':')[2] or '[^{}/]+'})"


def operation_at(method: str, path: str) -> Operation | None:
    """What is said of the route that takes a request; None where none does."""
    where = URL(path, encoded="%" in path).raw_path
    return next((found for own, pattern, found in patterns() if own == method and pattern.fullmatch(where)), None)


@cache
def _adapter(of: Any) -> TypeAdapter[Any]:
    return TypeAdapter(of)


def undescribed(operation: Operation, status: int, content_type: str, body: bytes) -> Iterator[str]:
    """In what an answer is another than it is said to be."""
    media = content_type.partition(";")[0]
    if media == "application/problem+json":
        slug = orjson.loads(body)["type"].rpartition("/")[2]
        if slug not in {kind.slug for kind in operation.refuses}:
            yield f"it is not said to refuse with {slug}"
        known = {(kind.slug, kind.status) for kind in PROBLEMS}
        if (slug, status) not in known:
            yield f"{slug} is not answered with {status}"
        return
    own = [answer for answer in operation.told if answer.status == status]
    if not own:
        yield f"it is not said to answer {status}"
        return
    fitting = [answer for answer in own if answer.of is None or answer.media == media]
    if not fitting:
        yield f"it is not said to answer {status} with {media!r}"
        return
    of = fitting[0].of
    if of is None and body:
        yield f"it is said to answer {status} without a body"
    if of in {None, str, bytes} or not body:
        return
    for piece in body.splitlines() if media == LINES else [body]:
        if piece.strip():
            _adapter(of).validate_json(piece, extra="forbid")
