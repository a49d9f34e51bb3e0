"""Events that come with an import carry its number, and are never marked below its record; files over HTTP."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import FormData

from incidentlog.api import imports as imports_module
from incidentlog.importers import apart as apart_module
from incidentlog.sqlfiles import query
from incidentlog.store import read as read_module
from incidentlog.store import search as search_module
from tests.api.serving import Answer, Served, make_key
from tests.commands import about, retraction, strike
from tests.importers.rowing import OWN, SLICES


def begun(**more: Any) -> dict[str, Any]:
    return {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}, **more}


@pytest.mark.parametrize("stretch", [20_000, 1])
async def test_the_events_of_an_import_are_found_by_its_number(
    service: Served, monkeypatch: pytest.MonkeyPatch, stretch: int
):
    monkeypatch.setattr(search_module, "STRETCH", stretch)
    first, second = await service.add(begun(), begun(stream="import:b"))
    one, other, alone = strike(notes=f'"import":{second},'), strike(), strike()
    assert (await service.bulk(one, import_=str(first))).status == 400
    assert (await service.bulk(one, **{"import": str(first)})).status == 201
    assert (await service.bulk(other, mode="partial", **{"import": str(second)})).status == 207
    await service.add(alone, retraction(one["id"]))

    async def found(*numbers: int, **more: str) -> list[tuple[int, int | None]]:
        params = [*(("import", str(n)) for n in numbers), *more.items()]
        listed = (await service.ask("GET", "/v1/events", params=params)).json["events"]
        return [(e["position"], e.get("import")) for e in listed]

    assert await found(first) == [(3, first)]
    assert await found(second) == [(4, second)]
    assert await found(second, first) == [(3, first), (4, second)]
    assert await found(first, category="incident") == []
    assert "import" not in (await service.get(f"/v1/events/{alone['id']}")).json


async def test_the_same_event_in_another_import_stays_where_it_came(service: Served):
    first, second = await service.add(begun(), begun(stream="import:b"))
    event = strike()
    await service.fill(event, **{"import": str(first)})
    assert (await service.bulk(event, **{"import": str(second)})).json["duplicates"] == 1
    assert (await service.get(f"/v1/events/{event['id']}")).json["import"] == first


async def test_the_ids_of_what_came_with_an_import_are_listed_by_pages_as_far_as_the_reader_sees_them(service: Served):
    number, other = await service.add(begun(), begun(stream="import:b"))
    events = [strike(), strike(tlp="AMBER"), strike(), strike()]
    await service.fill(*events, **{"import": str(number)})
    await service.fill(strike(), **{"import": str(other)})
    page = (await service.get("/v1/events/ids", **{"import": str(number), "limit": "3"})).json
    assert page["ids"] == [e["id"] for e in events[:3]]
    last = (await service.get(page["next"])).json
    assert last == {"ids": [events[3]["id"]]}
    await make_key(service.access, "clear", key := "key-of-a-reader-who-sees-only-what-is-clear", scopes=["read"])
    listed = (await service.by(key).get("/v1/events/ids", **{"import": str(number)})).json["ids"]
    assert listed == [e["id"] for n, e in enumerate(events) if n != 1]
    assert (await service.get("/v1/events/ids", **{"import": "3"})).status == 404
    assert (await service.get("/v1/events/ids")).faults == {"/import": "missing"}


async def test_a_page_of_ids_costs_no_more_for_what_is_hidden_in_the_import(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """Neither what was marked higher from the first, nor what was since; else who reads could tell, and hold it up."""
    (number,) = await service.add(begun())
    first, last = strike(), strike()
    raised = [strike(stream="strike:raised") for _ in range(30)]
    await service.fill(first, *(strike(tlp="RED") for _ in range(30)), *raised, last, **{"import": str(number)})
    await service.fill(*(about("remarked", e["id"], tlp="RED", reason="told too early") for e in raised))
    await make_key(service.access, "clear", key := "key-of-a-reader-who-sees-only-what-is-clear", scopes=["read"])
    asked: list[str] = []
    monkeypatch.setattr(read_module, "query", lambda stem, name: (asked.append(name), query(stem, name))[1])
    path, pages = f"/v1/events/ids?import={number}&limit=1", list[list[str]]()
    for _ in range(2):
        page = (await service.by(key).get(path)).json
        pages.append(page["ids"])
        path = page["next"]
    assert pages == [[first["id"]], [last["id"]]]
    assert asked.count("of_import") <= 4


async def test_a_number_that_is_no_import_is_refused_and_nothing_written(service: Served):
    await service.add(begun(), strike())
    for number in ("2", "3", "0", "x", ""):
        answer = await service.bulk(strike(), **{"import": number})
        assert (answer.status, answer.faults) == (400, {"/import": "unknown_import"}), number
        assert await service.head() == 2, number


async def test_no_event_is_marked_below_the_record_of_its_import(service: Served):
    (number,) = await service.add(begun(tlp="AMBER"))
    low, high = strike(), strike(tlp="AMBER")
    answer = await service.bulk(high, low, **{"import": str(number)})
    assert (answer.status, answer.faults) == (422, {"/tlp": "below_import"})
    told = await service.bulk(high, low, mode="partial", **{"import": str(number)})
    assert [orjson.loads(line).get("status") for line in told.raw.splitlines()] == [201, 422, None]
    await make_key(service.access, "reporter", key := "key-of-a-reporter-who-sees-only-clear", scopes=["report"])
    assert (await service.by(key).bulk(strike(), **{"import": str(number)})).faults == {"/import": "unknown_import"}


# ------------------------------------------------------------------------------------------------- files over HTTP

PATH = "/v1/imports"
ROWS = b"id,date,place,killed\n1,1.2.2025,Odesa,1\n2,soon,Kyiv,1\n3,1.2.2025,Nowhereville,2\n"


async def send(
    service: Served, rows: bytes | Iterable[bytes] = ROWS, mapping: str = OWN, name: str = "rows.csv", **params: str
) -> Answer:
    """A mapping and a file, as a browser sends them."""
    form = FormData(quote_fields=False)
    form.add_field("mapping", mapping, filename="own.toml" if "\n" in mapping else None)
    form.add_field("file", BytesIO(rows) if isinstance(rows, bytes) else pieces(rows), filename=name)
    return await service.ask("POST", PATH, data=form, params=params)


async def pieces(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in rows:
        yield piece


async def test_a_file_is_brought_in_and_what_became_of_its_rows_is_told(service: Served):
    answer = await send(service)
    told = answer.json
    report = told.pop("report")
    assert (answer.status, told) == (201, {
        "import": 1, "dry_run": False, "rows": 3, "refused": 1, "repaired": 0, "passed_over": 0, "appended": 2,
        "already_there": 0, "places": {"name+country": 1, "unresolved": 1}, "report_total": 1, "unresolved_total": 1,
        "unresolved": [{"name": "Nowhereville", "country": "UA", "admin1": None, "events": 1}],
    })  # fmt: skip
    assert [(r["what"], r["file"], r["line"], r["column"]) for r in report] == [("refused", "rows.csv", 3, "date")]
    listed = (await service.get(answer.headers["Location"])).json["events"]
    assert [event["external_ids"][0]["id"] for event in listed] == ["1", "3"]
    begun, ended = (await service.get("/v1/events", category="import")).json["events"]
    assert begun["data"]["files"] == [
        {"name": "rows.csv", "sha256": sha256(ROWS).hexdigest(), "octets": len(ROWS)}
    ]  # fmt: skip
    assert begun["data"]["mapping"] == {"name": "own.toml", "sha256": sha256(OWN.encode()).hexdigest()}
    assert (ended["data"]["rows"], ended["data"]["appended"], ended["data"]["refused"]) == (3, 2, 1)
    head = await service.head()
    again = (await send(service)).json
    assert (again["import"], again["appended"], again["already_there"], await service.head()) == (1, 0, 2, head)


def batches_sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events are appended at a time, from now on."""
    sent, appended = list[int](), imports_module.append_lines

    async def counted(service: Any, reader: Any, lines: Any, *more: Any) -> None:
        sent.append(len(lines))
        await appended(service, reader, lines, *more)

    monkeypatch.setattr(imports_module, "append_lines", counted)
    return sent


