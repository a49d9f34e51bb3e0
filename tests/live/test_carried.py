"""What is carried of a stretch is what the database has of it: for every projection, marking and grouping."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from itertools import pairwise
from typing import Any, cast

import pytest

from incidentlog.clock import ManualClock
from incidentlog.folding.lines import Lines
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.live.hub import _bind
from incidentlog.projections import PROJECTIONS
from incidentlog.sqlfiles import query
from incidentlog.store.builds import active_builds
from incidentlog.store.carried import MOST, Carried, NotCarriedError, read_carried, read_message, write_message
from incidentlog.store.connect import Access, Connection
from incidentlog.store.live import event_id_at
from tests.api.serving import NOW, serving
from tests.commands import strike

LARGE = 2**24
SEGMENTS, DOCUMENTS = query("segments", "read"), query("answer", "documents")


async def carried(connection: Connection, after: int, upto: int) -> Carried:
    """What was carried of a stretch, over the wire."""
    heading, found = read_message(write_message(*await read_carried(connection, after, upto), LARGE))
    assert (heading.after, heading.upto) == (after, upto)
    assert found is not None
    return found


def groupings(projection: Any) -> Iterator[Grouping | None]:
    """By what it is grouped unless it is said, and by its last dimension."""
    if isinstance(projection, Tally):
        yield Grouping(projection.group_by)
        yield Grouping((projection.dimensions[-1],))
    else:
        yield None


@asynccontextmanager
async def everything(access: Access) -> AsyncIterator[tuple[Connection, int]]:
    """A log of everything, with something that is marked, as of one moment; and its head."""
    async with serving(access, clock=ManualClock(NOW)) as service:
        answer = await service.bulk(*files("incidentlog").joinpath("demo/timeline.ndjson").read_bytes().splitlines())
        assert answer.status == 201, answer
        await service.add(strike(stream=None, tlp="AMBER"), strike(stream=None))
        head = await service.settled()
        async with service.service.pool.acquire() as lent, lent.transaction(isolation="repeatable_read"):
            yield cast("Connection", lent), head


async def test_every_projection_goes_on_with_what_was_carried_as_with_the_database(access: Access):
    used = Counter[str]()
    async with everything(access) as (connection, head):
        builds = await active_builds(connection)
        for cuts in ((20, 21), (40, 60, 61), (head - 3, head - 1, head)):
            after, upto = cuts[0], cuts[-1]
            parts = [await carried(connection, *cut) for cut in pairwise(cuts)]
            one = cast("Connection", parts[0] if len(parts) == 1 else Carried.joined(parts))
            for name, projection in sorted(PROJECTIONS.items()):
                for grouping in groupings(projection):
                    for clearance in (0, 4):
                        made = partial(_bind, projection, grouping, clearance, builds)
                        ours, theirs = made().view, made().view
                        await ours.load(connection, after, NOW)
                        await theirs.load(connection, after, NOW)
                        known = await ours.read(connection, after, upto, NOW)
                        try:
                            read = await theirs.read(one, after, upto, NOW)
                        except NotCarriedError:
                            continue
                        used[name] += 1
                        assert (name, read.mark) == (name, known.mark)
                        if known.mark is not None:
                            event_id = await event_id_at(connection, known.mark.position, clearance)
                            assert await event_id_at(one, known.mark.position, clearance) == event_id
                        assert theirs.apply(read, NOW) == ours.apply(known, NOW)
                        assert theirs.rows == ours.rows
                        assert theirs.next_transition == ours.next_transition
    assert used.keys() == PROJECTIONS.keys(), used


async def test_what_is_not_of_the_stretch_is_left_to_the_database(access: Access):
    async with everything(access) as (connection, head):
        one, builds = await carried(connection, head - 1, head), await active_builds(connection)
        build, other = builds["city_incidents"].build, builds["policies"].build
        for question in (
            one.fetch("SELECT 1"),
            one.fetchrow("SELECT 1"),
            one.fetch(SEGMENTS, build, head - 2, head, None, [], [], 1, 1),
            one.fetch(SEGMENTS, build, head - 1, head - 1, None, [], [], 1, 1),
            one.fetch(DOCUMENTS, other, 4, head, ["compliance"]),
            one.fetch(DOCUMENTS, other, 4, head, None),
        ):
            with pytest.raises(NotCarriedError):
                await question
        with pytest.raises(NotCarriedError):
            one.event_id_at(head - 1, 4)
        heading, rows = await read_carried(connection, 0, MOST + 1)
        assert rows is None
        assert read_message(write_message(heading, rows, LARGE)) == (heading, None)
        heading, rows = await read_carried(connection, head - 1, head)
        assert rows is not None
        small = len(write_message(heading, None, LARGE))
        assert len(write_message(heading, rows, small + 100)) == small


async def test_what_a_clearance_does_not_cover_is_not_told_of_what_was_carried(access: Access):
    async with everything(access) as (connection, head):
        one, build = await carried(connection, head - 2, head), (await active_builds(connection))["city_incidents"]
        assert (one.event_id_at(head - 1, 0), one.event_id_at(head, 0) is None) == (None, False)
        assert one.event_id_at(head - 1, 4) is not None
        ((_, _, packed),) = await one.fetch(SEGMENTS, build.build, head - 2, head, None, [], [], 1, 1)
        assert {*Lines(packed).levels.tolist()} == {0, 2}  # as in the database: each clearance takes its own
