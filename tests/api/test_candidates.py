"""Which subjects may be one told twice, as they are asked for (docs/corrections.md, The rules, R6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import orjson
import pytest

from incidentlog.api.candidates import REVIEWS
from incidentlog.projections.candidates import candidates as compared
from incidentlog.projections.suspects import Suspected
from incidentlog.store.answer import read_subject
from incidentlog.store.suspects import Progress, suspected
from tests.api.serving import Served, make_key
from tests.commands import about, strike
from tests.subjects.given import id_of, merge


async def candidates(service: Served, event: dict[str, object], **moment: object) -> list[str]:
    asked = {"min_position": await service.head(), **moment}
    answer = await service.get(f"/v1/subjects/strike:{event['id']}/candidates", **asked)
    assert answer.status == 200, answer
    return [c["stream"] for c in answer.json["candidates"]]


async def test_a_strike_told_twice_is_suggested_until_it_is_merged(service: Served):
    one, other = strike(stream=None), strike(stream=None)
    await service.add(one)
    assert await candidates(service, one) == []
    positions = await service.add(other)
    assert await candidates(service, one) == [f"strike:{other['id']}"]
    await service.add(merge(f"strike:{one['id']}", f"strike:{other['id']}"))
    assert await candidates(service, one) == []
    assert await candidates(service, one, at_position=positions[-1]) == [f"strike:{other['id']}"]


async def test_what_a_reader_may_not_see_is_not_suggested_to_it(service: Served):
    one = strike(stream=None)
    await service.add(one, strike(stream=None, tlp="RED"))
    await make_key(service.access, "reader", "a-readers-key", scopes=["read"])
    assert await candidates(service.by("a-readers-key"), one) == []
    assert len(await candidates(service, one)) == 1


async def test_of_nothing_there_are_none_and_reported_is_refused(service: Served):
    one = strike(stream=None)
    await service.add(one)
    asked = {"min_position": await service.head()}
    assert (await service.get("/v1/subjects/strike:nowhere/candidates", **asked)).status == 404
    refused = await service.get(f"/v1/subjects/strike:{one['id']}/candidates", basis="reported")
    assert (refused.status, list(refused.faults)) == (400, ["/basis"])


def somewhere(lat: float, lon: float, name: str = "A yard") -> dict[str, object]:
    """A point that no settlement's name is known of."""
    return {"name": name, "lat": lat, "lon": lon, "precision": "exact"}


async def test_whatever_the_comparison_suggests_is_among_what_is_read_to_be_compared(service: Served):
    """What is nowhere near is not read; nothing that is near is missed, on whatever side and by whatever event."""
    odesa = {"name": "Odesa", "country": "UA", "precision": "settlement"}
    places = [
        odesa, odesa | {"name": "Odessa"}, odesa | {"name": "Usatove"}, odesa | {"name": "Mykolaiv"},
        odesa | {"name": "Nowhere at all"}, odesa | {"name": "Nowhere at all"}, {"name": "Ukraine", "precision": "country"},
        somewhere(46.48, 30.73), somewhere(46.58, 30.73), somewhere(46.48, 30.9), somewhere(46.7, 30.73),
        somewhere(-17.0, 179.95), somewhere(-17.0, -179.95), somewhere(-17.0, 179.0),
        somewhere(89.95, 10.0), somewhere(89.95, -170.0), somewhere(60.0, 10.0), somewhere(60.0, 10.26), somewhere(60.0, 10.28),
    ]  # fmt: skip
    events = [strike(stream=f"strike:{n}", place=place) for n, place in enumerate(places)]
    moved, merged = (
        strike(stream="strike:moved", place=odesa | {"name": "Lviv"}),
        strike(stream="strike:merged", place=None),
    )
    taken = strike(stream="strike:taken", place=odesa)
    nowhere = strike(stream="strike:nowhere", place=None)
    await service.add(*events, moved, merged, taken, nowhere)
    await service.add(about("amended", moved["id"], patch={"place": odesa}, reason="it was there"))
    await service.add(merge("strike:merged", "strike:taken"))
    head = await service.settled()
    streams = [*(e["stream"] for e in events), "strike:moved", "strike:merged", "strike:nowhere"]
    subjects = {s: await read_subject(service.service.pool, s, 4, head) for s in streams}
    known = [subject for subject in subjects.values() if subject is not None]
    suggested = 0
    for stream, subject in subjects.items():
        assert subject is not None
        asked = (await service.get(f"/v1/subjects/{stream}/candidates", at_position=head)).json
        assert asked["candidates"] == [asdict(c) for c in compared(subject, known)], stream
        assert "incomplete" not in asked
        suggested += len(asked["candidates"])
    assert suggested > 30


