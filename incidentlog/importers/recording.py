"""What the log is told of an import: what is brought in by what, and what became of it (docs/import.md)."""

from collections.abc import Mapping as Members
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson

from incidentlog.ids import imported_id
from incidentlog.importers.importing import Account
from incidentlog.importers.mapping import Mapping
from incidentlog.importers.opening import STDIN, Progress, unreadable

SCHEME: Final = "import"
"""Under which an import's own id is made: of what it reads, so that the same import given again is the same."""
NAME: Final = 200
"""The most characters of a name (docs/events.md)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An import that is about to begin."""

    said: Members[str, Any]
    """The `data` of its `import.begun`."""
    tlp: str
    has_ids: bool = True
    """Whether it can be told from another: what comes through a pipe is read once, and then nobody knows it."""

    def begun(self, attempt: int = 0) -> dict[str, Any]:
        """The event with which it begins; the same however often it is given, for each attempt."""
        told = orjson.dumps(self.said, option=orjson.OPT_SORT_KEYS).decode()
        import_id = imported_id(SCHEME, told, str(attempt)) if self.has_ids else uuid4()
        return self._event("import.begun", f"import:{import_id}", self.said, id=str(import_id))

    def ended(self, stream: str, said: Members[str, Any]) -> dict[str, Any]:
        """The event with which it ends."""
        return self._event("import.ended", stream, said)

    def _event(self, kind: str, stream: str, data: Members[str, Any], **more: Any) -> dict[str, Any]:
        marked = {} if self.tlp == "CLEAR" else {"tlp": self.tlp}
        return {**more, "type": kind, "stream": stream, "data": data, **marked}


def plan_of(
    mapping: Mapping,
    name: str,
    text: bytes,
    files: list[str],
    *,
    release: str | None = None,
    vanished: str | None = None,
) -> Plan:
    """The import of files by the mapping of a name and a text; raises as `unreadable` for a file that is."""
    said: dict[str, Any] = {
        "files": [_told(each) for each in files],
        "mapping": {"name": Path(name).name[-NAME:], "sha256": sha256(text).hexdigest()},
    }
    if mapping.id is not None:
        said["scheme"] = mapping.id.scheme
    if release is not None:
        said |= {"release": release[:NAME], "vanished": vanished or mapping.update.vanished}
    return Plan(said, mapping.tlp, has_ids=STDIN not in files)


def _told(name: str) -> dict[str, Any]:
    """A file by its name and what it holds."""
    if name == STDIN:
        return {"name": "stdin"}
    try:
        with Path(name).open("rb") as file:
            return {
                "name": Path(name).name[-NAME:],
                "sha256": file_digest(file, "sha256").hexdigest(),
                "octets": file.tell(),
            }
    except OSError as error:
        raise unreadable(name, error) from None


def ended_with(
    account: Account, *, appended: int, already_there: int, progress: Progress, changes: Members[str, int] | None = None
) -> dict[str, Any]:
    """The `data` of an `import.ended`."""
    said: dict[str, Any] = {
        "rows": account.rows,
        "refused": account.refused,
        "repaired": account.repaired,
        "passed_over": sum(account.skipped.values()),
        "appended": appended,
        "already_there": already_there,
    }
    if changes is not None:
        said["changes"] = dict(changes)
    if progress.piped is not None:
        said["files"] = [{"name": "stdin", "sha256": progress.piped.hexdigest(), "octets": progress.done}]
    return said
