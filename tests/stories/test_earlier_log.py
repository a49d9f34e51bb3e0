"""A log of an earlier build opens: it is migrated, built beside and switched, and tells what it told then."""

import gzip
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson
import pytest

from incidentlog.audit.verify import verify_log
from incidentlog.clock import ManualClock
from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.runner.replay import replay
from incidentlog.store.connect import Access
from incidentlog.store.migrate import OWNER, migrate
from tests.api.serving import Served, serving
from tests.conftest import log_called
from tests.stories.test_same_basis import built_anew

EARLIER: Final = Path(__file__).parents[1] / "data" / "log_of_1b42e64"
HEAD: Final = 300


def told() -> Iterator[dict[str, Any]]:
    """What the earlier build was asked, and answered."""
    yield from map(orjson.loads, gzip.decompress((EARLIER / "answers.ndjson.gz").read_bytes()).splitlines())


@pytest.fixture(scope="module")
async def earlier(server: Server) -> AsyncIterator[Access]:
    """The log as it was left, before anything was migrated."""
    async with log_called("test_earlier", server, "template1") as access:
        connection = await asyncpg.connect(access.admin)
        database = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {database} OWNER TO {OWNER}")
        await connection.execute(f"SET ROLE {OWNER}")
        await connection.execute(gzip.decompress((EARLIER / "log.sql.gz").read_bytes()).decode())
        await connection.close()
        yield access


def missing(now: Any, then: Any, at: str = "") -> Iterator[str]:
    """Where an answer of now does not say what one of then said; what it says beyond that is no matter."""
    match now, then:
        case dict(), dict():
            for name, value in _as_now(then).items():
                if name not in now:
                    yield f"{at}/{name}"
                else:
                    yield from missing(now[name], value, f"{at}/{name}")
        case list(), list() if len(now) == len(then):
            for number, (ours, theirs) in enumerate(zip(now, then, strict=True)):
                yield from missing(ours, theirs, f"{at}/{number}")
        case _ if now != then:
            yield f"{at}: {now!r:.99}, not {then!r:.99}"


def _as_now(then: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was told, but for what is told otherwise on purpose.

    Builds have later versions; a region is told with its country; what only the fold needs of remains is not shown;
    where nothing of a subject counts any more it is still told where that was; and how often commitments are kept is
    told by another projection than they are.
    """
    otherwise = {"version", "absorbed_counts", "follow_through"}
    kept = {name: value for name, value in then.items() if name not in otherwise}
    if "how" in kept and kept.get("admin1") is not None:  # a place as it was found
        kept["admin1"] = f"{kept['country']}.{kept['admin1']}"
    if kept.get("is_current") is False and kept.get("place") is None:
        kept.pop("place", None)
    return kept


async def answers(service: Served) -> Mapping[tuple[str, bool], bytes]:
    """To all that the earlier build was asked."""
    found = {}
    for path, cleared in [(each["path"], each["cleared"]) for each in told()]:
        answer = await (service if cleared else service.by(None)).ask("GET", path)
        assert answer.status == 200, answer
        found[path, cleared] = answer.raw
    return found


async def keeps_as_often(service: Served) -> None:
    """What was told in a row of `commitments`, about all of them, its own projection tells by who took them on."""
    names = ("fulfilled", "breached", "withdrawn", "overdue", "denominator")
    asked = [each for each in told() if "follow_through" in each["body"].get("rows", {})]
    assert len(asked) > 3
    for each in asked:
        row, path = each["body"]["rows"]["follow_through"], each["path"].replace("commitments", "follow_through")
        rows = (await (service if each["cleared"] else service.by(None)).get(path)).json["rows"].values()
        sums = [sum(own[name] for own in rows) for name in (*names, "open")]
        assert sums == [*(row[name] for name in names), row["made"] + row["in_progress"]], path


async def test_it_is_migrated_and_tells_what_it_told_also_once_it_is_built_anew(earlier: Access):
    applied = await migrate(earlier)
    assert len(applied) > 10
    clock = ManualClock(datetime(2026, 12, 1, tzinfo=UTC))
    async with serving(earlier, settings=Settings(open_read=True), clock=clock) as service:
        await service.ready()
        assert await service.settled() == HEAD
        now = await answers(service)
        wrong = [
            (each["path"], at)
            for each in told()
            for at in missing(orjson.loads(now[each["path"], each["cleared"]]), each["body"])
        ]
        assert not wrong, wrong[:9]
        await keeps_as_often(service)
        await built_anew(earlier)
        await keeps_as_often(service)
        assert await answers(service) == now
        assert all(compared.same for compared in (await replay(earlier)).compared)
        await service.unharmed()
    connection = await earlier.connect()
    assert (await verify_log(connection)).findings == []  # what was signed then, and of what
    await connection.close()
