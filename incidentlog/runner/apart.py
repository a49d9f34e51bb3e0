"""Runner and rebuilder in processes of their own: folding would otherwise hold up the loop that appends and answers.

Two ways join them. Down goes one line that says where the log is and what to do, then a line whenever it may have
grown; up comes a line whenever the checkpoint moved.
"""

import asyncio
import gc
import os
import stat
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NoReturn
from uuid import UUID, uuid4

import orjson
import structlog

from incidentlog import collector
from incidentlog.beside import Process, Processes
from incidentlog.events.registry import ALWAYS_CLEAR
from incidentlog.folding.change import Change
from incidentlog.runner.portion import NEVER, Ends
from incidentlog.runner.progress import Progress
from incidentlog.runner.rebuilder import Rebuilder, read_under_way
from incidentlog.runner.runner import RETRY_SECONDS, Runner
from incidentlog.runner.wakeup import Wakeup
from incidentlog.store.connect import Access, Pool, heed_cancelling, lost, told

NICENESS: Final = 5
"""Projections may wait a moment; appends should not. With less of a share than this they wait a tenth of a second.

Where Linux shares the processor among sessions first (autogroups, sched(7)) it counts for nothing, as these processes
have sessions of their own. Made to count there, on a machine at its limit the first rows took five times as long.
"""
PATIENT_NICENESS: Final = 19
"""For what nobody waits: a rebuild."""
GC_THRESHOLDS: Final = (200_000, 50, 100)
"""What is folded is remembered, and has no cycles: by default the collector looks through all of it again and again,
which took three times as long as the folding."""
COLLECTED: Final = 200_000
LOOK_SECONDS: Final = 0.5
"""How often it looks whether something is to be built."""

log = structlog.get_logger(__name__)


class RunnerApart(Progress):
    """The near end: looks like a Runner, and starts one again should it die. Several look like one."""

    def __init__(
        self,
        access: Access,
        grown: Wakeup,
        learn: Callable[[], Awaitable[None]],
        spawning: Processes,
        *,
        processes: int = 1,
        log_level: str = "info",
    ) -> None:
        """`grown` rings when the log may have grown; `learn` takes in the places and actors that are registered.

        It is called before the position that they are at is told. `spawning` starts the processes.
        """
        super().__init__()
        self._spawning = spawning
        self._grown, self._learn = grown, learn
        self._access, self._log_level = access, log_level
        self._failures: list[str | None] = [None] * processes

    async def run(self) -> None:
        """Keep runners at work until cancelled."""
        async with asyncio.TaskGroup() as work:
            for number in range(len(self._failures)):
                work.create_task(self._keep(number))

    async def _keep(self, number: int) -> None:
        ends, node = Ending(), uuid4()
        while True:
            process = self._spawning.start()
            try:
                await self._converse(process, number, ends, node)
            except Exception as error:
                heed_cancelling()
                if not lost(error):
                    raise
                log.warning("learning_interrupted", error=told(error))
            finally:
                await process.end()
            ends.again()
            self._failed(number, ends.told or f"the runner ended with {process.exit_code}")
            log.error("runner_ended", exit_code=process.exit_code, position=ends.at, times=ends.so_far.times)
            await asyncio.sleep(RETRY_SECONDS)

    def _failed(self, number: int, failure: str | None) -> None:
        self._failures[number] = failure
        self.failure = next((own for own in self._failures if own), None)

    async def _converse(self, process: Process, number: int, ends: "Ending", node: UUID) -> None:
        up, down = await process.join()
        down.write(_start_line(self._access, self._log_level, "live", ends.so_far, node))
        await self._learn()  # what one that died had no time to tell
        telling = asyncio.create_task(self._tell(down))
        try:
            async for line in up:
                told = orjson.loads(line)
                if told["registered"]:
                    await self._learn()
                ends.heard(told["at"], idle=told["idle"])
                self._failed(number, told["failure"] or ends.told)
                self.fold(told["position"])
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell(self, down: asyncio.StreamWriter) -> None:
        while True:
            ticket = self._grown.ticket()
            down.write(b"\n")
            await down.drain()
            await ticket.wait()


class Ending:
    """How often a process ended without getting on."""

    def __init__(self) -> None:
        self.at = 0
        """Where it is, or was."""
        self.so_far = NEVER

    def heard(self, at: int | None, *, idle: bool) -> None:
        """Where it is, None where it does not know yet; `idle` where there is nothing to take in."""
        self.at = self.at if at is None else at
        if self.at > self.so_far.position or idle:
            self.so_far = NEVER

    def again(self) -> None:
        """It ended once more."""
        self.so_far = self.so_far.again(self.at)

    @property
    def told(self) -> str | None:
        """That it keeps ending, where it does: until it gets on, one that was just started is no better."""
        times, position = self.so_far.times, self.so_far.position
        return f"the runner keeps ending: {times} times at position {position}" if times > 1 else None


