"""The one step that live running, rebuild, replay and folding afresh share: from a Change to what is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidentlog.projections.shapes import (
    MEMBERS,
    Booking,
    Document,
    DocumentVersion,
    Key,
    Tally,
)
from incidentlog.subjects.change import Change, seen_at
from incidentlog.subjects.fold import Variants
from incidentlog.subjects.subject import Subject


@dataclass(frozen=True, slots=True)
class Name:
    """What a dimension's value is called by whoever may see a marking."""

    dimension: str
    value: str
    level: int
    position: int
    called: str


Sums = dict[tuple[datetime, Key], list[int]]


def book(tally: Tally, change: Change) -> Iterator[Booking]:
    """Minus the old and plus the new, at each marking as the difference to the marking below.

    So the sum over the levels up to L is what a reader cleared for L sees.
    """
    below: Sums = {}
    for level in change.levels:
        sums: Sums = {}
        _add(tally, seen_at(change.after, level), sums, +1)
        _add(tally, seen_at(change.before, level), sums, -1)
        for cell in sorted({*sums, *below}, key=_cell_order):
            now = sums.get(cell, _zeros(tally))
            amounts = tuple(a - b for a, b in zip(now, below.get(cell, _zeros(tally)), strict=True))
            if any(amounts):
                yield Booking(
                    position=change.position,
                    level=level,
                    stream=change.stream,
                    at=cell[0],
                    dimensions=cell[1],
                    amounts=amounts,
                    restated=change.restated,
                )
        below = sums


def name(tally: Tally, change: Change) -> Iterator[Name]:
    """What the change calls a tally's values, at each marking, lowest first; of all names the first one stays."""
    for level in change.levels:
        subject = seen_at(change.after, level)
        if subject is not None:
            for (dimension, value), called in tally.names(subject).items():
                yield Name(dimension, value, level, change.position, called)


def _zeros(tally: Tally) -> list[int]:
    return [0] * len(tally.measures)


def _cell_order(cell: tuple[datetime, Key]) -> tuple[datetime, tuple[str, ...]]:
    return cell[0], tuple(value or "" for value in cell[1])


def _add(tally: Tally, subject: Subject | None, sums: Sums, sign: int) -> None:
    if subject is None:
        return
    for contribution in tally.contributions(subject):
        key = tuple(contribution.dimensions.get(name) for name in tally.dimensions)
        cell = sums.setdefault((contribution.at, key), _zeros(tally))
        for n, name in enumerate(tally.measures):
            cell[n] += sign * contribution.measures.get(name, 0)


@dataclass
class Members:
    """Which subjects make a document, at each marking: what a fold is given."""

    streams: dict[str, Variants] = field(default_factory=dict)

    @property
    def levels(self) -> list[int]:
        """The markings at which the document may differ."""
        return sorted({level for variants in self.streams.values() for level in variants})


@dataclass
class Membership:
    """A stream joined a document at a position, or left it."""

    position: int
    key: str
    stream: str
    joined: bool


@dataclass
class DocumentStep:
    """Keeps documents up with changes, given the members of every key that they touch."""

    document: Document[Any]
    members: dict[str, Members]
    versions: list[DocumentVersion] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)

    def apply(self, change: Change) -> None:
        """Fold again every document that the change touches, and note the versions and memberships."""
        before, after = self.keys(change.before), self.keys(change.after)
        for key in sorted(before | after):
            members = self.members.setdefault(key, Members())
            stood = set(members.levels)
            if key in after:
                members.streams[change.stream] = change.after
            else:
                members.streams.pop(change.stream, None)
            if (key in before) != (key in after):
                self.memberships.append(Membership(change.position, key, change.stream, key in after))
            self._fold(key, members, change, stood)

    def keys(self, variants: Variants) -> set[str]:
        """The documents that any variant of a stream is part of."""
        return {key for s in variants.values() if isinstance(s, Subject) for key in self.document.keys(s)}

    def _fold(self, key: str, members: Members, change: Change, stood: set[int]) -> None:
        present = set(members.levels)
        for level in sorted(present):
            # What is marked higher must not show by the position of a change either.
            if level in stood and seen_at(change.before, level) == seen_at(change.after, level):
                continue
            visible = [seen_at(v, level) for _, v in sorted(members.streams.items())]
            subjects = [s for s in visible if s is not None and key in self.document.keys(s)]
            left_out = max(0, len(subjects) - MEMBERS)
            if left_out:
                subjects = _newest(subjects)
            body = self.document.fold(key, subjects) if subjects else None
            self.versions.append(DocumentVersion(change.position, level, key, body, change.restated, left_out=left_out))
        for level in sorted(set(change.levels) - present):
            self.versions.append(DocumentVersion(change.position, level, key, None, change.restated, gone=True))


def _newest(subjects: Sequence[Subject]) -> list[Subject]:
    """As many as may share a document: those that began last, in the order of their streams."""
    began = sorted(subjects, key=lambda s: (s.since.timestamp() if s.since else float("-inf"), s.stream))
    return sorted(began[-MEMBERS:], key=lambda s: s.stream)


def touched_keys(document: Document[Any], changes: Sequence[Change]) -> set[str]:
    """The keys whose members must be loaded before `changes` are applied."""
    step = DocumentStep(document, {})
    return {k for c in changes for k in step.keys(c.before) | step.keys(c.after)}
