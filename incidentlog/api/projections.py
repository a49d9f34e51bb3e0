"""Projections and subjects, at any instant of the world and of knowledge."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiohttp import web

from incidentlog.api.answers import answer, dumps, pinned
from incidentlog.api.errors import POSITION
from incidentlog.api.formats import CSV, FORMATS, GEOJSON, JSON, NDJSON, Format, format_of, formatted, lines
from incidentlog.api.geojson import coordinates, rows_geojson
from incidentlog.api.moment import MOMENT, Moment
from incidentlog.api.reported import history_reported, subject_reported
from incidentlog.api.requests import (
    SERVICE,
    limit_of,
    moment_of,
    number_of,
    reader_of,
    refuse_unknown,
    several,
    stream_of,
)
from incidentlog.api.rows import Asked, Stored, answer_of, ask, state_at
from incidentlog.api.service import Service
from incidentlog.api.tables import tally_csv, tally_members
from incidentlog.errors import BadRequest, Fault, NotAcceptable, NotFound
from incidentlog.projections.candidates import Candidate, candidates, window
from incidentlog.projections.figures import figure_names
from incidentlog.projections.shapes import PROJECTIONS, Row, Tally
from incidentlog.projections.whereabouts import shown_place
from incidentlog.store.answer import read_around, read_history, read_subject
from incidentlog.store.builds import active_builds
from incidentlog.subjects.fold import SUBJECT_VERSION
from incidentlog.subjects.subject import Subject

routes = web.RouteTableDef()


@routes.get("/v1/projections")
async def list_projections(request: web.Request) -> web.Response:
    """What can be asked, and how far each has got."""
    service = request.app[SERVICE]
    await reader_of(request, "read")
    refuse_unknown(request, ())
    builds = await active_builds(service.pool)
    listed = [
        {
            "name": p.name,
            "title": p.title,
            "version": p.version,
            "shape": "tally" if isinstance(p, Tally) else "document",
            "position": builds[p.name].position if p.name in builds else 0,
            **(_asked_by(p) if isinstance(p, Tally) else {}),
        }
        for p in PROJECTIONS.values()
    ]
    return answer({"projections": listed}, headers={"Log-Position": str(service.runner.position)})


def _asked_by(tally: Tally) -> dict[str, Any]:
    """By what a tally can be grouped and narrowed, what is summed, and by which figures its own rows can be ordered."""
    figures = figure_names(tally, tally.group_by)
    return {"dimensions": tally.dimensions, "measures": tally.measures, "figures": figures}


@routes.get("/v1/projections/{name}")
async def show_projection(request: web.Request) -> web.Response:
    """All rows."""
    return await _show(request, None)


@routes.get("/v1/projections/{name}/{key}")
async def show_row(request: web.Request) -> web.Response:
    """One row."""
    return await _show(request, request.match_info["key"])


async def _show(request: web.Request, key: str | None) -> web.Response:
    service = request.app[SERVICE]
    reader = await reader_of(request, "read")
    projection = PROJECTIONS.get(request.match_info["name"])
    if projection is None:
        raise NotFound(f"no projection is called '{request.match_info['name'][:80]}'")
    wanted = format_of(request, FORMATS if isinstance(projection, Tally) else (JSON, NDJSON))
    moment = await moment_of(request)
    asked = ask(projection, several(request, {*MOMENT, "min_position", "format"}))
    if wanted is GEOJSON and (asked.grouping is None or "place" not in asked.grouping.by):
        raise NotAcceptable("geojson is of places: group by place, among others")
    found = await answer_of(service, asked, moment, reader.clearance, key)
    rows, moment = found.rows, found.moment
    if key is not None and key not in rows:
        raise NotFound(f"{projection.name} has no row '{key[:200]}' then")
    head: dict[str, Any] = {
        "projection": projection.name,
        "version": found.version,
        "basis": same_basis(request, moment.basis(service.log, found.version)),
        **({"incomplete": found.incomplete} if found.incomplete else {}),
    }
    if asked.question is not None and (periods := asked.question.periods):
        head["compared"] = periods
    request[POSITION] = moment.position
    return formatted(
        request,
        wanted,
        await _written(service, wanted, asked, head, rows, key, moment=moment, clearance=reader.clearance),
        pinned=moment.pinned,
        basis=head["basis"],
        headers={
            "Log-Position": str(moment.position),
            **({"Log-Incomplete": str(found.incomplete)} if found.incomplete else {}),
        },
        called=projection.name,
    )


async def _written(
    service: Service,
    wanted: Format,
    asked: Asked,
    head: Mapping[str, Any],
    rows: Mapping[str, Row],
    key: str | None,
    *,
    moment: Moment,
    clearance: int,
) -> bytes:
    """The rows, or the one of a key, in a format."""
    shown = rows if key is None else {key: rows[key]}
    if wanted is NDJSON:
        return lines(({"key": own, **row} for own, row in shown.items()), ["key", *_members(asked)])
    if wanted is CSV:
        assert isinstance(asked.projection, Tally) and asked.question is not None  # noqa: S101, PT018 - as offered
        return tally_csv(asked.projection, asked.question, shown.values())
    if wanted is GEOJSON:
        ids = {row["place"] for row in shown.values()} - {None}
        points = await coordinates(service.pool, ids, position=moment.position, clearance=clearance)
        return dumps(rows_geojson(shown, points, head))
    return dumps({**head, **({"rows": rows} if key is None else {"key": key, "row": rows[key]})})


def _members(asked: Asked) -> Sequence[str]:
    """What a row may have, as far as the question says; the rows of documents have their own."""
    if asked.question is None:
        return ()
    assert isinstance(asked.projection, Tally)  # noqa: S101 - only tallies are asked questions
    return tally_members(asked.projection, asked.question)


@routes.get("/v1/subjects/{stream}")
async def show_subject(request: web.Request) -> web.Response:
    """What a stream's events add up to; a merged stream's survivor."""
    service = request.app[SERVICE]
    reader = await reader_of(request, "read")
    refuse_unknown(request, {*MOMENT, "min_position"})
    moment = await moment_of(request)
    stream = stream_of(request)
    if moment.by == "reported":
        found = await subject_reported(service, stream, moment, reader.clearance)
    else:
        standing = await read_subject(service.pool, stream, reader.clearance, moment.position)
        found = None if standing is None else standing.state
    if found is None:
        raise _unknown(stream)
    body = {
        "stream": found.stream,
        "category": found.category,
        "basis": same_basis(request, moment.basis(service.log, SUBJECT_VERSION)),
        "state": shown(found),
    }
    return answered(request, moment, body)


@routes.get("/v1/subjects/{stream}/history")
async def show_history(request: web.Request) -> web.Response:
    """Every version of a subject, and between which positions it was our knowledge."""
    service = request.app[SERVICE]
    reader = await reader_of(request, "read")
    refuse_unknown(request, {*MOMENT, "min_position", "after", "limit"})
    moment = await moment_of(request)
    stream = stream_of(request)
    after = number_of(request, "after", default=0, most=2**53 - 1)
    limit = limit_of(request, default=1_000, most=10_000)
    if moment.by == "reported":
        found = await history_reported(service, stream, moment, reader.clearance, after=after, limit=limit)
    else:
        found = await read_history(service.pool, stream, reader.clearance, moment.position, after=after, limit=limit)
    if not found and not after:
        raise _unknown(stream)
    versions = [
        {
            "from_position": v.from_position,
            "to_position": v.to_position,
            "restated": v.restated,
            "state": shown(v.state) if isinstance(v.state, Subject) else None,
            **({} if isinstance(v.state, Subject) else {"absorbed_into": v.state.into}),
        }
        for v in found
    ]
    body: dict[str, Any] = {"stream": stream, "versions": versions}
    if len(found) == limit:
        body["next"] = str(request.rel_url.update_query({"after": str(found[-1].from_position)}))
    return answered(request, moment, body)


@routes.get("/v1/subjects/{stream}/candidates")
async def show_candidates(request: web.Request) -> web.Response:
    """Which subjects may be this one told again: suggested for a merge, which a person makes (R6)."""
    service = request.app[SERVICE]
    reader = await reader_of(request, "read")
    refuse_unknown(request, {*MOMENT, "min_position"})
    moment = await moment_of(request)
    if moment.by == "reported":
        raise BadRequest(
            "candidates are looked for in what was recorded",
            errors=[Fault("/basis", "not_served", "here only basis=recorded is served")],
        )
    stream = stream_of(request)
    timeline = await state_at(service, PROJECTIONS["daily_timeline"], moment, reader.clearance)
    assert isinstance(timeline, Stored)  # noqa: S101 - only what was reported is folded
    standing = await read_subject(service.pool, stream, reader.clearance, moment.position)
    if standing is None:
        raise _unknown(stream)
    subject, found, whole = standing.state, list[Candidate](), True
    if (around := window(subject)) is not None:
        others, whole = await read_around(
            service.pool,
            timeline.build,
            subject.stream.partition(":")[0],
            *around,
            clearance=reader.clearance,
            position=moment.position,
        )
        found = list(candidates(subject, others))
    body = {
        "stream": subject.stream,
        "basis": same_basis(request, moment.basis(service.log, SUBJECT_VERSION)),
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
        for name in ("version", "generation")
        if name in request.query and request.query[name] != str(basis[name])
    ]
    if faults:
        raise BadRequest("the basis cannot be given again", errors=faults)
    return basis


def shown(subject: Subject) -> dict[str, Any]:
    """A subject as readers see it."""
    status = "current" if subject.is_current else "retracted"
    state = subject.model_dump(mode="json", exclude={"stream", "claims", "told"})
    return {"status": status, **state, "place": None if subject.place is None else shown_place(subject.place)}


def answered(request: web.Request, moment: Moment, body: dict[str, Any]) -> web.Response:
    """What was read at a moment, as an answer; one that can never be another where the moment says so."""
    response = pinned(request, body) if moment.pinned else answer(body)
    response.headers["Log-Position"] = str(moment.position)
    request[POSITION] = moment.position
    return response
