"""Places of real reports. The files are beside the checkout, not in it: without them these tests are skipped."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from incidentlog.places import PlaceQuery, Resolution, Resolver
from tests.benchmarks.places import SETTLEMENT, Row, resolved, rows_of

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def lines(name: str) -> list[str]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout, in ../shared/data")
    return path.read_text("utf-8").splitlines(keepends=True)


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    return Resolver()


@pytest.fixture(scope="module")
def timeline() -> list[dict[str, Any]]:
    events = [json.loads(line) for line in lines("timeline.ndjson")]
    return [event["place"] for event in events if event.get("place")]


@pytest.fixture(scope="module")
def ucdp() -> list[Row]:
    return rows_of(lines("ucdp_ged_ukraine_2014_2021.csv"))


def by_name(resolver: Resolver, place: dict[str, Any]) -> Resolution:
    return resolver.resolve(PlaceQuery(place["name"], place["precision"], country=place.get("country")))


def test_in_the_timeline_a_name_never_leads_to_another_place_than_the_id_beside_it(
    resolver: Resolver, timeline: list[dict[str, Any]]
):
    open_names = set()
    for place in timeline:
        if "place_id" in place:
            found = by_name(resolver, place)
            assert found.place_id in {None, place["place_id"]}
            if found.place_id is None:
                open_names.add((place["name"], found.how))
    assert open_names == {("Mayaky", "ambiguous"), ("Pivdenne", "ambiguous"), ("Belbek", "unresolved")}


def test_in_the_timeline_every_name_without_an_id_finds_its_place(resolver: Resolver, timeline: list[dict[str, Any]]):
    found = {place["name"]: by_name(resolver, place).place_id for place in timeline if "place_id" not in place}
    assert found == {
        "Antalya": "geonames:323777",
        "Istanbul": "geonames:745044",
        "Riyadh": "geonames:108410",
        "Jeddah": "geonames:105343",
        "Sumy": "geonames:692194",
        "Kyiv": "geonames:703448",
        "Washington": "geonames:4140963",
        "Brussels": "geonames:2800866",
        "Ternopil": "geonames:691650",
        "Miami": "geonames:4164138",
        "Odesa": "geonames:698740",
        "Odessa": "geonames:698740",
        "Palm Beach": "geonames:4167505",
        "Abu Dhabi": "geonames:292968",
    }


@pytest.mark.parametrize(
    ("clues", "found", "far"),
    [
        ((), 0.5, 0.01),
        (("region",), 0.75, 0.005),
        (("point",), 0.8, 0),
        (("region", "point"), 0.8, 0),
    ],
)
def test_real_settlements_are_found_and_hardly_any_far_off(
    resolver: Resolver, ucdp: list[Row], clues: tuple[str, ...], found: float, far: float
):
    rows = [row for row in ucdp if row["where_prec"] in SETTLEMENT]
    assert len(rows) == 2272
    off = [km for _, km in resolved(resolver, rows, clues) if km is not None]
    assert len(off) / len(rows) >= found
    assert sum(km > 30 for km in off) / len(rows) <= far


def test_the_name_of_an_area_is_never_a_settlement(resolver: Resolver, ucdp: list[Row]):
    areas = [row for row in ucdp if row["where_prec"] not in SETTLEMENT]
    hows = Counter(found.how for found, _ in resolved(resolver, areas, ("region", "point")) if found.place_id is None)
    assert sum(hows.values()) == len(areas) == 717
    assert (hows["admin1"], hows["country"]) == (470, 2)


def test_every_oblast_of_the_air_raid_alerts_is_known(resolver: Resolver):
    official = csv.DictReader(lines("air_raid_alerts_official.csv"))
    volunteer = csv.DictReader(lines("air_raid_alerts_volunteer.csv"))
    names = {row["oblast"] for row in official} | {row["region"] for row in volunteer}
    found = {name: resolver.resolve(PlaceQuery(name, "admin1", country="UA")) for name in names}
    assert [name for name in names if found[name].how != "admin1"] == ["Lubenskyi raion"]
    assert len({resolution.admin1 for resolution in found.values()} - {None}) == 25
