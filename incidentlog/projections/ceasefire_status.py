"""How every ceasefire and agreement stands: its state, each party's view of it, its terms, the violations claimed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from incidentlog.events.values import KYIV, Model, Zone, add_days, end_of_day_instant, local_date
from incidentlog.folding.local_days import next_change
from incidentlog.folding.shapes import Cell, Document, Known, Row, projection
from incidentlog.folding.subject import Entry, Ignored, Subject
from incidentlog.projections.compliance import Compliance, claims_of, lookback, stretches
from incidentlog.projections.phases import Counts, Periods, boundaries, cells_once, count, cut_weeks
from incidentlog.projections.policies import Policies
from incidentlog.projections.violations import Violations, ViolationSheets, days_of_week, sheet, week_of
from incidentlog.subjects.accord import Accord
from incidentlog.subjects.ceasefire import Ceasefire, Position
from incidentlog.subjects.lifecycle import Reading, Standing, course, faded
from incidentlog.subjects.terms import Lifecycle

SCOPES: Final = ("general", "aerial", "energy_infrastructure", "maritime", "humanitarian", "local")
"""Widest first."""
LISTED: Final = 100
"""The most orphaned violations that a row lists."""
OVER: Final = frozenset(
    {"over", "ended", "finished", "expired", "lapsed", "terminated", "collapsed", "void", "dead", "withdrawn"}
)
"""How the status begins by which a party says that it is over."""


class AccordBody(Model):
    """What a row is made of: all that is known of one ceasefire or agreement, at every instant."""

    kind: str
    is_current: bool
    life: Lifecycle
    given: dict[str, dict[str, Any]]
    positions: dict[str, Position]
    ignored: tuple[Ignored, ...]
    absorbed: tuple[str, ...]
    zone: Zone = KYIV
    conflict: str | None = None
    news: datetime | None = None
    """When something of it was last told of: an event of its stream."""


@projection("ceasefire_status", version=4)
class CeasefireStatus(Document[AccordBody]):
    """How every ceasefire and agreement stands, in whose view, with the violations claimed; and the headline."""

    categories = frozenset({"ceasefire", "agreement"})
    body = AccordBody
    tally = Violations
    tally_by = ("claimant", "from_week", "to_week", "also")
    details = ViolationSheets
    thresholds = Policies
    policies = ("compliance", "silence")

    def keys(self, subject: Subject) -> Iterator[str]:
        """Each by its stream."""
        if isinstance(subject, Accord):
            yield subject.stream

    def fold(self, key: str, subjects: Sequence[Subject]) -> AccordBody | None:  # noqa: ARG002 - it is the stream
        """The life as the subject knows it; one whose every event is retracted has none, and is kept."""
        accord = next((s for s in subjects if isinstance(s, Accord)), None)
        if accord is None:
            return None
        return AccordBody(
            kind=accord.category,
            is_current=accord.is_current,
            life=accord.life,
            given=accord.given,
            positions=accord.positions if isinstance(accord, Ceasefire) else {},
            ignored=accord.ignored,
            absorbed=accord.absorbed,
            zone=accord.zone,
            conflict=accord.conflict,
            news=max((e.occurred.since for e in accord.entries if _is_news(e)), default=None),
        )

    def tally_keys(self, key: str, body: AccordBody) -> Sequence[str]:
        """Violations that cite what was merged into it are its own."""
        return (key, *body.absorbed)

    def detail_keys(self, body: AccordBody, at: datetime, known: Known) -> Sequence[str]:
        """The sheets of the weeks that a boundary cuts, and of the days that compliance looks back on.

        Of one that was retracted, those of the last weeks, up to as many claims as are listed.
        """
        ended = {cell.dimensions["to_week"] or "" for cell in known.cells}
        if not body.is_current:
            days = {day for week in _last_weeks(known.cells, LISTED) for day in days_of_week(week)}
        else:
            life = faded(course(body.life), _fades(body, known))
            cut = cut_weeks(boundaries(life), body.zone) & {
                *ended,
                *(cell.dimensions["from_week"] or "" for cell in known.cells),
            }
            days = {day for week in cut for day in days_of_week(week)}
            if any(stretch.end is None or stretch.end > at for stretch in stretches(life)):
                first = at - lookback(known.policies["compliance"])
                recent = (day for week in ended if week >= week_of(first, body.zone) for day in days_of_week(week))
                days |= {day for day in recent if day >= local_date(first, body.zone).isoformat()}
        ceasefires = {cell.dimensions["ceasefire"] or "" for cell in known.cells}
        return sorted(sheet(ceasefire, day) for ceasefire in ceasefires for day in days)

    def row(self, body: AccordBody, at: datetime, known: Known) -> Row:
        """The state, the views, the terms, the counts and how far it is kept, at an instant."""
        return self._row(body, at, known, Outlook(body, at, known))

    def next_transition(self, body: AccordBody, at: datetime, known: Known) -> datetime | None:
        """The next instant at which the state, a view, the terms or the compliance change by themselves."""
        outlook = Outlook(body, at, known)
        return next_change(outlook.instants(), at, outlook.shown)

    def evaluate(self, body: AccordBody, at: datetime, known: Known) -> tuple[Row, datetime | None]:
        """Both, with the claims looked through once."""
        outlook = Outlook(body, at, known)
        return self._row(body, at, known, outlook), next_change(outlook.instants(), at, outlook.shown)

    def _row(self, body: AccordBody, at: datetime, known: Known, outlook: "Outlook") -> Row:
        return {
            **outlook.shown(at),
            "is_current": body.is_current,
            "positions": {party: p.model_dump() for party, p in sorted(body.positions.items())},
            **_orphaned(body, at, known),
            "ignored": [i.model_dump(mode="json") for i in body.ignored],
        }

    def summary(self, rows: Mapping[str, Row]) -> Mapping[str, Row]:
        """The headline of all, and of each conflict: see `_headline`."""
        ceasefires = {key: row for key, row in rows.items() if row["kind"] == "ceasefire"}
        conflicts = sorted({row["conflict"] for row in ceasefires.values()} - {None})
        of_each = {c: {key: row for key, row in ceasefires.items() if row["conflict"] == c} for c in conflicts}
        return {
            "headline": _headline(ceasefires),
            **{f"headline:{conflict}": {**_headline(own), "conflict": conflict} for conflict, own in of_each.items()},
        }

    def sums_up(self, key: str) -> bool:
        """The headlines."""
        return key.partition(":")[0] == "headline"


def _headline(ceasefires: Mapping[str, Row]) -> Row:
    """Of the ceasefires in force the widest, then the latest; else the latest agreed or declared."""
    in_force = [key for key, row in ceasefires.items() if row["state"] == "in_force"]
    agreed = [key for key, row in ceasefires.items() if row["state"] in {"agreed", "declared"}]
    upcoming = [at for row in ceasefires.values() if (at := row["next_transition_at"]) is not None]
    headline: Row = {"state": "none", "kind": "ceasefire", "stream": None, "position": 0, "restated": False}
    if in_force:
        key = max(in_force, key=lambda k: (_breadth(ceasefires[k]), ceasefires[k]["terms"]["effective_from"], k))
        headline = {**ceasefires[key], "stream": key}
    elif agreed:
        key = max(agreed, key=lambda k: (ceasefires[k]["since"], k))
        headline = {**ceasefires[key], "stream": key}
    return {**headline, "next_transition_at": min(upcoming, default=None)}


def _label(standing: Standing) -> str | None:
    """What the clock did, where nobody said it."""
    if standing.silent:
        return "silence"
    return "lapsed" if standing.lapsed and standing.state == "rejected" else None


def _is_news(entry: Entry) -> bool:
    """Whether an event tells something of the world that counts; what is said of records does not."""
    return entry.status != "retracted" and not entry.type.startswith("record.")


def _fades(body: AccordBody, known: Known) -> datetime | None:
    """When it ends for want of news: so many days after the last, and after the last week with a violation claimed."""
    days = int(known.policies["silence"].get(f"{body.kind}_days", 0))
    if not days or body.news is None:
        return None
    news = body.news
    if last := max((cell.dimensions["to_week"] or "" for cell in known.cells), default=""):
        news = max(news, end_of_day_instant(date.fromisoformat(days_of_week(last)[-1]), body.zone))
    return add_days(news, days, body.zone)


def _breadth(row: Row) -> int:
    """How wide the widest of its scopes is."""
    return max(
        (-SCOPES.index(scope) for scope in row["terms"].get("scope", ()) if scope in SCOPES), default=-len(SCOPES)
    )


class Outlook:
    """All of a row that the clock can move, at the instant of a reading and at every one that follows."""

    def __init__(self, body: AccordBody, at: datetime, known: Known) -> None:
        """`known` has the details that `detail_keys` names for the instant `at`."""
        self._body = body
        self._reading = Reading(body.life, _fades(body, known))
        self._cells = known.cells if body.is_current else ()
        self._claims = claims_of(known.details, at) if body.is_current else []
        self._compliance = Compliance(self._reading.canonical, self._claims, known.policies["compliance"])
        self._at = at
        self._counts: tuple[Periods, Counts] | None = None

    def shown(self, at: datetime) -> Row:
        """What is shown of it at an instant."""
        standing, views = self._reading.canonical.at(at), self._reading.views(at)
        counts = self._counted(standing.periods)
        return {
            "state": standing.shown,
            "label": _label(standing),
            "kind": self._body.kind,
            "conflict": self._body.conflict,
            "since": standing.since,
            "views": views,
            "terms": _terms(self._body, standing),
            "disputed_terms": dict(_disputed(self._reading, views, at)),
            "gaps": [{"from": start, "until": end} for start, end in standing.gaps],
            "compliance": {
                "label": (label := self._compliance.label(at)),
                "collapse_suspected": label is not None
                and (self._compliance.is_long_breaking(at) or self._is_said_to_be_over(at)),
                "by_claimant": dict(sorted(counts.by_claimant.items())),
                "in_window": self._compliance.in_window(at),
            },
            "pre_entry": counts.pre_entry,
            "post_end": counts.post_end,
        }

    def instants(self) -> Iterator[datetime]:
        """Every later instant at which any of it may change by itself."""
        yield from self._reading.instants(after=self._at)
        yield from self._compliance.instants()
        yield from (statement.at for statement in self._body.life.statements)

    def _counted(self, periods: Periods) -> Counts:
        if self._counts is None or self._counts[0] != periods:
            self._counts = periods, count(periods, self._cells, self._claims, self._body.zone)
        return self._counts[1]

    def _is_said_to_be_over(self, at: datetime) -> bool:
        """Whether a party's latest statement, if it was made by then, says so."""
        latest = {s.party: s.at for s in sorted(self._body.life.statements, key=lambda s: s.order)}
        return any(
            party in latest and latest[party] <= at and _first_word(position.status) in OVER
            for party, position in self._body.positions.items()
        )


