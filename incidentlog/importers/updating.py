"""The second import: what a release says otherwise than the log has it from the releases before (docs/import.md).

The log is compared with what imports said under the same ids, and not with what others made of it: an amendment of
somebody else's stays.
"""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping as Members
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from incidentlog.folding.corrections import merge_patch
from incidentlog.ids import imported_id
from incidentlog.importers.cells import normal
from incidentlog.importers.making import Made, RowFault
from incidentlog.importers.mapping import Mapping

MOST: Final = 0.5
"""If more than this share of what the log has is gone, it is rather the wrong file."""
SAMPLES: Final = 5
"""How many rows of each kind are shown."""
KINDS: Final = ("unchanged", "changed", "new", "vanished")


class OtherFileError(Exception):
    """So much of what the log has is not in a release that it is rather another file."""


@dataclass(slots=True)
class Held:
    """An event of an earlier import, as imports have it by now."""

    external_id: str
    stream: str
    content: bytes
    """What may be amended of it, as JSON."""
    said: int = 0
    """How many record events imports have sent about it."""
    retraction: str | None = None
    """The import's own retraction that holds."""
    is_others: bool = False
    """Whether somebody else retracted it, or erased it: then it is left as it is."""
    seen: bool = False
    """Whether the release has it."""


@dataclass(slots=True)
class Comparison:
    """A release against what the log has of it."""

    mapping: Mapping
    release: str
    held: dict[str, Held] = field(default_factory=dict)
    """By the event's id."""
    corrected: dict[str, Held] = field(default_factory=dict)
    """By the ids of what imports said of an event."""
    counts: Counter[str] = field(default_factory=Counter)
    """Rows by what they are; of what has vanished, ids."""
    bad: set[str] = field(default_factory=set)
    """The ids of rows of which nothing was taken in: they are not gone."""
    samples: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    @property
    def scheme(self) -> str:
        """Whose ids are compared."""
        return "" if self.mapping.id is None else self.mapping.id.scheme

    def learn(self, event: Members[str, Any]) -> None:
        """Take in an event of the log that has an id of the scheme; in the order of the log."""
        match event["type"]:
            case "record.amended":
                self._learn_amended(event)
            case "record.retracted":
                self._learn_retracted(event)
            case _:
                mine = next(x["id"] for x in event["external_ids"] if x["scheme"] == self.scheme)
                gone = event["status"] in {"retracted", "erased"}
                self.held[event["id"]] = Held(mine, event["stream"], orjson.dumps(_content(event)), is_others=gone)

    def _learn_amended(self, event: Members[str, Any]) -> None:
        held = self.held.get(event["data"]["target"])
        if held is None:
            return
        self._learn_said(event, held)
        if event["status"] == "effective":
            held.content = orjson.dumps(merge_patch(orjson.loads(held.content), event["data"]["patch"]))

    def _learn_retracted(self, event: Members[str, Any]) -> None:
        target = event["data"]["target"]
        if (held := self.held.get(target)) is not None:
            held.retraction, held.is_others = event["id"], False
        elif (held := self.corrected.get(target)) is None:
            return
        elif held.retraction == target:
            held.retraction = None
        self._learn_said(event, held)

    def _learn_said(self, event: Members[str, Any], held: Held) -> None:
        """Count what was said of an event, whether it counts by now or not: its id is not to be used again."""
        self.corrected[event["id"]] = held
        held.said += 1

    # ------------------------------------------------------------------------------------------------- a release

    def judge(self, made: Made) -> None:
        """Leave of a row's events what has to be sent, so that the log has what the release says."""
        if made.faults or not made.events:
            self.bad.add(made.external_id)
            return
        told = [self._judged(event, made) for event in made.events]
        if made.faults:
            made.events = []
            return
        kind = next((kind for kind in ("new", "changed") if any(k == kind for k, _ in told)), "unchanged")
        made.events = [event for _, event in told if event is not None]
        self._count(kind, made.external_id, [event for event in made.events if event["type"] == "record.amended"])

    def _judged(self, event: dict[str, Any], made: Made) -> tuple[str, dict[str, Any] | None]:
        held = self.held.get(event["id"])
        if held is None:
            self.held[event["id"]] = Held(made.external_id, event["stream"], b"", seen=True)
            return "new", event
        if held.seen:
            made.faults.append(RowFault(made.row.file, made.row.line, "", "an earlier row of the release has this id"))
            return "unchanged", None
        held.seen = True
        if held.is_others:
            return "unchanged", None
        if held.retraction is not None:  # it had vanished, and is back: what changed meanwhile comes with the next
            said: dict[str, Any] = {"target": held.retraction, "reason": f"{self.release}: the row is there again"}
            return "changed", self._said("record.retracted", event["id"], held, said)
        patch = self._patch(orjson.loads(held.content), _content(event))
        if not patch:
            return "unchanged", None
        said = {"target": event["id"], "patch": patch, "reason": f"{self.release} says so"}
        return "changed", self._said("record.amended", event["id"], held, said)

    def vanished(self, *, retract: bool) -> Iterator[dict[str, Any]]:
        """Retractions of what the release has no more; without `retract` it is only counted."""
        ids: dict[str, None] = {}
        for event_id, held in self.held.items():
            if not self._is_gone(held):
                continue
            if held.external_id not in ids:
                ids[held.external_id] = None
                self._count("vanished", held.external_id, ())
            if retract:
                said = {"target": event_id, "reason": f"{self.release}: the row is no longer there"}
                yield self._said("record.retracted", event_id, held, said)

    @property
    def missing(self) -> int:
        """How many events the release has no more."""
        return sum(map(self._is_gone, self.held.values()))

    def retracts(self, vanished: str | None, *, is_dry: bool = False) -> bool:
        """Whether what has vanished is to be retracted, by what is asked for or else the mapping.

        Raises OtherFileError where so much is gone that it has to be asked for.
        """
        wanted = (vanished or self.mapping.update.vanished) == "retract"
        if wanted and not is_dry and vanished is None and self.missing > MOST * len(self.held):
            raise OtherFileError(
                f"{self.missing:,} of {len(self.held):,} events are gone: that looks like another file"
            )
        return wanted

    def _is_gone(self, held: Held) -> bool:
        return not (held.seen or held.is_others or held.retraction is not None or held.external_id in self.bad)

    def _said(self, kind: str, event_id: str, held: Held, data: dict[str, Any]) -> dict[str, Any]:
        """What is said of an event; its id is the same however often this release comes, until more is said."""
        return {
            "id": str(imported_id(self.scheme, held.external_id, event_id, kind, str(held.said))),
            "type": kind,
            "stream": held.stream,
            "data": data,
            "external_ids": [{"scheme": self.scheme, "id": held.external_id}],
        }

    def _count(self, kind: str, external_id: str, changes: Any) -> None:
        self.counts[kind] += 1
        if len(self.samples[kind]) < SAMPLES:
            told = ", ".join(sorted({path for change in changes for path in paths(change["data"]["patch"])}))
            self.samples[kind].append(f"{external_id} ({told})" if told else external_id)

    def _patch(self, was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
        """The merge patch from one to the other, of the fields that count."""
        ignored = frozenset(self.mapping.update.ignore)
        patch: dict[str, Any] = {}
        for name in self.mapping.update.fields:
            change = _difference(was.get(name), now.get(name), name, ignored)
            if change is not _SAME:
                patch[name] = [] if change is None and name == "actors" else change
        return patch


_FIELDS: Final = ("occurred", "place", "actors", "data")
_SAME: Final = object()


def _content(event: Members[str, Any]) -> dict[str, Any]:
    """What may be amended of an event; what the server added to its place is left out."""
    content = {name: event[name] for name in _FIELDS if event.get(name)}
    if "place" in content:
        content["place"] = {name: each for name, each in content["place"].items() if name != "resolved"}
    return content


def _difference(was: Any, now: Any, path: str, ignored: frozenset[str]) -> Any:
    """What RFC 7396 makes the one of the other by; `_SAME` where nothing counts. Case and spaces do not."""
    if path in ignored or _as_compared(was) == _as_compared(now):
        return _SAME
    if not isinstance(was, dict) or not isinstance(now, dict):
        return now
    changes = {
        name: change
        for name in {**was, **now}
        if (change := _difference(was.get(name), now.get(name), f"{path}.{name}", ignored)) is not _SAME
    }
    return changes or _SAME


def _as_compared(value: Any) -> Any:
    match value:
        case str():
            return normal(value)
        case list():
            return [_as_compared(each) for each in value]
        case dict():
            return {name: _as_compared(each) for name, each in value.items()}
        case _:
            return value


def paths(patch: Any, within: str = "") -> Iterator[str]:
    """What a patch changes, by dotted names."""
    for name, value in patch.items():
        if isinstance(value, dict) and value:
            yield from paths(value, f"{within}{name}.")
        else:
            yield f"{within}{name}"
