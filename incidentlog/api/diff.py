"""What changed between two states of knowledge, and by which events."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Any, Final
from zlib import crc32

import orjson
from aiohttp import web

from incidentlog.api.answers import IF_NONE_MATCH, answer, dumps, pinned, told
from incidentlog.api.errors import POSITION
from incidentlog.api.folds import FOLDING
from incidentlog.api.moment import AT, BASIS, BY, GENERATION, OPEN, VERSION, Moment, Names, find_moment, read_wanted
from incidentlog.api.narrowing import tally_groupings
from incidentlog.api.operations import (
    Number,
    Parameter,
    Routes,
    asked,
    names,
    narrowing,
    parse_int,
    refuse_unknown,
)
from incidentlog.api.paging import in_parts, write_page
from incidentlog.api.projections import same_basis
from incidentlog.api.reported import apart, fold_events, fold_reported, fold_subjects, read_family, variant_at
from incidentlog.api.requests import ASKED_ABOUT, MIN_POSITION, PREFER, SERVICE, choose_replica, reached, reader_of
from incidentlog.api.rows import Stored, ask, forget, held_back, state_at, whole
from incidentlog.api.shapes import Diff
from incidentlog.api.states import States, shown
from incidentlog.api.subject_version import subjects_for, told_version
from incidentlog.door.door import STREAM
from incidentlog.errors import BadRequest, Fault, NotFound, ProjectionLagging, TooLarge
from incidentlog.events.about import is_record_event
from incidentlog.folding.asking import FILTERS, GROUPS, LONGEST, SHAPING, fits
from incidentlog.folding.change import Change
from incidentlog.folding.differing import KINDS, Difference, causes_of, difference, differences, touched_by
from incidentlog.folding.fold import Variants
from incidentlog.folding.rows import Grouping, row_key
from incidentlog.folding.shapes import Document, Key, Row, Tally
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.projections import PROJECTIONS
from incidentlog.service.service import Service
from incidentlog.store.answer import find_subject, read_documents
from incidentlog.store.builds import active_builds, wanted_builds
from incidentlog.store.diff import (
    CAUSES,
    Between,
    Positions,
    moved_documents,
    read_causes,
    read_subjects,
    touched_builds,
    touched_documents,
    touched_groups,
    touched_subjects,
)
from incidentlog.turns import Turns, beside

FROM: Final = Names("from_known", ("from_position",))
TO: Final = Names("to_known", ("to_position",))
PAIR: Final = (
    Parameter("from_known", "As known then, or", example="2026-01-01"),
    Number("from_position", "as known at this position of the log.", example="1"),
    Parameter("to_known", "And as known then, or", example="2026-03-01"),
    Number("to_position", "as known at this position of the log; as known now, if both are left out.", example="110"),
    AT, BASIS, BY, OPEN, VERSION, GENERATION,
)  # fmt: skip
"""The parameters that say between which states of knowledge; the last ones are a basis sent back as it was given."""
PROJECTION: Final = Parameter(
    "projection", "Of the rows of this projection, or", schema={"enum": sorted(PROJECTIONS)}, example="city_incidents"
)
SUBJECT: Final = Parameter(
    "subject", "of the subject of this stream; of all subjects, if both are left out.", example="ceasefire:easter-2025"
)
AFTER: Final = Parameter("after", "Go on after this key.")
LIMIT: Final = Number("limit", "The most differences.", default=100, least=1, most=1_000, example="10")
DOCUMENTS: Final = 10_000
"""Of how many documents that differ it is looked up why, at most."""

State = Subject | Absorbed | None
Shown = Mapping[str, Any] | Absorbed | None
"""A subject as readers see it, or where its stream went; None where nothing is known of it."""
routes = Routes()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two states of knowledge about the world at one instant."""

    earlier: Moment
    later: Moment
    clearance: int

    @property
    def between(self) -> Between:
        """The positions after the earlier one and up to the later one."""
        return Between(self.earlier.position, self.later.position, self.clearance)

    @property
    def pinned(self) -> bool:
        """Whether the answer can never be another: instant and positions were named."""
        return self.earlier.pinned and self.later.pinned

    def basis(self, service: Service, version: int) -> dict[str, Any]:
        """What the answer rests on; sent back, it gives the same bytes."""
        basis: dict[str, Any] = {
            "version": version,
            "generation": service.log.generation,
            "from_position": self.earlier.position,
            "to_position": self.later.position,
            "at": self.later.at,
            "by": self.later.by,
        }
        for name, moment in (("from_known", self.earlier), ("to_known", self.later)):
            if moment.known_at is not None:
                basis[name] = moment.known_at
        if self.later.open:
            basis["open"] = True
        return basis


