"""What a person sees who types a place's name."""

import pytest

from incidentlog.places import Overlay, Place, Resolver, search


@pytest.fixture(scope="module")
def resolver() -> Resolver:
    registered = Overlay()
    registered.add(Place("place:odeske", "Odeske", "UA", "17", 46.6, 30.6, 12))
    return Resolver(registered=registered)


def test_a_search_says_how_the_name_would_resolve_and_what_else_bears_it(resolver: Resolver):
    found = search(resolver, "Одеса")
    assert found.resolution.how == "ambiguous"
    assert [(s.place.country, s.match) for s in found.suggestions[:2]] == [("UA", "name"), ("US", "name")]


def test_the_place_that_a_name_means_is_suggested_before_a_larger_one_that_once_bore_it(resolver: Resolver):
    found = search(resolver, "Sloviansk")
    assert [s.place.name for s in found.suggestions[:2]] == ["Sloviansk", "Nikopol"]
    assert found.resolution.place_id == found.suggestions[0].place.place_id


def test_names_that_only_start_so_are_suggested_and_marked(resolver: Resolver):
    found = search(resolver, "odes", limit=20)
    assert found.resolution.how == "unresolved"
    assert {s.match for s in found.suggestions} == {"prefix"}
    ids = [s.place.place_id for s in found.suggestions]
    assert ids[0] == "geonames:698740"
    assert "place:odeske" in ids
    assert len(ids) == len(set(ids))


def test_a_search_can_be_kept_to_a_country(resolver: Resolver):
    found = search(resolver, "Odessa", country="us")
    assert found.resolution.how == "name+country"
    assert {s.place.country for s in found.suggestions} == {"US"}


@pytest.mark.parametrize(("limit", "given"), [(0, 1), (3, 3), (1000, 50)])
def test_a_search_keeps_its_limit(resolver: Resolver, limit: int, given: int):
    assert len(search(resolver, "iva", limit=limit).suggestions) == given


@pytest.mark.parametrize("q", ["", "!", "q"])
def test_too_little_to_go_by_suggests_nothing(resolver: Resolver, q: str):
    assert search(resolver, q).suggestions == ()
