"""A service over a fresh log for every test that asks for one, and one over the timeline for all that only read."""

from collections.abc import AsyncIterator

import pytest

from incidentlog.embedded import Server
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.conftest import log_called
from tests.subjects.given import TIMELINE


@pytest.fixture
async def service(access: Access) -> AsyncIterator[Served]:
    """The service, at noon (UTC) of 1 March 2026."""
    async with serving(access) as served:
        yield served


@pytest.fixture(scope="package")
async def timeline(server: Server) -> AsyncIterator[Served]:
    """The bundled timeline. For reading only; it is there once."""
    async with log_called("test_api_timeline", server) as access, serving(access) as served:
        answer = await served.bulk(*TIMELINE.read_bytes().splitlines())
        assert answer.json["appended"] == 110, answer
        await served.rows("city_incidents", min_position=110)  # no test may read it before it is folded
        yield served


@pytest.fixture(scope="package")
async def busy(server: Server) -> AsyncIterator[Served]:
    """One service for all that is thrown at it."""
    async with log_called("test_api_busy", server) as access, serving(access) as served:
        yield served


@pytest.fixture
async def attacked(busy: Served) -> AsyncIterator[Served]:
    """A service that takes the next good event as if nothing had been, and in the log of which nothing else was written."""
    head = await busy.head()
    yield busy
    assert await busy.head() == head
    await busy.unharmed()
