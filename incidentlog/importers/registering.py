"""Actors that a mapping names and the log may not have: what registers those that are missing (docs/import.md)."""

from collections import Counter
from collections.abc import Mapping as Members
from typing import Any, ClassVar, Final

from incidentlog.ids import imported_id
from incidentlog.importers.mapping import Mapping

SCHEME: Final = "actor"
"""Under which a registration's id is made, so that an import that was broken off registers nobody twice."""
_STANDING: Final = frozenset({"effective", "amended"})


class Registering:
    """Which of a mapping's actors the log does not have. It learns what the log has first, in the log's order."""

    TYPE: ClassVar = "actor.registered"

    def __init__(self, mapping: Mapping) -> None:
        self._actors = mapping.register_
        self._there: set[str] = set()
        self._said: Counter[str] = Counter()

    def learn(self, event: Members[str, Any]) -> None:
        """Take in a registration of the log, whether it stands or not."""
        if event["data"] is None:  # erased
            return
        code = event["data"]["code"]
        self._said[code] += 1
        if event["status"] in _STANDING:
            self._there.add(code)

    def missing(self) -> list[dict[str, Any]]:
        """The events that register those that are missing."""
        return [
            {
                # Another one after each registration before it: an id is used once, though what it said be retracted.
                "id": str(imported_id(SCHEME, actor.code, actor.name, actor.kind or "", str(self._said[actor.code]))),
                "type": self.TYPE,
                "stream": f"actor:{actor.code.lower()}",
                "data": {"code": actor.code, "name": actor.name} | ({} if actor.kind is None else {"kind": actor.kind}),
            }
            for actor in self._actors
            if actor.code not in self._there
        ]
