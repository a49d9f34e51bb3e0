"""`GET /v1/subjects`: a flat row for each subject as it stands, narrowed by how it stands."""

import csv
import io
from typing import Any

import orjson
import pytest

from incidentlog.api import subjects
from incidentlog.folding.flat import columns_of
from incidentlog.folding.subject import Subject
from incidentlog.store import search
from incidentlog.store.blocks import BLOCK, write_blocks
from tests.api.serving import Answer, Served, make_key
from tests.commands import about, retraction, strike
from tests.subjects.given import merge

SUBJECTS = "/v1/subjects"
FIGURES = ("killed", "injured", "civilians_killed", "children_killed")


async def pages(served: Served, **params: Any) -> list[Answer]:
    found = [await served.get(SUBJECTS, **params)]
    while "next" in found[-1].json:
        found.append(await served.get(found[-1].json["next"]))
    assert all(page.status == 200 for page in found), found
    return found


async def rows(served: Served, **params: Any) -> list[dict[str, Any]]:
    return [row for page in await pages(served, **params) for row in page.json["subjects"]]


def point(row: dict[str, Any], figure: str) -> int | None:
    """What a tally adds (docs/formats.md, Subjects)."""
    return next((n for end in ("best", "low", "high") if (n := row[f"{figure}_{end}"]) is not None), None)


@pytest.mark.parametrize("asked", [{}, {"at": "2025-06-01"}, {"known_at": "2025-11-20", "basis": "reported"}])
async def test_the_figures_of_the_rows_add_up_to_what_the_tally_says(timeline: Served, asked: dict[str, str]):
    asked = {"at": "2026-02-01", **asked}
    found = [row for c in ("strike", "incident", "alert") for row in await rows(timeline, category=c, **asked)]
    answer = await timeline.get("/v1/projections/city_incidents", group_by="country", **asked)
    counted = answer.json["rows"].values()
    assert len(found) == sum(row["incidents"] + row["parts"] for row in counted) > 0
    for figure in FIGURES:
        told = [n for row in found if "killed_best" in row and (n := point(row, figure)) is not None]
        assert sum(told) == sum(row[figure]["best"] or 0 for row in counted)


async def test_every_subject_is_there_once_and_says_what_it_says_by_itself(timeline: Served):
    found = await rows(timeline, limit=7, status="current", at="2030-01-01")
    streams = [row["stream"] for row in found]
    assert streams == sorted(set(streams))
    added = (await timeline.get("/v1/diff", from_position=0, limit=1000)).json["added"]
    assert set(streams) == {s for s, own in added.items() if own.get("absorbed_into") is None}
    for row in found[::5]:
        own = (await timeline.get(f"{SUBJECTS}/{row['stream']}")).json["state"]
        assert own["is_current"] == row["is_current"]
        assert own["verification"] == row["verification"]
        assert (own["place"] or {}).get("name") == row["location"]
        assert own.get("casualties", {}).get("killed", {}) in (None, {}) or row["killed_best"] is not None


@pytest.mark.parametrize("category", sorted(Subject.families))
async def test_a_row_has_the_members_of_its_category_in_every_format(timeline: Served, category: str):
    columns = [column.name for column in columns_of(category)]
    assert len(set(columns)) == len(columns)
    asked = {"category": category, "limit": "1000", "at": "2030-01-01", "at_position": "110"}
    told = (await timeline.get(SUBJECTS, **asked)).json
    lines = (await timeline.get(SUBJECTS, format="ndjson", **asked)).raw.splitlines()
    table = list(csv.reader(io.StringIO((await timeline.get(SUBJECTS, format="csv", **asked)).raw.decode())))
    features = (await timeline.get(SUBJECTS, format="geojson", **asked)).json
    assert [orjson.loads(line) for line in lines] == told["subjects"]
    assert [feature["properties"] for feature in features["features"]] == told["subjects"]
    assert features["basis"] == told["basis"]
    assert all(list(row) == columns for row in told["subjects"])
    assert table[0] == columns
    assert [line[0] for line in table[1:]] == [row["stream"] for row in told["subjects"]]
    for feature, row in zip(features["features"], told["subjects"], strict=True):
        at = feature["geometry"] and feature["geometry"]["coordinates"]
        assert at == (None if row["latitude"] is None else [row["longitude"], row["latitude"]])


