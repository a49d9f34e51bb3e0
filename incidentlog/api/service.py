"""The service: its parts, how they start and how they stop."""

import asyncio
import gc
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import Any, Final, Literal
from uuid import UUID

import orjson
import structlog
import uvloop
from aiohttp import web

from incidentlog.addresses import listening
from incidentlog.api.ahead import Ahead
from incidentlog.api.hosts import Hosts
from incidentlog.api.keys import Keys, first_key
from incidentlog.api.nodes import Nodes
from incidentlog.api.wire import Runner as WebRunner
from incidentlog.audit.access import AccessLog
from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.erase import Eraser
from incidentlog.audit.notary import Notary
from incidentlog.audit.state import Folder, folder_of
from incidentlog.audit.tree import Tree
from incidentlog.audit.witness import Witness
from incidentlog.clock import Clock, SystemClock
from incidentlog.config import Settings
from incidentlog.embedded import Running, Server, data_root, start
from incidentlog.importers import Door, Known
from incidentlog.live import Hub
from incidentlog.runner import Rebuilder, RebuilderApart, Runner, RunnerApart, Wakeup
from incidentlog.shares import Shares
from incidentlog.store.append import Appended, Duplicate, read_secret
from incidentlog.store.builds import (
    SUBJECTS,
    active_builds,
    built,
    forget_builds,
    ignorant_builds,
    read_builds,
    rebuild,
)
from incidentlog.store.connect import Access, Connection, Pool
from incidentlog.store.migrate import migrate
from incidentlog.store.pooler import check_pooler
from incidentlog.store.read import LogIdentity, read_categories, read_head, read_log
from incidentlog.store.writer import Writer
from incidentlog.subjects.change import Families
from incidentlog.subjects.registry import ALWAYS_CLEAR

Ready = Callable[[str, str | None, int], None]
"""Told once the service answers: its address, the admin key if one was made, and how many events were loaded."""

GC_THRESHOLD: Final = 50_000
"""The default collects so often that it doubles what validating an event costs."""
SHUTDOWN_SECONDS: Final = 5.0
NOTICE_SECONDS: Final = 1.0
"""How long before its sockets are closed a service that stops says so."""
FILES: Final = 4
KEY_FILES: Final = 2
"""How many of them by one key."""
BUILD_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Service:
    """What the routes work with."""

    access: Access
    pool: Pool
    log: LogIdentity
    clock: Clock
    known: Known
    door: Door
    secret: bytes = field(repr=False)
    """What ids are derived under that stand for an `Idempotency-Key`."""
    writer: Writer
    runner: Runner | RunnerApart
    grown: Wakeup
    hosts: Hosts
    keys: Keys
    hub: Hub
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
    folds: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """How many requests may fold at once what was reported: each takes a core."""
    histories: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """How many pages of histories may be written at once: each takes some twenty megabytes."""
    keeping: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """How many requests may at once open or end a session, or revoke a key: each takes a connection of its own."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service stops."""

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Connection]:
        """A connection of the role that keeps what is kept for a limited time; one at a time, whoever asks."""
        async with self.keeping:
            connection = await self.access.connect("eraser")
            try:
                yield connection
            finally:
                connection.terminate()

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
    runner_apart: bool = False,
    folder: Folder | None = None,
) -> AsyncIterator[Service]:
    """A service on a migrated log, with its writer, runner, hub and notary at work; a part that fails ends it.

    `runner_apart` gives the runner a process of its own, as `serve` does. `folder` is where the notary keeps what must
    not be in the database; without one nothing is sealed.
    """
    from incidentlog.api.events import encode_event  # noqa: PLC0415 - the routes need this module

    clock = clock or SystemClock()
    pool = await access.pool("reader")
    identity = await read_log(pool)
    known = Known()
    await _learn(pool, known, identity)
    grown = Wakeup()
    learn = partial(_learn, pool, known, identity)
    runner, rebuilder = _apart(access, pool, grown, learn, settings) if runner_apart else _within(access, grown, known)
    runner.move(await _checkpoint(pool))  # the first answers of a service that starts again are no empty log's
    keys = Keys(pool, clock, open_read=settings.open_read)

    hub = Hub(
        pool,
        identity,
        runner,
        clock,
        origins=settings.origins,
        encode_event=partial(encode_event, zone=identity.zone),
        authenticate=keys.follower,
        changed=keys.changed.ticket,
    )
    door = Door(known, clock, identity.calendar, log=identity.id)
    secret = await _secret(access)

    async def rebuild() -> None:
        await _build_anew(access, pool)

    async def refresh() -> None:
        service.log = await read_log(pool)
        await hub.look()

    nodes = Nodes(
        access, pool, runner, grown,
        checkpoint=partial(_checkpoint, pool), learn=learn, switched=refresh,
        notify=settings.notify and access.has_sessions,
    )  # fmt: skip
    writer = Writer(access, grown=nodes.appended, seconds=settings.append_seconds)
    eraser = Eraser(access, rebuild, refresh, partial(_forget_ignorant, access, pool))

    async def append_digest(event_id: UUID, event: dict[str, Any]) -> bool:
        outcome = await writer.append(
            door.read(orjson.dumps(event), recorded_by="access-log", default_id=event_id).command
        )
        if not (there := isinstance(outcome, Appended | Duplicate)):
            log.error("access_digest_refused", day=event["data"]["day"], outcome=repr(outcome))
        return there

    accesses = AccessLog(access, identity, clock, append_digest, keep_days=settings.access_days)
    witnesses = [Witness.parse(text) for text in settings.witnesses]
    notary = Notary(access, folder, clock, key=settings.log_key, witnesses=witnesses)
    ahead = Ahead(pool)
    await notary.begin()  # before anything is appended to a log that is not the one it was
    service = Service(
        access=access,
        pool=pool,
        log=identity,
        clock=clock,
        known=known,
        door=door,
        secret=secret,
        writer=writer,
        runner=runner,
        grown=grown,
        hosts=Hosts.of(settings.host, settings.hosts),
        keys=keys,
        hub=hub,
        nodes=nodes,
        eraser=eraser,
        accesses=accesses,
        notary=notary,
        ahead=ahead,
        tree=Tree(pool, identity.fork),
        lag_seconds=settings.lag_seconds,
        still_seconds=settings.still_seconds,
        files=Shares("files on their way in", FILES, each=KEY_FILES),
    )
    try:
        async with asyncio.TaskGroup() as parts:
            tasks = [
                parts.create_task(part.run())
                for part in (writer, runner, rebuilder, keys, hub, eraser, accesses, notary, nodes, ahead)
            ]
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


