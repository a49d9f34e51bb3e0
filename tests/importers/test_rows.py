import gzip
import io
import json
import sys
import zipfile

import pytest

from incidentlog.errors import BadRequest
from incidentlog.importers.mapping import FileSpec
from incidentlog.importers.opening import Progress, opened
from incidentlog.importers.row import Row
from incidentlog.importers.rows import is_tags, normal_tag, read_rows
from tests.importers.rowing import imported, mapping_of

TABLE = "id,place\n1,Odesa\n2,Kyiv\n"
DATED = b"id,date,place,killed\n1,1.2.2025,Odesa,1\n"


def zipped() -> bytes:
    with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", DATED)
    return packed.getvalue()


def rows(file_path, **spec) -> list[Row]:
    with opened([str(file_path)], Progress()) as files:
        return [row for file in files for row in read_rows(file, FileSpec(**spec))]


def cells(file_path, **spec) -> list[dict]:
    return [row.cells for row in rows(file_path, **spec)]


def test_a_table_is_the_same_however_it_is_packed(tmp_path):
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    (tmp_path / "a.tsv").write_text(TABLE.replace(",", "\t"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside/a.csv", TABLE)
    for name in ("a.csv", "a.csv.gz", "a.tsv", "a.zip"):
        assert cells(tmp_path / name) == [{"id": "1", "place": "Odesa"}, {"id": "2", "place": "Kyiv"}], name
    assert rows(tmp_path / "a.zip")[0].file.endswith("a.zip/inside/a.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", DATED),
        ("a.csv.gz", gzip.compress(DATED, mtime=0)[:-4]),
        ("a.csv.gz", gzip.compress(DATED, mtime=0)[:-9] + bytes(9)),
        ("a.zip", DATED),
        ("a.zip", zipped()[:40] + b"\xff\xff" + zipped()[42:]),
    ],
)
def test_a_packing_that_is_broken_is_told(tmp_path, name, content):
    (path := tmp_path / name).write_bytes(content)
    with pytest.raises(BadRequest, match="cannot read"):
        imported(mapping_of(), path)


def test_lines_are_those_of_the_file(tmp_path):
    (path := tmp_path / "a.csv").write_bytes('\ufeffid,place\r\n1,"two\r\nlines\rand more"\r\n\r\n2,Kyiv\r\n'.encode())
    found = rows(path)
    assert [row.line for row in found] == [2, 6]  # a bare CR ends a line, too
    assert found[0].cells["place"] == "two\r\nlines\rand more"


def test_a_row_that_is_too_long_is_told_and_one_that_is_short_is_filled(tmp_path):
    (path := tmp_path / "a.csv").write_text("id,place\n1\n2,Kyiv,more\n3,Lviv,\n")
    assert [row.problem for row in rows(path)] == [None, "3 cells; the header has 2", None]


def test_headers_in_two_rows_are_joined_and_notes_beneath_end_the_table(tmp_path):
    (path := tmp_path / "a.csv").write_text("A title,,\nPeople,,Where\nkilled,hurt,\n1,2,Odesa\nSource: us,,\n")
    assert cells(path, skip=1, header_rows=2, footer="^Source") == [
        {"People killed": "1", "People hurt": "2", "Where": "Odesa"}
    ]


def test_columns_that_are_called_the_same_are_told_apart(tmp_path):
    (path := tmp_path / "a.csv").write_text("x,x,\n1,2,3\n")
    assert cells(path) == [{"x": "1", "x.2": "2", "3": "3"}]


def test_a_row_of_tags_is_passed_over_and_headlines_with_a_hash_are_not(tmp_path):
    (path := tmp_path / "a.csv").write_text("title,n\n#WarinUkraine,1\nx,2\n")
    assert len(cells(path)) == 2
    (path := tmp_path / "b.csv").write_text("title,n,rest\n#meta+title,#affected+killed,\n#WarinUkraine,1,\n")
    assert cells(path) == [{"title": "#WarinUkraine", "n": "1", "rest": ""}]
    assert cells(path, hxl="tags") == [{"#meta+title": "#WarinUkraine", "#affected+killed": "1", "rest": ""}]
    assert not is_tags(["#WarinUkraine", "1", "2"])
    assert normal_tag("#ADM1 +Name+code") == "#adm1+code+name"


