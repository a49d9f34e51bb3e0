"""A reader lives in the world of the events marked up to its clearance (P5): two logs that differ only above it."""

from collections.abc import Mapping
from typing import Any

from incidentlog.embedded import Server
from incidentlog.projections import PROJECTIONS
from tests.api.serving import Served, make_key, serving
from tests.commands import strike
from tests.conftest import log_called
from tests.subjects.given import Event, about, amend, day, event, id_of, merge, minute, remark, retract

AT = "2026-02-12T12:00"
TRUCE, CLEAR_KEY = "ceasefire:truce", "a-key-cleared-for-clear"
NOWHERE = {"name": "Nowhere Town", "country": "UA", "precision": "settlement"}


def struck(called: str, stream: str, **more: Any) -> Event:
    said = strike(stream=stream, **more)
    return {**said, "id": id_of(called)}


def claim(called: str, on: str, by: str = "UKR", severity: str = "serious") -> Event:
    accused = ["RUS" if by == "UKR" else "UKR"]
    said = {"ceasefires": [TRUCE], "accused": accused, "claimed_by": by, "severity": severity, "count": 2}
    return event("violation.reported", f"violation:{called}", called, occurred=minute(on), data=said)


def hidden(said: Event) -> Event:
    return {**said, "tlp": "RED"}


TERMS = {"sidedness": "bilateral", "scope": ["general"], "effective_from": "2026-02-01", "parties": ["RUS", "UKR"]}
PARTIES = [{"code": code, "role": "party"} for code in ("UKR", "RUS")]
HELD = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": True, "outcome": "none"}
POLICY = {"policy": "compliance", "values": {"window_hours": 700}}
SEEN: list[Event] = [
    struck("one", "strike:one", place=NOWHERE),
    struck("two", "strike:two", place=NOWHERE, killed=2),
    event("ceasefire.agreed", TRUCE, "agreed", occurred=day("2026-01-30"), data=TERMS),
    claim("a", "2026-02-10T10:00"),
    event("talk.held", "talk:one", "talk", occurred=day("2026-01-10"), actors=PARTIES, data=HELD),
    amend("two", {"data": {"casualties": {"killed": {"best": 5}}}}, "amended"),
    {**event("policy.changed", "policy:compliance", "policy", data=POLICY), "sources": []},
    event("remains.repatriated", "remains:one", "remains", occurred=day("2026-02-02"), to="UKR", count=7),
    event("commitment.made", "commitment:one", "made", obligor="RUS", kind="goal", text="a goal", due="2026-02-20"),
    merge("strike:one", "strike:two", name="merged"),
    claim("b", "2026-02-11T10:00", by="RUS"),
    retract("merged", "unmerged"),
    struck("low", "strike:low"),
]
"""What everybody may see."""
ABOVE: dict[int, list[Event]] = {
    0: [hidden(struck("first", "strike:hidden", place={**NOWHERE, "name": "NOWHERE TOWN"}))],
    2: [hidden(retract("one")), hidden(amend("two", {"place": {"name": "Kyiv", "country": "UA", "place_id": None}}))],
    3: [hidden(event("ceasefire.terminated", TRUCE, "over", occurred=day("2026-02-05"), mode="collapsed"))],
    4: [hidden(claim("c", "2026-02-10T09:00", severity="grave")), hidden(about("record.corroborated", "a"))],
    5: [hidden(event("talk.held", "talk:two", "talk2", occurred=day("2026-01-20"), actors=PARTIES, data=HELD)),
        hidden(event("talk.cancelled", "talk:one", "not", occurred=day("2026-01-09"), by="RUS"))],
    8: [hidden(event("commitment.fulfilled", "commitment:one", "kept", occurred=day("2026-02-12"), data={}))],
    9: [hidden(event("ceasefire.position_stated", TRUCE, "said", occurred=day("2026-02-03"), party="RUS", stated_status="over")),
        hidden(merge("violation:a", "violation:c", name="hidden merge"))],
    11: [hidden(struck("third", "strike:one", place=NOWHERE, killed=40)), hidden(amend("agreed", {"data": {"scope": ["local"]}}))],
    13: [remark("low", "CLEAR", "remarked"), hidden(struck("last", "strike:low", killed=9))],
}  # fmt: skip
"""What is marked, after so many of those."""
STREAMS = sorted({e["stream"] for e in [*SEEN, *(e for es in ABOVE.values() for e in es)] if "stream" in e})
ASKED = [
    *(f"projections/{name}" for name in PROJECTIONS),
    "projections/city_incidents?group_by=place,day,verification,side",
    "projections/violations?group_by=ceasefire,claimant,verification",
    "projections/actor_participation?group_by=actor,with",
    f"projections/ceasefire_status/{TRUCE}",
]
ABOUT = [*(f"subjects/{stream}" for stream in STREAMS), *(f"subjects/{stream}/history" for stream in STREAMS)]


async def test_what_is_marked_higher_makes_no_difference_at_any_position(server: Server):
    async with (
        log_called("test_two_logs", server) as one,
        log_called("test_two_logs", server) as other,
        serving(one) as plain,
        serving(other) as mixed,
    ):
        for service in (plain, mixed):
            await make_key(service.access, "clear", CLEAR_KEY, scopes=("read",))
        reached: list[tuple[int, int]] = []
        """After each event that everybody sees: the position in either log, and how far the marked ones go on."""
        places: dict[int, int] = {}
        end = 0
        for n in range(len(SEEN) + 1):
            for said in ABOVE.get(n, ()):
                if said["tlp"] == "CLEAR":  # a remark that changes nothing is seen by all
                    (place,) = await plain.add(said)
                    (end,) = await mixed.add(said)
                    places[end] = place
                else:
                    (end,) = await mixed.add(said)
            if n:
                reached.append((max(places.values()), end))
            if n < len(SEEN):
                (place,) = await plain.add(SEEN[n])
                (end,) = await mixed.add(SEEN[n])
                places[end] = place
                reached.append((place, end))
        await plain.settled()
        await mixed.settled()
        alone = {place: place for place in places.values()}
        moments = list(dict.fromkeys(reached))
        for place, position in moments:
            # The histories of the end have all versions in them.
            for path in [*ASKED, *(ABOUT if (place, position) in moments[-2:] else ())]:
                expected = await seen(plain, path, place, alone)
                assert await seen(mixed, path, position, places) == expected, (path, place, position)
        whole = (await mixed.get("/v1/projections/city_incidents", at=AT, at_position=end)).json["rows"]
        everybodys = await mixed.by(CLEAR_KEY).get("/v1/projections/city_incidents", at=AT, at_position=end)
        assert whole != everybodys.json["rows"]


async def seen(service: Served, path: str, position: int, places: Mapping[int, int]) -> tuple[int, Any]:
    """What a reader of what is CLEAR is answered, with positions as the log has them in which nothing else is."""
    answer = await service.by(CLEAR_KEY).get(f"/v1/{path}", at=AT, at_position=position)
    body = answer.json
    for name in ("basis", "trace_id"):
        body.pop(name, None)
    return answer.status, placed(body, places)


def placed(body: Any, places: Mapping[int, int]) -> Any:
    if isinstance(body, list):
        return [placed(item, places) for item in body]
    if not isinstance(body, dict):
        return body
    return {
        name: places.get(value, f"the position {value} of something else")
        if name in {"position", "from_position", "to_position"} and value
        else placed(value, places)
        for name, value in body.items()
    }
