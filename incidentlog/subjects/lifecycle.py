"""The state machine of ceasefires and agreements, pure: what holds at an instant, and in whose view.

See docs/ceasefires.md.

`TABLE` is the machine. Everything else says which of its rows is meant: what an event amounts to where it finds
the life (`_meant`), and what the clock does by itself (`_due`). A life runs through once, from its first event to
the end of time, and leaves a step for every instant at which anything changes; a read looks up the step. Nothing
in a life can make it fail: what does not fit is skipped, and listed with its reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal

from incidentlog.subjects.terms import Lifecycle, Move, Response, Span, common_terms, terms_as_stated

State = Literal[
    "none", "proposed", "rejected", "agreed", "in_force", "suspended",
    "expired", "terminated", "collapsed", "superseded", "never_entered", "ended_unclear",
]  # fmt: skip
LIVE: Final[tuple[State, ...]] = ("none", "proposed", "rejected", "agreed", "in_force", "suspended")
BEFORE_ENTRY: Final[tuple[State, ...]] = ("none", "proposed", "rejected", "agreed")
TERMINAL: Final[tuple[State, ...]] = (
    "expired",
    "terminated",
    "collapsed",
    "superseded",
    "never_entered",
    "ended_unclear",
)
ACCEPTING: Final = frozenset({"accepted", "reciprocated"})
"""Conditional acceptance is not acceptance."""
PLAIN_ENDS: Final = frozenset({"withdrawal", "non_renewal", "mutual", "replaced"})


# ------------------------------------------------------------------------------------------------ the table

ROWS: Final[tuple[tuple[tuple[State, ...], str, State], ...]] = (
    # from                                 by                              to
    (("none",),                            "proposed",                     "proposed"),
    (("none", "proposed", "rejected"),     "declared or agreed",           "agreed"),
    (("proposed",),                        "a named party rejects",        "rejected"),
    (("proposed",),                        "all parties accept",           "agreed"),
    (("proposed",),                        "clock: response deadline",     "rejected"),
    (("agreed",),                          "clock: start",                 "in_force"),
    (("agreed",),                          "entered into force",           "in_force"),
    (("agreed",),                          "clock: end",                   "never_entered"),
    (("agreed",),                          "terminated",                   "never_entered"),
    (("agreed",),                          "terminated: collapsed",        "never_entered"),
    (("in_force",),                        "suspended",                    "suspended"),
    (("suspended",),                       "resumed",                      "in_force"),
    (("in_force", "suspended"),            "clock: end",                   "expired"),
    (("in_force",),                        "extended",                     "in_force"),
    (("suspended",),                       "extended",                     "suspended"),
    (("expired",),                         "extended, late paperwork",     "in_force"),
    (("expired",),                         "extended, after a gap",        "in_force"),
    (("in_force", "suspended"),            "terminated",                   "terminated"),
    (("in_force", "suspended", "expired"), "terminated: collapsed",        "collapsed"),
    (LIVE,                                 "terminated: superseded",       "superseded"),
    (LIVE,                                 "terminated: lapsed_unclear",   "ended_unclear"),
    (("agreed", "in_force", "suspended"),  "terminated: never_in_effect",  "never_entered"),
    (("in_force", "suspended"),            "clock: silence",               "ended_unclear"),
)  # fmt: skip
TABLE: Final[Mapping[tuple[str, str], State]] = {(state, by): to for states, by, to in ROWS for state in states}
"""From a state, by a move, to a state. What is not in it does not fit."""


# ------------------------------------------------------------------------------------------- what it answers

OPEN: Final = Span()


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand from an instant on, until something changes."""

    state: State = "none"
    since: datetime | None = None
    """From when it has been in this state."""
    terms: Move | None = None
    """The event whose terms hold."""
    span: Span = OPEN
    """Those terms, as this view has them."""
    start: datetime | None = None
    """When it is to start, or started; None where that hangs on a condition."""
    until: datetime | None = None
    waits: bool = False
    """For a condition to be met: then the clock brings nothing into force (E8)."""
    periods: tuple[tuple[datetime, datetime | None], ...] = ()
    """When it was in force or suspended; the last one's end is None while it lasts."""
    deadline: datetime | None = None
    lapsed: bool = False
    """Rejected by the clock, and not by anybody."""
    silent: bool = False
    """Ended by the clock for want of news, and not by anybody."""
    again: Span | None = None
    """When it will be in force again, where it was extended with a gap that is not over."""

    @property
    def shown(self) -> str:
        """The state as readers see it: what one side agrees with itself is declared."""
        unilateral = self.terms is not None and self.terms.unilateral
        return "declared" if self.state == "agreed" and unilateral else self.state

    @property
    def gaps(self) -> tuple[tuple[datetime, datetime], ...]:
        """When it had expired and was in force again later."""
        found = ((end, start) for (_, end), (start, _) in pairwise(self.periods) if end is not None)
        return tuple((end, start) for end, start in found if end < start)


