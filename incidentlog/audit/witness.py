"""Asking witnesses to cosign a tree head (C2SP tlog-witness): others who remember how far the log was.

Without them, whoever holds the log's key can rewrite everything and sign it anew.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import aiohttp
import structlog

from incidentlog.addresses import url_fault
from incidentlog.audit.notes import COSIGNATURE, Note, NoteError, Signature, Verifier, parse_signatures

WAIT_SECONDS: Final = 3.0
"""How long a tree head waits to be cosigned before it is published without."""
ANSWER_BYTES: Final = 64 * 1024
PROOF_LINES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"

Consistency = Callable[[int], Awaitable[Sequence[bytes]]]
"""The proof that the tree at hand grew out of the one of a size."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who cosigns: where they take tree heads, and their key."""

    url: str
    key: Verifier

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `URL VKEY`; raises NoteError."""
        url, _, vkey = text.strip().partition(" ")
        if url_fault(url) is not None:
            raise NoteError(f"a witness is told as its address and its key, not as {text[:80]!r}")
        key = Verifier.parse(vkey)
        if key.kind != COSIGNATURE:
            raise NoteError(f"the key of {key.name} is not one that cosigns")
        return cls(url.rstrip("/"), key)


class Witnesses:
    """All that are asked, with what each of them has seen."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = tuple(witnesses)
        self._seen: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._witnesses)

    async def cosign(self, note: Note, size: int, consistency: Consistency) -> list[Signature]:
        """The cosignatures that came in time; a witness that fails is told of in the log, and left out."""
        timeout = aiohttp.ClientTimeout(total=WAIT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            asked = (self._ask(session, w, note, size, consistency) for w in self._witnesses)
            return [s for made in await asyncio.gather(*asked) for s in made]

    async def _ask(
        self, session: aiohttp.ClientSession, witness: Witness, note: Note, size: int, consistency: Consistency
    ) -> list[Signature]:
        try:
            for _ in range(2):  # the first answer may be what it has seen
                old = self._seen.get(witness.url, 0)
                if old > size:
                    log.error("witness_saw_more", witness=witness.key.name, seen=old, size=size)
                    return []
                body = request_body(old, await consistency(old) if old else (), note)
                async with session.post(f"{witness.url}/add-checkpoint", data=body) as response:
                    answer = (await response.content.read(ANSWER_BYTES)).decode()
                    if response.status == 409 and response.content_type == SIZE_TYPE:  # noqa: PLR2004 - the standard's
                        self._seen[witness.url] = int(answer)
                        continue
                    if not response.ok:
                        raise NoteError(f"it answered {response.status}: {answer[:200]}")
                    found = [
                        s
                        for s in parse_signatures(answer)
                        if (s.name, s.key_id) == (witness.key.name, witness.key.key_id)
                    ]
                    for signature in found:
                        witness.key.verify(note.text, signature)
                    self._seen[witness.url] = size
                    return found
            raise NoteError("it does not say twice the same of what it has seen")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._seen.pop(witness.url, None)
            log.warning("not_cosigned", witness=witness.key.name, size=size, error=str(error) or repr(error))
            return []


def request_body(old: int, proof: Sequence[bytes], note: Note) -> bytes:
    """What is sent to `add-checkpoint`."""
    lines = [f"old {old}", *(base64.b64encode(h).decode() for h in proof)]
    return ("\n".join(lines) + f"\n\n{note}").encode()
