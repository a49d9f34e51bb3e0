"""Which import events come with: they carry its number, and are found by it (docs/import.md)."""

import re
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from incidentlog.api.operations import Parameter
from incidentlog.door.door import Candidate
from incidentlog.errors import BadRequest, Fault
from incidentlog.events.values import MAX_INT, TLP_LABELS
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service
from incidentlog.store.read import read_unopened, seen

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


IMPORT: Final = Parameter(
    "import",
    "The import that the events come with: the position of its `import.begun`.",
    schema={"type": "string", "pattern": f"^{_NUMBER.pattern}$"},
)


@dataclass(frozen=True, slots=True)
class Begun:
    """An import that has begun."""

    number: int
    """The position of the event that says so."""
    tlp: int
    """How that is marked: no event of the import may be marked lower, as it tells of it."""


async def begun_import(request: web.Request, service: Service, reader: Reader) -> Begun | None:
    """The import that the parameter `import` names; raises BadRequest where none began there that the key may see."""
    given = IMPORT.given(request)
    if given is None:
        return None
    if _NUMBER.fullmatch(given) and (begun := await find_begun(service, int(given), reader)) is not None:
        return begun
    detail = "no import has begun there: give the position of an import.begun"
    raise BadRequest(errors=[Fault("/import", "unknown_import", detail)])


async def find_begun(service: Service, number: int, reader: Reader) -> Begun | None:
    """The import that began at a position, where the reader may see that."""
    events = await read_unopened(service.pool, positions=[number])
    found = await seen(service.pool, events, upto=MAX_INT, clearance=reader.clearance)
    if found.events and found.events[0].type == "import.begun":
        return Begun(number, found.mark_of(found.events[0]))
    return None


def of_import(candidate: Candidate, begun: Begun | None) -> list[Fault]:
    """Let an event carry the import that it comes with; why it cannot."""
    if begun is None:
        return []
    if candidate.command.tlp < begun.tlp:
        detail = f"the import is {TLP_LABELS[begun.tlp]}: so must its events be, or higher"
        return [Fault("/tlp", "below_import", detail)]
    candidate.command.imported = begun.number
    return []
