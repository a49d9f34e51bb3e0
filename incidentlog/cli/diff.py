"""`incidentlog projection diff`: what changed between two states of knowledge, and why."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run
from incidentlog.cli.options import Output
from incidentlog.cli.projection import At, Basis, Filter, GroupBy, given, tally_params

if TYPE_CHECKING:
    from incidentlog.cli.columns import Columns

KINDS: Final = ("added", "changed", "withdrawn")
PAGE: Final = 1_000
TOLD: Final = 4
"""The most figures that a table tells of one row."""

Difference = Mapping[str, Any]


def diff(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The projection; without one, every subject that changed.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="A stream instead, such as strike:2025-11-19-ternopil.")
    ] = None,
    from_known: Annotated[
        str | None, typer.Option("--from-known", help="From what was known at this date or time.")
    ] = None,
    to_known: Annotated[str | None, typer.Option("--to-known", help="To what was known then; now if left out.")] = None,
    from_position: Annotated[
        int | None, typer.Option("--from-position", min=0, help="From what was known at this position of the log.")
    ] = None,
    to_position: Annotated[
        int | None, typer.Option("--to-position", min=0, help="To what was known at this position.")
    ] = None,
    group_by: GroupBy = None,
    filters: Filter = None,
    at: At = None,
    basis: Basis = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="The most differences; else all.")] = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Tell what was added, changed and withdrawn between two states of knowledge, and the events that did it."""
    if name is not None and subject is not None:
        raise typer.BadParameter("give a projection or a subject")
    asked = given(
        projection=name, subject=subject, from_known=from_known, to_known=to_known, from_position=from_position,
        to_position=to_position, at=at, basis=basis,
    )  # fmt: skip
    run(_diff(url, key, asked, group_by, filters, limit, options.form(output)))


async def _diff(
    url: str,
    key: str | None,
    asked: list[tuple[str, str]],
    group_by: list[str] | None,
    filters: list[str] | None,
    limit: int | None,
    output: Output,
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    page_size = PAGE if limit is None else min(limit, PAGE)
    kept: list[Difference] = []
    count = 0
    async with Service(url, key) as service:
        page = await service.get("/v1/diff", [*asked, *tally_params(group_by, filters), ("limit", str(page_size))])
        whole = page
        while True:
            found = list(_listed(page))[: None if limit is None else limit - count]
            count += len(found)
            if output is Output.NDJSON:
                write(found, output)  # a page at a time
            else:
                kept += found
            if (limit is not None and count >= limit) or "next" not in page:
                break
            page = await service.get(_own(page["next"]))
    if output is Output.JSON:
        return write(kept, output, whole=_together(whole, kept))
    return None if output is Output.NDJSON else write(kept, output, columns=COLUMNS)


def _listed(page: Mapping[str, Any]) -> Iterator[Difference]:
    """The differences of a page, by key, each saying its key and its kind."""
    found = [{"key": key, "kind": kind, **own} for kind in KINDS for key, own in page[kind].items()]
    yield from sorted(found, key=lambda own: str(own["key"]))


def _together(page: Mapping[str, Any], kept: list[Difference]) -> dict[str, Any]:
    """The pages as one answer."""
    whole = {name: value for name, value in page.items() if name not in {*KINDS, "next"}}
    for kind in KINDS:
        whole[kind] = {
            own["key"]: {name: value for name, value in own.items() if name not in {"key", "kind"}}
            for own in kept
            if own["kind"] == kind
        }
    return whole


def _own(path: str) -> str:
    """Where the next page is; never at another host, who would be shown the key."""
    if not path.startswith("/"):
        raise Failed(f"the service sends us elsewhere for the next page: {path}", Code.FAILURE)
    return path


def _called(own: Difference) -> str:
    row = own.get("after") or own.get("before") or {}
    return str(row.get("name") or own["key"])


def _what(own: Difference) -> str:
    """What differs: as it was and is, or, of what is on one side only, what it comes to."""
    from incidentlog.cli.tables import cell
    from incidentlog.folding.figures import leaves

    if "before" not in own:
        shown = [name for name in own["fields"] if name != "entries"] if own["kind"] == "changed" else []
    elif own["kind"] == "changed":
        before, after = leaves(own["before"] or {}), leaves(own["after"] or {})
        changed = [name for name in own["fields"] if _short(before.get(name)) and _short(after.get(name))]
        shown = [f"{name} {cell(before.get(name))} → {cell(after.get(name))}" for name in changed]
    else:
        told = leaves(own["after" if own["kind"] == "added" else "before"] or {})
        shown = [f"{name} {value}" for name, value in told.items() if name in own["fields"] and _counts(name, value)]
    more = [f"and {len(shown) - TOLD} more"] if len(shown) > TOLD else []
    return ", ".join([*shown[:TOLD], *more])


def _short(value: object) -> bool:
    return not isinstance(value, list | dict)


def _counts(name: str, value: object) -> bool:
    """Whether a table has room for it: a figure that is something, or how it stands."""
    return name == "state" or (isinstance(value, int | float) and not isinstance(value, bool) and value != 0)


def _why(own: Difference) -> str:
    told = ", ".join(f"{cause['position']} {cause['type']}" for cause in own["causes"][:TOLD])
    more = len(own["causes"]) > TOLD or own.get("more_causes")
    return f"{told} and more" if more else told


COLUMNS: "Columns" = {
    "kind": lambda own: own["kind"],
    "what": _called,
    "figures": _what,
    "by": _why,
}
