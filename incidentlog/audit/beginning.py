"""Beginning to sign a log: once, by hand or with a new log; and the explicit way on after a restore, a fork.

What was signed stays true: a fork has an origin and a key of its own, and begins its tree anew, so that nothing of it
can pass for, or contradict, what was signed before.
"""

import asyncio
import fcntl
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from incidentlog.audit.notes import Signer
from incidentlog.audit.state import Folder, Past, State, StateError
from incidentlog.audit.verify import DIVERGES, Report, verify_log
from incidentlog.store.connect import Access, Connection
from incidentlog.store.notary import LogKey, begin_fork, claim, count_sessions, read_log_key
from incidentlog.store.read import read_head, read_log

NOWHERE: Final = "incidentlog.invalid"
"""The host of a log that was not given an origin: it is nobody's (RFC 2606)."""
LEAVING_TRIES: Final = 20
LEAVING_SECONDS: Final = 0.1


class _ClaimedError(StateError):
    """Another key is the log's."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A log that is signed from now on."""

    fork: int
    signer: Signer


async def begin_if_new(access: Access, folder: Folder, *, origin: str | None, key: str | None) -> Begun | None:
    """Sign a log from its first event on, where it is empty and neither key nor state was ever here; None otherwise.

    A key that was given is never taken so: it may have signed another log. Of services that start at the same time, one
    begins, whether they share the folder or not.
    """
    folder.make()
    if key is not None:
        return None
    async with _one_at_a_time(folder):
        return await _begin_if_new(access, folder, origin=origin)


@asynccontextmanager
async def _one_at_a_time(folder: Folder) -> AsyncIterator[None]:
    with (folder.path / "beginning").open("a", encoding="utf-8") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)  # another waits for a database while it has it
        yield


async def _begin_if_new(access: Access, folder: Folder, *, origin: str | None) -> Begun | None:
    if folder.key.exists() or folder.state.exists():
        return None
    connection = await access.connect()
    try:
        identity = await read_log(connection)
        key_there = await read_log_key(connection, identity.fork)
        waiting = Signer.parse(folder.new_key.read_text("utf-8")) if folder.new_key.exists() else None
        claimed = key_there is not None and (waiting is None or waiting.verifier.vkey != key_there.vkey)
        if (await read_head(connection)).position or claimed:
            return None
        return await _begin(connection, folder, origin=origin, key=None)
    except _ClaimedError:  # by another folder's service, at this moment
        return None
    finally:
        await connection.close()


async def init(access: Access, folder: Folder, *, origin: str | None, key: str | None) -> Begun:
    """Sign a log from now on, with all that it holds already. Raises StateError where that was done before."""
    folder.make()
    if folder.state.exists() and (state := folder.read()) is not None and state.vkey is not None:
        raise StateError(f"{folder.path} signs log {state.log} already, as {state.vkey}")
    if folder.key.exists():
        raise StateError(f"{folder.key} has signed a log before; the way on is `incidentlog log fork`")
    connection = await access.connect()
    try:
        with folder.held() as ours:
            _alone(folder, ours=ours)
            return await _begin(connection, folder, origin=origin, key=key)
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Weighed:
    """A fork that is about to be made: what speaks against it, and what will no longer verify after it."""

    against: tuple[str, ...]
    lost: str


def heed(weighed: Weighed) -> None:
    """Raises StateError where anything speaks against a fork."""
    if weighed.against:
        raise StateError("; ".join(weighed.against))


