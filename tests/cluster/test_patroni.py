"""A cluster of PostgreSQL under Patroni, etcd, HAProxy and PgBouncer (`deploy/cluster`) whose parts are killed."""

import pytest

from deploy.cluster.__main__ import missing
from tests.cluster.story import SHORT, story

TTL = 20
"""For how long Patroni waits for a leader, in seconds: the shortest that it takes."""


LACKING = "; ".join(missing())


@pytest.mark.skipif(bool(LACKING), reason=f"there is no {LACKING}")
async def test_whatever_part_is_killed_nothing_acknowledged_is_lost_or_doubled():
    told = await story(SHORT, writers=8, subscribers=10, pace=0.3, again=TTL + 3)
    assert len(told.faults) == len(SHORT)