async def test_whatever_happened_then_is_read_to_be_compared(service: Served):
    """What happened long before or after is not read; nothing is missed that lasted until then, or was moved there."""
    days = ["2025-11-17", "2025-11-18", "2025-11-19", "2025-11-20", "2025-11-21"]
    times = [*days, "2025-11-18T00:00", "2025-11-20T23:59", "2025-11-21T00:01"]
    said = [{"start": t, "precision": "minute" if "T" in t else "day", "tz": "Europe/Kyiv"} for t in times]
    said += [{"start": f"2025-{month}-01", "precision": "month", "tz": "Europe/Kyiv"} for month in (11, 10)]
    said += [{"start": "2025-11-10", "end": "2025-11-18", "precision": "day", "tz": "Europe/Kyiv"}]
    events = [strike(stream=f"strike:{n}", occurred=occurred) for n, occurred in enumerate(said)]
    moved, merged, taken, never = (
        strike(stream=f"strike:{name}", occurred=said[0] | {"start": day})
        for name, day in (("moved", "2025-10-30"), ("merged", "2025-10-29"), ("taken", "2025-11-19"), ("never", "2025-11-19"))
    )  # fmt: skip
    await service.add(*events, moved, merged, taken, never)
    patch = {"occurred": said[2]}
    await service.add(about("amended", moved["id"], patch=patch, reason="it was then"))
    await service.add(merge("strike:merged", "strike:taken"))
    await service.add(about("retracted", never["id"], reason="a rumour"))
    head = await service.settled()
    streams = [*(e["stream"] for e in events), "strike:moved", "strike:merged"]
    subjects = {s: await read_subject(service.service.pool, s, 4, head) for s in streams}
    known = [subject for subject in subjects.values() if subject is not None]
    told = {}
    for stream, subject in subjects.items():
        assert subject is not None
        asked = (await service.get(f"/v1/subjects/{stream}/candidates", at_position=head)).json
        assert asked["candidates"] == [asdict(c) for c in compared(subject, known)], stream
        told[stream] = {c["stream"] for c in asked["candidates"]}
    assert "strike:moved" in told["strike:2"]
    assert "strike:8" in told["strike:2"]
    assert "strike:9" not in told["strike:2"]
    assert told["strike:10"] >= {"strike:0", "strike:2"}


async def test_an_alert_that_lasts_is_suggested_for_one_within_it(service: Served):
    day = "2025-11-{}T12:00"
    place = {"name": "Odeska oblast", "country": "UA", "precision": "admin1"}
    for name, since, until in (("long", "14", "24"), ("short", "19", None), ("over", "13", "15")):
        own = {"stream": f"alert:{name}", "place": place, "data": {"level": "oblast"}}
        occurred = {"start": day.format(since), "precision": "minute", "tz": "Europe/Kyiv"}
        await service.add(alert(name, "10:00", **own, occurred=occurred))
        if until is not None:
            lifted = {**own, "type": "alert.lifted", "occurred": occurred | {"start": day.format(until)}, "data": {}}
            await service.add(alert(f"{name} lifted", "10:00", **lifted))
    head = await service.settled()
    asked = (await service.get("/v1/subjects/alert:short/candidates", at_position=head)).json
    assert [c["stream"] for c in asked["candidates"]] == ["alert:long"]


