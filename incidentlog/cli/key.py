"""`incidentlog key`: who may ask the service, and for what."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.group import Group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from incidentlog.config import Settings
    from incidentlog.store.connect import Connection
    from incidentlog.store.keys import ListedKey

T = TypeVar("T")
PAGE: Final = 1_000
"""Keys read at a time."""

app = typer.Typer(cls=Group, help="Keys of the service.", no_args_is_help=True)


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    REPORT = "report"
    EDIT = "edit"
    AUDIT = "audit"
    ADMIN = "admin"


class Clearance(StrEnum):
    """Up to which marking (TLP) a key sees."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER+STRICT"
    RED = "RED"


@app.callback()
def _group() -> None: ...


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is called; events say so in recorded_by.")],
    scope: Annotated[list[Scope] | None, typer.Option("--scope", help="Repeat for several.")] = None,
    clearance: Annotated[Clearance, typer.Option("--clearance", help="The highest marking it sees.")] = Clearance.CLEAR,
) -> None:
    """Make a key and print it; only its digest is kept, so it cannot be told again.

    A key that has the name already is replaced: within 2 s the old one opens nothing any more.
    """
    with ending():
        from incidentlog.cli.settings import load_settings

        typer.echo(_create(load_settings(), name, [str(s) for s in scope or [Scope.READ]], clearance))


def _create(settings: "Settings", name: str, scopes: list[str], clearance: Clearance) -> str:
    import re

    from incidentlog.audit.keys import put_key
    from incidentlog.clock import SystemClock
    from incidentlog.events.values import TLP_LABELS
    from incidentlog.service.keys import NAME, digest, new_key

    if not re.fullmatch(NAME, name):
        raise Failed(f"{name!r} is no name for a key: up to 80 of a-z, 0-9, '.', '_', '-'", Code.USAGE)
    key, level = new_key(), TLP_LABELS.index(clearance.value)
    _on_log(
        settings,
        lambda connection: put_key(connection, name, digest(key), scopes, level, now=SystemClock().now()),
    )
    return key


def _on_log(settings: "Settings", work: "Callable[[Connection], Awaitable[T]]") -> "T":
    """Do something on the log's database."""
    import asyncio

    from incidentlog.cli.settings import reaching_log

    async def connected() -> "T":
        connection = await access.connect()
        try:
            return await work(connection)
        finally:
            await connection.close()

    with reaching_log(settings) as access:
        return asyncio.run(connected())


@app.command("list")
def list_(output: options.Form = None) -> None:
    """Every key, with what it may do and since when; of its secret nothing."""
    with ending():
        from incidentlog.cli.settings import load_settings
        from incidentlog.store.keys import list_keys

        async def every(connection: "Connection") -> "list[ListedKey]":
            found: list[ListedKey] = []
            while page := await list_keys(connection, found[-1].key_id if found else "", PAGE):
                found += page
            return found

        form = options.form(output)
        _tell(_on_log(load_settings(), every), form)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    output: options.Form = None,
) -> None:
    """One key."""
    with ending():
        from incidentlog.cli.settings import load_settings
        from incidentlog.store.keys import read_key

        form = options.form(output)
        key = _on_log(load_settings(), lambda connection: read_key(connection, _name(name)))
        if key is None:
            raise _no_key(name)
        _tell([key], form)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="What the key is called.")]) -> None:
    """Let a key open nothing any more: within 2 s its requests, sockets, streams and sessions end on every node.

    `key create` gives the name another key.
    """
    with ending():
        from incidentlog.audit.keys import revoke_key
        from incidentlog.cli.settings import load_settings
        from incidentlog.clock import SystemClock
        from incidentlog.store.keys import read_key

        async def end(connection: "Connection") -> bool:
            if await read_key(connection, _name(name)) is None:
                raise _no_key(name)
            return await revoke_key(connection, name, now=SystemClock().now())

        say(f"the key {name} is revoked" if _on_log(load_settings(), end) else f"the key {name} was revoked before")


def _name(text: str) -> str:
    """The name of a key. Raises Failed for what is none, of which there is no key."""
    import re

    from incidentlog.service.keys import NAME

    if not re.fullmatch(NAME, text):
        raise _no_key(text)
    return text


def _no_key(name: str) -> Failed:
    return Failed(f"no key is called {name!r}", Code.NOT_FOUND)


def _tell(keys: "Sequence[ListedKey]", form: options.Output) -> None:
    from incidentlog.api.keyring import told
    from incidentlog.cli.output import write

    write([{**told(key), "scopes": " ".join(key.scopes)} for key in keys], form)
