"""Versions of subjects of few events are folded from them when they are read, and are what they would be if stored."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.errors import ProjectionLagging
from incidentlog.events.recorded import Recorded
from incidentlog.folding.change import Families
from incidentlog.folding.fold import RED
from incidentlog.folding.shapes import Document
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.projections import PROJECTIONS
from incidentlog.runner.replay import replay
from incidentlog.sqlfiles import query
from incidentlog.store import diff, versions
from incidentlog.store.answer import read_history
from incidentlog.store.connect import Access
from incidentlog.store.diff import read_subjects
from incidentlog.store.erase import erase, pending_erasures
from incidentlog.store.from_events import History
from incidentlog.store.versions import Folded, Texts, write_model
from incidentlog.turns import SLICE_OCTETS, Turns
from tests.commands import about, strike
from tests.folding.test_kept_up import logs
from tests.plans import plans_of
from tests.projections.showing import Given
from tests.runner.driving import DERIVED, Log, caught_up, following, log_at
from tests.subjects.given import KYIV, merge, retract

ONE, TWO = "strike:one", "strike:two"
ROWS = "SELECT * FROM subjects ORDER BY stream, level, from_position"


@settings(max_examples=200)
@for_all(log=logs(), marks=st.lists(st.sampled_from([0, 0, 0, 2, 4]), min_size=12, max_size=12), forwards=st.booleans())
def test_every_version_is_folded_again_from_the_events_up_to_where_it_begins(
    log: Given, marks: list[int], *, forwards: bool
):
    events = [replace(e, tlp=mark) for e, mark in zip(log.log, marks, strict=False)]
    made = list(Families().changes(events, KYIV))
    histories = {change.stream: history(change.stream, events) for change in made}
    for change in made if forwards else reversed(made):
        for level, after in change.after.items():
            if after != change.before.get(level):
                assert histories[change.stream].state_at(change.position, level) == after


def history(stream: str, events: Sequence[Recorded]) -> History:
    """With all that merges may connect it with, now or later."""
    return History(stream, KYIV, [e for e in events if e.category == stream.partition(":")[0]])


# ------------------------------------------------------------------------------------------------- as it is stored


@pytest.fixture
async def log(access: Access) -> AsyncIterator[Log]:
    async with log_at(access) as made:
        yield made


async def kept_up(log: Log, *events: dict[str, Any]) -> None:
    await log.add(*events)
    async with following(log) as runner:
        await caught_up(log, runner)


def assessed(number: int, stream: str = ONE, **more: Any) -> dict[str, Any]:
    data = {"as_of": "2025-11-20", "casualties": {"killed": {"best": number}}}
    return strike(type="strike.assessed", stream=stream, **more) | {"data": data}


async def states(log: Log) -> dict[tuple[str, int, int], Subject | Absorbed]:
    rows = await log.connection.fetch(ROWS)
    return {
        (row["stream"], row["level"], row["from_position"]): text.state
        async for row, text in Texts(log.connection).of(rows)
    }


async def as_an_older_build_has_them(log: Log) -> None:
    """Write the text of every version, as code did that stored all of them."""
    for (stream, level, position), state in (await states(log)).items():
        await log.connection.execute(
            "UPDATE subjects SET body = $4 WHERE stream = $1 AND level = $2 AND from_position = $3 AND body IS NULL",
            stream, level, position, write_model(state),
        )  # fmt: skip


async def test_a_version_has_no_text_until_it_is_made_of_many_events(log: Log):
    await kept_up(log, strike(stream=ONE), *(assessed(n) for n in range(versions.LONG)))
    texts = [row["body"] for row in await log.connection.fetch(ROWS)]
    assert [text is None for text in texts] == [True] * (versions.LONG - 1) + [False] * 2
    assert [len(s.entries) for s in (await states(log)).values() if isinstance(s, Subject)] == list(
        range(1, versions.LONG + 2)
    )


async def test_what_a_version_rests_on_is_found_row_by_row_whatever_the_planner_knows(log: Log):
    """Where it knew nothing, it hashed all versions of the stream for each step: 8,000 took a minute."""
    for plan in (await plans_of(log.connection, query("derive", "earlier"), 1, ONE, 0, 1)).values():
        assert "from_position = e.rests_on" in plan
        assert "Hash" not in plan


async def test_where_a_merge_took_a_stream_is_stored(log: Log):
    await kept_up(log, strike(stream=ONE), strike(stream=TWO), merge(ONE, TWO))
    rows = await log.connection.fetch(ROWS)
    assert [(r["stream"], r["from_position"], r["body"]) for r in rows] == [
        (ONE, 1, None),
        (ONE, 3, None),
        (TWO, 2, None),
        (TWO, 3, '{"into":"strike:one"}'),
    ]
    survivor = (await states(log))[ONE, 0, 3]
    assert isinstance(survivor, Subject)
    assert survivor.absorbed == (TWO,)


async def test_what_few_may_see_makes_a_version_of_many_events_one_that_is_stored(log: Log):
    """However few a reader sees, all of the family's would be read."""
    hidden = (assessed(n, tlp="RED") for n in range(versions.LONG))
    await kept_up(log, strike(stream=ONE), *hidden, assessed(100))
    (last,) = await log.connection.fetch("SELECT * FROM subjects WHERE level = 0 AND to_position IS NULL")
    assert last["body"] is not None
    assert last["body"].count('"event":') == 2


