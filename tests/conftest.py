"""One PostgreSQL for the whole run, and a fresh database for every test that asks for one."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import asyncpg
import pytest
import structlog
import uvloop
from hypothesis import settings

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog import collector
from incidentlog.embedded import Server, start
from incidentlog.service.service import spare_the_collector
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from tests.browser import CHROMIUM, FLAGS
from tests.folders import open_folder

settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("untimed")

# Without configuring, a traceback shows every local variable, which takes longer than most tests; and a service would
# write to what a command in the same process has for its output just then.
structlog.configure(
    logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ],
)

LONG = frozenset({"stories", "cli", "runner", "cluster"})
TEMPLATE = "migrated"
_numbers = count(1)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop on which a service runs, and which takes half of the time of Python's own."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector rest while tests are collected, and go by a service's thresholds when they run."""
    with collector.held():
        collected = yield
    spare_the_collector()
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long begin first, so that at the end no worker is left alone with it."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def access_to(server: Server, database: str) -> Access:
    """A database of the test server, with its roles."""
    return Access(
        admin=server.dsn(database),
        secret=server.password,
        login=lambda user, password: server.dsn(database, user, password),
    )


async def run_admin(server: Server, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """An embedded PostgreSQL, not durable, with a migrated template."""
    root = open_folder("tests")
    with start(root, durable=False) as running:

        async def prepare() -> None:
            # A dozen logins for each service: what makes it hard to guess a password is not in question here.
            await run_admin(running.server, "ALTER SYSTEM SET scram_iterations = 1")
            await run_admin(running.server, "SELECT pg_reload_conf()")
            await run_admin(running.server, f"CREATE DATABASE {TEMPLATE}")
            await migrate(access_to(running.server, TEMPLATE))

        asyncio.run(prepare())
        yield running.server
    shutil.rmtree(root, ignore_errors=True)


@asynccontextmanager
async def log_called(name: str, server: Server, template: str = TEMPLATE) -> AsyncIterator[Access]:
    """A log in a database of its own, which begins as the template is: fresh and migrated, unless another is named."""
    name = f"{name}_{next(_numbers)}"
    await run_admin(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield access_to(server, name)
    finally:
        await run_admin(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def access(server: Server) -> AsyncIterator[Access]:
    """A fresh, migrated log of one test's own."""
    async with log_called("test", server) as fresh:
        yield fresh


@pytest.fixture
def other_schema(access: Access) -> Access:
    """A second log in the same database, not yet migrated."""
    return replace(access, schema="other_log")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Any]:
    """One Chromium for the whole run; each test opens a context of its own in it."""
    playwright = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as driver:
        opened = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        await opened.close()
