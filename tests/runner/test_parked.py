"""A stream that a projection cannot take in is set aside, and said to be; everything else goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from incidentlog.folding.afresh import Afresh
from incidentlog.folding.shapes import Document, Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.store.builds import active_builds
from incidentlog.store.connect import Access
from incidentlog.store.parked import incomplete, read_parked, wish
from tests.commands import strike
from tests.runner.driving import KYIV, Log, caught_up, check, following, log_at

AT = [datetime(2026, 1, 1, tzinfo=UTC)]
CITY, TALKS = "city_incidents", "talks_ledger"


@pytest.fixture
async def log(access: Access) -> AsyncIterator[Log]:
    async with log_at(access) as made:
        yield made


@pytest.fixture(autouse=True)
def unprinted() -> Iterator[None]:
    """What went wrong is not drawn with all its values, which takes seconds."""
    with capture_logs():
        yield


class Poisoned:
    """Makes a projection choke on one stream."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
        self.monkeypatch, self.stream = monkeypatch, stream
        tally = PROJECTIONS[CITY]
        assert isinstance(tally, Tally)
        self.contributions = contributions = tally.contributions

        def choke(subject: Any) -> Iterator[Any]:
            if subject.stream == stream:
                raise ValueError("it cannot be swallowed")
            return iter(contributions(subject))

        monkeypatch.setattr(tally, "contributions", choke)

    def cured(self) -> None:
        self.monkeypatch.setattr(PROJECTIONS[CITY], "contributions", self.contributions)


def talk(stream: str, day: str) -> dict[str, Any]:
    parties = [{"code": "UKR", "role": "party"}, {"code": "RUS", "role": "party"}]
    data = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": True, "outcome": "none"}
    event = strike(type="talk.held", stream=stream, actors=parties, data={**data, "agenda": ["exchange"]})
    event["occurred"] = {"start": day, "precision": "day", "tz": "Europe/Kyiv"}
    del event["place"]
    return event


async def incidents(log: Log, position: int) -> int:
    return sum(row["incidents"] for row in (await log.rows(CITY, AT[0], position)).values())


async def left_out(log: Log, position: int, name: str = CITY, clearance: int = 4) -> int:
    return await incomplete(log.connection, (await active_builds(log.connection))[name], clearance, position)


