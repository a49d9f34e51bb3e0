"""Full dumps of GeoNames."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from incidentlog.places import LOADED, Gazetteer, PlaceQuery, Resolver, bundled, load_from
from incidentlog.places.build_gazetteer import pack
from incidentlog.places.dump import Dump, DumpError, read_dump, with_register


def line(number: int, name: str, others: str, lat: float, lon: float, *, country: str = "PL", **more: str) -> str:
    told = [""] * 19
    told[:6] = [str(number), name, name, others, str(lat), str(lon)]
    told[6], told[7], told[8] = more.get("kind", "P"), more.get("code", "PPL"), country
    told[10], told[14], told[17] = more.get("admin1", "78"), more.get("people", "0"), "Europe/Warsaw"
    return "\t".join(told) + "\n"


POLAND = [
    line(1, "Przewodów", "Przewodow,Пшеводув", 50.4716, 23.9342, admin1="75", people="413"),
    line(2, "Mazowieckie", "", 52.2, 21.0, kind="A"),
    line(3, "Praga", "", 52.25, 21.03, code="PPLX", people="180000"),
    line(4, "Lubaczów", "", 50.157, 23.123, admin1="80", people="12567"),
]
UKRAINE = [
    line(
        11, "Novokaterynivka", "Новокатеринівка,Новоекатериновка", 47.7, 38.1, country="UA", admin1="05", people="300"
    ),
    line(12, "Nowhere", "Ніде-Нетут", 47.0, 38.0, country="UA", admin1="05"),
    line(698740, "Odesa", "Одеса", 46.48572, 30.74383, country="UA", admin1="17", people="1010537"),
]


def test_the_populated_places_of_a_dump_are_taken_the_largest_first():
    dump = read_dump(POLAND)
    assert (dump.country, dump.count) == ("PL", 2)
    assert [row.split("\t")[1] for row in dump.text.split("\n")] == ["name", "Lubaczów", "Przewodów"]


def test_a_loaded_country_is_whole_and_its_villages_are_found():
    gazetteer = Gazetteer("header", loaded={"PL": read_dump(POLAND).text})
    resolver = Resolver(gazetteer)
    for name in ("Przewodów", "Przewodow", "PRZEWODÓW"):
        found = resolver.resolve(PlaceQuery(name, country="PL"))
        assert (found.place_id, found.admin1) == ("geonames:1", "75")
    assert resolver.resolve(PlaceQuery("Praga", country="PL")).how == "unresolved"


def test_a_dump_of_ukraine_gives_the_settlements_of_the_register_coordinates_and_leaves_their_ids():
    dump = with_register(read_dump(UKRAINE), bundled())
    assert dump.count <= 1
    assert "Nowhere" not in dump.text
    assert "Odesa" not in dump.text


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    load_from(None)


def test_what_is_in_the_folder_is_known_and_no_id_is_another_then(folder: Path):
    code = "UA14100050190086312"
    row = f"{code}\tNovokaterynivka\tUA\t05\t47.7\t38.1\t300\tEurope/Kyiv\tНовоекатериновка"
    before = [place.place_id for place in bundled()]
    for country, text in (("UA", f"header\n{row}"), ("PL", read_dump(POLAND).text)):
        (folder / f"{country}{LOADED}").write_bytes(pack(text))
    load_from(folder)
    place = bundled().find(f"katottg:{code}")
    assert place is not None
    assert (place.place_id, place.point, place.population, place.admin2) == (
        f"katottg:{code}",
        (47.7, 38.1),
        300,
        "UA1410",
    )
    assert place in set(bundled().around(47.7, 38.1, 1))
    assert {place.place_id for place in bundled()} == {*before, "geonames:1", "geonames:4"}
    found = Resolver().resolve(PlaceQuery("Novokaterynivka", country="UA", lat=47.7, lon=38.1))
    assert found.place_id == f"katottg:{code}"


def test_every_line_that_cannot_be_read_is_told_and_nothing_is_taken():
    bad = [
        "not a dump\n",
        line(1, "A", "", 91.0, 20.0),
        line(2, "B", "", 50.0, 20.0, people="many"),
        line(3, "C", "", 50.0, 20.0),
        line(4, "D", "", 50.0, 20.0, country="DE"),
    ]
    with pytest.raises(DumpError) as refused:
        read_dump(bad)
    assert [fault.line for fault in refused.value.faults] == [1, 2, 3, 5]
    assert "1 columns" in str(refused.value)
    with pytest.raises(DumpError, match="no populated place"):
        read_dump([])


def test_other_countries_come_back_as_they_are():
    dump = Dump("PL", "header", 0)
    assert with_register(dump, bundled()) is dump
