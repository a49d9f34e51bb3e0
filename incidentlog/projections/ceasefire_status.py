"""How every ceasefire and agreement stands: its state, each party's view of it, its terms, the violations claimed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from incidentlog.projections.shapes import Cell, Document, Row, projection
from incidentlog.projections.violations import Violations
from incidentlog.subjects.accord import Accord
from incidentlog.subjects.ceasefire import Ceasefire, Position
from incidentlog.subjects.lifecycle import Reading, Standing, next_transition
from incidentlog.subjects.subject import Ignored, Subject
from incidentlog.subjects.terms import Lifecycle
from incidentlog.subjects.values import Model

SCOPES: Final = ("general", "aerial", "energy_infrastructure", "maritime", "humanitarian", "local")
"""Widest first."""
LISTED: Final = 100
"""The most orphaned violations that a row lists."""


class AccordBody(Model):
    """What a row is made of: all that is known of one ceasefire or agreement, at every instant."""

    kind: str
    is_current: bool
    life: Lifecycle
    given: dict[str, dict[str, Any]]
    positions: dict[str, Position]
    ignored: tuple[Ignored, ...]
    absorbed: tuple[str, ...]


@projection("ceasefire_status", version=1)
class CeasefireStatus(Document[AccordBody]):
    """How every ceasefire and agreement stands, in whose view, with the violations claimed; and the headline."""

    body = AccordBody
    tally = Violations
    tally_by = ("violation", "claimant", "accused", "severity", "verification", "begins", "ends")

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
        )

    def tally_keys(self, key: str, body: AccordBody) -> Sequence[str]:
        """Violations that cite what was merged into it are its own."""
        return (key, *body.absorbed)

    def row(self, body: AccordBody, at: datetime, cells: Sequence[Cell]) -> Row:
        """The state, the views, the terms and the counts at an instant."""
        reading = Reading(body.life)
        claimed = _Claimed(reading.canonical.at(at), is_current=body.is_current)
        for cell in cells:
            claimed.count(cell)
        return {
            **_shown(body, reading, at),
            "is_current": body.is_current,
            "positions": {party: p.model_dump() for party, p in sorted(body.positions.items())},
            "compliance": {"label": None, "by_claimant": dict(sorted(claimed.by_claimant.items()))},
            "pre_entry": claimed.pre_entry,
            "post_end": claimed.post_end,
            "orphaned": sorted(claimed.orphaned)[:LISTED],
            "ignored": [i.model_dump(mode="json") for i in body.ignored],
        }

    def next_transition(self, body: AccordBody, at: datetime) -> datetime | None:
        """The next instant at which the state, a view or the terms change by themselves."""
        reading = Reading(body.life)
        return next_transition(reading, at, lambda instant: _shown(body, reading, instant))

    def summary(self, rows: Mapping[str, Row]) -> Mapping[str, Row]:
        """The headline: of the ceasefires in force the widest, then the latest; else the latest agreed or declared."""
        ceasefires = {key: row for key, row in rows.items() if row["kind"] == "ceasefire"}
        in_force = [key for key, row in ceasefires.items() if row["state"] == "in_force"]
        agreed = [key for key, row in ceasefires.items() if row["state"] in {"agreed", "declared"}]
        upcoming = [at for row in ceasefires.values() if (at := row["next_transition_at"]) is not None]
        headline: Row = {"state": "none", "kind": "ceasefire", "stream": None, "position": 0, "restated": False}
        if in_force:
            key = max(in_force, key=lambda k: (_breadth(rows[k]), rows[k]["terms"]["effective_from"], k))
            headline = {**rows[key], "stream": key}
        elif agreed:
            key = max(agreed, key=lambda k: (rows[k]["since"], k))
            headline = {**rows[key], "stream": key}
        return {"headline": {**headline, "next_transition_at": min(upcoming, default=None)}}


def _breadth(row: Row) -> int:
    """How wide the widest of its scopes is."""
    return max(
        (-SCOPES.index(scope) for scope in row["terms"].get("scope", ()) if scope in SCOPES), default=-len(SCOPES)
    )


def _shown(body: AccordBody, reading: Reading, at: datetime) -> Row:
    """All of a row that the clock can move."""
    standing, views = reading.canonical.at(at), reading.views(at)
    return {
        "state": standing.shown,
        "label": "lapsed" if standing.lapsed and standing.state == "rejected" else None,
        "kind": body.kind,
        "since": standing.since,
        "views": views,
        "terms": _terms(body, standing),
        "disputed_terms": dict(_disputed(reading, views, at)),
        "gaps": [{"from": start, "until": end} for start, end in standing.gaps],
    }


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


@dataclass
class _Claimed:
    """Violations as they count against a ceasefire: by claimant while it was in force, apart before and after."""

    standing: Standing
    is_current: bool
    by_claimant: dict[str, int] = field(default_factory=dict)
    pre_entry: int = 0
    post_end: int = 0
    orphaned: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def count(self, cell: Cell) -> None:
        """Take one claim, once: one that cites two records of this ceasefire comes twice."""
        violation, claimant = cell.dimensions["violation"] or "", cell.dimensions["claimant"] or ""
        if violation in self.seen:
            return
        self.seen.add(violation)
        reported = cell.sums["reported"]
        if not self.is_current:
            self.orphaned.add(violation)
            return
        match _phase(self.standing, _instant(cell.dimensions["begins"]), _instant(cell.dimensions["ends"])):
            case "in force":
                self.by_claimant[claimant] = self.by_claimant.get(claimant, 0) + reported
            case "before":
                self.pre_entry += reported
            case _:
                self.post_end += reported


def _phase(standing: Standing, begins: datetime, ends: datetime) -> str:
    """Whether an interval meets a time in force; else wholly before the first entry, or after an end."""
    for start, end in standing.periods:
        if (end is None or begins < end) and (ends > start or begins >= start):
            return "in force"
    first = standing.periods[0][0] if standing.periods else None
    return "before" if first is None or begins < first else "after"


def _instant(text: str | None) -> datetime:
    assert text is not None  # noqa: S101 - the tally gives every claim its interval
    return datetime.fromisoformat(text)
