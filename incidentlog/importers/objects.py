"""JSON, NDJSON and GeoJSON: objects as rows, what lies deeper by dotted names."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from incidentlog.errors import BadRequest
from incidentlog.importers.mapping import FileSpec
from incidentlog.importers.opening import Opened
from incidentlog.importers.row import Row

WHOLE: Final = 256 * 1024 * 1024
"""The most bytes of a JSON file, which is read whole; NDJSON is not."""
LINE: Final = 4 * 1024 * 1024


def read_objects(file: Opened, spec: FileSpec, kind: str) -> Iterator[Row]:
    """Each object of a file as a row."""
    if kind == "ndjson":
        yield from _lines(file)
        return
    raw = file.stream.read(WHOLE + 1)
    if len(raw) > WHOLE:
        raise BadRequest(f"{file.name}: a JSON file is read whole, and may have {WHOLE} bytes; NDJSON has no limit")
    try:
        said = orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{file.name}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    path = spec.path if spec.path is not None else "features" if kind == "geojson" else ""
    for number, each in enumerate(_at(said, path, file.name), start=1):
        if not isinstance(each, dict):
            yield Row(file.name, number, {}, "it is no object")
        elif kind == "geojson":
            yield Row(file.name, number, _feature(each))
        else:
            yield Row(file.name, number, flat(each), said=each)


def _lines(file: Opened) -> Iterator[Row]:
    number = 0
    while line := file.stream.readline(LINE + 1):
        number += 1
        if len(line) > LINE:
            raise BadRequest(f"{file.name}: line {number} has over {LINE} bytes")
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not text:
            continue
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield Row(file.name, number, {}, f"column {error.colno}: {error.msg}")
            continue
        if isinstance(said, dict):
            yield Row(file.name, number, flat(said), said=said)
        else:
            yield Row(file.name, number, {}, "it is no object")


def _at(said: Any, path: str, name: str) -> list[Any]:
    for part in path.split(".") if path else ():
        said = said.get(part) if isinstance(said, dict) else None
    if path and isinstance(said, dict):  # rows by their keys
        return [{"@key": key, **value} for key, value in said.items() if isinstance(value, dict)]
    if not isinstance(said, list):
        raise BadRequest(f"{name}: there is no list of rows at {path or 'its top'}; say where, as file.path")
    return said


def _feature(feature: dict[str, Any]) -> dict[str, Any]:
    """A feature's properties, and its point as `@lon` and `@lat`."""
    cells = flat(feature.get("properties") or {})
    if "id" in feature:
        cells.setdefault("@id", feature["id"])
    geometry = feature.get("geometry") or {}
    if geometry.get("type") == "Point":
        cells["@lon"], cells["@lat"] = geometry["coordinates"][:2]
    return cells


def flat(said: dict[str, Any], within: str = "") -> dict[str, Any]:
    """Members by their dotted names; lists stay as they are."""
    cells: dict[str, Any] = {}
    for name, value in said.items():
        if isinstance(value, dict):
            cells |= flat(value, f"{within}{name}.")
        else:
            cells[within + name] = value
    return cells
