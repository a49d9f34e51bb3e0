"""What the page calls places of Ukraine."""

import json
from importlib.resources import files

from incidentlog.places.ukrainian import catalogue


def test_a_place_is_called_as_the_register_has_it_and_in_english_as_the_field_writes_it():
    told = catalogue()
    mykolaiv, kharkiv, samar = "geonames:700569", "geonames:706483", "geonames:699445"
    assert [told["uk"][place] for place in (mykolaiv, kharkiv, samar)] == ["Миколаїв", "Харків", "Самар"]
    assert told["en"][mykolaiv] == "Mykolaiv"  # GeoNames has Mykolayiv
    assert kharkiv not in told["en"]  # it has Kharkiv, too
    assert told["uk"]["UA.17"] == "Одеська область"


def test_the_page_has_what_is_told():
    kept = json.loads((files("incidentlog") / "page" / "texts" / "places.json").read_text("utf-8"))
    assert kept == catalogue()
