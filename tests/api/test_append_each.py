"""Append a file line by line, each for itself: `mode=partial`."""

import asyncio
from typing import Any

import orjson
import pytest
from yarl import URL

from incidentlog.api import bulk as bulk_module
from incidentlog.errors import Internal, Overloaded
from incidentlog.events.values import Tlp
from incidentlog.store import writer as writer_module
from tests.api.serving import NDJSON, Answer, Served, make_key
from tests.commands import retraction, strike
from tests.subjects.given import merge


async def each(service: Served, *events: Any, **params: str) -> tuple[list[dict[str, Any]], dict[str, Any], Answer]:
    """Send lines; what became of each, the sum, and the answer."""
    answer = await service.bulk(*events, mode="partial", **params)
    assert answer.status == 207, answer
    assert answer.headers["Content-Type"] == NDJSON
    *lines, last = [orjson.loads(line) for line in answer.raw.splitlines()]
    return lines, last["summary"], answer


async def test_what_is_refused_leaves_the_others_alone(service: Served):
    good, other = strike(), strike()
    lines, summary, answer = await each(service, good, strike(country="XX"), b"{", b"", other)
    assert [(told["line"], told["status"]) for told in lines] == [(1, 201), (2, 422), (3, 400), (5, 201)]
    assert [told.get("id") for told in lines] == [good["id"], None, None, other["id"]]
    assert [told.get("position") for told in lines] == [1, None, None, 2]
    problem = lines[1]["problem"]
    assert (problem["type"], problem["status"]) == ("/problems/invalid-event", 422)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/country", "extra_forbidden")]
    assert summary.pop("places") == {"name+country": 2}
    assert summary == {"appended": 2, "duplicates": 0, "refused": 2, "first_position": 1, "last_position": 2}
    assert answer.headers["Log-Position"] == "2"
    assert await service.head() == 2
    await service.unharmed()


async def test_the_same_again_adds_nothing(service: Served):
    sent = [strike() for _ in range(3)]
    await each(service, *sent)
    lines, summary, _ = await each(service, *sent, strike())
    assert [told["status"] for told in lines] == [200, 200, 200, 201]
    assert [told["position"] for told in lines] == [1, 2, 3, 4]
    assert (summary["appended"], summary["duplicates"]) == (1, 3)


async def test_an_id_that_comes_twice_is_appended_once(service: Served):
    event = strike()
    lines, summary, _ = await each(service, event, event, {**event, "notes": "something else"})
    assert [told["status"] for told in lines] == [201, 200, 409]
    assert lines[2]["problem"]["type"] == "/problems/id-conflict"
    assert (summary["appended"], summary["duplicates"], summary["refused"]) == (1, 1, 1)


async def test_lines_are_appended_in_their_order_over_many_pieces(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk_module, "PIECE", 7)
    sent = [strike(stream=f"strike:{n % 3}") for n in range(50)]
    lines, _, _ = await each(service, *sent)
    assert [told["position"] for told in lines] == list(range(1, 51))
    listed = (await service.get("/v1/events")).json["events"]
    assert [e["id"] for e in listed] == [e["id"] for e in sent]


async def test_each_expected_version_is_judged_by_what_came_before(service: Served):
    sent = [strike(stream="strike:a", expected_version=n) for n in (0, 1, 1, 2)]
    lines, _, _ = await each(service, *sent)
    assert [told["status"] for told in lines] == [201, 201, 412, 201]
    assert lines[2]["problem"]["current_version"] == 2


async def test_a_record_of_a_refused_line_is_refused_and_one_of_an_appended_line_is_not(service: Served):
    there, good, bad = strike(), strike(), strike(tlp="PINK")
    await service.add(there)
    taken = {**there, "notes": "the id of another"}
    lines, summary, _ = await each(
        service,
        good, retraction(good["id"]), bad, retraction(bad["id"]), taken, retraction(there["id"]),
    )  # fmt: skip
    assert [told["status"] for told in lines] == [201, 201, 422, 422, 409, 201]
    assert lines[3]["problem"]["errors"][0]["code"] == "unknown_target"
    assert summary["refused"] == 3
    await service.settled()
    assert (await service.get(f"/v1/events/{good['id']}")).json["status"] == "retracted"


async def test_a_merge_waits_for_the_streams_of_lines_before_it(service: Served):
    one, other = strike(stream="strike:one"), strike(stream="strike:other")
    refused = strike(stream="strike:never", tlp="PINK")
    lines, _, _ = await each(
        service, one, other, merge("strike:one", "strike:other"), refused, merge("strike:one", "strike:never")
    )
    assert [told["status"] for told in lines] == [201, 201, 201, 422, 422]


async def test_a_line_that_the_key_does_not_cover_is_forbidden_and_no_other(service: Served):
    await make_key(service.access, "reporter", "a-key-that-reports", scopes=("report",), clearance=Tlp.RED)
    event = strike()
    lines, _, _ = await each(service.by("a-key-that-reports"), event, retraction(event["id"]), strike())
    assert [told["status"] for told in lines] == [201, 403, 201]


async def test_what_there_is_no_room_for_is_told_to_come_back(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writer_module, "QUEUE", 2)
    monkeypatch.setattr(service.service.writer, "_count", 1)
    lines, summary, _ = await each(service, strike(), b"{", strike())
    assert [told["status"] for told in lines] == [503, 400, 503]
    assert summary == {"appended": 0, "duplicates": 0, "refused": 3, "first_position": None, "last_position": None}
    monkeypatch.setattr(service.service.writer, "_count", 0)
    await service.unharmed()