# ------------------------------------------------------------------------------------------------- of a whole import

AREA = {"name": "Odeska oblast", "country": "UA", "admin1": "Odeska oblast", "precision": "admin1"}


def alert(name: str, start: str, **more: Any) -> dict[str, Any]:
    """An alert that a list tells of under an id of its own."""
    occurred = {"start": f"2023-08-01T{start}", "precision": "minute", "tz": "Europe/Kyiv"}
    source = {"source_id": more.pop("source", "official"), "title": "A list", "reliability": "B", "credibility": 2}
    ids = [{"scheme": "alerts", "id": name}]
    said = {"id": id_of(name), "type": "alert.declared", "stream": f"alert:{name}", "occurred": occurred, "place": AREA}
    return {**said, "sources": [source], "external_ids": ids, "data": {"level": "oblast"}, **more}


async def reviewed(service: Served, number: int, **asked: Any) -> dict[str, Any]:
    answer = await service.get("/v1/candidates", **{"import": number, "min_position": await service.head(), **asked})
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json
    return told


async def test_all_that_an_import_may_have_told_again_is_listed_the_best_first_until_it_is_merged(service: Served):
    await service.add(alert("one", "10:00"), alert("two", "12:00"), alert("hidden", "12:01", tlp="RED"))
    (number,) = await service.add(
        {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}}
    )
    mine = [alert(f"v{n}", start, source="volunteers") for n, start in enumerate(("10:09", "12:01", "23:00"))]
    released = alert("of the next release", "23:00", source="volunteers", stream="alert:released")
    assert (await service.bulk(*mine, **{"import": str(number)})).status == 201
    await service.add(released)
    key = "a-key-of-one-who-sees-what-is-clear"
    await make_key(service.access, "reader", key, scopes=["read"])
    seen = service.by(key)
    told = await reviewed(seen, number)
    assert (told["subjects"], told["suspected"], told["likely"], "incomplete" in told) == (3, 3, 2, False)
    assert [(g["stream"], g["candidates"][0]["stream"], g["candidates"][0]["likely"]) for g in told["groups"]] == [
        ("alert:v1", "alert:two", True), ("alert:v0", "alert:one", True), ("alert:v2", "alert:two", False),
    ]  # fmt: skip
    assert (
        told["groups"][2]["candidates"][-1] | {"stream": "alert:released", "same_source": True, "likely": False}
        == (told["groups"][2]["candidates"][-1])
    )
    assert "alert:hidden" in orjson.dumps(await reviewed(service, number)).decode()
    assert "alert:hidden" not in orjson.dumps(told).decode()
    first = await reviewed(seen, number, limit=2)
    rest = (await seen.ask("GET", first["next"])).json
    assert (first["groups"] + rest["groups"], "next" in rest) == (told["groups"], False)
    basis = told["basis"]["position"]
    await service.add(merge("alert:two", "alert:v1"))
    assert [g["stream"] for g in (await reviewed(seen, number))["groups"]] == ["alert:v0", "alert:v2"]
    assert (await reviewed(seen, number, at_position=basis, at=told["basis"]["at"])) == told  # P3


async def test_what_is_hidden_of_an_import_or_of_others_makes_no_difference(service: Served):
    said = {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}}
    (number,) = await service.add(said)
    assert (await service.bulk(alert("one", "10:00"), **{"import": str(number)})).status == 201
    await service.add(alert("released", "10:00"), alert("other", "10:05", source="volunteers"))
    key = "a-key-of-one-who-sees-what-is-clear"
    await make_key(service.access, "reader", key, scopes=["read"])
    before = await reviewed(service.by(key), number)
    assert before["subjects"] == 1
    told = {c["stream"]: c["same_source"] for c in before["groups"][0]["candidates"]}
    assert told == {"alert:released": True, "alert:other": False}

    taken = [alert(f"hidden of {name}", "10:01", stream=f"alert:{name}", tlp="RED") for name in ("other", "released")]
    taken[0]["external_ids"] = [{"scheme": "volunteers", "id": "1"}]
    assert (await service.bulk(*taken, **{"import": str(number)})).status == 201
    await service.add({**about("remarked", taken[1]["id"], tlp="AMBER", reason="more know it"), "tlp": "RED"})
    after = await reviewed(service.by(key), number)
    assert (after["subjects"], after["groups"]) == (before["subjects"], before["groups"])


