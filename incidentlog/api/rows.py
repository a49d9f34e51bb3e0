"""The rows of a projection as a reader asked for them: from what is stored, or folded afresh."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from incidentlog.api.moment import Moment
from incidentlog.api.reported import Folded, fold_reported
from incidentlog.errors import BadRequest, Fault, ProjectionLagging, TooLarge
from incidentlog.folding.asking import Question, fits, parse_question
from incidentlog.folding.figures import compared, leading
from incidentlog.folding.rows import Group, Grouping, MadeRows, Names, own_rows, row_key, tally_rows
from incidentlog.folding.rows import Stored as Body
from incidentlog.folding.shapes import Document, Projection, Row, Tally
from incidentlog.service.service import Service
from incidentlog.store.answer import read_beside, read_documents, read_documents_after, read_groups, read_names
from incidentlog.store.builds import Build, active_builds
from incidentlog.store.live import names_of
from incidentlog.store.parked import incomplete
from incidentlog.turns import beside, let_go

RETRIES: Final = 3
"""How often a read begins again because what it read was replaced and thrown away meanwhile."""
ROWS: Final = 50_000
"""The most rows of a tally in one answer."""
GROUPS: Final = 500_000
"""The most groups that an answer's rows are the first of."""
NAMES: Final = 5_000
"""Of so many values the names are looked up; of more, all are read."""
MADE: Final = MadeRows(32 * 2**20)
"""The rows of documents that a process made lately, up to about so many octets."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A projection, and how a reader asks for it; a document is asked as it is."""

    projection: Tally | Document[Any]
    question: Question | None

    @property
    def grouping(self) -> Grouping | None:
        """By what a tally is grouped and narrowed."""
        return None if self.question is None else self.question.grouping


def ask(projection: Tally | Document[Any], params: Mapping[str, Sequence[str]]) -> Asked:
    """What the parameters ask. Raises BadRequest for those that the projection does not have."""
    if isinstance(projection, Tally):
        return Asked(projection, parse_question(projection, params))
    if params:
        faults = [Fault(f"/{name[:80]}", "unknown_parameter", "a document has no filters") for name in params]
        raise BadRequest(errors=faults)
    return Asked(projection, None)


@dataclass(frozen=True, slots=True)
class Page:
    """Which of a document's rows are wanted: from just after a key, None for the beginning, and at most so many."""

    after: str | None
    most: int


@dataclass(frozen=True, slots=True)
class Shaped:
    """Rows in the order asked for, and what those left out by `top` add up to."""

    rows: dict[str, Row]
    rest: Row | None = None
    more: bool | None = None
    """Of a page whether rows follow it; None where these are all."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows, and what they rest on."""

    rows: dict[str, Row]
    moment: Moment
    """The moment asked about; of what is known now, as far as the build that answers got."""
    version: int
    incomplete: int = 0
    """How many streams could not be taken in."""
    rest: Row | None = None
    """The figures of the rows left out by `top`, all in one."""
    more: bool | None = None
    """Where they are the page that was wanted, whether rows follow it; None where they are all rows."""


async def answer_of(
    service: Service,
    asked: Asked,
    moment: Moment,
    clearance: int,
    key: str | None = None,
    page: Page | None = None,
) -> Answered:
    """The rows asked for at a moment; with `key`, at least that one, if there is such a row.

    Of a document it may be the only one, and then costs no more than that one; and with `page` the rows may be those
    alone. Raises ProjectionLagging where the build that answers, of an older version, has not got as far as the reader
    wants it, and BadRequest for a page after a row that is not there.
    """
    for _ in range(RETRIES):
        state = await state_at(service, asked.projection, moment, clearance)
        found = await _rows(asked, state, key, page)
        if isinstance(state, Folded):
            return Answered(found.rows, moment, asked.projection.version, rest=found.rest)
        incomplete = await state.incomplete()
        if incomplete is not None:
            return Answered(found.rows, state.moment, state.build.version, incomplete, found.rest, found.more)
    raise ProjectionLagging(f"{asked.projection.name} was replaced while it was read")


class Source(Protocol):
    """A tally at a moment, for a reader."""

    async def groups(self, grouping: Grouping) -> list[Group]:
        """The groups of a grouping, in no order."""

    async def named(self, grouping: Grouping, groups: Sequence[Group]) -> dict[str, Row]:
        """Some of them as rows, by key and in order."""