NOTHING: Final = Standing()


@dataclass(frozen=True, slots=True)
class Misfit:
    """An event that does not fit, and why: it changes nothing."""

    move: Move
    reason: str


@dataclass(frozen=True, slots=True)
class Course:
    """A whole life in one view: how things stand from each instant at which anything changes."""

    steps: tuple[tuple[datetime, Standing], ...]
    misfits: tuple[Misfit, ...]

    def at(self, at: datetime) -> Standing:
        """How things stand at an instant."""
        return next((standing for since, standing in reversed(self.steps) if since <= at), NOTHING)


def course(life: Lifecycle, party: str | None = None) -> Course:
    """The life from its first event to the end of time: canonical, or in the terms of one party."""
    run = _Run(life, party)
    for move in life.moves:
        run.pass_time(until=move.at)
        run.take(move)
    run.pass_time(until=None)
    return Course(tuple(run.steps), tuple(run.misfits))


def faded(of: Course, at: datetime | None) -> Course:
    """A course that ends for want of news at an instant, where it is live then without an end; None is never.

    The instant lies after all that is known of the life: a move that comes later puts it off.
    """
    if at is None or not of.steps:
        return of
    last = of.steps[-1][1]
    state = TABLE.get((last.state, "clock: silence"))
    if state is None or last.until is not None or of.steps[-1][0] >= at:
        return of
    ended = replace(last, state=state, since=at, silent=True, periods=_closed(last.periods, at))
    return replace(of, steps=(*of.steps, (at, ended)))


class Reading:
    """A life, run through once canonically and once for every party: what all questions are asked of."""

    def __init__(self, life: Lifecycle, fades: datetime | None = None) -> None:
        """`fades` is when it ends for want of news, should it have no end."""
        self.life = life
        self.canonical = faded(course(life), fades)
        self.own = {party: faded(course(life, party), fades) for party in life.parties}

    def state(self, at: datetime) -> str:
        """The canonical state at an instant, as it is shown."""
        return self.canonical.at(at).shown

    def view(self, party: str, at: datetime) -> str:
        """The state at an instant as the party has it: its answer, its own start, else its own terms."""
        life, standing = self.life, self.own[party].at(at)
        answer, own_start = life.answer(party), life.own_start(party)
        if answer == "rejected":
            return "rejected"
        if standing.state in TERMINAL:  # lifecycle events apply to every view, whenever the party has it begin
            return standing.state
        if own_start is not None and at < own_start:
            return "not_yet"
        if standing.state in BEFORE_ENTRY and answer is not None:
            return answer
        return standing.shown

    def views(self, at: datetime) -> dict[str, str]:
        """Every party's view at an instant."""
        return {party: self.view(party, at) for party in self.own}

    def instants(self, after: datetime) -> list[datetime]:
        """Every later instant at which anything may change by itself, in order."""
        steps = (since for c in (self.canonical, *self.own.values()) for since, _ in c.steps)
        starts = (self.life.own_start(party) for party in self.own)
        return sorted({i for i in (*steps, *starts) if i is not None and i > after})


