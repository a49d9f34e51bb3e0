"""Regions, as people write them."""

import pytest

from incidentlog.places import admin1_name, bundled, find_admin1


@pytest.mark.parametrize(
    "text",
    [
        *(
            "17",
            "UA.17",
            "ua.17",
            "UA-51",
            "ua-51",
            "Odesa",
            "Odeska oblast",
            "Odesa oblast",
            "Odessa Oblast",
            "Odes'ka Oblast'",
        ),
        *("Одеська область", "Одесская обл.", "Odesa region"),
    ],
)
def test_every_way_to_write_an_oblast_gives_its_geonames_code(text: str):
    assert [region.code for region in find_admin1(text, "UA")] == ["17"]


def test_all_27_regions_are_known_by_code_iso_and_name():
    for number in range(1, 28):
        (region,) = find_admin1(f"{number:02}", "UA")
        assert region.iso is not None
        assert region.name == admin1_name("UA", region.code)
        assert find_admin1(region.iso) == (region,)
        assert find_admin1(region.title) == (region,)


def test_kyiv_the_city_and_kyiv_the_oblast_are_told_apart_and_a_bare_kyiv_means_either():
    assert [region.code for region in find_admin1("Kyiv City")] == ["12"]
    assert [region.code for region in find_admin1("Kyivska oblast")] == ["13"]
    assert [region.code for region in find_admin1("Kyiv oblast")] == ["13"]
    assert [region.code for region in find_admin1("Kyiv")] == ["12", "13"]


def test_a_bare_number_is_never_an_iso_number():
    assert find_admin1("14", "UA") != find_admin1("UA-14")
    assert find_admin1("17") == ()


def test_a_region_of_another_country_is_not_found():
    assert find_admin1("UA-51", "RU") == ()
    assert find_admin1("Odesa oblast", "RU") == ()
    assert find_admin1("UA.17", "RU") == ()


def test_elsewhere_only_codes_that_have_a_place_count():
    codes = bundled().admin1_codes
    assert [(r.country, r.code, r.name) for r in find_admin1("US-FL", None, codes)] == [("US", "FL", None)]
    assert [r.code for r in find_admin1("fl", "US", codes)] == ["FL"]
    assert [(r.country, r.code) for r in find_admin1("RU.48", None, codes)] == [("RU", "48")]
    assert find_admin1("RU.4800", None, codes) == ()
    assert find_admin1("FR-75", "FR", codes) == ()
    assert find_admin1("Bavaria", "DE", codes) == ()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Дніпроп. обл.", ["04"]),
        ("Харьк. обл", ["07"]),
        ("Ів.-Франк.", ["06"]),
        ("Микол. обл.", ["16"]),
        ("Київ. обл.", ["13"]),
        ("Харківщина", ["07"]),
        ("АРК", ["11"]),
        ("АР Крим", ["11"]),
        ("Черн. обл.", []),  # Chernihiv or Chernivtsi
        ("Х. обл.", []),
        (".", []),
    ],
)
def test_an_oblast_may_be_shortened_as_far_as_that_tells_one(text: str, codes: list[str]):
    assert [region.code for region in find_admin1(text, "UA")] == codes
