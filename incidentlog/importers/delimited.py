"""CSV and TSV."""

import csv
import io
from collections.abc import Iterator

from incidentlog.errors import BadRequest
from incidentlog.importers.mapping import FileSpec
from incidentlog.importers.opening import Opened
from incidentlog.importers.row import CELL


def lines_of(file: Opened, spec: FileSpec, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with its first line. Quoted cells may hold line ends of any kind."""
    csv.field_size_limit(CELL)
    try:
        # Bytes that are no text of the encoding become U+FFFD, which is told of the row that has them.
        text = io.TextIOWrapper(file.stream, encoding=spec.encoding, errors="replace", newline="")
    except LookupError:
        raise BadRequest(f"there is no encoding {spec.encoding}") from None
    reader = csv.reader(text, delimiter=spec.delimiter or delimiter, strict=False)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadRequest(f"{file.name}, line {line}: {error}") from None
