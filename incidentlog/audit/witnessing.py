"""A witness: remembers how far others' logs were, and cosigns a tree head that continues that (C2SP tlog-witness).

For a partner's machine. It needs nothing of ours but this program: one key, one file of state, one port.
"""

import asyncio
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from aiohttp import web

from incidentlog.addresses import listening
from incidentlog.audit.merkle import EMPTY_ROOT, ProofError, check_consistency
from incidentlog.audit.notes import Note, NoteError, Signer, TreeHead, Verifier, open_head, parse_note, unbase64
from incidentlog.audit.state import StateError
from incidentlog.audit.witness import PROOF_LINES, SIZE_TYPE
from incidentlog.clock import Clock, SystemClock
from incidentlog.files import sync, write_private

REQUEST_BYTES: Final = 64 * 1024
SHUTDOWN_SECONDS: Final = 3.0
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)

log = structlog.get_logger(__name__)


class Ledger:
    """The last tree head of each log that was cosigned; on the disk before anybody has the cosignature."""

    def __init__(self, path: Path) -> None:
        """Raises StateError for a file that cannot be read: without it nothing may be cosigned."""
        self._path = path
        self._heads: dict[str, TreeHead] = {}
        try:
            told: dict[str, Any] = orjson.loads(path.read_bytes())
            self._heads = {origin: TreeHead.parse(text) for origin, text in told.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError) as error:
            raise StateError(f"{path} cannot be read: {error!r}") from error

    def last(self, origin: str) -> TreeHead:
        """The last one of a log; the empty tree before the first."""
        return self._heads.get(origin, TreeHead(origin, 0, EMPTY_ROOT))

    def put(self, head: TreeHead) -> None:
        """Remember one."""
        heads = self._heads | {head.origin: head}
        text = orjson.dumps({origin: h.text for origin, h in heads.items()}, option=orjson.OPT_INDENT_2)
        write_private(self._path, text.decode() + "\n")
        sync(self._path.absolute().parent)
        self._heads = heads


class Witnessing:
    """Judges tree heads, one at a time: what was seen and what is seen must not change in between."""

    def __init__(self, signer: Signer, logs: Sequence[Verifier], ledger: Ledger, clock: Clock) -> None:
        self._signer, self._logs, self._ledger, self._clock = signer, logs, ledger, clock

    def judge(self, body: bytes) -> web.Response:
        """The answer to `add-checkpoint`."""
        try:
            old, proof, raw = parse_request(body)
            claimed = TreeHead.parse(parse_note(raw).text)
        except NoteError as error:
            return _refused(400, str(error))
        keys = [key for key in self._logs if key.name == claimed.origin]
        if not keys:
            return _refused(404, "this log is not witnessed here")
        try:
            head, note = open_head(raw, keys)
        except NoteError as error:
            return _refused(403, str(error))
        if old > head.size:
            return _refused(400, "the old size is larger than the new one")
        last = self._ledger.last(head.origin)
        if old != last.size:
            return web.Response(status=409, body=f"{last.size}\n".encode(), headers={"Content-Type": SIZE_TYPE})
        return self._against(last, head, note, proof)

    def _against(self, last: TreeHead, head: TreeHead, note: Note, proof: Sequence[bytes]) -> web.Response:
        if last.size == head.size and last.root != head.root and last.size:
            log.error("two_tree_heads", origin=head.origin, size=head.size, seen=last.text, shown=str(note))
            return _refused(409, "another tree of this size was seen")
        try:
            check_consistency(last.size, last.root, head.size, head.root, proof)
        except ProofError as error:
            log.warning("not_consistent", origin=head.origin, seen=last.text, shown=str(note))
            return _refused(422, str(error))
        if head != last:
            self._ledger.put(head)
        signature = self._signer.cosign(note.text, int(self._clock.now().timestamp()))
        log.info("cosigned", origin=head.origin, size=head.size)
        return web.Response(text=signature.line, content_type="text/plain", charset="utf-8")


def parse_request(body: bytes) -> tuple[int, list[bytes], bytes]:
    """Old size, proof and checkpoint; raises NoteError."""
    above, gap, raw = body.partition(b"\n\n")
    try:
        first, *lines = above.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("the lines above the checkpoint are ASCII") from None
    old = _OLD.fullmatch(first)
    if not gap or old is None or len(lines) > PROOF_LINES:
        raise NoteError(f"say `old SIZE`, at most {PROOF_LINES} hashes, an empty line and the checkpoint")
    return int(old[1]), [unbase64(line) for line in lines], raw


def make_app(witnessing: Witnessing) -> web.Application:
    """The one route."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        # Nothing is awaited while one is judged, so that no other comes between.
        return witnessing.judge(await request.read())

    app = web.Application(client_max_size=REQUEST_BYTES)
    app.router.add_post("/add-checkpoint", add_checkpoint)
    return app


def serve(
    signer: Signer, logs: Sequence[Verifier], state: Path, *, host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Witness until SIGINT or SIGTERM. Raises StateError when the state cannot be read, ListenError."""
    asyncio.run(_serve(Witnessing(signer, logs, Ledger(state), SystemClock()), host, port, ready))


async def _serve(witnessing: Witnessing, host: str, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(witnessing), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        with listening(host, port):
            await web.TCPSite(runner, host, port).start()
        ready(f"http://{host}:{runner.addresses[0][1]}")
        await stop.wait()
    finally:
        await runner.cleanup()


def _refused(status: int, why: str) -> web.Response:
    return web.Response(status=status, text=f"{why}\n")
