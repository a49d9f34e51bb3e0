"""Answers as of a position: subjects with their history, and the groups and bodies that rows are made of."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import asyncpg

from incidentlog.errors import TooLarge
from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import Model
from incidentlog.folding.lines import MICROSECOND
from incidentlog.folding.rows import (
    Beside,
    Group,
    Grouping,
    Names,
    Stored,
    by_document,
    detail_days,
    detail_grouping,
    document_grouping,
)
from incidentlog.folding.shapes import Document, Projection, Tally
from incidentlog.folding.steps import fold_visible
from incidentlog.folding.subject import Subject
from incidentlog.folding.totalling import Booked, TooManyGroupsError, Totalling, Window, streams_of, work
from incidentlog.folding.whereabouts import place_key
from incidentlog.projections.candidates import Around, around, reach
from incidentlog.recent import Recent
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.pages import fetch_page
from incidentlog.store.segments import Period, read_parts, read_sums
from incidentlog.store.snapshots import find_snapshot
from incidentlog.store.versions import AnyText, Row, Texts, light_of, row_of
from incidentlog.turns import Turns, beside, let_go

S = TypeVar("S", bound=Subject)
AROUND: Final = 5_000
"""The most subjects that are read to be compared with one,"""
HAPPENED: Final = 200_000
"""and the most of which it is looked up where they happened."""
BODIES: Final = Recent[tuple[type[Model], str], Model](4 * 2**20, lambda key, _: len(key[1]))
"""Documents' bodies that were read lately, by their texts, up to so many characters: one text is one body, whatever log
it is of, and from one position to the next few are others."""
MEMBERS_AT_ONCE: Final = 50
"""Of how many members of a document the subjects are read at a stretch, in a thread."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A subject, and between which positions it was our knowledge; `to_position` is exclusive, None while it is."""

    from_position: int
    to_position: int | None
    restated: bool
    row: Row
    """As it is stored, for `Texts.of`."""


async def find_subject(pool: Pool | Connection, stream: str, clearance: int, position: int) -> AnyText | None:
    """What stood of a stream's subject at a position, as it is stored; None where nothing did."""
    row = await pool.fetchrow(query("answer", "subject"), stream, clearance, position)
    return None if row is None else await Texts(pool).one(row)


async def read_subject(pool: Pool | Connection, stream: str, clearance: int, position: int) -> Subject | None:
    """What stood of a stream's subject, without its events; the survivor's, where a merge took it (R4)."""
    while (text := await find_subject(pool, stream, clearance, position)) is not None:
        state = await light_of(text)
        if isinstance(state, Subject):
            return state
        stream = state.into
    return None


async def read_category(pool: Pool | Connection, kind: type[S], *, clearance: int, position: int) -> list[S]:
    """What stood of every subject of a category at a position, the latest last; for those of which there are few."""
    rows = await pool.fetch(query("answer", "category"), kind.category, clearance, position)
    states = [text.state async for _, text in Texts(pool).of(rows)]
    return [state for state in states if isinstance(state, kind)]


async def read_around(
    pool: Pool | Connection, timeline: Build, subject: Subject, *, clearance: int, position: int
) -> tuple[list[Subject], bool]:
    """The subjects that may be a subject told again, to be compared with it; and whether these are all.

    Those of its category of which something happened when it did, or shortly before, and may have near it. Without
    their events. At most AROUND, of at most HAPPENED that happened then; no more than fit into a page.
    """
    when, place = around(subject), subject.place
    if when is None or place is None:
        return [], True
    window = Window(0, position, clearance, later_than=when.earliest - MICROSECOND, at=when.until - MICROSECOND)
    prefix, found = f"{subject.stream.partition(':')[0]}:", set[str]()
    async for parts in read_parts(pool, timeline, window):
        found |= {stream for part in parts for stream in streams_of(part.lines, part.window, prefix)}
    streams = await _placed(pool, sorted(found)[:HAPPENED], when, place, position)
    rows, beyond = await fetch_page(pool, query("answer", "subjects"), streams[:AROUND], clearance, position)
    turns, states = Turns(), list[Subject]()
    async for _, text in Texts(pool).of(rows):
        state = await light_of(text)
        if isinstance(state, Subject):
            states.append(state)
        await turns.spend(text.work)
    return states, beyond is None and len(streams) <= AROUND and len(found) <= HAPPENED


async def _placed(
    pool: Pool | Connection, streams: Sequence[str], when: Around, place: ResolvedPlace, position: int
) -> list[str]:
    """Those of some streams that may have happened then and near a place: no other is worth being folded."""
    height, width = reach(place.lat or 0.0)
    rows = await pool.fetch(
        query("answer", "placed"),
        streams, position, when.since, when.until, place.place_id, place.lat, place.lon, height, width,
    )  # fmt: skip
    alike = {text: text is None or _is_named_so(text, place) for text in {row["place"] for row in rows}}
    return sorted({row["stream"] for row in rows if alike[row["place"]]})