async def test_what_was_known_is_told_and_pages_rest_on_one_basis(service: Served, monkeypatch: pytest.MonkeyPatch):
    one, two, three = "strike:one", "strike:three", "strike:two"
    first = strike(stream=one, killed=1)
    await service.add(first, strike(stream=two, killed=2), strike(stream=three, killed=4))
    before = await pages(service, category="strike", limit=2, min_position=3)
    assert [[row["stream"] for row in page.json["subjects"]] for page in before] == [[one, two], [three]]
    monkeypatch.setattr(subjects, "PASSED_OVER", 1)  # a page that passes over no more has a next one all the same
    await service.add(
        about("amended", first["id"], patch={"place": {"name": "Kyiv", "country": "UA", "precision": "settlement"}},
              reason="it was Kyiv"),
        merge(two, three, name="the merge"),
    )  # fmt: skip
    assert [row["stream"] for row in await rows(service, city="geonames:703448", min_position=5)] == [one]
    assert await rows(service, city="geonames:703448", at_position=3) == []
    now = await rows(service, category="strike")
    assert [(row["stream"], row["absorbed"], row["reports"]) for row in now] == [(one, [], 1), (two, [three], 2)]
    again = await service.get(before[0].json["next"])
    assert again.raw == before[1].raw
    assert (await service.get(SUBJECTS, category="strike", **before[0].json["basis"])).json["basis"] == before[0].json["basis"]  # fmt: skip


async def test_what_is_retracted_is_left_out_unless_it_is_asked_for(service: Served):
    event = strike(stream="strike:one", killed=3)
    await service.add(event, strike(stream="strike:two"))
    await service.add(retraction(event["id"]))
    assert [row["stream"] for row in await rows(service, min_position=3)] == ["strike:two"]
    [gone] = await rows(service, status="retracted")
    assert (gone["stream"], gone["is_current"], gone["position"]) == ("strike:one", False, 3)
    both = await service.ask("GET", SUBJECTS, params=[("status", "retracted"), ("status", "current")])
    assert len(both.json["subjects"]) == 2


@pytest.mark.parametrize(
    ("narrowed", "count"),
    [
        ({"admin1": "UA.17"}, 1),
        ({"admin1": "UA.12"}, 0),
        ({"country": "UA"}, 1),
        ({"bbox": "30,46,31,47"}, 1),
        ({"bbox": "31,46,30,47"}, 0),
        ({"since": "2025-11-19", "until": "2025-11-20"}, 1),
        ({"since": "2025-11-20"}, 0),
        ({"until": "2025-11-19"}, 0),
        ({"verification": "single_source"}, 1),
        ({"verification": "refuted"}, 0),
        ({"actor": "RUS"}, 1),
        ({"actor": "UKR"}, 0),
        ({"admin2": "UA5110"}, 1),
        ({"admin2": "UA5102"}, 0),
        ({"category": "alert"}, 0),
        ({"at": "2025-11-01"}, 0),
    ],
)
async def test_a_filter_goes_by_how_it_stands(only_one: Served, narrowed: dict[str, str], count: int):
    assert len(await rows(only_one, **narrowed)) == count


LVIV = {"name": "Lviv", "country": "UA", "precision": "settlement"}
LUTSK = {"name": "Lutsk", "country": "UA", "precision": "settlement"}
WHERE: list[dict[str, str]] = [
    {"category": "strike", **asked}
    for asked in (
        {"city": "geonames:702550"},
        {"city": "geonames:702569"},
        {"admin1": "UA.15"},
        {"admin1": "UA.15", "category": "alert"},
        {"country": "PL"},
        {"bbox": "24,49,25,51", "status": "retracted"},
        {"bbox": "24,49,25,51"},
        {"city": "geonames:702550", "actor": "UKR"},
        {"city": "geonames:702550", "at_position": "700"},
        {"city": "geonames:698740", "bbox": "24,49,25,51"},
    )
]
"""What is asked: Lviv, Lutsk, the region of Lviv, and so on."""