async def test_a_file_that_comes_again_is_asked_about_and_only_the_rest_is_sent(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(imports_module, "HELD", 2)
    rows = b"id,date,place,killed\n" + b"".join(b"%d,1.2.2025,Odesa,1\n" % n for n in range(9))
    rows += b"7,1.2.2025,Kyiv,1\n9,1.2.2025,Odesa,9999999999\n"
    plan = await send(service, rows)
    assert (plan.json["appended"], plan.json["refused"]) == (9, 2)
    sent = batches_sent(monkeypatch)
    again = (await send(service, rows)).json
    assert (again["appended"], again["already_there"], again["refused"]) == (0, 9, 2)  # these are told again
    assert sent == [2]


async def test_a_dry_run_judges_by_what_the_log_knows_and_appends_nothing(service: Served):
    wrong = ROWS + b"4,1.2.2025,Kyiv,9999999999\n"
    answer = await send(service, wrong, dry_run="true")
    assert (answer.status, answer.json["appended"], answer.json["refused"], await service.head()) == (200, 0, 2, 0)
    assert answer.json["report"][-1]["column"] == "killed"
    assert answer.json["places"] == {"name+country": 1, "unresolved": 1}


async def test_as_ndjson_every_row_is_told_however_many(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(imports_module, "TOLD", 5)
    monkeypatch.setattr(imports_module, "BATCH", 10)
    rows = b"id,date,place,killed\n" + b"".join(
        b"%d,%s,Odesa,1\n" % (n, b"1.2.2025" if n % 2 else b"x") for n in range(60)
    )
    *lines, last = map(orjson.loads, (await send(service, rows, format="ndjson")).raw.splitlines())
    assert [line["line"] for line in lines] == list(range(2, 62, 2))
    assert (last["summary"]["rows"], last["summary"]["refused"], last["summary"]["appended"]) == (60, 30, 30)
    told = (await send(service, rows)).json
    assert (len(told["report"]), told["report_total"]) == (5, 30)


@pytest.mark.parametrize(("as_", "status"), [("json", 401), ("ndjson", 207)])
async def test_an_import_ends_with_its_key_and_what_was_appended_by_then_stays(
    service: Served, monkeypatch: pytest.MonkeyPatch, as_: str, status: int
):
    """It may take an hour, and nobody waits that long for a key to be of no use any more."""
    monkeypatch.setattr(imports_module, "BATCH", 2)
    await make_key(service.access, "reporter", key := "key-of-a-reporter-that-is-revoked", scopes=["report"])
    appended = imports_module.append_lines

    async def then_revoked(*given: Any) -> None:
        await appended(*given)
        assert (await service.ask("DELETE", "/v1/keys/reporter")).status == 204

    monkeypatch.setattr(imports_module, "append_lines", then_revoked)
    rows = b"id,date,place,killed\n9,soon,Odesa,1\n" + b"".join(b"%d,1.2.2025,Odesa,1\n" % n for n in range(9))
    answer = await send(service.by(key), rows, format=as_)
    assert (answer.status, b"unauthenticated" in answer.raw) == (status, True), answer.raw
    assert b"summary" not in answer.raw
    assert await service.head() == 2  # it began, and one row


async def test_rows_are_taken_in_by_what_they_weigh_and_not_only_by_their_number(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """One row may give events of megabytes: a thousand of these are not held in memory."""
    monkeypatch.setattr(imports_module, "BATCH_OCTETS", 1)
    rows = b"id,date,place,killed\n" + b"".join(b"%d,1.2.2025,Odesa,1\n" % n for n in range(3))
    batches = batches_sent(monkeypatch)
    assert (await send(service, rows)).json["appended"] == 3
    assert [rows for rows in batches if rows] == [1, 1, 1]


async def test_of_names_that_were_not_found_only_so_many_are_kept(service: Served, monkeypatch: pytest.MonkeyPatch):
    """A file may have a million of them."""
    monkeypatch.setattr(imports_module, "BATCH", 2)
    monkeypatch.setattr(imports_module, "NAMES", 2)
    names = ("Nowhereville", "Neverland", "Utopia", "Neverland", "Erewhon", "Utopia", "Neverland")
    rows = b"id,date,place,killed\n"
    rows += b"".join(b"%d,1.2.2025,%s,1\n" % (n, name.encode()) for n, name in enumerate(names))
    told = (await send(service, rows, dry_run="true")).json
    assert told["places"] == {"unresolved": 7}
    assert told["unresolved_total"] == 2
    assert [(n["name"], n["events"]) for n in told["unresolved"]] == [("Neverland", 3), ("Nowhereville", 1)]


async def test_an_import_that_was_marked_higher_is_gone_on_with_by_nobody_from_whom_it_is_hidden(service: Served):
    """Its rows would come under a record of which they tell."""
    await make_key(service.access, "reporter", key := "key-of-a-reporter-who-sees-only-clear", scopes=["report"])
    reporter = service.by(key)
    assert "import" in (await send(reporter)).json
    (record,) = (await service.get("/v1/events", type="import.begun")).json["events"]
    await service.add(about("remarked", record["id"], tlp="RED", reason="it names a source"))
    head = await service.head()
    refused = await send(reporter)
    assert (refused.status, refused.slug, await service.head()) == (409, "id-conflict", head)
    assert "import" not in refused.json
    # What is marked higher than its reporter may read goes on all the same: it was marked so from the first.
    marked = OWN.replace('unmapped = "drop"', 'unmapped = "drop"\ntlp = "AMBER"')
    others = ROWS.replace(b"\n1,", b"\n11,").replace(b"\n3,", b"\n13,")
    assert [(await send(reporter, others, marked)).status for _ in range(2)] == [201, 200]


async def test_rows_are_made_by_a_process_that_stands_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mapping.toml").write_text(OWN)
    (tmp_path / "rows.csv").write_text("id,date,place,killed\n" + "1,1.2.2025,Odesa,1\n" * 20_000)
    pids, create = list[int](), asyncio.create_subprocess_exec

    async def noted(*words: Any, **more: Any) -> asyncio.subprocess.Process:
        process = await create(*words, **more)
        pids.append(process.pid)
        return process

    monkeypatch.setattr("incidentlog.importers.apart.asyncio.create_subprocess_exec", noted)
    async with aclosing(apart_module.made_apart(tmp_path / "mapping.toml", tmp_path, ["rows.csv"])) as made:
        _, octets = await anext(made)
        assert octets > 100
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, pids[0]) == min(19, own + apart_module.NICE)


async def test_mappings_that_come_along_go_by_their_name(service: Served):
    path = SLICES / "alerts_volunteer_en.csv"
    told = (await send(service, path.read_bytes(), "air-raid-alerts", path.name)).json
    assert (told["rows"], told["refused"], told["appended"]) == (120, 0, 240)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"mapping": "no-such"}, 400),
        ({"mapping": "mapping = 1\n"}, 400),
        ({"mapping": f"a = {'[' * 5_000}\n"}, 400),
        ({"mapping": f"a{'.a' * 50_000} = 1\n"}, 400),
        ({"rows": b""}, 400),
        ({"rows": b"id,date\n1,1.2.2025\n"}, 400),
        ({"name": "rows.exe"}, 400),
        ({"name": "rows.zip"}, 400),
        ({"name": "rows.csv.gz"}, 400),
        ({"dry_run": "maybe"}, 400),
        ({"format": "csv"}, 406),
    ],
)
async def test_what_cannot_be_brought_in_is_refused_and_nothing_is_written(
    attacked: Served, changed: dict[str, Any], status: int
):
    answer = await send(attacked, **changed)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.raw