@dataclass(slots=True)
class Found:
    """A page of differences by key, the positions behind each, and where the next page begins."""

    differences: Mapping[str, Difference]
    positions: Mapping[str, Positions]
    next: str | None = None
    further: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is told beside a difference, by its key."""


@routes.get(
    "/v1/diff",
    scope="read",
    takes=(*PAIR, MIN_POSITION, PREFER, IF_NONE_MATCH, PROJECTION, SUBJECT, AFTER, LIMIT),
    narrows=tally_groupings,
    answers=Diff,
    problems=(NotFound, ProjectionLagging, TooLarge, *FOLDING),
)
async def show_diff(request: web.Request) -> web.Response:
    """What was added, changed and withdrawn in a projection, of a subject, or of all subjects."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    pair = await _pair(request, reader.clearance)
    after, limit = AFTER.given(request), LIMIT.of(request)
    if (name := PROJECTION.given(request)) is not None:
        return await _of_projection(request, service, name, pair, after, limit)
    refuse_unknown(request, narrows=False)
    if (stream := SUBJECT.given(request)) is not None:
        return await _of_subject(request, service, stream, pair)
    return await _of_everything(request, service, pair, after, limit)


async def _pair(request: web.Request, clearance: int) -> Pair:
    """The states of knowledge, once the projections have reached them. Raises BadRequest with every fault."""
    service, query = request.app[SERVICE], asked(request, (*PAIR, PROJECTION, SUBJECT, AFTER, MIN_POSITION))
    faults = list[Fault]()
    earlier = read_wanted(query, service.log.calendar, FROM, faults)
    of_later: list[Fault] = []
    later = read_wanted(query, service.log.calendar, TO, of_later)
    faults += [fault for fault in of_later if fault not in faults]
    if earlier.known_at is None and earlier.position is None and not faults:
        faults.append(Fault("/from_known", "missing", "give from_known, or from_position"))
    if "projection" in query and "subject" in query:
        faults.append(Fault("/subject", "one_of_two", "give a projection or a subject"))
    if "after" in query and not _is_key(query["after"]):
        faults.append(Fault("/after", "not_a_key", "give the key that a page ended with"))
    wanted = 0
    if "min_position" in query:
        wanted = parse_int(query["min_position"], "/min_position", faults, most=MIN_POSITION.most)
    if faults:
        raise BadRequest("the diff cannot be read", errors=faults)
    old = await find_moment(earlier, service.pool, service.clock)
    named = later.position is not None or wanted > 0
    new = await find_moment(replace(later, at=later.at or old.at), service.pool, service.clock)
    await reached(request, old.position, named=True)
    if not await reached(request, max(new.position, wanted), named=named):
        new = replace(new, position=max(service.runner.position, old.position))
    elif wanted > new.position and later.position is None and later.known_at is None:
        new = await find_moment(replace(later, at=later.at or old.at), service.pool, service.clock)
    if old.position > new.position or (old.known_at and new.known_at and old.known_at > new.known_at):
        pointer = "/to_known" if later.position is None and later.known_at is not None else "/to_position"
        raise BadRequest(errors=[Fault(pointer, "ends_before_start", "what is known later comes second")])
    new = replace(new, least=max(new.least, min(wanted, new.position)))
    request[ASKED_ABOUT] = new
    await choose_replica(request)
    return Pair(old, replace(new, pinned=later.at is not None and later.position is not None), clearance)


def _is_key(text: str) -> bool:
    """Whether it can be a row's key: some values, each of which could be stored."""
    parts = [text[n : n + LONGEST] for n in range(0, len(text), LONGEST)]
    return 0 < len(parts) <= 2 * GROUPS and all(fits(part) for part in parts)


