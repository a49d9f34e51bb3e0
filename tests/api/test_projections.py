"""Projections: rows, one row, groupings and filters, at any instant and on either basis of knowledge."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import orjson
import pytest

from incidentlog.api import rows as api_rows
from incidentlog.api.answers import dumps
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.asking import parse_grouping
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.store.connect import Access
from incidentlog.store.read import read_after
from tests.api.serving import NOW, Served, serving
from tests.commands import retraction, strike
from tests.projections.showing import local
from tests.subjects.given import TIMELINE, merge

ODESA, KYIV_CITY = "geonames:698740", "geonames:703448"


async def test_the_list_says_what_can_be_asked(timeline: Served):
    answer = await timeline.get("/v1/projections")
    assert answer.json["zone"] == "Europe/Kyiv"
    listed = {p["name"]: p for p in answer.json["projections"]}
    assert listed.keys() == PROJECTIONS.keys()
    assert listed["city_incidents"]["shape"] == "tally"
    assert "place" in listed["city_incidents"]["dimensions"]
    assert "killed.best" in listed["city_incidents"]["figures"]
    assert listed["ceasefire_status"]["shape"] == "document"


@pytest.mark.parametrize("name", PROJECTIONS)
async def test_what_is_stored_is_what_folding_afresh_gives(timeline: Served, name: str):
    projection = PROJECTIONS[name]
    events = await read_after(timeline.service.pool, 0, 1_000)  # type: ignore[arg-type]
    for position in (30, 75, 90, 110):
        for at in ("2025-04-18", "2025-12-20", "2026-03-01"):
            answer = await timeline.get(f"/v1/projections/{name}", at=at, at_position=position)
            wanted = Afresh(events[:position], "Europe/Kyiv").rows(projection, local(at))
            assert dumps(answer.json["rows"]) == dumps(orjson.loads(dumps(wanted))), (position, at)


async def test_a_log_that_was_made_with_another_zone_is_counted_in_its_days(access: Access):
    connection = await access.connect()
    await connection.execute("UPDATE log SET zone = 'America/Bogota'")  # before there is anything in it
    await connection.close()
    async with serving(access) as service:
        assert (await service.bulk(*TIMELINE.read_bytes().splitlines())).json["appended"] == 110
        position = await service.settled()
        events = await read_after(service.service.pool, 0, 1_000)  # type: ignore[arg-type]
        differing = set[str]()
        for name, projection in PROJECTIONS.items():
            answer = await service.get(f"/v1/projections/{name}", at="2026-02-28", at_position=position)
            at = local("2026-03-01T06:59:59.999999")  # a date is the end of the log's day
            wanted = Afresh(events, "America/Bogota").rows(projection, at)
            assert dumps(answer.json["rows"]) == dumps(orjson.loads(dumps(wanted))), name
            if wanted != Afresh(events, "Europe/Kyiv").rows(projection, at):
                differing.add(name)
        assert differing >= {"daily_timeline", "escalation_index"}, "nothing here tells the zones apart"


async def test_rows_are_sums_by_the_groups_asked_for(timeline: Served):
    rows = await timeline.rows("city_incidents", group_by="admin1,kind")
    assert all(key == f"{row['admin1'] or ''}|{row['kind']}" for key, row in rows.items())
    by_place = await timeline.rows("city_incidents")
    assert sum(r["incidents"] for r in rows.values()) >= sum(r["incidents"] for r in by_place.values())
    twice = await timeline.get("/v1/projections/city_incidents?group_by=admin1&group_by=kind")
    assert twice.json["rows"] == rows


async def test_rows_can_be_narrowed(service: Served):
    kyiv = {"name": "Kyiv", "country": "UA", "precision": "settlement"}
    december = {"start": "2025-12-13", "precision": "day", "tz": "Europe/Kyiv"}
    await service.add(strike(), strike(occurred=december), strike(place=kyiv, verification="disputed"))

    async def incidents(**params: Any) -> dict[str, int]:
        return {key: row["incidents"] for key, row in (await service.rows("city_incidents", **params)).items()}

    assert await incidents() == {ODESA: 2, KYIV_CITY: 1}
    assert await incidents(place=ODESA) == {ODESA: 2}
    assert await incidents(since="2025-12-01") == {ODESA: 1}
    assert await incidents(until="2025-12-13") == {ODESA: 1, KYIV_CITY: 1}
    assert await incidents(since="2025-12-13", until="2025-12-14") == {ODESA: 1}
    assert await incidents(verification="disputed") == {KYIV_CITY: 1}
    assert await incidents(kind="alert") == {}
    assert await incidents(group_by="month", place=ODESA) == {"2025-11": 1, "2025-12": 1}
    several = await service.get(f"/v1/projections/city_incidents?place={ODESA}&place={KYIV_CITY}")
    assert several.json["rows"].keys() == {ODESA, KYIV_CITY}


async def test_one_row_by_its_key(timeline: Served):
    answer = await timeline.get(f"/v1/projections/city_incidents/{ODESA}")
    assert answer.json["key"] == ODESA
    assert answer.json["row"] == (await timeline.rows("city_incidents"))[ODESA]
    grouped = await timeline.get(f"/v1/projections/city_incidents/{ODESA}%7Cstrike?group_by=place,kind")
    assert grouped.json["row"]["kind"] == "strike"
    headline = await timeline.get("/v1/projections/ceasefire_status/headline", at="2025-04-20")
    assert headline.json["row"]["stream"] == "ceasefire:easter-2025"


@pytest.mark.parametrize("key", ["nothing", "%00", "%2F", "a%2Fb", "%27%20OR%201=1", "%D9%A1", "x" * 4000])
async def test_a_row_that_is_not_there_is_not_found(timeline: Served, key: str):
    for name in PROJECTIONS:
        answer = await timeline.get(f"/v1/projections/{name}/{key}")
        assert (answer.status, answer.slug) == (404, "not-found")


@pytest.mark.parametrize("name", ["nothing", "subjects", "%00", "City_Incidents", "city_incidents%20", "x" * 4000])
async def test_a_projection_that_is_not_there_is_not_found(timeline: Served, name: str):
    answer = await timeline.get(f"/v1/projections/{name}")
    assert (answer.status, answer.slug) == (404, "not-found")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("group_by=town", "/group_by"),
        ("group_by=place,place", "/group_by"),
        ("group_by=" + ",".join(["place"] * 9), "/group_by"),
        ("town=Odesa", "/town"),
        ("place=", "/place"),
        ("place=%00", "/place"),
        ("place=" + "x" * 201, "/place"),
        ("since=x", "/since"),
        ("since=2025-02-30", "/since"),
        ("since=2025-01-01&since=2025-01-01", "/since"),
        ("since=2025-02-01&until=2025-01-01", "/until"),
        ("count=1", "/count"),
        ("limit=0", "/limit"),
        ("limit=10001", "/limit"),
        ("%00=1", "/\0"),
        ("a%2Fb=1", "/a~1b"),
    ],
)
async def test_a_question_that_a_tally_does_not_understand_is_refused(timeline: Served, query: str, pointer: str):
    answer = await timeline.get(f"/v1/projections/city_incidents?{query}&min_position=%31")
    assert (answer.status, answer.slug) == (400, "bad-request"), answer
    assert pointer in answer.faults


async def test_a_document_has_neither_groups_nor_filters(timeline: Served):
    answer = await timeline.get("/v1/projections/ceasefire_status", group_by="state", kind="x")
    assert (answer.status, answer.faults.keys()) == (400, {"/group_by", "/kind"})


# --------------------------------------------------------------------------- the world, and what is known


async def test_what_had_not_happened_yet_does_not_count(service: Served):
    await service.add(strike(), strike(occurred={"start": "2025-12-13", "precision": "day", "tz": "Europe/Kyiv"}))
    for at, count in (("2025-11-18", 0), ("2025-11-19", 1), ("2025-12-12T23:59+02:00", 1), ("2025-12-13", 2)):
        rows = await service.rows("city_incidents", at=at)
        assert sum(r["incidents"] for r in rows.values()) == count, at


async def test_a_ceasefire_expires_while_nobody_writes(service: Served):
    declared = strike(type="ceasefire.declared", stream="ceasefire:one")
    declared["data"] = {
        "sidedness": "unilateral", "scope": ["general"], "effective_from": "2026-03-01T14:00:00+02:00",
        "effective_until": "2026-03-02T14:00:00+02:00",
    }  # fmt: skip
    await service.add(declared)
    row = (await service.rows("ceasefire_status"))["ceasefire:one"]
    assert row["state"] == "in_force"
    assert row["next_transition_at"] == "2026-03-02T12:00:00Z"
    await service.clock.advance(NOW + timedelta(days=1))
    assert (await service.rows("ceasefire_status"))["ceasefire:one"]["state"] == "expired"
    assert (await service.rows("ceasefire_status", at=NOW.isoformat()))["ceasefire:one"]["state"] == "in_force"


async def test_known_at_gives_the_old_answer_after_a_retraction(service: Served):
    event = strike()
    placed = (await service.post(event)).json
    undone = (await service.post(retraction(event["id"]))).json
    assert await service.rows("city_incidents") == {}
    before = await service.get("/v1/projections/city_incidents", known_at=placed["recorded_at"], min_position=2)
    assert before.json["rows"][ODESA]["incidents"] == 1
    assert before.json["basis"]["position"] == 1
    assert "open" not in before.json["basis"]
    after = await service.get("/v1/projections/city_incidents", known_at=undone["recorded_at"])
    assert after.json["rows"] == {}
    assert after.json["basis"]["open"] is True


async def test_the_future_may_be_asked_for_and_is_open(service: Served):
    await service.add(strike())
    answer = await service.get("/v1/projections/city_incidents", known_at="2199-12-31", min_position=1)
    assert answer.json["basis"]["open"] is True
    assert answer.json["rows"][ODESA]["incidents"] == 1


async def test_on_the_basis_reported_a_date_is_the_end_of_its_day(service: Served):
    await service.add(strike(reported_at="2025-11-20"))
    for known_at, count in (("2025-11-19", 0), ("2025-11-20", 1), ("2025-11-20T23:59+02:00", 0)):
        answer = await service.get(
            "/v1/projections/city_incidents", known_at=known_at, basis="reported", min_position=1
        )
        assert sum(r["incidents"] for r in answer.json["rows"].values()) == count, known_at
        assert answer.json["basis"]["by"] == "reported"


async def test_the_bases_agree_where_everything_is_known(timeline: Served):
    for name in PROJECTIONS:
        recorded = await timeline.rows(name, at="2026-02-20")
        assert await timeline.rows(name, at="2026-02-20", basis="reported") == recorded


def asked_on_a_basis() -> Iterator[tuple[str, dict[str, str]]]:
    """Every projection, asked in all ways that it can be."""
    for name, projection in PROJECTIONS.items():
        dimensions = getattr(projection, "dimensions", ())
        for by in ("place,day", "admin1"):
            if {*by.split(",")} <= {*dimensions}:
                yield name, {"group_by": by}
        for params in ({}, {"basis": "reported"}, {"known_at": "2025-12-20"}):
            yield name, params


async def test_the_same_basis_gives_the_same_bytes_whatever_comes_after(service: Served):
    """P3, with strikes, a merge, violations and corrections before and after."""
    one, two = strike(stream="strike:one"), strike(stream="strike:two")
    ceasefire = strike(type="ceasefire.agreed", stream="ceasefire:one")
    ceasefire["data"] = {"sidedness": "bilateral", "scope": ["general"], "effective_from": "2025-11-19"}
    moscow = {"name": "Moscow", "country": "RU", "admin1": "48", "precision": "settlement"}
    await service.add(one, two, ceasefire, strike(place=moscow))
    before = [await OnABasis.asked(service, name, params) for name, params in asked_on_a_basis()]
    violation = strike(type="violation.reported", stream="violation:one")
    violation["data"] = {
        "ceasefires": ["ceasefire:one"], "accused": ["RUS"], "claimed_by": "UKR", "severity": "grave", "count": 3,
    }  # fmt: skip
    ended = strike(type="ceasefire.terminated", stream="ceasefire:one")
    ended["data"] = {"mode": "collapsed"}
    await service.add(
        strike(killed=4),
        strike(place={**moscow, "name": "Moscow region", "precision": "admin1"}),
        merge("strike:one", "strike:two"),
        violation,
        ended,
        retraction(one["id"]),
    )
    await service.clock.advance(NOW + timedelta(days=30))
    for each in before:
        await each.holds(service)


@dataclass(frozen=True)
class OnABasis:
    """A question, its answer, and what asks for that answer again."""

    path: str
    params: dict[str, str]
    basis: dict[str, str]
    raw: bytes
    etag: str

    @classmethod
    async def asked(cls, service: Served, name: str, params: dict[str, str]) -> Self:
        path = f"/v1/projections/{name}"
        first = await service.get(path, **params, min_position=4)
        assert "ETag" not in first.headers
        basis = {k: str(v).lower() if v is True else v for k, v in first.json["basis"].items()}
        basis |= {k: v for k, v in params.items() if k == "group_by"}
        again = await service.get(path, **basis)
        assert again.raw == first.raw
        etag = again.headers["ETag"]
        assert etag.startswith('"')
        assert again.headers["Cache-Control"] == "private, immutable, max-age=31536000"
        assert again.headers["Vary"].startswith("Authorization, Cookie, Accept")
        return cls(path, params, basis, first.raw, etag)

    async def holds(self, service: Served) -> None:
        """More is known by now, and on its basis it is the same."""
        assert (await service.get(self.path, **self.params, min_position=10)).raw != self.raw, self
        later = await service.get(self.path, **self.basis)
        assert later.raw == self.raw, self
        assert later.headers["ETag"] == self.etag
        for tags in (self.etag, f'"other", {self.etag}', f"W/{self.etag}", "*"):
            unchanged = await service.get(self.path, {"If-None-Match": tags}, **self.basis)
            assert (unchanged.status, unchanged.raw) == (304, b""), (self, tags)
            assert unchanged.headers["ETag"] == self.etag
        assert (await service.get(self.path, {"If-None-Match": '"other"'}, **self.basis)).status == 200


async def test_a_basis_of_another_version_or_generation_cannot_be_given_again(timeline: Served):
    path = "/v1/projections/city_incidents"
    basis = (await timeline.get(path)).json["basis"]
    assert (await timeline.get(path, **basis)).status == 200
    for name in ("version", "generation"):
        answer = await timeline.get(path, **{**basis, name: basis[name] + 1})
        assert (answer.status, answer.slug) == (400, "bad-request")
        assert list(answer.faults) == [f"/{name}"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("at=yesterday", "/at"),
        ("at=", "/at"),
        ("at=2025-11-19T25:00", "/at"),
        ("at=1763510400", "/at"),
        ("at=0001-01-01", "/at"),
        ("known_at=9999-12-31", "/known_at"),
        ("known_at=2025-11-19T04:00%2B99:00", "/known_at"),
        ("known_at=%D9%A2%D9%A0%D9%A2%D9%A5-01-01", "/known_at"),
        ("at_position=1_0", "/at_position"),
        ("at_position=%201", "/at_position"),
        ("at_position=1%20", "/at_position"),
        ("at_position=%2B1", "/at_position"),
        ("at_position=-1", "/at_position"),
        ("at_position=1.0", "/at_position"),
        ("at_position=1e1", "/at_position"),
        ("at_position=%D9%A1", "/at_position"),
        ("at_position=%EF%BC%91", "/at_position"),
        ("at_position=%C2%B2", "/at_position"),
        ("at_position=0x1", "/at_position"),
        ("at_position=", "/at_position"),
        ("at_position=1%00", "/at_position"),
        ("at_position=99999999999999999999999", "/at_position"),
        ("at_position=9007199254740992", "/at_position"),
        ("at_position=111", "/at_position"),
        ("min_position=1_0", "/min_position"),
        ("min_position=-1", "/min_position"),
        ("basis=guessed", "/basis"),
        ("by=guessed", "/basis"),
        ("at=2025-01-01&at=2025-01-02", "/at"),
        ("at_position=1&at_position=2", "/at_position"),
        ("open=maybe", "/open"),
    ],
)
async def test_a_moment_that_cannot_be_read_is_refused(timeline: Served, query: str, pointer: str):
    for path in ("/v1/projections/city_incidents", "/v1/events", "/v1/subjects/strike:2025-11-19-ternopil"):
        answer = await timeline.get(f"{path}?{query}")
        assert (answer.status, answer.slug) == (400, "bad-request"), answer
        assert list(answer.faults) == [pointer]


async def test_an_offset_may_be_written_with_a_bare_plus_sign(timeline: Served):
    bare = await timeline.ask("GET", "/v1/projections/city_incidents?at=2025-12-20T00:00+02:00&x%2Dy"[:-6])
    assert bare.status == 200
    assert bare.json["basis"]["at"] == "2025-12-19T22:00:00Z"


async def test_a_grouping_of_the_tally_is_what_folding_afresh_gives(timeline: Served):
    tally = PROJECTIONS["city_incidents"]
    assert isinstance(tally, Tally)
    events = await read_after(timeline.service.pool, 0, 1_000)  # type: ignore[arg-type]
    for by in tally.dimensions:
        rows = await timeline.rows("city_incidents", group_by=by)
        grouping = parse_grouping(tally, {}, [by])
        assert rows == Afresh(events, "Europe/Kyiv").rows(tally, NOW, grouping)


# ---------------------------------------------------------------------------------- the largest, and the period before


def on_day(day: str, place: str = "Odesa", **changes: Any) -> dict[str, Any]:
    occurred = {"start": day, "precision": "day", "tz": "Europe/Kyiv"}
    return strike(occurred=occurred, place={"name": place, "country": "UA", "precision": "settlement"}, **changes)


async def test_the_largest_groups_come_first_and_no_more_than_asked_for(service: Served):
    await service.add(on_day("2025-11-01", "Kyiv", killed=9), *(on_day("2025-11-02") for _ in range(3)))
    await service.add(on_day("2025-11-03", "Lviv"), on_day("2025-11-03", "Sumy"))
    top = await service.rows("city_incidents", top=3)
    assert [row["name"] for row in top.values()] == ["Odesa", "Sumy", "Lviv"]  # equal ones by key
    assert list(top)[1:] == sorted([*top][1:])
    deadliest = await service.rows("city_incidents", top=1, order_by="killed.best")
    assert list(deadliest) == [KYIV_CITY]
    everything = await service.rows("city_incidents")
    assert await service.rows("city_incidents", order_by="incidents") == everything
    assert (await service.rows("city_incidents", top=10_000)) == everything
    before = await service.rows("city_incidents", top=1, order_by="incidents", at_position=1)
    assert list(before) == [KYIV_CITY]
    assert await service.rows("city_incidents", top=1, basis="reported") == await service.rows("city_incidents", top=1)


async def test_what_a_top_leaves_out_is_told_with_its_figures(service: Served):
    await service.add(*(on_day("2025-11-02", killed=1) for _ in range(3)), on_day("2025-11-03", "Kyiv", killed=4))
    await service.add(on_day("2025-11-03", "Sumy"))
    await service.settled()
    for more in ({"format": "json"}, {"format": "geojson"}, {"basis": "reported"}):
        answer = await service.get("/v1/projections/city_incidents", top=1, **more)
        rest = answer.json["rest"]
        assert (rest["rows"], rest["incidents"], rest["killed"]["best"]) == (2, 2, 5), more
        whole = await service.get("/v1/projections/city_incidents", top=3, **more)
        assert "rest" not in whole.json


async def test_the_latest_events_come_first_where_they_are_asked_by_when_they_occurred(service: Served):
    await service.add(*(on_day(f"2025-11-0{day}") for day in (2, 4, 1, 3)))
    asked = {"group_by": "day,occurred,event", "order_by": "occurred", "top": 2}
    rows = await service.rows("daily_timeline", **asked)
    assert [row["day"] for row in rows.values()] == ["2025-11-04", "2025-11-03"]


async def test_a_period_is_compared_with_the_one_before(service: Served):
    july = [on_day("2025-07-03", killed=2), on_day("2025-07-31"), on_day("2025-07-09", "Kyiv")]
    june = [on_day("2025-06-30", killed=5), on_day("2025-05-31", "Lviv"), on_day("2025-05-30", "Lviv")]
    await service.add(*july, *june)
    asked = {"since": "2025-07-01", "until": "2025-08-01", "compare": "previous"}
    answer = await service.get("/v1/projections/city_incidents", **asked, min_position=6)
    assert answer.json["compared"] == {
        "period": {"since": "2025-07-01", "until": "2025-08-01"},
        "previous": {"since": "2025-05-31", "until": "2025-07-01"},
    }
    rows = answer.json["rows"]
    told = {
        row["name"]: (row["previous"]["incidents"], row["incidents"], row["change"]["incidents"]["absolute"])
        for row in rows.values()
    }
    assert told == {"Odesa": (1, 2, 1), "Kyiv": (0, 1, 1), "Lviv": (1, 0, -1)}
    assert rows[ODESA]["change"]["incidents"]["relative"] == 1.0
    assert rows[KYIV_CITY]["change"]["incidents"]["relative"] is None
    now = await service.rows("city_incidents", since="2025-07-01", until="2025-08-01")
    assert {k: {n: v for n, v in rows[k].items() if n not in {"previous", "change"}} for k in now} == now
    fell = await service.rows("city_incidents", **asked, order_by="previous.killed.best", top=1)
    assert list(fell) == [ODESA]
    known = await service.rows("city_incidents", **asked, at_position=3)
    assert all(row["previous"]["incidents"] == 0 for row in known.values())
    assert (await service.rows("city_incidents", **asked, kind="alert")) == {}
    assert await service.rows("city_incidents", **asked, basis="reported") == rows


async def test_what_is_shaped_stays_as_it_was_given_too(service: Served):
    """P3."""
    await service.add(on_day("2025-07-03"), on_day("2025-06-30", "Kyiv"))
    asked = {"since": "2025-07-01", "until": "2025-08-01", "compare": "previous", "top": "5"}
    first = await service.get("/v1/projections/city_incidents", **asked, min_position=2)
    await service.add(on_day("2025-07-04", "Kyiv"), on_day("2025-06-29"))
    await service.settled()
    again = await service.get("/v1/projections/city_incidents", **asked, **first.json["basis"])
    assert again.raw == first.raw


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("top=0", {"/top": "not_a_number"}),
        ("top=99999999999999999999999999", {"/top": "not_a_number"}),
        ("top=%D9%A3", {"/top": "not_a_number"}),
        ("top=3&top=4", {"/top": "repeated"}),
        ("order_by=nothing&town=x", {"/order_by": "unknown_figure", "/town": "unknown_dimension"}),
        ("order_by=%F0%9F%92%A5", {"/order_by": "unknown_figure"}),
        ("compare=previous", {"/compare": "no_period"}),
        ("compare=previous&since=2025-07-01&until=2025-08-01&group_by=week", {"/group_by": "not_comparable"}),
    ],
)
async def test_a_shape_that_cannot_be_is_refused(timeline: Served, query: str, faults: dict[str, str]):
    answer = await timeline.get(f"/v1/projections/city_incidents?{query}&min_position=%31")
    assert (answer.status, answer.faults) == (400, faults)


async def test_more_groups_than_an_answer_has_room_for_are_refused(service: Served, monkeypatch: pytest.MonkeyPatch):
    await service.add(on_day("2025-11-01"), on_day("2025-11-01", "Kyiv"))
    await service.settled()
    monkeypatch.setattr(api_rows, "ROWS", 1)
    answer = await service.get("/v1/projections/city_incidents")
    assert (answer.status, answer.slug) == (413, "too-large")
    assert "group it by less" in answer.json["detail"]
    assert (await service.get("/v1/projections/city_incidents", group_by="kind")).status == 200
    few = await service.get("/v1/projections/city_incidents", top=1)  # of however many groups its rows are the first
    assert (few.status, few.json["rest"]["rows"]) == (200, 1)
    monkeypatch.setattr(api_rows, "GROUPS", 1)
    assert (await service.get("/v1/projections/city_incidents", top=1)).status == 413


async def test_a_document_has_no_top(timeline: Served):
    answer = await timeline.get("/v1/projections/ceasefire_status", top="3", compare="previous", order_by="x")
    assert (answer.status, answer.faults.keys()) == (400, {"/top", "/compare", "/order_by"})
