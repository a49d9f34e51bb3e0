"""The basis `reported`: what the events add up to that a source had told of by then. Folded in the request, bounded."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from incidentlog.api.moment import Moment
from incidentlog.api.paging import ANSWER_OCTETS
from incidentlog.errors import TooLarge
from incidentlog.events.recorded import Recorded
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.change import Families
from incidentlog.folding.fold import (
    RED,
    Variants,
    covered,
    families_of,
    fold_family,
    marking,
    merged_streams,
)
from incidentlog.folding.rows import Group, Grouping, tally_rows
from incidentlog.folding.shapes import Document, Row, Tally
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.service.service import Service
from incidentlog.store.derive import read_links
from incidentlog.store.read import read_marking, read_reported, read_reported_of

REPORTED: Final = 20_000
"""The most events folded in one request: a few seconds of one core."""
OCTETS: Final = 16 * 2**20
"""The most text of such events."""
MOST: Final = f"over {REPORTED} events, or {OCTETS // 2**20} MiB of them,"
STEPS: Final = 200_000
"""The most events looked at where each event's own change counts: a stream is folded again with every one of them."""
LOCALLY: Final = (
    "too much to fold in a request. Fold it where you are: incidentlog projection show {} --basis reported --local"
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fold:
    """Events in the order of their positions (docs/events.md, What a date means), and what they add up to."""

    events: Sequence[Recorded]
    afresh: Afresh

    def since(self, earlier: "Fold", clearance: int = RED) -> set[int]:
        """The positions of the events that an earlier one has not, as far as a clearance covers them."""
        return {e.position for e in self.events if e.tlp <= clearance} - {e.position for e in earlier.events}


@dataclass(frozen=True, slots=True)
class Folded:
    """A projection as a fold has it, at an instant and for a clearance."""

    service: Service
    fold: Fold
    projection: Tally | Document[Any]
    at: datetime
    clearance: int

    async def rows(self, grouping: Grouping | None) -> dict[str, Row]:
        """Its rows, by key and in order; of a tally those of a grouping."""
        afresh = self.fold.afresh
        return await apart(self.service, lambda: afresh.rows(self.projection, self.at, grouping, self.clearance))

    async def groups(self, grouping: Grouping) -> list[Group]:
        """The groups of a tally, in no order."""
        afresh, tally = self.fold.afresh, self._as_tally()
        return await apart(self.service, lambda: afresh.groups(tally, self.at, grouping, self.clearance))

    async def named(self, grouping: Grouping, groups: Sequence[Group]) -> dict[str, Row]:
        """Groups as rows, by key and in order."""
        afresh, tally = self.fold.afresh, self._as_tally()
        return await apart(
            self.service, lambda: tally_rows(tally, grouping.by, groups, afresh.names(tally, self.clearance))
        )

    def _as_tally(self) -> Tally:
        assert isinstance(self.projection, Tally)  # noqa: S101 - asked of tallies
        return self.projection


@dataclass(frozen=True, slots=True)
class SubjectVersion:
    """A subject, and between which positions it was our knowledge; `to_position` is exclusive, None while it is."""

    from_position: int
    to_position: int | None
    restated: bool
    state: Subject | Absorbed


async def fold_reported(service: Service, projection: Tally | Document[Any], moment: Moment, clearance: int) -> Folded:
    """A projection of what was reported by then. Raises as `fold_events`."""
    fold = await fold_events(service, moment, LOCALLY.format(projection.name), clearance)
    return Folded(service, fold, projection, moment.at, clearance)


async def fold_events(service: Service, moment: Moment, otherwise: str, clearance: int) -> Fold:
    """The fold of what was reported by then, as far as a clearance sees it.

    Raises TooLarge where it would hold up others for too long, with what to do `otherwise`, and Overloaded where others
    are folding.
    """
    events, whole = await read_reported(
        service.pool,
        upto=moment.position,
        reported_by=known_by(moment),
        clearance=clearance,
        limit=REPORTED,
        octets=OCTETS,
    )
    if not whole:
        raise TooLarge(f"{MOST} were reported by then, too much to fold in a request: {otherwise}")
    known = await _with_marking(service, events, None, moment)
    seen = await apart(service, lambda: _seen(known, events, clearance))
    if _steps(seen) > STEPS:
        raise TooLarge(f"streams of very many events are too much to fold in a request: {otherwise}")
    needed = _needed(known, seen)
    return Fold(needed, await apart(service, lambda: Afresh(needed, service.log.zone)))


async def _with_marking(
    service: Service, events: Sequence[Recorded], streams: Collection[str] | None, moment: Moment
) -> list[Recorded]:
    """Events reported by then, with what says how they are marked, whenever that was reported. Raises TooLarge."""
    found = await read_marking(
        service.pool, streams, upto=moment.position, reported_by=known_by(moment), limit=REPORTED + 1
    )
    if len(found) > REPORTED:
        raise TooLarge("markings were changed too often to be applied in a request")
    return sorted([*events, *found], key=lambda e: e.position)


def _seen(known: Sequence[Recorded], events: Sequence[Recorded], clearance: int) -> list[Recorded]:
    """Of events those that a reader sees, given all that is known of their markings."""
    told = {e.event_id for e in events}
    return [e for e in covered(known, clearance) if e.event_id in told]


def _needed(known: Sequence[Recorded], seen: Sequence[Recorded]) -> list[Recorded]:
    """Of what is known what a reader needs folded who sees some of it: this, and what says how it is marked.

    Neither the answer nor its cost, nor that there is none, hangs on anything else that the reader may not see.
    """
    ids = {e.event_id for e in seen} | marking(known)
    return [e for e in known if e.event_id in ids]


async def subject_reported(service: Service, stream: str, moment: Moment, clearance: int) -> Subject | None:
    """What a stream's events reported by then add up to; the survivor's, where a merge among them took it (R4)."""
    variants = await fold_subjects(service, await read_family(service, stream, moment, clearance))
    while True:
        state = variant_at(variants.get(stream, {}), clearance)
        if not isinstance(state, Absorbed):
            return state
        stream = state.into


async def history_reported(
    service: Service, stream: str, moment: Moment, clearance: int, *, after: int, limit: int
) -> tuple[list[SubjectVersion], bool]:
    """The versions that the events reported by then make, had no others come, and whether more: as `read_history`.

    Raises TooLarge for a stream of very many events: each version is a fold of its own.
    """
    events = await read_family(service, stream, moment, clearance)
    seen = await apart(service, lambda: covered(events, clearance))
    if _steps(seen) > STEPS:
        detail = f"{len(seen)} events: too many versions to fold in a request"
        raise TooLarge(f"{detail}; ask for the subject itself at the positions that matter, with at_position")
    versions = (v for v in _versions(events, service.log.zone, stream, clearance) if v.from_position > after)
    return await apart(service, lambda: _first(versions, limit))


def _first(versions: Iterator[SubjectVersion], limit: int) -> tuple[list[SubjectVersion], bool]:
    """As many as fit into a page, and whether more follow."""
    page, told = list[SubjectVersion](), 0
    for version in versions:
        if len(page) == limit or told >= ANSWER_OCTETS:
            return page, True
        page.append(version)
        told += len(version.state.model_dump_json())
    return page, False


def _versions(events: Sequence[Recorded], zone: str, stream: str, clearance: int) -> Iterator[SubjectVersion]:
    """The versions of a stream that a clearance sees, oldest first."""
    standing: SubjectVersion | None = None
    for change in Families({}).changes(events, zone):
        if change.stream != stream:
            continue
        state = variant_at(change.after, clearance)
        if state == variant_at(change.before, clearance):
            continue
        if standing is not None:
            yield SubjectVersion(standing.from_position, change.position, standing.restated, standing.state)
        standing = None if state is None else SubjectVersion(change.position, None, change.restated(clearance), state)
    if standing is not None:
        yield standing


def variant_at(variants: Variants, level: int) -> Subject | Absorbed | None:
    """What a reader cleared for `level` sees of a stream, or where a merge took it."""
    visible = [own for own in variants if own <= level]
    return variants[max(visible)] if visible else None


async def fold_subjects(service: Service, events: Sequence[Recorded]) -> dict[str, Variants]:
    """What the streams of these events add up to."""
    return await apart(service, lambda: fold_family(events, service.log.zone))


def known_by(moment: Moment) -> datetime:
    """By when it must have been reported: the instant itself, where no other is named."""
    return moment.known_at or moment.at


async def read_family(service: Service, stream: str, moment: Moment, clearance: int) -> list[Recorded]:
    """The events reported by then of a stream and of those that merges connect it with, as far as a clearance sees.

    Among them is what says how they are marked, of any marking. Raises TooLarge.
    """
    links = await read_links(service.pool, [stream], moment.position)
    streams = {stream, *(s for link in links for s in link)}
    events, whole = await read_reported_of(
        service.pool,
        streams,
        upto=moment.position,
        reported_by=known_by(moment),
        clearance=clearance,
        limit=REPORTED,
        octets=OCTETS,
    )
    if not whole:
        raise TooLarge(f"{stream} and what is merged with it have {MOST}")
    known = await _with_marking(service, events, streams, moment)
    return await apart(service, lambda: _family_of(stream, known, events, clearance))


def _family_of(stream: str, known: Sequence[Recorded], events: Sequence[Recorded], clearance: int) -> list[Recorded]:
    """Of events those of a stream's family, as far as a clearance sees, and what says how they are marked."""
    families = families_of(_seen(known, events, clearance))
    own = next((family for family in families if any(stream in (e.stream, *merged_streams(e)) for e in family)), [])
    named = {e.stream for e in own}
    return _needed([e for e in known if e.stream in named], own)


def _steps(events: Sequence[Recorded]) -> int:
    """How many events are looked at when each stream is folded again with each of its events."""
    return sum(n * (n + 1) // 2 for n in Counter(e.stream for e in events).values())


async def apart(service: Service, work: Callable[[], T]) -> T:
    """Do what takes long in a thread, one at a time: the loop serves others meanwhile.

    There are as many that wait as have a place of those who fold what was reported (`few_at_once`).
    """
    async with service.core:
        return await asyncio.to_thread(work)
