"""Where the parties stand: the latest stated position of each on each topic, and how old it is."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from incidentlog.events.values import KYIV, Model, Zone
from incidentlog.folding.local_days import days_between, next_change, next_midnight
from incidentlog.folding.shapes import Document, Known, Row, projection
from incidentlog.folding.subject import Subject
from incidentlog.subjects.ceasefire import Ceasefire
from incidentlog.subjects.proposal import Proposal
from incidentlog.subjects.statement import Statement


class Stated(Model):
    """What a party said of a topic, and when."""

    since: datetime
    position: int
    """In the log: of two at one instant, the later one holds."""
    stance: str
    how: str
    """statement, response or position."""
    stream: str
    note: str | None
    """Its words, or its condition."""
    verification: str


class Board(Model):
    """All that a party said of a topic, in order."""

    party: str
    topic: str
    stated: tuple[Stated, ...]
    zone: Zone = KYIV


@projection("positions_board", version=2)
class PositionsBoard(Document[Board]):
    """The latest stated position per party and topic, with its age in whole local days.

    Key: `PARTY|topic`. A topic is what a statement says it is of, or the stream of the proposal or the ceasefire
    that the party answered or stated its position on.
    """

    categories = frozenset({"statement", "proposal", "ceasefire"})
    body = Board

    def keys(self, subject: Subject) -> Iterator[str]:
        """The party and the topic of everything that it states."""
        yield from dict.fromkeys(f"{party}|{topic}" for party, topic, _ in positions_of(subject))

    def fold(self, key: str, subjects: Sequence[Subject]) -> Board | None:
        """What the party said of the topic, in order."""
        party, _, topic = key.partition("|")
        stated = [s for subject in subjects for p, t, s in positions_of(subject) if (p, t) == (party, topic)]
        stated.sort(key=lambda s: (s.since, s.position, s.stream, s.how))
        return Board(party=party, topic=topic, stated=tuple(stated), zone=subjects[0].zone) if stated else None

    def row(self, body: Board, at: datetime, known: Known) -> Row:  # noqa: ARG002 - it has no tally
        """The latest position by then, and the last one that was another."""
        said = [s for s in body.stated if s.since <= at]
        last = said[-1] if said else None
        other = next((s for s in reversed(said) if last is not None and s.stance != last.stance), None)
        return {
            "party": body.party,
            "topic": body.topic,
            **{name: None if last is None else getattr(last, name) for name in SHOWN},
            "age_days": None if last is None else days_between(last.since, at, body.zone),
            "before": None if other is None else {"stance": other.stance, "since": other.since},
            "times": len(said),
        }

    def next_transition(self, body: Board, at: datetime, known: Known) -> datetime | None:
        """The next local midnight, when it is a day older, or an earlier statement that lies ahead."""
        ahead = (s.since for s in body.stated)
        return next_change([next_midnight(at, body.zone), *ahead], at, lambda instant: self.row(body, instant, known))


SHOWN: Final = ("stance", "since", "how", "stream", "note", "verification")


def positions_of(subject: Subject) -> Iterator[tuple[str, str, Stated]]:
    """Every position that the subject tells of: whose, on what, and what it is."""
    if not subject.is_current:
        return
    match subject:
        case Statement(speaker=str() as speaker, topic=str() as topic, stance=str() as stance, made=datetime() as made):
            position = _position(subject, "statement.made", made)
            yield speaker, topic, _stated(subject, made, position, stance, "statement", subject.quote)
        case Proposal():
            for party, answer in subject.responses.items():
                position = _position(subject, "proposal.responded", answer.since)
                said = _stated(subject, answer.since, position, answer.response, "response", answer.condition)
                yield party, subject.stream, said
        case Ceasefire():
            yield from _of_ceasefire(subject)


def _of_ceasefire(ceasefire: Ceasefire) -> Iterator[tuple[str, str, Stated]]:
    for move in ceasefire.life.moves:
        if move.party is not None and move.response is not None:
            said = _stated(ceasefire, move.at, move.position, move.response, "response", None)
            yield move.party, ceasefire.stream, said
    latest = {s.party: s for s in sorted(ceasefire.life.statements, key=lambda s: s.order)}
    for party, position in ceasefire.positions.items():
        if party in latest:
            when = latest[party]
            said = _stated(ceasefire, when.at, when.position, position.status, "position", position.note)
            yield party, ceasefire.stream, said


def _stated(subject: Subject, since: datetime, position: int, stance: str, how: str, note: str | None) -> Stated:
    return Stated(
        since=since, position=position, stance=stance, how=how, stream=subject.stream, note=note,
        verification=subject.verification,
    )  # fmt: skip


def _position(subject: Subject, type_name: str, since: datetime) -> int:
    """Where the log has it: the last event of that type and time that counts."""
    found = (
        e.position
        for e in subject.entries
        if e.type == type_name and e.status != "retracted" and e.occurred.since == since
    )
    return max(found, default=0)