async def _rows(asked: Asked, state: "Stored | Folded", key: str | None, page: Page | None) -> Shaped:
    if asked.question is not None:
        assert isinstance(asked.projection, Tally)  # noqa: S101 - only tallies are asked questions
        return await shaped(asked.projection, asked.question, state)
    if isinstance(state, Stored) and isinstance(asked.projection, Document):
        document = asked.projection
        if key is not None:
            own = await state.documents(document, [key]) if fits(key) else {}
            return Shaped(own if key in own or not document.sums_up(key) else await state.rows(None))
        if page is not None and not (page.after is not None and document.sums_up(page.after)):
            return await _page(document, state, page)
    return Shaped(await state.rows(None))


async def _page(document: Document[Any], state: "Stored", page: Page) -> Shaped:
    """The rows of documents from just after one of them, and at the end those that are about all."""
    after = page.after
    if after is not None and not (fits(after) and await state.bodies(document, [after])):
        raise not_a_key()
    bodies, more = await state.bodies_after(document, after or "", page.most)
    rows = await state.rows_of(document, bodies, every=after is None and not more)
    await forget(bodies)
    if not more and document.has_summary:
        rows |= document.summary(rows if after is None else await state.documents(document))
    return Shaped(rows, more=more)


def not_a_key() -> BadRequest:
    """The refusal of a page after a row that is not there."""
    return BadRequest(errors=[Fault("/after", "not_a_key", "give the key that a page ended with, and its basis")])


async def shaped(tally: Tally, question: Question, source: Source) -> Shaped:
    """The rows of what is asked, in the order and beside what it is asked for.

    Rows are made of what is shown alone: of fifty thousand groups the first ten cost little more than their sums.
    """
    grouping, shaping = question.grouping, question.shaping
    now = await source.groups(grouping)
    before = [] if shaping.previous is None else await source.groups(shaping.previous)
    count = len(now) + len(before)
    if count > GROUPS:
        raise TooLarge(f"over {GROUPS} groups: narrow {tally.name} with filters, or group it by less")
    first = await beside(count, lambda: leading(tally, grouping.by, shaping.order_by, shaping.top, now, before))
    rows = await source.named(grouping, first.now)
    if shaping.previous is not None:
        earlier, present = await source.named(grouping, first.before), rows
        rows = await beside(len(first.keys), lambda: compared(tally, grouping.by, present, earlier))
    keys = [row_key(key) for key in first.keys]
    return Shaped({key: rows[key] for key in keys}, first.rest)