async def fork(
    access: Access,
    folder: Folder,
    *,
    origin: str | None,
    key: str | None,
    agree: Callable[[Weighed], None] = heed,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Begun:
    """Go on with the database as it is, as the log's next fork.

    What was signed before is kept beside, under the number of the fork that it belongs to. The whole log is verified
    first, and `agree` is told what speaks against a fork; it raises where that is to be heeded. Raises StateError while
    a service signs here.
    """
    folder.make()
    connection = await access.connect()
    try:
        with folder.held() as ours:
            _alone(folder, ours=ours)
            old = folder.read()
            if old is not None and key is not None and Signer.parse(key).verifier.vkey == old.vkey:
                raise StateError("the key that is set signed the last fork: a fork needs a key of its own")
            report = await verify_log(connection, state=old, progress=progress)
            agree(await _weigh(connection, old, report))
            past = await _past(connection, old, report)
            async with connection.transaction():
                number = await begin_fork(connection)
                while old is not None and number <= old.fork:  # the database is older than what was signed
                    number = await begin_fork(connection)
                folder.put_aside(number - 1)
                was = None if old is None or old.vkey is None else old.vkey.partition("+")[0]
                return await _begin(connection, folder, origin=_forked(origin or was, number), key=key, past=past)
    finally:
        await connection.close()


async def accept_fork(access: Access, folder: Folder) -> int:
    """Take in, here, the fork that was begun on another machine; answers its number.

    What this folder signed before is kept beside; it signs nothing more. Raises StateError where the database is not
    ahead of what is known here, or a service is at work here.
    """
    folder.make()
    connection = await access.connect()
    try:
        with folder.held() as ours:
            _alone(folder, ours=ours)
            old, identity = folder.read(), await read_log(connection)
            if old is None or old.log != identity.id or old.fork >= identity.fork:
                raise StateError(f"the database is at fork {identity.fork}: there is nothing to take in")
            past = await _past(connection, old, await verify_log(connection, state=old))
            folder.put_aside(old.fork)
            folder.write(State(identity.id, identity.fork, (await read_head(connection)).position, past=past))
            return identity.fork
    finally:
        await connection.close()


async def _past(connection: Connection, old: State | None, report: Report) -> tuple[Past, ...]:
    """The forks before the one that begins: the last ends where the database is not any more what it signed."""
    if old is None or old.log != report.log:
        return ()
    last = (await read_head(connection)).position
    end = min([last, *(f.first - 1 for f in report.findings if f.kind in DIVERGES)])
    return (*old.past, Past(old.fork, end, old.vkey))


async def _weigh(connection: Connection, state: State | None, report: Report) -> Weighed:
    against = []
    if report.first is None:
        against.append(
            f"the log verifies up to position {report.size}: nothing of it is lost or changed. If readiness says "
            "tampered, `incidentlog verify` takes away what is kept against it, and a new start signs again"
        )
    if (sessions := await _sessions(connection)) > 0:
        against.append(f"a service is at work on this database ({sessions} sessions): stop it first")
    claimed = await read_log_key(connection, report.fork)
    vkey = state.vkey if state is not None and state.vkey is not None else None if claimed is None else claimed.vkey
    return Weighed(tuple(against), _lost(vkey))


async def _sessions(connection: Connection) -> int:
    """How many sessions of services there are; those of one that was stopped just now have a moment to end."""
    for _ in range(LEAVING_TRIES):
        if not await count_sessions(connection):
            return 0
        await asyncio.sleep(LEAVING_SECONDS)
    return await count_sessions(connection)


def _lost(vkey: str | None) -> str:
    """What a fork takes from those who kept something of the log."""
    followers = "live followers and their kept places begin anew"
    if vkey is None:
        return f"nothing was signed, so nothing will fail to verify; {followers}"
    return (
        f"what will no longer verify: tree heads of {vkey.partition('+')[0]} that somebody keeps cannot be shown to be "
        f"continued elsewhere than here (`verify --previous`, /v1/log/consistency); the key {vkey} "
        f"verifies nothing that is signed after the fork; "
        f"witnesses cosign nothing of it until they are given the new key; {followers}. "
        "Exports and proofs that were made before it still verify, with the old key"
    )


async def _begin(
    connection: Connection, folder: Folder, *, origin: str | None, key: str | None, past: tuple[Past, ...] = ()
) -> Begun:
    identity = await read_log(connection)
    if key is not None:
        signer = Signer.parse(key)
    elif folder.new_key.exists():
        signer = Signer.parse(folder.new_key.read_text("utf-8"))
    else:
        # On the disk before the database knows it: a claim whose key is lost could never be taken up.
        signer = folder.make_key(origin or f"{NOWHERE}/{identity.id}")
    ours = LogKey(signer.name, signer.verifier.vkey)
    if await claim(connection, identity.fork, ours) != ours:
        raise _ClaimedError("the log is signed already, under another key; the way on is `incidentlog log fork`")
    head = (await read_head(connection)).position
    folder.begin(State(identity.id, identity.fork, head, ours.vkey, past=past), signer, own_key=key is None)
    return Begun(identity.fork, signer)


def _alone(folder: Folder, *, ours: bool) -> None:
    if not ours:
        raise StateError(f"a service is at work with {folder.path}: stop it first")


def _forked(origin: str | None, number: int) -> str | None:
    """An origin that no earlier fork had."""
    return None if origin is None else f"{re.sub(r'/fork-[0-9]+$', '', origin)}/fork-{number}"