def _is_named_so(text: str, place: ResolvedPlace) -> bool:
    """Whether a place, as it is kept, goes by the name of another."""
    return place_key(ResolvedPlace.model_validate_json(text)) == place_key(place)


async def read_history(
    pool: Pool | Connection, stream: str, clearance: int, position: int, *, after: int, limit: int
) -> tuple[list[StoredVersion], bool]:
    """The versions of a stream's subject that a clearance saw, oldest first, one at a position; whether more follow.

    At most `limit`, and no more than fit into a page. Of several markings the highest covered counts: while it stands,
    versions of the ones below are not seen.
    """
    rows, beyond = await fetch_page(
        pool, query("answer", "history"), stream, clearance, position, after, limit + 1, at_a_time=1
    )
    begins: list[int | None] = [None if n is None else n["from_position"] for n in [*rows, beyond][1:]]
    versions = [
        StoredVersion(
            r["from_position"],
            min((p for p in (r["to_position"], following) if p is not None), default=None),
            r["restated"],
            row_of(r),
        )
        for r, following in zip(rows, begins, strict=True)
    ]
    return versions[:limit], beyond is not None or len(versions) > limit


async def read_names(pool: Pool | Connection, build: Build, *, clearance: int, upto: int) -> Names:
    """What a tally's values are called, by what a clearance sees up to a position."""
    rows = await pool.fetch(query("answer", "names"), build.build, clearance, upto)
    return {(r["dimension"], r["value"]): r["name"] for r in rows}


async def read_groups(
    pool: Pool | Connection,
    tally: Tally,
    build: Build,
    grouping: Grouping,
    *,
    clearance: int,
    at: datetime,
    upto: int,
    after: int = 0,
    most: int | None = None,
) -> list[Group]:
    """The groups of a ledger as of a position; with `after`, only what was booked since (exclusive).

    `grouping` must name dimensions of the tally. Raises TooLarge for more groups than `most`.
    """
    sums, snapshot = Totalling(len(tally.measures), most=most), None
    try:
        if not after:
            snapshot = await find_snapshot(pool, tally, build, grouping, upto=upto, clearance=clearance, at=at)
        if snapshot is not None:
            after = snapshot.position
            await beside(work(snapshot.parts), partial(sums.take, snapshot.parts, grouping))
            late = Window(0, after, clearance, later_than=snapshot.counted_by, at=at)
            await sum_lines(pool, build, grouping, late, sums)
        await sum_lines(pool, build, grouping, Window(after, upto, clearance, at=at), sums)
        return await beside(sums.count, sums.groups)
    except TooManyGroupsError:
        raise TooLarge(f"over {most} groups: narrow {tally.name} with filters, or group it by less") from None


async def sum_lines(
    pool: Pool | Connection,
    build: Build,
    grouping: Grouping,
    window: Window,
    sums: Totalling | Booked,
    periods: Sequence[Period] = (),
) -> None:
    """Take in the lines of a ledger that are in a window, and that a grouping keeps; with `periods` those of its days.

    Without them they are those of the grouping.
    """
    wanted = periods or grouping.days
    if isinstance(sums, Totalling):
        async for found in read_sums(pool, build, window, sums.kept(grouping, window), periods=wanted):
            await beside(work(found), partial(sums.take, found, grouping))
    else:
        async for parts in read_parts(pool, build, window, periods=wanted):
            await beside(work(parts), partial(sums.take, parts, grouping))


async def read_documents(
    pool: Pool | Connection,
    document: Document[Any],
    build: Build,
    *,
    clearance: int,
    upto: int,
    keys: Iterable[str] | None = None,
    one: asyncio.Lock | None = None,
) -> list[Stored]:
    """The bodies of documents as of a position: all, or those of some keys.

    `one` is held while one is folded that is not kept, so that of those read at once not all are in memory.
    """
    wanted = None if keys is None else list(keys)
    rows = await pool.fetch(query("answer", "documents"), build.build, clearance, upto, wanted)
    return await _stored(pool, document, build, rows, one)


async def read_documents_after(
    pool: Pool | Connection,
    document: Document[Any],
    build: Build,
    *,
    clearance: int,
    upto: int,
    after: str,
    most: int,
    one: asyncio.Lock | None = None,
) -> tuple[list[Stored], bool]:
    """The bodies whose keys come after one, in the order of their keys; and whether more follow.

    At most so many, and as many as fit into a page; at least one, where there is any.
    """
    while True:
        rows, beyond = await fetch_page(
            pool, query("answer", "documents_after"), build.build, clearance, upto, after, most + 1
        )
        more = beyond is not None or len(rows) > most
        stored = await _stored(pool, document, build, rows[:most], one)
        if stored or not more:
            return stored, more
        after = rows[:most][-1]["key"]  # what stands there is that there is nothing


