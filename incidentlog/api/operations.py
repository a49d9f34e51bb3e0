"""What a route is, said once beside it: who may ask, what it takes, what it answers and with what it refuses.

A route takes no parameter but those that it declares: others are refused before it begins, and the declaration is what
reads them. `openapi.py` tells the same to tools, and the tests hold every answer to it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from aiohttp import web

from incidentlog.errors import (
    BadRequest,
    Fault,
    Forbidden,
    HeadTooLarge,
    Internal,
    Misdirected,
    NotAcceptable,
    NotFound,
    Problem,
    RequestTimeout,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedEncoding,
    UnsupportedMediaType,
)
from incidentlog.events.values import MAX_INT

Schema = Mapping[str, Any]
"""A JSON Schema (draft 2020-12)."""
TEXT: Final[Schema] = {"type": "string"}
JSON: Final = "application/json"
EVERYWHERE: Final[tuple[type[Problem], ...]] = (
    BadRequest,
    NotAcceptable,
    TooLarge,
    Misdirected,
    HeadTooLarge,
    Internal,
    Unavailable,
)
"""What any route may be refused with: what is no HTTP, or longer than HTTP is read here, and faults of ours."""
OF_KEYS: Final[tuple[type[Problem], ...]] = (Unauthenticated, Forbidden, TooManyRequests)
OF_BODIES: Final[tuple[type[Problem], ...]] = (RequestTimeout, UnsupportedMediaType, UnsupportedEncoding)


# ---------------------------------------------------------------------------------------------- parameters


@dataclass(eq=False, kw_only=True)
class Parameter:
    """One parameter of a request, and how it is read."""

    name: str = field(kw_only=False)
    meaning: str = field(kw_only=False)
    schema: Schema = field(default_factory=lambda: TEXT)
    example: str | None = None
    """A value that every log with the bundled timeline answers to."""
    where: Literal["query", "header", "path"] = "query"
    several: bool = False
    """Whether it may be given more than once."""
    needed: bool = False
    raises: Collection[type[Problem]] = ()
    """With what a request may be refused for it, beside `bad-request`."""
    leads_to: int | None = None
    """A status without a body that it leads to."""

    def given(self, request: web.Request) -> str | None:
        """As it was sent; None where it was not."""
        return next(iter(self.all_given(request)), None)

    def all_given(self, request: web.Request) -> list[str]:
        """Every value that was sent, in their order."""
        assert self in request[OPERATION].takes, f"{self.name} is read and not declared"  # noqa: S101
        source = request.headers if self.where == "header" else request.query
        return list(source.getall(self.name, ()))


class Segment(Parameter):
    """A part of the path, which is always there."""

    def __init__(self, name: str, meaning: str, *, example: str, schema: Schema = TEXT) -> None:
        super().__init__(name, meaning, schema=schema, example=example, where="path", needed=True)

    def of(self, request: web.Request) -> str:
        """As it was sent."""
        assert self in request[OPERATION].takes, f"{self.name} is read and not declared"  # noqa: S101
        return request.match_info[self.name]


class Header(Parameter):
    """A header."""

    def __init__(self, name: str, meaning: str, **further: Any) -> None:
        super().__init__(name, meaning, where="header", **further)


class Number(Parameter):
    """A whole number within bounds."""

    def __init__(
        self, name: str, meaning: str, *, default: int = 0, least: int = 0, most: int = MAX_INT, **further: Any
    ) -> None:
        schema = {"type": "integer", "minimum": max(least, 0), "maximum": most}
        if default > 0:
            schema["default"] = default
        super().__init__(name, meaning, schema=schema, **further)
        self.default, self.least, self.most = default, least, most

    def of(self, request: web.Request, *, default: int | None = None, most: int | None = None) -> int:
        """The number; `default` and `most` instead of those declared. Raises BadRequest."""
        if (text := self.given(request)) is None:
            return self.default if default is None else default
        faults: list[Fault] = []
        most = self.most if most is None else most
        number = parse_int(text, f"/{self.name}", faults, least=self.least, most=most)
        if faults:
            raise BadRequest(errors=faults)
        return number


class Choice(Parameter):
    """One of a few words."""

    def __init__(self, name: str, meaning: str, *, values: Sequence[str], **further: Any) -> None:
        super().__init__(name, meaning, schema={"enum": list(values)}, **further)
        self.values = tuple(values)

    def of(self, request: web.Request) -> str | None:
        """The word; None where none was given. Raises BadRequest for another one."""
        if (text := self.given(request)) is not None and (faults := self.faults(text)):
            raise BadRequest(errors=faults)
        return text

    def faults(self, text: str) -> list[Fault]:
        """What is wrong with a word."""
        if text in self.values:
            return []
        return [Fault(f"/{self.name}", "unknown_value", f"{self.name} is {' or '.join(self.values)}")]


def parse_int(text: str, pointer: str, faults: list[Fault], *, least: int = 0, most: int) -> int:
    """A whole number in ASCII digits, within bounds; `int()` would take `1_000`, blanks and other scripts' digits."""
    if text.isascii() and text.isdigit() and len(text) <= 16 and least <= (number := int(text)) <= most:  # noqa: PLR2004
        return number
    faults.append(Fault(pointer, "not_a_number", f"give a whole number from {max(least, 0)} to {most}"))
    return least


