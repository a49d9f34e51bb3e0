import pytest

from incidentlog.errors import BadRequest
from incidentlog.importers.mapping import load_mapping, parse_mapping, presets, schema
from tests.importers.rowing import OWN, made_from, mapping_of


def faults_of(text: str) -> dict[str, str]:
    with pytest.raises(BadRequest) as refused:
        parse_mapping(text.encode())
    return {fault.pointer: fault.detail for fault in refused.value.errors}


def test_every_fault_of_a_mapping_is_named_with_its_place():
    wrong = (
        OWN.replace('column = "id"', 'column = "id"\ncolour = 1')
        .replace('reliability = "C"', 'reliability = "G"')
        .replace('precision = "settlement"', 'precision = "village"')
        .replace('column = "killed"', 'colum = "killed", low = "low"')
    )
    found = faults_of(wrong)
    assert "/id/colour" in found
    assert "/sources/0/reliability" in found
    assert "/where/precision" in found


def test_a_slip_within_data_is_found_too():
    found = faults_of(OWN.replace('column = "killed" }', 'column = "killed", tabel = {} }'))
    assert "/events/0/data/casualties/killed/tabel" in found or "/events/0/data/casualties/tabel" in found


def test_a_broken_pattern_is_refused_where_it_stands():
    assert "/where/name/pattern" in faults_of(
        OWN.replace('name = { column = "place" }', "name = { column = 'place', pattern = '(' }")
    )


def test_what_is_no_toml_is_said_with_its_line():
    assert "line 1" in faults_of("mapping = = 1")[""]


def test_what_a_mapping_lacks_is_said():
    assert "the mapping lacks id, when, events, sources" in next(iter(faults_of('mapping = 1\ntitle = "x"').values()))


@pytest.mark.parametrize("name", presets())
def test_every_mapping_that_comes_along_is_one(name: str):
    assert load_mapping(name).about


def test_an_unknown_mapping_tells_which_there_are():
    with pytest.raises(BadRequest, match="ucdp-ged"):
        load_mapping("ucpd")


def test_the_schema_is_made_from_the_model():
    said = schema()
    assert said["additionalProperties"] is False
    assert {"id", "when", "where", "events", "sources"} <= said["properties"].keys()
    assert "as" in said["$defs"]["Value"]["properties"]


def test_a_file_without_a_column_is_refused_with_a_hint(tmp_path):
    with pytest.raises(BadRequest) as refused:
        made_from(mapping_of(), tmp_path, "id,dat,place,killed\n1,1.2.2025,Odesa,1\n")
    (fault,) = refused.value.errors
    assert (fault.pointer, fault.detail) == ("/date", "the file has no column date; did you mean 'dat'?")


def test_columns_that_nobody_names_are_refused_unless_the_mapping_says_otherwise(tmp_path):
    text = "id,date,place,killed,phone\n1,1.2.2025,Odesa,1,555\n"
    refusing = mapping_of(**{'unmapped = "drop"': ""})
    with pytest.raises(BadRequest) as refused:
        made_from(refusing, tmp_path, text)
    assert [fault.pointer for fault in refused.value.errors] == ["/phone"]
    (made,) = made_from(mapping_of(**{'unmapped = "drop"': 'unmapped = "notes"'}), tmp_path, text)
    assert made.events[0]["notes"] == "phone: 555"
    (made,) = made_from(mapping_of(**{'unmapped = "drop"': 'unmapped = "drop"\nprivate = ["phone"]'}), tmp_path, text)
    assert made.events[0]["private"] == {"phone": "555"}
