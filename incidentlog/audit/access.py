"""The access log: who read what, on which basis and for which purpose (docs/erasure-and-replay.md).

It is written beside the reads, in batches, and never holds one up. What was not written yet when the service is killed,
half a second's worth, is lost; what does not fit into the queue is lost too, and the log says how many that were. Once
a local day is over its digest is appended as an event, whose id is made of the log's and the day and is none that a
client may send: exactly once, whatever is restarted. Until it is in the log the day's entries are kept.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from incidentlog.clock import SETTLING_SECONDS, Clock
from incidentlog.errors import Overloaded, Unavailable
from incidentlog.ids import own_id
from incidentlog.store.access import (
    Entry,
    Kept,
    close_days,
    drop_days,
    entries_after,
    entries_of,
    note_digest,
    note_entries,
    undigested_day,
)
from incidentlog.store.connect import Access, Connection, heed_cancelling, lost
from incidentlog.store.read import LogIdentity
from incidentlog.zones import zone_named

QUEUE: Final = 20_000
"""The most entries that wait to be written; those that come then are counted, and lost."""
BATCH: Final = 1_000
FLUSH_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 5.0
LAST_SECONDS: Final = 2.0
"""How long a service that stops tries to write what still waits."""
GRACE: Final = timedelta(minutes=5)
"""How long after midnight a day's digest is made: other nodes write theirs till then."""
PAGE: Final = 5_000
NOBODY: Final = "-"

AppendDigest = Callable[[UUID, dict[str, Any]], Awaitable[bool]]
"""Appends an event under an id of the log's own; answers whether it is in the log now, or was already."""

log = structlog.get_logger(__name__)


class AccessLog:
    """Takes entries from any number of requests and writes them by and by."""

    def __init__(
        self, access: Access, identity: LogIdentity, clock: Clock, append: AppendDigest, *, keep_days: int
    ) -> None:
        """`append` puts a digest into the log; entries go after `keep_days`."""
        self._access, self._log, self._clock, self._append = access, identity, clock, append
        self._keep = timedelta(days=keep_days)
        self._zone = zone_named(identity.calendar)
        self._waiting: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self._lost = 0

    def note(self, entry: Entry) -> None:
        """Take an entry; returns at once, and never fails."""
        if len(self._waiting) >= QUEUE:
            self._lost += 1
            return
        self._waiting.append(entry)
        self._arrived.set()

    async def run(self) -> None:
        """Write until cancelled, then what still waits; make each day's digest when it is over."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._write())
            work.create_task(self._close_days())

    async def after(self, number: int, limit: int) -> list[Kept]:
        """Entries after a number, in their order; those that are written."""
        connection = await self._access.connect("eraser")
        try:
            return await entries_after(connection, number, limit)
        finally:
            connection.terminate()

    # --------------------------------------------------------------------------------------------- writing

    async def _write(self) -> None:
        connection: Connection | None = None
        flushing: asyncio.Future[None] | None = None
        try:
            while True:
                await self._arrived.wait()
                try:
                    if connection is None or connection.is_closed():
                        connection = await self._access.connect("eraser")
                    # Shielded: of one that is broken off nobody knows whether it was written.
                    flushing = asyncio.ensure_future(self._flush(connection))
                    await asyncio.shield(flushing)
                    await asyncio.sleep(FLUSH_SECONDS)
                except Exception as error:
                    heed_cancelling()
                    if not lost(error):
                        raise
                    log.warning("access_log_interrupted", waiting=len(self._waiting), error=repr(error))
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            with suppress(Exception):  # it stops: there is nobody to tell
                async with asyncio.timeout(LAST_SECONDS):
                    if flushing is not None:
                        await flushing
                    if self._waiting or self._lost:
                        if connection is None or connection.is_closed():
                            connection = await self._access.connect("eraser")
                        await self._flush(connection)
            if connection is not None:
                connection.terminate()

    async def _flush(self, connection: Connection) -> None:
        """Write all that waits; what cannot be written goes on waiting."""
        self._arrived.clear()
        while self._waiting or self._lost:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            missing, self._lost = self._lost, 0
            told = [Entry(self._clock.now(), NOBODY, f"{missing} entries were lost", 0)] if missing else []
            try:
                await note_entries(connection, self._log.calendar, [*batch, *told])
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                self._lost += missing
                self._arrived.set()
                raise

    # --------------------------------------------------------------------------------------------- digests

    async def _close_days(self) -> None:
        await asyncio.sleep(SETTLING_SECONDS)
        while True:
            try:
                connection = await self._access.connect("eraser")
                try:
                    next_time = await self._over(connection)
                finally:
                    connection.terminate()
            except Exception as error:
                heed_cancelling()
                if not lost(error) and not isinstance(error, Overloaded | Unavailable):
                    raise
                log.warning("access_digest_interrupted", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await self._clock.sleep_until(next_time)

    async def _over(self, connection: Connection) -> datetime:
        """See to the days that are over; answers when the next one is."""
        today = (self._clock.now() - GRACE).astimezone(self._zone).date()
        await close_days(connection, today)
        while (day := await undigested_day(connection)) is not None:
            entries, digest = await digest_of(connection, day)
            if not await self._append(
                own_id(self._log.id, f"access/{day.isoformat()}"), self._event(day, entries, digest)
            ):
                break  # tried again at the next start, and when the next day is over
            await note_digest(connection, day, entries, digest)
            log.info("access_digest_appended", day=day.isoformat(), entries=entries)
        while await drop_days(connection, today - self._keep, PAGE):
            pass
        return datetime.combine(today + timedelta(days=1), time(), self._zone) + GRACE

    def _event(self, day: date, entries: int, digest: bytes) -> dict[str, Any]:
        """The event, the same whenever it is made."""
        return {
            "type": "audit.access_digest",
            "stream": f"audit:access-{day.year}",
            "occurred": {"start": day.isoformat(), "precision": "day", "tz": self._log.zone},
            "data": {"day": day.isoformat(), "entries": entries, "sha256": digest.hex()},
        }


async def digest_of(connection: Connection, day: date) -> tuple[int, bytes]:
    """How many entries a day has, and the SHA-256 of their lines, in the order of their numbers."""
    digest, count, after = hashlib.sha256(), 0, 0
    while page := await entries_of(connection, day, after, PAGE):
        for kept in page:
            digest.update(line_of(kept.entry))
        count, after = count + len(page), page[-1].number
    return count, digest.digest()


def line_of(entry: Entry) -> bytes:
    """An entry as it goes into the digest: JSON, keys sorted, no white space, and a line feed."""
    said = {
        "at": entry.at,
        "basis": entry.basis,
        "key": entry.key_id,
        "purpose": entry.purpose,
        "route": entry.route,
        "status": entry.status,
    }
    return orjson.dumps(said, option=orjson.OPT_UTC_Z | orjson.OPT_SORT_KEYS) + b"\n"
