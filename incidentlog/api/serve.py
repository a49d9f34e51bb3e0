"""Serving: the parts and the routes, from the first look at the log to the stop."""

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

import structlog
import uvloop
from aiohttp import web

from incidentlog.addresses import listening
from incidentlog.api.app import make_app
from incidentlog.api.wire import Runner as WebRunner
from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.state import Folder, folder_of
from incidentlog.beside import Processes
from incidentlog.config import Settings
from incidentlog.embedded import Running, data_root, start
from incidentlog.places import load_from
from incidentlog.service.keys import first_key
from incidentlog.service.service import Service, access_of, load_timeline, prepare, running
from incidentlog.store.connect import Access, until_there
from incidentlog.store.migrate import migrate
from incidentlog.store.pooler import check_pooler
from incidentlog.store.replication import check_synchronous
from incidentlog.tracing import Tracing

Ready = Callable[[str, str | None, int], None]
"""Told once the service answers: its address, the admin key if one was made, and how many events were loaded."""

SHUTDOWN_SECONDS: Final = 5.0
NOTICE_SECONDS: Final = 1.0
"""How long before its sockets are closed a service that stops says so."""
BUILD_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


async def _until_built(service: Service) -> None:
    """Wait for the runner's first step, so that nobody is served before there is anything to ask."""
    with suppress(TimeoutError):  # it may be kept from it; then `/readyz` says so
        async with asyncio.timeout(BUILD_SECONDS):
            while not await service.hub.follows_all():  # noqa: ASYNC110 - another process builds them
                await asyncio.sleep(0.02)


def serve(settings: Settings, apart: Processes, *, demo: bool = False, ready: Ready | None = None) -> int:
    """Serve until SIGINT or SIGTERM, with a PostgreSQL of our own unless a DSN is set; answers the exit code.

    To be called from the main thread. `apart` starts what folds; `demo` loads the timeline into an empty log first.
    Raises ListenError.
    """
    _allow_sockets()
    if settings.dsn is not None:
        return uvloop.run(_serve(settings, apart, access_of(settings, None), None, demo=demo, ready=ready))
    with start(data_root(settings.data_dir)) as embedded:
        access = access_of(settings, embedded.server)
        return uvloop.run(_serve(settings, apart, access, embedded, demo=demo, ready=ready))


def _allow_sockets() -> None:
    """As many open files as the system lets us have: each connection is one, and the usual 1,024 are soon gone."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems name a limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(
    settings: Settings, apart: Processes, access: Access, embedded: Running | None, *, demo: bool, ready: Ready | None
) -> int:
    await _refuse_a_taken_port(settings)  # before anything is made that is told once, when it serves
    if embedded is None:
        await until_there(access, settings.start_seconds)
    made, folder = await _made_ready(settings, access)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with (
        _traces(settings) as tracing,
        running(access, settings, apart=apart, folder=folder, tracing=tracing) as service,
    ):
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
        signing = service.notary.key
        for detail in settings.unheeded(zone=service.log.zone, origin=None if signing is None else signing.origin):
            log.warning("setting_does_not_count", detail=detail)
        log.info(
            "serving", url=url, roles=list(service.roles), log=str(service.log.id), position=service.runner.position
        )
        if ready is not None:
            ready(url, made, loaded)
        preparing = asyncio.create_task(prepare(service.roles))
        code = await _until(stop, embedded)
        preparing.cancel()
        await site.stop()
        await service.hub.close(1012, notice_seconds=NOTICE_SECONDS)
        await server.cleanup()
    return code


async def _made_ready(settings: Settings, access: Access) -> tuple[str | None, Folder]:
    """See to the database and to what the log keeps beside it; the admin key, if one was made, and that folder."""
    await check_pooler(access)
    if settings.synchronous == "needed":
        await check_synchronous(access)
    applied = await migrate(access, settings.zone)
    log.info("migrated", applied=[m.number for m in applied], shared_roles=access.shared_roles)
    made = await first_key(access, settings.admin_key)
    load_from(data_root(settings.data_dir) / "places")
    folder = folder_of(data_root(settings.data_dir), settings.schema_name)
    begun = None
    if "notary" in settings.roles:
        begun = await begin_if_new(access, folder, origin=settings.origin, key=settings.log_key)
    if begun is not None:
        log.info("log_begun", origin=begun.signer.name, vkey=begun.signer.verifier.vkey)
    return made, folder


@asynccontextmanager
async def _traces(settings: Settings) -> AsyncIterator[Tracing | None]:
    """What makes traces, where they are wanted; nothing of it is imported where they are not."""
    if not settings.traces:
        yield None
        return
    from incidentlog.otel import OpenTelemetry  # noqa: PLC0415 - it takes half a second, and is an extra

    tracing = OpenTelemetry()
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close)


async def _refuse_a_taken_port(settings: Settings) -> None:
    """Raises ListenError where nobody can listen, or somebody else does already."""
    with listening(settings.host, settings.port):
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, settings.host, settings.port)
    server.close()
    await server.wait_closed()


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