async def test_it_is_set_aside_while_the_others_go_on_and_every_answer_says_so(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    poisoned = Poisoned(monkeypatch, "strike:bad")
    async with following(log) as runner:
        await log.add(strike(), strike(stream="strike:bad"), strike())
        head = await caught_up(log, runner)
        assert await incidents(log, head) == 2
        assert [await left_out(log, k) for k in (1, 2, 3)] == [0, 1, 1]
        await log.add(strike(stream="strike:bad"), strike())
        head = await caught_up(log, runner)
        assert await incidents(log, head) == 3
        (parked,) = await read_parked(log.connection, (await active_builds(log.connection)).values())
        assert (parked.stream, parked.from_position, parked.to_position) == ("strike:bad", 2, None)
        assert "it cannot be swallowed" in parked.reason
        assert runner.failure is None
    poisoned.cured()
    async with following(log) as runner:  # after a restart it is still aside
        await log.add(strike(stream="strike:bad"))
        head = await caught_up(log, runner)
        assert await incidents(log, head) == 3


async def test_a_retry_books_what_it_is_by_now_with_the_next_event_and_earlier_answers_stay(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    async with following(log) as runner:
        await log.add(strike(stream="strike:bad", killed=1))
        await caught_up(log, runner)
        poisoned = Poisoned(monkeypatch, "strike:bad")
        changed = strike(
            stream="strike:bad", killed=5, place={"name": "Kyiv", "country": "UA", "precision": "settlement"}
        )
        changed |= {"type": "strike.assessed", "data": {"as_of": "2025-11-21", "casualties": {"killed": {"best": 5}}}}
        await log.add(changed)
        before = await caught_up(log, runner)
        asked = await log.rows(CITY, AT[0], before)
        poisoned.cured()
        assert await wish(log.connection, CITY, "strike:bad", "retry", None)
        assert not await wish(log.connection, CITY, "strike:good", "retry", None)
        await log.add(strike(stream="strike:other", killed=1))
        after = await caught_up(log, runner)
        assert await log.rows(CITY, AT[0], before) == asked
        assert (await left_out(log, before), await left_out(log, after)) == (1, 0)
        await log.add(strike(stream="strike:bad"))
        await caught_up(log, runner)
    rows = await log.rows(CITY, AT[0], await log.head())
    assert sum(row["incidents"] for row in rows.values()) == 2
    assert sum(row["killed"]["best"] for row in rows.values()) == 6
    assert any(row["restated"] for row in (await log.rows(CITY, AT[0], after)).values())


async def test_a_retry_that_fails_leaves_it_where_it_is(log: Log, monkeypatch: pytest.MonkeyPatch):
    Poisoned(monkeypatch, "strike:bad")
    async with following(log) as runner:
        await log.add(strike(stream="strike:bad"))
        await caught_up(log, runner)
        assert await wish(log.connection, CITY, "strike:bad", "retry", None)
        await log.add(strike())
        head = await caught_up(log, runner)
        assert await left_out(log, head) == 1
        (parked,) = await read_parked(log.connection, (await active_builds(log.connection)).values())
        assert (parked.wish, parked.to_position) == (None, None)


async def test_what_is_given_up_is_said_no_more_and_stays_aside(log: Log, monkeypatch: pytest.MonkeyPatch):
    Poisoned(monkeypatch, "strike:bad")
    async with following(log) as runner:
        await log.add(strike(stream="strike:bad"))
        head = await caught_up(log, runner)
        assert await wish(log.connection, CITY, "strike:bad", "discard", "it is a test")
        assert await left_out(log, head) == 0
        await log.add(strike(stream="strike:bad"))
        head = await caught_up(log, runner)
        assert await incidents(log, head) == 0


async def test_who_may_not_see_a_stream_is_not_told_that_it_is_aside(log: Log, monkeypatch: pytest.MonkeyPatch):
    Poisoned(monkeypatch, "strike:bad")
    async with following(log) as runner:
        await log.add(strike(stream="strike:bad", tlp="RED"))
        head = await caught_up(log, runner)
        assert [await left_out(log, head, clearance=level) for level in (0, 3, 4)] == [0, 0, 1]


async def test_a_projection_that_must_not_miss_anything_stops_and_says_why(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(PROJECTIONS[CITY], "poison", "stop")
    poisoned = Poisoned(monkeypatch, "strike:bad")
    async with following(log) as runner:
        await log.add(strike(), strike(stream="strike:bad"))
        async with asyncio.timeout(60):
            while runner.failure is None:
                await asyncio.sleep(0.01)
        assert "it cannot be swallowed" in runner.failure
        assert runner.position == 0
        poisoned.cured()
        await caught_up(log, runner)
    await check(log, ats=AT)


async def test_a_document_goes_on_without_the_one_that_it_cannot_fold(log: Log, monkeypatch: pytest.MonkeyPatch):
    document = PROJECTIONS[TALKS]
    assert isinstance(document, Document)
    fold = document.fold

    def choke(key: str, subjects: Any) -> Any:
        if any(s.stream == "talk:bad" for s in subjects):
            raise ValueError("it cannot be swallowed")
        return fold(key, subjects)

    monkeypatch.setattr(document, "fold", choke)
    async with following(log) as runner:
        await log.add(talk("talk:one", "2025-05-16"))
        await log.add(talk("talk:bad", "2025-06-02"))
        await log.add(talk("talk:two", "2025-07-23"))
        head = await caught_up(log, runner)
        row = (await log.rows(TALKS, AT[0], head))["ua-ru"]
        assert [r["stream"] for r in row["rounds"]] == ["talk:one", "talk:two"]
        assert await left_out(log, head, TALKS) == 1
    monkeypatch.setattr(document, "fold", fold)
    async with following(log) as runner:
        await wish(log.connection, TALKS, "talk:bad", "retry", None)
        await log.add(strike())
        head = await caught_up(log, runner)
        row = (await log.rows(TALKS, AT[0], head))["ua-ru"]
        assert [r["stream"] for r in row["rounds"]] == ["talk:one", "talk:bad", "talk:two"]
        assert await left_out(log, head, TALKS) == 0


async def test_what_only_a_hidden_event_makes_indigestible_is_set_aside_for_those_who_see_it(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    """The others are told all that they may see, and not that anything is missing (P5)."""
    tally = PROJECTIONS[CITY]
    assert isinstance(tally, Tally)
    contributions = tally.contributions

    def choke(subject: Any) -> Iterator[Any]:
        if any(c.casualties.killed is not None and c.casualties.killed.best == 7 for c in subject.claims):
            raise ValueError("it cannot be swallowed")
        return iter(contributions(subject))

    def assessed(killed: int, tlp: str) -> dict[str, Any]:
        figures = {"as_of": "2025-11-21", "casualties": {"killed": {"best": killed}}}
        return strike(type="strike.assessed", stream="strike:a", tlp=tlp, data=figures, place=None)

    async def killed(level: int) -> int:
        return sum(r["killed"]["best"] for r in (await log.rows(CITY, AT[0], await log.head(), level)).values())

    monkeypatch.setattr(tally, "contributions", choke)
    async with following(log) as runner:
        await log.add(strike(stream="strike:a", killed=1))
        await log.add(assessed(7, "RED"))
        await log.add(assessed(3, "CLEAR"))
        head = await caught_up(log, runner)
        assert await killed(0) == 3
        assert [await left_out(log, head, clearance=level) for level in (0, 3, 4)] == [0, 0, 1]
        monkeypatch.setattr(tally, "contributions", contributions)
        assert await wish(log.connection, CITY, "strike:a", "retry", None)
        await log.add(strike(stream="strike:b", killed=1))
        await caught_up(log, runner)
        assert [await killed(level) for level in (0, 4)] == [4, 4]
        await log.add(assessed(5, "RED"))
        head = await caught_up(log, runner)
    for level in (0, 3, 4):
        rows = await log.rows(CITY, AT[0], head, level)
        assert rows == Afresh(await log.events(), KYIV).rows(tally, AT[0], level=level)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_document_is_kept_up_below_the_marking_at_which_it_cannot_take_a_stream_in(
    log: Log, monkeypatch: pytest.MonkeyPatch, restarted: bool
):
    board = PROJECTIONS["positions_board"]
    assert isinstance(board, Document)
    fold = type(board).fold

    def choke(key: str, subjects: Any) -> Any:
        if any(s.quote == "poison" for s in subjects):
            raise ValueError("it cannot be swallowed")
        return fold(board, key, subjects)

    def stated(stream: str, day: str, tlp: str = "CLEAR", quote: str | None = None) -> dict[str, Any]:
        data = {"speaker": "UKR", "topic": "t", "stance": "hope", **({"quote": quote} if quote else {})}
        event = strike(type="statement.made", stream=stream, tlp=tlp, data=data)
        return event | {"occurred": {"start": day, "precision": "day", "tz": "Europe/Kyiv"}}

    monkeypatch.setattr(board, "fold", choke)
    async with following(log) as runner:
        await log.add(stated("statement:a", "2025-11-01"))
        await log.add(stated("statement:a", "2025-11-02", "RED", "poison"))
        head = await caught_up(log, runner)
        assert [await left_out(log, head, "positions_board", level) for level in (0, 4)] == [0, 1]
        if not restarted:
            await log.add(stated("statement:a", "2025-11-03"))
            await caught_up(log, runner)
    async with following(log) as runner:
        if restarted:
            await log.add(stated("statement:a", "2025-11-03"))
            await caught_up(log, runner)
        (row,) = (await log.rows("positions_board", AT[0], 3, 0)).values()
        assert row["since"].date().isoformat() == "2025-11-02"  # local midnight of the 3rd
        monkeypatch.setattr(board, "fold", fold.__get__(board))
        assert await wish(log.connection, "positions_board", "statement:a", "retry", None)
        await log.add(stated("statement:b", "2025-11-01"))
        await caught_up(log, runner)
        for level in (0, 4):
            assert {r["position"] for r in (await log.rows("positions_board", AT[0], 4, level)).values()} == {4}