async def _stored(
    pool: Pool | Connection,
    document: Document[Any],
    build: Build,
    rows: Iterable[asyncpg.Record],
    one: asyncio.Lock | None,
) -> list[Stored]:
    turns, stored = Turns(), list[Stored]()
    for r in rows:
        body: Model | None = None
        if r["on_read"]:
            async with nullcontext() if one is None else one:
                body = await _fold_on_read(pool, document, build, r["key"], level=r["level"], upto=r["from_position"])
        elif r["body"] is not None:
            body = BODIES.get((document.body, r["body"]))
            if body is None:
                body = BODIES.put((document.body, r["body"]), document.body.model_validate_json(r["body"]))
                await turns.spend(len(r["body"]))
        if body is not None:
            stored.append(Stored(r["key"], body, r["from_position"], r["restated"], r["left_out"]))
    return stored


async def _fold_on_read(
    pool: Pool | Connection, document: Document[Any], build: Build, key: str, *, level: int, upto: int
) -> Model | None:
    """A body that is not kept, from the subjects that made it; others get their turn meanwhile."""
    subjects = list[Subject]()
    rows = await pool.fetch(query("answer", "members"), build.build, build.base, key, level, upto)
    for start in range(0, len(rows), MEMBERS_AT_ONCE):
        texts = [text async for _, text in Texts(pool).of(rows[start : start + MEMBERS_AT_ONCE])]
        states = await asyncio.to_thread(lambda own: [text.state for text in own], texts)
        subjects += [state for state in states if isinstance(state, Subject)]
    body = await asyncio.to_thread(fold_visible, document, key, subjects)
    await let_go(subjects)
    return body


BuildOf = Callable[[Projection], Build]
"""The build that answers for a projection; raises ProjectionLagging where there is none yet."""


async def read_beside(
    pool: Pool | Connection,
    document: Document[Any],
    build_of: BuildOf,
    stored: Sequence[Stored],
    *,
    clearance: int,
    at: datetime,
    upto: int,
    every: bool = False,
) -> Beside:
    """What is known beside some documents, at the same position: their tally's groups, their details, the policies.

    `every`: there are no others, so that the sums of the whole tally are theirs, which may be at hand.
    """
    beside = Beside(policies=await read_policies(pool, document, build_of, clearance=clearance, upto=upto))
    if document.tally is not None and stored:
        keys = None if every else {key for doc in stored for key in document.tally_keys(doc.key, doc.body)}
        cells = await read_groups(
            pool, document.tally(), build_of(document.tally()), document_grouping(document, keys),
            clearance=clearance, at=at, upto=upto,
        )  # fmt: skip
        beside = replace(beside, cells=by_document(cells))
    if document.details is not None:
        asked = {(doc.key, at): beside.ask(document, doc, at) for doc in stored}
        wanted = {key for own in asked.values() for key in own.details}
        build = build_of(document.details())
        details = await read_details(pool, document.details, build, wanted, clearance=clearance, upto=upto)
        beside = replace(beside, details=details, asked=asked)
    return beside


async def read_policies(
    pool: Pool | Connection, document: Document[Any], build_of: BuildOf, *, clearance: int, upto: int
) -> dict[str, Stored]:
    """The policies that a document hangs on, those that were ever changed."""
    if document.thresholds is None:
        return {}
    thresholds = document.thresholds()
    found = await read_documents(
        pool, thresholds, build_of(thresholds), clearance=clearance, upto=upto, keys=document.policies
    )
    return {policy.key: policy for policy in found}


async def read_details(
    pool: Pool | Connection,
    details: type[Tally],
    build: Build,
    keys: Collection[str],
    *,
    clearance: int,
    upto: int,
) -> dict[str, list[Group]]:
    """The lines of a ledger under some values of its first dimension, whenever they count."""
    if not keys:
        return {}
    sums, grouping = Totalling(len(details.measures)), detail_grouping(details, keys)
    await sum_lines(pool, build, grouping, Window(0, upto, clearance), sums, detail_days(details, keys))
    return by_document(await beside(sums.count, sums.groups))


async def read_detailed(
    pool: Pool | Connection, details: type[Tally], build: Build, *, clearance: int, after: int, upto: int
) -> list[tuple[str, str, int, bool]]:
    """Under which values of its first two dimensions something was booked between two positions, and the last mark."""
    sums = Totalling(0)
    await sum_lines(pool, build, Grouping(details.dimensions[:2]), Window(after, upto, clearance), sums)
    return [(str(g.key[0]), str(g.key[1]), g.position, g.restated) for g in sums.groups()]


async def touched_documents(
    pool: Pool | Connection, build: Build, *, clearance: int, after: int, upto: int
) -> dict[str, tuple[int, bool]]:
    """The documents that changed after a position and up to another: by key, the last change and its mark."""
    rows = await pool.fetch(query("answer", "touched_documents"), build.build, clearance, after, upto)
    return {r["key"]: (r["from_position"], r["restated"]) for r in rows}
