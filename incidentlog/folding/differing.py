"""What is another in one state of knowledge than in an earlier one. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from incidentlog.folding.afresh import group_bookings
from incidentlog.folding.change import Change, seen_at
from incidentlog.folding.figures import leaves
from incidentlog.folding.rows import Grouping, row_key
from incidentlog.folding.shapes import Document, Tally
from incidentlog.folding.steps import book

MARKS: Final = frozenset({"position", "restated"})
"""What says when a row changed, and not what it shows."""
Kind = Literal["added", "changed", "withdrawn"]
KINDS: Final[tuple[Kind, ...]] = ("added", "changed", "withdrawn")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing before and after; None where it was not, or is not any more."""

    kind: Kind
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    fields: Sequence[str]
    """What differs, the members of members joined by dots."""


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Difference | None:
    """How one thing became another; None when it shows the same.

    What stays as a memory alone (`is_current` false, as when its every event is retracted) was withdrawn; what comes
    back is added.
    """
    if before is after:
        return None
    old, new = leaves(before or {}), leaves(after or {})
    fields = [
        name
        for name in dict.fromkeys([*old, *new])
        if name not in MARKS and (name not in old or name not in new or old[name] != new[name])
    ]
    if not fields and (before is None) == (after is None):
        return None
    stood, stands = _stands(before), _stands(after)
    kind: Kind = "changed" if stood == stands else "added" if stands else "withdrawn"
    return Difference(kind, before, after, fields)


def differences(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], keys: Iterable[str] | None = None
) -> dict[str, Difference]:
    """Every difference, in the order of the keys: of all of them, or of some."""
    wanted = sorted({*before, *after} if keys is None else set(keys))
    found = {key: difference(before.get(key), after.get(key)) for key in wanted}
    return {key: own for key, own in found.items() if own is not None}


def _stands(row: Mapping[str, Any] | None) -> bool:
    return row is not None and row.get("is_current", True) is not False


def causes_of(
    projection: Tally | Document[Any], changes: Iterable[Change], at: datetime, grouping: Grouping | None, level: int
) -> dict[str, list[int]]:
    """The positions of changes that touch a row, by its key, newest first.

    A row that is about others, or that reads a tally, may be touched by more.
    """
    found: dict[str, dict[int, None]] = {}
    for change in changes:
        for key in touched_by(projection, change, at, grouping, level):
            found.setdefault(key, {})[change.position] = None
    return {key: sorted(positions, reverse=True) for key, positions in found.items()}


def touched_by(
    projection: Tally | Document[Any], change: Change, at: datetime, grouping: Grouping | None, level: int
) -> set[str]:
    """The keys of the rows that a change touches, as far as a clearance sees it."""
    if isinstance(projection, Tally):
        grouping = grouping or Grouping(projection.group_by)
        groups = group_bookings(projection, book(projection, change), at, grouping, level)
        return {row_key(group.key) for group in groups}
    seen = seen_at(change.before, level), seen_at(change.after, level)
    if seen[0] == seen[1]:
        return set()
    keys = {key for subject in seen if subject is not None for key in projection.keys(subject)}
    if projection.tally is not None:
        tally = projection.tally()
        keys |= touched_by(tally, change, at, Grouping(tally.dimensions[:1]), level)
    if projection.details is not None:
        details = projection.details()
        keys |= touched_by(details, change, at, Grouping(details.dimensions[1:2]), level)
    return keys
