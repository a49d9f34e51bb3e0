"""docs/coverage.md is whole, and true: what it says is covered is changed, and found."""

from contextlib import suppress

import asyncpg
import pytest

from incidentlog.audit.state import Folder
from incidentlog.store.blocks import write_blocks
from incidentlog.store.builds import begin_builds
from incidentlog.store.catalogue import differences, made_of, to_be_made_of
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


async def with_all(filled: Sealing) -> None:
    """Have a row with a value in every column: an erased body, and a merge."""
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
    while await write_blocks(filled.admin):
        pass
    assert (await verified(filled)).findings == []


async def found(filled: Sealing, harm: str) -> bool:
    """Whether verify finds something after a statement, in a transaction that is then rolled back."""
    transaction = filled.admin.transaction()
    await transaction.start()
    try:
        await filled.harm(harm)
        return bool((await verified(filled)).findings)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("table", tables_of("verify"))
async def test_a_change_of_any_column_that_verify_covers_is_found(filled: Sealing, table: str):
    await with_all(filled)
    for column in tables_of("verify")[table]:
        with suppress(asyncpg.IntegrityConstraintViolationError):  # the schema refuses it, and verify holds to that
            assert await found(filled, change(table, column)), column


@pytest.mark.parametrize("table", ["blocks", "merge_links", "tree_heads", "tiles", "event_private", "builds"])
async def test_a_table_that_is_gone_is_named_and_what_is_before_it_checked(filled: Sealing, table: str):
    await filled.admin.execute(f"DROP TABLE {table} CASCADE")
    found = [f.detail for f in (await verified(filled)).findings]
    assert any(detail.startswith(f"table {table} is ") for detail in found), found
    assert any("could not be checked" in detail for detail in found)


ROWS = {
    "events": (
        "position = position + 1, event_id = gen_random_uuid(), stream_version = stream_version + 1",
        "position = 1",
    ),
    "event_private": ("position = position + 1", "position = 100"),
    "commits": (
        """last_position = 699, recorded_at = (
            SELECT recorded_at - interval '1 microsecond' FROM commits WHERE last_position = 700
        )""",
        "last_position = 100",
    ),
    "log": (None, "true"),
    "log_keys": ("fork = fork + 1", "true"),
    "tiles": ("level = level + 1", "index = 0"),
    "tree_heads": ("size = size - 1", "size = 300"),
    "merge_links": ("absorbed = 'strike:c'", "true"),
    "blocks": ("block = block + 1", "block = 0"),
    "zone_data": ("id = '2025b' || right(id,-5)", "true"),
}
"""Of each table that verify covers: what makes another row of its last one, and which row is taken away."""


async def test_a_row_too_many_and_a_row_too_few_is_found_in_every_table_that_verify_covers(filled: Sealing):
    await with_all(filled)
    await begin_builds(filled.admin)
    await filled.admin.execute("UPDATE builds SET positions = array_fill(704::bigint, ARRAY[16])")
    assert set(ROWS) == set(tables_of("verify"))
    for table, (other, gone) in ROWS.items():
        columns = {p.name: p.name for p in to_be_made_of() if (p.kind, p.of) == ("column", table)}
        columns |= dict(each.split(" = ", 1) for each in (other or "").split(", ") if each)
        last = f"ctid = (SELECT max(ctid) FROM {table})"
        added = (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {table} WHERE {last}"
        )
        taken = f"DELETE FROM {table} WHERE {gone}"
        for statement in [added] * (other is not None) + [taken]:
            assert await found(filled, statement), statement


OURS = "(SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r')"
HARMED = {
    "relation": (f"pg_class SET relrowsecurity = true WHERE oid IN {OURS}", f"pg_class SET relname = relname || '_' WHERE oid IN {OURS}"),
    "column": tuple(f"pg_attribute SET {way} WHERE attrelid IN {OURS} AND attnum > 0" for way in ("attnotnull = NOT attnotnull", "attname = attname || '_'")),
    "constraint": tuple(f"pg_constraint SET {way} WHERE conrelid IN {OURS}" for way in ("convalidated = false", "conname = conname || '_'")),
    "trigger": tuple(f"pg_trigger SET {way} WHERE tgrelid IN {OURS}" for way in ("tgenabled = 'D'", "tgname = tgname || '_'")),
    "index": (
        f"pg_index SET indisvalid = false WHERE indrelid IN {OURS}",
        f"pg_class SET relname = relname || '_' WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN {OURS})",
    ),
    "function": tuple(f"pg_proc SET {way} WHERE pronamespace = current_schema()::regnamespace" for way in ("prosecdef = NOT prosecdef", "proname = proname || '_'")),
}  # fmt: skip
"""Every one of a kind of definition is changed in what it says, and in its name: as it were gone, and another there."""


async def test_each_definition_that_is_changed_or_gone_is_named(access: Access):
    """Not some of them: all of a kind at once, and every one has to be named."""
    connection = await access.connect()
    assert await differences(connection) == []
    parts = to_be_made_of()
    assert set(HARMED) == {p.kind for p in parts}
    missed = []
    for kind, ways in HARMED.items():
        for way in ways:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(f"UPDATE {way}")
            told = await differences(connection) or []
            await transaction.rollback()
            # What carries out a foreign key is called as that: it is named where the constraint is.
            own = [p for p in parts if p.kind == kind and not (kind == "trigger" and "tgname" in way and " " in p.name)]
            missed += [(way, p.called) for p in own if not any(t.startswith(f"{p.called} is ") for t in told)]
    assert missed == []
    tables = [p.of for p in parts if p.kind == "relation"]
    for kind, made in (
        ("policy", "{0}_seen ON {0} USING (true)"),
        ("rule", "{0}_seen AS ON INSERT TO {0} DO ALSO NOTHING"),
    ):
        transaction = connection.transaction()
        await transaction.start()
        for table in tables:
            await connection.execute(f"CREATE {kind} {made.format(table)}")
        told = await differences(connection) or []
        await transaction.rollback()
        assert [t for t in tables if not any(d.startswith(f"{kind} {t}_seen of {t} is there") for d in told)] == []
    await connection.close()


async def test_the_order_of_texts_is_part_of_a_column(access: Access):
    """In another one a list of streams leaves some out."""
    connection = await access.connect()
    await connection.execute("ALTER TABLE subjects ALTER COLUMN stream TYPE text COLLATE pg_unicode_fast")
    assert [d.partition(" is ")[0] for d in await differences(connection) or []] == ["column stream of subjects"]
    await connection.close()
