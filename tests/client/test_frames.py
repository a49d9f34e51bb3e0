"""Rows as frames of polars and pandas: typed as the same rows are in Parquet."""

import io
import sys
from collections.abc import AsyncIterator

import pytest

from incidentlog.client import Client
from incidentlog.embedded import Server
from tests.api.serving import ADMIN, Served, serving
from tests.conftest import log_called
from tests.subjects.given import TIMELINE

WHY = "it is in the dependency group 'tools', which only .ci/run installs"


@pytest.fixture(scope="module")
async def timeline(server: Server) -> AsyncIterator[Served]:
    async with log_called("test_frames", server) as access, serving(access) as served:
        await served.fill(*TIMELINE.read_bytes().splitlines())
        await served.rows("city_incidents")
        yield served


@pytest.mark.parametrize(
    ("name", "by"),
    [("city_incidents", ["place", "day"]), ("escalation_index", "day"), ("exchange_tally", ()), ("violations", ())],
)
async def test_a_frame_has_the_types_and_values_of_parquet(timeline: Served, name: str, by: list[str] | str):
    pl, pd = pytest.importorskip("polars", reason=WHY), pytest.importorskip("pandas", reason=WHY)
    pytest.importorskip("pyarrow", reason=WHY)
    async with Client(timeline.url, ADMIN) as client:
        rows = await client.projection(name, group_by=by)
    grouped = {"group_by": by if isinstance(by, str) else ",".join(by)} if by else {}
    raw = (await timeline.get(f"/v1/projections/{name}", format="parquet", **grouped)).raw
    wanted, frame = pl.read_parquet(io.BytesIO(raw)), rows.to_polars()
    assert frame.schema == wanted.schema
    assert frame.equals(wanted)
    table, told = rows.to_pandas(), pd.read_parquet(io.BytesIO(raw), dtype_backend="numpy_nullable")
    assert list(table.columns) == list(told.columns)
    assert len(table) == len(told) > 0
    for column in told.columns:
        assert list(table[column].dropna()) == list(told[column].dropna()), column
        if str(told[column].dtype) in {"Int64", "boolean", "datetime64[us, UTC]"}:
            assert table[column].dtype == told[column].dtype


async def test_a_document_becomes_a_frame_with_what_its_rows_have(timeline: Served):
    pytest.importorskip("polars", reason=WHY)
    async with Client(timeline.url, ADMIN) as client:
        rows = await client.projection("ceasefire_status")
    frame = rows.to_polars()
    assert frame["key"].to_list() == list(rows.rows)
    assert frame["state"].to_list() == [row.get("state") for row in rows.rows.values()]


async def test_without_the_extra_it_is_said_how_to_install_it(timeline: Served, monkeypatch: pytest.MonkeyPatch):
    async with Client(timeline.url, ADMIN) as client:
        rows = await client.projection("city_incidents")
    for name in ("polars", "pandas"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=rf"incidentlog\[{name}\]"):
            getattr(rows, f"to_{name}")()


async def test_subjects_are_told_over_all_pages(timeline: Served):
    async with Client(timeline.url, ADMIN) as client:
        found = [row["stream"] async for row in client.subjects("strike", page=3)]
    assert len(found) == len(set(found)) > 3
