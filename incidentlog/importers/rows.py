"""Rows of a file, whatever its format: each with its line, and its cells by column."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from incidentlog.errors import BadRequest
from incidentlog.importers.mapping import FileSpec
from incidentlog.importers.opening import Opened
from incidentlog.importers.row import Row

FORMATS: Final = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "txt": "csv", "json": "json", "ndjson": "ndjson",
                  "jsonl": "ndjson", "geojson": "geojson", "xlsx": "xlsx", "xlsm": "xlsx", "ods": "ods"}  # fmt: skip
TAGGED: Final = 0.5
"""A row of HXL tags has tags in more than this share of its filled cells: six headlines of UCDP begin with `#`."""


def read_rows(file: Opened, spec: FileSpec) -> Iterator[Row]:
    """The rows of a file; raises BadRequest where it is no file of that format."""
    match spec.format or FORMATS.get(file.suffix):
        case "csv" | "tsv" as kind:
            from incidentlog.importers.delimited import lines_of  # noqa: PLC0415 - only what is needed is loaded

            return tabled(file, lines_of(file, spec, "\t" if kind == "tsv" else ","), spec)
        case "xlsx" | "ods":
            from incidentlog.importers.workbook import lines_of_sheet  # noqa: PLC0415 - an extra

            return tabled(file, lines_of_sheet(file, spec), spec)
        case "json" | "ndjson" | "geojson" as kind:
            from incidentlog.importers.objects import read_objects  # noqa: PLC0415 - as above

            return read_objects(file, spec, kind)
        case _:
            raise BadRequest(f"{file.name}: its name does not say what it is; say so in the mapping, as file.format")


def tabled(file: Opened, lines: Iterable[tuple[int, list[Any]]], spec: FileSpec) -> Iterator[Row]:
    """Lines of cells as rows: headers, tags and footers are understood here, for every format that has such."""
    import re  # noqa: PLC0415 - most files have no footer

    footer = re.compile(spec.footer) if spec.footer else None
    numbered = iter(lines)
    for _ in range(spec.skip):
        next(numbered, None)
    header, second = _header(numbered, spec)
    if spec.header_rows and not header:
        raise BadRequest(f"{file.name}: there is no header")
    for line, cells in second:
        if not header:
            header = [str(n) for n in range(1, len(cells) + 1)]
        if footer is not None and cells and footer.search(str(cells[0])):
            return
        if not any(cell not in {None, ""} for cell in cells):
            continue
        yield _row(file.name, line, header, cells)


def _row(file: str, line: int, header: list[str], cells: list[Any]) -> Row:
    if len(cells) == len(header):
        return Row(file, line, dict(zip(header, cells, strict=True)))
    beyond = [cell for cell in cells[len(header) :] if cell not in {None, ""}]
    problem = f"{len(cells)} cells; the header has {len(header)}" if beyond else None
    filled = [*cells[: len(header)], *[""] * (len(header) - len(cells))]
    return Row(file, line, dict(zip(header, filled, strict=True)), problem)


def _header(
    lines: Iterator[tuple[int, list[Any]]], spec: FileSpec
) -> tuple[list[str], Iterator[tuple[int, list[Any]]]]:
    """The columns' names, and the lines after them."""
    levels = [cells for _, cells in (next(lines, (0, [])) for _ in range(spec.header_rows)) if cells]
    if not levels:
        return [], lines
    names = _joined(levels)
    following = next(lines, None)
    if following is None:
        return _distinct(names), lines
    if spec.hxl != "no" and is_tags(following[1]):
        return _distinct(_tags(following[1], names) if spec.hxl == "tags" else names), lines
    if spec.hxl == "tags":
        if is_tags(levels[-1]):
            names = _tags(levels[-1], names)
        else:
            raise BadRequest("there is no row of HXL tags under the header")
    return _distinct(names), _with_first(following, lines)


def _with_first(
    first: tuple[int, list[Any]], lines: Iterator[tuple[int, list[Any]]]
) -> Iterator[tuple[int, list[Any]]]:
    yield first
    yield from lines


def is_tags(cells: list[Any]) -> bool:
    """Whether a row is one of HXL tags: most of its filled cells are."""
    filled = [str(cell).strip() for cell in cells if cell not in {None, ""}]
    return bool(filled) and sum(cell.startswith("#") for cell in filled) > TAGGED * len(filled)


def _tags(tags: list[Any], names: list[str]) -> list[str]:
    """Columns called by their tags: lower case, attributes in order; an untagged one keeps its name."""
    padded = [*tags, *[""] * (len(names) - len(tags))]
    return [normal_tag(str(tag)) or name for tag, name in zip(padded, names, strict=False)]


def normal_tag(tag: str) -> str:
    """An HXL tag as it is compared: `#ADM1 +code+Name` is `#adm1+code+name`."""
    head, *attributes = "".join(tag.lower().split()).split("+")
    return "+".join((head, *sorted(a for a in attributes if a))) if head.startswith("#") else ""


def _joined(levels: list[list[Any]]) -> list[str]:
    """Several header rows as one; what is written over several columns holds for those to its right."""
    width = max(len(level) for level in levels)
    rows = []
    for depth, level in enumerate(levels):
        names = [str(cell or "").strip() for cell in level] + [""] * (width - len(level))
        if depth < len(levels) - 1:
            last = ""
            names = [last := name or last for name in names]
        rows.append(names)
    return [" ".join(part for part in parts if part) for parts in zip(*rows, strict=True)]


def _distinct(names: list[str]) -> list[str]:
    """Every column with a name of its own: the second `x` is `x.2`, one without a name goes by its number."""
    seen: dict[str, int] = {}
    made = []
    for number, name in enumerate(names, start=1):
        called = " ".join(name.split()) or str(number)
        seen[called] = seen.get(called, 0) + 1
        made.append(called if seen[called] == 1 else f"{called}.{seen[called]}")
    return made
