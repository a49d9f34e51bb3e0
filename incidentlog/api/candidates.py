"""What an import may have told again: all suspects at once, the best first (docs/import.md, Twice in the log)."""

import asyncio
from array import array
from collections.abc import Sequence
from contextlib import aclosing
from tempfile import TemporaryFile
from typing import Any, Final
from weakref import finalize

from aiohttp import web

from incidentlog.api import shapes
from incidentlog.api.answers import Written, answer, dumps
from incidentlog.api.folds import FOLDING
from incidentlog.api.importing import find_begun
from incidentlog.api.moment import Moment
from incidentlog.api.operations import Answer, Number, Routes
from incidentlog.api.projections import answered, same_basis
from incidentlog.api.requests import ABOUT, SERVICE, moment_of, reader_of, refuse_revoked
from incidentlog.api.rows import Stored, state_at
from incidentlog.api.subject_version import subjects_for
from incidentlog.errors import BadRequest, Fault, NotFound, Overloaded, ProjectionLagging
from incidentlog.projections import PROJECTIONS
from incidentlog.projections.candidates import Outline
from incidentlog.projections.suspects import Ranking, Suspect, Suspected
from incidentlog.recent import Recent
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service
from incidentlog.shares import Shares, Turnstile
from incidentlog.store.suspects import Progress, suspected

KEPT: Final = 4
"""How many reviews are kept."""
MADE: Final = 16
"""How many are made or wait for their turn."""
EACH: Final = 4
"""How many of them for one key, or one address without a key."""
WAITING: Final = 96
"""How many requests wait for a review."""
EACH_WAITING: Final = 48
"""How many of them of one key, or one address without a key."""
PATIENCE_SECONDS: Final = 10.0
"""How long a request waits for a review before it is told how far it is."""
ABANDONED_SECONDS: Final = 60.0
"""How long one is made that nobody asks for any more."""

IMPORT: Final = Number(
    "import",
    "The import whose subjects are looked at: the position of its `import.begun`.",
    least=1,
    needed=True,
    example="1234",
)
AFTER: Final = Number("after", "Go on after so many subjects.", example="100")
LIMIT: Final = Number("limit", "The most subjects.", default=100, least=1, most=1_000, example="10")
TIMELINE: Final = "daily_timeline"
"""The projection by which it is known what happened when."""

routes = Routes()


class Review:
    """What an import may have told again: on the disk, each subject as JSON, with where it stands there in memory."""

    def __init__(self) -> None:
        self._file = TemporaryFile(prefix="incidentlog-review-")  # noqa: SIM115 - it goes with the review
        finalize(self, self._file.close)
        self._ends = array("Q", [0])
        self._order: Sequence[tuple[int, bool]] = ()
        self._ranking = Ranking()
        self.progress = Progress()
        self.done = False

    @property
    def suspected(self) -> int:
        """Of how many subjects something is suspected."""
        return len(self._ends) - 1

    @property
    def likely(self) -> int:
        """How many of them have a likely twin."""
        return sum(likely for _, likely in self._order)

    def take(self, found: Suspected) -> None:
        """One more."""
        self._ends.append(self._ends[-1] + self._file.write(dumps(_group(found))))
        self._ranking.take(found)

    def settle(self) -> None:
        """That was all: put them in order."""
        self._order = self._ranking.order()
        self._ranking = Ranking()
        self.done = True

    def page(self, after: int, limit: int) -> list[Written]:
        """Some of them, the best first, after so many."""
        return [self._read(n, likely=likely) for n, likely in self._order[after : after + limit]]

    def _read(self, n: int, *, likely: bool) -> Written:
        self._file.seek(self._ends[n])
        told = self._file.read(self._ends[n + 1] - self._ends[n])
        # The first is the best one's; no text of JSON has a plain quote in it.
        return Written(told.replace(b'"likely":false', b'"likely":true', 1) if likely else told)


Key = tuple[Any, ...]
"""Of an import, at a state of knowledge, of a version, for a clearance."""