def asked(request: web.Request, parameters: Iterable[Parameter]) -> Mapping[str, str]:
    """Those of some parameters that were given, by name."""
    given = ((parameter.name, parameter.given(request)) for parameter in parameters)
    return {name: value for name, value in given if value is not None}


def names(*parameters: Parameter) -> frozenset[str]:
    """What they are called."""
    return frozenset(parameter.name for parameter in parameters)


# ---------------------------------------------------------------------------------------------- operations


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One form of what a route answers when it refuses nothing."""

    of: Any = field(default=None, kw_only=False)
    """Its type, of which its schema is made; text of another kind is `str`, and None is no body."""
    status: int = 200
    media: str = JSON
    meaning: str = "What was asked for."
    headers: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Body:
    """What is sent along."""

    of: Any = field(kw_only=False)
    media: Sequence[str] = (JSON,)
    example: Any = None
    meaning: str = ""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    scope: str | None = None
    """What a key must have; None needs no key."""
    takes: Sequence[Parameter] = ()
    """Its own parameters, each given once unless it is said otherwise."""
    narrows: Callable[[str | None], Iterable[Parameter]] | None = None
    """The further parameters by which an answer is narrowed down, or shaped: of the projection that the path names, or
    of every one. Whatever reads them refuses others."""
    body: Body | None = None
    answers: Any = None
    """One type, or every answer."""
    problems: Collection[type[Problem]] = ()
    """What it refuses with, beside what follows from the rest."""

    @cached_property
    def told(self) -> Sequence[Answer]:
        """Every answer that is no refusal."""
        own = self.answers if isinstance(self.answers, tuple) else (Answer(self.answers),)
        empty = {p.leads_to for p in self.takes} - {None, *(answer.status for answer in own)}
        return (*own, *(Answer(status=status, meaning="There is nothing to send.") for status in empty if status))

    @cached_property
    def refuses(self) -> Sequence[type[Problem]]:
        """Every problem that it may answer with, by status."""
        found = {
            *EVERYWHERE,
            *(OF_KEYS if self.scope else ()),
            *(OF_BODIES if self.body else ()),
            *(kind for parameter in self.takes for kind in parameter.raises),
            *(NotFound for parameter in self.takes if parameter.where == "path"),
            *self.problems,
        }
        return sorted(found, key=lambda kind: (kind.status, kind.slug))


class Routes(web.RouteTableDef):
    """The routes of a module; each has its `Operation` among its `kwargs`."""

    def route(self, method: str, path: str, *, allow_head: bool | None = None, **said: Any) -> Any:
        """A route, with what `Operation` says of it."""
        kwargs = {} if allow_head is None else {"allow_head": allow_head}
        return super().route(method, path, **kwargs, operation=Operation(**said))


def operation_of(route: web.AbstractRouteDef) -> Operation:
    """What was said of a route."""
    assert isinstance(route, web.RouteDef)  # noqa: S101 - the modules have no static files
    operation: Operation = route.kwargs["operation"]
    return operation


OPERATION: Final = web.RequestKey("operation", Operation)
"""Of a request: what its route is."""


def refuse_unknown(request: web.Request, *, narrows: bool = True) -> None:
    """Refuse what the route does not take, or would hear only one value of. Raises BadRequest naming each.

    `narrows`: what narrows an answer is left to its reader, where the route has such parameters.

    A misspelt parameter must not pass for a default, nor the first of two values for both.
    """
    left = narrows and request[OPERATION].narrows is not None
    if faults := [*(() if left else _unknown(request)), *_repeated(request)]:
        raise BadRequest(errors=faults)


def _unknown(request: web.Request) -> Iterator[Fault]:
    known = {p.name for p in request[OPERATION].takes if p.where == "query"}
    detail = f"the parameters are {', '.join(sorted(known))}" if known else "there are no parameters"
    for name in sorted({*request.query} - known):
        yield Fault(f"/{name[:80]}", "unknown_parameter", detail)


def _repeated(request: web.Request) -> Iterator[Fault]:
    once = {p.name for p in request[OPERATION].takes if p.where == "query" and not p.several}
    for name in sorted({*request.query} & once):
        if len(request.query.getall(name)) > 1:
            yield Fault(f"/{name[:80]}", "repeated", "one value is needed")


def narrowing(request: web.Request) -> Mapping[str, list[str]]:
    """The parameters that narrow something down, each with its values in order: all but a route's own ones."""
    own = names(*request[OPERATION].takes)
    return {name: request.query.getall(name) for name in request.query if name not in own}
