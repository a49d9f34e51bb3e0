from collections.abc import AsyncIterator

import pytest

from incidentlog.store.connect import Access
from tests.api.conftest import service
from tests.audit.sealing import Sealing, sealing

__all__ = ["service"]


@pytest.fixture
async def sealed(access: Access) -> AsyncIterator[Sealing]:
    """A new log that is signed from its first event on."""
    async with sealing(access) as log:
        yield log
