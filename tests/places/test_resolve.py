"""From a reported place to the one place it means."""

from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidentlog.places import (
    HOWS,
    Overlay,
    Place,
    PlaceQuery,
    Precision,
    Resolver,
    SwappedError,
    UnknownPlaceError,
    bundled,
    distance_km,
    normalise,
)

ODESA = "geonames:698740"
OPEN = {"admin1", "admin2", "country", "nearest", "ambiguous", "conflict", "unresolved"}
PRECISIONS: list[Precision] = ["exact", "settlement", "admin2", "admin1", "country", "area", "unknown"]


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    return Resolver()


@pytest.mark.parametrize("name", ["Odessa", "Odesa", "Одеса", "Одесса", "ODESA", "Odes'a", "Ódessa"])
def test_all_spellings_of_odesa_are_one_place(resolver: Resolver, name: str):
    found = resolver.resolve(PlaceQuery(name, country="UA"))
    assert (found.place_id, found.name, found.admin1, found.admin1_name) == (ODESA, "Odesa", "17", "Odesa")
    assert found.how == "name+country"
    assert resolver.resolve(PlaceQuery(name, admin1="UA-51")).place_id == ODESA
    assert resolver.resolve(PlaceQuery(name, lat=46.5, lon=30.7)).place_id == ODESA