FORM = "multipart/form-data"
PART = b"--x\r\nContent-Disposition: form-data; name="


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/csv", b"--y\r\n\r\n", 415),
        (FORM, b"--y\r\n\r\n", 400),
        (f"{FORM}; boundary={'x' * 71}", b"", 400),
        (f"{FORM}; boundary=x", b"--y\r\n\r\n", 400),
        (f"{FORM}; boundary=x", b"--x\r\n--x--\r\n", 400),
        (f"{FORM}; boundary=x", PART + b"mapping\r\nno header\r\n\r\nucdp-ged\r\n--x--\r\n", 400),
        (f"{FORM}; boundary=x", PART + b"mapping\r\n" + b"A: b\r\n" * 500 + b"\r\nucdp-ged\r\n--x--\r\n", 400),
        (f"{FORM}; boundary=x", PART + b"mapping\r\nContent-Length: 9\r\n\r\nx\r\n--x--\r\n", 400),
        (f"{FORM}; boundary=x", PART + b"_charset_\r\n\r\n" + b"y" * 99 + b"\r\n--x--\r\n", 400),
        (f"{FORM}; boundary=x", PART + b"mapping\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n--z--\r\n", 400),
    ],
    ids=[
        "another",
        "no-boundary",
        "long-boundary",
        "another-boundary",
        "no-part",
        "no-header",
        "many-headers",
        "length",
        "charset",
        "nested",
    ],
)
async def test_a_body_that_is_no_form_is_refused(attacked: Served, kind: str, body: bytes, status: int):
    answer = await attacked.ask("POST", PATH, data=BytesIO(body), headers={"Content-Type": kind})
    assert answer.status == status, answer.raw
    assert answer.slug


