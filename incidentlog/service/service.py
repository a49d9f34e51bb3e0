"""The service: its parts, how they start and how they stop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

import orjson
import structlog

from incidentlog import collector
from incidentlog.audit.access import AccessLog
from incidentlog.audit.erase import Eraser
from incidentlog.audit.notary import Notary
from incidentlog.audit.state import Folder
from incidentlog.audit.tree import Tree
from incidentlog.audit.witness import Witness
from incidentlog.basemap import Basemap
from incidentlog.beside import Processes
from incidentlog.clock import Clock, SystemClock
from incidentlog.config import ROLES, Role, Settings
from incidentlog.door import Door, Known
from incidentlog.embedded import Server
from incidentlog.errors import Tampered, Unavailable
from incidentlog.events.registry import ALWAYS_CLEAR
from incidentlog.folding.change import Families
from incidentlog.folding.encoding import encode_event
from incidentlog.live import Hub
from incidentlog.places import bundled
from incidentlog.proxies import Proxies
from incidentlog.runner import Progress, Rebuilder, RebuilderApart, Runner, RunnerApart, Wakeup
from incidentlog.service.ahead import Ahead
from incidentlog.service.hosts import Hosts
from incidentlog.service.keys import Keys
from incidentlog.service.nodes import Nodes
from incidentlog.service.oidc import Issuer
from incidentlog.service.pace import Pace
from incidentlog.service.rates import Rates
from incidentlog.service.standbys import Standbys
from incidentlog.shares import Holder, Shares, Turnstile
from incidentlog.store.append import Appended, Duplicate, read_secret
from incidentlog.store.builds import (
    SUBJECTS,
    forget_builds,
    ignorant_builds,
    read_builds,
    rebuild,
)
from incidentlog.store.connect import Access, Connection, Pool
from incidentlog.store.keys import note_used
from incidentlog.store.read import LogIdentity, read_categories, read_head, read_log
from incidentlog.store.writer import Writer
from incidentlog.tracing import Tracing
from incidentlog.webhooks import Deliverer, Networks, Sender

if TYPE_CHECKING:
    from incidentlog.service.fanout import Fanout
    from incidentlog.service.replicas import Replicas

GC_THRESHOLD: Final = 50_000
"""The default collects so often that it doubles what validating an event costs."""
FILES: Final = 4
KEY_FILES: Final = 2
"""How many of them by one key."""

TRIED: Final = 16
EACH_TRIED: Final = 2
"""How many of them by one key."""
FOLDS: Final = 96
EACH_FOLDS: Final = 48
"""How many of them of one key, or one address without a key; the page asks for a dozen at a time."""
KEY_FOLDS: Final = 24
"""How many of them are for keys alone."""

log = structlog.get_logger(__name__)


class _Part(Protocol):
    """What works until it is cancelled."""

    async def run(self) -> None: ...


@dataclass(slots=True)
class Service:
    """What the routes work with."""

    access: Access
    pool: Pool
    """Of whoever answers requests: a read goes to the leader, or to the replica that was chosen for it."""
    leader: Pool
    log: LogIdentity
    clock: Clock
    known: Known
    door: Door
    secret: bytes = field(repr=False)
    """What ids are derived under that stand for an `Idempotency-Key`."""
    writer: Writer
    runner: Progress
    """How far the projections are, whichever node folds."""
    grown: Wakeup
    hosts: Hosts
    proxies: Proxies
    origins: Sequence[str]
    """Those whose pages may read, besides its own."""
    keys: Keys
    hub: Hub
    deliverer: Deliverer
    nodes: Nodes
    eraser: Eraser
    accesses: AccessLog
    notary: Notary
    ahead: Ahead
    tree: Tree
    lag_seconds: float
    still_seconds: float
    """For how long an event may wait, and the projections stand still, while the service is ready."""
    files: Shares
    """How many files may be taken in at once: each may take a gigabyte until it is appended."""
    rates: Rates
    """How many requests each may make."""
    roles: Sequence[Role] = ROLES
    """What this node does."""
    replicas: "Replicas | None" = None
    """Where reads may go; None where they go to the leader."""
    fanout: "Fanout | None" = None
    """What carries changes from node to node; None where each reads them from the database."""
    standbys: Standbys | None = None
    """Who watches whether what is acknowledged outlives the leader; None where nobody else could lead."""
    basemap: Basemap | None = None
    """What lies beneath the page's places; None is plain land."""
    frames: Sequence[str] = ("*",)
    """Origins whose pages may show the embedded page in a frame."""
    tracing: Tracing | None = None
    """What is told of requests; None where nobody wants traces."""
    folding: Shares = field(
        default_factory=lambda: Shares("reads of what was reported", FOLDS, each=EACH_FOLDS, kept=KEY_FOLDS)
    )
    """How many requests may fold what was reported, or wait to."""
    reported: Turnstile = field(default_factory=lambda: Turnstile("folding what was reported", 2, each=1, kept=1))
    """How many of them are at it: each may hold twice 16 MiB of events, and what they are in memory."""
    core: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one of them that folds: two at once would be no faster, and leave less to the loop."""
    document: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one that folds a document that is not kept: each may be of a thousand subjects."""
    histories: Turnstile = field(default_factory=lambda: Turnstile("reading histories", 2, each=1, kept=1, waiting=48))
    """How many pages of histories may be written at once: each takes some twenty megabytes."""
    keeping: Turnstile = field(default_factory=lambda: Turnstile("changing what is kept", 2, each=1, waiting=48))
    """How many requests may at once change a session, a webhook or a key: each takes a connection of its own."""
    pace: Pace = field(init=False)
    """At which who sends many events at once goes on."""
    trying: Shares = field(default_factory=lambda: Shares("webhooks being tried", TRIED, each=EACH_TRIED))
    """How many messages may be under way to try webhooks: a receiver may take its time."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service stops."""

    def __post_init__(self) -> None:
        self.pace = Pace(self.runner)

    def admit_appends(self) -> None:
        """Raises Tampered, or Unavailable, where what is appended would not stay as it is acknowledged."""
        self.notary.admit_appends()
        if self.standbys is not None and self.standbys.refusal is not None:
            raise Unavailable(self.standbys.refusal)

    @asynccontextmanager
    async def kept(self, holder: Holder) -> AsyncIterator[Connection]:
        """A connection of the role that keeps what is kept for a limited time; whoever asks often waits for itself."""
        async with self.keeping.place(holder, seconds=None):
            connection = await self.access.connect("eraser")
            try:
                yield connection
            finally:
                connection.terminate()

    async def learn(self) -> None:
        """Take in at once what the log has registered, for whoever goes on with it; else that comes with the fold."""
        await _learn(self.pool, self.known, self.log)

    async def unless_it_stops(self, waiting: Coroutine[Any, Any, bool]) -> bool:
        """What a wait comes to; False once the service stops: a wait for what may never come holds up no stop."""
        tasks = asyncio.ensure_future(waiting), asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return tasks[0].done() and tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def running(
    access: Access,
    settings: Settings,
    clock: Clock | None = None,
    *,
    apart: Processes | None = None,
    folder: Folder | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[Service]:
    """A service on a migrated log, with its writer, runner, hub and notary at work; a part that fails ends it.

    `apart` gives the runner processes of its own, as `serve` does. `folder` is where the notary keeps what must
    not be in the database; without one nothing is sealed. `tracing` is told what becomes of requests.
    """
    clock = clock or SystemClock()
    pool = await access.pool("reader")
    identity = await read_log(pool)
    known = Known()
    await _learn(pool, known, identity)
    grown = Wakeup()
    learn = partial(_learn, pool, known, identity)
    runner, folding = _folding(access, pool, grown, known, learn, settings, apart)
    runner.move(await checkpoint(pool))  # the first answers of a service that starts again are no empty log's
    issuer = issuer_of(settings, clock)
    keys = Keys(
        pool, clock, open_read=settings.open_read, note_used=partial(_note_used, access),
        issued=None if issuer is None else issuer.reader,
    )  # fmt: skip

    hub = Hub(
        pool,
        identity,
        runner,
        clock,
        origins=settings.origins,
        encode_event=partial(encode_event, zone=identity.zone),
        authenticate=keys.follower,
        changed=keys.changed.ticket,
        tracing=tracing,
        carried=lambda after, upto: None if service.fanout is None else service.fanout.between(after, upto),
    )
    secret = await _secret(access)
    door = Door(known, clock, identity.calendar, log=identity.id, secret=secret)

    async def refresh() -> None:
        service.log = await read_log(pool)
        await hub.look()

    def saw(position: int) -> None:
        writer.saw(position)
        notary.saw(position)

    nodes = Nodes(
        access, pool, runner, grown,
        checkpoint=partial(checkpoint, pool), learn=learn, switched=refresh, saw=saw,
        notify=settings.notify and access.has_sessions,
    )  # fmt: skip

    writer = Writer(
        access, admit=lambda: service.admit_appends(),  # noqa: PLW0108 - there is no service yet
        grown=nodes.appended, seconds=settings.append_seconds, tracing=tracing,
    )  # fmt: skip
    eraser = Eraser(access, partial(_build_anew, access, pool), refresh, partial(_forget_ignorant, access, pool))

    accesses = AccessLog(access, identity, clock, partial(_append_digest, writer, door), keep_days=settings.access_days)
    witnesses = [Witness.parse(text) for text in settings.witnesses]
    notary = Notary(
        access, folder, clock, key=settings.log_key, witnesses=witnesses, may_sign="notary" in settings.roles
    )
    ahead = Ahead(pool)
    deliverer = Deliverer(
        access, pool, lambda: service.log, clock, Sender(Networks(settings.webhook_networks), clock), grown=grown.ticket
    )  # fmt: skip
    standbys = await _standbys(pool, settings)
    replicas = _replicas(access, pool, settings)
    fanout = await _fanout(settings, pool, runner, hub, nodes, refresh)
    await notary.begin()  # before anything is appended to a log that is not the one it was
    service = Service(
        access=access,
        pool=pool if replicas is None else replicas.pool,
        leader=pool,
        log=identity,
        clock=clock,
        known=known,
        door=door,
        secret=secret,
        writer=writer,
        runner=runner,
        grown=grown,
        hosts=Hosts.of(settings.host, settings.hosts),
        proxies=Proxies(settings.proxies, header=settings.proxy_header),
        origins=settings.origins,
        keys=keys,
        hub=hub,
        deliverer=deliverer,
        nodes=nodes,
        eraser=eraser,
        accesses=accesses,
        notary=notary,
        ahead=ahead,
        rates=Rates(key=settings.key_requests, address=settings.address_requests),
        tree=Tree(pool, identity.fork),
        lag_seconds=settings.lag_seconds,
        still_seconds=settings.still_seconds,
        files=Shares("files on their way in", FILES, each=KEY_FILES),
        roles=settings.roles,
        replicas=replicas,
        fanout=fanout,
        standbys=standbys,
        basemap=basemap_of(settings),
        frames=settings.frames,
        tracing=tracing,
    )
    try:
        async with asyncio.TaskGroup() as parts:
            tasks = [parts.create_task(at_work(part)) for part in _parts(service, folding)]
            tasks.append(parts.create_task(_trace(runner, tracing)))
            try:
                yield service
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        try:
            async with asyncio.timeout(10):  # close() can wait for ever for a connection that is in use
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def at_work(part: _Part) -> None:
    """Run a part; raises RuntimeError where it is cancelled and nobody ended it, which a group of tasks passes over."""
    try:
        await part.run()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RuntimeError(f"{type(part).__name__} was cancelled, and nobody ended it") from error


def _parts(service: Service, folding: Sequence[_Part]) -> list[_Part]:
    """What a node runs, by its roles; `folding` is what brings the projections further."""
    parts: list[_Part] = [service.keys, service.notary, service.nodes, service.ahead]
    if "api" in service.roles:
        parts += [service.writer, service.hub, service.eraser, service.accesses]
    if "runner" in service.roles:
        parts += [*folding, service.deliverer]
    return parts + [part for part in (service.standbys, service.replicas, service.fanout) if part is not None]


async def _append_digest(writer: Writer, door: Door, event_id: UUID, event: dict[str, Any]) -> bool:
    """Append the digest of a day's reads; whether it is there."""
    candidate = door.read(orjson.dumps(event), recorded_by="access-log", default_id=event_id)
    try:
        outcome = await writer.append(candidate.command)
    except Tampered as refused:  # until an operator has seen to it; the day after it is tried again
        log.warning("access_digest_refused", day=event["data"]["day"], outcome=refused.detail)
        return False
    if not (there := isinstance(outcome, Appended | Duplicate)):
        log.error("access_digest_refused", day=event["data"]["day"], outcome=repr(outcome))
    return there


async def _trace(runner: Progress, tracing: Tracing | None) -> None:
    """Say how far the projections are, until cancelled, if anybody wants to know."""
    while tracing is not None:
        ticket = runner.progressed.ticket()
        tracing.projected(runner.position)
        await ticket.wait()


def basemap_of(settings: Settings) -> Basemap | None:
    """The base map of the settings."""
    if settings.basemap is None or settings.basemap_attribution is None:
        return None
    return Basemap(settings.basemap, settings.basemap_attribution)


def issuer_of(settings: Settings, clock: Clock) -> Issuer | None:
    """The issuer whose tokens are taken; None where none is set."""
    if settings.oidc_issuer is None:
        return None
    assert settings.oidc_audience is not None  # noqa: S101 - the settings have both or none
    return Issuer(
        settings.oidc_issuer,
        audience=settings.oidc_audience,
        algorithms=settings.oidc_algorithms,
        skew_seconds=settings.oidc_skew_seconds,
        clock=clock,
        scopes_claim=settings.oidc_scope_claim,
        clearance_claim=settings.oidc_clearance_claim,
    )


async def _note_used(access: Access, key_ids: Sequence[str], hour: datetime) -> None:
    connection = await access.connect("eraser")
    try:
        await note_used(connection, key_ids, hour)
    finally:
        connection.terminate()


async def _secret(access: Access) -> bytes:
    connection = await access.connect("appender")
    try:
        return await read_secret(connection)
    finally:
        connection.terminate()


def _folding(
    access: Access,
    pool: Pool,
    grown: Wakeup,
    known: Known,
    learn: Callable[[], Awaitable[None]],
    settings: Settings,
    apart: Processes | None,
) -> tuple[Progress, Sequence[Runner | RunnerApart | Rebuilder | RebuilderApart]]:
    """How far the projections are, and what brings them further at this node: nothing without the role."""
    if "runner" not in settings.roles:
        return Progress(), ()
    if apart is None:
        within = Runner(access, grown, known.learn)
        return within, (within, Rebuilder(access))
    many, level = settings.runners, settings.log_level
    runner = RunnerApart(access, grown, learn, apart, processes=many, log_level=level)
    return runner, (runner, RebuilderApart(access, pool, apart, processes=many, log_level=level))


async def _standbys(leader: Pool, settings: Settings) -> Standbys | None:
    """Who watches whether what is acknowledged outlives the leader; nobody where there is the embedded server alone."""
    if settings.dsn is None:
        return None
    standbys = Standbys(leader, needed=settings.synchronous == "needed")
    await standbys.look()
    return standbys


def _replicas(access: Access, leader: Pool, settings: Settings) -> "Replicas | None":
    """Where reads may go besides the leader; nothing of it is imported where there is none."""
    if settings.dsn_read is None or "api" not in settings.roles:
        return None
    from incidentlog.service.replicas import Replicas  # noqa: PLC0415

    return Replicas(access, settings.dsn_read, leader, lag_seconds=settings.replica_seconds)


async def _fanout(
    settings: Settings,
    pool: Pool,
    progress: Progress,
    hub: Hub,
    nodes: Nodes,
    refresh: Callable[[], Awaitable[None]],
) -> "Fanout | None":
    """What carries changes between nodes; nothing of it is imported where there is none."""
    if not settings.fanout_url:
        return None
    from incidentlog.service.fanout import Fanout  # noqa: PLC0415
    from incidentlog.store.carried import read_place  # noqa: PLC0415

    fanout = Fanout(
        settings.fanout_url,
        await read_place(pool),
        pool,
        progress,
        creds=settings.fanout_creds,
        epoch=lambda: hub.epoch,
        refresh=refresh,
        told=nodes.told,
    )
    nodes.announced = lambda: fanout.heard
    return fanout


async def checkpoint(pool: Pool) -> int:
    """How far earlier runners got with what is of this code's version, and with the subjects of whichever version.

    All stands still until the subjects of this one are built. What is of another version, or not built yet, or cannot
    be read, says so by itself when it is asked.
    """
    builds = [b for b in await read_builds(pool) if b.state == "active"]
    return min((b.position for b in builds if b.wanted or b.projection == SUBJECTS), default=0)


async def _build_anew(access: Access, pool: Pool) -> None:
    """Build everything beside what answers, and switch; builds that know of the last erasure go on where they are."""
    connection = await access.connect("runner")
    try:
        begun = {b.build for b in await rebuild(connection, [SUBJECTS])}
    finally:
        await connection.close()
    # Another process may build them: there is nothing to wait for but what the database says.
    while any(b.build in begun and b.state == "building" for b in await read_builds(pool)):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _forget_ignorant(access: Access, pool: Pool, seen: set[int]) -> set[int]:
    """Delete what was switched from and may hold what was erased, if it was there to be `seen` before; answers what is.

    Not at once: somebody may still be reading it.
    """
    found = await ignorant_builds(pool, "retired")
    if seen & found:
        connection = await access.connect("runner")
        try:
            await forget_builds(connection, seen & found)
        finally:
            await connection.close()
    return found


async def _learn(pool: Pool, known: Known, identity: LogIdentity) -> None:
    """Take in the actors and places that the log registered so far; there are few."""
    for change in Families({}).changes(await read_categories(pool, ALWAYS_CLEAR), identity.zone):
        known.learn([change])


def access_of(settings: Settings, server: Server | None) -> Access:
    """How to reach the log: on the embedded server, with its roles, or on one of the user's with one login."""
    if server is None:
        assert settings.dsn is not None  # noqa: S101 - without a DSN there is an embedded server
        return Access(
            admin=settings.dsn,
            schema=settings.schema_name,
            pooled=settings.pooler == "transaction",
            direct=settings.direct_dsn,
        )
    return Access(
        admin=server.dsn(),
        schema=settings.schema_name,
        secret=server.password,
        login=lambda user, password: server.dsn(user=user, password=password),
    )


async def prepare(roles: Collection[str]) -> None:
    """Make what the first search for a place would wait for; a node that answers nobody searches for none."""
    if "api" in roles:
        await asyncio.to_thread(bundled().prepare)
    spare_the_collector()


def spare_the_collector() -> None:
    """Let the garbage collector pass over all there is at the start, and look less often: it held answers up 80 ms."""
    collector.spare(GC_THRESHOLD, 20, 20)


async def load_timeline(service: Service) -> int:
    """Append the bundled timeline to an empty log; answers how many events that were."""
    if (await read_head(service.pool)).position:
        return 0
    lines = files("incidentlog").joinpath("demo/timeline.ndjson").read_bytes().splitlines()
    candidates = [service.door.read(line, recorded_by="demo") for line in lines]
    faults = await service.door.admit(service.pool, candidates)
    assert not faults, faults  # noqa: S101 - the bundled timeline keeps the rules
    await service.writer.append_atomic([c.command for c in candidates])
    await service.runner.reached(len(lines), 30)
    return len(lines)
