"""The rows of a projection as a reader asked for them: from what is stored, or folded afresh."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from incidentlog.api.moment import Moment
from incidentlog.api.service import Service
from incidentlog.errors import BadRequest, Fault, ProjectionLagging, TooLarge
from incidentlog.projections.afresh import Afresh
from incidentlog.projections.asking import parse_grouping
from incidentlog.projections.rows import Group, Grouping, document_rows, tally_rows
from incidentlog.projections.shapes import Document, Projection, Row, Tally
from incidentlog.store.answer import active_builds, read_cells, read_documents, read_groups, read_names
from incidentlog.store.derive import Build
from incidentlog.store.read import read_reported

REPORTED: Final = 50_000
"""The most events folded in one request on the basis `reported`."""


async def rows_of(
    service: Service,
    projection: Tally | Document[Any],
    moment: Moment,
    clearance: int,
    params: Mapping[str, Sequence[str]],
) -> dict[str, Row]:
    """The rows at a moment. Raises BadRequest for parameters that the projection does not have."""
    grouping = _grouping(projection, params)
    if moment.by == "reported":
        return await _reported(service, projection, moment, clearance, grouping)
    if isinstance(projection, Tally):
        assert grouping is not None  # noqa: S101 - a tally always has one
        return await _tally(service, projection, moment, clearance, grouping)
    return await _document(service, projection, moment, clearance)


def _grouping(projection: Tally | Document[Any], params: Mapping[str, Sequence[str]]) -> Grouping | None:
    if isinstance(projection, Tally):
        by = [d for value in params.get("group_by", ()) for d in value.split(",") if d]
        return parse_grouping(projection, {k: v for k, v in params.items() if k != "group_by"}, by)
    if params:
        faults = [Fault(f"/{name[:80]}", "unknown_parameter", "a document has no filters") for name in params]
        raise BadRequest(errors=faults)
    return None


async def _tally(service: Service, tally: Tally, moment: Moment, clearance: int, grouping: Grouping) -> dict[str, Row]:
    build = _build_of(tally, await active_builds(service.pool))
    groups = await read_groups(
        service.pool, tally, build, grouping, clearance=clearance, at=moment.at, upto=moment.position
    )
    names = await read_names(service.pool, build, clearance=clearance, upto=moment.position)
    return tally_rows(tally, grouping.by, groups, names)


async def _document(service: Service, document: Document[Any], moment: Moment, clearance: int) -> dict[str, Row]:
    builds = await active_builds(service.pool)
    build = _build_of(document, builds)
    stored = await read_documents(service.pool, document, build, clearance=clearance, upto=moment.position)
    cells: dict[str, list[Group]] = {}
    if document.tally is not None:
        cells = await read_cells(
            service.pool,
            document,
            _build_of(document.tally(), builds),
            clearance=clearance,
            at=moment.at,
            upto=moment.position,
        )
    return document_rows(document, stored, cells, moment.at)


def _build_of(projection: Projection, builds: Mapping[str, Build]) -> Build:
    """The build that answers; raises ProjectionLagging where this version has none yet, as before the first fold."""
    build = builds.get(projection.name)
    if build is None or build.version != projection.version:
        raise ProjectionLagging(f"{projection.name} is not built yet", position=0)
    return build


async def _reported(
    service: Service,
    projection: Tally | Document[Any],
    moment: Moment,
    clearance: int,
    grouping: Grouping | None,
) -> dict[str, Row]:
    """A fold of the events that a source had reported by then; order stays by position (DOMAIN §2)."""
    by: datetime = moment.known_at or moment.at
    events = await read_reported(
        service.pool, upto=moment.position, reported_by=by, clearance=clearance, limit=REPORTED + 1
    )
    if len(events) > REPORTED:
        raise TooLarge(f"over {REPORTED} events were reported by then: too many to fold in a request")
    return Afresh(events, service.log.zone).rows(projection, moment.at, grouping, clearance)
