"""What is carried of a stretch is what the database has of it: for every projection, marking and grouping."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from itertools import pairwise
from typing import Any, cast

from incidentlog.clock import ManualClock
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.live.hub import _bind
from incidentlog.projections import PROJECTIONS
from incidentlog.store.builds import active_builds
from incidentlog.store.carried import Carried, NotCarriedError, read_carried, read_message, write_message
from incidentlog.store.connect import Access, Connection
from incidentlog.store.live import event_id_at
from tests.api.serving import NOW, Served, serving
from tests.commands import strike

LARGE = 2**24


async def carried(connection: Connection, after: int, upto: int) -> Carried:
    """What was carried of a stretch, over the wire."""
    heading, found = read_message(write_message(*await read_carried(connection, after, upto), LARGE))
    assert (heading.after, heading.upto) == (after, upto)
    assert found is not None
    return found


def groupings(projection: Any) -> Iterator[Grouping | None]:
    if not isinstance(projection, Tally):
        yield None
        return
    yield Grouping(projection.group_by)
    for dimension in projection.dimensions:
        yield Grouping((dimension,))


async def told(service: Served) -> list[Any]:
    """A log of everything: the timeline of the demonstration, with something marked and retracted."""
    lines = files("incidentlog").joinpath("demo/timeline.ndjson").read_bytes().splitlines()
    answer = await service.bulk(*lines)
    assert answer.status in {200, 201}, answer
    secret = strike(stream=None, tlp="AMBER")
    event = strike(stream=None)
    await service.add(secret, event)
    return [secret, event]


async def test_every_projection_goes_on_with_what_was_carried_as_with_the_database(access: Access):
    async with serving(access, clock=ManualClock(NOW)) as service:
        await told(service)
        head = await service.settled()
        used = Counter[str]()
        async with service.service.pool.acquire() as lent, lent.transaction(isolation="repeatable_read"):
            connection = cast("Connection", lent)
            builds = await active_builds(connection)
            cuts = [*range(20, head - 12, 37), *range(head - 12, head + 1)]
            for after, upto in pairwise(cuts):
                one = await carried(connection, after, upto)
                for name, projection in sorted(PROJECTIONS.items()):
                    for grouping in groupings(projection):
                        for clearance in (0, 4):
                            made = partial(_bind, projection, grouping, clearance, builds)
                            ours, theirs = made().view, made().view
                            at = NOW
                            await ours.load(connection, after, at)
                            await theirs.load(connection, after, at)
                            known = await ours.read(connection, after, upto, at)
                            try:
                                read = await theirs.read(cast("Connection", one), after, upto, at)
                            except NotCarriedError:
                                used[f"{name} database"] += 1
                                continue
                            used[name] += 1
                            assert read.mark == known.mark
                            if known.mark is not None:
                                event = await event_id_at(connection, known.mark.position, clearance)
                                assert await event_id_at(one, known.mark.position, clearance) == event
                            assert theirs.apply(read, at) == ours.apply(known, at)
                            assert theirs.rows == ours.rows
                            assert theirs.next_transition == ours.next_transition
        assert {name for name in PROJECTIONS if not used[name]} == set(), used