@dataclass(frozen=True, slots=True)
class Stored:
    """As the runner keeps it up."""

    service: Service
    projection: Tally | Document[Any]
    builds: Mapping[str, Build]
    moment: Moment
    clearance: int

    @property
    def build(self) -> Build:
        """The build that answers."""
        return self.build_of(self.projection)

    def build_of(self, projection: Projection) -> Build:
        """The build that answers for a projection that this one reads; raises ProjectionLagging as `state_at` does."""
        return _build_of(projection, self.builds)

    async def incomplete(self) -> int | None:
        """How many streams could not be taken in; None where a build is gone, and with it what was read."""
        counts = [
            await incomplete(self.service.pool, self.build_of(p), self.clearance, self.moment.position)
            for p in (self.projection, *self.projection.beside())
        ]
        return None if None in counts else sum(n for n in counts if n is not None)

    async def rows(self, grouping: Grouping | None) -> dict[str, Row]:
        """Its rows, by key and in order; of a tally those of a grouping."""
        if isinstance(self.projection, Tally):
            assert grouping is not None  # noqa: S101 - a tally always has one
            return await self.named(grouping, await self.groups(grouping))
        return whole(self.projection, await self.documents(self.projection))

    async def groups(self, grouping: Grouping) -> list[Group]:
        """The groups of a tally, in no order."""
        pool, upto, tally = self.service.pool, self.moment.position, self._as_tally()
        return await read_groups(
            pool, tally, self.build, grouping, clearance=self.clearance, at=self.moment.at, upto=upto, most=GROUPS
        )

    async def named(self, grouping: Grouping, groups: Sequence[Group]) -> dict[str, Row]:
        """Groups as rows, by key and in order."""
        tally = self._as_tally()
        if len(groups) > ROWS:
            raise TooLarge(f"over {ROWS} groups: ask for the top, narrow {tally.name}, or group it by less")
        names = await self._names(tally, {v for group in groups for v in group.key if v is not None}, grouping)
        return await beside(len(groups), lambda: tally_rows(tally, grouping.by, groups, names))

    def _as_tally(self) -> Tally:
        assert isinstance(self.projection, Tally)  # noqa: S101 - asked of tallies
        return self.projection

    async def _names(self, tally: Tally, values: Collection[str], grouping: Grouping) -> Names:
        """What the values in some groups are called."""
        pool, upto = self.service.pool, self.moment.position
        if type(tally).names is Tally.names or not values:
            return {}
        if len(values) > NAMES:
            return await read_names(pool, self.build, clearance=self.clearance, upto=upto)
        return await names_of(pool, self.build, grouping.by, values, clearance=self.clearance, upto=upto)

    async def documents(self, document: Document[Any], keys: Collection[str] | None = None) -> dict[str, Row]:
        """The rows of documents, by key and in order, without those about all of them; or of some documents alone."""
        bodies = await self.bodies(document, keys)
        rows = await self.rows_of(document, bodies, every=keys is None)
        await forget(bodies)
        return rows

    async def bodies(self, document: Document[Any], keys: Collection[str] | None = None) -> list[Body]:
        """What documents' rows are made of; of all of them, or of some."""
        return await read_documents(
            self.service.pool, document, self.build,
            clearance=self.clearance, upto=self.moment.position, keys=keys, one=self.service.document,
        )  # fmt: skip

    async def bodies_after(self, document: Document[Any], after: str, most: int) -> tuple[list[Body], bool]:
        """The same of those that come after a key, at most so many and as many as fit into a page; whether more do."""
        return await read_documents_after(
            self.service.pool, document, self.build,
            clearance=self.clearance, upto=self.moment.position, after=after, most=most, one=self.service.document,
        )  # fmt: skip

    async def rows_of(self, document: Document[Any], bodies: Sequence[Body], *, every: bool) -> dict[str, Row]:
        """The rows of some documents, by key and in order; `every`: there are no others."""
        at = self.moment.at
        known = await read_beside(
            self.service.pool, document, self.build_of, bodies,
            clearance=self.clearance, at=at, upto=self.moment.position, every=every,
        )  # fmt: skip
        return await beside(len(bodies) + len(_parts(bodies)), lambda: own_rows(document, bodies, known, at, MADE))


def _parts(bodies: Iterable[Body]) -> list[Any]:
    """What documents' bodies have many of, such as the talks of a track."""
    return [item for doc in bodies for part in vars(doc.body).values() if isinstance(part, tuple) for item in part]


async def forget(bodies: list[Body]) -> None:
    """Let go of what rows were made of, which may be much at one go."""
    parts = _parts(bodies)
    bodies.clear()
    await let_go(parts)


def whole(document: Document[Any], own: Mapping[str, Row]) -> dict[str, Row]:
    """The rows of documents, and those about all of them."""
    return {**own, **document.summary(own)}


async def state_at(
    service: Service, projection: Tally | Document[Any], moment: Moment, clearance: int
) -> Stored | Folded:
    """The projection at a moment: as it is stored, or folded on the basis `reported`."""
    if moment.by == "reported":
        return await fold_reported(service, projection, moment, clearance)
    builds = await active_builds(service.pool)
    read = [_build_of(p, builds) for p in (projection, *projection.beside())]
    return Stored(service, projection, builds, held_back(moment, read, projection.name), clearance)


def held_back(moment: Moment, read: Iterable[Build], name: str) -> Moment:
    """The moment that can be told of what is made of some builds: those of an older version stand still meanwhile.

    Raises ProjectionLagging where that is earlier than the reader wants it.
    """
    position = min((build.position for build in read if not build.wanted), default=moment.position)
    if position >= moment.position:
        return moment
    if position < moment.least:
        raise ProjectionLagging(f"{name} is at position {position}", position=position)
    return replace(moment, position=position)


def _build_of(projection: Projection, builds: Mapping[str, Build]) -> Build:
    """The build that answers; raises ProjectionLagging where there is none that can be read."""
    build = builds.get(projection.name)
    if build is None:
        raise ProjectionLagging(f"{projection.name} is not built yet", position=0)
    return build
