"""Projections and subjects, at any instant of the world and of knowledge."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

import orjson
from aiohttp import web

from incidentlog.api import shapes
from incidentlog.api.answers import answer, dumps, in_list, pinned, told
from incidentlog.api.errors import POSITION
from incidentlog.api.folds import FOLDING
from incidentlog.api.formats import (
    CSV,
    FORMATS,
    GEOJSON,
    JSON,
    NDJSON,
    PARQUET,
    TABLED,
    Format,
    blank_line,
    format_of,
    formatted,
)
from incidentlog.api.geojson import collection, coordinates, row_feature
from incidentlog.api.moment import GENERATION, MOMENT, VERSION, Moment
from incidentlog.api.narrowing import NAME, tally_questions
from incidentlog.api.operations import Answer, Number, Parameter, Routes, Segment, names, narrowing
from incidentlog.api.operations import asked as asked_by
from incidentlog.api.paging import ANSWER_OCTETS, in_parts, write_page
from incidentlog.api.parquet import packed, write_parquet
from incidentlog.api.reported import SubjectVersion, history_reported, subject_reported
from incidentlog.api.requests import (
    ABOUT,
    MIN_POSITION,
    SERVICE,
    STREAM_NAME,
    moment_of,
    reader_of,
    refuse_revoked,
    stream_of,
)
from incidentlog.api.rows import ROWS, Asked, Page, Stored, answer_of, ask, not_a_key, state_at
from incidentlog.api.states import States
from incidentlog.api.subject_version import subjects_for
from incidentlog.api.tables import csv_lines, flat_tally, row_csv, tally_columns, tally_members
from incidentlog.errors import BadRequest, Fault, NotAcceptable, NotFound, TooLarge
from incidentlog.folding.columns import Column
from incidentlog.folding.figures import figure_names
from incidentlog.folding.shapes import Row, Tally
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.projections import PROJECTIONS
from incidentlog.projections.candidates import candidates
from incidentlog.service.service import Service
from incidentlog.store.answer import StoredVersion, find_subject, read_around, read_history, read_subject
from incidentlog.store.builds import active_builds
from incidentlog.store.versions import AnyText, Folded, Text, Texts
from incidentlog.turns import Turns

routes = Routes()


KEY: Final = Segment(
    "key", "The key of a row: the values that it is grouped by, joined by `|`.", example="geonames:698740"
)
AFTER_KEY: Final = Parameter("after", "Go on after the row of this key, on the basis of the page that ended with it.")
MOST_ROWS: Final = Number(
    "limit", "The most rows; without it, as many as fit into 4 MB.", least=1, most=10_000, example="10"
)
AFTER: Final = Number("after", "Go on after the version that began at this position.", example="1")
LIMIT: Final = Number("limit", "The most versions.", default=1_000, least=1, most=10_000, example="10")
HISTORY_SECONDS: Final = 10.0
"""How long one who asks for a history waits for others to be answered."""
OF_ROWS: Final = (NotAcceptable, TooLarge, *FOLDING)
FOLDED: Final = (TooLarge, *FOLDING)
OTHERS: Final = (
    Answer(Row, media=NDJSON.media[0], meaning="A row a line, with its key."),
    Answer(str, media=CSV.media[0], meaning="The rows of a tally."),
    Answer(shapes.Features, media=GEOJSON.media[0], meaning="The rows of a tally that is grouped by place."),
    Answer(bytes, media=PARQUET.media[0], meaning="The rows of a tally, with the columns of CSV and their types."),
)


@routes.get("/v1/projections", scope="read", answers=shapes.Projections)
async def list_projections(request: web.Request) -> web.Response:
    """What can be asked, of which version and how far what answers is, and the zone whose days are counted."""
    service = request.app[SERVICE]
    await reader_of(request)
    builds = await active_builds(service.pool)
    listed = [
        {
            "name": p.name,
            "title": p.title,
            "version": builds[p.name].version if p.name in builds else p.version,
            "shape": "tally" if isinstance(p, Tally) else "document",
            "position": min(builds[of.name].position if of.name in builds else 0 for of in (p, *p.beside())),
            **(_asked_by(p) if isinstance(p, Tally) else {}),
        }
        for p in PROJECTIONS.values()
    ]
    body = {"zone": service.log.zone, "projections": listed}
    return answer(body, headers={"Log-Position": str(service.runner.position)})


def _asked_by(tally: Tally) -> dict[str, Any]:
    """By what a tally can be grouped and narrowed, what is summed, and by which figures its own rows can be ordered."""
    figures = figure_names(tally, tally.group_by)
    return {"dimensions": tally.dimensions, "measures": tally.measures, "figures": figures}


@routes.get(
    "/v1/projections/{name}",
    scope="read",
    takes=(NAME, *ABOUT, *TABLED, AFTER_KEY, MOST_ROWS),
    narrows=tally_questions,
    answers=(Answer(shapes.Rows), *OTHERS),
    problems=OF_ROWS,
)
async def show_projection(request: web.Request) -> web.Response:
    """All rows."""
    return await _show(request, None)


@routes.get(
    "/v1/projections/{name}/{key}",
    scope="read",
    takes=(NAME, KEY, *ABOUT, *TABLED),
    narrows=tally_questions,
    answers=(Answer(shapes.OneRow), *OTHERS),
    problems=OF_ROWS,
)
async def show_row(request: web.Request) -> web.Response:
    """One row."""
    return await _show(request, KEY.of(request))


async def _show(request: web.Request, key: str | None) -> web.Response:
    service = request.app[SERVICE]
    reader = await reader_of(request)
    projection = PROJECTIONS.get(NAME.of(request))
    if projection is None:
        raise NotFound(f"no projection is called '{NAME.of(request)[:80]}'")
    wanted = format_of(request, FORMATS if isinstance(projection, Tally) else (JSON, NDJSON))
    moment = await moment_of(request)
    asked = ask(projection, narrowing(request))
    if wanted is GEOJSON and (asked.grouping is None or "place" not in asked.grouping.by):
        raise NotAcceptable("geojson is of places: group by place, among others")
    after, most = (None, 1) if key is not None else (AFTER_KEY.given(request), MOST_ROWS.of(request, default=ROWS))
    # A line of NDJSON has every member that any line has: so that is made of all rows.
    page = Page(after, most) if key is None and wanted is JSON else None
    found = await answer_of(service, asked, moment, reader.clearance, key, page)
    rows, moment = found.rows, found.moment
    if key is not None and key not in rows:
        raise NotFound(f"{projection.name} has no row '{key[:200]}' then")
    basis = same_basis(request, moment.basis(service.log, found.version))
    head: dict[str, Any] = {
        "projection": projection.name,
        "version": found.version,
        "basis": basis,
        **({"incomplete": found.incomplete} if found.incomplete else {}),
    }
    if asked.question is not None and (periods := asked.question.periods):
        head["compared"] = periods
    if key is None and found.rest is not None:
        head["rest"] = found.rest
    shown: Mapping[str, Row] = {key: rows[key]} if key is not None else rows
    if key is None and found.more is None:
        shown = _after(rows, after)
    writing = await _writing(service, wanted, asked, rows, moment=moment, clearance=reader.clearance)
    turns = Turns()

    async def write(key: str, row: Row) -> bytes:
        return writing.row(key, await in_parts(row, turns))

    pieces, last = await write_page(shown.items(), write, turns, most=most)
    if last is None and found.more:
        last = list(shown)[-1]
    headers = {
        "Log-Position": str(moment.position),
        **({"Log-Incomplete": str(found.incomplete)} if found.incomplete else {}),
    }
    if last is not None:
        kept = [(name, v) for name, v in request.query.items() if name not in names(*MOMENT, MIN_POSITION, AFTER_KEY)]
        head["next"] = str(request.rel_url.with_query([*told(basis).items(), *kept, ("after", last)]))
        headers["Link"] = f'<{head["next"]}>; rel="next"'
    request[POSITION] = moment.position
    return formatted(
        request,
        wanted,
        await writing.whole(pieces, head, key),
        pinned=moment.pinned,
        basis=basis,
        headers=headers,
        called=projection.name,
    )


def _after(rows: Mapping[str, Row], key: str | None) -> Mapping[str, Row]:
    """The rows that come after a key, in their order; all, where none is given. Raises BadRequest where it has none."""
    if key is None:
        return rows
    if key not in rows:
        raise not_a_key()
    return dict(islice(rows.items(), list(rows).index(key) + 1, None))


@dataclass(frozen=True, slots=True)
class Writing:
    """How rows are written in a format: each by itself, and a page of them."""

    row: Callable[[str, Row], bytes]
    page: Callable[[Sequence[bytes], Mapping[str, Any]], bytes]
    columns: Sequence[Column] = ()
    """Of Parquet, which is written in a thread."""

    async def whole(self, pieces: Sequence[bytes], head: Mapping[str, Any], key: str | None) -> bytes:
        """A page of rows, or the row of a key."""
        if self.columns:
            return await write_parquet(self.columns, pieces, told(head["basis"]))
        return self.page(pieces, head) if key is None else self.one(pieces[0], head, key)

    def one(self, row: bytes, head: Mapping[str, Any], key: str) -> bytes:
        """The row of a key, alone."""
        if self.page is not _json_rows:
            return self.page([row], head)
        return dumps({**head, "key": key, "row": orjson.Fragment(row[len(dumps(key)) + 1 :])})


async def _writing(
    service: Service, wanted: Format, asked: Asked, rows: Mapping[str, Row], *, moment: Moment, clearance: int
) -> Writing:
    """How the rows of an answer are written; all of them are given, since each line of NDJSON has every member."""
    if wanted is NDJSON:
        blank = blank_line(rows.values(), ["key", *_members(asked)])
        return Writing(lambda key, row: dumps({**blank, "key": key, **row}) + b"\n", lambda rows, _: b"".join(rows))
    if wanted is CSV:
        assert isinstance(asked.projection, Tally) and asked.question is not None  # noqa: S101, PT018 - as offered
        columns = tally_columns(asked.projection, asked.question)
        header = csv_lines([[column.name for column in columns.values()]])
        return Writing(lambda _, row: row_csv(columns, row), lambda rows, _: b"".join((header, *rows)))
    if wanted is PARQUET:
        assert isinstance(asked.projection, Tally) and asked.question is not None  # noqa: S101, PT018 - as offered
        table = tally_columns(asked.projection, asked.question)
        return Writing(lambda _, row: packed(flat_tally(table, row)), _json_rows, list(table.values()))
    if wanted is GEOJSON:
        ids = {row["place"] for row in rows.values()} - {None}
        async with subjects_for(service, moment):
            points = await coordinates(service.pool, ids, position=moment.position, clearance=clearance)
        return Writing(
            lambda key, row: dumps(row_feature(key, row, points)),
            lambda rows, head: dumps(collection(in_list(rows), head)),
        )
    return Writing(lambda key, row: dumps(key) + b":" + dumps(row), _json_rows)


def _json_rows(rows: Sequence[bytes], head: Mapping[str, Any]) -> bytes:
    return dumps({**head, "rows": orjson.Fragment(b"{" + b",".join(rows) + b"}")})


def _members(asked: Asked) -> Sequence[str]:
    """What a row may have, as far as the question says; the rows of documents have their own."""
    if asked.question is None:
        return ()
    assert isinstance(asked.projection, Tally)  # noqa: S101 - only tallies are asked questions
    return tally_members(asked.projection, asked.question)


@routes.get("/v1/subjects/{stream}", scope="read", takes=(STREAM_NAME, *ABOUT), answers=shapes.Subject, problems=FOLDED)
async def show_subject(request: web.Request) -> web.Response:
    """What a stream's events add up to; a merged stream's survivor."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    moment = await moment_of(request)
    stream = stream_of(request)
    states = States()
    async with subjects_for(service, moment) as version:
        if moment.by == "reported":
            found = await subject_reported(service, stream, moment, reader.clearance)
            written = None if found is None else (found.stream, await states.write(found))
        else:
            written = await _standing(service, stream, reader.clearance, moment.position, states)
    if written is None:
        raise _unknown(stream)
    stream, state = written
    body = {
        "stream": stream,
        "category": stream.partition(":")[0],
        "basis": same_basis(request, moment.basis(service.log, version)),
        "state": state,
    }
    return answered(request, moment, body)