# ---------------------------------------------------------------------------------------------- projections


async def _of_projection(
    request: web.Request, service: Service, name: str, pair: Pair, after: str | None, limit: int
) -> web.Response:
    projection = PROJECTIONS.get(name)
    if projection is None:
        raise NotFound(f"no projection is called '{name[:80]}'")
    params = narrowing(request)
    if shaping := [Fault(f"/{name}", "unknown_parameter", "a diff is by key") for name in SHAPING if name in params]:
        raise BadRequest(errors=shaping)
    grouping = ask(projection, params).grouping
    head: dict[str, Any] = {"projection": projection.name}
    if pair.later.by == "reported":
        found = await _reported(service, projection, pair, grouping, after, limit)
        return await _answered(request, service, pair, found, version=projection.version, head=head)
    later = await state_at(service, projection, pair.later, pair.clearance)
    assert isinstance(later, Stored)  # noqa: S101 - on the basis `recorded` it is
    pair = _up_to(later.moment, pair, projection.name)
    states = replace(later, moment=pair.earlier), later
    if isinstance(projection, Tally):
        assert grouping is not None  # noqa: S101 - a tally always has one
        found = await _tally(pair, states, grouping, after, limit)
    else:
        found = await _document(projection, pair, states, after, limit)
    lacking = await later.incomplete()
    if lacking is None:
        raise ProjectionLagging(f"{projection.name} was replaced while it was read")
    if lacking:
        head["incomplete"] = lacking
    return await _answered(request, service, pair, found, version=later.build.version, head=head)


def _up_to(later: Moment, pair: Pair, name: str) -> Pair:
    """The pair up to a state that may be less late. Raises ProjectionLagging where it comes before the earlier one."""
    if pair.earlier.position > later.position:
        raise ProjectionLagging(f"{name} is at position {later.position}", position=later.position)
    return replace(pair, later=later)


async def _tally(pair: Pair, states: tuple[Stored, Stored], grouping: Grouping, after: str | None, limit: int) -> Found:
    """The groups that something was booked in between, before and after."""
    earlier, later = states
    pool = later.service.pool
    touched = await touched_groups(
        pool, later.build, grouping, pair.between, at=pair.later.at, after_key=after, limit=limit + 1
    )
    page = list(touched)[:limit]
    only = _only(grouping, page)
    before, now = (await earlier.rows(only), await later.rows(only)) if page else ({}, {})
    keys = [row_key(key) for key in page]
    positions = {row_key(key): touched[key] for key in page}
    found = await asyncio.to_thread(differences, before, now, keys)
    return Found(found, positions, keys[-1] if len(touched) > limit else None)


def _only(grouping: Grouping, keys: Iterable[Key]) -> Grouping:
    """The grouping narrowed to some of its groups, as far as it can be: it may still have others."""
    where = dict(grouping.where)
    for name, values in zip(grouping.by, zip(*keys, strict=True), strict=False):
        if name not in where and None not in values and len(where) < FILTERS:
            where[name] = tuple(sorted({value for value in values if value is not None}))
    return replace(grouping, where=where)


async def _document(
    document: Document[Any], pair: Pair, states: tuple[Stored, Stored], after: str | None, limit: int
) -> Found:
    """The documents that show something else, whatever it hangs on, and those about all of them."""
    found: dict[str, Difference] = {}
    async with aclosing(before_and_now(document, *states, after=after, at_once=limit)) as rows:
        async for before, now in rows:
            found |= await beside(len(now), partial(differences, before, now))
            if len(found) > limit:  # what follows comes later in the order of the keys
                break
    page, following = _page(found, after, limit)
    asked = list(found)[:DOCUMENTS] if document.has_summary else list(page)
    positions = await _document_positions(document, pair, states[1], asked)
    if lone := [key for key in page if not positions.get(key)]:  # it is about other rows
        others = _newest([position for own in positions.values() for position in own])
        positions |= dict.fromkeys(lone, others)
    return Found(page, positions, following)


