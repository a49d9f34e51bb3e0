"""`incidentlog archive`: the whole log outside of the database, in a folder or a bucket."""

from typing import TYPE_CHECKING, Annotated

import typer

from incidentlog.cli.ending import Code, Failed, ending, say

if TYPE_CHECKING:
    from incidentlog.audit.archive import Archived
    from incidentlog.audit.place import Place
    from incidentlog.config import Settings


def archive(
    where: Annotated[str, typer.Argument(metavar="WHERE", help="A directory, or s3://bucket/prefix.")],
    segment: Annotated[
        int | None,
        typer.Option(
            "--segment", min=256, max=131_072, help="Positions of a segment, when the archive is begun; else 65,536."
        ),
    ] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="What it is for; the log keeps it.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who takes it; the log keeps it.")] = "operator",
) -> None:
    """Bring an archive of the whole log up to what is sealed, or begin one. Guard it as you guard the database.

    What is there already is not written again, unless something of it was erased since. `incidentlog verify WHERE
    --vkey FILE` checks it without the database, and `incidentlog import-log WHERE` makes the log from it. A bucket is
    opened with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; AWS_ENDPOINT_URL says where it is, if not at Amazon's.
    """
    with ending():
        from incidentlog.cli.archives import place
        from incidentlog.cli.settings import load_settings

        settings = load_settings()
        done = _archive(settings, place(where), segment, purpose=purpose, by=by)
        written = sum(part.leaves for part in done.written)
        say(f"{written} positions written, in segments: {len(done.written)}; it holds all up to position {done.to}")
        typer.echo(where)


def _archive(settings: "Settings", where: "Place", segment: int | None, *, purpose: str | None, by: str) -> "Archived":
    import asyncio
    from functools import partial

    import incidentlog.projections  # noqa: F401 - registers every event
    from incidentlog.audit.archive import Archived, write_archive
    from incidentlog.audit.place import ArchiveAwayError, ArchiveError
    from incidentlog.cli.export import record
    from incidentlog.cli.settings import reaching_log
    from incidentlog.cli.verify import progress
    from incidentlog.clock import SystemClock
    from incidentlog.errors import Problem
    from incidentlog.store.read import read_log

    async def work() -> Archived:
        connection = await access.connect()
        try:
            zone = (await read_log(connection)).calendar
            leaves = partial(record, access, zone=zone, by=by, purpose=purpose)
            now = SystemClock().now()
            return await write_archive(
                connection, where, segment=segment, by=by, purpose=purpose, at=now, record=leaves, progress=progress
            )
        finally:
            await connection.close()

    try:
        with reaching_log(settings) as access:
            return asyncio.run(work())
    except ArchiveAwayError as error:
        raise Failed(str(error), Code.UNAVAILABLE) from error
    except ArchiveError as error:
        raise Failed(str(error), Code.CONFLICT) from error
    except Problem as refusal:
        raise Failed(refusal.detail, Code.NOT_VERIFIED if refusal.slug == "tampered" else Code.USAGE) from refusal
