"""What an import may have told again: all suspects at once, the best first (docs/import.md, Twice in the log)."""

from typing import Any, Final

from aiohttp import web

from incidentlog.api import shapes
from incidentlog.api.folds import FOLDING
from incidentlog.api.importing import find_begun
from incidentlog.api.moment import Moment
from incidentlog.api.operations import Number, Routes
from incidentlog.api.projections import answered, same_basis
from incidentlog.api.requests import ABOUT, SERVICE, moment_of, reader_of, refuse_revoked
from incidentlog.api.rows import Stored, state_at
from incidentlog.errors import BadRequest, Fault, NotFound, ProjectionLagging
from incidentlog.folding.fold import SUBJECT_VERSION
from incidentlog.projections import PROJECTIONS
from incidentlog.projections.candidates import Outline
from incidentlog.projections.suspects import Review, Suspect, Suspected
from incidentlog.recent import Recent
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service
from incidentlog.shares import Turnstile
from incidentlog.store.suspects import read_review

KEPT: Final = 4
"""How many reviews are kept, so that their next pages cost nothing."""
WAITING: Final = 48
"""How many such questions of one key, or one address, wait."""
SECONDS: Final = 60.0
"""How long one waits for others' reviews: there is one at a time."""

IMPORT: Final = Number(
    "import",
    "The import whose subjects are looked at: the position of its `import.begun`.",
    least=1,
    needed=True,
    example="1234",
)
AFTER: Final = Number("after", "Go on after so many subjects.", example="100")
LIMIT: Final = Number("limit", "The most subjects.", default=100, least=1, most=1_000, example="10")

routes = Routes()


class Reviews:
    """The last reviews, by import, state of knowledge and clearance; one is made at a time."""

    def __init__(self) -> None:
        self.places = Turnstile("having imports compared", 1, each=1, waiting=WAITING)
        self._known = Recent[tuple[Any, ...], Review](KEPT)

    async def of(self, service: Service, number: int, moment: Moment, reader: Reader) -> Review:
        """A review, read once. Raises Overloaded."""
        clearance = reader.clearance
        key = number, moment.position, clearance, service.log.id, service.log.fork, service.log.generation
        async with self.places.place(reader, seconds=SECONDS):
            return self._known.get(key) or self._known.put(key, await _read(service, number, moment, clearance))


async def _read(service: Service, number: int, moment: Moment, clearance: int) -> Review:
    """Raises ProjectionLagging where the timeline that answers is an older one, or was replaced meanwhile."""
    timeline = await state_at(service, PROJECTIONS["daily_timeline"], moment, clearance)
    assert isinstance(timeline, Stored)  # noqa: S101 - only what was reported is folded
    if timeline.moment != moment:
        behind = timeline.moment.position
        raise ProjectionLagging(f"daily_timeline is at position {behind}", position=behind)
    found = await read_review(service.pool, timeline.build, number, clearance=clearance, position=moment.position)
    if await timeline.incomplete() is None:
        raise ProjectionLagging("daily_timeline was replaced while it was read", position=0)
    return found


REVIEWS: Final = web.AppKey("reviews", Reviews)


@routes.get(
    "/v1/candidates",
    scope="read",
    takes=(IMPORT, AFTER, LIMIT, *ABOUT),
    answers=shapes.Suspects,
    problems=(NotFound, *FOLDING),
)
async def show_suspects(request: web.Request) -> web.Response:
    """Which subjects of an import may be others told again: the best first, with why. A person merges (R6)."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    moment = await moment_of(request)
    if IMPORT.given(request) is None:
        raise BadRequest(errors=[Fault("/import", "missing", "name an import, as ?import=1234")])
    if moment.by == "reported":
        detail = "here only basis=recorded is served"
        raise BadRequest(errors=[Fault("/basis", "not_served", detail)])
    number = IMPORT.of(request)
    begun = await find_begun(service, number, reader)
    if begun is None or number > moment.position:
        raise NotFound(f"no import began at {number}, as far as was known then")
    after, limit = AFTER.of(request), LIMIT.of(request)
    found = await request.app[REVIEWS].of(service, begun.number, moment, reader)
    await refuse_revoked(request)
    body: dict[str, Any] = {
        "import": begun.number,
        "basis": same_basis(request, moment.basis(service.log, SUBJECT_VERSION)),
        "subjects": found.subjects,
        "suspected": len(found.groups),
        "likely": found.likely,
        "groups": [_group(group) for group in found.groups[after : after + limit]],
        **({} if found.whole else {"incomplete": True}),
    }
    if after + limit < len(found.groups):
        further = {"after": str(after + limit), "at_position": str(moment.position)}
        without = request.rel_url.without_query_params("known_at", "position", "min_position")
        body["next"] = str(without.update_query(further))
    return answered(request, moment, body)


def _group(group: Suspected) -> dict[str, Any]:
    return {**_told(group.own), "candidates": [_suspect(suspect) for suspect in group.suspects]}


def _told(own: Outline) -> dict[str, Any]:
    occurred = own.occurred.model_dump(mode="json", exclude_none=True)
    return {"stream": own.stream, "occurred": occurred, "place": own.place.name}


def _suspect(suspect: Suspect) -> dict[str, Any]:
    candidate = suspect.candidate
    return {
        **_told(suspect.other),
        "where": candidate.where,
        "kilometres": candidate.kilometres,
        "hours_apart": candidate.hours_apart,
        "minutes_between_starts": round(suspect.starts_apart.total_seconds() / 60, 1),
        "side": candidate.side,
        "same_source": suspect.is_same_source,
        "likely": suspect.likely,
    }
