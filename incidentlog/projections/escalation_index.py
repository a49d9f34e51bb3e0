"""An index of how events lean, conflict below zero and cooperation above: Goldstein's weights, by how sure they are."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from incidentlog.events.about import is_record_event
from incidentlog.events.values import Occurred
from incidentlog.folding.domains import one_of
from incidentlog.folding.local_days import counts_from
from incidentlog.folding.rolling import midnights
from incidentlog.folding.shapes import Contribution, Row, Tally, projection
from incidentlog.folding.subject import Entry, Subject
from incidentlog.folding.whereabouts import WHERE, place_names, whereabouts
from incidentlog.subjects.agreement import Agreement
from incidentlog.subjects.assistance import Assistance
from incidentlog.subjects.ceasefire import Ceasefire
from incidentlog.subjects.contact import Contact
from incidentlog.subjects.exchange import Exchange
from incidentlog.subjects.incident import Incident
from incidentlog.subjects.proposal import Proposal
from incidentlog.subjects.statement import Statement
from incidentlog.subjects.strike import Strike
from incidentlog.subjects.talk import Talk

FACTORS: Final = {
    "verified": 100, "corroborated": 80, "single_source": 50, "unverified": 25, "disputed": 25, "refuted": 0,
}  # fmt: skip
"""By verification, in hundredths."""
DAYS: Final = 7
"""How many days the mean is over: a day and those before it."""
ONE_OFF: Final = frozenset({"strike.reported", "incident.reported", "violation.reported"})
"""Reports of one thing: however often it is told, it happened once."""


@cache
def weights() -> Mapping[str, tuple[str, int]]:
    """By label: the CAMEO code, and Goldstein's weight in tenths."""
    text = files("incidentlog.projections").joinpath("goldstein.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["event_type"]: (row["cameo"], round(float(row["goldstein"]) * 10)) for row in rows}


@projection("escalation_index", version=5)
class EscalationIndex(Tally):
    """Goldstein weights by verification factor, by local day, with the number of events and the mean of seven days.

    It follows coverage: a day on which more is reported has a larger index, whatever happened. So the events are
    counted beside it, and it is no measurement of anything. Events without a weight in the table are left out. Sums
    are exact, in thousandths.
    """

    categories = frozenset(label.partition(".")[0] for label in weights())
    dimensions = ("day", "week", "month", "category", "type", "cameo", *WHERE, "verification")
    domains = {
        "category": one_of(lambda: {label.partition(".")[0] for label in weights()}, "unknown_category"),
        "type": one_of(lambda: map(label_text, weights()), "unknown_type"),
        "cameo": one_of(lambda: {cameo for cameo, _ in weights().values()}),
    }
    measures = ("thousandths", "events", "thousandths_7_days", "events_7_days")
    rolling = DAYS
    group_by = ("day",)
    rollups = (
        ("day", "week", "month"),
        ("category", "type", "cameo", "verification"),
        ("month", "category", "type", "cameo", "admin1", "country", "verification"),
        ("day", "week", "month", "category", "admin1", "country"),
    )

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """Each weighted event on its day: that it is in the means of the six that follow is the rolling sum's."""
        if subject.is_current:
            yield from self._scored(subject, happened(subject, subject.entries))

    def added(self, before: Subject, after: Subject) -> Iterator[Contribution] | None:
        """Those of the events that came last, where those before them are what they were."""
        if not after.is_current or after.absorbed or (meant := _meant(after)) is None or meant != _meant(before):
            return None
        new = after.added_to(before, "is_current", "verification", "place", "zone", "since", "occurred", "ignored")
        if new is None or any(entry.type in ONE_OFF for entry in new):
            return None
        return self._scored(after, happened(after, new))

    def _scored(self, subject: Subject, told: Iterable[tuple[Occurred, str]]) -> Iterator[Contribution]:
        category, where = subject.stream.partition(":")[0], whereabouts(subject.place)
        for occurred, label in told:
            cameo, tenths = weights()[label]
            score = tenths * FACTORS[subject.verification]
            at, days = counts_from(subject, occurred), subject.buckets(occurred).values
            what = (category, label_text(label), cameo, *where, subject.verification)
            # What is known to the week or the month is in no day, and in no mean (E12).
            early = None if days[0] is None else midnights(days[0], subject.zone, DAYS)
            yield Contribution(at, (*days, *what, early), (score, 1))

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:
        """The index and the events; of a day also the mean of the seven days up to it."""
        row: Row = {"index": sums["thousandths"] / 1000, "events": sums["events"]}
        if "day" in key:
            known = key["day"] is not None
            row["mean_7_days"] = round(sums["thousandths_7_days"] / 1000 / DAYS, 3) if known else None
            row["events_7_days"] = sums["events_7_days"] if known else None
        return row

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """What places and regions are called."""
        return place_names(subject.place)


def label_text(label: str) -> str:
    """A label as a dimension holds it: without the sign that parts the values in a row's key."""
    return label.replace("|", "/")


def happened(subject: Subject, entries: Iterable[Entry]) -> Iterator[tuple[Occurred, str]]:
    """When those of the subject's events were that have a weight, each once, with its label in the table.

    What two merged records both tell of one day is one event.
    """
    unfit = {i.event for i in subject.ignored}
    told: set[tuple[str, str | None]] = set()
    for entry in entries:
        if entry.status == "retracted" or entry.event in unfit or is_record_event(entry.type):
            continue
        label = label_of(subject, entry)
        if label is None:
            continue
        if entry.type in ONE_OFF or subject.absorbed:
            once = entry.type, None if entry.type in ONE_OFF else subject.buckets(entry.occurred).day
            if once in told:
                continue
            told.add(once)
        if entry.type in ONE_OFF and subject.occurred is not None:
            yield subject.occurred, label
        else:
            yield entry.occurred, label


def label_of(subject: Subject, entry: Entry) -> str | None:
    """The row of the table that an event falls under; None where there is none."""
    match entry.type:
        case "talk.postponed" | "talk.cancelled":
            label = "talk.postponed or talk.cancelled"
        case "agreement.suspended" | "agreement.terminated":
            label = "agreement.suspended/terminated"
        case "ceasefire.declared" | "ceasefire.agreed":
            label = "ceasefire.declared/agreed"
        case "exchange.stage_completed":
            label = "exchange.completed/stage_completed"
        case _:
            label = _by_subject(subject, entry)
    return label if label in weights() else None


def _by_subject(subject: Subject, entry: Entry) -> str:
    """The label, where it takes more than the event's type to say."""
    name = entry.type
    match subject:
        case Talk() if name == "talk.held":
            mediated = any(a.role in {"mediator", "facilitator"} for a in subject.participants)
            return "talk.held (mediated)" if mediated else name
        case Contact():
            return {"visit": "contact.held (visit)", "message": ""}.get(subject.mode or "", "contact.held (phone)")
        case Proposal() | Statement() | Ceasefire():
            return _said(subject, entry)
        case Agreement() if name == "agreement.reached":
            return f"{name} ({subject.given.get(str(entry.event), {}).get('form')})"
        case Exchange() if name == "exchange.completed":  # what came in stages is counted with them
            return "" if subject.stages else "exchange.completed/stage_completed"
        case Strike() if name == "strike.reported":
            return _strike(subject)
        case Incident() if name == "incident.reported":
            return f"{name} {subject.kind}"
        case Assistance():
            return _assistance(subject, name)
        case _:
            return name


def _meant(subject: Subject) -> object:
    """What the labels of a subject's events hang on beside their types; None where that is not of the subject alone."""
    match subject:
        case Proposal() | Ceasefire() | Agreement():
            return None
        case Talk():
            return any(a.role in {"mediator", "facilitator"} for a in subject.participants)
        case Contact():
            return subject.mode, ()
        case Statement():
            return subject.stance, ()
        case Exchange():
            return bool(subject.stages)
        case Strike():
            return subject.means
        case Incident():
            return subject.kind, ()
        case Assistance():
            return subject.kind
        case _:
            return ()


def _said(subject: Proposal | Statement | Ceasefire, entry: Entry) -> str:
    """The label of what depends on the words."""
    match subject:
        case Proposal() if entry.type == "proposal.responded":
            return f"{entry.type} {_response(subject, entry)}"
        case Ceasefire() if entry.type == "ceasefire.responded":
            return f"{entry.type} {next((m.response for m in subject.life.moves if m.event == entry.event), None)}"
        case Statement():
            return f"{entry.type} {subject.stance}"
        case _:
            return entry.type


def _response(proposal: Proposal, entry: Entry) -> str | None:
    """What a party answered; a party's earlier answers are not kept, and have no weight."""
    since = entry.occurred.since
    answers = [r.response for r in proposal.responses.values() if r.since == since]
    same = [
        e.event
        for e in proposal.entries
        if e.type == entry.type and e.occurred.since == since and e.status != "retracted"
    ]
    n = same.index(entry.event)
    return answers[n] if n < len(answers) else None


def _strike(strike: Strike) -> str:
    if strike.means and set(strike.means) <= {"drone", "naval_drone"}:
        return "strike.reported (uav)"
    if strike.means and set(strike.means) <= {"missile", "cruise_missile", "ballistic_missile", "guided_bomb"}:
        return "strike.reported (guided missile)"
    return "strike.reported"


def _assistance(line: Assistance, name: str) -> str:
    """Military before humanitarian, where it is both: the table has a weight for either."""
    kinds = [k for k in ("military", "humanitarian") if k in line.kind and f"{name} {k}" in weights()]
    return f"{name} {kinds[0]}" if kinds else name
