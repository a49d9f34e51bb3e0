"""`/openapi.json`: every route as its module declares it, with the models that validate (OpenAPI 3.1)."""

import asyncio
import hashlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, count
from types import ModuleType
from typing import Any, Final

from aiohttp import web
from pydantic import TypeAdapter

from incidentlog import __version__
from incidentlog.api import shapes
from incidentlog.api.answers import IF_NONE_MATCH, answer, dumps
from incidentlog.api.bodies import AnyEvent
from incidentlog.api.narrowing import NAME
from incidentlog.api.operations import (
    JSON,
    Answer,
    Body,
    Number,
    Operation,
    Parameter,
    Routes,
    Segment,
    operation_of,
    refuse_unknown,
)
from incidentlog.api.static import FILE, PAGE, page_file
from incidentlog.api.static import NAME as FILE_NAME
from incidentlog.errors import PROBLEMS, NotFound, Problem
from incidentlog.events.schema import called, event_schema, event_schemas
from incidentlog.projections import PROJECTIONS
from incidentlog.subjects import EVENTS

REF: Final = "#/components/schemas/{model}"
PROBLEM: Final = "application/problem+json"
DESCRIPTION: Final = """\
An event-sourced log of diplomacy and conflict. Events are appended and never changed; what they add up to can be asked
at any instant of the world (`at`) as known at any time since (`known_at`, `at_position`). An answer carries its
`basis`: sent back, it gives the same bytes.

Whoever asks is known by a key (`Authorization: Bearer`); its scopes say what it may do, and its clearance what it is
shown. Where reading is open, what is marked CLEAR is read without one.

Every refusal is `application/problem+json` (RFC 9457). It names every fault at once, and nothing was written.
Every answer has an `X-Request-Id`, which may be given (`X-Request-Id`, or `traceparent`). Reads are noted, with the
reason that a header `Access-Purpose` gives.

What is followed over a WebSocket is described in [asyncapi.json](asyncapi.json).
"""
HEADERS: Final[Mapping[str, str]] = {
    "Location": "Where the event is.",
    "Log-Position": "Up to which position the log is in the answer.",
    "Idempotent-Replayed": "`true`: the event was in the log before.",
    "Link": "The next page (`rel=next`); there is none where it is left out.",
    "Retry-After": "Seconds after which trying again makes sense.",
    "WWW-Authenticate": "How to say who asks.",
    "Allow": "The methods that are.",
}


SCHEMA: Final = "application/schema+json"
TYPE: Final = Segment("type", "A type of events.", example="strike.reported")
TYPE_VERSION: Final = Number(
    "version", "A version of the type; the newest, if left out.", least=1, most=1_000, example="1"
)
DESCRIBED: Final = web.AppKey("described", tuple[ModuleType, ...])
"""Of an application: the modules whose routes it has."""
routes = Routes()


@routes.get("/openapi.json", takes=(IF_NONE_MATCH,), answers=dict[str, Any])
async def openapi(request: web.Request) -> web.Response:
    """The description of the API (OpenAPI 3.1)."""
    # Away from the loop: it takes a second, once.
    body, etag = await asyncio.to_thread(_written, request.app[DESCRIBED])
    return web.Response(body=body, content_type=JSON, headers={"ETag": etag, "Cache-Control": "no-cache"})


@routes.get("/schemas", answers=shapes.Types)
async def list_schemas(_: web.Request) -> web.Response:
    """Every type of events, in every version."""
    types = [
        {"type": t.name, "version": t.version, "title": _paragraph(t.model.__doc__ or "")}
        for t in EVENTS.types.values()
    ]
    return answer({"types": types})


@routes.get("/schemas/{type}.json", takes=(TYPE, TYPE_VERSION), answers=(Answer(dict[str, Any], media=SCHEMA),))
async def show_schema(request: web.Request) -> web.Response:
    """The JSON Schema of a type of events, as they are sent."""
    refuse_unknown(request)
    name, version = TYPE.of(request), TYPE_VERSION.of(request)
    if (found := EVENTS.find(name, version or None)) is None:
        raise NotFound(f"no type of events is called {name[:80]!r}" + (f" in version {version}" if version else ""))
    return web.Response(body=dumps(event_schema(found)), content_type=SCHEMA)


@routes.get("/docs", **PAGE)
async def show_page(request: web.Request) -> web.Response:
    """A page that shows the API, and lets one try it on this service."""
    return await page_file(request, "api/docs_page", "index.html", connect="'self'", images="'self' data:")


@routes.get("/docs/{name}", **FILE)
async def show_file(request: web.Request) -> web.Response:
    """What the page is made of."""
    return await page_file(request, "api/docs_page", FILE_NAME.of(request))


@cache
def _written(modules: tuple[ModuleType, ...]) -> tuple[bytes, str]:
    """The description as it is sent, and what tells it from others."""
    body = dumps(make_document(modules))
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def make_document(modules: Sequence[ModuleType]) -> dict[str, Any]:
    """The whole description of the routes of some modules."""
    return _Document(modules).whole()


