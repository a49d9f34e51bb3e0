"""An answer and the basis that it names are of one generation, while one gives way to the next too.

See docs/erasure-and-replay.md.
"""

from typing import Final

from aiohttp import web

from incidentlog.api.errors import Handler
from incidentlog.api.requests import SERVICE
from incidentlog.errors import BadRequest, Unavailable
from incidentlog.store.read import read_log

TRIES: Final = 5
"""A generation lasts as long as everything takes to be built anew: it does not rise so often under one read."""
_NAMED: Final = frozenset({"at_position", "position", "generation"})


def in_one_generation(handler: Handler) -> Handler:
    """The handler of a read of what is derived; a read that names its state of knowledge is made again if need be.

    The generation rises in the transaction that switches to what was built anew. So what was read between two looks
    that find the same generation is of that one.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        service = request.app[SERVICE]
        if not _NAMED & set(request.query):
            return await handler(request)
        for _ in range(TRIES):
            known = service.log
            answer: web.StreamResponse | BadRequest
            try:
                answer = await handler(request)
            except BadRequest as refusal:  # of a generation, it may be, that is not known here yet
                answer = refusal
            now = await read_log(service.pool)
            if now.generation == known.generation:
                if isinstance(answer, BadRequest):
                    raise answer
                return answer
            service.log = now
        raise Unavailable("the generation rises faster than this can be read")

    return handle