async def test_an_import_that_is_not_there_or_not_seen_is_not_found(service: Served):
    said = {"type": "import.begun", "stream": "import:a", "tlp": "AMBER", "data": {"files": [{"name": "a.csv"}]}}
    (number,) = await service.add(said)
    await service.add(strike())
    key = "a-key-of-one-who-sees-what-is-clear"
    await make_key(service.access, "reader", key, scopes=["read"])
    assert (await service.by(key).get("/v1/candidates", **{"import": number})).status == 404
    assert (await service.get("/v1/candidates", **{"import": number + 1})).status == 404
    assert (await service.get("/v1/candidates", **{"import": number})).json["groups"] == []
    for wrong in ({}, {"import": "0"}, {"import": "x"}, {"import": number, "basis": "reported"}):
        assert (await service.get("/v1/candidates", **wrong)).status == 400, wrong


async def test_of_a_long_import_the_first_subjects_are_compared_and_that_is_said(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.store.suspects.OWN", 2)
    await service.add(alert("one", "10:00"), alert("two", "12:00"))
    (number,) = await service.add(
        {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}}
    )
    mine = [alert(name, start, source="volunteers") for name, start in (("z", "10:01"), ("y", "12:01"), ("a", "12:02"))]
    assert (await service.bulk(*mine, **{"import": str(number)})).status == 201
    told = await reviewed(service, number)
    assert (told["subjects"], told["incomplete"]) == (2, True)
    assert {group["stream"] for group in told["groups"]} == {"alert:z", "alert:y"}


async def test_a_review_that_takes_long_says_how_far_it_is_and_is_made_once(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """It goes on, whoever asks; what it finds is that of the position at which it began."""
    going, begun = asyncio.Event(), list[int]()

    async def held(*args: Any, **moment: Any) -> AsyncIterator[Suspected]:
        begun.append(moment["position"])
        progress: Progress = args[3]
        progress.subjects, progress.compared = 3, 1
        await going.wait()
        async with aclosing(suspected(*args, **moment)) as found:
            async for each in found:
                yield each

    monkeypatch.setattr("incidentlog.api.candidates.suspected", held)
    monkeypatch.setattr(service.app[REVIEWS], "patience_seconds", 0.01)
    await service.add(alert("one", "10:00"))
    said = {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}}
    (number,) = await service.add(said)
    mine = [alert(name, start, source="volunteers") for name, start in (("z", "10:01"), ("y", "12:01"), ("a", "12:02"))]
    assert (await service.bulk(*mine, **{"import": str(number)})).status == 201
    asked = {"import": number, "min_position": await service.head()}
    first = await service.get("/v1/candidates", **asked, limit=1)
    assert (first.status, first.headers["Retry-After"]) == (202, "1")
    async with asyncio.timeout(60):
        while not begun:  # who asks first may be answered before it begins
            await asyncio.sleep(0)
    told = await service.ask("GET", first.json["next"])
    assert {name: told.json[name] for name in ("import", "subjects", "compared")} == {
        "import": number, "subjects": 3, "compared": 1,
    }  # fmt: skip
    await service.add(alert("two", "12:00"))
    assert (await service.ask("GET", first.json["next"])).status == 202
    going.set()
    async with asyncio.timeout(60):
        while (done := await service.ask("GET", first.json["next"])).status != 200:  # each waits a little itself
            pass
    assert (done.json["basis"]["position"], done.json["suspected"], len(done.json["groups"])) == (begun[0], 3, 1)
    assert len(begun) == 1
