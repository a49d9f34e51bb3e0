"""How PostgreSQL goes about a query: with a plan for its arguments, and with the one for any that it may come to use."""

from typing import Any

from incidentlog.store.connect import Connection

MODES = ("force_custom_plan", "force_generic_plan")


async def plans_of(connection: Connection, sql: str, *arguments: Any) -> dict[str, str]:
    """Both plans of a query, by their mode.

    EXPLAIN of a query with arguments plans for these, whatever `plan_cache_mode` says: only what was prepared has the
    other plan, which a driver's prepared statement gets from its sixth run on where it looks no dearer.
    """
    await connection.execute(f"PREPARE asked AS {sql}")
    plans = dict[str, str]()
    try:
        for mode in MODES:
            await connection.execute(f"SET plan_cache_mode = {mode}")
            rows = await connection.fetch(f"EXPLAIN (VERBOSE) EXECUTE asked({', '.join(map(literal, arguments))})")
            plans[mode] = "\n".join(row[0] for row in rows)
    finally:
        await connection.execute("DEALLOCATE asked; RESET plan_cache_mode")
    return plans


def literal(value: Any) -> str:
    """A value as SQL writes it: null, a number, a text, or a list of these."""
    if value is None:
        return "NULL"
    if isinstance(value, list):
        quoted = (str(each).replace("\\", r"\\").replace('"', r"\"") for each in value)
        value = "{" + ",".join(f'"{each}"' for each in quoted) + "}"
    return "'" + str(value).replace("'", "''") + "'"
