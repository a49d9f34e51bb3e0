"""What docs/formats.md says of other people's tools, shown with the tools themselves.

They are large, and so in a dependency group of their own: `.ci/run` installs it, `make test` does without.
"""

import csv
import io
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from incidentlog.api.answers import dumps
from incidentlog.api.formats import blank_line
from tests.api.serving import Served
from tests.commands import about, strike

WHY = "it is in the dependency group 'tools', which only .ci/run installs"
pl = pytest.importorskip("polars", reason=WHY)
duckdb = pytest.importorskip("duckdb", reason=WHY)
shapely = pytest.importorskip("shapely", reason=WHY)
pyogrio = pytest.importorskip("pyogrio", reason=WHY)

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"
CITIES = "/v1/projections/city_incidents"


@pytest.fixture
def kept(tmp_path: Path):
    """Keep an answer in a file, under the format's name."""

    async def keep(served: Served, path: str, format_: str, **params: Any) -> Path:
        answer = await served.get(path, format=format_, **params)
        assert answer.status == 200, answer
        file = tmp_path / f"answer.{format_}"
        file.write_bytes(answer.raw)
        return file

    return keep


def lines(values: list[dict[str, Any]]) -> bytes:
    blank = blank_line(values, ())
    return b"".join(dumps({**blank, **value}) + b"\n" for value in values)


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def lost(sent: Any, read: Any) -> list[tuple[Any, Any]]:
    """What was not read as it was sent; text may stand for an object or a list, as the JSON of it."""
    match sent, read:
        case ((dict() | list()), str()):
            return [] if orjson.loads(read) == sent else [(sent, read)]
        case dict(), dict():
            return [pair for name, value in sent.items() for pair in lost(value, read.get(name))]
        case list(), list() if len(sent) == len(read):
            return [pair for own, other in zip(sent, read, strict=True) for pair in lost(own, other)]
        case _:
            return [] if sent == read else [(sent, read)]


async def test_what_the_document_shows_reads_everything(timeline: Served, service: Served, tmp_path: Path, monkeypatch):
    asked = {"events": ("/v1/events", {"limit": 1000}), "cities": (CITIES, {})}
    await service.add(strike(place={"name": "Oslo", "country": "NO", "precision": "settlement"}), strike())
    norway = await service.get(CITIES, format="csv", group_by="place,country", country="NO", min_position=2)
    (tmp_path / "norway.csv").write_bytes(norway.raw)
    for name, (path, params) in asked.items():
        for format_ in ("ndjson", "csv", "geojson"):
            (tmp_path / f"{name}.{format_}").write_bytes((await timeline.get(path, format=format_, **params)).raw)
    monkeypatch.chdir(tmp_path)
    _, code, _ = re.split(r"^```(?:python)?\n", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)
    found: dict[str, Any] = {}
    exec(code, found)
    assert len(found["events"]) == len(found["events_too"].fetchall()) == len(found["points"]) == 110
    assert len(found["cities"]) == len(found["cities_too"].fetchall()) == 7
    assert found["cities"].schema["deaths_civilians"] == pl.Int64
    assert len(found["shapes"]) == 48
    assert found["norway"].project("country_code").fetchall() == [("NO",)]
    assert duckdb.sql("SELECT country_code FROM 'norway.csv'").fetchall() == [(False,)]


# ------------------------------------------------------------------------------------------------------ NDJSON


@pytest.mark.parametrize(
    "path", ["/v1/events", *(f"/v1/projections/{name}" for name in ("ceasefire_status", "escalation_index"))]
)
async def test_polars_told_to_look_at_every_line_loses_nothing(timeline: Served, kept, path: str):
    file = await kept(timeline, path, "ndjson", **({"limit": 1000} if path == "/v1/events" else {}))
    sent, read = read_lines(file), pl.read_ndjson(file, infer_schema_length=None)
    assert read.columns == list(sent[0])
    assert lost(sent, read.to_dicts()) == []


async def test_polars_refuses_a_late_member_of_an_event_and_leaves_none_out(service: Served, kept):
    """Looking at 100 lines alone, it would leave out without a word a member that those do not have."""
    reported = [strike() for _ in range(100)]
    moved = {"place": {"name": "Kyiv", "country": "UA", "precision": "settlement"}}
    amended = about("amended", reported[0]["id"], patch=moved, reason="it was Kyiv")
    assert (await service.bulk(*reported, amended)).status == 201
    file = await kept(service, "/v1/events", "ndjson", limit=1000)
    with pytest.raises(pl.exceptions.ComputeError, match="NULL"):
        pl.read_ndjson(file)
    read = pl.read_ndjson(file, infer_schema_length=None)["patched_place"].struct.field("name")
    assert read.to_list() == [*[None] * 100, "Kyiv"]


async def test_polars_leaves_out_what_hangs_on_the_type_unless_told_to_look_at_every_line(service: Served, kept):
    last = strike()
    last["data"]["casualties"]["civilians_killed"] = {"best": 1}
    assert (await service.bulk(*(strike() for _ in range(100)), last)).status == 201
    file = await kept(service, "/v1/events", "ndjson", limit=1000)
    assert "civilians_killed" not in pl.read_ndjson(file).to_dicts()[-1]["data"]["casualties"]
    told = pl.read_ndjson(file, infer_schema_length=None).to_dicts()[-1]["data"]["casualties"]
    assert told["civilians_killed"] == {"best": 1}


