"""One loop: catch up, then follow. It reads after the checkpoint, and when there is nothing waits to be woken."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from incidentlog.projections.shapes import PROJECTIONS, Document, Tally
from incidentlog.projections.steps import DocumentStep, book, name, touched_keys
from incidentlog.runner.progress import Progress
from incidentlog.runner.wakeup import Wakeup
from incidentlog.store.connect import Access, Connection, lost
from incidentlog.store.derive import (
    SUBJECTS,
    Build,
    Derived,
    SupersededError,
    begin_builds,
    read_links,
    read_members,
    wanted_builds,
    write_batch,
)
from incidentlog.store.read import read_after, read_log, read_streams
from incidentlog.subjects.change import Change, Families, merged_streams
from incidentlog.subjects.recorded import Recorded

PAGE: Final = 1_000
"""Events in one batch, which is one transaction."""
POLL_SECONDS: Final = 0.5
"""How long it waits for a wake-up before it looks all the same: a wake-up is a hint, never relied on."""
RETRY_SECONDS: Final = 1.0
PACE_SECONDS: Final = 0.01
"""How soon a batch may follow one of several events. What comes alone goes at once; under load, what came meanwhile
goes together, and the appends get the processor that many small batches would take."""

log = structlog.get_logger(__name__)


class GapError(AssertionError):
    """The log is not dense after the checkpoint. This cannot happen; going on would give wrong numbers."""


class Runner(Progress):
    """Keeps the subjects and every projection at one checkpoint, and says when it moved."""

    def __init__(
        self, access: Access, grown: Wakeup, on_changes: Callable[[Sequence[Change]], None] | None = None
    ) -> None:
        """`grown` rings when the log may have grown; `on_changes` is told what each committed batch changed."""
        super().__init__()
        self._access = access
        self._grown = grown
        self._on_changes = on_changes
        self._builds: list[Build] = []

    async def run(self) -> None:
        """Keep up until cancelled; what fails is said in `failure`, and tried again."""
        while True:
            try:
                connection = await self._access.connect("runner")
                try:
                    await self._follow(connection)
                finally:
                    connection.terminate()
            except Exception as error:
                self.failure = repr(error)
                if lost(error) or isinstance(error, SupersededError):
                    log.warning("runner_interrupted", position=self.position, error=repr(error))
                else:
                    log.exception("runner_failed", position=self.position)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, connection: Connection) -> None:
        zone = (await read_log(connection)).zone
        self._builds = await begin_builds(connection, wanted_builds().items())
        self.move(self._builds[0].position)
        while True:
            # Taken before reading: an append that lands in between sets this one, so the wait below ends at once
            # instead of missing it.
            ticket = self._grown.ticket()
            batch = await read_after(connection, self.position, PAGE)
            started = time.monotonic()
            if batch:
                await self._take(connection, batch, zone)
            self.failure = None
            if len(batch) < PAGE:
                await Wakeup.wait(ticket, POLL_SECONDS)
                if len(batch) > 1:
                    await asyncio.sleep(started + PACE_SECONDS - time.monotonic())

    async def _take(self, connection: Connection, batch: Sequence[Recorded], zone: str) -> None:
        """Fold one batch and write what it changes, with the checkpoint, in one transaction."""
        started = time.perf_counter()
        expected = range(self.position + 1, self.position + 1 + len(batch))
        if [e.position for e in batch] != list(expected):
            raise GapError(f"after position {self.position} come {[e.position for e in batch[:3]]}")
        families = await self._families(connection, batch)
        changes = list(families.changes(batch, zone))
        derived = [await self._derive(connection, b, changes) for b in self._builds if b.projection != SUBJECTS]
        links = [(e.stream, absorbed) for e in batch for absorbed in merged_streams(e)]
        self._builds = await write_batch(connection, self._builds, changes, links, derived, batch[-1].position)
        if self._on_changes is not None:
            self._on_changes(changes)
        self.move(batch[-1].position)
        took = round((time.perf_counter() - started) * 1000, 1)
        log.debug("projected", position=self.position, events=len(batch), milliseconds=took)

    async def _families(self, connection: Connection, batch: Sequence[Recorded]) -> Families:
        """The history of every stream the batch touches, and of those that merges connect them with."""
        known = {e.stream for e in batch if e.stream_version == 1}
        named = {s for e in batch for s in merged_streams(e)}
        old = ({e.stream for e in batch} | named) - known
        if not old:
            return Families({})
        links = await read_links(connection, old)
        streams = old | {s for link in links for s in link}
        histories: dict[str, list[Recorded]] = {s: [] for s in streams}
        for e in await read_streams(connection, streams, self.position):
            histories[e.stream].append(e)
        return Families(histories, links)

    async def _derive(self, connection: Connection, build: Build, changes: Sequence[Change]) -> Derived:
        projection = PROJECTIONS[build.projection]
        derived = Derived(build.build)
        if isinstance(projection, Tally):
            for change in changes:
                derived.bookings.extend(book(projection, change))
                derived.names.extend(name(projection, change))
        else:
            await self._fold_documents(connection, projection, derived, changes)
        return derived

    async def _fold_documents(
        self, connection: Connection, document: Document[Any], derived: Derived, changes: Sequence[Change]
    ) -> None:
        keys = touched_keys(document, changes)
        if not keys:
            return
        step = DocumentStep(document, await read_members(connection, derived.build, keys))
        for change in changes:
            step.apply(change)
        derived.versions, derived.memberships = step.versions, step.memberships