def state(life: Lifecycle, at: datetime, party: str | None = None) -> str:
    """The state at an instant, canonical or in a party's view."""
    if party is None:
        return course(life).at(at).shown
    if party not in life.parties:
        life = life.model_copy(update={"parties": (*life.parties, party)})
    return Reading(life).view(party, at)


def next_transition(reading: Reading, at: datetime, shown: Callable[[datetime], object]) -> datetime | None:
    """The earliest later instant at which what is `shown` of the reading changes by itself; None if it never does."""
    now = shown(at)
    return next((instant for instant in reading.instants(after=at) if shown(instant) != now), None)


# ------------------------------------------------------------------------------------------------- the run


@dataclass
class _Run:
    """One pass through a life."""

    life: Lifecycle
    party: str | None
    standing: Standing = NOTHING
    steps: list[tuple[datetime, Standing]] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    answers: dict[str, Response] = field(default_factory=dict)
    now: datetime | None = None

    def pass_time(self, until: datetime | None) -> None:
        """Let the clock do what is due before an instant; at the instant itself events apply first."""
        while (due := _due(self.standing)) is not None:
            instant, by = due
            # What is due may have been so before we were told; it then happens as soon as the clock may speak.
            moment = instant if self.now is None else max(instant, self.now)
            if until is not None and moment >= until:
                return
            self._to(by, instant, moment, longer=self.standing.again)

    def take(self, move: Move) -> None:
        """Apply an event, if it fits."""
        self.now = move.at
        if move.what == "responded":  # an answer always holds, whether or not the state heeds it
            if move.party is not None and move.response is not None:
                self.answers[move.party] = move.response
        else:
            longer = self._extension(move)
            by = _meant(self.standing, move, longer)
            if (self.standing.state, by) not in TABLE:
                self.misfits.append(Misfit(move, _reason(self.standing, by)))
            elif by == "extended, after a gap" and longer.start is not None and longer.start > move.at:
                self.standing = replace(self.standing, again=longer)
            else:
                self._to(by, move.at, move.at, move, longer)
        self._heed_answers(move.at)

    def _heed_answers(self, at: datetime) -> None:
        """What the answers so far amount to. One told to the day may precede its proposal, told to the hour."""
        proposal = self.standing.terms
        if self.standing.state != "proposed" or proposal is None or not proposal.named:
            return
        answers = [self.answers.get(party) for party in proposal.named]
        if proposal.many_sided and "rejected" in answers:
            self._to("a named party rejects", at, at)
        elif all(answer in ACCEPTING for answer in answers):
            self._to("all parties accept", at, at)

    def _to(
        self, by: str, instant: datetime, moment: datetime, move: Move | None = None, longer: Span | None = None
    ) -> None:
        """Go where the table says. `instant` is from when it holds, `moment` from when it can be seen."""
        to = TABLE[self.standing.state, by]
        since = self.standing.since if to == self.standing.state else instant
        new = self._moved(replace(self.standing, state=to, since=since), by, instant, move, longer)
        self.standing, self.now = new, moment
        if self.steps and self.steps[-1][0] == moment:
            self.steps.pop()
        self.steps.append((moment, new))

    def _moved(self, new: Standing, by: str, instant: datetime, move: Move | None, longer: Span | None) -> Standing:
        """What a move changes beside the state."""
        match by:
            case "proposed" if move is not None:
                return self._on_terms(replace(new, terms=move, deadline=move.respond_by), None)
            case "declared or agreed" if move is not None:
                return self._on_terms(replace(new, terms=move, lapsed=False), instant)
            case "all parties accept":
                return self._on_terms(new, instant)
            case "clock: response deadline":
                return replace(new, lapsed=True)
            case "clock: start" | "entered into force":
                return self._entered(new, instant)
            case "extended" | "extended, late paperwork" | "extended, after a gap" if longer is not None:
                return _extended(new, by, longer)
            case "terminated: never_in_effect":
                return replace(new, periods=(), again=None)
            case _ if new.state in TERMINAL:
                return replace(new, periods=_closed(new.periods, instant), again=None)
            case _:
                return new

    def _on_terms(self, standing: Standing, agreed: datetime | None) -> Standing:
        """The terms as this view has them: without a start they hold at once, unless they wait for a condition."""
        move = standing.terms
        assert move is not None  # noqa: S101 - states with terms have an event that gave them
        at_once = None if move.conditional else agreed
        span, waits = common_terms(move, at_once), move.conditional
        own = None if self.party is None else self.life.stated(self.party)
        if own is not None:
            span = terms_as_stated(own, span, at_once, move.tz)
            waits = waits and own.start is None  # who says when it starts does not say that it waits
        start = span.start or at_once
        return replace(standing, span=span, waits=waits, start=start, until=span.end(start, move.tz))

    def _entered(self, standing: Standing, at: datetime) -> Standing:
        own_start = None if self.party is None else self.life.own_start(self.party)
        start = at if own_start is None else max(at, own_start)
        until = standing.until if standing.terms is None else standing.span.end(start, standing.terms.tz)
        return replace(standing, start=start, until=until, waits=False, periods=((start, None),))

    def _extension(self, move: Move) -> Span:
        """From when to when an extension is to hold, in this view; what is common to all, canonically (E7)."""
        start = move.span.start or self.standing.until or move.at
        mine = None if self.party is None else move.own.get(self.party)
        spans = (move.span, *move.own.values()) if mine is None else (mine,)
        starts = [span.start or start for span in spans]
        ends = [end for span in spans if (end := span.end(span.start or start, move.tz)) is not None]
        later = [s.span.until for s in self.life.statements if s.party == self.party and s.order > move.order]
        stated = [until for until in later if until is not None]
        return Span(start=max(starts), until=stated[-1] if stated else min(ends, default=None))


