"""Following: a projection's rows, or the log itself."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from incidentlog.client.asking import Asking
from incidentlog.client.chain import Chain, Cursor, Step
from incidentlog.client.changes import Change, Events, Notice, Row
from incidentlog.client.follower import Follower
from incidentlog.client.resume import Resume, ResumeError, ResumeStore

SAVE_SECONDS: Final = 60.0
"""How often the place is saved while nothing concerns the subscription."""

T = TypeVar("T", Change, Events)


class _Following(Generic[T]):
    """What both kinds have: an async context, and in it an endless async iterator."""

    def __init__(
        self,
        asking: Asking,
        followed: str,
        subscription: Mapping[str, Any],
        *,
        after: int | None = None,
        resume: ResumeStore | Resume | None = None,
        notify: Callable[[Notice], None] | None = None,
    ) -> None:
        self._followed = followed
        self._place = resume if isinstance(resume, Resume) else None
        self._store = None if isinstance(resume, Resume) else resume
        self._chain = Chain(of_log=followed == "events", after=after)
        self._follower = Follower(asking, {"projection": followed, **subscription}, self._chain, notify or _silent)
        self.resumed = False
        """Whether it goes on from a place that was stored, and did not begin with what the service sent."""
        self._task: asyncio.Task[None] | None = None
        self._first: T | None = None
        self._cursor: Cursor | None = None
        self._unsaved = False
        self._handled = False
        """Whether whoever follows has asked for more since the last change, and so has dealt with it."""
        self._saved_at = 0.0

    async def __aenter__(self) -> Self:
        """Begin, or go on from where the store says, and wait for the service's answer.

        Raises what the service refuses, UnreachableError when it does not answer in the client's `retry_seconds`,
        ResumeError for a store of something else.
        """
        stored = self._place if self._store is None else await self._store.load()
        self.resumed = stored is not None
        if stored is not None:
            if stored.followed != self._followed:
                raise ResumeError(f"what was stored is of {stored.followed}, not of {self._followed}")
            self._chain.cursor = self._cursor = stored.cursor
            self._hold(stored.rows)
        self._task = asyncio.create_task(self._follower.run())
        try:
            await self._follower.answered()
            if self._cursor is None:
                first = self._apply(await self._follower.take())
                self._first = first if first is not None and first.reason else None
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stop()
        if error is None or self._handled:
            await self._save()

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next change, applied. What came before it counts as handled, and is saved. Never ends by itself.

        May be cancelled, as by `asyncio.timeout`, without losing anything. Raises the Problem with which the service
        ends the subscription, EndedError, or what the store raises.
        """
        self._handled = True
        if self._unsaved:
            await self._save()
        change, self._first = self._first, None
        while change is None:
            change = self._apply(await self._follower.take())
            if change is None and asyncio.get_running_loop().time() - self._saved_at > SAVE_SECONDS:
                await self._save()
        self._handled = False
        return change

    async def _save(self) -> None:
        if self._store is not None and self._cursor is not None:
            await self._store.save(self.resume)
        self._unsaved = False
        self._saved_at = asyncio.get_running_loop().time()

    def _apply(self, step: Step) -> T | None:
        self._cursor = step.cursor
        change = self._changed(step)
        self._unsaved = self._unsaved or change is not None
        return change

    @property
    def cursor(self) -> Cursor:
        """Up to where everything was taken."""
        if self._cursor is None:
            raise RuntimeError("a subscription is used inside `async with`")
        return self._cursor

    @property
    def position(self) -> int:
        """The position of the log up to which everything was taken."""
        return self.cursor.position

    @property
    def resume(self) -> Resume:
        """Where it stands: to keep in a transaction of your own, and to give back as `resume`."""
        return Resume(self._followed, self.cursor, dict(self._held()))

    def _held(self) -> Mapping[str, Row]:
        return {}

    def _hold(self, rows: Mapping[str, Row]) -> None:
        """Rows to begin with."""

    def _changed(self, step: Step) -> T | None:
        raise NotImplementedError


class Subscription(_Following[Change]):
    """A projection, followed: `rows` are what it answers at `position`, and iterating tells how they change.

        async with client.subscribe("city_incidents", group_by=["place"]) as cities:
            print(cities.rows)
            async for change in cities:
                print(change.set, change.gone)

    `rows` and `position` move only while the next change is asked for, and always together.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rows: dict[str, Row] = {}

    @property
    def rows(self) -> Mapping[str, Row]:
        """The rows at `position`, by key; the same mapping all the time, so copy it to keep it."""
        return self._rows

    def _held(self) -> Mapping[str, Row]:
        return self._rows

    def _hold(self, rows: Mapping[str, Row]) -> None:
        self._rows = dict(rows)

    def _changed(self, step: Step) -> Change | None:
        change = step.rows
        if change is None:
            return None
        change = _difference(self._rows, change) if step.whole else _told(self._rows, change)
        for key in change.gone:
            self._rows.pop(key, None)
        self._rows.update(change.set)
        return change if change.set or change.gone or change.reason else None


class Feed(_Following[Events]):
    """The log itself, followed: every event once, in the order of the log, in the groups in which they came.

        async with client.subscribe("events", after=0) as log:
            async for events in log:
                for event in events.items:
                    print(event["position"], event["type"])

    `items` are events as REST shows them.
    """

    def _changed(self, step: Step) -> Events | None:
        return step.events


def _silent(_: Notice) -> None:
    """Nobody wants to know."""


def _told(before: Mapping[str, Row], change: Change) -> Change:
    """A change without what is no change to the rows before: of several in one, a row may have come and gone again."""
    changed = {key: row for key, row in change.set.items() if before.get(key) != row}
    return replace(change, set=changed, gone=tuple(key for key in change.gone if key in before))


def _difference(before: Mapping[str, Row], whole: Change) -> Change:
    """What has to be done to the rows before, so that they are those of a snapshot."""
    changed = {key: row for key, row in whole.set.items() if before.get(key) != row}
    gone = tuple(key for key in before if key not in whole.set)
    return Change(whole.start, whole.to, whole.at, changed, gone, reason=whole.reason)
