"""`incidentlog verify`: is the log what it was?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incidentlog.cli.ending import Code, Failed, ending, say, unreadable
from incidentlog.cli.options import Form, form

if TYPE_CHECKING:
    from incidentlog.audit.notes import Verifier
    from incidentlog.audit.state import State
    from incidentlog.audit.verify import Report


def verify(
    export: Annotated[
        str | None,
        typer.Argument(help="An export or an archive, to be checked without the database; else the log itself."),
    ] = None,
    vkey: Annotated[
        list[Path] | None,
        typer.Option("--vkey", help="A file with the key that is to have signed, which came to you another way."),
    ] = None,
    previous: Annotated[
        list[Path] | None, typer.Option("--previous", help="A tree head that you kept from before (`/log/checkpoint`).")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="Where to write what was found, if anything is.")
    ] = None,
    output: Form = None,
) -> None:
    """Check the log, or an export or archive of it, against all that was signed; exit code 7 when something is not so.

    What is stored is hashed again, and compared with every tree head there is and with those that you kept. Of an
    export `said_by_the_exporter` is what its manifest says and nothing proves, such as why an event is withheld.
    """
    with ending():
        keys = [read_key(path) for path in vkey or []]
        heads = [_read(path) for path in previous or []]
        if export is None:
            told = _log(keys, heads)
        elif not keys:
            raise Failed("give the key with --vkey: one that comes with the export proves nothing", Code.USAGE)
        else:
            told = _export(export, keys, heads)
        end(told, evidence, output)


def end(told: dict[str, Any], evidence: Path | None, output: Form) -> None:
    """Tell what was found; raises Failed where that is not as it was signed."""
    from incidentlog.cli.options import Output
    from incidentlog.cli.output import write

    write([told], Output.JSON if form(output) is Output.TABLE else form(output), whole=told)
    if told["verified"]:
        return
    if evidence is not None:
        import orjson

        evidence.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    raise Failed(f"NOT VERIFIED: {told['detail']}", Code.NOT_VERIFIED)


def _export(export: str, keys: Sequence["Verifier"], heads: Sequence[bytes]) -> dict[str, Any]:
    from incidentlog.audit.exported import VerificationError
    from incidentlog.audit.notes import NoteError
    from incidentlog.audit.offline import verify_export
    from incidentlog.audit.place import ArchiveError
    from incidentlog.cli.archives import archive_at, directory, is_archive

    told: dict[str, Any] = {"verified": False, "export": export}
    try:
        if is_archive(export):
            checked = archive_at(export).verify(keys, previous=heads, progress=progress)
        else:
            checked = verify_export(directory(export), keys, previous=heads, progress=progress)
    except VerificationError as error:
        return told | {"detail": error.detail, "position": error.position, **error.evidence}
    except NoteError as error:
        return told | {"detail": f"previous tree head: {error}", "position": None}
    except ArchiveError as error:
        raise Failed(str(error), Code.UNAVAILABLE) from error
    return {
        "verified": True,
        "origin": checked.head.origin,
        "size": checked.head.size,
        "root": checked.head.root.hex(),
        "positions": [checked.after + 1, checked.to],
        "leaves": checked.leaves,
        "opened": checked.opened,
        "withheld": checked.withheld,
        "recorded": [checked.first, checked.last],
        "previous": [_size(head) for head in heads],
        "said_by_the_exporter": dict(checked.said),
    }


def _log(keys: Sequence["Verifier"], heads: Sequence[bytes]) -> dict[str, Any]:
    import asyncio

    from incidentlog.audit.notes import NoteError
    from incidentlog.audit.state import StateError, folder_of
    from incidentlog.audit.verify import verify_log
    from incidentlog.cli.settings import load_settings, reaching_log
    from incidentlog.embedded import data_root

    settings = load_settings()
    folder = folder_of(data_root(settings.data_dir), settings.schema_name)
    try:
        state = folder.read()
    except StateError as error:
        raise Failed(str(error)) from error
    if keys and state is not None and state.vkey is not None and state.vkey not in {key.vkey for key in keys}:
        # No evidence against the log is left of it: it may as well be that the wrong key was given.
        raise Failed(f"NOT VERIFIED: the log is signed by {state.vkey}, none of the keys given", Code.NOT_VERIFIED)

    async def work() -> "Report":
        connection = await access.connect()
        try:
            return await verify_log(connection, state=state, keys=keys, previous=heads, progress=progress)
        except NoteError as error:
            raise Failed(f"a tree head: {error}", Code.NOT_VERIFIED) from error
        finally:
            await connection.close()

    with reaching_log(settings) as access:
        report = asyncio.run(work())
    told = told_of(report, state, heads)
    if (first := report.first) is None:
        if state is not None:
            folder.acquit()
        return told
    if state is not None:
        folder.accuse({**first.as_json(), "signed": state.note, "found_by": "verify", "report": told})
        say(f"the evidence is in {folder.evidence}; nothing is signed while it is there")
    return told


def told_of(report: "Report", state: "State | None", heads: Sequence[bytes]) -> dict[str, Any]:
    """What was found, as it is told: against what was held, and where it is not so."""
    told: dict[str, Any] = {
        "verified": report.first is None,
        "log": str(report.log),
        "fork": report.fork,
        "size": report.size,
        "root": report.root.hex(),
        "heads": report.heads,
        "erased": report.erased,
        "outside": {"state": state is not None and state.note is not None, "previous": [_size(h) for h in heads]},
    }
    if (first := report.first) is not None:
        told |= {"detail": first.detail, "position": first.first, "findings": [f.as_json() for f in report.findings]}
    return told


def progress(done: int, total: int) -> None:
    """How far it is, on a terminal."""
    import sys

    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {total:,} ")
        sys.stderr.flush()


def read_key(path: Path) -> "Verifier":
    """The verifier key in a file; raises Failed for what is none."""
    from incidentlog.audit.notes import NoteError, Verifier

    try:
        return Verifier.parse(_read(path).decode("utf-8", "replace"))
    except NoteError as error:
        raise Failed(f"{path}: {error}", Code.USAGE) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def _size(head: bytes) -> int:
    from incidentlog.audit.notes import TreeHead, parse_note

    return TreeHead.parse(parse_note(head).text).size
