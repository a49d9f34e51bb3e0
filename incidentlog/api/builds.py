"""Builds of the projections: how far each is, building anew, the way back; and the streams that one cannot take in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import asyncpg
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from incidentlog.api import shapes
from incidentlog.api.answers import answer
from incidentlog.api.operations import Answer, Body, Routes
from incidentlog.api.requests import SERVICE, model_of, reader_of
from incidentlog.errors import BadRequest, Fault, NotFound, NothingToCancel, NoWayBack
from incidentlog.store.builds import (
    SUBJECTS,
    Build,
    active_builds,
    cancel,
    drop_left,
    read_builds,
    rebuild,
    take_back,
    wanted_builds,
)
from incidentlog.store.connect import Connection
from incidentlog.store.parked import read_parked, wish
from incidentlog.store.read import read_head

routes = Routes()

Name = Annotated[str, Field(min_length=1, max_length=80)]


class Order(BaseModel):
    """What is asked of a projection's builds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    projection: Name
    """Its name; `subjects` is everything, since all hangs on them."""
    do: Literal["rebuild", "cancel", "switch", "drop"] = "rebuild"
    """Build it anew beside what answers, give that up before it answers, bring back the build that answered before, or
    delete the builds to which there is a way back: also those of a projection that this code has no more."""


class Wished(BaseModel):
    """What is to become of a parked stream."""

    model_config = ConfigDict(extra="forbid", strict=True)

    projection: Name
    stream: Annotated[str, Field(min_length=1, max_length=161)]
    do: Literal["retry", "discard"]
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None


@routes.get("/v1/builds", scope="read", answers=shapes.Builds)
async def list_builds(request: web.Request) -> web.Response:
    """Every build: what answers, what is under way and how far it got, what could be brought back."""
    service = request.app[SERVICE]
    await reader_of(request)
    builds = await read_builds(service.pool)
    head = (await read_head(service.pool)).position
    return answer({"head": head, "builds": [_shown(b) for b in builds]})


@routes.post(
    "/v1/builds",
    scope="admin",
    body=Body(Order, example={"projection": "city_incidents", "do": "rebuild"}),
    answers=(Answer(shapes.Builds, status=202, meaning="What was begun, or is gone."),),
    problems=(NotFound, NoWayBack, NothingToCancel),
)
async def order(request: web.Request) -> web.Response:
    """Begin to build a projection anew beside what answers, or to bring back what answered before: 202, at once.

    Or give up what is being built, or delete what answers no more, to which there is no way back then.
    """
    await reader_of(request)
    wanted = await model_of(request, Order)
    if wanted.do != "drop" and wanted.projection not in wanted_builds():
        raise NotFound(f"no projection is called '{wanted.projection}'")
    async with _runner(request) as connection:
        builds = await _carried_out(connection, wanted)
    return answer({"builds": [_shown(b) for b in builds]}, status=202)


async def _carried_out(connection: Connection, wanted: Order) -> list[Build]:
    """Do what is asked; the builds that it is about. Whoever writes what is to go may wait for us as we do for them."""
    try:
        return await _carry_out(connection, wanted)
    except asyncpg.DeadlockDetectedError:
        return await _carry_out(connection, wanted)


async def _carry_out(connection: Connection, wanted: Order) -> list[Build]:
    """The same in one transaction, if it is let."""
    name = wanted.projection
    match wanted.do:
        case "rebuild":
            return await rebuild(connection, [name])
        case "cancel":
            if not (gone := await cancel(connection, name)):
                raise NothingToCancel(_nothing_to_cancel(name))
            return gone
        case "switch":
            if (back := await take_back(connection, name)) is None:
                raise NoWayBack(_no_way_back(name))
            return [back]
        case "drop":
            if not (gone := await drop_left(connection, name)) and name not in wanted_builds():
                raise NotFound(f"there is no build of '{name}' that answers no more")
            return gone


@routes.get("/v1/parked", scope="read", answers=shapes.ParkedStreams)
async def list_parked(request: web.Request) -> web.Response:
    """The streams that a projection could not take in, and why, as far as the reader may see them."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    builds = await active_builds(service.pool)
    names = {b.build: name for name, b in builds.items()}
    parked = [
        {
            "projection": names[p.build],
            "stream": p.stream,
            "from_position": p.from_position,
            "to_position": p.to_position,
            "reason": p.reason,
            "wish": p.wish,
            "note": p.note,
        }
        for p in await read_parked(service.pool, builds.values())
        if p.level <= reader.clearance
    ]
    return answer({"parked": parked})


@routes.post(
    "/v1/parked",
    scope="admin",
    body=Body(Wished, example={"projection": "city_incidents", "stream": "strike:one", "do": "retry"}),
    answers=(Answer(Wished, status=202, meaning="What is to become of it."),),
    problems=(NotFound,),
)
async def settle(request: web.Request) -> web.Response:
    """Have a parked stream tried again with the next event, or give it up, which needs a reason."""
    await reader_of(request)
    wanted = await model_of(request, Wished)
    if wanted.do == "discard" and wanted.reason is None:
        raise BadRequest(errors=[Fault("/reason", "missing", "say why it is given up")])
    async with _runner(request) as connection:
        if not await wish(connection, wanted.projection, wanted.stream, wanted.do, wanted.reason):
            raise NotFound(f"{wanted.projection} has not parked {wanted.stream}")
    return answer(wanted.model_dump(), status=202)


def _shown(build: Build) -> dict[str, Any]:
    return {
        "build": build.build,
        "projection": build.projection,
        "version": build.version,
        "state": build.state,
        "position": build.position,
        "of_this_code": build.wanted,
    }


def _nothing_to_cancel(name: str) -> str:
    if name == SUBJECTS:
        return "nothing is being built anew, or it is what this version is to answer from"
    return f"{name} is not being built anew by itself, or it is what this version is to answer from"


def _no_way_back(name: str) -> str:
    if name == SUBJECTS:
        return "subjects are brought back by the code of their version, when it starts"
    return f"{name} has no build of this version to go back to; one of another version is brought back by its code"


@asynccontextmanager
async def _runner(request: web.Request) -> AsyncIterator[Connection]:
    """A connection that may write what is derived."""
    connection = await request.app[SERVICE].access.connect("runner")
    try:
        yield connection
    finally:
        connection.terminate()