class RebuilderApart:
    """The near end of rebuilders: processes that are there only while something is built beside what answers."""

    def __init__(
        self, access: Access, pool: Pool, spawning: Processes, *, processes: int = 1, log_level: str = "info"
    ) -> None:
        self._pool, self._spawning = pool, spawning
        self._access, self._log_level = access, log_level
        self._processes = processes

    async def run(self) -> None:
        """Look now and then whether there is something to build, and see to it, until cancelled."""
        async with asyncio.TaskGroup() as work:
            for _ in range(self._processes):
                work.create_task(self._keep())

    async def _keep(self) -> None:
        ends, node = Ending(), uuid4()
        failed = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                position = await self._position()
            except Exception as error:
                heed_cancelling()
                if not lost(error):
                    raise
                log.warning("looking_interrupted", error=told(error))
                continue
            if position is None:
                ends, failed = Ending(), False
                continue
            ends.heard(position, idle=False)
            if failed:
                ends.again()
                log.error("rebuilder_ended", position=position, times=ends.so_far.times)
            process = self._spawning.start()
            try:
                up, down = await process.join()
                down.write(_start_line(self._access, self._log_level, "building", ends.so_far, node))
                await up.read()  # it says nothing, and ends
            except OSError as error:
                log.warning("rebuilder_interrupted", error=told(error))
            finally:
                await process.end()
            failed = process.exit_code != 0

    async def _position(self) -> int | None:
        """Where the rebuilder goes on; None where nothing is to be built."""
        under_way = await read_under_way(self._pool)
        return min((b.position for b in under_way), default=None)


def _start_line(access: Access, log_level: str, work: str, ends: Ends, node: UUID) -> bytes:
    """`node` is the same for one that comes in the place of another: so it need not wait for what that had."""
    where = {"dsn": access.dsn("runner"), "schema": access.schema, "pooled": access.pooled}
    how = {"log_level": log_level, "work": work, "ended_at": ends.position, "ended": ends.times, "node": node}
    return orjson.dumps({**where, **how}) + b"\n"


async def serve_apart(configure_logging: Callable[[str], None]) -> None:
    """The far end: run a Runner, or a Rebuilder until it is done, until the near end is gone.

    Exits with a word of what to do instead where nobody is at the near end, as when somebody types its name.
    """
    if sys.stdin is None or not stat.S_ISSOCK(os.fstat(sys.stdin.fileno()).st_mode):
        sys.exit("This is started by the service, which writes to its input: incidentlog serve")
    down = await _reader(sys.stdin)
    line = await down.readline()
    if not line:  # it was begun ahead, and is not wanted
        return
    start = orjson.loads(line)
    os.nice(PATIENT_NICENESS if start["work"] == "building" else NICENESS)
    configure_logging(start["log_level"])
    spared = Spared()
    access = Access(start["dsn"], schema=start["schema"], pooled=start["pooled"])
    ends, node = Ends(start["ended_at"], start["ended"]), UUID(start["node"])
    if start["work"] == "building":
        await _rebuild(access, down, ends, node, spared)
    grown, registered = Wakeup(), [False]

    def changed(changes: Any) -> None:
        registered[0] = registered[0] or any(c.stream.partition(":")[0] in ALWAYS_CLEAR for c in changes)
        spared(changes)

    runner = Runner(access, grown, changed, ends=ends, node=node)
    async with asyncio.TaskGroup() as work:
        work.create_task(runner.run())
        work.create_task(_report(runner, registered))
        try:
            while await down.readline():
                grown.ring()
        finally:
            _leave()


class Spared:
    """Spares the garbage collector what is remembered from batch to batch: it has no cycles, and there is much of it.

    What is left of a batch is passed over from then on, and looked through once after COLLECTED changes.
    """

    def __init__(self) -> None:
        collector.spare(*GC_THRESHOLDS)
        self._since = 0

    def __call__(self, changes: Sequence[Change]) -> None:
        """A batch is through."""
        self._since += len(changes)
        if self._since >= COLLECTED:
            self._since = 0
            gc.unfreeze()
            gc.collect()
        gc.freeze()


async def _rebuild(access: Access, down: asyncio.StreamReader, ends: Ends, node: UUID, spared: Spared) -> NoReturn:
    done = asyncio.create_task(Rebuilder(access, spared, ends=ends, node=node).run(until_done=True))
    gone = asyncio.create_task(down.read())
    await asyncio.wait([done, gone], return_when=asyncio.FIRST_COMPLETED)
    _leave()


def _leave() -> NoReturn:
    """End at once: the near end is gone, and its PostgreSQL may be.

    The transaction at hand is rolled back, and there is nothing else to save. Cancelled instead, a connection that
    was just being made could outlive its cancelling, and the process its purpose.
    """
    os._exit(0)


async def _report(runner: Runner, registered: list[bool]) -> None:
    while True:
        ticket = runner.progressed.ticket()
        said = {
            "position": runner.position, "at": runner.at, "failure": runner.failure, "idle": runner.idle,
            "registered": registered[0],
        }  # fmt: skip
        registered[0] = False
        try:
            sys.stdout.buffer.write(orjson.dumps(said) + b"\n")
            sys.stdout.buffer.flush()  # at once: the next batch may end it
        except (BrokenPipeError, ConnectionResetError):
            _leave()
        await Wakeup.wait(ticket, RETRY_SECONDS)  # a failure rings no bell


async def _reader(file: Any) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    return reader
