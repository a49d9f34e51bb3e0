"""A service over a fresh log, and clients of it."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from incidentlog.client import Client
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving

settings.register_profile("deep")
"""For what is run by hand now and then: see test_any_network."""


@pytest.fixture
async def service(access: Access) -> AsyncIterator[Served]:
    """The service, at noon (UTC) of 1 March 2026."""
    async with serving(access) as served:
        await served.ready()
        yield served


@pytest.fixture
async def client(service: Served) -> AsyncIterator[Client]:
    """A client that may do everything."""
    async with Client(service.url, ADMIN, retry_seconds=5) as made:
        yield made