async def test_heavy_events_make_a_version_that_is_stored(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(versions, "HEAVY", 1)
    await kept_up(log, strike(stream=ONE))
    assert await log.connection.fetchval("SELECT body FROM subjects") is not None


def test_what_documents_are_made_of_is_stored():
    """They read many at once. A new document may make another category one: see `Subject.listed`."""
    of_documents = {
        c for p in PROJECTIONS.values() if isinstance(p, Document) for c in p.categories or Subject.families
    }
    assert {c for c, kind in Subject.families.items() if kind.listed} == {"place", *of_documents}


async def test_what_is_read_in_lists_has_its_texts(log: Log):
    registered = {"type": "place.registered", "data": {"slug": "a-yard", "name": "A yard", "lat": 46.0, "lon": 30.0}}
    await kept_up(log, registered)
    (text,) = [row["body"] for row in await log.connection.fetch(ROWS)]
    assert '"slug":"a-yard"' in text


async def test_a_replay_holds_what_an_older_build_stored_against_what_is_folded(log: Log):
    await kept_up(log, strike(stream=ONE), strike(stream=TWO), merge(ONE, TWO), *(assessed(n) for n in range(20)))
    assert (await replay(log.access)).same
    await as_an_older_build_has_them(log)
    assert (await replay(log.access)).same
    await log.connection.execute("UPDATE subjects SET body = replace(body, 'civilian', 'port') WHERE from_position = 3")
    (found,) = [c.difference for c in (await replay(log.access)).compared if c.difference is not None]
    assert (found.table, found.key) == ("subjects", (ONE, 0, 3))


async def test_what_an_older_build_stored_is_read_as_it_is(log: Log):
    undone = retract("the merge")
    await kept_up(log, strike(stream=ONE), strike(stream=TWO), merge(ONE, TWO, name="the merge"), assessed(3), undone)
    folded = await states(log)
    await as_an_older_build_has_them(log)
    assert await log.connection.fetchval("SELECT count(*) FROM subjects WHERE body IS NULL") == 0
    assert await states(log) == folded


# ------------------------------------------------------------------------------------------------------ many at once


class Counting:
    """A connection that counts what it is asked for."""

    def __init__(self, log: Log) -> None:
        self.connection, self.asked = log.connection, 0

    async def fetch(self, *args: Any) -> Any:
        self.asked += 1
        return await self.connection.fetch(*args)

    async def fetchval(self, *args: Any) -> Any:
        self.asked += 1
        return await self.connection.fetchval(*args)


async def test_the_events_of_many_versions_are_read_with_few_queries(log: Log):
    number = 2 * versions.PORTION
    await kept_up(log, *(strike(stream=f"strike:{n}") for n in range(number)))
    counting: Any = Counting(log)
    read = [row["stream"] async for row, _ in Texts(counting).of(await log.connection.fetch(ROWS))]
    assert (len(read), counting.asked) == (number, 2)


async def test_a_history_reads_the_events_once(log: Log):
    await kept_up(log, strike(stream=ONE), *(assessed(n) for n in range(9)))
    found, _ = await read_history(log.connection, ONE, RED, 10, after=0, limit=100)
    counting: Any = Counting(log)
    told = [text.state async for _, text in Texts(counting).of([v.row for v in found])]
    assert [len(s.entries) for s in told if isinstance(s, Subject)] == list(range(1, 11))
    assert counting.asked == 1


async def test_a_page_ends_where_it_would_if_all_were_stored(log: Log, monkeypatch: pytest.MonkeyPatch):
    streams = [f"strike:{n:02}" for n in range(30)]
    await kept_up(log, *(strike(stream=stream, killed=n) for n, stream in enumerate(streams)))
    ends = []
    for prepare in (False, True):
        if prepare:
            await as_an_older_build_has_them(log)
        for octets in (5_000, 20_000, 2**20):
            monkeypatch.setattr(diff, "PAGE_OCTETS", octets)
            found, beyond = await read_subjects(log.connection, streams, clearance=RED, position=30)
            ends.append((list(found), beyond))
    assert ends[:3] == ends[3:]
    assert [len(found) for found, _ in ends[:3]] == sorted({len(found) for found, _ in ends})


async def test_others_get_their_turn_while_many_are_folded(log: Log):
    streams = [f"strike:{n}" for n in range(120)]
    await kept_up(log, *(strike(stream=stream) for stream in streams))
    Turns.largest = 0
    await read_subjects(log.connection, streams, clearance=RED, position=120)
    assert SLICE_OCTETS / 2 < Turns.largest < 1.1 * SLICE_OCTETS


# --------------------------------------------------------------------------------------------------------- erasure


async def carry_out(log: Log) -> None:
    connection = await log.access.connect("eraser")
    try:
        for erasure in await pending_erasures(connection):
            await erase(connection, erasure)
    finally:
        await connection.close()


async def test_what_was_erased_since_is_not_answered_before_it_is_built_anew(log: Log):
    first, second = strike(stream=ONE), assessed(3)
    await kept_up(log, first, second, strike(stream=TWO), about("erased", second["id"], part="body", ground="a right"))
    rows = {(r["stream"], r["from_position"]): r for r in await log.connection.fetch(ROWS)}
    before = await Texts(log.connection).one(rows[ONE, 2])
    await carry_out(log)
    with pytest.raises(ProjectionLagging, match="strike:one"):
        await Texts(log.connection).one(rows[ONE, 2])
    assert isinstance(before, Folded)
    for key in ((ONE, 1), (TWO, 3)):  # what never knew of it
        assert isinstance(await Texts(log.connection).one(rows[key]), Folded)
    await log.clear(*DERIVED)
    async with following(log) as runner:
        await caught_up(log, runner)
    anew = (await states(log))[ONE, 0, 4]
    assert isinstance(anew, Subject)
    assert [i.reason for i in anew.ignored] == ["it was erased"]


async def test_a_private_part_that_was_erased_holds_nothing_up(log: Log):
    event = strike(stream=ONE, private={"witness": "somebody"})
    await kept_up(log, event, about("erased", event["id"], part="private", ground="a right"))
    await carry_out(log)
    assert len(await states(log)) == 2


async def test_what_is_kept_up_goes_on_without_what_was_erased(log: Log):
    """A runner that starts between the erasure and the switch reads members of documents, without what is gone."""
    first = strike(stream=ONE)
    await kept_up(log, first, about("erased", first["id"], part="body", ground="a right"))
    await carry_out(log)
    (row,) = await log.connection.fetch("SELECT * FROM subjects WHERE from_position = 1")
    text = await Texts(log.connection, forgiving=True).one(row)
    assert isinstance(text.state, Subject)
    assert [str(i.event) for i in text.state.ignored] == [first["id"]]
    async with following(log) as runner:
        await log.add(assessed(3))
        await caught_up(log, runner)
        assert runner.failure is None
