"""One leader with a standby for all that only read and append; whoever ends a server makes a pair of their own."""

from collections.abc import Iterator

import pytest

from tests.cluster.pair import Pair, paired


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """Nobody may stop one of its servers; a test that pauses the standby, or makes it synchronous, sets that right."""
    with paired() as made:
        yield made


@pytest.fixture
def own_pair() -> Iterator[Pair]:
    """One test's own."""
    with paired() as made:
        yield made
