"""What became another between two positions, and by which events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from incidentlog.events.about import is_record_event
from incidentlog.folding.rows import Group, Grouping, Stored, row_key
from incidentlog.folding.shapes import Document, Key
from incidentlog.folding.totalling import Booked, Totalling, Window
from incidentlog.sqlfiles import query
from incidentlog.store import answer
from incidentlog.store.answer import BuildOf, sum_lines
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.derive import read_links
from incidentlog.store.live import ended_documents
from incidentlog.store.pages import PAGE_OCTETS, fetch_page
from incidentlog.store.read import read_unopened, seen
from incidentlog.store.segments import last_booked
from incidentlog.store.versions import AnyText, Texts
from incidentlog.turns import Turns, beside

CAUSES: Final = 100
"""The most positions told of one row, the last ones; one more is read, so that it can be said that there are more."""

Positions = list[int]
"""Newest first, at most CAUSES + 1."""


@dataclass(frozen=True, slots=True)
class Cause:
    """An event that changed something."""

    position: int
    event_id: UUID
    type: str


@dataclass(frozen=True, slots=True)
class Between:
    """The log after a position and up to another, as far as a clearance sees."""

    after: int
    upto: int
    clearance: int


async def touched_groups(
    pool: Pool | Connection,
    build: Build,
    grouping: Grouping,
    between: Between,
    *,
    at: datetime,
    after_key: str | None,
    limit: int,
) -> dict[Key, Positions]:
    """The groups with a booking that counts at an instant, in the order of their rows' keys, after one of them.

    What was booked may have come to nothing: whether a row is another one, the rows say.
    """
    window = Window(between.after, between.upto, between.clearance, at=at)
    touched = Totalling(0)
    await sum_lines(pool, build, grouping, window, touched)
    keys = await beside(touched.count, lambda: _page(touched.groups(), after_key, limit))
    booked = Booked(keys, CAUSES + 1)
    await sum_lines(pool, build, grouping, window, booked)
    return booked.positions()


def _page(groups: Iterable[Group], after_key: str | None, limit: int) -> list[Key]:
    keys = {row_key(group.key): group.key for group in groups}
    return [keys[key] for key in sorted(keys) if after_key is None or key > after_key][:limit]


async def touched_documents(
    pool: Pool | Connection, build: Build, keys: Iterable[str], between: Between
) -> dict[str, Positions]:
    """When some documents became other ones, by key; those that did not are left out."""
    rows = await pool.fetch(
        query("diff", "touched_documents"),
        build.build, between.clearance, between.after, between.upto, list(keys), CAUSES + 1,
    )  # fmt: skip
    return {r["key"]: r["positions"] for r in rows}


async def moved_documents(
    pool: Pool | Connection,
    document: Document[Any],
    build_of: BuildOf,
    between: Between,
    now: Sequence[Stored] | None = None,
) -> set[str] | None:
    """The keys of all documents that may show something else than before: no other had a part that changed.

    That is a version of its own that begins or ends, and what was booked in the tallies that it reads. `now` are the
    bodies of all that are there at the end; without them, which are dear, there may be keys of what is none, or shows
    the same. None is all, by a policy.
    """
    moved = await _moved(pool, build_of(document), between)
    if document.thresholds is not None:
        policies = await _moved(pool, build_of(document.thresholds()), between)
        if not policies.isdisjoint(document.policies):
            return None
    if document.tally is None:
        return moved
    booked, window = Totalling(0), Window(between.after, between.upto, between.clearance)
    tallies = [(tally := document.tally(), tally.dimensions[0])]
    if document.details is not None:
        tallies.append((details := document.details(), details.dimensions[1]))
    for read, name in tallies:
        await sum_lines(pool, build_of(read), Grouping((name,)), window, booked)
    values = {value for group in booked.groups() if (value := group.key[0]) is not None}
    if now is None:
        merged = await read_links(pool, values, between.upto)  # one that absorbed another reads its cells, too
        return moved | values | {stream for link in merged for stream in link}
    return moved | {doc.key for doc in now if not values.isdisjoint(document.tally_keys(doc.key, doc.body))}


async def _moved(pool: Pool | Connection, build: Build, between: Between) -> set[str]:
    """The documents of which a version begins or ends."""
    own: dict[str, Any] = {"clearance": between.clearance, "after": between.after, "upto": between.upto}
    begun = await answer.touched_documents(pool, build, **own)
    return {*begun, *await ended_documents(pool, build, **own)}


async def touched_builds(pool: Pool | Connection, builds: Iterable[Build], between: Between) -> dict[str, int]:
    """The last position at which each projection changed, by name; those that did not are left out."""
    named = {b.build: b.projection for b in builds}
    rows = await pool.fetch(
        query("diff", "touched_builds"), list(named), between.clearance, between.after, between.upto
    )
    found = {named[r["build"]]: r["position"] for r in rows if r["position"] is not None}
    for build, name in named.items():
        booked = await last_booked(pool, build, clearance=between.clearance, after=between.after, upto=between.upto)
        if booked is not None:
            found[name] = max(booked, found.get(name, booked))
    return found


async def touched_subjects(
    pool: Pool | Connection,
    between: Between,
    *,
    streams: Sequence[str] | None = None,
    after_stream: str | None = None,
    limit: int,
) -> dict[str, Positions]:
    """When subjects became other ones, by stream and in the order of their names: all of them, or some."""
    rows = await pool.fetch(
        query("diff", "touched_subjects"),
        between.clearance, between.after, between.upto, after_stream, streams, limit, CAUSES + 1,
    )  # fmt: skip
    return {r["stream"]: r["positions"] for r in rows}


async def read_subjects(
    pool: Pool | Connection, streams: Iterable[str], *, clearance: int, position: int
) -> tuple[dict[str, AnyText], str | None]:
    """What stood of some streams at a position, as it is stored; what was not known then is left out.

    In the order of the streams, as many as fit into half a page: the second part of the answer is the first stream that
    did not.
    """
    rows, beyond = await fetch_page(
        pool, query("diff", "subjects"), list(streams), clearance, position, octets=PAGE_OCTETS // 2, at_a_time=8
    )
    turns, found, total = Turns(), dict[str, AnyText](), 0
    async for _, text in Texts(pool).of(rows):
        total += len(text.stream) + text.octets  # as `size_of` a row that has its text
        if found and total > PAGE_OCTETS // 2:
            return found, text.stream
        found[text.stream] = text
        await turns.spend(text.work)
    return found, None if beyond is None else beyond["stream"]


async def read_causes(
    pool: Pool | Connection, positions: Iterable[int], *, upto: int, clearance: int
) -> Mapping[int, Cause]:
    """The events at some positions that a clearance covers: nobody is told of others (P5).

    What is said of the world is marked as it was sent where nothing in its stream was marked otherwise since. Other
    events, and what is said of records, are looked at more closely (`seen`).
    """
    rows = await pool.fetch(query("diff", "causes"), sorted({p for p in positions if p <= upto}))
    remarked = {r["stream"] for r in await pool.fetch(query("diff", "remarked"), list({r["stream"] for r in rows}))}
    closely = {r["position"] for r in rows if r["stream"] in remarked or is_record_event(r["type"])}
    found = await seen(pool, await read_unopened(pool, positions=closely), upto=upto, clearance=clearance)
    causes = {e.position: Cause(e.position, e.event_id, e.type) for e in found.events}
    plain = (r for r in rows if r["tlp"] <= clearance and r["position"] not in closely)
    return causes | {r["position"]: Cause(r["position"], r["event_id"], r["type"]) for r in plain}