async def before_and_now(
    document: Document[Any], earlier: Stored, later: Stored, *, after: str | None, at_once: int
) -> AsyncGenerator[tuple[dict[str, Row], dict[str, Row]], None]:
    """Rows of a document at two positions, in order: all that may be others, some at a time, from just after a key.

    Where a row is about all, and where a policy changed, they are made of all documents, and come together; of the
    earlier position those alone are made that may be others.
    """
    between = Between(earlier.moment.position, later.moment.position, later.clearance)
    pool, build_of = later.service.pool, later.build_of
    moved = None if document.has_summary else await moved_documents(pool, document, build_of, between)
    if moved is not None:
        keys = sorted(key for key in moved if after is None or key > after)
        for start in range(0, len(keys), at_once):
            part = keys[start : start + at_once]
            yield await earlier.documents(document, part), await later.documents(document, part)
        return
    bodies = await later.bodies(document)
    now = await later.rows_of(document, bodies, every=True)
    if document.has_summary:
        moved = await moved_documents(pool, document, build_of, between, bodies)
    await forget(bodies)
    before = await earlier.documents(document, moved)
    if moved is not None:
        same = {key: row for key, row in now.items() if key not in moved}
        before = dict(sorted((same | before).items()))
    yield whole(document, before), whole(document, now)


async def _document_positions(
    document: Document[Any], pair: Pair, later: Stored, keys: Sequence[str]
) -> dict[str, Positions]:
    """When documents became other ones, when something was booked that they read, and when a policy changed."""
    pool = later.service.pool
    positions = await touched_documents(pool, later.build, keys, pair.between)
    if document.thresholds is not None:
        thresholds = later.build_of(document.thresholds())
        policies = await touched_documents(pool, thresholds, document.policies, pair.between)
        changes = [position for own in policies.values() for position in own]
        positions |= {key: _newest([*positions.get(key, ()), *changes]) for key in keys}
    if document.tally is None:
        return positions
    tally = document.tally()
    read: dict[str, set[str]] = {}
    for moment in (pair.earlier, pair.later):
        bodies = await read_documents(
            pool, document, later.build, clearance=pair.clearance, upto=moment.position, keys=keys
        )
        for doc in bodies:
            read.setdefault(doc.key, set()).update(document.tally_keys(doc.key, doc.body))
    values = sorted({value for own in read.values() for value in own})
    tallies = [(tally, tally.dimensions[0])]
    if document.details is not None:
        tallies.append((details := document.details(), details.dimensions[1]))
    for booked_in, name in tallies:
        grouping = Grouping((name,), {name: tuple(values)})
        booked = await touched_groups(
            pool, later.build_of(booked_in), grouping, pair.between,
            at=pair.later.at, after_key=None, limit=len(values),
        )  # fmt: skip
        for key, own in read.items():
            also = [p for (value,), found in booked.items() if value in own for p in found]
            positions[key] = _newest([*positions.get(key, ()), *also])
    return positions


async def _reported(
    service: Service,
    projection: Tally | Document[Any],
    pair: Pair,
    grouping: Grouping | None,
    after: str | None,
    limit: int,
) -> Found:
    """Both states folded afresh; what came between are the events that only the later one has."""
    earlier = await fold_reported(service, projection, pair.earlier, pair.clearance)
    later = await fold_reported(service, projection, pair.later, pair.clearance)
    page, following = _page(differences(await earlier.rows(grouping), await later.rows(grouping)), after, limit)
    came = later.fold.since(earlier.fold, pair.clearance)
    changes = [c for c in later.fold.afresh.changes if c.position in came]
    positions = await apart(service, lambda: causes_of(projection, changes, pair.later.at, grouping, pair.clearance))
    everything = _newest(came)  # of a row that is about others nobody can say it more closely
    return Found(page, {key: positions.get(key, everything)[: CAUSES + 1] for key in page}, following)


# ------------------------------------------------------------------------------------------------- subjects


async def _of_subject(request: web.Request, service: Service, stream: str, pair: Pair) -> web.Response:
    if not STREAM.fullmatch(stream):
        raise BadRequest(errors=[Fault("/subject", "not_a_stream", "a stream is category:slug")])
    async with subjects_for(service, pair.later) as version:
        while True:
            before, after, positions = await _subject(service, pair, stream)
            if not isinstance(after, Absorbed) or isinstance(before, Mapping):
                break
            stream = after.into  # it was part of another all along: what is asked about is that one
    if before is None and after is None:
        raise NotFound(f"no subject '{stream[:161]}' was known then")
    found = _subjects({stream: before}, {stream: after}, {stream: positions})
    return await _answered(request, service, pair, found, version=version, head={"subject": stream})


