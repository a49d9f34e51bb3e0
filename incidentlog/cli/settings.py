"""Reading the settings for a command, and the database that they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from incidentlog.cli.ending import Code, Failed, say

if TYPE_CHECKING:
    from incidentlog.config import Settings
    from incidentlog.store.connect import Access


def load_settings(**given: Any) -> "Settings":
    """The settings, with what the command line says before all else. Raises Failed naming every fault."""
    import tomllib

    from pydantic import ValidationError

    from incidentlog.config import FILE, Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = (f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise Failed("\n".join(["the settings cannot be used:", *faults]), Code.USAGE) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failed(f"{FILE} cannot be read: {error}", Code.USAGE) from error


@contextmanager
def reaching(settings: "Settings") -> Iterator["Access"]:
    """How to reach the log's database; the embedded one is started, or joined where a service runs it."""
    import asyncio

    from incidentlog.api.service import access_of
    from incidentlog.embedded import data_root, start
    from incidentlog.store.pooler import check_pooler

    with database_failures():
        if settings.dsn is not None:
            access = access_of(settings, None)
            asyncio.run(check_pooler(access))
            yield access
            return
        with start(data_root(settings.data_dir), progress=say) as running:
            yield access_of(settings, running.server)


@contextmanager
def database_failures() -> Iterator[None]:
    """Say in a line why the database cannot be worked with."""
    import asyncpg

    from incidentlog.audit.notes import NoteError
    from incidentlog.audit.state import StateError
    from incidentlog.embedded import EmbeddedError
    from incidentlog.store.connect import NoSessionError, lost
    from incidentlog.store.migrate import MigrationError
    from incidentlog.store.pooler import PoolerError

    try:
        yield
    except Failed:
        raise
    except Exception as error:
        match cause := innermost(error):
            case MigrationError() | StateError() | NoteError() | PoolerError() | NoSessionError():
                raise Failed(str(cause), Code.CONFLICT if isinstance(cause, StateError) else Code.FAILURE) from error
            case EmbeddedError():
                raise Failed(str(cause), Code.UNAVAILABLE) from error
            case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidPasswordError():
                raise Failed(f"the database refuses the login: {cause}", Code.UNAVAILABLE) from error
            case asyncpg.InvalidCatalogNameError():
                raise Failed(f"the database is not there: {cause}", Code.UNAVAILABLE) from error
            case asyncpg.UndefinedTableError():
                raise Failed("the log is not made yet: run `incidentlog db migrate`") from error
            case asyncpg.InsufficientPrivilegeError():
                raise Failed(f"the login may not do this: {cause}") from error
            case _ if lost(cause):
                raise Failed(
                    f"the database does not answer: {str(cause) or type(cause).__name__}", Code.UNAVAILABLE
                ) from error
        raise


def innermost(error: BaseException) -> BaseException:
    """The one error inside of groups of one; task groups wrap even what was raised beside their tasks."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
