"""Subjects as they stand, a row for each: one strike, one alert, one round of talks (docs/formats.md, Subjects)."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from incidentlog.api import shapes
from incidentlog.api.answers import dumps, in_list, told
from incidentlog.api.errors import POSITION
from incidentlog.api.folds import FOLDING
from incidentlog.api.formats import CSV, FORMATS, GEOJSON, JSON, NDJSON, PARQUET, TABLED, Format, format_of, formatted
from incidentlog.api.geojson import collection, flat_feature
from incidentlog.api.moment import MOMENT, Moment
from incidentlog.api.narrowing import subject_filters
from incidentlog.api.operations import Answer, Number, Parameter, Routes, names, narrowing
from incidentlog.api.paging import ANSWER_OCTETS
from incidentlog.api.parquet import packed, write_parquet
from incidentlog.api.projections import same_basis
from incidentlog.api.reported import apart, fold_events, variant_at
from incidentlog.api.requests import ABOUT, MIN_POSITION, SERVICE, moment_of, reader_of
from incidentlog.api.subject_version import subjects_for
from incidentlog.api.tables import csv_lines, flat_csv
from incidentlog.door.door import STREAM
from incidentlog.errors import BadRequest, Fault, TooLarge
from incidentlog.folding.change import Change
from incidentlog.folding.columns import Column
from incidentlog.folding.flat import Standing, columns_of, flat_row
from incidentlog.folding.subject import Subject
from incidentlog.folding.subject_filter import SubjectFilter
from incidentlog.service.service import Service
from incidentlog.store.filters import events_where, parse_subject_filter
from incidentlog.store.search import streams_where
from incidentlog.store.standing import read_standing

PASSED_OVER: Final = 500
"""After so many subjects that do not pass a page ends, however few do: each may be folded, and no answer takes long."""
NARROWER: Final = "ask for one subject, or as recorded"

AFTER: Final = Parameter("after", "Go on after this stream, as a page that ended with it says.", example="strike:a")
LIMIT: Final = Number("limit", "The most subjects.", default=100, least=1, most=1_000, example="10")
PAGED: Final = ("Log-Position", "Link")
routes = Routes()

Found = AsyncGenerator[tuple[str, Standing | None], None]
"""Streams in their order, and what stands of each; None of what a merge took."""


@dataclass(slots=True)
class Page:
    """The rows that were found, each as it is written, and after which stream more may follow."""

    rows: list[bytes] = field(default_factory=list)
    octets: int = 0
    next: str | None = None


@routes.get(
    "/v1/subjects",
    scope="read",
    takes=(*ABOUT, AFTER, LIMIT, *TABLED),
    narrows=subject_filters,
    answers=(
        Answer(shapes.SubjectPage, headers=PAGED),
        Answer(shapes.SubjectRow, media=NDJSON.media[0], headers=PAGED),
        Answer(str, media=CSV.media[0], headers=PAGED),
        Answer(shapes.Features, media=GEOJSON.media[0], headers=PAGED),
        Answer(bytes, media=PARQUET.media[0], headers=PAGED, meaning="The same columns as CSV, with types."),
    ),
    problems=(TooLarge, *FOLDING),
)
async def list_subjects(request: web.Request) -> web.Response:
    """Subjects as they stand, in the order of their streams, a flat row for each; a page at a time.

    Filters go by how a subject stands, after amendments and merges. Asked for one `category`, a row has what that
    category has; else what all have, and the figures of attacks. A page may have few rows, or none, and yet a next one.
    """
    service = request.app[SERVICE]
    reader = await reader_of(request)
    wanted_as = format_of(request, FORMATS)
    moment = await moment_of(request)
    wanted = parse_subject_filter(narrowing(request), service.log.calendar)
    after, limit = _after(request), LIMIT.of(request)
    category = wanted.categories[0] if len(set(wanted.categories)) == 1 else None
    async with subjects_for(service, moment) as version:
        found = await _found(service, wanted, moment, reader.clearance, after)
        page = await _page(found, wanted, moment, _Writing(wanted_as, category), limit)
    basis = same_basis(request, moment.basis(service.log, version))
    foreign: dict[str, Any] = {"basis": basis}
    headers = {"Log-Position": str(moment.position)}
    if page.next is not None:
        kept = [(name, v) for name, v in request.query.items() if name not in names(*MOMENT, MIN_POSITION, AFTER)]
        foreign["next"] = str(request.rel_url.with_query([*told(basis).items(), *kept, ("after", page.next)]))
        headers["Link"] = f'<{foreign["next"]}>; rel="next"'
    request[POSITION] = moment.position
    columns = columns_of(category)
    if wanted_as is PARQUET:
        body = await write_parquet(columns, page.rows, told(basis))
    else:
        body = _written(wanted_as, columns, page.rows, foreign)
    called = "subjects" if category is None else category
    return formatted(request, wanted_as, body, pinned=moment.pinned, basis=basis, headers=headers, called=called)


def _after(request: web.Request) -> str:
    after = AFTER.given(request)
    if after is not None and not STREAM.fullmatch(after):
        raise BadRequest(errors=[Fault("/after", "not_a_stream", "a stream is category:slug")])
    return after or ""


async def _found(service: Service, wanted: SubjectFilter, moment: Moment, clearance: int, after: str) -> Found:
    if moment.by == "reported":
        return _reported(service, wanted.categories, moment, clearance, after)
    where, upto = events_where(wanted), moment.position
    among = None if where is None else await streams_where(service.pool, where, upto)
    return read_standing(service.pool, wanted.categories, clearance=clearance, position=upto, after=after, among=among)


async def _reported(service: Service, categories: Collection[str], moment: Moment, clearance: int, after: str) -> Found:
    """What the events add up to that were reported by then. Raises as `fold_events`."""
    fold = await fold_events(service, moment, NARROWER, clearance)
    standing = await apart(service, lambda: _standing(fold.afresh.changes, clearance))
    for stream in sorted(standing):
        if stream > after and (not categories or stream.partition(":")[0] in categories):
            yield stream, standing[stream]


def _standing(changes: Sequence[Change], clearance: int) -> dict[str, Standing | None]:
    """What stands of each stream after all changes, with the position of the last that a clearance sees."""
    found: dict[str, Standing | None] = {}
    for change in changes:
        state = variant_at(change.after, clearance)
        if state == variant_at(change.before, clearance):
            continue
        if state is None:
            found.pop(change.stream, None)
        else:
            found[change.stream] = Standing(state, change.position) if isinstance(state, Subject) else None
    return found


async def _page(found: Found, wanted: SubjectFilter, moment: Moment, writing: "_Writing", limit: int) -> Page:
    page, passed_over, last = Page(), 0, None
    async with aclosing(found) as standing:
        async for stream, row in standing:
            if len(page.rows) == limit or page.octets >= ANSWER_OCTETS or passed_over == PASSED_OVER:
                page.next = last
                break
            if row is not None and wanted.passes(row.subject, moment.at):
                page.rows.append(writing.row(row))
                page.octets += len(page.rows[-1])
            else:
                passed_over += 1
            last = stream
    return page


@dataclass(frozen=True, slots=True)
class _Writing:
    """How each row is written."""

    wanted: Format
    category: str | None

    def row(self, standing: Standing) -> bytes:
        row = flat_row(standing, self.category)
        if self.wanted is NDJSON:
            return dumps(row) + b"\n"
        if self.wanted is CSV:
            return flat_csv(columns_of(self.category), row)
        if self.wanted is PARQUET:
            return packed(list(row.values()))
        return dumps(flat_feature(row["stream"], row) if self.wanted is GEOJSON else row)


def _written(wanted: Format, columns: Sequence[Column], rows: Sequence[bytes], foreign: Mapping[str, Any]) -> bytes:
    if wanted is NDJSON:
        return b"".join(rows)
    if wanted is CSV:
        return b"".join((csv_lines([[column.name for column in columns]]), *rows))
    if wanted is GEOJSON:
        return dumps(collection(in_list(rows), foreign))
    assert wanted is JSON  # noqa: S101 - there is no other
    return dumps({"subjects": in_list(rows), **foreign})