async def _secret(access: Access) -> bytes:
    connection = await access.connect("appender")
    try:
        return await read_secret(connection)
    finally:
        connection.terminate()


def _within(access: Access, grown: Wakeup, known: Known) -> tuple[Runner | RunnerApart, Rebuilder | RebuilderApart]:
    return Runner(access, grown, known.learn), Rebuilder(access)


def _apart(
    access: Access, pool: Pool, grown: Wakeup, learn: Callable[[], Awaitable[None]], settings: Settings
) -> tuple[Runner | RunnerApart, Rebuilder | RebuilderApart]:
    level = settings.log_level
    return RunnerApart(access, grown, learn, log_level=level), RebuilderApart(access, pool, log_level=level)


async def _checkpoint(pool: Pool) -> int:
    """How far an earlier runner got with what this code derives; 0 where it has to begin again."""
    builds = await active_builds(pool)
    return min((b.position for b in builds.values() if b.wanted), default=0) if built(builds) else 0


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


async def _until_built(service: Service) -> None:
    """Wait for the runner's first step, so that nobody is served before there is anything to ask."""
    with suppress(TimeoutError):  # it may be kept from it; then `/readyz` says so
        async with asyncio.timeout(BUILD_SECONDS):
            while not await service.hub.follows_all():  # noqa: ASYNC110 - another process builds them
                await asyncio.sleep(0.02)


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


def serve(settings: Settings, *, demo: bool = False, ready: Ready | None = None) -> int:
    """Serve until SIGINT or SIGTERM, with a PostgreSQL of our own unless a DSN is set; answers the exit code.

    To be called from the main thread. `demo` loads the timeline into an empty log first. Raises ListenError.
    """
    _allow_sockets()
    if settings.dsn is not None:
        return uvloop.run(_serve(settings, access_of(settings, None), None, demo=demo, ready=ready))
    with start(data_root(settings.data_dir)) as embedded:
        access = access_of(settings, embedded.server)
        return uvloop.run(_serve(settings, access, embedded, demo=demo, ready=ready))


def _allow_sockets() -> None:
    """As many open files as the system lets us have: each connection is one, and the usual 1,024 are soon gone."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems name a limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(
    settings: Settings, access: Access, embedded: Running | None, *, demo: bool, ready: Ready | None
) -> int:
    from incidentlog.api.app import make_app  # noqa: PLC0415 - it imports the routes, which import this module

    await _refuse_a_taken_port(settings)  # before anything is made that is told once, when it serves
    await check_pooler(access)
    applied = await migrate(access, settings.zone)
    log.info("migrated", applied=[m.number for m in applied], shared_roles=access.shared_roles)
    made = await first_key(access, settings.admin_key)
    folder = folder_of(data_root(settings.data_dir), settings.schema_name)
    begun = await begin_if_new(access, folder, origin=settings.origin, key=settings.log_key)
    if begun is not None:
        log.info("log_begun", origin=begun.signer.name, vkey=begun.signer.verifier.vkey)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(access, settings, runner_apart=True, folder=folder) as service:
        await _until_built(service)
        loaded = await load_timeline(service) if demo else 0
        server = WebRunner(make_app(service), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await server.setup()
        site = web.TCPSite(server, settings.host, settings.port, backlog=1024)
        with listening(settings.host, settings.port):
            await site.start()
        url = f"http://{settings.host}:{server.addresses[0][1]}"
        if service.hosts.any:
            log.warning("asked_by_any_name", detail="set INCIDENTLOG_HOSTS to the names by which this service is asked")
        log.info("serving", url=url, log=str(service.log.id), position=service.runner.position)
        spare_the_collector()
        if ready is not None:
            ready(url, made, loaded)
        code = await _until(stop, embedded)
        await site.stop()
        await service.hub.close(1012, notice_seconds=NOTICE_SECONDS)
        await server.cleanup()
    return code


async def _refuse_a_taken_port(settings: Settings) -> None:
    """Raises ListenError where nobody can listen, or somebody else does already."""
    with listening(settings.host, settings.port):
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, settings.host, settings.port)
    server.close()
    await server.wait_closed()


def spare_the_collector() -> None:
    """Let the garbage collector pass over all there is at the start, and look less often: it held answers up 80 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)


async def _until(stop: asyncio.Event, embedded: Running | None) -> int:
    """Wait to be stopped, or for the PostgreSQL that we started to go away: then the service fails, loudly."""
    stopped = asyncio.create_task(stop.wait())
    waiting = [stopped]
    if embedded is not None and embedded.server.owned:
        waiting.append(asyncio.create_task(_died(embedded)))
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return 0 if stopped.done() and not stopped.cancelled() else 1


async def _died(embedded: Running) -> Literal[True]:
    code = await embedded.died()
    log.error("postgres_died", exit_code=code, said=embedded.last_words())
    return True


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