def _first_word(status: str) -> str:
    return status.replace("-", "_").partition("_")[0]


def _last_weeks(cells: Sequence[Cell], most: int) -> Iterator[str]:
    """The last weeks in which claims ended, as many as it takes to have that many claims."""
    claims: Counter[str] = Counter()
    for cell in cells_once(cells):
        claims[cell.dimensions["to_week"] or ""] += cell.sums["violations"]
    found = 0
    for week in sorted(claims, reverse=True):
        if found < most:
            yield week
        found += claims[week]


def _orphaned(body: AccordBody, at: datetime, known: Known) -> Row:
    """What was claimed of one that is retracted: listed, the latest first, and not counted (E2)."""
    if body.is_current:
        return {"orphaned": []}
    latest = sorted(claims_of(known.details, at), key=lambda c: (c.last, c.violation), reverse=True)[:LISTED]
    more = sum(cell.sums["violations"] for cell in cells_once(known.cells)) - len(latest)
    return {"orphaned": [c.violation for c in latest], **({"orphaned_unlisted": more} if more else {})}


def _terms(body: AccordBody, standing: Standing) -> Row:
    """The terms as they were given, with the interval that they amount to by now."""
    if standing.terms is None:
        return {}
    given = body.given.get(str(standing.terms.event), {})
    return {**given, "effective_from": standing.start, "effective_until": standing.until}


def _disputed(reading: Reading, views: Mapping[str, str], at: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where the parties who accept it at all differ on the interval, or all of them with what is common."""
    canonical = reading.canonical.at(at)
    own = {party: course.at(at) for party, course in reading.own.items() if views[party] != "rejected"}
    starts = {party: standing.start for party, standing in own.items()}
    ends = {party: standing.until for party, standing in own.items()}
    if {*starts.values()} - {canonical.start}:
        yield "effective_from", starts
    if {*ends.values()} - {canonical.until}:
        yield "effective_until", ends
