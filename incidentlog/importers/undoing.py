"""What undoes an import: retractions of what it appended and that still stands; nothing is taken out of the log."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping as Members
from dataclasses import dataclass, field
from typing import Any, Final

from incidentlog.events.about import is_record_event
from incidentlog.importers.recording import Plan

STANDING: Final = frozenset({"effective", "amended"})
LASTING: Final = frozenset({"record.erased", "record.remarked"})
"""What no retraction takes back as it was: what was erased is gone, and what was marked has been seen, or not."""


@dataclass(slots=True)
class Undoing:
    """An import that is being undone. Its events are learned first, then those that they speak of."""

    number: int
    reason: str
    tlp: str = "CLEAR"
    """How the import is marked, and with it its undoing."""
    told: list[Members[str, Any]] = field(default_factory=list)
    """Its events that stand, in the order of the log."""
    counts: Counter[str] = field(default_factory=Counter)
    targets: dict[str, Members[str, Any] | None] = field(default_factory=dict)
    """Events that its corrections speak of and that came otherwise, by their ids; None before they are known."""
    _own: set[str] = field(default_factory=set)

    def learn(self, event: Members[str, Any]) -> None:
        """Take in an event of the import, in the order of the log."""
        self._own.add(event["id"])
        if event["status"] not in STANDING:
            self.counts["no longer standing"] += 1
        elif event["type"] in LASTING:
            self.counts["cannot be undone"] += 1
        elif (target := (event["data"] or {}).get("target")) is not None and is_record_event(event["type"]):
            if target not in self._own:  # else the target goes, and what was said of it with it
                self.targets[target] = None
                self.told.append(event)
        else:
            self.told.append(event)

    def learn_target(self, event: Members[str, Any]) -> None:
        """Take in an event that one of the import's corrections speaks of."""
        self.targets[event["id"]] = event

    def plan(self) -> Plan:
        """The import that undoes it."""
        return Plan({"undoes": self.number, "reason": self.reason}, self.tlp, has_ids=False)

    def retractions(self) -> Iterator[dict[str, Any]]:
        """What undoes it, and the count of it by what it undoes; the newest first."""
        gone = set[str]()
        for event in reversed(self.told):
            target, kind = self._to_retract(event)
            if target in gone:
                continue
            gone.add(target)
            self.counts[kind] += 1
            if event["status"] == "amended":
                self.counts["amended since"] += 1
            yield {
                "type": "record.retracted",
                "data": {"target": target, "reason": self.reason},
                "external_ids": event["external_ids"],
            }

    def _to_retract(self, event: Members[str, Any]) -> tuple[str, str]:
        """Which event is to be retracted, and what that does."""
        match event["type"]:
            case "record.amended":
                return event["id"], "amendments taken back"
            case "record.retracted":
                reinstated = self.targets.get(event["data"]["target"])
                if reinstated is not None and reinstated["type"] == "record.retracted":
                    # What reinstates is not retracted, but its event once more (R1).
                    return reinstated["data"]["target"], "retracted again"
                return event["id"], "reinstated"
            case _:
                return event["id"], "retracted"
