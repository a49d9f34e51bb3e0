"""`incidentlog key`: who may ask the service, and for what."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.group import Group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from incidentlog.config import Settings
    from incidentlog.store.connect import Connection
    from incidentlog.store.keys import ListedKey

T = TypeVar("T")
PAGE: Final = 1_000
"""Keys read at a time."""

LONGEST_NOTE: Final = 500
MOST: Final = 100_000_000
EXPIRES: Final = "From when on it opens nothing: a day, or a time as 2027-01-01T12:00Z"
REQUESTS: Final = "How many it may make in a minute; 0: without a limit."
NoteOption = Annotated[str | None, typer.Option("--note", help="What it is for, or whose it is.")]
RequestsOption = Annotated[int | None, typer.Option("--requests", min=0, max=MOST, help=REQUESTS)]

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
    note: NoteOption = None,
    expires: Annotated[str | None, typer.Option("--expires", help=EXPIRES)] = None,
    requests: RequestsOption = None,
) -> None:
    """Make a key and print it; only its digest is kept, so it cannot be told again.

    A key that has the name already is replaced: within 2 s the old one opens nothing any more. `key rotate` gives it
    another secret and leaves time to change over.
    """
    with ending():
        from incidentlog.cli.settings import load_settings

        scopes = [str(s) for s in scope or [Scope.READ]]
        typer.echo(_create(load_settings(), name, scopes, clearance, note=note, expires=expires, requests=requests))


def _create(
    settings: "Settings",
    name: str,
    scopes: list[str],
    clearance: Clearance,
    *,
    note: str | None,
    expires: str | None,
    requests: int | None,
) -> str:
    import re

    from incidentlog.audit.keys import put_key
    from incidentlog.clock import SystemClock
    from incidentlog.events.values import TLP_LABELS
    from incidentlog.service.keys import NAME, digest, new_key
    from incidentlog.store.keys import Care

    if not re.fullmatch(NAME, name):
        raise Failed(f"{name!r} is no name for a key: up to 80 of a-z, 0-9, '.', '_', '-'", Code.USAGE)
    key, level = new_key(), TLP_LABELS.index(clearance.value)

    async def put(connection: "Connection") -> None:
        care = Care(_note(note), await _instant(connection, expires), requests)
        await put_key(connection, name, digest(key), scopes, level, now=SystemClock().now(), care=care)

    _on_log(settings, put)
    return key


@app.command()
def rotate(
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=8_760, help="How long the secret that it has goes on.")
    ] = 24.0,
) -> None:
    """Give a key another secret and print it; the one that it has opens the same for a while.

    Name, scopes and clearance stay, and with them whom events and the access log name.
    """
    with ending():
        from datetime import timedelta

        from incidentlog.audit.keys import rotate_key
        from incidentlog.cli.settings import load_settings
        from incidentlog.clock import SystemClock
        from incidentlog.service.keys import digest, new_key

        key, now = new_key(), SystemClock().now()
        until = now + timedelta(hours=overlap_hours)

        async def replace(connection: "Connection") -> None:
            await _not_revoked(connection, name)
            await rotate_key(connection, name, digest(key), former_until=until, now=now)

        _on_log(load_settings(), replace)
        typer.echo(key)
        say(f"the secret before it opens the same until {until.isoformat(timespec='seconds')}")


@app.command()
def change(
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    note: NoteOption = None,
    expires: Annotated[str | None, typer.Option("--expires", help=f"{EXPIRES}, or `never`.")] = None,
    requests: Annotated[
        int | None, typer.Option("--requests", min=-1, max=MOST, help=f"{REQUESTS} -1: as all have.")
    ] = None,
) -> None:
    """Change what a key is for, until when it opens anything, or how often it may ask; the secret stays."""
    with ending():
        from incidentlog.audit.keys import change_key
        from incidentlog.cli.settings import load_settings
        from incidentlog.clock import SystemClock
        from incidentlog.store.keys import Care

        if note is None and expires is None and requests is None:
            raise Failed("say what to change: --note, --expires, --requests", Code.USAGE)

        async def work(connection: "Connection") -> None:
            before = (await _not_revoked(connection, name)).care
            until = before.expires_at if expires is None else None
            if expires not in {None, "never"}:
                until = await _instant(connection, expires)
            limit = before.requests if requests is None else None if requests < 0 else requests
            care = Care(before.note if note is None else _note(note), until, limit)
            await change_key(connection, name, care, now=SystemClock().now())

        _on_log(load_settings(), work)
        say(f"the key {name} is changed")


async def _not_revoked(connection: "Connection", name: str) -> "ListedKey":
    from incidentlog.store.keys import read_key

    key = await read_key(connection, _name(name))
    if key is None:
        raise _no_key(name)
    if key.revoked_at is not None:
        raise Failed(f"the key {name} is revoked: `key create` gives the name another one", Code.CONFLICT)
    return key


async def _instant(connection: "Connection", text: str | None) -> "datetime | None":
    """The instant at which a key expires. Raises Failed for what is none, or is over."""
    if text is None:
        return None
    from incidentlog.clock import SystemClock
    from incidentlog.events.values import start_instant
    from incidentlog.folding.domains import NOT_A_TIME, read_when
    from incidentlog.store.read import read_log

    when = read_when(text)
    if when is None:
        raise Failed(f"--expires: {NOT_A_TIME}", Code.USAGE)
    instant = start_instant(when, (await read_log(connection)).calendar)
    if instant <= SystemClock().now():
        raise Failed(f"--expires: {text} is over", Code.USAGE)
    return instant


def _note(text: str | None) -> str | None:
    """A note, None for an empty one. Raises Failed for what is too long, or is no text."""
    if text is not None and (len(text) > LONGEST_NOTE or not text.isprintable()):
        raise Failed(f"--note: one line of at most {LONGEST_NOTE} characters", Code.USAGE)
    return text or None


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
