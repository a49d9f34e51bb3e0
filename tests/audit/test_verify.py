"""Every tampering that a superuser can do is found, and named by position; and the notary signs no more (P7)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from incidentlog.audit.merkle import leaf_hash
from incidentlog.audit.notes import NoteError, Signer
from incidentlog.audit.state import State
from incidentlog.audit.tiles import Edge
from incidentlog.audit.verify import Report, leaf_of_row, verify_log
from incidentlog.embedded import Server
from incidentlog.store.append import Append
from incidentlog.store.connect import Connection
from incidentlog.store.parts import read_rows
from incidentlog.store.read import Head, read_head
from tests.audit.conftest import copied
from tests.audit.sealing import SIZE, Sealing
from tests.commands import command


async def verified(filled: Sealing, **more: Any) -> Report:
    return await verify_log(filled.admin, **({"state": filled.folder.read()} | more))


async def test_a_log_that_nobody_touched_is_verified(filled: Sealing):
    report = await verified(filled)
    assert report.findings == []
    assert (report.size, report.root, report.heads) == (SIZE, filled.signed().root, 7)


async def test_what_is_not_sealed_yet_is_checked_as_far_as_it_can_be(filled: Sealing):
    await filled.append(3)
    assert (await verified(filled)).findings == []
    await filled.harm("UPDATE events SET country = 'PL' WHERE position = 702")
    assert (await verified(filled)).first.first == 702


async def test_what_comes_while_it_is_checked_is_no_finding(filled: Sealing, monkeypatch: pytest.MonkeyPatch):
    """Six hundred events when it began; a hundred more, one of which says what is erased, when it ended."""
    heads = [Head(600, None)]

    async def read_head_then(connection: Connection) -> Head:
        return heads.pop() if heads else await read_head(connection)

    event = await filled.admin.fetchrow("SELECT event_id, stream FROM events WHERE position = 300")
    assert event is not None
    await filled.append(commands=[erasing(event, "private")])
    eraser = await filled.access.connect("eraser")
    await eraser.execute("UPDATE event_private SET text = NULL, salt = NULL WHERE position = 300")
    await eraser.close()
    monkeypatch.setattr("incidentlog.audit.verify.read_head", read_head_then)
    report = await verify_log(filled.admin)
    assert [f.kind for f in report.findings] == ["shorter"]  # as the tree heads are read first, which here are newer
    assert (report.size, report.erased) == (600, 1)


def erasing(event: Mapping[str, Any], part: str) -> Append:
    data = {"target": str(event["event_id"]), "part": part, "ground": "a court said so"}
    return command({"type": "record.erased", "stream": event["stream"], "data": data})


async def recompute(filled: Sealing) -> None:
    """Make every tile anew from the rows, as somebody does who covers up."""
    edge, tiles = Edge(), []
    for row in await read_rows(filled.admin, 0, SIZE, SIZE):
        tiles += edge.grow([leaf_hash(leaf_of_row(row))])
    for tile, hashes in tiles:
        await filled.admin.execute(
            "UPDATE tiles SET hashes = $3 WHERE level = $1 AND index = $2", tile.level, tile.index, hashes
        )


async def swap(filled: Sealing) -> None:
    """Two rows change places, with all that is theirs."""
    await filled.admin.execute(
        "CREATE TEMPORARY TABLE two AS SELECT * FROM events WHERE position IN (300, 301);"
        "DELETE FROM events WHERE position IN (300, 301);"
        "UPDATE two SET position = 601 - position;"
        "INSERT INTO events SELECT * FROM two"
    )


@dataclass(frozen=True)
class Tampering:
    """What is done, and where it begins."""

    statements: tuple[str, ...]
    position: int
    last: int | None = None
    """Where it may begin at the latest, if that is not the same."""
    then: Callable[[Sealing], Awaitable[None]] | None = None
    notary_at: int | None = None
    """Where the notary begins to see it, if that is elsewhere: it looks at the end first."""
    notary: bool = True
    """Whether the notary finds it by itself; else when `verify` has said so."""


EDIT = "UPDATE events SET body = replace(body, 'drone', 'mine') WHERE position = {}"
TAMPERINGS = {
    "a body that was edited": Tampering((EDIT.format(300),), 300),
    "a body that was edited in the tile that is not full": Tampering((EDIT.format(690),), 690),
    "the first body": Tampering((EDIT.format(1),), 1),
    "meta that was edited": Tampering(("UPDATE events SET meta = replace(meta, 'tester', 'nobody') WHERE position = 9",), 9),
    "a body that is no JSON": Tampering(("UPDATE events SET body = 'drone' WHERE position = 300",), 300),
    "meta that is no JSON": Tampering(("UPDATE events SET meta = '[' WHERE position = 300",), 300),
    "meta of another shape": Tampering(("UPDATE events SET meta = '[]' WHERE position = 300",), 300),
    "a salt that was edited": Tampering(("UPDATE events SET body_salt = meta_salt WHERE position = 300",), 300),
    "an instant that was edited": Tampering(
        ("UPDATE events SET recorded_at = recorded_at - interval '1 hour' WHERE position = 300",), 300
    ),
    "a private part that was edited": Tampering(
        ("UPDATE event_private SET text = '{}' WHERE position = 300",), 300, notary=False
    ),
    "a private part that was edited with its digest": Tampering(
        ("UPDATE event_private SET text = '{}', digest = sha256('\\x7072697661746500'::bytea || salt || '{}'::bytea)",), 100, notary_at=600
    ),
    "a private part that was deleted": Tampering(("DELETE FROM event_private WHERE position = 300",), 300),
    "a private part that was erased without a record": Tampering(
        ("UPDATE event_private SET text = NULL, salt = NULL WHERE position = 300",), 300, notary=False
    ),
    "an index column": Tampering(("UPDATE events SET country = 'PL' WHERE position = 300",), 300, notary=False),
    "a marking": Tampering(("UPDATE events SET tlp = 4 WHERE position = 300",), 300, notary=False),
    "an id": Tampering(
        ("UPDATE events SET event_id = '00000000-0000-7000-8000-000000000000' WHERE position = 300",), 300, notary=False
    ),
    "actors": Tampering(("UPDATE events SET actors = '{UKR}' WHERE position = 300",), 300, notary=False),
    "a verification": Tampering(("UPDATE events SET verification = 'verified' WHERE position = 300",), 300, notary=False),
    "when it was reported": Tampering(("UPDATE events SET reported_at = NULL WHERE position = 300",), 300, notary=False),
    "when it occurred": Tampering(
        ("UPDATE events SET occurred_from = occurred_from - interval '1 day' WHERE position = 300",), 300, notary=False
    ),
    "the last row, deleted": Tampering(
        ("DELETE FROM event_private WHERE position = 700", "DELETE FROM events WHERE position = 700"), 700
    ),
    "the last row, deleted with its commit": Tampering(
        ("DELETE FROM event_private WHERE position = 700", "DELETE FROM events WHERE position = 700",
         "UPDATE commits SET last_position = 699 WHERE last_position = 700"), 700
    ),
    "a row in the middle, deleted": Tampering(("DELETE FROM events WHERE position = 350",), 350),
    "two rows, swapped": Tampering(("DELETE FROM event_private WHERE position = 300",), 300, then=swap),
    "the table, truncated": Tampering(("TRUNCATE event_private, events",), 1, notary_at=513),
    "all tables, truncated": Tampering(("TRUNCATE event_private, events, commits", "TRUNCATE tree_heads, tiles"), 1),
    "an edited body, and tiles made to match": Tampering((EDIT.format(350),), 301, last=400, then=recompute),
    "an edited body, and tiles and tree heads gone": Tampering(
        (EDIT.format(350), "TRUNCATE tiles, tree_heads"), 1, last=SIZE
    ),
    "a tile": Tampering(("UPDATE tiles SET hashes = substr(hashes, 33) || substr(hashes, 1, 32) WHERE index = 0",), 1),
    "the first tile, deleted": Tampering(("DELETE FROM tiles WHERE index = 0",), 1),
    "the last tile, deleted": Tampering(("DELETE FROM tiles WHERE index = 1",), 257),
    "the zone data": Tampering(("UPDATE zone_data SET packed = substr(packed, 1, length(packed) - 9)",), 1, notary=False),
    "the zone data, by others": Tampering(("UPDATE zone_data SET id = '2025b' || substr(id, 6)",), 1, notary=False),
    "the zone data, gone": Tampering(("TRUNCATE zone_data",), 1, notary=False),
    "a commit moved": Tampering(
        ("UPDATE commits SET recorded_at = recorded_at - interval '1 hour' WHERE last_position = 300",), 201, notary=False
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_tampering_is_found_by_position_and_the_notary_signs_no_more(filled: Sealing, name: str):
    tampering = TAMPERINGS[name]
    before = await filled.everything()
    await filled.harm(*tampering.statements, then=tampering.then)
    report = await verified(filled)
    assert report.first is not None
    assert report.first.first == tampering.position, report.findings
    assert report.first.last <= (tampering.last or SIZE)
    if not tampering.notary:
        filled.folder.accuse(report.first.as_json())  # as the command does
    notary = filled.notary()
    await notary.once(rounds=3)
    assert notary.status == "tampered", name
    assert not notary.signs
    assert notary.contradiction is not None
    if tampering.notary:
        first, last = notary.contradiction.first, notary.contradiction.last
        assert first is not None
        assert last is not None
        assert first <= (tampering.notary_at or tampering.last or tampering.position)
        assert last >= tampering.position
    assert notary.size == SIZE  # the last good head
    await filled.append(1) if "trunc" not in name else None
    await filled.notary().once(rounds=2)
    assert set(await filled.everything()) <= set(before)
    assert filled.folder.evidence.exists()
    assert filled.signed().size == SIZE


async def test_an_older_state_of_the_database_that_was_put_back_is_found(
    filled: Sealing, server: Server, once_filled: tuple[str, Path]
):
    """As a dump of an hour ago does: everything in it fits together, and is too short."""
    await filled.append(100)
    await filled.seal()
    async with copied(server, once_filled[0], filled.folder) as older:
        within = await verify_log(older.admin)
        assert (within.findings, within.size) == ([], SIZE)  # nothing in the database says so
        report = await verified(older)
        assert report.first is not None
        assert (report.first.first, report.first.kind) == (SIZE + 1, "shorter")
        notary = older.notary()
        await notary.once()
        assert (notary.status, notary.size) == ("tampered", SIZE + 100)
        assert notary.contradiction is not None
        assert notary.contradiction.first == SIZE + 1
        # Growing again over what is missing does not hide it.
        await older.append(200)
        assert (await verified(older)).first is not None
        older.folder.acquit()
        notary = older.notary()
        await notary.once()
        assert notary.status == "tampered"
        assert notary.contradiction is not None
        assert (notary.contradiction.first, notary.contradiction.last) == (513, 768)


async def test_a_head_that_was_kept_elsewhere_shows_what_state_and_database_hide(filled: Sealing):
    """Whoever holds the key and both machines can rewrite everything; not what others have kept."""
    kept = next(note for _, size, note in await filled.everything() if size == 400).encode()
    signer = filled.folder.signer(None)
    assert signer is not None
    await filled.harm("TRUNCATE tiles, tree_heads", EDIT.format(350))
    state = filled.folder.read()
    assert state is not None
    filled.folder.write(State(state.log, state.fork, state.head, state.vkey))
    await filled.seal()
    assert (await verified(filled)).findings == []
    report = await verified(filled, previous=[kept])
    assert report.first is not None
    assert (report.first.kind, report.first.last) == ("changed", 400)
    with pytest.raises(NoteError, match="signed by none"):
        await verified(filled, previous=[kept.replace(signer.verifier.name.encode(), b"another.example/log")])


async def test_a_tree_head_that_another_key_signed_is_found(filled: Sealing):
    forger = Signer.make(filled.signed().origin)
    note = f"{filled.signed().text}\n{forger.sign(filled.signed().text).line}"
    await filled.harm("DELETE FROM tree_heads WHERE size = 700")
    await filled.admin.execute("INSERT INTO tree_heads VALUES (0, 700, $1, $2, now())", filled.signed().root, note)
    report = await verified(filled)
    assert [f.kind for f in report.findings] == ["forged_head"]


async def test_an_erasure_that_was_recorded_is_no_tampering(filled: Sealing):
    event = await filled.admin.fetchrow("SELECT event_id, stream FROM events WHERE position = 300")
    assert event is not None
    for part in ("private", "body"):
        await filled.append(commands=[erasing(event, part)])
    eraser = await filled.access.connect("eraser")
    await eraser.execute("UPDATE event_private SET text = NULL, salt = NULL WHERE position = 300")
    await eraser.execute(
        "UPDATE events SET body_digest = sha256('body'::bytea || '\\x00'::bytea || body_salt || convert_to(body, 'UTF8')), "
        "body = NULL, body_salt = NULL, verification = NULL, reported_at = NULL, actors = NULL WHERE position = 300"
    )
    await eraser.close()
    await filled.seal()
    report = await verified(filled)
    assert (report.findings, report.erased, report.size) == ([], 2, 702)
    notary = filled.notary()
    await notary.once(rounds=3)
    assert notary.status == "sealing"
