"""Places of real reports. The files are beside the checkout, not in it: without them these tests are skipped."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incidentlog.places import PlaceQuery, Precision, Resolution, Resolver, distance_km, settlement_name

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PRECISION: dict[str, Precision] = {
    "1": "exact", "2": "settlement", "3": "admin2", "4": "admin1", "5": "area", "6": "country", "7": "area",
}  # fmt: skip


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
def ucdp() -> list[dict[str, str]]:
    return list(csv.DictReader(lines("ucdp_ged_ukraine_2014_2021.csv")))[1:]


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
    assert open_names == {("Mayaky", "ambiguous"), ("Pivdenne", "ambiguous")}


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


def resolved(
    resolver: Resolver, rows: list[dict[str, str]], *, with_coordinates: bool, with_region: bool
) -> Iterator[tuple[Resolution, float | None]]:
    """Each row's resolution, and how far off the place is that it was given."""
    for row in rows:
        lat, lon = float(row["latitude"]), float(row["longitude"])
        found = resolver.resolve(
            PlaceQuery(
                settlement_name(row["where_coordinates"]),
                PRECISION[row["where_prec"]] if with_coordinates else "settlement",
                country="UA",
                admin1=(row["adm_1"] or None) if with_region else None,
                lat=lat if with_coordinates else None,
                lon=lon if with_coordinates else None,
            )
        )
        place = resolver.find(found.place_id) if found.place_id else None
        yield found, distance_km(lat, lon, place.lat, place.lon) if place else None


def test_with_coordinates_no_real_row_lands_over_30_km_away(resolver: Resolver, ucdp: list[dict[str, str]]):
    hows: Counter[str] = Counter()
    for found, off_km in resolved(resolver, ucdp, with_coordinates=True, with_region=True):
        hows[found.how] += 1
        assert off_km is None or off_km <= 30
    assert sum(hows.values()) == 2989
    assert hows["admin1"] == 470
    assert hows["country"] == 2
    assert hows["ambiguous"] == 59
    assert hows["unresolved"] == 1290


def test_by_name_alone_real_rows_do_land_over_30_km_away(resolver: Resolver, ucdp: list[dict[str, str]]):
    rows = resolved(resolver, ucdp, with_coordinates=False, with_region=False)
    assert sum(off_km is not None and off_km > 30 for _, off_km in rows) == 238
    rows = resolved(resolver, ucdp, with_coordinates=False, with_region=True)
    assert sum(off_km is not None and off_km > 30 for _, off_km in rows) == 31


def test_every_oblast_of_the_air_raid_alerts_is_known(resolver: Resolver):
    official = csv.DictReader(lines("air_raid_alerts_official.csv"))
    volunteer = csv.DictReader(lines("air_raid_alerts_volunteer.csv"))
    names = {row["oblast"] for row in official} | {row["region"] for row in volunteer}
    found = {name: resolver.resolve(PlaceQuery(name, "admin1", country="UA")) for name in names}
    assert [name for name in names if found[name].how != "admin1"] == ["Lubenskyi raion"]
    assert len({resolution.admin1 for resolution in found.values()} - {None}) == 25
