"""The hub: every channel of this node, every open socket, and the door to them."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson
import structlog
from aiohttp import WSCloseCode, web

from incidentlog import __version__
from incidentlog.clock import Clock
from incidentlog.errors import (
    BadRequest,
    Fault,
    Forbidden,
    NotFound,
    Overloaded,
    ProjectionLagging,
    VersionRetired,
)
from incidentlog.folding.asking import parse_grouping
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Document, Projection, Tally
from incidentlog.live import frames
from incidentlog.live.answers import Welcome
from incidentlog.live.channel import Bound, Brought, Channel, Progress, Source
from incidentlog.live.documents import DocumentView
from incidentlog.live.feed import EncodeEvent, Feed
from incidentlog.live.frames import PART_BYTES
from incidentlog.live.messages import MESSAGE_BYTES, WINDOW, Subscribe
from incidentlog.live.passes import Authenticate, Pass, Reader, own_origins
from incidentlog.live.session import (
    MESSAGES_PER_SECOND,
    PING_SECONDS,
    PROTOCOL,
    SUBSCRIPTIONS,
    Session,
)
from incidentlog.live.shared import SharedReading
from incidentlog.live.stream import Stream
from incidentlog.live.subscription import Following, Reach, Subscription, Tailing
from incidentlog.live.tallies import TallyView
from incidentlog.live.views import ROWS, View
from incidentlog.projections import PROJECTIONS
from incidentlog.proxies import address_of
from incidentlog.shares import Shares, Stranger, network_of
from incidentlog.store.builds import Build, active_builds, built
from incidentlog.store.carried import Carried
from incidentlog.store.connect import Connection, Pool, getting_over
from incidentlog.store.filters import parse_event_filter
from incidentlog.store.read import LogIdentity, read_head, read_log
from incidentlog.tracing import Tracing

EVENTS: Final = "events"
"""What a client subscribes to for the log itself."""
CONNECTIONS: Final = 10_000
KEY_CONNECTIONS: Final = 5_000
"""How many of them one key may hold, or one address without a key: nobody alone can shut the others out."""
KEPT_CONNECTIONS: Final = 1_000
"""How many of them are for keys alone."""
CHANNELS: Final = 500
KEY_CHANNELS: Final = 125
"""How many of them may have been begun for one key, or one address without a key."""
KEPT_CHANNELS: Final = 100
"""How many of them are for keys alone."""
READERS: Final = 4
"""How many connections to the database following may hold at a time."""
ACQUIRE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 1.0
"""How often it looks whose token expires."""
CHECK_SECONDS: Final = 10.0
"""How often tokens are looked up again, though nobody says that one was revoked."""
BUILD_SECONDS: Final = 0.2
"""How often it looks whether the projections of this version are there, until they are."""
RETRY_MS: Final = (500, 30_000)
"""Within which time clients come back, with full jitter."""
COMING_BACK_MS: Final = 5
"""When the service stops, its clients are told to come back within so much time for each of them."""

log = structlog.get_logger(__name__)


class Hub:
    """Keeps a channel for whatever is followed, and a session for whoever follows."""

    def __init__(
        self,
        pool: Pool,
        identity: LogIdentity,
        progress: Progress,
        clock: Clock,
        *,
        encode_event: EncodeEvent,
        origins: Collection[str] = (),
        heartbeat_seconds: float = 15.0,
        look_seconds: float = LOOK_SECONDS,
        check_seconds: float = CHECK_SECONDS,
        key_connections: int = KEY_CONNECTIONS,
        authenticate: Authenticate | None = None,
        changed: Callable[[], asyncio.Event] = asyncio.Event,
        tracing: Tracing | None = None,
        carried: Callable[[int, int], Carried | None] = lambda _after, _upto: None,
    ) -> None:
        """`origins` are those whose pages may open a socket, besides the service's own; `*` are all.

        `authenticate` answers `auth` messages, and says of tokens whether they still hold; without it every reader
        has to be known at the handshake. `changed` answers what is set when a token may not be what it was any more.
        `carried` answers what another node carried here of what the log brought, where that is here.
        """
        self.heartbeat_seconds = heartbeat_seconds
        self._tracing = tracing
        self._carried = carried
        self._look_seconds = look_seconds
        self._check_seconds = check_seconds
        self.connections = Shares("connections", CONNECTIONS, each=key_connections, kept=KEPT_CONNECTIONS)
        self._pool = pool
        self._log = identity
        self._progress = progress
        self._clock = clock
        self._encode_event = encode_event
        self._origins = frozenset(origins)
        self._authenticate = authenticate
        self._changed = changed
        self._builds: Mapping[str, Build] = {}
        self._switched: dict[str, int] = {}
        """Where another build of a projection was seen to answer."""
        self._channels: dict[str, Channel] = {}
        self.made = Counter[bool]()
        """How many updates channels have made, by whether they are conflated."""
        self.steps = Counter[Source]()
        """How often channels went on with what the log brought, by where they read it."""
        self._feeds: dict[str, Feed] = {}
        self._tasks: dict[Channel | Feed, asyncio.Task[None]] = {}
        self._begun_for: dict[Channel | Feed, tuple[str, str]] = {}
        """For which key, or address, each was begun."""
        self._group: asyncio.TaskGroup | None = None
        self._sessions: set[Session | Stream] = set()
        self._readers = asyncio.Semaphore(READERS)
        self._shared = SharedReading(self._reading, channels=lambda: len(self._channels), epoch=lambda: self._log.epoch)
        self._looking = asyncio.Lock()
        self._head = 0
        self._closed = False

    # ----------------------------------------------------------------------------------------------- life

    async def run(self) -> None:
        """Keep every channel up until cancelled. To be held in a task group; sockets may come once it runs."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._guard())
            await self._watch()

    async def close(self, code: int = WSCloseCode.SERVICE_RESTART, *, notice_seconds: float = 0.0) -> None:
        """Take no more sockets, tell those that are open, and close them so much later, within seconds."""
        self._closed = True
        within = min(max(RETRY_MS[0], COMING_BACK_MS * len(self._sessions)), RETRY_MS[1])
        for session in self._sessions:
            session.tell(frames.notice("draining", retry_ms=within))
        if self._sessions and notice_seconds:
            await asyncio.sleep(notice_seconds)
        closing = [session.close(code, "the service stops") for session in self._sessions]
        if closing:
            await asyncio.wait(closing)

    async def _guard(self) -> None:
        """End the sessions of those who may not follow any more."""
        loop = asyncio.get_running_loop()
        check_at = loop.time() + self._check_seconds
        changed = self._changed()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._look_seconds, self._check_seconds)):
                    await changed.wait()
            now = self.now()
            for session in self._sessions:
                session.look(now)
            if changed.is_set() or loop.time() >= check_at:
                changed = self._changed()  # before looking: what changes meanwhile is looked up once more
                check_at = loop.time() + self._check_seconds
                await self._check(tuple(self._sessions))

    async def _check(self, sessions: Iterable[Session | Stream]) -> None:
        """Look their tokens up again, one after the other: many sessions of one token ask the database once."""
        with getting_over():  # nobody is shut out because the database is away
            for session in sessions:
                await session.check()

    async def _watch(self) -> None:
        """Look now and then where the log's head is, and whether its positions still mean the same."""
        while True:
            with getting_over("live_interrupted"):
                await self.look()
            await asyncio.sleep(self.heartbeat_seconds if built(self._builds) else BUILD_SECONDS)

    async def follows_all(self) -> bool:
        """Whether every projection of this code can be followed here; looks, where that is not known yet."""
        if not built(self._builds):
            await self.look()
        return built(self._builds)

    async def look(self) -> None:
        """Read the log's epoch, its head and the builds; in another epoch everybody has to come back."""
        # One at a time: what was read before must not take the place of what was read after.
        async with self._looking, self._reading() as connection:
            identity = await read_log(connection)
            self._head = (await read_head(connection)).position
            builds = await active_builds(connection)
        for name, build in builds.items():
            if name in self._builds and self._builds[name].build != build.build:
                self._switched[name] = self.position
        self._builds = builds
        if identity.epoch == self._log.epoch:
            return
        log.warning("epoch_changed", before=self._log.epoch, now=identity.epoch)
        self._log = identity
        for session in self._sessions:
            session.close(WSCloseCode.SERVICE_RESTART, "the epoch has changed")
        # Not to be joined any more: what they hold is of the epoch before.
        self._channels.clear()
        self._feeds.clear()

    # ----------------------------------------------------------------------------------------------- door

    async def handle(
        self,
        request: web.Request,
        reader: Reader | None,
        token: str | None = None,
        known: Callable[[Reader], None] = lambda _: None,
    ) -> web.WebSocketResponse:
        """Answer `/v1/live`. Raises, before the upgrade, what is wrong with the handshake.

        `reader` None: the first message must be `auth`; `known` is then told who it is. `token` is what the reader was
        known by, if anything was.
        """
        self._admit(request, reader)
        answer = web.WebSocketResponse(
            protocols=(PROTOCOL,), compress=False, heartbeat=PING_SECONDS, max_msg_size=MESSAGE_BYTES,
            writer_limit=0,  # look after each message whether the client still takes them
            timeout=2.0,
        )  # fmt: skip
        if not answer.can_prepare(request):
            raise BadRequest("this is a WebSocket: ask for an upgrade, version 13")
        await answer.prepare(request)
        session = Session(self, answer, request, self._authenticate, token, known)
        self._sessions.add(session)
        try:
            await session.run(reader)
        finally:
            self._sessions.discard(session)
        return answer

    async def stream(
        self, request: web.Request, reader: Reader, token: str | None, asked: Subscribe
    ) -> web.StreamResponse:
        """Answer with one subscription as server-sent events. Raises, before the first byte, what is wrong with it."""
        self._refuse_when_closed()
        stream = Stream(
            request, Pass(reader, token, self._authenticate),
            epoch=self.epoch, beat_seconds=self.heartbeat_seconds, retry_ms=2 * RETRY_MS[0],
        )  # fmt: skip
        subscription = self.subscribe(asked, reader, stream.reach)
        self._sessions.add(stream)
        try:
            with self.connections.place(reader):
                await subscription.open()
                return await stream.run(subscription)
        finally:
            self._sessions.discard(stream)
            self.leave(subscription)

    def _admit(self, request: web.Request, reader: Reader | None) -> None:
        offered = [p.strip() for h in request.headers.getall("Sec-WebSocket-Protocol", ()) for p in h.split(",")]
        if PROTOCOL not in offered:
            raise BadRequest(f"offer the subprotocol {PROTOCOL}")
        origin = request.headers.get("Origin")
        if origin is not None and not self._origins & {origin, "*"} and origin not in own_origins(request):
            raise Forbidden(f"pages of {origin[:200]} may not follow this log")
        if reader is None and self._authenticate is None:
            raise Forbidden("following needs a key")
        self._refuse_when_closed()
        self.connections.admit(Stranger(network_of(address_of(request))) if reader is None else reader)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Overloaded("the service stops")

    async def welcome(self, reader: Reader) -> Welcome:
        """What is said first."""
        return {
            "type": "welcome",
            "server": f"incidentlog/{__version__}",
            "epoch": self.epoch,
            "head": await self.head(),
            "heartbeat_ms": round(self.heartbeat_seconds * 1000),
            "retry": {"min_ms": RETRY_MS[0], "max_ms": RETRY_MS[1]},
            "limits": {
                "subscriptions": SUBSCRIPTIONS,
                "message_bytes": MESSAGE_BYTES,
                "part_bytes": PART_BYTES,
                "rows": ROWS,
                "messages_per_second": MESSAGES_PER_SECOND,
                "window": WINDOW,
            },
            "auth": {"name": reader.name, "clearance": reader.clearance},
            "projections": {
                name: self._builds[name].version if name in self._builds else p.version
                for name, p in sorted(PROJECTIONS.items())
            },
        }

    # ------------------------------------------------------------------------------------------- following

    @property
    def epoch(self) -> str:
        """The log's epoch."""
        return self._log.epoch

    @property
    def position(self) -> int:
        """Up to where subjects and projections stand here."""
        return self._progress.position

    @property
    def head_seen(self) -> int:
        """The last position of the log that this node has heard of."""
        return max(self._head, self._progress.position)

    @property
    def followed(self) -> int:
        """How many different things are followed."""
        return len(self._channels) + len(self._feeds)

    def now(self) -> datetime:
        """The instant."""
        return self._clock.now()

    async def head(self) -> int:
        """The last position of the log."""
        async with self._reading() as connection:
            self._head = (await read_head(connection)).position
        return self.head_seen

    def subscribe(
        self,
        asked: Subscribe,
        reader: Reader,
        reach: Reach,
    ) -> Subscription:
        """Join the channel asked for, made if nobody follows it yet. Raises what is wrong with it."""
        assert self._group is not None  # noqa: S101 - `run` is running
        subscription: Subscription
        followed: Channel | Feed
        if asked.projection == EVENTS:
            followed = feed = self._feed(asked, reader)
            subscription = Tailing(asked, self, reach, feed)
            self._feeds[feed.name] = feed
        else:
            followed = channel = self._channel(asked, reader)
            subscription = Following(asked, self, reach, channel)
            self._channels[channel.name] = channel
        if followed not in self._tasks:
            self._tasks[followed] = self._group.create_task(followed.run())
            self._begun_for[followed] = reader.name, reader.address
        followed.followers.add(subscription)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Leave its channel; one that nobody follows is dropped."""
        assert isinstance(subscription, Following | Tailing)  # noqa: S101 - made by `subscribe`
        subscription.close()
        followed = subscription.channel
        followed.followers.discard(subscription)
        if followed.followers:
            return
        self._begun_for.pop(followed, None)
        if (task := self._tasks.pop(followed, None)) is not None:
            task.cancel()
        known: dict[str, Any] = self._channels if isinstance(followed, Channel) else self._feeds
        if known.get(followed.name) is followed:
            del known[followed.name]

    def _feed(self, asked: Subscribe, reader: Reader) -> Feed:
        wanted = parse_event_filter(_lists(asked.filter), self._log.calendar, under="/filter")
        name = _name(EVENTS, [wanted, reader.clearance])
        feed = self._feeds.get(name)
        if feed is None:
            self._limit(reader)
            feed = Feed(name, wanted, reader.clearance, self._progress, self._reading, self._encode_event)
        return feed

    def _channel(self, asked: Subscribe, reader: Reader) -> Channel:
        projection = PROJECTIONS.get(asked.projection)
        if projection is None:
            raise NotFound(f"no projection is called {asked.projection}; there are {', '.join(sorted(PROJECTIONS))}")
        by = [asked.group_by] if isinstance(asked.group_by, str) else asked.group_by
        narrowed = None
        if isinstance(projection, Tally):
            narrowed = parse_grouping(projection, _lists(asked.filter), by, under="/filter")
        else:
            _refuse_grouping(asked)
        bind = partial(_bind, projection, narrowed, reader.clearance)
        try:
            bound = bind(self._builds)
        except VersionRetired:
            raise ProjectionLagging(f"{projection.name} is being built") from None
        version = bound.builds[projection.name].version
        # With its builds: rows of one are not gone on with as those of another, which may have been mended.
        name = _name(f"{projection.name}@{version}", [narrowed, reader.clearance, sorted(bound.numbers)])
        if name in self._channels:
            return self._channels[name]
        self._limit(reader)
        return Channel(
            name, version, bound, bind, self._progress, self._clock, self._reading,
            born=self._switched.get(projection.name, 0), made=self.made, tracing=self._tracing,
            brought=self._between, steps=self.steps,
        )  # fmt: skip

    def _limit(self, reader: Reader) -> None:
        if list(self._begun_for.values()).count((reader.name, reader.address)) >= KEY_CHANNELS:
            raise Overloaded(f"{reader.name} follows {KEY_CHANNELS} different things that nobody else followed before")
        if len(self._channels) + len(self._feeds) >= CHANNELS - (KEPT_CHANNELS if reader.address else 0):
            raise Overloaded(f"{CHANNELS} different things are followed already; ask for one that others follow")

    async def _between(self, after: int, upto: int) -> Brought | None:
        """What the log brought, where another node carried it here, or this one reads it for all its channels."""
        if (rows := self._carried(after, upto)) is not None:
            return Brought("carried", rows)
        return None if (rows := await self._shared.between(after, upto)) is None else Brought("shared", rows)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        async with (
            self._readers,
            self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
            # One moment for all: which builds answer, how far they got, and their rows.
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection  # type: ignore[misc] # a proxy with the same methods


def _bind(
    projection: Tally | Document[Any], narrowed: Grouping | None, clearance: int, builds: Mapping[str, Build]
) -> Bound:
    """A view of a projection on the builds that answer. Raises VersionRetired where this code cannot read them."""
    used: dict[str, Build] = {}

    def build_of(of: Projection) -> Build:
        build = builds.get(of.name)
        if build is None:
            raise VersionRetired(f"{of.name} is of a version that this node does not know")
        used[of.name] = build
        return build

    own = build_of(projection)
    view: View
    if isinstance(projection, Tally):
        assert narrowed is not None  # noqa: S101 - a tally is always asked by something
        view = TallyView.of(projection, own, narrowed, clearance)
    else:
        view = DocumentView.of(projection, build_of, clearance)
    return Bound(view, used)


def _refuse_grouping(asked: Subscribe) -> None:
    faults = [Fault("/group_by", "not_a_tally", f"{asked.projection} has no groups")] if asked.group_by else []
    faults += [Fault(f"/filter/{name}", "not_a_tally", f"{asked.projection} has no filters") for name in asked.filter]
    if faults:
        raise BadRequest(f"{asked.projection} is followed whole", errors=faults)


def _lists(params: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
    return {name: [value] if isinstance(value, str) else list(value) for name, value in params.items()}


def _name(what: str, narrowed: Any) -> str:
    """A channel's name: the same for the same on every node."""
    said = orjson.dumps(narrowed, option=orjson.OPT_SORT_KEYS)
    return f"{what}#{hashlib.sha256(said).hexdigest()[:12]}"