def test_json_is_found_where_the_mapping_says_and_deeper_members_have_dots(tmp_path):
    (path := tmp_path / "a.json").write_text(json.dumps({"data": {"items": [{"id": 1, "at": {"lat": 2.5}}]}}))
    assert cells(path, path="data.items") == [{"id": 1, "at.lat": 2.5}]
    with pytest.raises(BadRequest, match=r"file\.path"):
        cells(path)


def test_a_line_of_ndjson_that_is_no_json_keeps_nothing_else_out(tmp_path):
    (path := tmp_path / "a.ndjson").write_text('{"id":1}\nno\n{"id":2}\n')
    assert [(row.line, row.problem is None) for row in rows(path)] == [(1, True), (2, False), (3, True)]


def test_points_of_geojson_are_columns(tmp_path):
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [30.7, 46.5]}, "properties": {"id": 7}}
    (path := tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert cells(path) == [{"id": 7, "@lon": 30.7, "@lat": 46.5}]


def test_a_workbook_is_read_by_its_sheet(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook([["id", "place"], ["1", "Odesa"]]))
    assert cells(path, sheet="Rows") == [{"id": "1", "place": "Odesa"}]
    with pytest.raises(BadRequest, match="there is no sheet Other; there are Rows"):
        cells(path, sheet="Other")


def test_an_open_document_is_read_as_a_workbook_is(tmp_path):
    path = tmp_path / "a.ods"
    path.write_bytes(open_document([["id", "place"], ["1", "Одеса"]]))
    assert cells(path) == cells(path, sheet="Rows") == [{"id": "1", "place": "Одеса"}]


def test_without_the_reader_of_workbooks_it_is_said_how_to_install_it(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (path := tmp_path / "a.xlsx").write_bytes(workbook([["id"], ["1"]]))
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(BadRequest, match=r"pip install 'incidentlog\[xlsx\]'"):
        cells(path)


def test_what_is_no_workbook_is_refused(tmp_path):
    (path := tmp_path / "a.xlsx").write_bytes(b"no")
    with pytest.raises(BadRequest, match=r"a\.xlsx"):
        cells(path)


def test_a_name_that_says_nothing_is_refused(tmp_path):
    (path := tmp_path / "a.dat").write_text(TABLE)
    with pytest.raises(BadRequest, match=r"file\.format"):
        cells(path)
    assert len(cells(path, format="csv")) == 2


def workbook(table: list[list[str]]) -> bytes:
    """The least xlsx that is one, by hand: ECMA-376 with its cells as inline strings."""
    lines = "".join(
        f'<row r="{r}">'
        + "".join(f'<c r="{chr(64 + c)}{r}" t="inlineStr"><is><t>{text}</t></is></c>' for c, text in enumerate(line, 1))
        + "</row>"
        for r, line in enumerate(table, 1)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type="{rels}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rels}"><sheets><sheet name="Rows" sheetId="1" r:id="b"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="b" Type="{rels}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return buffer.getvalue()


def open_document(table: list[list[str]]) -> bytes:
    """The least ods that is one, by hand (ISO/IEC 26300)."""
    lines = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>' for text in line
        )
        + "</table:table-row>"
        for line in table
    )
    office = "urn:oasis:names:tc:opendocument:xmlns"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = f'<m:manifest xmlns:m="{office}:manifest:1.0"><m:file-entry m:full-path="/" m:media-type="{kind}"/></m:manifest>'
    content = (
        f'<office:document-content xmlns:office="{office}:office:1.0" xmlns:table="{office}:table:1.0" xmlns:text="{office}:text:1.0">'
        f'<office:body><office:spreadsheet><table:table table:name="Rows">{lines}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return buffer.getvalue()
