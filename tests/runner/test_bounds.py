"""However much comes at once: a batch holds no more than it may, and what is written does not grow with the square."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from incidentlog.folding import steps as steps_module
from incidentlog.folding.change import Change
from incidentlog.folding.shapes import FEW
from incidentlog.projections import talks_ledger
from incidentlog.runner import deriving as deriving_module
from incidentlog.runner import lane as lane_module
from incidentlog.runner.replay import replay
from incidentlog.store import read as read_module
from incidentlog.store.connect import Access
from incidentlog.store.read import read_batch
from tests.commands import about, retraction, strike
from tests.runner.driving import Log, caught_up, check, following, log_at

AT = [datetime(2026, 1, 1, tzinfo=UTC)]


@pytest.fixture
async def log(access: Access) -> AsyncIterator[Log]:
    async with log_at(access) as made:
        yield made


def talk(number: int, **changes: Any) -> dict[str, Any]:
    parties = [{"code": "UKR", "role": "party"}, {"code": "RUS", "role": "party"}]
    data = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": True, "outcome": "none"}
    event = strike(type="talk.held", stream=f"talk:n{number}", actors=parties, data={**data, "agenda": ["exchange"]})
    del event["place"]
    return event | changes


async def projected(log: Log) -> list[list[int]]:
    """Follow the log to its head; the positions of each batch."""
    batches: list[list[int]] = []

    def told(changes: Sequence[Change]) -> None:
        batches.append(sorted({c.position for c in changes}))

    async with following(log, on_changes=told) as runner:
        await caught_up(log, runner)
    return batches


async def octets(log: Log, table: str) -> int:
    return await log.connection.fetchval(f"SELECT coalesce(sum(octet_length(body)), 0) FROM {table}")


async def test_a_batch_is_no_heavier_than_it_may_be(log: Log, monkeypatch: pytest.MonkeyPatch):
    await log.add(*(strike() for _ in range(30)))
    weight = max(e.weight for e in await log.events())
    monkeypatch.setattr(lane_module, "BATCH_BYTES", 4 * weight)
    batches = await projected(log)
    assert [p for batch in batches for p in batch] == list(range(1, 31))
    assert max(map(len, batches)) == 4


async def test_one_event_that_is_heavier_than_a_batch_may_be_goes_alone(log: Log, monkeypatch: pytest.MonkeyPatch):
    await log.add(*(strike() for _ in range(3)))
    monkeypatch.setattr(lane_module, "BATCH_BYTES", 1)
    assert await projected(log) == [[1], [2], [3]]


async def test_no_more_of_the_log_is_read_at_once_than_a_batch_holds(log: Log, monkeypatch: pytest.MonkeyPatch):
    await log.add(*(strike() for _ in range(10)))
    events = await log.events()
    size = len((events[0].body or "").encode()) + len(events[0].meta.encode())
    monkeypatch.setattr(read_module, "BATCH_OCTETS", size * 3 + 20)
    assert [e.position for e in (await read_batch(log.connection, 0, 100)).events] == [1, 2, 3]
    monkeypatch.setattr(read_module, "BATCH_OCTETS", 1)
    assert [e.position for e in (await read_batch(log.connection, 4, 100)).events] == [5]


async def test_a_batch_folds_no_more_events_than_it_may(log: Log, monkeypatch: pytest.MonkeyPatch):
    """A retraction is folded with all that is on its stream: the work is as long as that, each time."""
    event = strike(stream="strike:a")
    await log.add(event)
    await projected(log)
    for _ in range(10):
        undo = retraction(event["id"]) | {"stream": "strike:a"}
        await log.add(undo)
        await log.add(retraction(undo["id"]) | {"stream": "strike:a"})
    monkeypatch.setattr(lane_module, "BATCH_WORK", 30)
    batches = await projected(log)
    assert [p for batch in batches for p in batch] == list(range(2, 22))
    assert all(sum(batch) <= 30 or len(batch) == 1 for batch in batches)


async def test_twice_the_talks_of_a_track_are_not_four_times_the_text(log: Log):
    """Of a document of many subjects no version keeps a body."""
    await log.add(*(talk(n) for n in range(FEW)))
    await projected(log)
    few = await octets(log, "documents")
    await log.add(*(talk(FEW + n) for n in range(FEW)))
    await projected(log)
    assert await octets(log, "documents") == few > 0
    assert len((await log.rows("talks_ledger", AT[0], 2 * FEW))["ua-ru"]["rounds"]) == 2 * FEW
    assert len((await log.rows("talks_ledger", AT[0], FEW + 5))["ua-ru"]["rounds"]) == FEW + 5


async def test_a_document_of_many_is_as_folded_afresh_at_every_position_and_marking(log: Log):
    talks = [talk(n, tlp="RED" if n % 5 == 4 else "CLEAR") for n in range(FEW + 8)]
    await log.add(*talks)
    patch = {"data": {"track": "another"}}
    merge = {"survivor": "talk:n1", "absorbed": ["talk:n2", "talk:n3"], "reason": "one"}
    await projected(log)
    await log.add(
        about("amended", talks[0]["id"], patch=patch, reason="another track"),
        {"type": "record.merged", "stream": "talk:n1", "data": merge},
        retraction(talks[9]["id"]) | {"tlp": "RED"},
        about("remarked", talks[10]["id"], tlp="RED", reason="it is secret"),
        talk(100),
    )
    await projected(log)
    await check(log, ats=AT, levels=(0, 2, 4))
    assert all(c.same for c in (await replay(log.access)).compared)


async def test_a_document_that_had_many_and_has_few_again_is_still_folded_when_it_is_read(log: Log):
    """Whether it is does not hang on what is remembered."""
    talks = [talk(n) for n in range(FEW + 1)]
    await log.add(*talks)
    await projected(log)
    await log.add(*(retraction(t["id"]) for t in talks[3:]))
    await projected(log)
    await log.add(talk(200))
    await projected(log)
    await check(log, ats=AT, levels=(0,))
    assert len((await log.rows("talks_ledger", AT[0], await log.head()))["ua-ru"]["rounds"]) == 4
    assert all(c.same for c in (await replay(log.access)).compared)


async def test_what_cannot_be_folded_is_set_aside_in_a_document_of_many_too(log: Log, monkeypatch: pytest.MonkeyPatch):
    made = talks_ledger._meeting

    def choke(subject: Any) -> Any:
        if subject.stream == "talk:n3":
            raise ValueError("it cannot be swallowed")
        return made(subject)

    monkeypatch.setattr(steps_module, "FEW", 2)
    monkeypatch.setattr(talks_ledger, "_meeting", choke)
    await log.add(*(talk(n) for n in range(5)))
    await projected(log)
    assert len((await log.rows("talks_ledger", AT[0], 5))["ua-ru"]["rounds"]) == 4
    parked = await log.connection.fetch("SELECT stream, from_position FROM parked")
    assert [tuple(p) for p in parked] == [("talk:n3", 4)]


async def test_what_is_remembered_is_bounded_by_its_weight(log: Log, monkeypatch: pytest.MonkeyPatch):
    """What was forgotten is read again, with the same result."""
    monkeypatch.setattr(lane_module, "STREAMS_BYTES", 1)
    monkeypatch.setattr(deriving_module, "MEMBERS_BYTES", 1)
    lanes = set[lane_module.Lane]()
    take = lane_module.Lane.take

    async def noted(self: lane_module.Lane, read: Any) -> Any:
        lanes.add(self)
        return await take(self, read)

    monkeypatch.setattr(lane_module.Lane, "take", noted)
    monkeypatch.setattr(lane_module, "BATCH_WORK", 1)
    await log.add(*(talk(n) for n in range(5)), *(strike(stream=f"strike:n{n % 3}") for n in range(6)))
    await projected(log)
    (lane,) = lanes
    assert len(lane._families._of) == 1
    assert not any(step.members for step in lane._deriving._steps.values() if hasattr(step, "members"))
    await check(log, ats=AT)
