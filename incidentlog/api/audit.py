"""What lets a stranger check the log: signed tree heads, tiles, proofs (C2SP tlog-tiles, tlog-checkpoint, tlog-proof).

Nothing beyond the last published tree head is served. Leaves show nothing of what is marked, so tiles are for every
reader; the event itself still needs the clearance.
"""

import base64
import re
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from incidentlog.api.answers import answer
from incidentlog.api.codings import vary_by
from incidentlog.api.operations import Answer, Choice, Number, Routes, Segment
from incidentlog.api.requests import SERVICE, reader_of
from incidentlog.api.shapes import Consistency, Heads, LogKey, Proof, Root
from incidentlog.audit.exported import part_of
from incidentlog.audit.leaf import parse_leaf
from incidentlog.audit.merkle import ProofError, check_inclusion, leaf_hash
from incidentlog.audit.proofs import MEDIA_TYPE, InclusionProof
from incidentlog.audit.tiles import LEVELS, WIDTH, Tile, parse_index, reach
from incidentlog.errors import NotAcceptable, NotFound, NotSealed, Tampered
from incidentlog.events.recorded import Recorded
from incidentlog.service.service import Service
from incidentlog.store import append as log
from incidentlog.store.notary import StoredHead, read_heads
from incidentlog.store.parts import read_salts
from incidentlog.store.read import read_ids

OCTETS: Final = "application/octet-stream"
SEAL_SECONDS: Final = 10.0
"""How long `wait=sealed` waits."""
FOR_EVER: Final = "immutable, max-age=31536000"
WAIT: Final = Choice(
    "wait", "Answer once it is sealed, with the proof, or after 10 s without one.", values=("sealed",), example="sealed"
)
EVENT: Final = Segment(
    "id", "An event's id.", example="00000000-0000-4000-8000-000000000000", schema={"type": "string", "format": "uuid"}
)
INDEX: Final = Segment(
    "index", "Which tile, as C2SP tlog-tiles writes it, such as `x001/x234/067`.", example="000.p/110"
)
LEVEL: Final = Segment("level", "How far above the leaves.", example="0")
FROM: Final = Number("from", "A size of the tree.", example="1")
TO: Final = Number("to", "A later size; the published one, if left out.", example="2")
SIZE: Final = Number("size", "A size of the tree; the published one, if left out.", example="1")
AFTER: Final = Number("after", "Go on after the head of this size.", default=-1, least=-1, example="0")
LIMIT: Final = Number("limit", "The most heads.", default=100, least=1, most=1_000, example="10")
UNSIGNED: Final = (NotFound,)
"""With what everything here is refused of a log that is not signed."""
_LEVEL = re.compile(r"0|[1-9][0-9]?", re.ASCII)

routes = Routes()


def published(service: Service) -> StoredHead:
    """The last published tree head; raises NotFound where the log is not signed."""
    head = service.notary.published
    if head is None:
        raise NotFound("this log is not signed: `incidentlog log init` begins it")
    return head


@routes.get("/log/checkpoint", scope="read", answers=(Answer(str, media="text/plain"),), problems=UNSIGNED)
async def checkpoint(request: web.Request) -> web.Response:
    """The last signed tree head, as a note."""
    await reader_of(request)
    note = published(request.app[SERVICE]).note
    return web.Response(text=note, content_type="text/plain", charset="utf-8", headers={"Cache-Control": "no-store"})


@routes.get(
    r"/log/tile/entries/{index:.+}",
    scope="read",
    takes=(INDEX,),
    answers=(Answer(bytes, media=OCTETS),),
    problems=(Tampered, NotAcceptable),
)
async def entries(request: web.Request) -> web.Response:
    """A bundle of leaves, each with its length before it in two bytes."""
    await reader_of(request)
    service, tile = request.app[SERVICE], _tile(request, 0)
    leaves = await service.tree.leaves(tile.index * WIDTH, tile.width)
    if b"".join(map(leaf_hash, leaves)) != await service.tree.tile(tile):
        raise Tampered(f"positions {tile.index * WIDTH + 1} and on are not what was sealed")
    bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    response = _lasting(request, bundle)
    vary_by(response, "Accept-Encoding")  # leaves are text, unlike the hashes of tiles
    return response


@routes.get(
    r"/log/tile/{level:[^/]+}/{index:.+}",
    scope="read",
    takes=(LEVEL, INDEX),
    answers=(Answer(bytes, media=OCTETS),),
    problems=(Tampered,),
)
async def tile(request: web.Request) -> web.Response:
    """A tile: up to 256 hashes of one level."""
    await reader_of(request)
    level = LEVEL.of(request)
    if not _LEVEL.fullmatch(level) or int(level) >= LEVELS:
        raise NotFound(f"there is no level {level[:20]!r} in this tree")
    return _lasting(request, await request.app[SERVICE].tree.tile(_tile(request, int(level))))


def _tile(request: web.Request, level: int) -> Tile:
    """The tile that the path names; raises NotFound beyond what is published."""
    found = parse_index(INDEX.of(request))
    if found is None:
        raise NotFound("an index is written in groups of three digits, such as x001/x234/067, and .p/17 after it")
    wanted = Tile(level, *found)
    if reach(wanted) > published(request.app[SERVICE]).size:
        raise NotFound(f"the published tree has no tile {wanted.path}")
    return wanted


def _lasting(request: web.Request, body: bytes) -> web.Response:
    """An answer that never changes. What was asked with a key is for its owner's cache alone."""
    whose = "private" if "Authorization" in request.headers else "public"
    headers = {"Cache-Control": f"{whose}, {FOR_EVER}", "Vary": "Authorization"}
    return web.Response(body=body, content_type=OCTETS, headers=headers)


