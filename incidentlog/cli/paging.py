"""What the service lists in pages: read to the end, or as many as are wanted, and written in the form that is."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from incidentlog.cli.ending import Failed
from incidentlog.cli.options import Output

if TYPE_CHECKING:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.columns import Columns

PAGE: Final = 1_000
"""How many are read at a time."""


def params(**given: str | list[str] | None) -> list[tuple[str, str]]:
    """Query parameters, one for each value."""
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        pairs += [(name, v) for v in ([value] if isinstance(value, str) else value or [])]
    return pairs


def own_path(path: str) -> str:
    """Where the next page is; never at another host, who would be shown the key."""
    if not path.startswith("/"):
        raise Failed(f"the service sends us elsewhere for the next page: {path}")
    return path


async def pages(
    service: "Service", path: str, wanted: Sequence[tuple[str, str]] = (), limit: int | None = None
) -> AsyncIterator[Any]:
    """Each page of what is listed at a path, of as many items as are wanted, at most `PAGE`."""
    page = await service.get(path, [*wanted, ("limit", str(_size(limit, 0)))])
    yield page
    while page.get("next"):
        page = await service.get(own_path(page["next"]))
        yield page


async def write_listed(
    service: "Service",
    path: str,
    member: str,
    wanted: Sequence[tuple[str, str]],
    *,
    limit: int | None,
    output: Output,
    columns: "Columns",
    also: Sequence[str] = (),
) -> None:
    """Write what is listed, at most so many; `also` are members of the last page that JSON has beside them.

    As NDJSON and CSV a page at a time: the log may be larger than the memory.
    """
    from incidentlog.cli.output import write

    if output is Output.CSV:
        await _write_tables(service, path, wanted, limit)
        return
    kept: list[Any] = []
    count, told = 0, {}
    async for page in pages(service, path, wanted, limit):
        items = page[member] if limit is None else page[member][: limit - count]
        count += len(items)
        told = {name: page[name] for name in also}
        if output is Output.NDJSON:
            write(items, output)
        else:
            kept += items
        if count == limit:
            break
    if output is not Output.NDJSON:
        write(kept, output, whole={member: kept, **told}, columns=columns)


async def _write_tables(service: "Service", path: str, wanted: Sequence[tuple[str, str]], limit: int | None) -> None:
    """The service's own CSV, a page at a time, with one header; at most so many rows."""
    import csv
    from io import StringIO

    from yarl import URL

    from incidentlog.cli.output import write_raw

    count, following, asked = 0, path, [*wanted, ("limit", str(_size(limit, 0)))]
    while True:
        page = await service.table(following, asked)
        write_raw(page.body if following == path else page.body.partition(b"\r\n")[2])
        count += sum(1 for _ in csv.reader(StringIO(page.body.decode(), newline=""))) - 1
        if page.next is None or count == limit:
            return
        following = str(URL(own_path(page.next), encoded=True).update_query(limit=_size(limit, count)))
        asked = []


def _size(limit: int | None, count: int) -> int:
    """How many the next page may have."""
    return PAGE if limit is None else min(limit - count, PAGE)
