"""What a reader may not see moves nothing that the reader sees (P5)."""

from typing import Any
from uuid import uuid4

import pytest

from incidentlog.api.diff import KINDS
from incidentlog.store.live import event_id_at
from tests.api.serving import Served, make_key
from tests.commands import about, strike

READER = "a-key-that-sees-what-is-clear"


def said(topic: str, stream: str, stance: str = "demands") -> dict[str, Any]:
    event = strike() | {"type": "statement.made", "id": str(uuid4()), "stream": stream}
    del event["place"]
    return event | {"data": {"speaker": "RUS", "stance": stance, "topic": topic}}


@pytest.fixture
async def moved(service: Served) -> tuple[Served, Served, dict[str, Any]]:
    """A service, as somebody cleared for CLEAR asks it, and a statement that RED alone has on another topic.

    On both topics others have said something; CLEAR has it on `gas` still.
    """
    await make_key(service.access, "reader", READER, scopes=("read",), clearance=0)
    statement = said("gas", "statement:b")
    await service.add(said("gas", "statement:a"), said("grain", "statement:c"), statement)
    await service.add(
        about("amended", statement["id"], patch={"data": {"topic": "grain"}}, reason="misheard") | {"tlp": "RED"}
    )
    return service, service.by(READER), statement


async def test_a_document_is_moved_for_nobody_by_what_is_no_part_of_it_for_them(
    moved: tuple[Served, Served, dict[str, Any]],
):
    service, reader, statement = moved
    before = await reader.rows("positions_board")
    head = await service.head()
    await service.add(about("corroborated", statement["id"]))  # it is on `gas` for CLEAR, and on `grain` for RED
    after = await reader.rows("positions_board")
    assert after["RUS|grain"] == before["RUS|grain"]
    diff = (await reader.get("/v1/diff", projection="positions_board", from_position=head)).json
    assert "RUS|grain" not in {key for kind in KINDS for key in diff[kind]}
    cleared = await service.rows("positions_board")
    assert cleared.keys() == {"RUS|gas", "RUS|grain"}
    assert cleared["RUS|grain"]["position"] > before["RUS|grain"]["position"]


async def test_what_only_some_have_on_a_topic_is_nothing_to_others(service: Served):
    """A topic that is there for RED alone, and CLEAR events about what is on it."""
    await make_key(service.access, "reader", READER, scopes=("read",), clearance=0)
    reader, statement = service.by(READER), said("gas", "statement:b")
    await service.add(statement)
    await service.add(
        about("amended", statement["id"], patch={"data": {"topic": "secret"}}, reason="misheard") | {"tlp": "RED"}
    )
    head = await service.head()
    await service.add(about("corroborated", statement["id"]))
    assert (await reader.rows("positions_board")).keys() == {"RUS|gas"}
    told = await reader.get("/v1/diff", projection="positions_board", from_position=head)
    assert b"secret" not in told.raw
    connection = await service.access.connect()
    rows = await connection.fetch(
        "SELECT DISTINCT key, level FROM documents JOIN builds USING (build) WHERE projection = $1", "positions_board"
    )
    await connection.close()
    assert {tuple(row) for row in rows} == {("RUS|gas", 0), ("RUS|gas", 4), ("RUS|secret", 4)}


async def test_the_event_behind_a_change_is_named_to_who_may_see_it(service: Served):
    await service.add(strike(), strike(tlp="RED"))
    pool = service.service.pool
    assert [await event_id_at(pool, 1, level) is None for level in (0, 4)] == [False, False]
    assert [await event_id_at(pool, 2, level) is None for level in (0, 3, 4)] == [True, True, False]
