"""Reading the settings for a command, and the database that they name."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from incidentlog.cli.ending import Code, Failed, say

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from incidentlog.config import Settings
    from incidentlog.store.connect import Access


def load_settings(**given: Any) -> "Settings":
    """The settings, with what the command line says before all else. Raises Failed naming every fault."""
    from pydantic import ValidationError

    from incidentlog.config import FileError, Settings, mistaken

    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise _unusable(map(_told, error.errors(include_input=False))) from error
    except FileError as error:
        raise Failed(str(error), Code.USAGE) from error
    if faults := list(_bad_keys(settings)):
        raise _unusable(faults)
    for name, nearest in mistaken(os.environ).items():
        say(f"{name} is no setting" + (f"; is {nearest} meant?" if nearest else ""))
    return settings


def _told(fault: "ErrorDetails") -> str:
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"


def _bad_keys(settings: "Settings") -> Iterator[str]:
    """What is wrong with the keys among the settings, which are judged where keys are understood."""
    if settings.log_key is None and not settings.witnesses:
        return
    from incidentlog.audit.notes import NoteError, Signer
    from incidentlog.audit.witness import Witness

    told = [("log_key", Signer.parse, settings.log_key), *(("witnesses", Witness.parse, w) for w in settings.witnesses)]
    for name, parse, text in told:
        try:
            if text is not None:
                parse(text)
        except NoteError as error:
            yield f"{name}: {error}"


def _unusable(faults: Iterable[str]) -> Failed:
    return Failed("\n".join(["the settings cannot be used:", *(f"  {fault}" for fault in faults)]), Code.USAGE)


OF_DISKS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What fails so is a file, also where the error does not name it, and no connection."""


@contextmanager
def reaching(settings: "Settings", *, make: bool = False) -> Iterator["Access"]:
    """How to reach the log's database; the embedded one is started, or joined where a service runs it.

    `make` makes one in a data directory that has none. Else Failed says that there is no log, and nothing is made.
    """
    import asyncio

    from incidentlog.embedded import data_root, has_data, start
    from incidentlog.service.service import access_of
    from incidentlog.store.pooler import check_pooler

    with database_failures():
        if settings.dsn is not None:
            access = access_of(settings, None)
            asyncio.run(check_pooler(access))
            yield access
            return
        root = data_root(settings.data_dir)
        if not (make or has_data(root)):
            raise no_log(f"in {root}")
        with start(root, progress=say) as running:
            yield access_of(settings, running.server)


@contextmanager
def reaching_log(settings: "Settings", *, migrates: bool = False) -> Iterator["Access"]:
    """How to reach a log that was made. Failed says where there is none, and nothing is made.

    One of a newer build is refused with MigrationError; one of an earlier build with Failed, unless what is done with
    it `migrates` it first. A login that may read little, such as one for backups, may not know of which it is.
    """
    import asyncio

    import asyncpg

    from incidentlog.store.migrate import is_made, status

    with reaching(settings) as access:
        if not asyncio.run(is_made(access)):
            raise no_log(f"in the schema {settings.schema_name} of this database")
        applied = list[bool]()
        with suppress(asyncpg.InsufficientPrivilegeError):
            applied = [is_applied for _, is_applied in asyncio.run(status(access))]
        if not (migrates or all(applied)):
            raise Failed(
                f"the log is of an earlier build, {sum(applied)} of {len(applied)} migrations are applied: use that "
                "build, or bring it up by `incidentlog db migrate`",
            )
        yield access


def no_log(where: str) -> Failed:
    """The failure to say where a command needs a log, and there is none."""
    detail = (
        f"there is no log {where}: `incidentlog serve` makes one; INCIDENTLOG_DATA_DIR or INCIDENTLOG_DSN, "
        "and INCIDENTLOG_SCHEMA, say where another is"
    )
    return Failed(detail, Code.NOT_FOUND)


@contextmanager
def database_failures() -> Iterator[None]:
    """Say in a line why the database cannot be worked with, or the service cannot listen."""
    try:
        yield
    except Failed:
        raise
    except Exception as error:
        if (failed := _failure(innermost(error))) is not None:
            raise failed from error
        raise


def _failure(cause: BaseException) -> Failed | None:
    """What a failure is told as; None for a fault of ours."""
    import asyncpg

    from incidentlog.addresses import ListenError
    from incidentlog.audit.notes import NoteError
    from incidentlog.audit.state import StateError
    from incidentlog.embedded import EmbeddedError
    from incidentlog.store.connect import NoSessionError, lost
    from incidentlog.store.migrate import MigrationError
    from incidentlog.store.pooler import PoolerError
    from incidentlog.store.replication import NotSynchronousError

    if isinstance(cause, ListenError):
        return Failed(str(cause), Code.FAILURE if cause.taken else Code.USAGE)
    kinds: list[tuple[type[BaseException], str, Code]] = [
        (StateError, "", Code.CONFLICT),
        (MigrationError, "", Code.FAILURE),
        (PoolerError, "", Code.FAILURE),
        (NotSynchronousError, "", Code.FAILURE),
        (NoSessionError, "", Code.FAILURE),
        (NoteError, "", Code.FAILURE),
        (EmbeddedError, "", Code.UNAVAILABLE),
        (asyncpg.ClientConfigurationError, "the DSN, or a variable PG*, cannot be used: ", Code.USAGE),
        (asyncpg.InvalidAuthorizationSpecificationError, "the database refuses the login: ", Code.UNAVAILABLE),
        (asyncpg.InvalidPasswordError, "the database refuses the login: ", Code.UNAVAILABLE),
        (asyncpg.InvalidCatalogNameError, "the database is not there: ", Code.UNAVAILABLE),
        (asyncpg.UndefinedTableError, "the log is not made yet, run `incidentlog db migrate`: ", Code.NOT_FOUND),
        (asyncpg.InsufficientPrivilegeError, "the login may not do this: ", Code.FAILURE),
    ]
    for kind, told, code in kinds:
        if isinstance(cause, kind):
            return Failed(f"{told}{cause}", code)
    if isinstance(cause, OSError) and (cause.filename is not None or cause.errno in OF_DISKS):
        return Failed(f"what is read or written here cannot be: {cause}")
    if lost(cause):
        return Failed(f"the database does not answer: {str(cause) or type(cause).__name__}", Code.UNAVAILABLE)
    return None


def innermost(error: BaseException) -> BaseException:
    """The one error inside of groups of one; task groups wrap even what was raised beside their tasks."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