class _Document:
    """What is described so far, and what is referred to."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self._modules = modules
        self._schemas: dict[str, Any] = {}
        self._parameters: dict[str, Any] = {}
        self._responses: dict[str, Any] = {}

    def whole(self) -> dict[str, Any]:
        events, defined = event_schemas(EVENTS, REF)
        self._schemas |= defined | events
        self._schemas[AnyEvent.__name__] = _any_event(events)
        self._schemas["Problem"] = self._problem()
        paths: dict[str, dict[str, Any]] = {}
        for module in self._modules:
            for route in module.routes:
                for path, described in self._route(route, _tag(module)):
                    paths.setdefault(path, {})[route.method.lower()] = described
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "incidentlog",
                "version": __version__,
                "summary": "A log of diplomacy and conflict that remembers what was known when.",
                "description": DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/", "description": "Wherever this document came from."}],
            "tags": [
                {"name": _tag(module), "description": _paragraph(inspect.getdoc(module) or "")}
                for module in self._modules
            ],
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "parameters": dict(sorted(self._parameters.items())),
                "responses": dict(sorted(self._responses.items())),
                "headers": {name: _header(text) for name, text in HEADERS.items()},
                "securitySchemes": {
                    "key": {"type": "http", "scheme": "bearer", "description": "A key: `incidentlog key create`."},
                    "session": {
                        "type": "apiKey",
                        "in": "cookie",
                        "name": "incidentlog_{log}",
                        "description": "Of a browser that signed in; {log}: the log id's first 8. It reads.",
                    },
                },
            },
        }

    # ------------------------------------------------------------------------------------------- routes

    def _route(self, route: web.RouteDef, tag: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """A route under its path; one of projections under the path of each, since each has its own parameters."""
        operation = operation_of(route)
        path = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.path)
        if NAME not in operation.takes:
            yield path, self._operation(route, tag, None)
            return
        for name in PROJECTIONS:
            yield path.replace("{name}", name), self._operation(route, tag, name)

    def _operation(self, route: web.RouteDef, tag: str, name: str | None) -> dict[str, Any]:
        operation = operation_of(route)
        summary, _, description = (inspect.getdoc(route.handler) or "").partition("\n\n")
        about = () if name is None else (PROJECTIONS[name].title,)
        return {
            "operationId": "_".join([tag, route.handler.__name__, *([name] if name else [])]),
            "tags": [tag],
            "summary": _paragraph(summary),
            "description": "\n\n".join(filter(None, (*about, _paragraph(description), *_scope(operation)))),
            "parameters": [self._parameter(p, name or tag) for p in _parameters(operation, name)],
            **({} if operation.body is None else {"requestBody": self._body(operation.body)}),
            "responses": self._responses_of(operation),
            "security": _security(route.method, operation),
        }

    def _parameter(self, parameter: Parameter, owner: str) -> dict[str, Any]:
        described: dict[str, Any] = {
            "name": parameter.name,
            "in": parameter.where,
            "description": parameter.meaning,
            "required": parameter.needed,
            "schema": {"type": "array", "items": parameter.schema} if parameter.several else dict(parameter.schema),
        }
        if parameter.example is not None:
            described["example"] = [parameter.example] if parameter.several else _typed(parameter)
        return {"$ref": f"#/components/parameters/{_kept(self._parameters, owner, described)}"}

    def _body(self, body: Body) -> dict[str, Any]:
        content: dict[str, Any] = {"schema": self._schema(body.of, "validation")}
        if body.example is not None:
            content["example"] = body.example
        return {"description": body.meaning, "required": True, "content": dict.fromkeys(body.media, content)}

    # ------------------------------------------------------------------------------------------ answers

    def _responses_of(self, operation: Operation) -> dict[str, Any]:
        """By status; one with which it both answers and refuses has the forms of both."""
        found, refusals = self._answers(operation.told), self._refusals(operation.refuses)
        for status in found.keys() & refusals.keys():
            refusal = self._responses[refusals.pop(status)["$ref"].rpartition("/")[2]]
            found[status]["description"] += f" Or: {refusal['description']}"
            found[status]["content"] |= refusal["content"]
        return found | refusals

    def _answers(self, answers: Iterable[Answer]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in answers:
            described = found.setdefault(str(each.status), {"description": each.meaning})
            if each.headers:
                described["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in each.headers}
            if each.of is not None:
                content = described.setdefault("content", {})
                content[each.media] = {"schema": self._schema(each.of, "serialization")}
        return found

    def _refusals(self, problems: Iterable[type[Problem]]) -> dict[str, Any]:
        by_status: dict[int, list[type[Problem]]] = {}
        for kind in problems:
            by_status.setdefault(kind.status, []).append(kind)
        return {str(status): self._refusal(status, kinds) for status, kinds in by_status.items()}

    def _refusal(self, status: int, kinds: Sequence[type[Problem]]) -> dict[str, Any]:
        """A response that is one of some problems; those that share them refer to it."""
        name = ".".join(kind.slug for kind in kinds)
        types = [f"/problems/{kind.slug}" for kind in kinds]
        own = {"properties": {"type": {"enum": types}, "status": {"const": status}}}
        self._responses[name] = {
            "description": " Or: ".join(_paragraph(inspect.getdoc(kind) or kind.title) for kind in kinds),
            "headers": {header: {"$ref": f"#/components/headers/{header}"} for header in _headers(status, kinds)},
            "content": {PROBLEM: {"schema": {"allOf": [{"$ref": REF.format(model="Problem")}, own]}}},
        }
        return {"$ref": f"#/components/responses/{name}"}

    # ------------------------------------------------------------------------------------------ schemas

    def _schema(self, of: Any, mode: Any) -> dict[str, Any]:
        """The schema of a type; what it refers to is kept."""
        if of is AnyEvent:
            return {"$ref": REF.format(model=AnyEvent.__name__)}
        if of is bytes:
            return {"type": "string", "format": "binary"}
        made = dict(_made(of, mode))
        self._schemas |= made.pop("$defs", {})
        if "title" not in made or made.get("type") != "object":
            return made
        self._schemas[made["title"]] = made
        return {"$ref": REF.format(model=made["title"])}

    def _problem(self) -> dict[str, Any]:
        """What every refusal is (RFC 9457 §3)."""
        text = {"type": "string"}
        return {
            "type": "object",
            "description": "A refusal (RFC 9457). Nothing was written.",
            "properties": {
                "type": {"type": "string", "enum": [f"/problems/{kind.slug}" for kind in PROBLEMS]},
                "title": text,
                "status": {"type": "integer"},
                "detail": text,
                "instance": {"type": "string", "description": "The path that was asked."},
                "trace_id": {"type": "string", "description": "By it the service's log finds the request."},
                "errors": {"type": "array", "items": self._schema(shapes.Fault, "serialization")},
                "errors_total": {"type": "integer", "description": "Of refused lines: how many faults there are."},
                "position": {"type": "integer", "description": "How far the log, or a projection, is."},
                "current_version": {"type": "integer", "description": "The version that the stream is at."},
            },
            "required": ["type", "title", "status", "detail", "instance", "trace_id"],
        }


@cache
def _made(of: Any, mode: Any) -> Mapping[str, Any]:
    return TypeAdapter(of).json_schema(mode=mode, ref_template=REF)


def _any_event(events: Mapping[str, Any]) -> dict[str, Any]:
    """An event of any type: which, its `type` says."""
    newest = {name: called(found) for name in EVENTS.newest if (found := EVENTS.find(name)) is not None}
    return {
        "oneOf": [{"$ref": REF.format(model=name)} for name in events],
        "discriminator": {
            "propertyName": "type",
            "mapping": {name: REF.format(model=model) for name, model in newest.items()},
        },
    }


def _parameters(operation: Operation, name: str | None) -> Iterator[Parameter]:
    yield from (parameter for parameter in operation.takes if parameter is not NAME)
    if operation.narrows is not None:
        taken = {parameter.name for parameter in operation.takes}
        yield from (parameter for parameter in operation.narrows(name) if parameter.name not in taken)


def _security(method: str, operation: Operation) -> list[dict[str, list[str]]]:
    """By what who asks is known: by a key, and of a read also by the cookie of a browser that signed in."""
    if operation.scope is None:
        return []
    found: list[dict[str, list[str]]] = [{"key": [operation.scope]}]
    return [*found, {"session": []}] if method == "GET" else found


def _scope(operation: Operation) -> Iterator[str]:
    if operation.scope is not None:
        yield f"Needs the scope `{operation.scope}`."


def _headers(status: int, kinds: Iterable[type[Problem]]) -> Iterator[str]:
    if status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2
        yield "WWW-Authenticate"
    if any(kind.retry_after is not None for kind in kinds):
        yield "Retry-After"


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def _typed(parameter: Parameter) -> Any:
    """Its example, in the type that its schema has."""
    kind, example = parameter.schema.get("type"), parameter.example or ""
    return int(example) if kind == "integer" else float(example) if kind == "number" else example


def _kept(kept: dict[str, Any], owner: str, described: dict[str, Any]) -> str:
    """Under which name a parameter is kept: its own, or with its owner's where others are called so."""
    name: str = described["name"]
    names = chain((name, f"{owner}.{name}"), (f"{owner}.{name}.{n}" for n in count(2)))
    return next(own for own in names if kept.setdefault(own, described) == described)


def _tag(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _paragraph(text: str) -> str:
    """Text with its lines joined, paragraphs apart."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
