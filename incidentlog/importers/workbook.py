"""Workbooks: xlsx and ods, by python-calamine. A sheet is read whole."""

import io
from collections.abc import Iterator
from typing import Any

from incidentlog.errors import BadRequest
from incidentlog.importers.mapping import FileSpec
from incidentlog.importers.opening import Opened


def lines_of_sheet(file: Opened, spec: FileSpec) -> Iterator[tuple[int, list[Any]]]:
    """Each row of a sheet with its number; dates come typed."""
    try:
        import python_calamine as calamine  # noqa: PLC0415 - an extra
    except ImportError:
        raise BadRequest("workbooks need python-calamine: pip install 'incidentlog[xlsx]'") from None
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(file.stream.read()))
    except calamine.CalamineError as error:
        raise BadRequest(f"{file.name}: {error}") from None
    wanted = 0 if spec.sheet is None else spec.sheet
    find = book.get_sheet_by_name if isinstance(wanted, str) else book.get_sheet_by_index
    try:
        sheet = find(wanted)  # type: ignore[arg-type]  # the one for what is wanted
    except (calamine.CalamineError, IndexError):
        raise BadRequest(f"{file.name}: there is no sheet {wanted}; there are {', '.join(book.sheet_names)}") from None
    first = 1 + (sheet.start[0] if sheet.start else 0)
    yield from enumerate(sheet.to_python(skip_empty_area=True), start=first)
