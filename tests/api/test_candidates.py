"""Which subjects may be one told twice, as they are asked for (docs/corrections.md, The rules, R6)."""

from dataclasses import asdict

from incidentlog.projections.candidates import candidates as compared
from incidentlog.store.answer import read_subject
from tests.api.serving import Served, make_key
from tests.commands import about, strike
from tests.subjects.given import merge


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