async def _subject(service: Service, pair: Pair, stream: str) -> tuple[Shown, Shown, Positions]:
    """What stood of a stream before and after, and the positions between at which it became another."""
    writing = States()
    if pair.later.by == "reported":
        old, new = [await read_family(service, stream, m, pair.clearance) for m in (pair.earlier, pair.later)]
        states = [await fold_subjects(service, events) for events in (old, new)]
        before, after = [
            await writing.shown(state) if isinstance(state, Subject) else state
            for state in (variant_at(own.get(stream, {}), pair.clearance) for own in states)
        ]
        came = {e.position for e in new if e.tlp <= pair.clearance} - {e.position for e in old}
        return before, after, _newest(came & {p for own in states for p in _told_by(own, stream, pair.clearance)})
    before, after = [
        None if (text := await find_subject(service.pool, stream, pair.clearance, m.position)) is None
        else await writing.shown_stored(text)
        for m in (pair.earlier, pair.later)
    ]  # fmt: skip
    touched = await touched_subjects(service.pool, pair.between, streams=[stream], limit=1)
    return before, after, touched.get(stream, [])


def _told_by(states: Mapping[str, Variants], stream: str, clearance: int) -> Iterator[int]:
    """The positions of the events that a stream's subject is made of; of one that was absorbed, what says so."""
    state, records_only = variant_at(states.get(stream, {}), clearance), False
    while isinstance(state, Absorbed):
        state, records_only = variant_at(states.get(state.into, {}), clearance), True
    for entry in state.entries if state is not None else ():
        if not records_only or is_record_event(entry.type):
            yield entry.position


async def _of_everything(
    request: web.Request, service: Service, pair: Pair, after: str | None, limit: int
) -> web.Response:
    """Every subject that became another, without its states; and which projections changed."""
    # Another projection, or another version of one, and the same answer cannot be given again.
    version = crc32(repr(sorted(wanted_builds().items())).encode())
    if pair.later.by == "reported":
        found, moved = await _everything_reported(service, pair, after, limit)
    else:
        builds = await active_builds(service.pool)
        projections = [builds[name] for name in PROJECTIONS if name in builds]
        pair = _up_to(held_back(pair.later, projections, "a projection"), pair, "a projection")
        async with subjects_for(service, pair.later, *(build.projection for build in projections)):
            found = await _everything_recorded(service, pair, after, limit)
            moved = await touched_builds(service.pool, projections, pair.between)
        answering = sorted((name, build.version) for name, build in builds.items())
        version = told_version(list(builds.values()), crc32(repr(answering).encode()))
    head = {"projections": [{"name": name, "position": moved[name]} for name in PROJECTIONS if name in moved]}
    return await _answered(request, service, pair, found, version=version, head=head, states=False)


async def _everything_recorded(service: Service, pair: Pair, after: str | None, limit: int) -> Found:
    touched = await touched_subjects(service.pool, pair.between, after_stream=after, limit=limit + 1)
    streams = list(touched)[:limit]
    (before, cut), (now, cut_now) = [
        await read_subjects(service.pool, streams, clearance=pair.clearance, position=m.position)
        for m in (pair.earlier, pair.later)
    ]
    whole = list(takewhile(lambda stream: stream not in {cut, cut_now}, streams))
    writing = States()
    was, is_ = [{s: await writing.shown_stored(texts[s]) for s in whole if s in texts} for texts in (before, now)]
    found = await asyncio.to_thread(_subjects, was, is_, touched)
    found.next = whole[-1] if len(whole) < len(touched) else None
    return found