@routes.get(
    "/v1/events/{id}/proof",
    scope="read",
    takes=(EVENT,),
    answers=(Answer(str, media=MEDIA_TYPE), Answer(Proof)),
    problems=(NotSealed, Tampered),
)
async def proof(request: web.Request) -> web.Response:
    """That an event is in the signed log: a `.tlog-proof`, or as JSON with what opens the leaf."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    try:
        event_id = UUID(EVENT.of(request))
    except ValueError:
        raise NotFound("an event's id is a UUID") from None
    found = (await read_ids(service.pool, [event_id], clearance=reader.clearance)).events
    if not found:
        raise NotFound(f"no event {event_id} is in the log")
    text = await proof_of(service, found[0].position)
    if text is None:
        raise NotSealed(f"position {found[0].position} is not sealed; the tree head is at {service.notary.size}")
    if "application/json" in request.headers.get("Accept", ""):
        return answer(await _opened(service, found[0], text), headers={"Cache-Control": "private, no-cache"})
    headers = {
        "Content-Disposition": f'attachment; filename="{event_id}.tlog-proof"',
        "Cache-Control": "private, no-cache",
        "Log-Position": str(found[0].position),
    }
    return web.Response(text=text, content_type=MEDIA_TYPE, charset="utf-8", headers=headers)


async def _opened(service: Service, event: Recorded, text: str) -> dict[str, Any]:
    """A line of an export, with its proof; the private part is withheld."""
    body_salt, meta_salt = await read_salts(service.pool, event.position)
    leaf = InclusionProof.parse(text).leaf
    parts = {"body": part_of(body_salt, event.body), "meta": part_of(meta_salt, event.meta)}
    if "private" in parse_leaf(leaf).parts:
        parts["private"] = None
    return {"leaf": leaf.decode(), "parts": parts, "proof": text}


async def proof_of(service: Service, position: int) -> str | None:
    """The proof of a position under the last published tree head; None while that does not reach so far."""
    head = published(service)
    if head.size < position:
        return None
    (leaf,) = await service.tree.leaves(position - 1, 1)
    path = await service.tree.inclusion(position - 1, head.size)
    try:
        check_inclusion(leaf_hash(leaf), position - 1, head.size, path, head.root)
    except ProofError:
        raise Tampered(f"position {position} is not what was sealed") from None
    return str(InclusionProof(leaf, position - 1, path, head.note))


def wants_seal(request: web.Request) -> bool:
    """Whether the answer to an append is to wait for the tree head; raises BadRequest for another `wait`."""
    return WAIT.of(request) is not None


async def is_sealed(service: Service, position: int) -> bool:
    """Wait, as long as `wait=sealed` does, for a position to be sealed; whether it is."""
    return await service.unless_it_stops(service.notary.sealed(position, SEAL_SECONDS))


async def seal_of(service: Service, event_id: UUID, outcome: log.Outcome) -> dict[str, Any]:
    """The proof of what was appended just now, null where it takes longer than one waits, and where it will be."""
    if not isinstance(outcome, log.Appended | log.Duplicate):
        return {}
    sealed = service.notary.key is not None and await is_sealed(service, outcome.position)
    return {
        "proof": await proof_of(service, outcome.position) if sealed else None,
        "proof_url": f"/v1/events/{event_id}/proof",
    }


@routes.get("/v1/log/consistency", scope="read", takes=(FROM, TO), answers=Consistency, problems=UNSIGNED)
async def consistency(request: web.Request) -> web.Response:
    """That the tree of one size grew out of that of another."""
    await reader_of(request)
    service = request.app[SERVICE]
    size = published(service).size
    new = TO.of(request, default=size, most=size)
    old = FROM.of(request, most=new)
    hashes = await service.tree.consistency(old, new)
    return answer({"from": old, "to": new, "proof": [_base64(h) for h in hashes]})


@routes.get("/v1/log/root", scope="read", takes=(SIZE,), answers=Root, problems=UNSIGNED)
async def root(request: web.Request) -> web.Response:
    """What the tree hashed to at a size."""
    await reader_of(request)
    service = request.app[SERVICE]
    most = published(service).size
    size = SIZE.of(request, default=most, most=most)
    return answer({"size": size, "root": _base64(await service.tree.root(size))})


@routes.get("/v1/log/heads", scope="read", takes=(AFTER, LIMIT), answers=Heads, problems=UNSIGNED)
async def heads(request: web.Request) -> web.Response:
    """Every tree head that was published, smallest first, a page at a time."""
    await reader_of(request)
    service = request.app[SERVICE]
    last = published(service)
    after, limit = AFTER.of(request), LIMIT.of(request)
    found = await read_heads(service.pool, service.log.fork, after=after, limit=limit)
    told = [
        {"size": h.size, "root": _base64(h.root), "signed_at": h.signed_at, "note": h.note}
        for h in found
        if h.size <= last.size
    ]
    body: dict[str, Any] = {"heads": told}
    if len(found) == limit and found[-1].size < last.size:
        body["next"] = str(request.rel_url.update_query({"after": str(found[-1].size)}))
    return answer(body)


@routes.get("/v1/log/key", scope="read", answers=LogKey, problems=UNSIGNED)
async def key(request: web.Request) -> web.Response:
    """Who signs; to be compared with what was published elsewhere: that a key comes with its log proves nothing."""
    await reader_of(request)
    found = request.app[SERVICE].notary.key
    if found is None:
        raise NotFound("this log is not signed: `incidentlog log init` begins it")
    return answer({"origin": found.origin, "vkey": found.vkey})


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
