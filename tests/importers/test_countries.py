"""Countries by the code systems that files use."""

import pytest
from iso3166 import countries

from incidentlog.importers.countries import codes
from incidentlog.importers.mapping import CodeSystem


@pytest.mark.parametrize(
    ("system", "code", "country"),
    [
        ("gw", "369", "UA"), ("gw", "365", "RU"), ("gw", "370", "BY"), ("gw", "359", "MD"), ("gw", "200", "GB"),
        ("gw", "678", "YE"), ("gw", "816", "VN"), ("gw", "2", "US"), ("gw", "340", "RS"), ("gw", "652", "SY"),
        ("fips", "up", "UA"), ("fips", "rs", "RU"), ("fips", "gm", "DE"), ("fips", "ei", "IE"),
        ("number", "804", "UA"), ("number", "4", "AF"), ("number", "004", "AF"),
        ("iso3", "ukr", "UA"), ("iso3", "xkx", "XK"), ("name", "україна", "UA"), ("name", "turkey", "TR"),
    ],
)  # fmt: skip
def test_a_code_means_its_country(system: CodeSystem, code: str, country: str):
    assert codes(system)[code] == country


@pytest.mark.parametrize("system", ["gw", "fips"])
def test_no_two_countries_have_one_code_and_each_is_a_country(system: CodeSystem):
    known = codes(system)
    assert len(set(known.values())) == len(known)
    assert set(known.values()) <= {c.alpha2 for c in countries} | {"XK"}