async def test_polars_reads_commitments(timeline: Served, kept):
    file = await kept(timeline, "/v1/projections/commitments", "ndjson")
    assert lost(read_lines(file), pl.read_ndjson(file, infer_schema_length=None).to_dicts()) == []


async def test_duckdb_has_every_event_and_what_hangs_on_the_type_as_json(timeline: Served, kept):
    file = await kept(timeline, "/v1/events", "ndjson", limit=1000)
    told = duckdb.sql(f"SELECT id::text, data->>'target_class' FROM read_json('{file}', sample_size=-1)").fetchall()
    assert told == [(event["id"], event["data"].get("target_class")) for event in read_lines(file)]


@pytest.mark.parametrize("late", [{"UKR": "agreed"}, {"RUS": "agreed", "UKR": "agreed"}])
def test_duckdb_refuses_a_late_member_unless_told_to_look_at_every_line(tmp_path: Path, late: dict[str, str]):
    file = tmp_path / "rows.ndjson"
    rows = [{"key": str(n), "views": {"RUS": "agreed"}} for n in range(20_480)]
    file.write_bytes(lines([*rows, {"key": "last", "views": late}]))
    asked = "SELECT views FROM read_json('{}'{}) WHERE key = 'last'"
    with pytest.raises(duckdb.InvalidInputException, match="sample_size"):
        duckdb.sql(asked.format(file, "")).fetchall()
    told = duckdb.sql(asked.format(file, ", sample_size=-1")).fetchall()
    assert told == [({"RUS": None, "UKR": None} | late,)]


def test_duckdb_reads_a_figure_after_20480_nulls_as_null_unless_told_to_look_at_every_line(tmp_path: Path):
    file = tmp_path / "rows.ndjson"
    rows = [{"key": str(n), "killed": {"best": None}} for n in range(20_480)]
    file.write_bytes(lines([*rows, {"key": "last", "killed": {"best": 7}}]))
    asked = "SELECT count(killed.best), count(*) FROM read_json('{}'{})"
    assert duckdb.sql(asked.format(file, "")).fetchall() == [(0, 20_481)]
    assert duckdb.sql(asked.format(file, ", sample_size=-1")).fetchall() == [(1, 20_481)]


async def test_a_figure_that_is_null_on_every_line_is_cast_and_is_unknown(timeline: Served, kept):
    file = await kept(timeline, CITIES, "ndjson")
    figure = pl.read_ndjson(file)["civilians_killed"].struct.field("best")
    assert figure.dtype == pl.Null
    assert figure.cast(pl.Int64).sum() == 0  # of nothing but nulls polars makes none
    assert pl.DataFrame({"best": figure.cast(pl.Int64)}).select(
        pl.when(pl.col("best").count() > 0).then(pl.col("best").sum())
    ).to_series().to_list() == [None]
    asked = f"SELECT sum(civilians_killed.best::BIGINT), sum(killed.best) FROM read_json('{file}')"
    rows = read_lines(file)
    assert duckdb.sql(asked).fetchall() == [(None, sum(row["killed"]["best"] or 0 for row in rows))]


# --------------------------------------------------------------------------------------------------------- CSV


async def test_a_column_of_empty_cells_is_text_until_told_what_it_is(timeline: Served, kept):
    file = await kept(timeline, CITIES, "csv")
    assert {row["deaths_civilians"] for row in csv.DictReader(io.StringIO(file.read_text("utf-8")))} == {""}
    assert pl.read_csv(file).schema["deaths_civilians"] == pl.String
    told = pl.read_csv(file, infer_schema_length=None, schema_overrides={"deaths_civilians": pl.Int64})
    assert told.schema["deaths_civilians"] == pl.Int64
    typeof = "SELECT DISTINCT typeof(deaths_civilians), typeof(best) FROM read_csv('{}'{})"
    assert duckdb.sql(typeof.format(file, "")).fetchall() == [("VARCHAR", "BIGINT")]
    types = ", sample_size=-1, types={'deaths_civilians': 'BIGINT'}"
    assert duckdb.sql(typeof.format(file, types)).fetchall() == [("BIGINT", "BIGINT")]


async def test_the_figures_of_a_tally_name_the_columns_that_are_numbers(timeline: Served, kept):
    from incidentlog.folding.columns import RENAMED

    file = await kept(timeline, CITIES, "csv")
    listed = (await timeline.get("/v1/projections")).json["projections"]
    [figures] = [p["figures"] for p in listed if p["name"] == "city_incidents"]
    numbers = dict.fromkeys((RENAMED.get(name, name.replace(".", "_")) for name in figures), pl.Int64)
    read = pl.read_csv(file, schema_overrides=numbers)
    assert {read.schema[name] for name in numbers} == {pl.Int64}