def test_odessa_without_a_country_is_ambiguous_for_texas_is_more_than_a_tenth_of_it(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Odessa"))
    assert (found.place_id, found.name, found.how) == (None, "Odessa", "ambiguous")
    assert [(place.country, place.population) for place in found.candidates] == [
        ("UA", 1_010_537),
        ("US", 114_428),
    ]


def test_an_explicit_id_wins_over_every_other_clue(resolver: Resolver):
    query = PlaceQuery("Lviv", place_id=ODESA, country="RU", lat=0.0, lon=0.0, precision="area")
    found = resolver.resolve(query)
    assert (found.place_id, found.name, found.country, found.how) == (ODESA, "Odesa", "UA", "explicit")


@pytest.mark.parametrize("place_id", ["geonames:1", "place:nowhere", "698740", ""])
def test_an_id_nobody_knows_is_refused_at_its_pointer(resolver: Resolver, place_id: str):
    with pytest.raises(UnknownPlaceError) as refused:
        resolver.resolve(PlaceQuery("Odesa", place_id=place_id))
    assert (refused.value.pointer, refused.value.place_id) == ("/place/place_id", place_id)


def test_a_known_external_id_comes_next_and_an_unknown_one_is_passed_over(resolver: Resolver):
    other = ("acled", "UKR123")
    found = resolver.resolve(PlaceQuery("somewhere", external_ids=(other, ("geonames", "698740"))))
    assert (found.place_id, found.how) == (ODESA, "external")
    found = resolver.resolve(PlaceQuery("Ternopil", external_ids=(("geonames", "1"),)))
    assert (found.name, found.how) == ("Ternopil", "name")
    found = resolver.resolve(PlaceQuery("somewhere", external_ids=(("katottg", "UA51100270010076757"),)))
    assert (found.place_id, found.how) == (ODESA, "external")


def test_an_iso_code_among_the_external_ids_says_the_region(resolver: Resolver):
    iso = (("iso_3166_2", "UA-51"),)
    assert resolver.resolve(PlaceQuery("Odessa", external_ids=iso)).place_id == ODESA
    found = resolver.resolve(PlaceQuery("the region", "admin1", external_ids=iso))
    assert (found.how, found.country, found.admin1) == ("admin1", "UA", "17")


def test_a_name_borne_once_needs_no_clue(resolver: Resolver):
    assert resolver.resolve(PlaceQuery("Ternopil")).how == "name"


def test_namesakes_are_told_apart_by_region(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Pivdenne", country="UA"))
    assert (found.how, len(found.candidates)) == ("ambiguous", 8)
    found = resolver.resolve(PlaceQuery("Pivdenne", country="UA", admin1="Odeska oblast"))
    assert (found.place_id, found.how) == ("geonames:687997", "population")


def test_namesakes_in_one_region_are_told_apart_by_coordinates(resolver: Resolver):
    query = PlaceQuery("Mayaky", country="UA", admin1="17")
    assert resolver.resolve(query).how == "ambiguous"
    found = resolver.resolve(PlaceQuery("Mayaky", country="UA", admin1="17", lat=46.42, lon=30.26))
    assert (found.place_id, found.how) == ("geonames:701561", "near")
    assert (found.lat, found.lon) == (46.42, 30.26)


def test_a_point_that_is_far_from_all_that_bear_the_name_is_a_conflict_and_counted_where_the_point_is(
    resolver: Resolver,
):
    found = resolver.resolve(PlaceQuery("Ternopil", country="UA", lat=47.82, lon=38.21))
    assert (found.place_id, found.how, found.name) == (None, "conflict", "Ternopil")
    assert (found.country, found.admin1, found.key) == ("UA", "05", "name:ternopil@UA.05")
    assert [place.admin1 for place in found.candidates] == ["22"]
    assert found.nearest is not None
    assert found.distance_km is not None
    assert found.distance_km < 10


def test_a_region_that_is_told_wrong_beside_a_point_is_a_conflict_and_the_point_says_the_region(resolver: Resolver):
    for name in (None, "Xyzzyville"):
        found = resolver.resolve(PlaceQuery(name, country="UA", admin1="Odesa oblast", lat=47.82, lon=38.21))
        assert (found.place_id, found.how, found.admin1) == (None, "conflict", "05")
    found = resolver.resolve(PlaceQuery("Novokaterynivka", country="UA", admin1="Odesa oblast", lat=47.82, lon=38.21))
    assert (found.name, found.admin1) == ("Novokaterynivka", "05")


def test_a_point_without_a_name_is_in_the_region_of_the_nearest_place_and_counted_by_itself(resolver: Resolver):
    found = resolver.resolve(PlaceQuery(None, lat=47.82, lon=38.21))
    assert (found.place_id, found.how, found.country, found.admin1) == (None, "nearest", "UA", "05")
    assert (found.key, found.name) == ("point:47.8200,38.2100", "47.8200, 38.2100")
    nearest = resolver.find(found.nearest or "")
    assert nearest is not None
    assert nearest.point is not None
    assert distance_km(47.82, 38.21, *nearest.point) == pytest.approx(found.distance_km, abs=0.05)
    sea = resolver.resolve(PlaceQuery(None, lat=43.0, lon=34.0))
    assert (sea.how, sea.country, sea.admin1, sea.nearest) == ("unresolved", None, None, None)
    assert sea.key == "point:43.0000,34.0000"


def test_at_a_border_the_region_that_is_told_stands_though_another_is_nearer(resolver: Resolver):
    """Some 17 km from Dnipropetrovsk's nearest place, and 5 km from one of Donetsk oblast."""
    point = {"lat": 48.1966, "lon": 36.8}
    told = {code: resolver.resolve(PlaceQuery(None, country="UA", admin1=code, **point)) for code in ("04", "05")}
    assert {code: (found.how, found.admin1) for code, found in told.items()} == {
        "04": ("nearest", "04"),
        "05": ("nearest", "05"),
    }


def test_the_key_of_what_is_not_found_holds_country_region_and_raion(resolver: Resolver):
    def key(name: str, **told: str) -> str | None:
        return resolver.resolve(PlaceQuery(name, **told)).key  # type: ignore[arg-type]

    assert key("Nowhere-Ville") == "name:nowhere ville"
    assert key("NOWHERE VILLE", country="ua") == "name:nowhere ville@UA"
    assert key("Nowhere ville", country="UA", admin1="Sumska oblast") == "name:nowhere ville@UA.21"
    assert key("Nowhere ville", admin1="UA-59", admin2="Shostkynskyi") == "name:nowhere ville@UA.21.UA5910"
    assert key("Nowhere ville", admin2="UA59100000000080194") == "name:nowhere ville@UA.21.UA5910"
    assert key("village of Nowhereville", country="UA") == key("Nowhereville", country="UA")
    assert key("Odesa", country="UA") is None


def test_a_raion_or_hromada_tells_villages_of_one_name_apart_and_is_told_where_it_is_not_understood(
    resolver: Resolver,
):
    query = PlaceQuery("Novokaterynivka", country="UA", admin1="Donetsk oblast")
    found = resolver.resolve(query)
    if found.how == "ambiguous":
        raion = resolver.resolve(replace(query, admin2="Kalmiuskyi raion"))
        assert (raion.place_id, raion.how) == ("katottg:UA14100050190086312", "name+admin2")
    found = resolver.resolve(replace(query, admin2="Bessarabia", admin3="Nowhere"))
    assert found.unread == ("admin3", "admin2")


@pytest.mark.parametrize(
    "name", ["Pokrovskyi raion", "Покровський район", "Покровский район", "Pokrovsk raion", "UA1416"]
)
def test_a_raion_is_found_by_any_of_its_spellings_and_by_its_code(resolver: Resolver, name: str):
    found = resolver.resolve(PlaceQuery(name, "admin2", country="UA", admin1="Donetsk oblast"))
    assert (found.how, found.name, found.admin2) == ("admin2", "Pokrovskyi raion", "UA1416")
    assert (found.place_id, found.key) == (None, None)


@pytest.mark.parametrize("year", [2014, 2021, 2024])
@pytest.mark.parametrize(
    ("former", "now", "region"),
    [
        ("Novomoskovsk|Новомосковськ|Новомосковск", "Samar", "04"),
        ("Chervonohrad|Червоноград|Chervonograd", "Sheptytskyi", "15"),
        ("Krasnohrad|Красноград|Krasnograd", "Berestyn", "07"),
        ("Yuzhne|Южне|Южное", "Pivdenne", "17"),
    ],
)
def test_a_report_of_the_years_before_finds_a_town_by_its_former_name(
    resolver: Resolver, former: str, now: str, region: str, year: int
):
    for name in former.split("|"):
        found = resolver.resolve(PlaceQuery(name, country="UA", admin1=region, year=year))
        assert (found.name, found.admin1) == (now, region)
    assert resolver.resolve(PlaceQuery(now, country="UA", admin1=region)).name == now


def test_a_former_name_that_is_a_villages_own_elsewhere_is_open_without_a_region(resolver: Resolver):
    """Yuzhne became Pivdenne, and two villages of Crimea are called Yuzhne."""
    found = resolver.resolve(PlaceQuery("Yuzhne", country="UA", year=2021))
    assert (found.place_id, found.how) == (None, "ambiguous")
    assert {(place.name, place.admin1) for place in found.candidates} >= {("Pivdenne", "17"), ("Yuzhne", "11")}
    later = resolver.resolve(PlaceQuery("Yuzhne", country="UA", year=2027))
    assert {place.admin1 for place in later.candidates} == {"11"}


def test_what_is_said_beside_a_name_chooses_among_several(resolver: Resolver):
    query = PlaceQuery("Krasnohorivka", country="UA", admin1="05", year=2021)
    for told in ("Krasnohorivka town", "м. Красногорівка", "Krasnohorivka, Pokrovsk raion (city)"):
        assert resolver.resolve(replace(query, name=told)).place_id == "geonames:704393"
    assert resolver.resolve(replace(query, name="с. Красногорівка")).name == "Yasnohorivka"


def test_a_village_is_not_taken_by_its_name_alone_where_not_all_villages_are_known(resolver: Resolver):
    village = next(
        place
        for place in resolver.gazetteer
        if place.country == "RU" and place.population < 1000 and len(resolver.named(normalise(place.name))) == 1
    )
    alone = resolver.resolve(PlaceQuery(village.name, country="RU"))
    assert (alone.place_id, alone.how, alone.candidates) == (None, "unresolved", (village,))
    assert resolver.resolve(PlaceQuery(village.name, country="RU", admin1=village.admin1)).place_id == village.place_id
    at = PlaceQuery(village.name, country="RU", lat=village.lat, lon=village.lon)
    assert resolver.resolve(at).place_id == village.place_id


def test_a_name_is_not_taken_from_another_country_or_region(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Ternopil", country="RU"))
    assert (found.place_id, found.how, found.country) == (None, "unresolved", "RU")
    assert [place.country for place in found.candidates] == ["UA"]
    found = resolver.resolve(PlaceQuery("Ternopil", country="UA", admin1="Odesa oblast"))
    assert (found.place_id, found.how, found.admin1) == (None, "unresolved", "17")


def test_kyiv_is_found_in_the_oblast_around_it(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Kyiv", country="UA", admin1="Kyivska oblast"))
    assert (found.place_id, found.admin1) == ("geonames:703448", "12")


def test_a_region_nobody_knows_narrows_nothing_and_that_is_told(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Odesa", country="UA", admin1="Bessarabia"))
    assert (found.place_id, found.unread) == (ODESA, ("admin1",))
    assert resolver.resolve(PlaceQuery("Odesa", country="UA", admin1="17")).unread == ()


def test_a_city_ten_times_larger_than_its_namesakes_is_meant(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Berlin"))
    assert (found.place_id, found.how) == ("geonames:2950159", "population")
    assert found.candidates[1].population * 10 <= found.candidates[0].population


def test_size_does_not_outweigh_coordinates_beside_a_namesake():
    registered = Overlay()
    registered.add(Place("place:donetsk", "Donetsk", "UA", "05", 47.9, 37.6, 40))
    resolver = Resolver(registered=registered)
    assert resolver.resolve(PlaceQuery("Donetsk", admin1="Donetsk oblast")).how == "population"
    found = resolver.resolve(PlaceQuery("Donetsk", admin1="Donetsk oblast", lat=47.9, lon=37.6))
    assert (found.place_id, found.how) == (None, "ambiguous")
    found = resolver.resolve(PlaceQuery("Donetsk", admin1="Donetsk oblast", lat=48.0, lon=37.8))
    assert (found.place_id, found.how) == ("geonames:709717", "population")


def test_an_unknown_name_is_counted_under_itself(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Nowhereville", country="ua", admin1="Sumska oblast"))
    assert (found.place_id, found.name, found.how) == (None, "Nowhereville", "unresolved")
    assert (found.country, found.admin1, found.admin1_name) == ("UA", "21", "Sumy")


def test_half_a_pair_of_coordinates_is_none(resolver: Resolver):
    assert resolver.resolve(PlaceQuery("Ternopil", lat=10.0)).how == "name"


@pytest.mark.parametrize("name", ["Odeska oblast", "Odesa oblast", "Одеська область", "UA-51"])
def test_at_the_precision_of_a_region_the_region_is_found_and_not_its_city(resolver: Resolver, name: str):
    found = resolver.resolve(PlaceQuery(name, "admin1", country="UA"))
    assert (found.place_id, found.how, found.name) == (None, "admin1", "Odesa oblast")
    assert (found.country, found.admin1, found.admin1_name) == ("UA", "17", "Odesa")


def test_a_bare_kyiv_at_the_precision_of_a_region_is_ambiguous(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Kyiv", "admin1", country="UA"))
    assert (found.how, found.country, found.admin1) == ("ambiguous", "UA", None)
    assert resolver.resolve(PlaceQuery("Kyiv City", "admin1", country="UA")).admin1 == "12"


def test_at_the_precision_of_a_country_only_the_country_is_found(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Ukraine", "country", country="UA"))
    assert (found.place_id, found.how, found.name, found.country) == (None, "country", "Ukraine", "UA")
    assert resolver.resolve(PlaceQuery("Ukraine", "country")).how == "unresolved"


def test_a_district_called_by_its_centre_is_the_raion_and_not_the_town(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Odesa", "admin2", country="UA", admin1="17"))
    assert (found.place_id, found.how, found.name) == (None, "admin2", "Odeskyi raion")


@pytest.mark.parametrize("precision", ["area", "unknown"])
def test_areas_and_unknown_places_are_never_a_settlement(resolver: Resolver, precision: Precision):
    found = resolver.resolve(PlaceQuery("Odesa", precision, country="UA", admin1="17"))
    assert (found.place_id, found.how, found.name) == (None, "unresolved", "Odesa")
    assert (found.country, found.admin1) == ("UA", "17")


def test_a_registered_place_is_one_more_candidate_for_its_name():
    registered = Overlay()
    resolver = Resolver(registered=registered)
    query = PlaceQuery("Ternopil", country="UA")
    near = PlaceQuery("Тернопіль", country="UA", lat=47.8, lon=38.2)
    assert resolver.resolve(query).how == "name"
    assert resolver.resolve(near).how == "conflict"
    village = Place("place:ternopil", "Ternopil", "UA", "05", 47.82, 38.21)
    registered.add(village, ["Тернопіль"])
    assert resolver.resolve(query).how == "population"
    assert resolver.resolve(near).place_id == "place:ternopil"
    registered.discard(village.place_id)
    assert resolver.resolve(query).how == "name"


def test_a_registered_place_is_taken_by_any_of_its_names(resolver: Resolver):
    registered = Overlay()
    registered.add(Place("place:depot", "The Depot", "UA", "05", 47.82, 38.21), ["Склад 17"])
    assert Resolver(registered=registered).resolve(PlaceQuery("Склад-17", country="UA")).place_id == "place:depot"


def test_a_registered_place_wins_over_a_bundled_one_of_the_same_id():
    registered = Overlay()
    registered.add(Place(ODESA, "Odesa (port)", "UA", "17", 46.5, 30.73, 1_000_000))
    resolver = Resolver(registered=registered)
    assert resolver.resolve(PlaceQuery("x", place_id=ODESA)).name == "Odesa (port)"
    assert resolver.resolve(PlaceQuery("Odesa", country="UA")).name == "Odesa (port)"


def test_at_most_eight_candidates_are_listed_the_largest_first(resolver: Resolver):
    found = resolver.resolve(PlaceQuery("Ivanivka", country="UA"))
    populations = [place.population for place in found.candidates]
    assert len(populations) == 8
    assert populations == sorted(populations, reverse=True)


names = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["Odesa", "Kyiv", "Ivanivka", "Mykolaivka", "Pivdenne", "Oleksandrivka", "Donetsk oblast"]),
)
coordinate = st.one_of(st.none(), st.floats(), st.floats(44, 53), st.floats(22, 41))
queries = st.builds(
    PlaceQuery,
    names,
    st.sampled_from(PRECISIONS),
    country=st.one_of(st.none(), st.sampled_from(["UA", "ua", "RU", "US", "XX", ""])),
    admin1=st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["17", "UA-51", "Donetsk oblast", "Kyiv", "FL"])),
    lat=coordinate,
    lon=coordinate,
    external_ids=st.one_of(st.just(()), st.just((("iso_3166_2", "UA-14"),)), st.tuples(st.tuples(names, names))),
)


@given(queries)
def test_every_query_without_an_id_has_an_answer_and_always_the_same(resolver: Resolver, query: PlaceQuery):
    found = resolver.resolve(query)
    assert repr(found) == repr(Resolver().resolve(query))  # repr: nan is not nan
    assert found.how in HOWS
    assert found.precision == query.precision
    assert (found.place_id is None) == (found.how in OPEN)
    assert len(found.candidates) <= 8


@given(queries.filter(lambda query: query.precision in {"exact", "settlement"}))
def test_with_coordinates_an_id_taken_from_a_name_is_within_30_km(resolver: Resolver, query: PlaceQuery):
    found = resolver.resolve(query)
    if found.place_id is not None and query.point is not None:
        place = resolver.find(found.place_id)
        assert place is not None
        assert resolver.gazetteer.is_near(place, *query.point, 30)


@given(st.integers(0, 17_169), st.floats(-1, 1), st.floats(-1, 1))
def test_around_any_place_its_name_gives_only_what_is_near(resolver: Resolver, number: int, north: float, east: float):
    meant = resolver.gazetteer._place(number)
    assert meant.lat is not None
    assert meant.lon is not None
    lat, lon = meant.lat + north, meant.lon + east
    found = resolver.resolve(PlaceQuery(meant.name, country=meant.country, lat=lat, lon=lon))
    if found.place_id is not None:
        place = resolver.find(found.place_id)
        assert place is not None
        assert resolver.gazetteer.is_near(place, lat, lon, 30)
        assert place.country == meant.country
    if distance_km(lat, lon, meant.lat, meant.lon) <= 30:
        assert found.how not in {"unresolved", "conflict"}


@pytest.mark.parametrize(
    ("place", "lat", "lon"),
    [
        (PlaceQuery("Kharkiv", country="UA"), 36.25, 49.98),
        (PlaceQuery("Kharkiv"), 36.25, 49.98),
        (PlaceQuery("a village nobody knows", country="UA"), 30.74, 46.49),
        (PlaceQuery("Uzhhorod", country="UA"), 22.29, 48.62),
        (PlaceQuery("Chop", country="UA"), 22.2, 48.43),
        (PlaceQuery("the port", place_id=ODESA), 30.74, 46.49),
        (PlaceQuery("the port", external_ids=(("geonames", "698740"),)), 30.74, 46.49),
        (PlaceQuery("Kazan", country="RU"), 49.12, 55.79),
        (PlaceQuery("Moscow", country="RU"), 37.62, 55.75),
        (PlaceQuery("Minsk", country="BY"), 27.57, 53.9),
        (PlaceQuery("Chisinau", country="MD"), 28.86, 47.01),
    ],
)
def test_swapped_coordinates_are_refused(resolver: Resolver, place: PlaceQuery, lat: float, lon: float):
    with pytest.raises(SwappedError, match="swapped") as refused:
        resolver.refuse_swapped(replace(place, lat=lat, lon=lon))
    assert (refused.value.pointer, refused.value.code) == ("/place/lat", "swapped")
    resolver.refuse_swapped(replace(place, lat=lon, lon=lat))


@pytest.mark.parametrize(
    ("place", "lat", "lon"),
    [
        (PlaceQuery("Belgorod", country="UA"), 50.6, 36.6),
        (PlaceQuery("Belgorod"), 50.6, 36.6),
        (PlaceQuery("Moscow", country="UA"), 55.75, 37.62),
        (PlaceQuery("Engels-2", country="UA"), 51.48, 46.2),
        (PlaceQuery("the Black Sea", country="UA"), 44.0, 32.0),
        (PlaceQuery("Snake Island", country="UA"), 45.25, 30.2),
        (PlaceQuery("Novaya Zemlya", country="RU"), 75.0, 57.0),
        (PlaceQuery("the taiga", country="RU"), 62.0, 60.0),
        (PlaceQuery("Tehran", country="IR"), 35.7, 51.4),
        (PlaceQuery("Qazvin", country="IR"), 36.27, 50.0),
        (PlaceQuery("nowhere", country="UA"), 0.0, 0.0),
        (PlaceQuery("the pole", country="RU"), 90.0, 10.0),
        (PlaceQuery("the date line", country="RU"), 65.0, -180.0),
        (PlaceQuery("Chukotka", country="RU"), 66.0, 179.9),
    ],
)
def test_a_point_over_a_border_far_out_or_where_little_is_known_stands(
    resolver: Resolver, place: PlaceQuery, lat: float, lon: float
):
    resolver.refuse_swapped(replace(place, lat=lat, lon=lon))


def test_a_place_of_the_gazetteer_is_not_taken_for_swapped_and_one_of_ukraine_that_is_swapped_is_found(
    resolver: Resolver,
):
    for place in islice((place for place in resolver.gazetteer if place.point), 0, None, 4):
        query = PlaceQuery(place.name, country=place.country, lat=place.lat, lon=place.lon)
        resolver.refuse_swapped(query)
        resolver.refuse_swapped(replace(query, name="another"))
        if place.country == "UA":
            with pytest.raises(SwappedError):
                resolver.refuse_swapped(replace(query, lat=place.lon, lon=place.lat))


@settings(max_examples=15)
@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(1, 500))
def test_what_is_around_a_point_is_what_is_so_near(lat: float, lon: float, km: float):
    wanted = {place for place in bundled() if place.point and distance_km(lat, lon, *place.point) <= km}
    assert set(bundled().around(lat, lon, km)) == wanted
    assert set(bundled().around(lat, lon, km, "UA")) == {place for place in wanted if place.country == "UA"}


def test_of_two_hromadas_of_one_name_in_one_raion_the_raion_is_known(resolver: Resolver):
    query = PlaceQuery(
        "Pokrovska", "admin2", country="UA", admin1="Dnipropetrovska oblast", admin2="Nikopolskyi raion",
        admin3="Pokrovska terytorialna hromada",
    )  # fmt: skip
    found = resolver.resolve(query)
    assert (found.how, found.admin1, found.admin2, found.admin3) == ("ambiguous", "04", "UA1208", None)
    elsewhere = resolver.resolve(PlaceQuery("Pokrovska", "admin2", country="UA", admin3="Pokrovska hromada"))
    assert (elsewhere.how, elsewhere.admin2) == ("ambiguous", None)