def _meant(standing: Standing, move: Move, longer: Span) -> str:
    """What an event amounts to where it finds the life: a word of the table, if it fits."""
    match move.what:
        case "agreed":
            return "declared or agreed"
        case "entered_into_force":
            return "entered into force"
        case "terminated":
            return "terminated" if move.mode in PLAIN_ENDS else f"terminated: {move.mode}"
        case "extended" if standing.until is not None and (longer.until is None or longer.until <= standing.until):
            return "extended to no later time"
        case "extended" if standing.state == "expired" and standing.until is not None and longer.start is not None:
            return "extended, late paperwork" if longer.start <= standing.until else "extended, after a gap"
        case what:
            return what


def _reason(standing: Standing, by: str) -> str:
    if by == "declared or agreed" and standing.state in TERMINAL:
        return f"it is {standing.state}: a new one needs a stream of its own"
    if by == "extended to no later time":
        return "it is extended to no later time"
    return f"it is {standing.state}: {by} does not fit"


def _due(standing: Standing) -> tuple[datetime, str] | None:
    """What the clock does next by itself, and when it is due."""
    match standing:
        case Standing(state="proposed", deadline=datetime() as deadline):
            return deadline, "clock: response deadline"
        case Standing(state="agreed", waits=False, start=datetime() as start, until=until) if (
            until is None or start < until
        ):
            return start, "clock: start"
        case Standing(state="agreed" | "in_force" | "suspended", until=datetime() as until):
            return until, "clock: end"
        case Standing(state="expired", again=Span(start=datetime() as start)):
            return start, "extended, after a gap"
        case _:
            return None


def _extended(standing: Standing, by: str, longer: Span) -> Standing:
    periods, since = standing.periods, standing.since
    if by == "extended, late paperwork":
        periods = (*periods[:-1], (periods[-1][0], None))
    elif by == "extended, after a gap" and longer.start is not None:
        periods, since = (*periods, (longer.start, None)), longer.start
    return replace(standing, until=longer.until, periods=periods, since=since, again=None)


def _closed(
    periods: tuple[tuple[datetime, datetime | None], ...], end: datetime
) -> tuple[tuple[datetime, datetime | None], ...]:
    if not periods or periods[-1][1] is not None:
        return periods
    start = periods[-1][0]
    return (*periods[:-1], (start, max(start, end)))
