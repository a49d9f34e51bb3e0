"""What a lane's projections make of changes; a stream that one of them cannot take in is set aside for it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from incidentlog.events.registry import ALWAYS_CLEAR
from incidentlog.folding.change import Change
from incidentlog.folding.partitions import Share
from incidentlog.folding.shapes import Tally
from incidentlog.folding.steps import DocumentStep, Members, TallyStep, concerning, touched_keys
from incidentlog.projections import PROJECTIONS
from incidentlog.store.builds import Build, Parked
from incidentlog.store.connect import Connection, heed_cancelling
from incidentlog.store.derive import Derived, read_members, read_on_read
from incidentlog.store.parked import booked, keys_of, read_parked, read_variants, still_parked
from incidentlog.store.read import Section

MEMBERS_BYTES: Final = 32 * 2**20
"""About how many bytes the remembered members of documents may take."""
TIDY: Final = 64
"""After how many batches, or sooner when much was taken in, it looks whether too many members are remembered."""
REASON: Final = 500
"""The most characters of why a stream was set aside."""
NOBODY, NEVER = UUID(int=0), datetime.min.replace(tzinfo=UTC)
"""What a change that no event made says of its event."""

log = structlog.get_logger(__name__)


class DoomedError(RuntimeError):
    """The process ended each time that this was taken in."""


class Deriving:
    """Keeps the projections of some builds up with what changes, for a share of the streams.

    To be dropped when it fails: what it remembers may be ahead of what is written.
    """

    def __init__(self, connection: Connection, builds: Sequence[Build], share: Share, doomed: int | None) -> None:
        """`doomed` is the position of an event with which the process ended time and again: projections do without."""
        self._connection = connection
        self._share = share
        self._doomed = doomed
        self._steps: dict[int, TallyStep | DocumentStep] = {
            b.build: TallyStep(p) if isinstance(p, Tally) else DocumentStep(p)
            for b in builds
            if (p := PROJECTIONS.get(b.projection)) is not None and (isinstance(p, Tally) or share.keeps_documents)
        }
        documents = [step.document for step in self._steps.values() if isinstance(step, DocumentStep)]
        assert all(d.categories for d in documents), documents  # noqa: S101 - one of any category would take in all
        self.beside = ALWAYS_CLEAR.union(*(d.categories or () for d in documents)) if documents else frozenset()
        """The categories of which all streams are taken in, whoever's they are: documents are made of them, or it is to
        be told that they moved."""
        self._aside: dict[int, dict[str, int]] | None = None
        """By build and stream, from which marking on it is set aside; None where that is to be read."""
        self._taken, self._heard = 0, 0

    async def derive(
        self, builds: Sequence[Build], read: Section, changes: Sequence[Change], own: Sequence[Change]
    ) -> list[Derived]:
        """What every projection makes of what a section of the log changes; `own` are changes of the share's streams.

        What is tried again is booked where the first of its own events is: there no other runner books anything.
        """
        position = read.after
        first = next((e.position for e in read.events if self._share.has(e.stream)), None)
        if self._aside is None:
            self._aside = await self._read_aside(builds)
        retried = await self._retried(builds) if any(self._aside.values()) else {}
        derived = list[Derived]()
        for build in builds:
            step, again, made = self._steps.get(build.build), retried.get(build.build, ()), Derived(build.build)
            if isinstance(step, TallyStep):
                step.bookings, step.names = made.bookings, made.names
                if first is not None:
                    for parked in again:
                        if self._share.has(parked.stream):
                            await self._retry(build, step, parked, position, first, made)
                    self._apply(build, step, own, made)
            elif isinstance(step, DocumentStep):
                step.versions, step.memberships = made.versions, made.memberships
                if position + 1 != self._doomed:
                    touched = concerning(PROJECTIONS[build.projection], changes)
                    await self._load(build, step, touched_keys(step.document, list(touched)), position)
                for parked in again:
                    await self._retry(build, step, parked, position, position + 1, made)
                self._apply(build, step, changes, made)
            else:
                continue
            derived.append(made)
        return derived

    def forget(self, streams: Collection[str]) -> None:
        """Remember nothing of some streams."""
        for step in self._steps.values():
            if isinstance(step, TallyStep):
                step.forget(streams)

    def look_again(self) -> None:
        """Streams are in the share that were not: what others set aside of them is not known."""
        self._aside = None

    def tidy(self, weight: int) -> None:
        """Keep the members of documents within their bounds, after a batch of events of a weight."""
        self._taken += 1
        self._heard += weight
        if self._taken % TIDY and self._heard < MEMBERS_BYTES:
            return
        self._heard = 0
        for step in self._steps.values():
            if isinstance(step, DocumentStep):
                weights = {key: members.weight for key, members in step.members.items()}
                total = sum(weights.values())
                for key, own in weights.items():
                    if total <= MEMBERS_BYTES:
                        break
                    total -= own
                    del step.members[key]

    async def _load(self, build: Build, step: DocumentStep, keys: Iterable[str], position: int) -> None:
        """The members of documents, as of a position, that are not remembered, but for those that are set aside."""
        missing = set(keys) - step.members.keys()
        if missing:
            for key in await read_on_read(self._connection, build, missing):
                step.members[key] = Members(subjects=None)
            async for key, stream, variants, weight in read_members(self._connection, build, missing, position):
                step.know(key, stream, variants, weight)
                self._heard += weight
            for stream, level in self._aside_of(build).items():
                step.leave_out(stream, level)

    def _apply(self, build: Build, step: TallyStep | DocumentStep, changes: Iterable[Change], made: Derived) -> None:
        """Apply what changes are the projection's; the stream of one that raises is set aside, or everything stops.

        It is set aside from the marking on at which it raises: those who may not see that far are told what they see.
        """
        projection, aside = PROJECTIONS[build.projection], self._aside_of(build)
        for whole in concerning(projection, changes):
            change = whole.below(aside[whole.stream]) if whole.stream in aside else whole
            try:
                if change.position == self._doomed:
                    raise DoomedError("the process ended with it time and again")  # noqa: TRY301 - told as any other
                step.apply(change)
            except Exception as error:
                if projection.poison == "stop":
                    raise
                log.exception("parked", projection=build.projection, stream=change.stream, position=change.position)
                aside[change.stream] = level = _apply_below(step, change)
                made.parked.append(Parked(build.build, change.stream, change.position, None, level, _reason(error)))
                if isinstance(step, DocumentStep):
                    step.leave_out(change.stream, level)

    def _aside_of(self, build: Build) -> dict[str, int]:
        assert self._aside is not None  # noqa: S101 - read before
        return self._aside[build.build]

    async def _read_aside(self, builds: Sequence[Build]) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {b.build: {} for b in builds}
        for p in await read_parked(self._connection, builds):
            if p.to_position is None:
                aside = found[p.build]
                aside[p.stream] = min(p.level, aside.get(p.stream, p.level))
        return found

    async def _retried(self, builds: Sequence[Build]) -> Mapping[int, Sequence[Parked]]:
        """The streams to be tried again, by build; each once, though it was set aside from several markings on."""
        wished: dict[int, dict[str, Parked]] = {}
        for p in await read_parked(self._connection, builds):
            if p.wish == "retry" and p.to_position is None:
                wished.setdefault(p.build, {})[p.stream] = p
        return {build: list(streams.values()) for build, streams in wished.items()}

    async def _retry(
        self, build: Build, step: TallyStep | DocumentStep, parked: Parked, position: int, at: int, made: Derived
    ) -> None:
        """Book, at a later position, what a stream that was set aside is as of one, less what was booked of it."""
        connection, stream = self._connection, parked.stream
        after = await read_variants(connection, build.base, stream, position)
        change = Change(at, NOBODY, NEVER, stream, stream.partition(":")[0], {}, after, restates=True)
        try:
            if isinstance(step, TallyStep):
                step.restate(change, await booked(connection, build.build, stream, position))
            else:
                before = await keys_of(connection, build.build, stream)
                await self._load(build, step, {*before, *step.keys(after)}, position)
                step.restate(change, before, self._aside_of(build)[stream])
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream stays where it is
            heed_cancelling()
            await still_parked(connection, build.build, stream, _reason(error))
            return
        del self._aside_of(build)[stream]
        made.unparked.append((stream, at))


def _apply_below(step: TallyStep | DocumentStep, change: Change) -> int:
    """Apply a change as far up as it can be taken in; answers the marking at which it cannot."""
    for level in reversed(change.levels):
        try:
            step.apply(change.below(level))
        except Exception:  # noqa: BLE001, S112 - then at a lower one; below the lowest there is nothing that may raise
            continue
        return level
    return 0


def _reason(error: Exception) -> str:
    return repr(error)[:REASON]