class Reviews:
    """The last reviews, so that their next pages cost nothing, and those that are being made: one at a time.

    One goes on while somebody asks for it now and then.
    """

    def __init__(self) -> None:
        self.patience_seconds = PATIENCE_SECONDS
        self.places = Turnstile("having imports compared", 1, each=1)
        self.made = Shares("reviews", MADE, each=EACH, kept=MADE // 2)
        self._asking = Shares("questions for reviews", WAITING, each=EACH_WAITING, kept=WAITING // 4)
        self._known = Recent[Key, Review](KEPT)
        self._making: dict[Key, tuple[Review, asyncio.Task[None]]] = {}
        self._ending: dict[Key, asyncio.TimerHandle] = {}

    async def of(self, service: Service, number: int, moment: Moment, version: int, reader: Reader) -> Review:
        """A review: done, or as far as it came while one waits. Raises TooManyConnections, Overloaded."""
        key = (
            number,
            moment.position,
            version,
            reader.clearance,
            service.log.id,
            service.log.fork,
            service.log.generation,
        )
        if (known := self._known.get(key)) is not None:
            return known
        with self._asking.place(reader):
            if key not in self._making:
                self.made.admit(reader)
                self._begin(key, service, number, moment, reader)
            review, task = self._making[key]
            self._keep(key, task)
            await asyncio.wait({task}, timeout=self.patience_seconds)
        if task.cancelled():
            raise Overloaded("the service stops")
        if task.done():
            task.result()
        return review

    async def close(self, _: web.Application) -> None:
        """End those that are being made."""
        tasks = [task for _, task in self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Key, service: Service, number: int, moment: Moment, reader: Reader) -> None:
        review = Review()

        async def make() -> None:
            with self.made.place(reader):
                async with self.places.place(reader, seconds=None):
                    await _fill(review, service, number, moment, reader.clearance)

        def done(task: asyncio.Task[None]) -> None:
            del self._making[key]
            self._ending.pop(key).cancel()
            if not task.cancelled() and task.exception() is None:  # whoever waits is told what went wrong
                self._known.put(key, review)

        task = asyncio.create_task(make())
        task.add_done_callback(done)
        self._making[key] = review, task

    def _keep(self, key: Key, task: asyncio.Task[None]) -> None:
        """Let it go on for a while."""
        if (before := self._ending.get(key)) is not None:
            before.cancel()
        seconds = self.patience_seconds + ABANDONED_SECONDS
        self._ending[key] = asyncio.get_running_loop().call_later(seconds, task.cancel)


async def _fill(review: Review, service: Service, number: int, moment: Moment, clearance: int) -> None:
    """Raises ProjectionLagging where the timeline that answers is an older one, or was replaced meanwhile."""
    timeline = await state_at(service, PROJECTIONS[TIMELINE], moment, clearance)
    assert isinstance(timeline, Stored)  # noqa: S101 - only what was reported is folded
    if timeline.moment != moment:
        behind = timeline.moment.position
        raise ProjectionLagging(f"daily_timeline is at position {behind}", position=behind)
    asked = {"clearance": clearance, "position": moment.position}
    async with aclosing(suspected(service.pool, timeline.build, number, review.progress, **asked)) as found:
        async for each in found:
            review.take(each)
    if await timeline.incomplete() is None:
        raise ProjectionLagging("daily_timeline was replaced while it was read", position=0)
    await asyncio.to_thread(review.settle)


REVIEWS: Final = web.AppKey("reviews", Reviews)


def add_reviews(app: web.Application) -> None:
    """Give the application its reviews."""
    app[REVIEWS] = reviews = Reviews()
    app.on_shutdown.append(reviews.close)


@routes.get(
    "/v1/candidates",
    scope="read",
    takes=(IMPORT, AFTER, LIMIT, *ABOUT),
    answers=(
        Answer(shapes.Suspects),
        Answer(
            shapes.Comparing,
            status=202,
            meaning="It takes long, and this is how far it is: ask `next`, again and again.",
            headers=("Retry-After",),
        ),
    ),
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
    async with subjects_for(service, moment, TIMELINE) as version:
        review = await request.app[REVIEWS].of(service, begun.number, moment, version, reader)
    await refuse_revoked(request)
    body: dict[str, Any] = {
        "import": begun.number,
        "basis": same_basis(request, moment.basis(service.log, version)),
        "subjects": review.progress.subjects,
    }
    if not review.done:
        body["compared"] = review.progress.compared
        body["next"] = _next(request, moment, after)
        return answer(body, status=202, headers={"Retry-After": "1"})
    body |= {
        "suspected": review.suspected,
        "likely": review.likely,
        "groups": review.page(after, limit),
        **({} if review.progress.whole else {"incomplete": True}),
    }
    if after + limit < review.suspected:
        body["next"] = _next(request, moment, after + limit)
    return answered(request, moment, body)


def _next(request: web.Request, moment: Moment, after: int) -> str:
    without = request.rel_url.without_query_params("known_at", "position", "min_position")
    return str(without.update_query({"after": str(after), "at_position": str(moment.position)}))


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
        "likely": False,
    }