async def test_polars_takes_a_figure_for_text_that_comes_after_a_hundred_empty_cells(service: Served, kept):
    unknown = [strike(killed=None, place={"name": f"Nowhere {n}", "precision": "settlement"}) for n in range(100)]
    await service.fill(*unknown, strike(killed=7, place={"name": "Very last", "precision": "settlement"}))
    await service.settled()
    file = await kept(service, CITIES, "csv")
    assert pl.read_csv(file)["best"].to_list()[-1] == "7"
    assert pl.read_csv(file, infer_schema_length=None)["best"].to_list() == [*[None] * 100, 7]


# ----------------------------------------------------------------------------------------------------- GeoJSON


async def test_gdal_has_every_feature_with_or_without_a_place(timeline: Served, kept):
    file = await kept(timeline, "/v1/events", "geojson", limit=1000)
    sent = orjson.loads(file.read_bytes())["features"]
    _, _, geometries, _ = pyogrio.raw.read(file, columns=["id"])
    assert [g is None for g in geometries] == [feature["geometry"] is None for feature in sent]
    assert {g is None for g in geometries} == {True, False}


async def test_gdal_has_figures_as_text_until_told_to_flatten_them(timeline: Served, kept):
    file = await kept(timeline, CITIES, "geojson")
    sent = [feature["properties"] for feature in orjson.loads(file.read_bytes())["features"]]
    assert [orjson.loads(text) for text in gdal(file)["killed"]] == [row["killed"] for row in sent]
    flat = gdal(file, FLATTEN_NESTED_ATTRIBUTES="YES", NESTED_ATTRIBUTE_SEPARATOR="_")
    assert "killed" not in flat
    known = [row["killed"]["best"] for row in sent]
    assert [None if number != number else number for number in flat["killed_best"]] == known  # noqa: PLR0124 - NaN
    assert set(flat["civilians_killed_best"]) == {None}


async def test_gdal_rounds_times_to_milliseconds_until_told_to_leave_them_as_text(service: Served, kept):
    told = "2025-11-19T22:30:00.123456Z"
    await service.add(strike(reported_at=told))
    file = await kept(service, "/v1/events", "geojson")
    [read] = gdal(file, columns=["reported_at"])["reported_at"]
    assert str(read) == "2025-11-19T22:30:00.123"
    assert list(gdal(file, columns=["reported_at"], DATE_AS_STRING="YES")["reported_at"]) == [told]


async def test_pyogrio_refuses_a_file_for_one_time_until_told_to_leave_them_as_text(service: Served, kept):
    """In the last half millisecond of a second, the millisecond is rounded up to 1,000."""
    told = "2025-11-19T22:30:59.999600Z"
    await service.add(strike(), strike(reported_at=told))
    file = await kept(service, "/v1/events", "geojson")
    with pytest.raises(ValueError, match="microsecond"):
        gdal(file, columns=["reported_at"])
    assert list(gdal(file, DATE_AS_STRING="YES")["reported_at"]) == ["2025-11-19", told]


async def test_shapely_refuses_a_collection_with_a_feature_that_is_nowhere(timeline: Served, kept):
    text = (await kept(timeline, "/v1/events", "geojson", limit=1000)).read_text("utf-8")
    with pytest.raises(shapely.errors.GEOSException):
        shapely.from_geojson(text)
    features = orjson.loads(text)["features"]
    points = [shapely.geometry.shape(feature["geometry"]) for feature in features if feature["geometry"]]
    assert {point.geom_type for point in points} == {"Point"}
    assert len(points) == sum(feature["geometry"] is not None for feature in features)


def gdal(file: Path, **options: Any) -> dict[str, Any]:
    """The columns that GDAL reads, by name."""
    meta, _, _, columns = pyogrio.raw.read(file, **options)
    return dict(zip(meta["fields"], columns, strict=True))


# ---------------------------------------------------------------------------------------------------- subjects


async def test_gdal_and_duckdb_read_the_figures_of_subjects_as_numbers(timeline: Served, kept):
    asked = {"category": "strike", "limit": 1000, "at": "2030-01-01"}
    file = await kept(timeline, "/v1/subjects", "geojson", **asked)
    rows = [feature["properties"] for feature in orjson.loads(file.read_bytes())["features"]]
    told, _, points, columns = pyogrio.raw.read(file, DATE_AS_STRING="YES")
    types = dict(zip(told["fields"], (column.dtype.kind for column in columns), strict=True))
    assert {types[name] for name in ("killed_best", "latitude", "reports", "position")} <= {"i", "f"}
    assert sum(point is not None for point in points) == sum(row["latitude"] is not None for row in rows) > 0
    table = await kept(timeline, "/v1/subjects", "csv", **asked)
    total = "sum(coalesce(killed_best, killed_low, killed_high))"
    [(told_by_duckdb,)] = duckdb.sql(f"SELECT {total} FROM read_csv('{table}', sample_size=-1)").fetchall()
    counted = await timeline.get(CITIES, group_by="kind", kind="strike", at="2030-01-01")
    assert told_by_duckdb == counted.json["rows"]["strike"]["killed"]["best"]
