"""`/v1/keys`: which keys there are, and the end of one. `incidentlog key create` makes them, where the database is."""

import re
from typing import Any, Final

from aiohttp import web

from incidentlog.api.answers import answer
from incidentlog.api.operations import Answer, Number, Parameter, Routes, Segment
from incidentlog.api.requests import SERVICE, reader_of
from incidentlog.api.shapes import Key, Keys
from incidentlog.audit.keys import revoke_key
from incidentlog.errors import BadRequest, Fault, NotFound
from incidentlog.events.values import TLP_LABELS
from incidentlog.service.keys import NAME
from incidentlog.store.keys import ListedKey, list_keys, read_key

routes = Routes()


_OF_NAME: Final = {"type": "string", "pattern": f"^{NAME}$"}
AFTER: Final = Parameter("after", "Go on after this name.", schema=_OF_NAME, example="a")
LIMIT: Final = Number("limit", "The most keys.", default=100, least=1, most=1_000, example="10")
CALLED: Final = Segment("name", "What the key is called.", schema=_OF_NAME, example="an-example")


@routes.get("/v1/keys", scope="admin", takes=(AFTER, LIMIT), answers=Keys)
async def tell_keys(request: web.Request) -> web.Response:
    """Every key, by name, with what it may do; of its secret nothing."""
    await reader_of(request)
    limit, after = LIMIT.of(request), AFTER.given(request) or ""
    if after and not re.fullmatch(NAME, after):
        raise BadRequest(errors=[Fault("/after", "not_a_name", "give the name of a key")])
    found = await list_keys(request.app[SERVICE].pool, after, limit)
    body: dict[str, Any] = {"keys": [told(key) for key in found]}
    if len(found) == limit:
        body["next"] = str(request.rel_url.update_query({"after": found[-1].key_id}))
    return answer(body)


@routes.get("/v1/keys/{name}", scope="admin", takes=(CALLED,), answers=Key)
async def tell_key(request: web.Request) -> web.Response:
    """One key."""
    await reader_of(request)
    return answer(told(await _key_of(request)))


@routes.delete("/v1/keys/{name}", scope="admin", takes=(CALLED,), answers=(Answer(status=204, meaning="It is over."),))
async def end_key(request: web.Request) -> web.Response:
    """Revoke a key: within 2 s it opens nothing on any node, and what it had opened ends. Again does no harm."""
    reader = await reader_of(request)
    service = request.app[SERVICE]
    key = await _key_of(request)
    async with service.kept(reader) as connection:
        asked = f"DELETE /v1/keys/{key.key_id}"
        await revoke_key(connection, key.key_id, now=service.clock.now(), by=reader.name, asked=asked)
    await service.keys.look()
    return web.Response(status=204)


async def _key_of(request: web.Request) -> ListedKey:
    name = CALLED.of(request)
    key = await read_key(request.app[SERVICE].pool, name) if re.fullmatch(NAME, name) else None
    if key is None:
        raise NotFound(f"no key is called {name[:80]!r}")
    return key


def told(key: ListedKey) -> dict[str, Any]:
    """A key as it is told."""
    return {
        "name": key.key_id,
        "scopes": list(key.scopes),
        "clearance": TLP_LABELS[key.clearance],
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        "expires_at": key.care.expires_at,
        "former_until": key.former_until,
        "last_used_at": key.last_used_at,
        "requests": key.care.requests,
        "note": key.care.note,
    }