async def _everything_reported(
    service: Service, pair: Pair, after: str | None, limit: int
) -> tuple[Found, dict[str, int]]:
    narrower = "ask about one subject, or about a projection"
    earlier = await fold_events(service, pair.earlier, narrower, pair.clearance)
    later = await fold_events(service, pair.later, narrower, pair.clearance)
    came = later.since(earlier)
    changes = [c for c in later.afresh.changes if c.position in came]
    seen = later.since(earlier, pair.clearance)
    touched: dict[str, list[int]] = {}
    for change in changes:
        if change.position in seen:
            touched.setdefault(change.stream, []).append(change.position)
    before, now = (
        {c.stream: variant_at(c.after, pair.clearance) for c in fold.afresh.changes} for fold in (earlier, later)
    )
    positions = {stream: _newest(own) for stream, own in touched.items()}
    found = await apart(service, lambda: _subjects(_all_shown(before), _all_shown(now), positions))
    found.differences, found.next = _page(found.differences, after, limit)
    return found, await apart(service, lambda: dict(_moved(changes, pair)))


def _moved(changes: Sequence[Change], pair: Pair) -> Iterator[tuple[str, int]]:
    """The projections that changes touch, each with the last one that does."""
    for name, projection in PROJECTIONS.items():
        for change in reversed(changes):
            if touched_by(projection, change, pair.later.at, None, pair.clearance):
                yield name, change.position
                break


def _all_shown(states: Mapping[str, State]) -> dict[str, Shown]:
    return {stream: shown(state) if isinstance(state, Subject) else state for stream, state in states.items()}


def _subjects(before: Mapping[str, Shown], after: Mapping[str, Shown], positions: Mapping[str, Positions]) -> Found:
    found: dict[str, Difference] = {}
    further: dict[str, dict[str, Any]] = {}
    for stream in sorted({*before, *after}):
        old, new = before.get(stream), after.get(stream)
        differs = difference(*(state if isinstance(state, Mapping) else None for state in (old, new)))
        if differs is not None:
            found[stream] = differs
            further[stream] = {"absorbed_into": new.into} if isinstance(new, Absorbed) else {}
    return Found(found, positions, further=further)


# ------------------------------------------------------------------------------------------------- answers


async def _answered(
    request: web.Request,
    service: Service,
    pair: Pair,
    found: Found,
    *,
    version: int,
    head: Mapping[str, Any],
    states: bool = True,
) -> web.Response:
    """The page as an answer: of each difference what was, what is, in what they differ, and the events that did it."""
    causes = await read_causes(
        service.pool,
        {p for key in found.differences for p in found.positions.get(key, ())},
        upto=pair.later.position,
        clearance=pair.clearance,
    )
    basis = same_basis(request, pair.basis(service, version))

    turns = Turns()

    async def write(key: str, differs: Difference) -> bytes:
        positions = found.positions.get(key, [])
        entry: dict[str, Any] = {}
        for name, state in (("before", differs.before), ("after", differs.after)) if states else ():
            entry[name] = None if state is None else await in_parts(state, turns)
        entry |= {
            "fields": differs.fields,
            **found.further.get(key, {}),
            "causes": [causes[p] for p in sorted(positions[:CAUSES]) if p in causes],
        }
        if len(positions) > CAUSES:
            entry["more_causes"] = True
        return dumps(entry)

    written, last = await write_page(found.differences.items(), write, turns)
    body: dict[str, Any] = {**head, "version": version, "basis": basis, **{kind: {} for kind in KINDS}}
    for (key, differs), entry in zip(found.differences.items(), written, strict=False):
        body[differs.kind][key] = orjson.Fragment(entry)
    following = found.next if last is None else last
    if following is not None:
        kept = [(k, v) for k, v in request.query.items() if k not in names(*PAIR, AFTER, MIN_POSITION)]
        body["next"] = str(request.rel_url.with_query([*told(basis).items(), *kept, ("after", following)]))
    response = pinned(body) if pair.pinned else answer(body)
    response.headers["Log-Position"] = str(pair.later.position)
    request[POSITION] = pair.later.position
    return response


def _page(
    found: Mapping[str, Difference], after: str | None, limit: int
) -> tuple[Mapping[str, Difference], str | None]:
    """As many as fit after a key, and the key that the next page begins after."""
    keys = [key for key in found if after is None or key > after]
    page = {key: found[key] for key in keys[:limit]}
    return page, keys[limit - 1] if len(keys) > limit else None


def _newest(positions: Iterable[int]) -> Positions:
    return sorted(set(positions), reverse=True)[: CAUSES + 1]
