"""Rounds of talks by track: who met, in which format, with what outcome, and how long after the round before."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final

from incidentlog.events.envelope import Role
from incidentlog.events.values import KYIV, ActorCode, Model, Occurred, Zone, local_date, start_instant
from incidentlog.folding.local_days import (
    counts_from,
    days_of,
    next_change,
    next_midnight,
)
from incidentlog.folding.shapes import Document, Known, Row, projection
from incidentlog.folding.subject import Subject
from incidentlog.subjects.talk import Talk

SHOWN: Final = ("round_no", "format", "level", "direct_ua_ru", "venue", "outcome", "verification")
"""What a round says of itself, beside when it was and who took part."""
PARTICIPANTS: Final = 4_096
"""Of so many it is remembered how a row tells of them."""
PLANNED: Final = ("proposed_by", "format", "level", "venue", "before", "planned_start", "reason")


class Step(Model):
    """From when a talk stands as it does."""

    since: datetime
    status: str


class Meeting(Model):
    """One talk, at every instant."""

    stream: str
    position: int
    """Of its first event: of two at one instant, the order."""
    steps: tuple[Step, ...]
    round_no: int | None
    format: str | None
    level: str | None
    direct_ua_ru: bool | None
    participants: tuple[tuple[ActorCode, Role], ...]
    """All that a round shows of them: of a long track names would take most of the memory."""
    proposed_by: str | None
    parties: tuple[str, ...]
    venue: str | None
    place: str | None
    before: datetime | None
    planned_start: datetime | None
    agenda: tuple[str, ...]
    outcome: str | None
    documents: tuple[str, ...]
    reason: str | None
    verification: str
    held: Occurred | None
    held_since: datetime | None

    @cached_property
    def told(self) -> dict[str, Any]:
        """What a round says of itself at every instant: found once for a body, of which many are asked for again."""
        return {
            **{name: getattr(self, name) for name in SHOWN},
            "occurred": None if self.held is None else self.held.model_dump(mode="json", exclude_none=True),
            "place": self.place,
            "participants": [_participant(*each) for each in self.participants],
            "agenda": list(self.agenda),
            "documents": list(self.documents),
        }

    def status(self, at: datetime) -> str | None:
        """How it stands at an instant; None before anything was heard of it."""
        return next((s.status for s in reversed(self.steps) if s.since <= at), None)

    def is_held(self, at: datetime) -> bool:
        """Whether it took place by then."""
        return self.held_since is not None and self.held_since <= at

    def standing(self, at: datetime) -> tuple[str | None, bool]:
        """All of it that the clock moves: how it stands, and whether it took place by then."""
        return self.status(at), self.is_held(at)


class Track(Model):
    """The talks of a track, in order of their time."""

    meetings: tuple[Meeting, ...]
    zone: Zone = KYIV

    @cached_property
    def days(self) -> tuple["Days", ...]:
        """The first and the last day of each; None where it was not held, or is not known to the day."""
        return tuple(None if m.held is None else days_of(m.held, self.zone) for m in self.meetings)


@projection("talks_ledger", version=3)
class TalksLedger(Document[Track]):
    """Rounds in order per track: participants, format, outcome, the gap before each, and the days since the last.

    Gaps are whole local days from the last day of a round to the first of the next; null where one is not known to
    the day. `planned` are talks that have not taken place (yet), each as it stands.
    """

    categories = frozenset({"talk"})
    body = Track

    def keys(self, subject: Subject) -> Iterator[str]:
        """A talk is on one track, once it is proposed or held."""
        if isinstance(subject, Talk) and subject.is_current and subject.track is not None:
            yield subject.track

    def fold(self, key: str, subjects: Sequence[Subject]) -> Track | None:  # noqa: ARG002 - the talks know it
        """The talks, by when they were held, or first heard of."""
        meetings = [_meeting(s) for s in subjects if isinstance(s, Talk)]
        return Track(meetings=tuple(sorted(meetings, key=_order)), zone=subjects[0].zone) if meetings else None

    def row(self, body: Track, at: datetime, known: Known) -> Row:  # noqa: ARG002 - it has no tally
        """The rounds held by then, what is planned, and the hiatus."""
        held = [(m, own) for m, own in zip(body.meetings, body.days, strict=True) if m.is_held(at)]
        rounds = [
            _round(m, n, at, before=held[n - 2][1] if n > 1 else None, own=own)
            for n, (m, own) in enumerate(held, start=1)
        ]
        last = held[-1][1] if held else None
        return {
            "count": len(rounds),
            "days_since_last": None if last is None else max(0, (local_date(at, body.zone) - last[1]).days),
            "last": held[-1][0].stream if held else None,
            "rounds": rounds,
            "planned": [_plan(m, status) for m in body.meetings if not m.is_held(at) and (status := m.status(at))],
        }

    def next_transition(self, body: Track, at: datetime, known: Known) -> datetime | None:  # noqa: ARG002 - it has no tally
        """The next local midnight, when the hiatus is a day longer; or earlier, if a step lies ahead."""
        moves = [next_change((m.held_since, *(s.since for s in m.steps)), at, m.standing) for m in body.meetings]
        latest_first = zip(reversed(body.meetings), reversed(body.days), strict=True)
        days = next((own for m, own in latest_first if m.is_held(at)), None)
        if days is not None:  # of one that goes on still, no day has passed since before its last is over
            over = start_instant(days[1] + timedelta(days=1), body.zone)
            moves.append(max(next_midnight(at, body.zone), over))
        return min((move for move in moves if move is not None), default=None)


def _meeting(talk: Talk) -> Meeting:
    own = {
        "position": min((e.position for e in talk.entries), default=0),
        "steps": tuple(_steps(talk)),
        "participants": tuple((a.code, a.role) for a in talk.participants),
        "place": None if talk.place is None else talk.place.name,
        "held_since": None if talk.held is None else counts_from(talk, talk.held),
    }
    # A track has many, and all of them are made whenever one is another.
    return Meeting.of({name: own[name] if name in own else getattr(talk, name) for name in MEETING})


MEETING: Final = tuple(Meeting.model_fields)
"""What is said of a meeting, in its order."""


def _steps(talk: Talk) -> Iterator[Step]:
    """How it stood, from its events: what does not fit changed nothing, nor did a proposal that was not the first."""
    unfit = {i.event for i in talk.ignored}
    entries = [e for e in talk.entries if e.status != "retracted" and e.event not in unfit and e.type in STATUS]
    entries.sort(key=lambda e: (e.occurred.since, e.position))
    for n, entry in enumerate(entries):
        if n == 0 or STATUS[entry.type] != "proposed":
            yield Step.of({"since": counts_from(talk, entry.occurred), "status": STATUS[entry.type]})


STATUS: Final = {
    f"talk.{status}": status
    for status in ("proposed", "scheduled", "postponed", "cancelled", "held", "suspended", "resumed")
}


def _order(meeting: Meeting) -> tuple[datetime, int, str]:
    since = meeting.held_since or (meeting.steps[0].since if meeting.steps else FIRST)
    return since, meeting.position, meeting.stream


FIRST: Final = datetime.fromisoformat("1900-01-01T00:00:00+00:00")
Days = tuple[date, date] | None


def _round(meeting: Meeting, number: int, at: datetime, *, before: Days, own: Days) -> dict[str, Any]:
    return {
        "number": number,
        "stream": meeting.stream,
        "status": meeting.status(at),
        **meeting.told,
        "gap_before_days": None if before is None or own is None else max(0, (own[0] - before[1]).days),
    }


@lru_cache(maxsize=PARTICIPANTS)
def _participant(code: str, role: str) -> dict[str, str]:
    """One for all rounds that name it alike; nobody writes into it."""
    return {"code": code, "role": role}


def _plan(meeting: Meeting, status: str) -> dict[str, Any]:
    return {
        "stream": meeting.stream,
        "status": status,
        **{name: getattr(meeting, name) for name in PLANNED},
        "parties": list(meeting.parties),
    }
