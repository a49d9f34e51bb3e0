"""What is written for an event looks at few rows, however many versions there are of what it changes."""

from typing import Any

import orjson
import pytest

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Access

MANY = 2_000
VERSIONS = {
    "subjects": "INSERT INTO subjects (build, stream, level, from_position, to_position, restated)"
    " SELECT 1, 'strike:a', 0, n, nullif(n + 1, $1::bigint + 1), false FROM generate_series(1, $1::bigint) AS n",
    "documents": "INSERT INTO documents (build, key, level, from_position, to_position, restated, left_out, on_read)"
    " SELECT 1, 'strike:a', 0, n, nullif(n + 1, $1::bigint + 1), false, 0, false FROM generate_series(1, $1::bigint) AS n",
}
ASKED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "end_subjects": ("subjects", (1, ["strike:a"], [0], [MANY + 1])),
    "standing": ("subjects", (1, ["strike:a"], [0])),
    "end_documents": ("documents", ([1], ["strike:a"], [0], [MANY + 1])),
}


@pytest.mark.parametrize("name", ASKED)
async def test_of_what_stands_only_the_last_version_is_looked_at(access: Access, name: str):
    table, args = ASKED[name]
    connection = await access.connect()
    try:
        async with connection.transaction():
            await connection.execute(VERSIONS[table], MANY)
            await connection.execute(f"ANALYZE {table}")
            told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query('derive', name)}", *args)
            assert max(looked_at(orjson.loads(told)[0]["Plan"])) == 1
        assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE to_position IS NULL") == (
            0 if name.startswith("end") else 1
        )
    finally:
        await connection.close()


STANDING = {
    "subjects": "INSERT INTO subjects (build, stream, level, from_position, restated)"
    " SELECT 1, 'strike:' || n, 0, n, false FROM generate_series(1, $1::bigint) AS n",
    "documents": "INSERT INTO documents (build, key, level, from_position, restated, left_out, on_read)"
    " SELECT 1, 'strike:' || n, 0, n, false, 0, false FROM generate_series(1, $1::bigint) AS n",
}


@pytest.mark.parametrize("table", STANDING)
async def test_to_end_some_versions_no_others_are_read_where_postgresql_has_no_statistics(access: Access, table: str):
    """As of a log, or a build, that began just now: then it takes that hardly any version stands, and began with these."""
    there = 10 * MANY  # a table of a few pages is as soon read whole
    some = [f"strike:{n}" for n in range(1, there, 40)]
    which, asked = (
        (1, query("derive", "end_subjects"))
        if table == "subjects"
        else ([1] * len(some), query("derive", "end_documents"))
    )
    args = which, some, [0] * len(some), [there + 1] * len(some)
    connection = await access.connect()
    try:
        async with connection.transaction():
            await connection.execute(STANDING[table], there)
            told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}", *args)
            assert max(looked_at(orjson.loads(told)[0]["Plan"])) <= len(some)
            assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE to_position = $1", there + 1) == len(
                some
            )
    finally:
        await connection.close()


async def test_of_a_subject_at_a_position_only_the_version_that_stood_is_looked_at(access: Access):
    connection = await access.connect()
    try:
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO builds (build, projection, version, base, state, shape, positions, made)"
                " VALUES (1, 'subjects', 1, 1, 'active', 'x', array_fill($1::bigint, ARRAY[16]), 1)", MANY,
            )  # fmt: skip
            for stream in ("strike:a", "strike:b"):
                await connection.execute(VERSIONS["subjects"].replace("strike:a", stream), MANY)
            await connection.execute("ANALYZE subjects")
            asked, args = query("answer", "subject"), ("strike:a", 4, MANY // 2)
            found = await connection.fetch(asked, *args)
            assert [row["from_position"] for row in found] == [MANY // 2]
            told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}", *args)
            assert max(looked_at(orjson.loads(told)[0]["Plan"])) <= 5  # one of each marking
    finally:
        await connection.close()


def looked_at(plan: dict[str, Any]) -> list[float]:
    """How many rows each step of a plan had, with those that it threw away."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return [own, *(rows for step in plan.get("Plans", ()) for rows in looked_at(step))]
