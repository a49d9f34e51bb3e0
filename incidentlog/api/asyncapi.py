"""The live protocol: `/asyncapi.json`, from the models of its messages (AsyncAPI 3.0), and a page to try it."""

from functools import cache
from typing import Annotated, Any, Final, get_args, get_type_hints

from aiohttp import web
from pydantic import Field, TypeAdapter

from incidentlog import __version__
from incidentlog.api.answers import answer
from incidentlog.api.operations import Routes
from incidentlog.api.static import FILE, NAME, PAGE, page_file
from incidentlog.live import PROTOCOL
from incidentlog.live.answers import ServerMessage
from incidentlog.live.messages import ClientMessage
from incidentlog.projections import PROJECTIONS

routes = Routes()

DESCRIPTION: Final = f"""\
Text frames with one JSON object each, over a WebSocket with the subprotocol `{PROTOCOL}`. A position means that
everything up to and including it has been seen. Unknown members and unknown messages are to be ignored.

What a client may rely on: a channel's `from` equals its last `to`, and (`to`, `at`) strictly grows; after everything
up to a position the rows equal the projection there, conflated or not; who stores (epoch, position, at, rows) together
sees every change exactly once across reconnects; the log itself comes once and in order; in another epoch positions
mean nothing; a snapshot and its position are of one moment.

Close codes: 1001 and 1012 (come back within the advised window, after an evenly drawn wait), 1009 a message too large,
1011 a fault of the service, 1013 overloaded, 4401 unauthenticated, expired or revoked, 4408 no first message, 4429
too many messages, 4490 slow; and those after which coming back is of no use: 4400 misuse, 4403 forbidden, 4409 an id
in use, 4410 a version that is retired.
"""


@routes.get("/asyncapi.json", answers=dict[str, Any])
async def asyncapi(_: web.Request) -> web.Response:
    """The description of the live protocol."""
    return answer(document())


@cache
def document() -> dict[str, Any]:
    """The whole description; its schemas are those that validate what clients say, and type what the server says."""
    schemas: dict[str, Any] = {}
    said = {
        "client": _messages(ClientMessage, "validation", schemas),
        "server": _messages(ServerMessage, "serialization", schemas),
    }
    names = [name for side in said.values() for name in side]
    return {
        "asyncapi": "3.0.0",
        "id": "urn:incidentlog:live:v1",
        "info": {
            "title": "incidentlog, live",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "this": {
                "host": "127.0.0.1:8080",
                "protocol": "ws",
                "description": "Wherever this document came from.",
                "security": [
                    {"$ref": "#/components/securitySchemes/bearer"},
                    {"$ref": "#/components/securitySchemes/session"},
                ],
            }
        },
        "channels": {
            "live": {
                "address": "/v1/live",
                "title": PROTOCOL,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "headers": {
                            "type": "object",
                            "properties": {"Sec-WebSocket-Protocol": {"type": "string", "const": PROTOCOL}},
                            "required": ["Sec-WebSocket-Protocol"],
                        },
                    }
                },
            }
        },
        "operations": {
            # As the standard has it: what the application, which is the service, receives and sends.
            "hear": _operation("receive", said["client"], "What a client may say."),
            "tell": _operation("send", said["server"], "What the service says."),
        },
        "x-projections": sorted(PROJECTIONS),
        "components": {
            "messages": {name: message for side in said.values() for name, message in side.items()},
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "In the handshake; or a first message `auth`. Never in the query string.",
                },
                "session": {
                    "type": "httpApiKey",
                    "in": "cookie",
                    "name": "incidentlog_{log}",
                    "description": "Of a browser that signed in by `POST /v1/session`; {log}: the log id's first 8.",
                },
            },
        },
    }


def _operation(action: str, messages: dict[str, Any], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/live"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/live/messages/{name}"} for name in messages],
    }


def _messages(union: Any, mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The messages of one side, by their `type`; their schemas are added to those that there are."""
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[union, Field(discriminator="type")])
    made = adapter.json_schema(mode=mode, ref_template="#/components/schemas/{model}")
    schemas |= made["$defs"]
    found = {}
    for kind in get_args(union):
        (type_,) = get_args(get_type_hints(kind)["type"])
        found[type_] = {
            "name": type_,
            "title": kind.__name__,
            "summary": schemas[kind.__name__].get("description", ""),
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        }
    return found


@routes.get("/docs/live", **PAGE)
async def show_page(request: web.Request) -> web.Response:
    """A page that explains the protocol and lets one try it on this service, and on no other."""
    return await page_file(request, "api/live_page", "index.html", connect="'self'", images="'self'")


@routes.get("/docs/live/{name}", **FILE)
async def show_file(request: web.Request) -> web.Response:
    """What the page is made of."""
    return await page_file(request, "api/live_page", NAME.of(request), connect="'self'")
