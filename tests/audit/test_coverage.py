"""docs/coverage.md is whole, and true: what it says is covered is changed, and found."""

import asyncpg
import pytest

from incidentlog.audit.state import Folder
from incidentlog.store.catalogue import made_of, to_be_made_of
from incidentlog.store.connect import Access
from tests.audit.coverage import change, covered, lines, tables_of
from tests.audit.sealing import Sealing
from tests.audit.test_verify import erasing, verified
from tests.commands import command

FILES = {"state.json", "key", "key.new", "contradiction.json"}
MERGED = {
    "type": "record.merged", "stream": "strike:a",
    "data": {"survivor": "strike:a", "absorbed": ["strike:b"], "reason": "one"},
}  # fmt: skip


async def test_the_listing_is_what_the_migrations_make(access: Access):
    connection = await access.connect()
    assert await made_of(connection) == list(to_be_made_of())
    await connection.close()


def test_every_column_kind_of_definition_and_file_is_in_the_list():
    parts = to_be_made_of()
    assert set(covered()) == {(p.of, p.name) for p in parts if p.kind == "column"}
    assert {kind for kind, _, _ in lines("Definitions")} == {p.kind for p in parts} | {"rule", "policy"}
    folder = Folder.__dict__
    assert {name.strip("`") for name, _, _ in lines("Files")} == FILES
    assert {p for p in folder if isinstance(folder[p], property)} == {"key", "new_key", "state", "evidence"}


@pytest.mark.parametrize("table", tables_of("verify"))
async def test_a_change_of_any_column_that_verify_covers_is_found(filled: Sealing, table: str):
    """Each in a transaction that verify looks into, and that is then rolled back."""
    kinds = {p.name: p.definition for p in to_be_made_of() if (p.kind, p.of) == ("column", table)}
    event = await filled.admin.fetchrow("SELECT event_id, stream FROM events WHERE position = 299")
    await filled.append(commands=[erasing(event, "body")])
    await filled.seal()
    eraser = await filled.access.connect("eraser")
    await eraser.execute(
        "UPDATE events SET body_digest = sha256('body'::bytea || '\\x00'::bytea || body_salt || convert_to(body, 'UTF8')), "
        "body = NULL, body_salt = NULL, verification = NULL, reported_at = NULL, actors = NULL WHERE position = 299"
    )
    await eraser.close()
    for stream in ("strike:a", "strike:b"):
        await filled.append(commands=[command(stream=stream)])
    await filled.append(commands=[command(MERGED)])
    await filled.seal()
    head = await filled.admin.fetchval("SELECT max(position) FROM events")
    await filled.admin.execute("INSERT INTO merge_links VALUES ('strike:a', 'strike:b', $1)", head)
    assert (await verified(filled)).findings == []
    missed = []
    for column in tables_of("verify")[table]:
        kind = kinds[column].removesuffix(" not null")
        transaction = filled.admin.transaction()
        await transaction.start()
        try:
            await filled.harm(change(table, column, kind))
            if not (await verified(filled)).findings:
                missed.append(column)
        except asyncpg.IntegrityConstraintViolationError:
            pass  # the schema itself refuses it, and verify holds the schema to the migrations
        finally:
            await transaction.rollback()
    assert missed == []
