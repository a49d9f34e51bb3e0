"""What became of commitments: kept, broken, overdue, at risk. How often they are kept says `follow_through`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from incidentlog.events.values import KYIV, Model, Zone, add_days
from incidentlog.folding.local_days import days_between, next_change, next_midnight
from incidentlog.folding.shapes import Cell, Document, Known, Row, projection
from incidentlog.folding.subject import Ignored, Subject
from incidentlog.projections.implementations import Implementations
from incidentlog.projections.policies import Policies
from incidentlog.subjects.commitment import CLOSED, Commitment, Step

OPEN: Final = frozenset({"made", "in_progress"})
"""The states in which something may still come of it."""
BELOW_INTERMEDIATE: Final = frozenset({None, "not_initiated", "minimum"})
TOLD: Final = (
    "obligor", "beneficiary", "kind", "text", "target_value", "unit", "source_agreement", "measurable",
)  # fmt: skip


class Promise(Model):
    """One commitment, at every instant."""

    is_current: bool
    absorbed: tuple[str, ...]
    status: str
    obligor: str | None
    beneficiary: str | None
    kind: str | None
    text: str | None
    target_value: int | float | None
    unit: str | None
    source_agreement: str | None
    measurable: bool | None
    made: datetime | None
    dues: tuple[datetime | None, ...]
    """When it was due at first, and after every rescheduling."""
    rescheduled: tuple[datetime, ...]
    """When it was; as many as `dues`, less one."""
    progress: tuple[Step, ...]
    value: int | float | None
    level: str | None
    closed: datetime | None
    breach_claimed_by: str | None
    ignored: tuple[Ignored, ...]
    zone: Zone = KYIV

    def instants(self, at_risk_days: int) -> Iterator[datetime | None]:
        """Every instant from which something else holds; the midnights while it is overdue aside."""
        yield from (self.made, self.closed, *self.rescheduled, *(s.since for s in self.progress))
        for due in self.dues:
            if due is not None:
                yield from (due, add_days(due, -at_risk_days, self.zone))


@projection("commitments", version=4)
class Commitments(Document[Promise]):
    """State, due, days over and progress of every commitment.

    One is in progress once somebody says how far it has come, or something that implements it took place.
    """

    categories = frozenset({"commitment"})
    body = Promise
    tally = Implementations
    tally_by = ("stream", "kind", "side")
    thresholds = Policies
    policies = ("commitments",)

    def keys(self, subject: Subject) -> Iterator[str]:
        """Each by its stream."""
        if isinstance(subject, Commitment):
            yield subject.stream

    def fold(self, key: str, subjects: Sequence[Subject]) -> Promise | None:  # noqa: ARG002 - it is the stream
        """The promise as the subject knows it; one whose every event is retracted has none, and is kept."""
        said = next((s for s in subjects if isinstance(s, Commitment)), None)
        if said is None:
            return None
        told = {name: getattr(said, name) for name in Promise.model_fields if hasattr(said, name)}
        moved, dues = dues_of(said)
        return Promise(**told, rescheduled=moved, dues=dues)

    def tally_keys(self, key: str, body: Promise) -> Sequence[str]:
        """What implements a record that was merged into it implements it."""
        return (key, *body.absorbed)

    def row(self, body: Promise, at: datetime, known: Known) -> Row:
        """How it stands at an instant."""
        state, cells = state_at(body, at), known.cells
        if state == "made" and cells:
            state = "in_progress"
        is_open = state in OPEN
        dues = dues_by(body.rescheduled, body.dues, at)
        due = dues[-1] if dues and state != "none" else None
        level, progress = _progress(body, at, cells, closed=state in CLOSED)
        over = is_overdue(state, due, at)
        ends = body.closed if state in CLOSED and body.closed is not None else at
        return {
            "state": state,
            "is_current": body.is_current,
            **{name: getattr(body, name) for name in TOLD},
            "made": body.made,
            "due": due,
            "earlier_dues": [d for d in dues[:-1] if d is not None],
            "overdue": over,
            "days_over": None if due is None else max(0, days_between(due, ends, body.zone)),
            "at_risk": due is not None
            and is_open
            and not over
            and _is_near(due, at, known, body.zone)
            and level in BELOW_INTERMEDIATE,
            "level": level,
            "progress": progress,
            "closed": body.closed if state in CLOSED else None,
            "breach_claimed_by": body.breach_claimed_by if state == "breached" else None,
            "ignored": [i.model_dump(mode="json") for i in body.ignored],
        }

    def next_transition(self, body: Promise, at: datetime, known: Known) -> datetime | None:
        """The next step that is known, the due date, the days before it; and each midnight while it is overdue."""
        return self.evaluate(body, at, known)[1]

    def evaluate(self, body: Promise, at: datetime, known: Known) -> tuple[Row, datetime | None]:
        """Both, with the row made once: of many, most change with no clock any more."""
        row = self.row(body, at, known)
        midnight = next_midnight(at, body.zone) if row["overdue"] else None
        instants = [midnight, *body.instants(_at_risk_days(known))]
        return row, next_change(instants, at, lambda instant: row if instant == at else self.row(body, instant, known))


def dues_of(said: Commitment) -> tuple[tuple[datetime, ...], tuple[datetime | None, ...]]:
    """When it was rescheduled, and the due dates, first to last: one more. The first is null where it had none."""
    unfit = {i.event for i in said.ignored}
    moves = (e for e in said.entries if e.type == "commitment.rescheduled" and e.status != "retracted")
    moved = tuple(sorted(e.occurred.since for e in moves if e.event not in unfit))
    dues = (*said.earlier_dues, said.due)
    missing = len(moved) + 1 - len(dues)
    return moved, (*(None for _ in range(missing)), *dues[max(0, -missing) :])


def dues_by(moved: Sequence[datetime], dues: Sequence[datetime | None], at: datetime) -> Sequence[datetime | None]:
    """The due dates that it had been given by an instant; the last one stood then."""
    return dues[: 1 + sum(one <= at for one in moved)]


def is_overdue(state: str, due: datetime | None, at: datetime) -> bool:
    """Whether something in a state is due by an instant, and nothing came of it."""
    return due is not None and state in OPEN and at >= due


def state_at(said: Promise | Commitment, at: datetime) -> str:
    """What it was at an instant, by its own events; `none` before it was made, and where all of it is retracted."""
    if said.made is None or said.made > at or not said.is_current:
        return "none"
    if said.status in CLOSED and said.closed is not None and said.closed <= at:
        return said.status
    return "in_progress" if any(step.since <= at for step in said.progress) else "made"


def _at_risk_days(known: Known) -> int:
    """How many local days before it is due one is at risk."""
    return int(known.policies["commitments"]["at_risk_days"])


def _is_near(due: datetime, at: datetime, known: Known, zone: str) -> bool:
    return at >= add_days(due, -_at_risk_days(known), zone)


def _progress(body: Promise, at: datetime, cells: Sequence[Cell], *, closed: bool) -> tuple[str | None, Row]:
    """The level, and how far it has come: as stated by then, else by what implements it, if that is of one kind."""
    steps = [s for s in body.progress if s.since <= at]
    stated = next((s.value for s in reversed(steps) if s.value is not None), None)
    level: str | None = next((s.level for s in reversed(steps) if s.level is not None), None)
    if closed:
        stated, level = body.value, body.level
    done: dict[str, int] = {}
    for cell in cells:
        if cell.sums["told"] and _is_meant(body, cell.dimensions["side"]):
            kind = cell.dimensions["kind"] or ""
            done[kind] = done.get(kind, 0) + cell.sums["amount"]
    value = stated if stated is not None else next(iter(done.values())) if len(done) == 1 else None
    target = body.target_value
    if value is not None and target is not None and 0 < target <= value:
        level = "complete"
    return level, {
        "value": value,
        "stated": stated,
        "target": target,
        "unit": body.unit,
        "share": round(value / target, 4) if value is not None and target is not None and target > 0 else None,
        "implemented": dict(sorted(done.items())),
        "implemented_by": sorted({c.dimensions["stream"] or "" for c in cells}),
    }


def _is_meant(body: Promise, side: str | None) -> bool:
    """Whether what came home to a side is what was promised: to the beneficiary, or at least not to the obligor."""
    return side == body.beneficiary if body.beneficiary is not None else side != body.obligor
