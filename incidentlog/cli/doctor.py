"""`incidentlog doctor`: whether everything the service needs is there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, ending
from incidentlog.cli.options import Output

if TYPE_CHECKING:
    from incidentlog.config import Settings
    from incidentlog.store.connect import Access

Status = Literal["ok", "warn", "fail"]
COLOURS: Final = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}

OLDEST_POSTGRES: Final = 18
ROOM_BYTES: Final = 2**30
CLOCK_SECONDS: Final = 1.0
"""Events get the database's time: rules that compare it with ours allow for minutes, so a second is worth a word."""


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str


def doctor(key: options.Key = None, output: options.Form = None) -> None:
    """Check what the service needs, a line for each thing; exit code 1 when something is missing.

    With a key that may read, the service also says what keeps it from being ready.
    """
    with ending():
        from incidentlog.cli.settings import load_settings

        form = options.form(output)
        settings = load_settings()
        checks: list[Check] = []
        for check in _checks(settings, key):
            checks.append(check)
            if form is Output.TABLE:
                typer.secho(f"{check.status:<5}", fg=COLOURS[check.status], nl=False)
                typer.echo(f"{check.name:<15}{check.detail}")
        if form is not Output.TABLE:
            from incidentlog.cli.output import write

            write([check._asdict() for check in checks], form)
        if any(check.status == "fail" for check in checks):
            raise typer.Exit(Code.FAILURE)


