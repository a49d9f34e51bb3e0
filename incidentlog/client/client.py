"""The client: one service, asked and followed with one token."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Final, Literal, Self, overload
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel

from incidentlog.client.answers import Appended, Basis, Bulk, By, RefusedEvent, Rows, Subject, Values, When
from incidentlog.client.asking import Asking, Token
from incidentlog.client.bulk import append_atomic, append_partly
from incidentlog.client.changes import Event, Notice, Row
from incidentlog.client.problems import NotOursError
from incidentlog.client.resume import Resume, ResumeStore
from incidentlog.client.sending import encoded
from incidentlog.client.subscription import Feed, Subscription

PAGE: Final = 1_000
RETRY_SECONDS: Final = 30.0

Filters = Mapping[str, Values]
"""Values by parameter, as in REST; several are OR."""


class Client:
    """A service at a URL, asked with a token (a key), or with what fetches one; None where reading is open.

        async with Client("http://127.0.0.1:8080", key) as client:
            appended = await client.append(event)
            cities = await client.projection("city_incidents", group_by=["place"], min_position=appended.position)

    What is asked is asked again for `retry_seconds` while nobody answers, or the service says that it is busy; that is
    safe for appends too, since every event has its id before it is sent first. What the service refuses is raised as
    the `incidentlog.errors.Problem` that it is: `WrongVersion`, `InvalidEvent`, with `errors` that name every fault.
    Else UnreachableError, or NotOursError where something else answers.

    What was appended here counts in what is read here, whichever node answers: without a `min_position` a read of what
    is known now waits for the last position that was acknowledged. `own_writes=False` does not wait.
    """

    def __init__(
        self, url: str, token: Token = None, *, retry_seconds: float = RETRY_SECONDS, own_writes: bool = True
    ) -> None:
        """Raises ValueError for what is no address."""
        self._asking = Asking(url, token, retry_seconds=retry_seconds)
        self._own_writes = own_writes
        self.acknowledged = 0
        """The last position that an append of this client's was answered with."""

    async def __aenter__(self) -> Self:
        """Ready to ask; no connection is made yet."""
        await self._asking.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._asking.close()

    @property
    def retry_seconds(self) -> float:
        """For how long it asks again; what is set holds for what is asked from then on."""
        return self._asking.retry_seconds

    @retry_seconds.setter
    def retry_seconds(self, seconds: float) -> None:
        self._asking.retry_seconds = seconds

    # ------------------------------------------------------------------------------------------- appending

    async def append(self, event: Event | BaseModel, *, expected_version: int | None = None) -> Appended:
        """Append one event, once, and answer where it is.

        `event` has the members of the envelope, or is an `Envelope`; without an `id` it is given one (UUIDv7).
        `expected_version` makes it conditional: the number of events its stream must have, 0 for a new one.
        Raises InvalidEvent, IdConflict, WrongVersion (`extra["current_version"]`), StreamFull.
        """
        said = {} if expected_version is None else {"expected_version": expected_version}
        body = encoded(event, **said)
        answer = await self._asking.ask("POST", "/v1/events", body=lambda: body, content_type="application/json")
        appended = Appended.of(answer.json, replayed=answer.status == 200)  # noqa: PLR2004 - 201 is new
        self.acknowledged = max(self.acknowledged, appended.position)
        return appended

    async def append_many(
        self,
        events: AsyncIterable[Event | BaseModel] | Iterable[Event | BaseModel],
        *,
        mode: Literal["atomic", "partial"] = "atomic",
        refused: Callable[[RefusedEvent], None] | None = None,
        imported: int | None = None,
    ) -> Bulk:
        """Append many events in the order in which they come; they are sent while they come.

        `atomic`: all or nothing, in one request of at most 100,000 events and 64 MiB. Raises RefusedLines, whose
        `errors` name the bad events by their `line`, or TooLarge; nothing was written then.
        `partial`: as many as you like, each for itself, in requests of 1,000; `refused` is called with each that is
        refused, and `refusals` keeps the first 1,000. When this raises, what came before is in the log.
        What is sent is kept until it is answered, so that it can be sent again. `imported` is the number of the import
        that they come with: the position of its `import.begun`.
        """
        if mode == "atomic":
            bulk = await append_atomic(self._asking, events, imported)
        else:
            bulk = await append_partly(self._asking, events, refused, imported)
        self.acknowledged = max(self.acknowledged, bulk.last_position or 0)
        return bulk

    def _least(self, asked: int | None, *named: object) -> int | None:
        """Up to where an answer has to reach: as asked, else what was acknowledged, unless it names what is known."""
        own = self.acknowledged if self._own_writes and all(name is None for name in named) else 0
        return asked if asked is not None else own or None

    # --------------------------------------------------------------------------------------------- reading

    async def events(
        self, after: int = 0, *, filters: Filters | None = None, at_position: int | None = None, page: int = PAGE
    ) -> AsyncIterator[Event]:
        """The log in its order, from after a position to its head, or to `at_position`; read a page at a time.

        `filters` are REST's: type, stream, category, city, admin1, country, actor, since, until, recorded_since,
        verification, external_id, import, bbox.
        """
        params = [*_pairs(filters), ("after", str(after)), ("limit", str(page)), *_moment(at_position=at_position)]
        async for answer in self._pages("/v1/events", params):
            for event in answer["events"]:
                yield event

    async def imported(self, number: int) -> AsyncIterator[list[str]]:
        """The ids of the events that came with an import, in the log's order, a page at a time. Raises NotFound."""
        async for answer in self._pages("/v1/events/ids", [("import", str(number))]):
            yield answer["ids"]

    async def event(self, event_id: UUID | str) -> Event:
        """One event. Raises NotFound."""
        answer: Event = (await self._asking.ask("GET", f"/v1/events/{_quoted(str(event_id))}")).json
        return answer

    async def subject(
        self,
        stream: str,
        *,
        at: When | None = None,
        known_at: When | None = None,
        at_position: int | None = None,
        min_position: int | None = None,
    ) -> Subject:
        """What a stream's events add up to; of one merged into another, the survivor. Raises NotFound."""
        least = self._least(min_position, known_at, at_position)
        params = _moment(at=at, known_at=known_at, at_position=at_position, min_position=least)
        said = (await self._asking.ask("GET", f"/v1/subjects/{_quoted(stream)}", params=params)).json
        return Subject(said["stream"], said["category"], Basis.of(said["basis"]), said["state"])

    async def projection(
        self,
        name: str,
        *,
        group_by: Values = (),
        filters: Filters | None = None,
        at: When | None = None,
        known_at: When | None = None,
        at_position: int | None = None,
        by: By = "recorded",
        basis: Basis | None = None,
        min_position: int | None = None,
    ) -> Rows:
        """A projection's rows: now, or in the world `at`, as known at an instant or a position of the log.

        `group_by` and `filters` are for tallies. `basis` asks for the very same answer again. `min_position` waits
        until what was appended there counts. Raises NotFound, BadRequest, ProjectionLagging.
        """
        least = self._least(min_position, known_at, at_position, basis)
        moment = _moment(at=at, known_at=known_at, at_position=at_position, min_position=least)
        params = [*_pairs(filters), *moment, *(() if basis is None else basis.params())]
        if by != "recorded" and basis is None:
            params.append(("basis", by))
        if group_by:
            params.append(("group_by", group_by if isinstance(group_by, str) else ",".join(group_by)))
        pages = [page async for page in self._pages(f"/v1/projections/{_quoted(name)}", params)]
        answer, rows = pages[0], dict[str, Any]()
        for each in pages:
            rows |= each["rows"]
        grouped = tuple(group_by.split(",")) if isinstance(group_by, str) and group_by else tuple(group_by)
        return Rows(answer["projection"], answer["version"], Basis.of(answer["basis"]), rows, grouped)

    async def subjects(
        self,
        category: str | None = None,
        *,
        filters: Filters | None = None,
        at: When | None = None,
        known_at: When | None = None,
        at_position: int | None = None,
        page: int = PAGE,
    ) -> AsyncIterator[Row]:
        """A flat row for each subject as it stands, in the order of the streams; read a page at a time.

        `filters` are REST's: city, admin1, admin2, admin3, country, actor, verification, status, since, until, bbox.
        """
        chosen = [] if category is None else [("category", category)]
        least = self._least(None, known_at, at_position)
        moment = _moment(at=at, known_at=known_at, at_position=at_position, min_position=least)
        params = [*_pairs(filters), *chosen, *moment, ("limit", str(page))]
        async for answer in self._pages("/v1/subjects", params):
            for row in answer["subjects"]:
                yield row

    async def _pages(self, path: str, params: Sequence[tuple[str, str]]) -> AsyncIterator[Any]:
        """The pages of an answer, each as it says where the next one is."""
        answer = (await self._asking.ask("GET", path, params=params)).json
        yield answer
        while answer.get("next"):
            answer = (await self._asking.ask("GET", _own(answer["next"]))).json
            yield answer

    # ------------------------------------------------------------------------------------------- following

    @overload
    def subscribe(  # type: ignore[overload-overlap] # the log is no projection, and "events" is no name of one
        self,
        followed: Literal["events"],
        *,
        filters: Filters | None = None,
        after: int | None = None,
        min_interval_ms: int = 0,
        resume: ResumeStore | Resume | None = None,
        notify: Callable[[Notice], None] | None = None,
    ) -> Feed: ...

    @overload
    def subscribe(
        self,
        followed: str,
        *,
        group_by: Values = (),
        filters: Filters | None = None,
        min_interval_ms: int = 0,
        resume: ResumeStore | Resume | None = None,
        notify: Callable[[Notice], None] | None = None,
    ) -> Subscription: ...

    def subscribe(
        self,
        followed: str,
        *,
        group_by: Values = (),
        filters: Filters | None = None,
        after: int | None = None,
        min_interval_ms: int = 0,
        resume: ResumeStore | Resume | None = None,
        notify: Callable[[Notice], None] | None = None,
    ) -> Subscription | Feed:
        """Follow a projection, or `events`, across lost connections; to be used with `async with`.

        The log is followed from after the position `after`, else from now on. `min_interval_ms`: at most one change in
        that time (at most 60,000). `resume` is a store, to go on after the process has ended, or a place kept
        elsewhere; see ResumeStore. `notify` is told when the connection is lost and back, and what the service says
        about it.
        """
        said: dict[str, Any] = {}
        if filters:
            said["filter"] = {name: v if isinstance(v, str) else list(v) for name, v in filters.items()}
        if group_by:
            said["group_by"] = group_by if isinstance(group_by, str) else list(group_by)
        if min_interval_ms:
            said["min_interval_ms"] = min_interval_ms
        if followed == "events":
            return Feed(self._asking, followed, said, after=after, resume=resume, notify=notify)
        if after is not None:
            raise ValueError("a projection has no beginning: 'after' is for events")
        return Subscription(self._asking, followed, said, resume=resume, notify=notify)


def _own(path: Any) -> str:
    """Where the next page is; never at another host, who would be shown the token."""
    if not isinstance(path, str) or not path.startswith("/") or path.startswith("//"):
        raise NotOursError(f"the service sends us elsewhere for the next page: {path!r}")
    return path


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _pairs(filters: Filters | None) -> list[tuple[str, str]]:
    return [(k, v) for k, vs in (filters or {}).items() for v in ([vs] if isinstance(vs, str) else vs)]


def _moment(**given: When | int | None) -> list[tuple[str, str]]:
    return [(name, _written(value)) for name, value in given.items() if value is not None]


def _written(value: When | int) -> str:
    match value:
        case datetime():
            if value.tzinfo is None:
                raise ValueError(f"{value} is no instant: give it a time zone")
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case _:
            return str(value)
