"""`incidentlog key`: who may ask the service, and for what."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from incidentlog.cli.ending import Code, Failed, ending
from incidentlog.cli.group import Group

if TYPE_CHECKING:
    from incidentlog.config import Settings

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

    A key that has the name already is replaced; a running service may know the old one until it is started again.
    """
    with ending():
        from incidentlog.cli.settings import load_settings

        typer.echo(_create(load_settings(), name, [str(s) for s in scope or [Scope.READ]], clearance))


def _create(settings: "Settings", name: str, scopes: list[str], clearance: Clearance) -> str:
    import asyncio
    import re
    import secrets

    from incidentlog.api.keys import digest
    from incidentlog.cli.settings import reaching_log
    from incidentlog.store.keys import insert_key
    from incidentlog.subjects.values import TLP_LABELS

    if not re.fullmatch(r"[a-z0-9._-]{1,80}", name):
        raise Failed(f"{name!r} is no name for a key: up to 80 of a-z, 0-9, '.', '_', '-'", Code.USAGE)
    key = "il_" + secrets.token_urlsafe(32)

    async def put() -> None:
        connection = await access.connect()
        try:
            await insert_key(connection, name, digest(key), scopes, TLP_LABELS.index(clearance.value))
        finally:
            await connection.close()

    with reaching_log(settings) as access:
        asyncio.run(put())
    return key