async def test_past_a_limit_nothing_is_written(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk_module, "PIECE", 1)
    monkeypatch.setattr(bulk_module, "BULK_LINES", 3)
    answer = await service.bulk(*(strike() for _ in range(4)), mode="partial")
    assert (answer.status, answer.slug) == (413, "too-large")
    assert await service.head() == 0
    assert (await service.bulk(b"", mode="partial")).status == 400


async def test_every_bad_line_has_its_reasons_however_many_there_are(service: Served):
    bad = orjson.dumps(strike(killed=-1, more=1, and_more=2))
    lines, summary, answer = await each(service, *[bad] * 1_200, strike())
    assert (summary["refused"], summary["appended"], len(lines)) == (1_200, 1, 1_201)
    told = {frozenset(e["pointer"] for e in line["problem"]["errors"]) for line in lines[:-1]}
    assert told == {frozenset({"/data/casualties/killed/best", "/more", "/and_more"})}
    assert answer.headers["Log-Position"] == "1"


async def test_an_answer_that_is_much_is_sent_while_the_lines_are_appended(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bulk_module, "KEPT", 5_000)
    kept = 0

    class Told(bulk_module.Told):
        async def send(self) -> None:
            nonlocal kept
            kept = max(kept, self.size)
            await super().send()

    monkeypatch.setattr(bulk_module, "Told", Told)
    bad = orjson.dumps(strike(killed=-1, more=1))
    sent = [event for n in range(300) for event in (strike(stream=f"strike:{n}"), bad)]
    lines, summary, answer = await each(service, *sent)
    assert [told["line"] for told in lines] == list(range(1, 601))
    assert [told["status"] for told in lines] == [201, 422] * 300
    assert all(told["problem"]["errors"] for told in lines[1::2])
    assert (summary["appended"], summary["refused"], summary["last_position"]) == (300, 300, 300)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert 5_000 < kept < 5_000 + bulk_module.PIECE * 200
    await service.unharmed()


async def test_the_lines_of_a_client_that_goes_away_amid_its_answer_are_appended_all_the_same(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bulk_module, "KEPT", 100)
    monkeypatch.setattr(bulk_module, "PIECE", 1)
    body = b"\n".join(orjson.dumps(strike()) for _ in range(100))
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(service.url).port)
    writer.write(
        b"POST /v1/events/bulk?mode=partial HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (service.key.encode(), len(body), body)
    )
    async with asyncio.timeout(60):
        assert b"207" in await reader.readline()
        writer.transport.abort()
        while await service.head() < 100:
            await asyncio.sleep(0.01)
    await service.unharmed()


async def test_a_line_on_which_the_door_itself_fails_is_one_line_and_no_other(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    read = service.service.door.read

    def fails(raw: bytes, **how: Any) -> Any:
        if b"fatal" in raw:
            raise TypeError("a fault of ours")
        return read(raw, **how)

    monkeypatch.setattr(service.service.door, "read", fails)
    lines, summary, _ = await each(service, strike(), strike(notes="fatal"), strike())
    assert [told["status"] for told in lines] == [201, 500, 201]
    assert (summary["appended"], summary["refused"]) == (2, 1)


async def test_a_piece_on_which_the_log_itself_fails_leaves_those_before_and_after_it_alone(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bulk_module, "PIECE", 2)
    append_each = service.service.writer.append_each

    async def second_fails(commands: Any) -> Any:
        if any("fatal" in command.body for command in commands):
            raise TypeError("a fault of ours")
        return await append_each(commands)

    monkeypatch.setattr(service.service.writer, "append_each", second_fails)
    events = [strike(notes="fatal" if n == 2 else "well") for n in range(6)]
    lines, summary, _ = await each(service, *events)
    assert [told["status"] for told in lines] == [201, 201, 500, 500, 201, 201]
    assert (summary["appended"], summary["refused"]) == (4, 2)


async def test_what_could_not_be_appended_by_now_holds_back_what_follows_it(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """Else a retraction would be refused for good, and its target would be sent again."""
    event = strike()
    append_each = service.service.writer.append_each
    monkeypatch.setattr(service.service.writer, "append_each", _Busy(append_each, times=1))
    lines, summary, _ = await each(service, event, retraction(event["id"]), b"{", strike())
    assert [told["status"] for told in lines] == [503, 503, 400, 503]
    assert summary["appended"] == 0
    lines, _, _ = await each(service, event, retraction(event["id"]))
    assert [told["status"] for told in lines] == [201, 201]


async def test_what_fails_by_our_own_fault_is_one_line_and_no_other(service: Served, monkeypatch: pytest.MonkeyPatch):
    append_each = service.service.writer.append_each

    async def first_fails(commands: Any) -> Any:
        return [Internal(), *await append_each(commands[1:])]

    monkeypatch.setattr(service.service.writer, "append_each", first_fails)
    monkeypatch.setattr(bulk_module, "PIECE", 2)
    lines, summary, _ = await each(service, *(strike() for _ in range(4)))
    assert [told["status"] for told in lines] == [500, 201, 500, 201]
    assert (summary["appended"], summary["refused"]) == (2, 2)


class _Busy:
    """A writer that has no room a few times."""

    def __init__(self, append_each: Any, times: int) -> None:
        self._append_each, self._times = append_each, times

    async def __call__(self, commands: Any) -> Any:
        if self._times:
            self._times -= 1
            raise Overloaded
        return await self._append_each(commands)
