import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from incidentlog.audit.state import Folder
from incidentlog.embedded import Server
from incidentlog.store.connect import Access
from tests.api.conftest import service
from tests.audit.sealing import Sealing, fill, sealing
from tests.conftest import access_to, log_called, run_admin

__all__ = ["service"]


@pytest.fixture
async def sealed(access: Access) -> AsyncIterator[Sealing]:
    """A new log that is signed from its first event on."""
    async with sealing(access) as log:
        yield log


@pytest.fixture(scope="session")
async def once_filled(server: Server) -> AsyncIterator[tuple[str, Path]]:
    """A database with a sealed log of 700 events, and the notary's folder of it: to be copied."""
    async with log_called("test_filled", server) as access, sealing(access) as log:
        await fill(log)
        await log.admin.close()
        yield access.admin.rpartition("/")[2].partition("?")[0], log.folder.path


@asynccontextmanager
async def copied(server: Server, template: str, folder: Folder) -> AsyncIterator[Sealing]:
    """A copy of a database, and a folder to hold it against."""
    async with log_called("test_harmed", server, template) as access:
        log = Sealing(access, folder, await access.connect())
        try:
            yield log
        finally:
            await log.admin.close()


@pytest.fixture
async def filled(server: Server, once_filled: tuple[str, Path], tmp_path: Path) -> AsyncIterator[Sealing]:
    """A log of 700 events, sealed, to be harmed."""
    template, folder = once_filled
    shutil.copytree(folder, tmp_path / "log")
    async with copied(server, template, Folder(tmp_path / "log")) as log:
        yield log


@pytest.fixture
async def empty(server: Server) -> AsyncIterator[Access]:
    """A database without a log."""
    await run_admin(server, "CREATE DATABASE test_taken_in")
    yield access_to(server, "test_taken_in")
    await run_admin(server, "DROP DATABASE test_taken_in WITH (FORCE)")