async def test_a_pattern_that_takes_for_ever_ends_and_holds_up_nobody(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apart_module, "SECONDS", 3.0)
    slow = OWN.replace('column = "place" }', "column = \"place\", pattern = '^(a+)+$' }")
    importing = asyncio.create_task(send(service, ROWS.replace(b"Odesa", b"a" * 60 + b"b"), slow))
    await asyncio.sleep(1)
    assert (await service.get("/livez")).status == 200
    answer = await importing
    assert (answer.status, "takes more than it may" in answer.json["detail"]) == (400, True)
    await service.unharmed()


async def test_a_file_of_any_name_stays_where_it_is_put(service: Served):
    told = (await send(service, name="../../../etc/-rows.csv")).json
    assert told["report"][0]["file"] == "rows.csv"
    told = (await send(service, name=f"{'字' * 100}.csv")).json  # more bytes than a file system takes
    assert told["report"][0]["file"].endswith("字字.csv")


async def test_a_large_file_is_streamed_and_one_that_is_too_large_refused(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(imports_module, "UPLOAD_BYTES", 60_000)
    row = b"2,1.2.2025,Odesa,1\n"
    assert (await send(service, [b"id,date,place,killed\n", row * 3_000], dry_run="true")).json["rows"] == 3_000
    answer = await send(service, [b"id,date,place,killed\n", row * 4_000])
    assert (answer.status, answer.slug, await service.head()) == (413, "too-large", 0)


async def test_whoever_may_not_report_brings_nothing_in(service: Served):
    await make_key(service.access, "reader", key := "key-of-a-reader-who-brings-files-in", scopes=["read"])
    assert (await send(service.by(key))).status == 403


# --------------------------------------------------------------------------------------------------- the second import

HEADER = b"id,date,place,killed\n"
FIRST = HEADER + b"1,1.2.2025,Odesa,1\n2,1.2.2025,Kyiv,2\n3,2.2.2025,Lviv,3\n"
SECOND = HEADER + b"1,1.2.2025,Odesa,9\n2,1.2.2025,KYIV ,2\n4,3.2.2025,Kherson,4\n"


async def killed(service: Served, **moment: Any) -> int:
    asked = {"group_by": "country", "min_position": await service.head(), **moment}
    return int((await service.get("/v1/projections/city_incidents", **asked)).json["rows"]["UA"]["killed"]["best"])


async def test_a_release_is_compared_and_what_changed_amended_and_the_one_before_is_still_there(service: Served):
    before = (await send(service, FIRST, update="true")).json
    assert before["changes"] == {"unchanged": 0, "changed": 0, "new": 3, "vanished": 0}
    position = await service.head()
    four = {"unchanged": 1, "changed": 1, "new": 1, "vanished": 1}
    dry = await send(service, SECOND, update="true", dry_run="true", release="of May")
    assert (dry.status, dry.json["changes"], await service.head()) == (200, four, position)
    answer = await send(service, SECOND, update="true", release="of May")
    told = answer.json
    assert (answer.status, told["changes"], told["appended"], told["held_back"]) == (201, four, 3, None)
    assert told["samples"]["changed"] == ["1 (data.casualties.killed.best)"]
    sent = (await service.get("/v1/events", **{"import": told["import"]})).json["events"]
    assert [(e["type"], e["data"].get("reason")) for e in sent] == [
        ("record.amended", "of May says so"),
        ("incident.reported", None),
        ("record.retracted", "of May: the row is no longer there"),
    ]
    assert [await killed(service), await killed(service, at_position=position)] == [15, 6]
    again = await send(service, SECOND, update="true", release="of May")
    assert again.json["changes"] == {"unchanged": 3, "changed": 0, "new": 0, "vanished": 0}
    ended = (await service.get("/v1/events", type="import.ended")).json["events"]
    assert [e["data"]["changes"] for e in ended][:2] == [{"new": 3}, four]


async def test_of_another_file_nothing_is_retracted_unless_that_is_said(service: Served):
    await send(service, FIRST)
    told = (await send(service, SECOND[: SECOND.index(b"2,")], update="true")).json
    assert (told["appended"], told["held_back"]) == (1, "2 of 3 events are gone: that looks like another file")
    listed = (await send(service, HEADER + b"1,1.2.2025,Odesa,9\n", update="true", vanished="list")).json
    assert (listed["appended"], listed["held_back"], listed["changes"]["vanished"]) == (0, None, 2)
    gone = (await send(service, HEADER + b"1,1.2.2025,Odesa,9\n", update="true", vanished="retract")).json
    assert (gone["appended"], await killed(service)) == (2, 9)


async def test_an_update_takes_a_key_that_may_edit_and_a_mapping_with_ids(service: Served):
    await make_key(service.access, "reporter", key := "key-of-a-reporter-who-may-not-edit", scopes=["report"])
    assert (await send(service.by(key), FIRST, update="true")).status == 403
    for wrong in (
        {"release": "of May"},
        {"vanished": "list"},
        {"update": "true", "release": "a\x00b"},
        {"update": "yes"},
    ):
        assert (await send(service, FIRST, **wrong)).status == 400, wrong
    as_they_are = await send(service, b'{"type": "strike.reported"}\n', "ndjson", "a.ndjson", update="true")
    assert (as_they_are.status, "needs a mapping with an id" in as_they_are.json["detail"]) == (400, True)
    assert await service.head() == 0


# ------------------------------------------------------------------------------------------------------------ actors

BANDS = (
    OWN
    + """
[[register]]
code = "XBAND"
name = "The band"
kind = "armed-group"

[[register]]
code = "RUS.XUNIT"
name = "A unit"

[[actors]]
code = { column = "who", table = { "the band" = "XBAND", "their unit" = "RUS.XUNIT" } }
role = "party"
"""
)
WHO = b"id,date,place,killed,who\n1,1.2.2025,Odesa,1,The band\n2,1.2.2025,Kyiv,1,their unit\n3,1.2.2025,Kyiv,1,\n"


async def test_actors_that_the_log_does_not_have_are_registered_once_and_go_with_the_import(service: Served):
    dry = (await send(service, WHO, BANDS, dry_run="true")).json
    assert (dry["registered"], dry["refused"], await service.head()) == (["XBAND", "RUS.XUNIT"], 0, 0)
    told = (await send(service, WHO, BANDS)).json
    assert (told["registered"], told["refused"], told["appended"]) == (["XBAND", "RUS.XUNIT"], 0, 3)
    came = (await service.get("/v1/events", **{"import": told["import"]})).json["events"]
    assert [e["type"] for e in came] == ["actor.registered"] * 2 + ["incident.reported"] * 3
    band = {"code": "XBAND", "name": "The band", "kind": "armed-group"}
    assert [came[0]["data"], came[2]["actors"]] == [band, [{"code": "XBAND", "role": "party"}]]
    again = (await send(service, WHO, BANDS)).json
    assert ("registered" in again, again["already_there"], await service.head()) == (False, 3, told["import"] + 6)
    await service.add(retraction(came[0]["id"]))
    assert (await send(service, WHO.replace(b"\n1,", b"\n9,"), BANDS)).json["registered"] == ["XBAND"]


async def test_whoever_may_not_register_is_told_and_the_other_rows_go_in(service: Served):
    await make_key(service.access, "reporter", key := "key-of-a-reporter-who-may-not-register", scopes=["report"])
    for dry_run in ("true", "false"):
        told = (await send(service.by(key), WHO, BANDS, dry_run=dry_run)).json
        assert [each["code"] for each in told["not_registered"]] == ["XBAND", "RUS.XUNIT"], dry_run
        assert all("edit" in each["reason"] for each in told["not_registered"])
        assert [(r["line"], "XBAND" in r["reason"]) for r in told["report"]] == [(2, True)]
    assert (told["appended"], "registered" in told) == (2, False)  # a unit of somebody known needs no registration


async def test_a_code_that_is_a_states_is_not_registered_and_said_so(service: Served):
    told = (await send(service, WHO, BANDS.replace("XBAND", "POL"))).json
    assert [each["code"] for each in told["not_registered"]] == ["POL"]
    assert (told["registered"], told["refused"], told["appended"]) == (["RUS.XUNIT"], 0, 3)
