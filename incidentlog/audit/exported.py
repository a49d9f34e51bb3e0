"""What an export is made of, for whoever writes, checks or reads one."""

import base64
from hashlib import file_digest, sha256
from io import BufferedReader
from typing import Any, Final

MANIFEST: Final = "manifest.json"
CHECKPOINT: Final = "checkpoint"
EVENTS: Final = "events.ndjson"
TABLE: Final = "events.parquet"
"""The events, in one of two forms: each has the exact leaf of every position of the range, and the parts."""
HEADS: Final = "heads.ndjson"
ROWS: Final = "rows.ndjson"
LOG: Final = "log.json"
BESIDE: Final = frozenset({HEADS, ROWS, LOG})
"""What a log is made from beside its events; the manifest names those that are there."""
FORMAT: Final = "incidentlog-export"
VERSION: Final = 1


class VerificationError(Exception):
    """The export is not what was signed, or does not say so; `position` is the first that is bad, where one is."""

    def __init__(self, detail: str, *, position: int | None = None, **evidence: Any) -> None:
        super().__init__(detail)
        self.detail, self.position, self.evidence = detail, position, evidence


def named(file: BufferedReader) -> dict[str, Any]:
    """How a manifest names a file that was opened, and is read to its end."""
    return {"sha256": file_digest(file, sha256).hexdigest(), "bytes": file.tell()}


def part_of(salt: bytes | None, text: str | None) -> dict[str, str] | None:
    """A part as it is opened; null where it is erased."""
    return None if salt is None or text is None else {"salt": base64.b64encode(salt).decode(), "text": text}