def _checks(settings: "Settings", key: str | None) -> Iterator[Check]:
    """Every check, each as soon as it is made. One that fails does not keep the others from being made."""
    yield _python()
    yield _guarded("gazetteer", _gazetteer)
    yield _guarded("zone data", _zone_data)
    if settings.dsn is None:
        yield _guarded("postgresql", lambda: _binaries(settings))
        yield _guarded("data directory", lambda: _data_directory(settings))
    yield _guarded("service", lambda: _service(settings, key))
    yield from _database(settings)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - a doctor tells what is wrong, whatever it is
        return Check(name, "fail", f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _python() -> Check:
    import platform
    import sys

    good = sys.version_info >= (3, 11)  # the doctor may be run by what pip would have refused
    return Check("python", "ok" if good else "fail", f"{platform.python_version()} at {sys.executable}")


def _gazetteer() -> Check:
    from incidentlog.places import bundled

    return Check("gazetteer", "ok", f"{len(bundled()):,} places")


def _zone_data() -> Check:
    from incidentlog.zones import names, packaged

    return Check("zone data", "ok", f"{packaged().id}, {len(names())} zones; those of the machine are not read")


def _binaries(settings: "Settings") -> Check:
    from incidentlog.embedded import data_root
    from incidentlog.embedded.account import ourselves
    from incidentlog.embedded.binaries import find
    from incidentlog.embedded.root import Root

    found = find(Root.at(data_root(settings.data_dir)), ourselves())
    return Check("postgresql", "ok", f"{found.major} in {found.folder}")


def _data_directory(settings: "Settings") -> Check:
    import os
    import shutil

    from incidentlog.embedded import data_root

    root = data_root(settings.data_dir)
    there = next(path for path in (root, *root.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        detail = f"{there} cannot be written: set INCIDENTLOG_DATA_DIR to a directory that can"
        return Check("data directory", "fail", detail)
    free = shutil.disk_usage(there).free
    detail = f"{root}{'' if root == there else ' (the first start makes it)'}, {free / 2**30:.1f} GiB free"
    return Check("data directory", "ok" if free >= ROOM_BYTES else "warn", detail)


def _service(settings: "Settings", key: str | None) -> Check:
    """What answers at the address of the settings; if nothing does, whether the service could listen there."""
    import asyncio
    import socket

    where = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return Check("service", "ok", "will take a free port")
    try:
        return asyncio.run(_ask_service(settings, key))
    except Failed as failed:
        if failed.code is Code.USAGE:
            return Check("service", "fail", str(failed))
        if failed.code is not Code.UNAVAILABLE:
            return Check("service", "fail", f"{where} is taken by something else: {failed}")
    from incidentlog.addresses import listening

    with (
        listening(settings.host, settings.port),
        socket.create_server((settings.host, settings.port), family=_family(settings.host)),
    ):
        return Check("service", "ok", f"not running; {where} is free")


def _family(host: str) -> Any:
    import socket

    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def _ask_service(settings: "Settings", key: str | None) -> Check:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.ending import Refused

    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
    host = anywhere.get(settings.host, settings.host)
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    async with Service(url, key) as service:
        try:
            told = await service.get("/readyz", [] if key is None else [("verbose", "1")])
        except Refused as refused:
            told = refused.problem
            if told.get("status") != "not ready":
                raise Failed(str(refused)) from refused
    if told.get("status") == "ok":
        more = f", {told.get('version')}, at position {told.get('position')}" if "version" in told else ""
        return Check("service", "ok", f"answers at {url}{more}")
    broken = [f"{name}: {state}" for name, state in told.get("checks", {}).items() if state != "ok"]
    why = ", ".join(broken) or "with a key that may read (--key) it says why"
    return Check("service", "fail", f"answers at {url} and is not ready: {why}")


def _database(settings: "Settings") -> Iterator[Check]:
    import asyncio
    from functools import partial

    from incidentlog.cli.settings import reaching

    for url in settings.fanout_url:
        yield _guarded("fanout", partial(_fanout, url, settings.fanout_creds))
    try:
        with reaching(settings) as access:
            yield from _schema(access, settings)
            if settings.dsn is not None:
                yield _guarded("failover", lambda: asyncio.run(_failover(access, settings)))
            if settings.dsn_read is not None:
                yield from _replicas(access, settings.dsn_read)
    except Failed as failed:
        if failed.code is Code.NOT_FOUND:
            yield Check("database", "ok", "not made yet: the first start makes it")
        else:
            yield Check("database", "fail", str(failed))


async def _recorded(access: "Access") -> Check:
    from incidentlog.store.doctor import ahead

    connection = await access.connect()
    try:
        warning = await ahead(connection)
    finally:
        await connection.close()
    return Check("recorded", "warn" if warning else "ok", warning or "no event is ahead of the database's clock")


async def _days(access: "Access", settings: "Settings") -> Check:
    """In which zone the log counts its days, and by which zone data what is appended now is read."""
    from incidentlog.store.read import read_log

    connection = await access.connect()
    try:
        log = await read_log(connection)
    finally:
        await connection.close()
    unheeded = [*settings.unheeded(zone=log.zone, origin=None)]
    detail = f"the log counts them in {log.zone}, by the zone data {log.zone_data}"
    return Check("days", "warn" if unheeded else "ok", "; ".join((detail, *unheeded)))


async def _signing(access: "Access", settings: "Settings") -> Check:
    """Whether the log is what was signed, as far as a start looks, and whether it goes on being signed."""
    from incidentlog.audit.notary import Notary
    from incidentlog.audit.state import folder_of
    from incidentlog.clock import SystemClock
    from incidentlog.embedded import data_root

    folder = folder_of(data_root(settings.data_dir), settings.schema_name)
    may_sign = "notary" in settings.roles
    notary = Notary(access, folder, SystemClock(), key=settings.log_key, may_sign=may_sign)
    await notary.look()
    if (found := notary.contradiction) is not None:
        return Check("signing", "fail", f"tampered: {found.detail}; `incidentlog verify` goes through all of it")
    if notary.failure is not None:
        return Check("signing", "fail", notary.failure)
    if notary.key is None:
        began = notary.status == "off"
        detail = "nobody signs this log: `incidentlog log init` begins" if began else notary.status
        return Check("signing", "warn" if began else "fail", detail)
    warnings = [*settings.unheeded(zone=settings.zone, origin=notary.key.origin)]
    if (warning := notary.warning) is not None or warnings:
        return Check("signing", "warn", "; ".join((*warnings, *([] if warning is None else [warning]))))
    here = "here" if folder.signer(settings.log_key) is not None else "by another: the key is not here"
    return Check("signing", "ok", f"as {notary.key.origin}, up to position {notary.size}, {here}")


async def _failover(access: "Access", settings: "Settings") -> Check:
    """Whether what is acknowledged outlives the leader, where another server could lead."""
    from incidentlog.store.replication import read_acknowledging

    connection = await access.connect("reader")
    try:
        told = await read_acknowledging(connection)
    finally:
        await connection.close()
    needed = settings.synchronous == "needed"
    if (reason := told.lost_with_the_leader(standby_needed=needed)) is not None:
        return Check("failover", "fail" if needed else "warn", reason)
    if told.standbys:
        return Check("failover", "ok", f"a commit waits for a standby; {told.standbys} streaming")
    return Check("failover", "ok", "no standby: nobody else could lead")


def _replicas(access: "Access", dsn: str) -> Iterator[Check]:
    """Whether each replica may be read from."""
    from functools import partial

    from incidentlog.addresses import servers

    for server in servers(dsn):
        yield _guarded("replica", partial(_replica, access, server))


def _fanout(url: str, creds: Path | None) -> Check:
    import asyncio
    from urllib.parse import urlsplit

    from incidentlog.service.fanout import why_unfit

    reason = asyncio.run(why_unfit(url, creds))
    server = urlsplit(url).netloc.rpartition("@")[2]
    return Check("fanout", "warn" if reason else "ok", f"{server}: {reason or 'JetStream answers'}")


def _replica(access: "Access", dsn: str) -> Check:
    import asyncio

    from incidentlog.addresses import server_name
    from incidentlog.store.replication import LEADS

    reason = asyncio.run(_left_out(access, dsn))
    # Where all servers are named the leader is left out, and that is as it should be.
    status: Status = "ok" if reason in {None, LEADS} else "warn"
    return Check("replica", status, f"{server_name(dsn)}: {reason or 'streaming'}")


async def _left_out(access: "Access", dsn: str) -> str | None:
    from incidentlog.store.replication import read_standby

    connection = await access.connect_to(dsn)
    try:
        return (await read_standby(connection)).left_out
    finally:
        await connection.close()


def _schema(access: "Access", settings: "Settings") -> Iterator[Check]:
    import asyncio

    from incidentlog.store.doctor import condition
    from incidentlog.store.migrate import MigrationError, status

    found = asyncio.run(condition(access))
    new_enough = found.version[0] >= OLDEST_POSTGRES
    detail = f"PostgreSQL {found.version[0]}.{found.version[1]}" + (
        "" if new_enough else f"; {OLDEST_POSTGRES} is needed"
    )
    yield Check("database", "ok" if new_enough else "fail", detail)
    off = abs(found.ahead_seconds)
    way = "ahead of" if found.ahead_seconds > 0 else "behind"
    detail = f"the database's is {off:.3f} s {way} ours"
    yield Check("clock", "ok" if off <= CLOCK_SECONDS else "warn", detail)
    try:
        told = asyncio.run(status(access))
    except MigrationError as error:
        yield Check("migrations", "fail", str(error))
    else:
        missing = [m.number for m, applied in told if not applied]
        detail = f"{len(told) - len(missing)} of {len(told)} applied"
        more = ": the next start, or `incidentlog db migrate`, applies the others" if missing else ""
        yield Check("migrations", "warn" if missing else "ok", detail + more)
        if not missing:
            yield asyncio.run(_recorded(access))
            yield _guarded("days", lambda: asyncio.run(_days(access, settings)))
            yield _guarded("signing", lambda: asyncio.run(_signing(access, settings)))
    if access.shared_roles:
        yield Check("roles", "warn", "one login stands for all roles: it may change what the roles protect")
    else:
        yield Check("roles", "ok", "one for each part of the service")
