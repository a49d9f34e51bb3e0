"""What changed between two states of knowledge, and why: added, changed, withdrawn, each with the events that did it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from incidentlog.embedded import Server
from incidentlog.projections import PROJECTIONS
from tests.api.serving import NOW, Answer, Served, make_key, serving
from tests.commands import about, retraction, strike
from tests.conftest import log_called
from tests.subjects.given import merge

ODESA, KYIV_CITY = "geonames:698740", "geonames:703448"
KYIV = {"name": "Kyiv", "country": "UA", "precision": "settlement"}
KINDS = ("added", "changed", "withdrawn")


async def diff(service: Served, **params: Any) -> Any:
    answer = await service.get("/v1/diff", **{"min_position": await service.head(), **params})
    assert answer.status == 200, answer
    return answer.json


def summary(found: Any) -> dict[str, dict[str, list[int]]]:
    """The positions that caused each difference, by kind and key; what there is none of is left out."""
    told = {kind: {key: [c["position"] for c in e["causes"]] for key, e in found[kind].items()} for kind in KINDS}
    return {kind: own for kind, own in told.items() if own}


async def test_a_tally_tells_rows_added_changed_and_withdrawn_with_the_positions_that_did_it(service: Served):
    one, gone = strike(killed=2), strike(place=KYIV)
    await service.add(one, gone)
    lviv = {"name": "Lviv", "country": "UA", "precision": "settlement"}
    undo = retraction(gone["id"])
    await service.add(strike(killed=3), strike(place=lviv), undo)
    found = await diff(service, projection="city_incidents", from_position=2, to_position=5)
    assert summary(found) == {
        "added": {"geonames:702550": [4]}, "changed": {ODESA: [3]}, "withdrawn": {KYIV_CITY: [5]},
    }  # fmt: skip
    changed = found["changed"][ODESA]
    assert (changed["before"]["incidents"], changed["after"]["incidents"]) == (1, 2)
    assert changed["before"]["killed"]["best"] == 2
    assert {"incidents", "killed.best"} <= {*changed["fields"]}
    assert "position" not in changed["fields"]
    assert found["withdrawn"][KYIV_CITY]["after"] is None
    assert found["added"]["geonames:702550"]["before"] is None
    assert found["withdrawn"][KYIV_CITY]["causes"] == [
        {"position": 5, "event_id": undo["id"], "type": "record.retracted"}
    ]
    assert found["basis"].items() >= {"from_position": 2, "to_position": 5, "by": "recorded"}.items()


async def test_before_and_after_are_the_rows_that_a_reader_gets_at_either_position(service: Served):
    await service.add(strike(), strike(place=KYIV), strike(stream="strike:one"), strike(stream="strike:two"))
    await service.add(merge("strike:one", "strike:two"), strike(killed=7))
    for by in ("place", "place,day,kind", "kind,verification", "month", "side,week,country"):
        old = await service.rows("city_incidents", group_by=by, at="2026-02-01", at_position=3)
        new = await service.rows("city_incidents", group_by=by, at="2026-02-01", at_position=6)
        found = await diff(
            service, projection="city_incidents", group_by=by, at="2026-02-01", from_position=3, to_position=6
        )
        told = {key: (e["before"], e["after"]) for kind in KINDS for key, e in found[kind].items()}
        assert told == {key: (old.get(key), new.get(key)) for key in {*old, *new} if old.get(key) != new.get(key)}, by
        assert told


async def test_what_was_booked_and_came_to_nothing_is_no_difference(service: Served):
    passing = strike()
    await service.add(strike(), passing, retraction(passing["id"]))
    assert summary(await diff(service, projection="city_incidents", from_position=1)) == {}
    assert summary(await diff(service, projection="city_incidents", from_position=0)) == {"added": {ODESA: [1, 2, 3]}}


async def test_what_has_not_happened_by_then_is_no_difference(service: Served):
    await service.add(strike(occurred={"start": "2025-12-13", "precision": "day", "tz": "Europe/Kyiv"}))
    assert summary(await diff(service, projection="city_incidents", from_position=0, at="2025-12-12")) == {}
    assert summary(await diff(service, projection="city_incidents", from_position=0, at="2025-12-13"))["added"]


async def test_a_diff_can_be_narrowed_like_the_tally(service: Served):
    await service.add(strike(), strike(place=KYIV))
    found = await diff(service, projection="city_incidents", from_position=0, place=KYIV_CITY, group_by="place,kind")
    assert summary(found) == {"added": {f"{KYIV_CITY}|strike": [2]}}
    assert summary(await diff(service, projection="city_incidents", from_position=0, until="2025-11-19")) == {}


def declared(stream: str = "ceasefire:one", **changes: Any) -> dict[str, Any]:
    event = strike(type="ceasefire.agreed", stream=stream)
    event["data"] = {"sidedness": "bilateral", "scope": ["general"], "effective_from": "2025-11-19", **changes}
    return event


def ended() -> dict[str, Any]:
    occurred = {"start": "2025-11-25", "precision": "day", "tz": "Europe/Kyiv"}
    return strike(type="ceasefire.terminated", stream="ceasefire:one", occurred=occurred) | {
        "data": {"mode": "collapsed"}
    }


def violation(stream: str, ceasefire: str = "ceasefire:one", **changes: Any) -> dict[str, Any]:
    event = strike(type="violation.reported", stream=stream, **changes)
    event["data"] = {
        "ceasefires": [ceasefire], "accused": ["RUS"], "claimed_by": "UKR", "severity": "serious", "count": 3,
    }  # fmt: skip
    return event


async def test_a_document_tells_its_versions_and_what_was_booked_in_the_tally_that_it_reads(service: Served):
    await service.add(declared(), declared("ceasefire:two"), declared("ceasefire:three"))
    await service.add(violation("violation:one"), ended(), violation("violation:two", "ceasefire:two"))
    found = await diff(service, projection="ceasefire_status", from_position=3)
    assert summary(found)["changed"].items() >= {"ceasefire:one": [4, 5], "ceasefire:two": [6]}.items()
    assert "ceasefire:three" not in found["changed"]
    one = found["changed"]["ceasefire:one"]
    assert (one["before"]["state"], one["after"]["state"]) == ("in_force", "collapsed")
    assert one["after"]["compliance"]["by_claimant"] == {"UKR": 3}


async def test_a_document_changes_by_a_policy_and_by_what_only_its_details_show(service: Served):
    said = violation("violation:one")
    await service.add(declared(), said, declared("ceasefire:two"))
    widened = {"policy": "compliance", "values": {"window_hours": 4_700}}  # ends before silence would end the ceasefire
    await service.add({"type": "policy.changed", "stream": "policy:compliance", "data": widened})
    found = await diff(service, projection="ceasefire_status", from_position=3)
    assert summary(found)["changed"].items() >= {"ceasefire:one": [4]}.items()
    fields = found["changed"]["ceasefire:one"]["fields"]
    assert {*fields} == {"compliance.in_window", "compliance.in_window.UKR", "compliance.label", "next_transition_at"}
    earlier = about("amended", said["id"], patch={"data": {"period": {"from": "2025-11-19T01:00", "to": "2025-11-19T02:00"}}}, reason="said since")  # fmt: skip
    await service.add(earlier)
    found = await diff(service, projection="ceasefire_status", from_position=4)
    assert found["changed"]["ceasefire:one"]["fields"] == ["next_transition_at"]
    assert summary(found)["changed"]["ceasefire:one"] == [5]


async def test_a_row_about_other_rows_is_caused_by_what_changed_them(service: Served):
    await service.add(declared())
    await service.add(strike(), ended())
    found = await diff(service, projection="ceasefire_status", from_position=1)
    assert summary(found) == {"changed": {"ceasefire:one": [3], "headline": [3]}}


async def test_a_document_whose_every_event_is_retracted_is_withdrawn_and_comes_back_as_added(service: Served):
    event = declared()
    undo = retraction(event["id"])
    await service.add(event, undo, retraction(undo["id"]))
    kinds = [
        [k for k in KINDS if "ceasefire:one" in (await diff(service, projection="ceasefire_status", **pair))[k]]
        for pair in ({"from_position": 1, "to_position": 2}, {"from_position": 2}, {"from_position": 1})
    ]
    assert kinds == [["withdrawn"], ["added"], []]


async def test_a_subject_tells_its_states_and_the_versions_between(service: Served):
    first, later = strike(stream="strike:one"), strike(stream="strike:one", type="strike.assessed")
    later["data"] = {"as_of": "2025-11-20", "casualties": {"killed": {"best": 9}}}
    await service.add(first, strike(), later)
    found = await diff(service, subject="strike:one", from_position=1)
    assert summary(found) == {"changed": {"strike:one": [3]}}
    one = found["changed"]["strike:one"]
    assert one["before"] == (await service.get("/v1/subjects/strike:one", at_position=1)).json["state"]
    assert one["after"] == (await service.get("/v1/subjects/strike:one", at_position=3)).json["state"]
    assert "casualties.killed.best" in one["fields"]
    assert summary(await diff(service, subject="strike:one", from_position=0)) == {"added": {"strike:one": [1, 3]}}
    await service.add(retraction(first["id"]), retraction(later["id"]))
    assert summary(await diff(service, subject="strike:one", from_position=3)) == {"withdrawn": {"strike:one": [4, 5]}}


async def test_a_merged_subject_is_withdrawn_and_says_where_it_went(service: Served):
    await service.add(strike(stream="strike:one"), strike(stream="strike:two"), merge("strike:one", "strike:two"))
    found = await diff(service, subject="strike:two", from_position=2)
    assert found["withdrawn"]["strike:two"]["absorbed_into"] == "strike:one"
    assert summary(await diff(service, subject="strike:one", from_position=2)) == {"changed": {"strike:one": [3]}}
    both = await diff(service, from_position=2)
    assert summary(both) == {"changed": {"strike:one": [3]}, "withdrawn": {"strike:two": [3]}}
    await service.add(strike(stream="strike:one", type="strike.assessed") | {"data": {"as_of": "2025-11-21"}})
    followed = await diff(service, subject="strike:two", from_position=3)
    assert summary(followed) == {"changed": {"strike:one": [4]}}


async def test_without_either_every_subject_is_told_and_which_projections_changed(service: Served):
    await service.add(strike(stream="strike:one"), declared())
    await service.add(strike(stream="strike:two"), violation("violation:one"))
    found = await diff(service, from_position=2)
    assert summary(found) == {"added": {"strike:two": [3], "violation:one": [4]}}
    assert "before" not in found["added"]["strike:two"]
    moved = {p["name"]: p["position"] for p in found["projections"]}
    assert moved.items() >= {"city_incidents": 3, "violations": 4, "daily_timeline": 4}.items()
    assert {"talks_ledger", "ceasefire_status"}.isdisjoint(moved)


@pytest.mark.parametrize("what", [{}, {"projection": "city_incidents"}, {"projection": "daily_timeline"}])
async def test_a_diff_comes_in_pages_and_later_events_do_not_move_them(service: Served, what: dict[str, str]):
    places = [
        {"name": n, "country": "UA", "precision": "settlement"} for n in ("Odesa", "Kyiv", "Lviv", "Dnipro", "Sumy")
    ]
    await service.add(*(strike(place=place) for place in places))
    whole = await diff(service, from_position=0, **what)
    assert "next" not in whole
    page = await service.get("/v1/diff", from_position=0, limit=2, min_position=5, **what)
    seen: dict[str, Any] = {}
    while True:
        assert sum(len(page.json[kind]) for kind in KINDS) <= 2
        seen |= page.json["added"]
        if "next" not in page.json:
            break
        await service.add(strike(place=places[0]))
        await service.settled()
        page = await service.ask("GET", page.json["next"])
        assert page.status == 200, page
    assert seen == whole["added"]
    assert list(seen) == sorted(seen)


ASKED = [{}, {"subject": "strike:one"}, *({"projection": name} for name in PROJECTIONS)]
BY = ["recorded", "reported"]


@pytest.fixture(scope="module")
async def moved_on(server: Server) -> AsyncIterator[tuple[Served, list[tuple[dict[str, str], str, Answer]]]]:
    """A service whose log and whose clock went on, and what it had been asked before, with what it answered."""
    async with log_called("test_api_diff", server) as access, serving(access) as service:
        one, two = strike(stream="strike:one", killed=1), strike(stream="strike:two", reported_at="2025-11-20")
        await service.add(one, two, declared(), violation("violation:one"), retraction(two["id"]))
        before = []
        for what, by in product(ASKED, BY):
            since = "2025-11-01" if by == "reported" else "2026-01-01"
            before.append((what, by, await service.get("/v1/diff", from_known=since, basis=by, min_position=5, **what)))
            basis = basis_of(before[-1][2])
            before.append((what, by, await service.get("/v1/diff", **basis, **what)))
        await service.add(strike(killed=4), merge("strike:one", "strike:two"), ended(), retraction(one["id"]))
        await service.settled()
        await service.clock.advance(NOW + timedelta(days=30))
        yield service, before


def basis_of(answer: Answer) -> dict[str, str]:
    assert answer.status == 200, answer
    return {k: str(v).lower() if v is True else v for k, v in answer.json["basis"].items()}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("what", ASKED, ids=lambda what: "-".join(what.values()) or "everything")
async def test_the_same_basis_gives_the_same_bytes_whatever_comes_after(
    moved_on: tuple[Served, list[tuple[dict[str, str], str, Answer]]], what: dict[str, str], by: str
):
    """P3."""
    service, before = moved_on
    first, again = (answer for asked, told_by, answer in before if (asked, told_by) == (what, by))
    assert "ETag" not in first.headers
    assert again.raw == first.raw
    assert again.headers["Log-Position"] == "5"
    basis = basis_of(first)
    later = await service.get("/v1/diff", **basis, **what)
    assert later.raw == first.raw
    assert (await service.get("/v1/diff", {"If-None-Match": again.headers["ETag"]}, **basis, **what)).status == 304


async def test_dates_name_the_states_of_knowledge(service: Served):
    first = (await service.post(strike())).json
    second = (await service.post(strike(place=KYIV))).json
    found = await diff(
        service, projection="city_incidents", from_known=first["recorded_at"], to_known=second["recorded_at"]
    )
    assert summary(found) == {"added": {KYIV_CITY: [2]}}
    assert found["basis"]["open"] is True
    assert (found["basis"]["from_position"], found["basis"]["to_position"]) == (1, 2)


async def test_on_the_basis_reported_it_is_what_sources_told_between(service: Served):
    told = [strike(reported_at="2025-11-19"), strike(reported_at="2025-11-21", place=KYIV, stream="strike:late")]
    more = strike(stream="strike:late", type="strike.assessed", reported_at="2025-11-25")
    await service.add(*told, more | {"data": {"as_of": "2025-11-22", "casualties": {"killed": {"best": 8}}}})
    known = {"basis": "reported", "from_known": "2025-11-19", "to_known": "2025-11-21"}
    assert summary(await diff(service, projection="city_incidents", **known)) == {"added": {KYIV_CITY: [2]}}
    assert summary(await diff(service, **known)) == {"added": {"strike:late": [2]}}
    assert [p["name"] for p in (await diff(service, **known))["projections"]] == [
        "actor_participation", "city_incidents", "daily_timeline", "escalation_index", "strike_profile",
    ]  # fmt: skip
    known |= {"from_known": "2025-11-21", "to_known": "2025-11-25"}
    found = await diff(service, projection="city_incidents", **known)
    assert summary(found) == {"changed": {KYIV_CITY: [3]}}
    assert found["changed"][KYIV_CITY]["after"]["killed"]["best"] == 8
    assert summary(await diff(service, subject="strike:late", **known)) == {"changed": {"strike:late": [3]}}


async def everything(service: Served) -> list[Any]:
    """All diffs from the start, without what says how long the log is."""
    asked: list[dict[str, str]] = [{"projection": name} for name in PROJECTIONS]
    asked += [{"subject": "strike:one"}, {"subject": "strike:hidden"}, {}]
    told = []
    for what in asked:
        for by in ("recorded", "reported"):
            start = {"from_position": 2} if by == "recorded" else {"from_known": "2025-01-01"}
            answer = await service.get(
                "/v1/diff", **what, **start, basis=by, at="2026-02-01", min_position=await service.head()
            )
            body = answer.json
            told.append((what, by, answer.status, {k: v for k, v in body.items() if k not in {"basis", "trace_id"}}))
    return told


async def test_what_is_red_shows_in_no_diff_and_among_no_causes(service: Served):
    """P5: neither a row nor an event that a reader may not see."""
    await make_key(service.access, "reader", "a-key-that-reads-only", scopes=("read",))
    reader = service.by("a-key-that-reads-only")
    one, two = strike(stream="strike:one", killed=1), strike(stream="strike:two")
    await service.add(one, declared(), two)
    before = await everything(reader)
    hidden = [
        strike(stream="strike:hidden", killed=100),
        strike(stream="strike:one", type="strike.assessed") | {"data": {"as_of": "2025-11-21", "casualties": {"killed": {"best": 50}}}},
        retraction(one["id"]),
        violation("violation:hidden"),
        merge("strike:one", "strike:two"),
        ended(),
    ]  # fmt: skip
    await service.add(*({**event, "tlp": "RED"} for event in hidden))
    assert await everything(reader) == before
    assert await everything(service) != before


async def test_an_event_that_a_reader_may_not_see_is_no_cause_of_what_it_may(service: Served):
    """A strike is marked lower, by an event that is itself marked high."""
    await make_key(service.access, "reader", "a-key-that-reads-only", scopes=("read",))
    hidden = strike(tlp="RED")
    opened = about("remarked", hidden["id"], tlp="CLEAR", reason="released") | {"tlp": "RED"}
    await service.add(hidden, opened)
    wanted = {"projection": "city_incidents", "from_position": 1}
    assert summary(await diff(service.by("a-key-that-reads-only"), **wanted)) == {"added": {ODESA: []}}
    everything_booked = await diff(service, **{**wanted, "from_position": 0})
    assert summary(everything_booked) == {"added": {ODESA: [1, 2]}}


async def test_the_last_hundred_causes_are_told_and_that_there_are_more(service: Served):
    assert (await service.bulk(*(strike() for _ in range(102)))).status == 201
    (row,) = (await diff(service, projection="city_incidents", from_position=0))["added"].values()
    assert [c["position"] for c in row["causes"]] == list(range(3, 103))
    assert row["more_causes"] is True
    (row,) = (await diff(service, projection="city_incidents", from_position=2))["changed"].values()
    assert len(row["causes"]) == 100
    assert "more_causes" not in row


def refused(answer: Answer) -> dict[str, str]:
    assert (answer.status, answer.slug) == (400, "bad-request"), answer
    return answer.faults


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("", {"/from_known": "missing"}),
        ("from_known=soon&to_known=later&at=x", {"/from_known": "not_a_time", "/to_known": "not_a_time", "/at": "not_a_time"}),
        ("from_position=-1&to_position=1_0", {"/from_position": "not_a_number", "/to_position": "not_a_number"}),
        ("from_position=111", {"/from_position": "ahead_of_log"}),
        ("from_position=1&to_position=111", {"/to_position": "ahead_of_log"}),
        ("from_position=5&to_position=4", {"/to_position": "ends_before_start"}),
        ("from_known=2199-01-02&to_known=2199-01-01", {"/to_known": "ends_before_start"}),
        ("from_position=1&from_position=2", {"/from_position": "repeated"}),
        ("from_position=1&projection=city_incidents&projection=talks_ledger", {"/projection": "repeated"}),
        ("from_position=1&projection=city_incidents&subject=strike:x", {"/subject": "one_of_two"}),
        ("from_position=1&subject=nothing", {"/subject": "not_a_stream"}),
        ("from_position=1&subject=strike:%00", {"/subject": "not_a_stream"}),
        ("from_position=1&town=x", {"/town": "unknown_parameter"}),
        ("from_position=1&subject=strike:x&group_by=place", {"/group_by": "unknown_parameter"}),
        ("from_position=1&projection=ceasefire_status&kind=x", {"/kind": "unknown_parameter"}),
        ("from_position=1&projection=city_incidents&town=x&group_by=colour", {"/town": "unknown_dimension", "/group_by": "unknown_dimension"}),
        ("from_position=1&projection=city_incidents&top=3&compare=previous", {"/top": "unknown_parameter", "/compare": "unknown_parameter"}),
        ("from_position=1&limit=0", {"/limit": "not_a_number"}),
        ("from_position=1&limit=99999999999999999999", {"/limit": "not_a_number"}),
        ("from_position=1&after=%00", {"/after": "not_a_key"}),
        ("from_position=1&after=" + "x" * 300 + "%00", {"/after": "not_a_key"}),
        ("from_position=1&after=" + "x" * 4000, {"/after": "not_a_key"}),
        ("from_position=1&basis=guessed&open=perhaps", {"/basis": "unknown_value", "/open": "unknown_value"}),
        ("from_position=1&version=9&generation=9", {"/version": "not_served", "/generation": "not_served"}),
        ("from_position=1&min_position=x", {"/min_position": "not_a_number"}),
    ],
)  # fmt: skip
async def test_a_diff_that_cannot_be_read_is_refused_with_every_fault(
    timeline: Served, query: str, faults: dict[str, str]
):
    assert refused(await timeline.get(f"/v1/diff?{query}&x%2Dy"[: -len("&x%2Dy")])) == faults


async def test_what_is_not_there_is_not_found(timeline: Served):
    for what in ({"projection": "nothing"}, {"projection": "x" * 4000}, {"subject": "strike:nothing"}):
        answer = await timeline.get("/v1/diff", from_position=0, **what)
        assert (answer.status, answer.slug) == (404, "not-found")


async def test_a_diff_needs_a_key_that_reads(timeline: Served):
    assert (await timeline.by(None).get("/v1/diff", from_position=0)).status == 401


@pytest.mark.parametrize("name", PROJECTIONS)
async def test_over_the_timeline_the_differences_are_those_of_the_rows(timeline: Served, name: str):
    for earlier, later in ((0, 110), (30, 75), (75, 90), (110, 110)):
        old = await timeline.rows(name, at="2026-03-01", at_position=earlier)
        new = await timeline.rows(name, at="2026-03-01", at_position=later)
        path = f"/v1/diff?projection={name}&at=2026-03-01&from_position={earlier}&to_position={later}&limit=1000"
        found = (await timeline.get(path)).json
        told = {key: e for kind in KINDS for key, e in found[kind].items()}

        def bare(row: Any) -> Any:
            return row and {k: v for k, v in row.items() if k not in {"position", "restated"}}

        assert told.keys() == {k for k in {*old, *new} if bare(old.get(k)) != bare(new.get(k))}
        for key, entry in told.items():
            assert (entry["before"], entry["after"]) == (old.get(key), new.get(key))
            assert entry["causes"], key
            assert all(earlier < c["position"] <= later for c in entry["causes"])


@pytest.mark.parametrize("name", PROJECTIONS)
async def test_over_the_timeline_the_pages_of_a_diff_are_all_of_it_in_its_order(timeline: Served, name: str):
    path = f"/v1/diff?projection={name}&at=2026-03-01&from_position=20&to_position=100"
    whole = (await timeline.get(f"{path}&limit=1000")).json
    for limit in (1, 2, 7):
        following: str | None = f"{path}&limit={limit}"
        found: dict[str, list[tuple[str, Any]]] = {kind: [] for kind in KINDS}
        while following is not None:
            page = (await timeline.get(following)).json
            for kind in KINDS:
                found[kind] += page[kind].items()
            following = page.get("next")
        assert found == {kind: list(whole[kind].items()) for kind in KINDS}
