"""Whatever is thrown at the door is in the log as it was sent, or is told what is wrong with it; never a fault of ours."""

import json
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentlog.embedded import Server
from incidentlog.folding.afresh import Afresh
from incidentlog.projections import PROJECTIONS
from incidentlog.store.read import read_after
from tests.api.serving import NOW, Served, serving
from tests.conftest import log_called
from tests.subjects.given import TIMELINE
from tests.subjects.given import timeline as events_of_timeline

Path = tuple[str | int, ...]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=12),
    st.text(st.characters(codec=None, categories=("Cs", "Cc", "Co", "Lo", "So")), max_size=4),
    st.sampled_from([
        "RUS", "UKR.AIRFORCE", "CLEAR", "RED", "2025-11-19", "2025-02-29", "2026-03-01T14:00:00+02:00", "9999-12-31",
        "strike:one", "ceasefire:energy-2025", "Europe/Kyiv", "UTC", "day", "minute", "year", "unknown", "corroborated",
        "00000000-0000-4000-8000-000000000000", "geonames:698740", "place:x", "UA", "a" * 5000, "\0", "٣", "🕊️" * 50,
    ]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=8,
)
originals = [json.dumps(e) for e in events_of_timeline()]


def paths(value: Any, at: Path = ()) -> list[Path]:
    """Every place in it."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] * bool(at) + [p for name, inner in members for p in paths(inner, (*at, name))]


def parent_of(event: Any, path: Path) -> Any:
    for part in path[:-1]:
        event = event[part]
    return event


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """An event of the timeline with an id of its own, changed in up to four places."""
    event: dict[str, Any] = json.loads(draw(st.sampled_from(originals)))
    event["id"] = str(draw(st.uuids(version=4)))
    if draw(st.booleans()):
        event.pop("stream", None)
    for _ in range(draw(st.integers(0, 4))):
        places = paths(event)
        if not places:
            break
        path = draw(st.sampled_from(places))
        parent, name = parent_of(event, path), path[-1]
        match draw(st.sampled_from(["drop", "replace", "nest", "list", "add", "move", "copy"])):
            case "drop":
                del parent[name]
            case "replace":
                parent[name] = draw(values)
            case "nest":
                parent[name] = {"value": parent[name]}
            case "list":
                parent[name] = [parent[name], deepcopy(parent[name])]
            case "add" if isinstance(parent, dict):
                parent[draw(st.sampled_from(FIELDS) | st.text(max_size=8))] = draw(values)
            case "add" | "copy" if isinstance(parent, list):
                parent.insert(draw(st.integers(0, 5)), deepcopy(parent[name]))
            case "move" | "copy":
                other = parent_of(event, draw(st.sampled_from(places)))
                if isinstance(other, dict):
                    other[str(name)] = deepcopy(parent[name])
    return event


FIELDS = [
    "place", "actors", "links", "private", "external_ids", "notes", "tlp", "expected_version", "schema_version", "stream",
    "casualties", "effective_from", "effective_until", "duration_days", "duration_hours", "respond_by", "stated",
    "claimed_by", "as_of", "period", "count", "end", "lat", "lon", "place_id", "admin1", "country", "low", "high",
]  # fmt: skip


@pytest.fixture(scope="module")
async def door(server: Server) -> AsyncIterator[Served]:
    async with log_called("test_api_door", server) as access, serving(access) as served:
        await served.fill(*TIMELINE.read_bytes().splitlines())
        yield served


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(event=mutants())
async def test_it_is_taken_as_it_is_or_refused_with_its_place(door: Served, event: dict[str, Any]):
    event.setdefault("id", str(uuid4()))  # so that what is tried again is the same
    head = await door.head()
    answer = await door.post(json.dumps(event).encode())
    assert answer.status < 500, answer
    if answer.status in {200, 201}:
        assert await door.head() == head + (answer.status == 201)
        shown = (await door.get(answer.headers["Location"])).json
        for name, value in event.items():
            if name not in {"expected_version", "private"} and value is not None:
                kept = shown[name]
                if name == "place":
                    kept = {k: v for k, v in kept.items() if k != "resolved"}
                assert plain(kept) == plain(value), name
        return
    assert await door.head() == head
    slug = answer.slug
    if slug in {"id-conflict", "wrong-version", "too-large"}:
        return
    faults = answer.json["errors"]
    assert faults, answer
    assert any(leads_somewhere(event, fault["pointer"]) for fault in faults), faults
    assert all(fault["detail"] for fault in faults)


def plain(value: Any) -> Any:
    """The same text for the same JSON value; ids are the same in any case."""
    text = json.dumps(value, sort_keys=True)
    return text.lower() if isinstance(value, str) else text


def leads_somewhere(event: Any, pointer: str) -> bool:
    """Whether a JSON pointer leads to a value, or to a field that an object lacks."""
    at = event
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict):
            at = at.get(name)
        elif isinstance(at, list) and name.isdigit() and int(name) < len(at):
            at = at[int(name)]
        else:
            return False
    return True


async def test_after_it_all_the_projections_are_what_folding_afresh_gives(door: Served):
    """Runs after the one above, in this file's order, and holds by itself all the same."""
    from incidentlog.api.answers import dumps

    head = await door.head()
    ready = await door.get("/readyz?verbose")
    assert ready.status == 200, ready
    events = await read_after(door.service.pool, 0, 100_000)  # type: ignore[arg-type]
    assert [e.position for e in events] == list(range(1, head + 1))
    afresh = Afresh(events, "Europe/Kyiv")
    for name, projection in PROJECTIONS.items():
        rows = await door.rows(name, at=NOW.isoformat(), at_position=head)
        assert rows == json.loads(dumps(afresh.rows(projection, NOW))), name
