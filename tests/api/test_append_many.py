"""Append a file: all of it or nothing, and the bad lines are named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import orjson
import pytest

from incidentlog.api import bulk as bulk_module
from incidentlog.door.door import LINE
from incidentlog.runner import Progress
from incidentlog.service.pace import Pace
from incidentlog.service.service import FILES, KEY_FILES
from incidentlog.shares import Stranger
from tests.api.serving import NDJSON, Served, make_key
from tests.commands import retraction, strike

PATH = "/v1/events/bulk"


async def send(service: Served, data: Any, **more: Any):
    data = BytesIO(data) if isinstance(data, bytes) else data
    return await service.ask("POST", PATH, data=data, headers={"Content-Type": NDJSON}, **more)


async def test_a_file_is_appended_in_its_order(service: Served):
    sent = [strike(killed=n) for n in range(300)]
    answer = await service.bulk(*sent)
    assert answer.status == 201
    assert answer.json == {
        "appended": 300, "duplicates": 0, "first_position": 1, "last_position": 300, "places": {"name+country": 300},
    }  # fmt: skip
    assert answer.headers["Log-Position"] == "300"
    listed = (await service.get("/v1/events", limit=1000)).json["events"]
    assert [e["id"] for e in listed] == [e["id"] for e in sent]
    assert len({e["recorded_at"] for e in listed}) == 1


@pytest.mark.parametrize("mode", ["atomic", "partial"])
async def test_who_sent_many_that_are_not_folded_yet_waits_before_more_of_them_are_appended(service: Served, mode: str):
    seconds = [100.0]
    progress = Progress(lambda: seconds[0])
    service.service.pace = Pace(progress, lambda: seconds[0])
    assert (await service.bulk(strike(), strike(), mode=mode)).status in {201, 207}
    progress.expect(2)
    seconds[0] += 1
    progress.move(1)
    more = asyncio.create_task(service.bulk(strike(), mode=mode))
    assert (await service.add(strike())) == [3]  # one event alone goes past them
    assert not more.done()
    progress.move(2)
    assert (await more).status in {201, 207}
    assert await service.head() == 4


async def test_the_same_file_again_adds_nothing(service: Served):
    sent = [strike() for _ in range(5)]
    await service.fill(*sent)
    answer = await service.bulk(*sent, strike())
    assert answer.json == {
        "appended": 1, "duplicates": 5, "first_position": 6, "last_position": 6, "places": {"name+country": 1},
    }  # fmt: skip
    answer = await service.bulk(*sent)
    assert answer.json == {"appended": 0, "duplicates": 5, "first_position": None, "last_position": None}
    assert answer.headers["Log-Position"] == "5"


async def test_one_bad_line_and_nothing_is_written(service: Served):
    unknown = strike(country="XX")
    worse = strike(killed=-1, verification="perhaps")
    answer = await service.bulk(strike(), unknown, b"", strike(), worse, b"{", strike())
    assert (answer.status, answer.slug) == (422, "refused-lines")
    assert answer.json["detail"] == "3 lines refused; nothing was written"
    assert {(e["line"], e["pointer"], e["code"]) for e in answer.json["errors"]} == {
        (2, "/country", "extra_forbidden"),
        (5, "/data/casualties/killed/best", "greater_than_equal"),
        (5, "/verification", "literal_error"),
        (6, "", "not_json"),
    }
    assert answer.json["errors_total"] == 4
    assert await service.head() == 0
    await service.unharmed()


async def test_a_line_in_conflict_with_the_log_undoes_the_others(service: Served):
    taken = strike(killed=1)
    await service.add(taken, strike(stream="strike:one"))
    other = strike(killed=2) | {"id": taken["id"]}
    late = strike(stream="strike:one", expected_version=0)
    answer = await service.bulk(strike(), other, late, strike())
    assert answer.slug == "refused-lines"
    assert {(e["line"], e["code"]) for e in answer.json["errors"]} == {(2, "id-conflict"), (3, "wrong-version")}
    assert await service.head() == 2


async def test_an_id_may_come_once(service: Served):
    event = strike()
    answer = await service.bulk(event, strike(), event)
    assert [(e["line"], e["pointer"], e["code"]) for e in answer.json["errors"]] == [(3, "/id", "repeated_id")]
    assert answer.json["errors"][0]["detail"] == "the id is on line 1 too"
    assert await service.head() == 0


async def test_a_target_may_be_on_an_earlier_line_and_not_on_a_later_one(service: Served):
    event = strike()
    assert (await service.bulk(event, retraction(event["id"]))).status == 201
    event = strike()
    answer = await service.bulk(retraction(event["id"]), event)
    assert [(e["line"], e["code"]) for e in answer.json["errors"]] == [(1, "unknown_target")]


async def test_only_a_streams_first_line_may_expect_a_version(service: Served):
    one = strike(stream="strike:one", expected_version=0)
    answer = await service.bulk(one, strike(stream="strike:one", expected_version=1))
    assert [(e["line"], e["code"]) for e in answer.json["errors"]] == [(2, "not_the_first")]


async def test_a_record_event_is_counted_to_its_targets_stream_before_versions_are_judged(service: Served):
    event = strike(stream="strike:one")
    await service.add(event)
    behind = retraction(event["id"]) | {"expected_version": 1}
    answer = await service.bulk(strike(stream="strike:one"), behind)
    assert [(e["line"], e["code"]) for e in answer.json["errors"]] == [(2, "not_the_first")]
    assert await service.head() == 1


async def test_an_empty_file_is_a_mistake(service: Served):
    for body in (b"", b"\n\n \n"):
        answer = await send(service, body)
        assert (answer.status, answer.slug) == (400, "bad-request")


async def test_modes_that_are_not_there_are_refused(service: Served):
    answer = await service.bulk(strike(), mode="sometimes")
    assert answer.faults == {"/mode": "unknown_value"}
    answer = await service.bulk(strike(), modus="atomic")
    assert answer.faults == {"/modus": "unknown_parameter"}


async def test_lines_may_come_in_any_pieces(service: Served):
    text = b"\r\n".join(orjson.dumps(strike(notes="Одеса " * n)) for n in range(1, 20)) + b"\r\n"

    async def pieces():
        for start in range(0, len(text), 997):
            yield text[start : start + 997]
            await asyncio.sleep(0)

    answer = await send(service, pieces())
    assert answer.json["appended"] == 19, answer


# ----------------------------------------------------------------------------------------------- limits


def padded(size: int) -> bytes:
    """A good event of exactly so many bytes."""
    line = orjson.dumps(strike())
    return line[:-1] + b" " * (size - len(line)) + b"}"


async def test_a_line_may_have_256_KiB_and_not_a_byte_more(service: Served):  # noqa: N802 - the unit
    assert (await service.bulk(strike(), padded(LINE))).status == 201
    for lines in ([padded(LINE + 1)], [strike(), padded(LINE + 1), strike()], [padded(LINE + 1) + b"\n"]):
        answer = await service.bulk(strike(), *lines)
        assert (answer.status, answer.slug) == (413, "too-large"), answer
    assert await service.head() == 2
    await service.unharmed()


async def test_one_event_may_have_256_KiB_and_not_a_byte_more(service: Served):  # noqa: N802 - the unit
    assert (await service.post(padded(LINE))).status == 201
    answer = await service.post(padded(LINE + 1))
    assert (answer.status, answer.slug) == (413, "too-large")
    assert await service.head() == 1


async def test_a_request_may_have_100_000_lines_and_not_one_more(service: Served, monkeypatch: pytest.MonkeyPatch):
    assert bulk_module.BULK_LINES == 100_000
    monkeypatch.setattr(bulk_module, "BULK_LINES", 10)
    ten, eleven = (b"\n".join(orjson.dumps(strike()) for _ in range(n)) for n in (10, 11))
    for end in (b"", b"\n"):  # the last line may end the file or not
        assert (await send(service, ten + end)).status == 201
        answer = await send(service, eleven + end)
        assert (answer.status, answer.slug) == (413, "too-large")
    assert await service.head() == 10


async def test_a_request_may_have_64_MiB_and_not_a_byte_more(  # noqa: N802 - the unit
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    assert bulk_module.BULK_BYTES == 64 * 1024 * 1024
    lines = b"\n".join(padded(100_000) for _ in range(10))
    monkeypatch.setattr(bulk_module, "BULK_BYTES", len(lines))
    assert (await send(service, lines)).status == 201
    answer = await send(service, lines + b"\n")
    assert (answer.status, answer.slug) == (413, "too-large")
    assert await service.head() == 10
    await service.unharmed()


async def test_every_bad_line_of_a_file_has_a_reason_and_the_first_have_all_of_theirs(service: Served):
    bad = [orjson.dumps(strike(killed=-1, a=1, b=2)) for _ in range(500)]
    answer = await service.bulk(*bad)
    assert answer.slug == "refused-lines"
    lines = [fault["line"] for fault in answer.json["errors"]]
    assert lines == [*(n for n in range(1, 334) for _ in range(3)), *range(334, 501)]
    assert answer.json["errors_total"] == 1_500
    told = "500 lines refused; nothing was written; here are 1166 of 1500 faults, of each line at least one"
    assert answer.json["detail"] == told


async def test_reasons_end_where_they_would_take_too_much_and_it_says_where(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bulk_module, "TOLD", 1)
    monkeypatch.setattr(bulk_module, "KEPT", 100)
    answer = await service.bulk(*(strike(killed=-1) for _ in range(50)))
    last = answer.json["errors"][-1]["line"]
    assert 1 < last < 50
    assert answer.json["detail"].endswith(f"of each line at least one up to line {last}")


async def test_it_is_told_how_places_were_found_and_which_names_were_not(service: Served):
    nowhere = {"name": "Nowhereville", "country": "UA", "precision": "settlement"}
    events = [strike(), strike(), strike(place=nowhere), strike(place=nowhere), strike(place=None)]
    told = (await service.bulk(*events[:-1])).json
    assert told["places"] == {"name+country": 2, "unresolved": 2}
    assert told["unresolved"] == [{"name": "Nowhereville", "country": "UA", "admin1": None, "events": 2}]
    assert told["unresolved_total"] == 1
    again = await service.bulk(*events[:-1], strike(place=nowhere), mode="partial")
    *lines, last = map(orjson.loads, again.raw.splitlines())
    assert [line.get("place") for line in lines] == [None] * 4 + [
        {"how": "unresolved", "place_id": None, "name": "Nowhereville"}
    ]
    assert last["summary"]["places"] == {"unresolved": 1}


# ----------------------------------------------------------------------------------- clients that go away


async def half(service: Served, *, chunked: bool, reset: bool) -> None:
    """Send a file up to the end of a line in its middle, and go away."""
    lines = [orjson.dumps(strike()) + b"\n" for _ in range(20)]
    first, length = b"".join(lines[:10]), sum(map(len, lines))
    body = b"%x\r\n%s\r\n" % (len(first), first) if chunked else first
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % length
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        b"POST /v1/events/bulk HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer an-admin-key-for-tests\r\n"
        b"Content-Type: application/x-ndjson\r\n" + framing + b"\r\n\r\n" + body
    )
    await writer.drain()
    await seen_by(service)
    writer.transport.abort() if reset else writer.close()


async def seen_by(service: Served) -> None:
    """Let the service read what arrived: it answers another request after it."""
    for _ in range(3):
        await service.get("/livez")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_goes_away_in_the_middle_writes_nothing(service: Served, chunked: bool, reset: bool):
    await half(service, chunked=chunked, reset=reset)
    await seen_by(service)
    await service.unharmed()
    assert await service.head() == 1


async def test_a_client_that_closes_its_sending_side_in_the_middle_writes_nothing(service: Served):
    line = orjson.dumps(strike()) + b"\n"
    head = (
        b"POST /v1/events/bulk HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer an-admin-key-for-tests\r\n"
        b"Content-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n" % (2 * len(line))
    )
    await service.raw(head + line, half_close=True)
    await service.unharmed()
    assert await service.head() == 1


async def test_files_of_one_key_that_are_slow_to_come_leave_room_for_those_of_others(service: Served):
    await make_key(service.access, "other", "another-key-for-tests", scopes=("read", "report"))

    async def endless() -> AsyncIterator[bytes]:
        yield orjson.dumps(strike()) + b"\n"
        await gate.wait()

    gate = asyncio.Event()
    url, headers = f"{service.url}/v1/events/bulk", {"Content-Type": "application/x-ndjson"}
    async with asyncio.TaskGroup() as slow:
        for _ in range(KEY_FILES):
            headers["Authorization"] = f"Bearer {service.key}"
            slow.create_task(service.session.post(url, data=endless(), headers=headers))
        async with asyncio.timeout(60):
            while service.service.files.held.total() < KEY_FILES:
                await asyncio.sleep(0.01)
        refused = await service.bulk(strike())
        assert (refused.status, refused.slug) == (429, "too-many-connections")
        assert (await service.by("another-key-for-tests").bulk(strike())).status == 201
        gate.set()
    assert await service.head() == KEY_FILES + 1


async def test_more_files_at_once_than_there_is_memory_for_are_told_to_come_back(service: Served):
    with ExitStack() as held:
        for n in range(FILES):
            held.enter_context(service.service.files.place(Stranger("", f"key {n}")))
        refused = await service.bulk(strike())
        assert (refused.status, refused.slug, refused.headers["Retry-After"]) == (503, "overloaded", "1")
    assert (await service.bulk(strike())).status == 201
