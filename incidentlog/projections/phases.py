"""Which claims of violations are of a time in force, and which came before or after it (docs/ceasefires.md).

Claims come summed by the weeks in which they begin and end. Where no boundary of a time in force cuts a week, all that
begins or ends in it is of one phase, and its sum will do; where one does, the claims of that week decide one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from incidentlog.events.values import INSTANT, start_instant
from incidentlog.folding.shapes import Cell
from incidentlog.projections.compliance import Claim
from incidentlog.projections.violations import week_of
from incidentlog.subjects.lifecycle import Course

Periods = tuple[tuple[datetime, datetime | None], ...]
"""When it was in force or suspended, half-open; the end of the last is None while it lasts."""


@dataclass
class Counts:
    """Violations claimed: by claimant while it was in force, and apart before and after."""

    by_claimant: dict[str, int] = field(default_factory=dict)
    pre_entry: int = 0
    post_end: int = 0

    def add(self, phase: str, claimant: str, reported: int) -> None:
        """Count some of one phase."""
        match phase:
            case "in force":
                self.by_claimant[claimant] = self.by_claimant.get(claimant, 0) + reported
            case "before":
                self.pre_entry += reported
            case _:
                self.post_end += reported


def count(periods: Periods, cells: Sequence[Cell], claims: Sequence[Claim], zone: str) -> Counts:
    """Count each claim once. `claims` are at least those of the weeks that `periods` cut."""
    cut = cut_weeks((instant for period in periods for instant in period if instant is not None), zone)
    counts = Counts()
    for cell in cells_once(cells):
        first, last = cell.dimensions["from_week"] or "", cell.dimensions["to_week"] or ""
        if first not in cut and last not in cut:
            phase = _phase(periods, _week(first, zone)[0], _week(last, zone)[1])
            counts.add(phase, cell.dimensions["claimant"] or "", cell.sums["reported"])
    for claim in claims if cut else ():
        if not cut.isdisjoint({week_of(claim.begins, zone), week_of(claim.last, zone)}):
            counts.add(_phase(periods, claim.begins, claim.last), claim.claimant, claim.reported)
    return counts


def cells_once(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Cells of several ceasefires that are one by now, those who cite more than one of them only once."""
    ours = {cell.dimensions["ceasefire"] or "" for cell in cells}
    for cell in cells:
        also = cell.dimensions["also"]
        if also is None or not any(c in ours and c < (cell.dimensions["ceasefire"] or "") for c in also.split("+")):
            yield cell


def boundaries(life: Course) -> Iterator[datetime]:
    """Every instant at which a time in force begins or ends, by what is known of the life."""
    for _, standing in life.steps:
        yield from (instant for instant in (standing.periods or ((None, None),))[-1] if instant is not None)


def cut_weeks(instants: Iterable[datetime], zone: str) -> set[str]:
    """The local weeks in which some instants lie, save those that only begin a week."""
    weeks = ((instant, week_of(instant, zone)) for instant in instants)
    return {week for instant, week in weeks if instant != _week(week, zone)[0]}


def _phase(periods: Periods, begins: datetime, last: datetime) -> str:
    """Whether an interval meets a time in force; else wholly before the first entry, or after an end."""
    for start, end in periods:
        if (end is None or begins < end) and last >= start:
            return "in force"
    return "before" if not periods or begins < periods[0][0] else "after"


@lru_cache(maxsize=10_000)
def _week(week: str, zone: str) -> tuple[datetime, datetime]:
    """The first and the last instant of a local week, given its Monday."""
    monday = date.fromisoformat(week)
    return start_instant(monday, zone), start_instant(monday + timedelta(days=7), zone) - INSTANT