async def _standing(
    service: Service, stream: str, clearance: int, position: int, states: States
) -> tuple[str, orjson.Fragment] | None:
    """What stood of a stream's subject, and its own stream: the survivor's, where a merge took it (R4)."""
    while (text := await find_subject(service.pool, stream, clearance, position)) is not None:
        written = await states.write_stored(text)
        if not isinstance(written, Absorbed):
            return stream, written
        stream = written.into
    return None


@routes.get(
    "/v1/subjects/{stream}/history",
    scope="read",
    takes=(STREAM_NAME, *ABOUT, AFTER, LIMIT),
    answers=shapes.History,
    problems=FOLDED,
)
async def show_history(request: web.Request) -> web.Response:
    """Versions of a subject, and between which positions each was our knowledge: a page, of bounded length."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    moment = await moment_of(request)
    stream, after, limit = stream_of(request), AFTER.of(request), LIMIT.of(request)
    async with service.histories.place(reader, seconds=HISTORY_SECONDS), subjects_for(service, moment):
        found, more = await _page_of_history(service, stream, moment, reader.clearance, after=after, limit=limit)
        states, versions, octets = States(), list[bytes](), 0
        async for version, state in _with_states(service, found):
            if octets >= ANSWER_OCTETS:
                break
            versions.append(dumps(await _version(version, state, states)))
            octets += len(versions[-1])
    await refuse_revoked(request)
    if not versions and not after:
        raise _unknown(stream)
    body: dict[str, Any] = {"stream": stream, "versions": [orjson.Fragment(version) for version in versions]}
    if more or len(versions) < len(found):
        body["next"] = str(request.rel_url.update_query({"after": str(found[len(versions) - 1].from_position)}))
    return answered(request, moment, body)


async def _page_of_history(
    service: Service, stream: str, moment: Moment, clearance: int, *, after: int, limit: int
) -> tuple[Sequence[StoredVersion | SubjectVersion], bool]:
    if moment.by == "reported":
        return await history_reported(service, stream, moment, clearance, after=after, limit=limit)
    return await read_history(service.pool, stream, clearance, moment.position, after=after, limit=limit)


async def _with_states(
    service: Service, found: Sequence[StoredVersion | SubjectVersion]
) -> AsyncIterator[tuple[StoredVersion | SubjectVersion, AnyText | Subject | Absorbed]]:
    """Versions with what each says, one after the other."""
    for version in found:
        if isinstance(version, SubjectVersion):
            yield version, version.state
    stored = {v.from_position: v for v in found if isinstance(v, StoredVersion)}
    async for row, text in Texts(service.pool).of([v.row for v in stored.values()]):
        yield stored[row.from_position], text


async def _version(
    version: StoredVersion | SubjectVersion, said: AnyText | Subject | Absorbed, states: States
) -> dict[str, Any]:
    state = await states.write_stored(said) if isinstance(said, Text | Folded) else said
    known = {
        "from_position": version.from_position,
        "to_position": version.to_position,
        "restated": version.restated,
    }
    if isinstance(state, Absorbed):
        return {**known, "state": None, "absorbed_into": state.into}
    return {**known, "state": await states.write(state) if isinstance(state, Subject) else state}


@routes.get("/v1/subjects/{stream}/candidates", scope="read", takes=(STREAM_NAME, *ABOUT), answers=shapes.Candidates)
async def show_candidates(request: web.Request) -> web.Response:
    """Which subjects may be this one told again: suggested for a merge, which a person makes (R6)."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    moment = await moment_of(request)
    if moment.by == "reported":
        raise BadRequest(
            "candidates are looked for in what was recorded",
            errors=[Fault("/basis", "not_served", "here only basis=recorded is served")],
        )
    stream = stream_of(request)
    timeline = await state_at(service, PROJECTIONS["daily_timeline"], moment, reader.clearance)
    assert isinstance(timeline, Stored)  # noqa: S101 - only what was reported is folded
    moment = timeline.moment  # while the timeline stands still, nobody is known that came since
    async with subjects_for(service, moment, timeline.projection.name) as version:
        subject = await read_subject(service.pool, stream, reader.clearance, moment.position)
        if subject is None:
            raise _unknown(stream)
        others, whole = await read_around(
            service.pool, timeline.build, subject, clearance=reader.clearance, position=moment.position
        )
        found = candidates(subject, others)
    body = {
        "stream": subject.stream,
        "basis": same_basis(request, moment.basis(service.log, version)),
        "candidates": [asdict(c) for c in found],
        **({} if whole else {"incomplete": True}),
    }
    return answered(request, moment, body)


def _unknown(stream: str) -> NotFound:
    return NotFound(f"no subject '{stream[:161]}' was known then")


def same_basis(request: web.Request, basis: dict[str, Any]) -> dict[str, Any]:
    """The basis, unless the one sent back is of a version or a generation that is not served any more: BadRequest."""
    faults = [
        Fault(f"/{name}", "not_served", f"this is {name} {basis[name]}")
        for name, given in asked_by(request, (VERSION, GENERATION)).items()
        if given != str(basis[name])
    ]
    if faults:
        raise BadRequest("the basis cannot be given again", errors=faults)
    return basis


def answered(request: web.Request, moment: Moment, body: dict[str, Any]) -> web.Response:
    """What was read at a moment, as an answer; one that can never be another where the moment says so."""
    response = pinned(body) if moment.pinned else answer(body)
    response.headers["Log-Position"] = str(moment.position)
    request[POSITION] = moment.position
    return response
