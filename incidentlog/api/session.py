"""A browser signs in: what its pages cannot put into a WebSocket's handshake or a link, its cookie says.

The cookie reads, for the key's clearance and for half a day, and does nothing else. No script sees it, it is sent by
this service's own pages only (RFC 6265bis: HttpOnly, SameSite=Strict), and what it holds is not the key. See
docs/access.md.
"""

from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from incidentlog.api.answers import answer
from incidentlog.api.cookie import cookie_name, on_this_machine, session_token
from incidentlog.api.operations import Answer, Routes, refuse_unknown
from incidentlog.api.requests import SERVICE, sender_of, session_of
from incidentlog.api.shapes import Session
from incidentlog.errors import Forbidden, Unauthenticated
from incidentlog.service.keys import SESSION_FOR, Reader, digest, new_session_token, token_of
from incidentlog.service.oidc import PREFIX as ISSUED
from incidentlog.store.sessions import close_session, open_session

PATH: Final = "/v1"
routes = Routes()


async def follower(request: web.Request) -> tuple[Reader, str | None]:
    """Who wants to follow, and by which token, which is looked up again while they do; None where none was needed.

    Raises as `sender_of` does.
    """
    reader = await sender_of(request)
    given = request.headers.get("Authorization")
    if given is not None:
        return reader, token_of(given)
    return reader, session_token(request, request.app[SERVICE].log.id)


@routes.get("/v1/session", answers=Session)
async def tell_session(request: web.Request) -> web.Response:
    """Who this browser is signed in as, null where it is not; `open`: whether one may read without a key."""
    refuse_unknown(request)
    reader = await _session_of(request)
    body = {"session": None if reader is None else _told(reader), "open": request.app[SERVICE].keys.open_read}
    response = answer(body, headers={"Cache-Control": "no-store"})
    if reader is None and _cookie(request) in request.cookies:  # one that is refused where reading is open to all
        _take_back(request, response)
    return response


@routes.post("/v1/session", scope="read", answers=Session)
async def sign_in(request: web.Request) -> web.Response:
    """Sign in with a key that may read."""
    refuse_unknown(request)
    service = request.app[SERVICE]
    given = request.headers.get("Authorization")
    reader = await sender_of(request)
    reader.may("read")
    if given is None:
        raise Unauthenticated("signing in needs a key: Authorization: Bearer ...")
    if reader.name.startswith(ISSUED):
        raise Forbidden("signing in is for keys; a page that has a token sends it")
    token, now = new_session_token(), service.clock.now()
    async with service.kept(reader) as connection:
        await open_session(connection, digest(token), digest(token_of(given)), now=now, expires_at=now + SESSION_FOR)
    response = answer({"session": _told(await service.keys.by_session(token))}, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        _cookie(request), token,
        path=PATH, max_age=round(SESSION_FOR.total_seconds()), httponly=True, samesite="Strict",
        secure=not on_this_machine(request),
    )  # fmt: skip
    return response


@routes.delete("/v1/session", answers=(Answer(status=204, meaning="Nobody is signed in."),))
async def sign_out(request: web.Request) -> web.Response:
    """Sign out: what follows by this session is closed within seconds, on every node."""
    refuse_unknown(request)
    service = request.app[SERVICE]
    token = request.cookies.get(_cookie(request))
    if token is not None and (reader := await _session_of(request)) is not None:
        async with service.kept(reader) as connection:
            await close_session(connection, digest(token))
        service.keys.forget_session(token)
    response = web.Response(status=204)
    _take_back(request, response)
    return response


async def _session_of(request: web.Request) -> Reader | None:
    """Who has signed in by the request's cookie."""
    token = request.cookies.get(_cookie(request))
    if token is not None:
        with suppress(Unauthenticated):
            return await session_of(request, token)
    return None


def _take_back(request: web.Request, response: web.Response) -> None:
    """Let the browser forget its cookie."""
    response.del_cookie(_cookie(request), path=PATH, httponly=True, samesite="Strict")


def _told(reader: Reader) -> dict[str, Any]:
    return {"name": reader.name, "clearance": reader.clearance, "expires_at": reader.expires_at}


def _cookie(request: web.Request) -> str:
    return cookie_name(request.app[SERVICE].log.id)
