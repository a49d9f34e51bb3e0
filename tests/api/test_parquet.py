"""Parquet, as DuckDB, polars and pandas read it: the same values, and the same types, as JSON tells."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from incidentlog.api import parquet
from incidentlog.api.tables import EVENT_COLUMNS, EVENT_TABLE
from incidentlog.folding.columns import Kind, tally_table
from incidentlog.folding.figures import leaves
from incidentlog.folding.flat import columns_of
from incidentlog.folding.shapes import PROJECTIONS, Tally
from tests.api.serving import Served

WHY = "it is in the dependency group 'tools', which only .ci/run installs"
pytest.importorskip("pyarrow", reason=WHY)
pl = pytest.importorskip("polars", reason=WHY)
pd = pytest.importorskip("pandas", reason=WHY)
duckdb = pytest.importorskip("duckdb", reason=WHY)

TALLIES = [name for name, p in PROJECTIONS.items() if isinstance(p, Tally)]
AT = {"at": "2026-03-01", "at_position": "110"}
IN_DUCKDB: dict[Kind, str] = {
    "text": "VARCHAR", "json": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "decimal": "DECIMAL(18,6)", "truth": "BOOLEAN",
    "day": "DATE", "instant": "TIMESTAMP WITH TIME ZONE", "texts": "VARCHAR[]",
}  # fmt: skip


def typed(kind: Kind, value: Any) -> Any:
    """A value of JSON, as Python has it."""
    if value is None:
        return None
    match kind:
        case "day":
            return date.fromisoformat(value)
        case "instant":
            return datetime.fromisoformat(value)
        case "decimal":
            return Decimal(str(value)).quantize(Decimal("0.000001"))
        case "json":
            return orjson.dumps(value).decode()
        case _:
            return value


def plain(value: Any) -> Any:
    """A value of pandas as Python has it."""
    if hasattr(value, "tolist") and not isinstance(value, list):
        value = value.tolist()
    if isinstance(value, list):
        return value
    if pd.isna(value):
        return None
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value


def same(raw: bytes, columns: Any, rows: list[list[Any]], tmp_path: Path) -> None:
    """That the three read a file as it was told, whether a column has values or none."""
    wanted = [[typed(kind, value) for (_, kind), value in zip(columns, row, strict=True)] for row in rows]
    file = tmp_path / "told.parquet"
    file.write_bytes(raw)
    connection = duckdb.connect()
    connection.sql("SET TimeZone = 'UTC'")
    relation = connection.sql(f"SELECT * FROM '{file}'")
    assert relation.columns == [name for name, _ in columns]
    assert [str(kind) for kind in relation.types] == [IN_DUCKDB[kind] for _, kind in columns]
    read = [[v.astimezone(UTC) if isinstance(v, datetime) else v for v in row] for row in relation.fetchall()]
    assert read == wanted
    assert [list(row) for row in pl.read_parquet(io.BytesIO(raw)).rows()] == wanted
    frame = pd.read_parquet(io.BytesIO(raw))
    assert [[plain(value) for value in row] for row in frame.itertuples(index=False)] == wanted


@pytest.mark.parametrize("name", TALLIES)
async def test_tallies_are_read_alike(timeline: Served, tmp_path: Path, name: str):
    tally = PROJECTIONS[name]
    assert isinstance(tally, Tally)
    by = {"group_by": ",".join(tally.dimensions[:3])} if name != "daily_timeline" else {}
    columns = tally_table(tally, by["group_by"].split(",") if by else tally.group_by)
    told = await timeline.get(f"/v1/projections/{name}", **AT, **by)
    answer = await timeline.get(f"/v1/projections/{name}", format="parquet", **AT, **by)
    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert answer.headers["Log-Basis"]
    rows = [[leaves(row).get(path) for path in columns] for row in told.json["rows"].values()]
    same(answer.raw, list(columns.values()), rows, tmp_path)


async def test_what_was_before_is_beside_it_with_its_types(timeline: Served, tmp_path: Path):
    tally = PROJECTIONS["escalation_index"]
    assert isinstance(tally, Tally)
    asked = {**AT, "group_by": "category", "since": "2025-05-01", "until": "2025-08-01", "compare": "previous"}
    told = (await timeline.get("/v1/projections/escalation_index", **asked)).json["rows"]
    answer = await timeline.get("/v1/projections/escalation_index", format="parquet", **asked)
    columns = tally_table(tally, ["category"], compared=True)
    rows = [[leaves(row).get(path) for path in columns] for row in told.values()]
    assert any(value for row in rows for value in row[-6:-2])
    same(answer.raw, list(columns.values()), rows, tmp_path)


@pytest.mark.parametrize("category", [None, "strike", "exchange", "talk", "alert", "ceasefire", "assistance"])
async def test_subjects_are_read_alike(timeline: Served, tmp_path: Path, category: str | None):
    asked = {"at": "2030-01-01", "at_position": "110", "limit": 1000, **({"category": category} if category else {})}
    told = (await timeline.get("/v1/subjects", **asked)).json["subjects"]
    answer = await timeline.get("/v1/subjects", {"Accept": "application/vnd.apache.parquet"}, **asked)
    assert answer.headers["Vary"].endswith("Accept")
    same(answer.raw, columns_of(category), [list(row.values()) for row in told], tmp_path)


async def test_events_are_read_alike(timeline: Served, tmp_path: Path):
    told = await timeline.get("/v1/events", format="ndjson", limit=1000)
    answer = await timeline.get("/v1/events", format="parquet", limit=1000)
    rows = [[value(orjson.loads(line)) for value in EVENT_COLUMNS.values()] for line in told.raw.splitlines()]
    same(answer.raw, EVENT_TABLE, rows, tmp_path)


async def test_where_it_cannot_be_written_it_is_said_how_it_can(timeline: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet, "is_there", lambda: False)
    for path in ("/v1/events", "/v1/subjects", "/v1/projections/city_incidents"):
        answer = await timeline.get(path, format="parquet")
        assert (answer.status, answer.slug) == (406, "not-acceptable")
        assert "pip install 'incidentlog[parquet]'" in answer.json["detail"]
        other = await timeline.get(path, {"Accept": "application/vnd.apache.parquet, text/csv;q=0.5"})
        assert other.headers["Content-Type"].startswith("text/csv")
