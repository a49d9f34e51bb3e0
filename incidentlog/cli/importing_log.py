"""`incidentlog import-log`: a whole log, exported or archived elsewhere, in a database that has none."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from incidentlog.cli.ending import Code, Failed, ending, say

if TYPE_CHECKING:
    from incidentlog.audit.notes import Verifier
    from incidentlog.audit.verify import Report
    from incidentlog.audit.whole import Source
    from incidentlog.config import Settings


def import_log(
    where: Annotated[str, typer.Argument(metavar="WHERE", help="What `export --all` or `archive` wrote.")],
    vkey: Annotated[
        list[Path], typer.Option("--vkey", help="A file with the key that signed, which came to you another way.")
    ],
) -> None:
    """Take a whole log into a database without one: the same log, with the same tree head; all of it or nothing.

    The source is verified first, and what stands in the database afterwards is held against what was signed. API keys
    are made anew, and the projections are computed when the service starts. Prints the signed tree head.
    """
    with ending():
        from incidentlog.cli.settings import load_settings
        from incidentlog.cli.verify import read_key

        settings = load_settings()
        keys = [read_key(path) for path in vkey]
        source = _source(where)
        report = _import(settings, source, keys)
        say(f"log {report.log}, fork {report.fork}, up to position {report.size}, is here; nobody signs it here yet")
        typer.echo(source.checkpoint().decode(), nl=False)


def _source(where: str) -> "Source":
    from incidentlog.audit.whole import Export
    from incidentlog.cli.archives import archive_at, directory, is_archive

    if is_archive(where):
        return archive_at(where)
    return Export(directory(where))


def _import(settings: "Settings", source: "Source", keys: list["Verifier"]) -> "Report":
    import asyncio

    import incidentlog.projections  # noqa: F401 - registers every event
    from incidentlog.audit.exported import VerificationError
    from incidentlog.audit.place import ArchiveError
    from incidentlog.audit.whole import NotTakenError, import_whole
    from incidentlog.cli.settings import reaching
    from incidentlog.cli.verify import progress

    try:
        with reaching(settings, make=True) as access:
            return asyncio.run(import_whole(access, source, keys, zone=settings.zone, progress=progress))
    except VerificationError as error:
        raise Failed(f"NOT VERIFIED: {error.detail}", Code.NOT_VERIFIED) from error
    except NotTakenError as error:
        raise Failed(str(error), Code.CONFLICT) from error
    except ArchiveError as error:
        raise Failed(str(error), Code.UNAVAILABLE) from error