async def test_what_is_somewhere_is_found_where_the_log_says_so_and_not_by_asking_each(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """As it stands: amended to there and away, merged into another, retracted, and known to few."""
    moved, left, gone = [strike(stream=f"strike:{name}") for name in ("moved", "left", "gone")]
    nowhere = {"name": "Nobody knows where", "country": "UA", "lat": 47.1, "lon": 32.3, "precision": "settlement"}
    rare = [
        strike(stream="strike:there", place=LVIV), left | {"place": LVIV}, gone | {"place": LVIV},
        strike(stream="strike:hidden", place=LVIV, tlp="RED"), strike(stream="strike:absorbed", place=LUTSK), moved,
        strike(stream="strike:other", place=nowhere),
        strike(stream="strike:by-others", place=LVIV, actors=[{"code": "UKR", "role": "attacker"}]),
    ]  # fmt: skip
    others = (strike(type="incident.reported", data={"kind": "clash"}) for _ in range(3 * BLOCK))
    await service.fill(*rare, *(strike() for _ in range(9)), *others)
    await service.add(
        about("amended", moved["id"], reason="not there", patch={"place": LVIV}),
        about("amended", left["id"], reason="not there", patch={"place": LUTSK}),
        retraction(gone["id"]),
        merge("strike:other", "strike:absorbed"),
    )
    await service.rows("city_incidents")
    await make_key(service.access, "low", "a-key-that-sees-little", scopes=["read"], clearance=0)
    connection = await service.access.connect()
    while await write_blocks(connection):
        pass
    await connection.close()
    for reader in (service, service.by("a-key-that-sees-little")):
        by_place = [await rows(reader, **asked) for asked in WHERE]
        with monkeypatch.context() as patch:
            patch.setattr(subjects, "PASSED_OVER", 5)
            for asked in WHERE:
                assert len(await pages(reader, **asked)) == 1, asked
        with monkeypatch.context() as patch:
            patch.setattr(search, "FEW_BLOCKS", 1)
            for asked, found in zip(WHERE, by_place, strict=True):
                assert await rows(reader, **asked) == found, asked
    streams = [[row["stream"] for row in found] for found in by_place]
    assert streams[0] == ["strike:by-others", "strike:moved", "strike:there"]
    assert streams[1] == ["strike:left", "strike:other"]
    assert [len(each) for each in streams] == [3, 2, 3, 0, 0, 1, 3, 1, 4, 0]


@pytest.fixture(scope="module")
async def only_one(server: Any):
    from tests.api.serving import serving
    from tests.conftest import log_called

    async with log_called("test_subject_rows", server) as access, serving(access) as served:
        await served.add(strike(stream="strike:one"))
        await served.rows("city_incidents")
        yield served


@pytest.mark.parametrize(
    ("params", "faults"),
    [
        ({"country": "UKR", "nonsense": "1"}, {"/country": "not_a_country", "/nonsense": "unknown_filter"}),
        ({"since": "2025-11-20", "until": "2025-11-19"}, {"/until": "ends_before_start"}),
        ({"after": "nothing"}, {"/after": "not_a_stream"}),
        ({"status": "gone"}, {"/status": "unknown_value"}),
        ({"limit": "0"}, {"/limit": "not_a_number"}),
        ({"bom": "yes", "format": "csv"}, {"/bom": "unknown_value"}),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_every_fault(
    only_one: Served, params: dict[str, str], faults: dict[str, str]
):
    answer = await only_one.get(SUBJECTS, **params)
    assert (answer.status, answer.slug) == (400, "bad-request")
    assert answer.faults == faults


@pytest.mark.parametrize(
    "path", [SUBJECTS, "/v1/events", "/v1/projections/city_incidents", "/v1/projections/city_incidents/geonames:698740"]
)
async def test_excel_is_told_that_it_is_utf8_where_it_is_asked(only_one: Served, path: str):
    plain = await only_one.get(path, format="csv")
    marked = await only_one.get(path, format="csv", bom="1")
    assert marked.raw == b"\xef\xbb\xbf" + plain.raw
    assert (await only_one.get(path, format="ndjson", bom="1")).raw == (await only_one.get(path, format="ndjson")).raw
