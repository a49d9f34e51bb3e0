"""The pairs of logs find what they look for: with one rule broken at a time a reader is told something else of the two.

A rule here is a function that is told up to which marking its reader sees. Broken it is told RED: then a question has
another answer of the log with what is hidden, and of the one without. Mended again it has the same.
"""

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
import pytest

from incidentlog.api import candidates, events, projections, reported, rows, subjects
from incidentlog.audit import replay
from incidentlog.embedded import Server
from incidentlog.events.values import Tlp
from incidentlog.folding import change, fold
from incidentlog.live import feed, hub
from incidentlog.recent import Recent
from incidentlog.store import answer, diff, read, search, standing, suspects
from tests.api.serving import NDJSON, Answer, Served
from tests.folding.test_hidden import MOVES, derived
from tests.pairs import Pair, pair_of, seen_of
from tests.stories.test_pairs import AT, REPORTED, follows, further, history, imports
from tests.subjects.given import given, id_of, merge, retract

MARK: Final = "GREEN"
HIDDEN: Final = id_of("on t3")
NUMBER: Final = "the number of the import"
"""Stands for it in a question: it is another one in each log."""
Question = tuple[str, Mapping[str, Any]]
BROKEN: Final[list[tuple[Callable[..., Any], Question]]] = [
    (events.search, ("/v1/events", {})),
    (events._by_ids, ("/v1/events", {"id": HIDDEN})),
    (events.find_event, (f"/v1/events/{HIDDEN}", {})),
    (events.find_event, (f"/v1/cloudevents/{HIDDEN}", {})),
    (search.search_events, ("/v1/cloudevents", {})),
    (read.read_stream, ("/v1/streams/statement:c", {})),
    (read.seen, ("/v1/streams/strike:low", {})),  # on which a marking was changed: all of it is read
    (read.imported_ids, ("/v1/events/ids", {"import": NUMBER})),
    (suspects.suspected, ("/v1/candidates", {"import": NUMBER})),
    (projections._standing, ("/v1/subjects/strike:two", {})),
    (projections._page_of_history, ("/v1/subjects/strike:two/history", {})),
    (answer.read_history, ("/v1/subjects/talk:one/history", {})),
    (standing.read_standing, ("/v1/subjects", {"category": "strike"})),
    (subjects._found, ("/v1/subjects", {"category": "strike", "format": "csv"})),
    (rows.state_at, ("/v1/projections/positions_board", {})),
    (answer.read_documents, ("/v1/projections/talks_ledger", {"format": "ndjson"})),
    (answer.read_documents_after, ("/v1/projections/talks_ledger", {})),
    (answer.read_groups, ("/v1/projections/city_incidents", {})),
    (reported.fold_reported, ("/v1/projections/positions_board", REPORTED)),
    (reported.subject_reported, ("/v1/subjects/strike:two", REPORTED)),
    (reported.history_reported, ("/v1/subjects/strike:two/history", REPORTED)),
    (diff.read_subjects, ("/v1/diff", {"from_position": 0})),
    (replay.pages, ("/v1/replay", {"speed": 0, "format": "ndjson"})),
    (replay.pages, ("/v1/replay", {"speed": 0, "format": "sse"})),
]  # fmt: skip


def breaking(patch: pytest.MonkeyPatch, rule: Callable[..., Any]) -> None:
    """Let a function be told that its reader sees everything, wherever it is called."""
    signature = inspect.signature(rule)

    def broken(*args: Any, **kwargs: Any) -> Any:
        told = signature.bind(*args, **kwargs)
        told.arguments["clearance"] = int(Tlp.RED)
        return rule(*told.args, **told.kwargs)

    for name, module in list(sys.modules.items()):
        for own, value in list(vars(module).items()) if name.startswith("incidentlog.") else ():
            if value is rule:
                patch.setattr(module, own, broken)


@pytest.fixture(scope="module")
async def pair(server: Server) -> AsyncIterator[Pair]:
    async with pair_of(server, history(MARK), Tlp.CLEAR) as made:
        await imports(made, MARK)
        yield made


def called(value: Any) -> str:
    return value.__name__ if callable(value) else value[0] if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(("rule", "question"), BROKEN, ids=called)
async def test_a_read_by_a_rule_that_is_broken_tells_something_else(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, rule: Callable[..., Any], question: Question
):
    path, asked = question
    positions = {} if asked.get("import") != NUMBER else {"plain_positions": {"import": len(pair.plain.seen) - 3}}

    async def ask() -> None:
        for side in pair.sides:  # what was read by the other rule is forgotten
            side.served.app[candidates.REVIEWS]._known = Recent(candidates.KEPT)
        when = {} if path in {"/v1/events/ids", "/v1/replay"} else {"at": AT}
        told = await pair.get(path, **{n: v for n, v in asked.items() if v != NUMBER}, **when, **positions)
        assert not isinstance(told, dict) or told.get("status") != HTTPStatus.BAD_REQUEST, told

    await ask()
    with monkeypatch.context() as patch:
        breaking(patch, rule)
        with pytest.raises(AssertionError):
            await ask()
    await ask()


async def test_what_is_refused_by_a_rule_that_is_broken_is_refused_otherwise(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    """Nothing is written, as another line is bad for everybody."""
    body = b"\n".join(map(orjson.dumps, (merge("strike:two", "strike:hidden"), retract("never heard of"))))

    async def sent(served: Served) -> Answer:
        return await served.ask("POST", "/v1/events/bulk", data=body, headers={"Content-Type": NDJSON})

    assert len((await pair.send("lines", sent))["errors"]) == 2
    breaking(monkeypatch, read.existing_streams)
    with pytest.raises(AssertionError):
        await pair.send("lines", sent)


@pytest.mark.parametrize("rule", [hub._bind, feed.Feed], ids=called)
async def test_what_is_followed_by_a_rule_that_is_broken_is_another_thing(
    server: Server, monkeypatch: pytest.MonkeyPatch, rule: Callable[..., Any]
):
    async with pair_of(server, history(MARK), Tlp.CLEAR) as own:
        breaking(monkeypatch, rule)
        with pytest.raises(AssertionError):
            await follows(own, further(MARK)[:6])


FOLDED: Final = {
    "a reader sees the variant of the highest marking there is": (
        change, "seen_at", lambda variants, _: next((v for _, v in sorted(variants.items(), reverse=True)), None),
    ),
    "merges connect streams whoever sees them": (
        fold, "connected", lambda events, _marks, zone, level: [fold.Connected(own, zone, level) for own in fold.families_of(events)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", FOLDED)
def test_what_is_folded_by_a_rule_that_is_broken_is_another_thing(monkeypatch: pytest.MonkeyPatch, why: str):
    module, name, broken = FOLDED[why]
    original = getattr(module, name)
    for own, loaded in list(sys.modules.items()):
        if own.startswith("incidentlog.folding") and vars(loaded).get(name) is original:
            monkeypatch.setattr(loaded, name, broken)
    logs = [given(*events) for events in MOVES.values()]
    assert [log for log in logs if derived(log, 0) != derived(seen_of(log, 0), 0)]
