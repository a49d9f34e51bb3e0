"""The life of a ceasefire or an agreement as it was told: its events, its terms, and what each party says they are."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from incidentlog.events.values import Model, Zone, add_days, begins_a_day, local_date
from incidentlog.zones import zone_named

Response = Literal["accepted", "accepted_conditionally", "reciprocated", "rejected"]
Mode = Literal[
    "withdrawal", "non_renewal", "mutual", "replaced", "collapsed", "superseded", "lapsed_unclear", "never_in_effect"
]  # fmt: skip
What = Literal[
    "proposed", "responded", "agreed", "entered_into_force", "extended", "suspended", "resumed", "terminated"
]  # fmt: skip
FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""The latest end that a length can lead to: without it, extensions of extensions would leave the calendar."""


class Span(Model):
    """An interval as somebody puts it, half-open; null is left open. A length counts from the entry, or the start."""

    start: datetime | None = None
    until: datetime | None = None
    days: int | None = None
    hours: int | None = None

    def end(self, start: datetime | None, tz: str) -> datetime | None:
        """When it ends, if it starts then: the end that is given, else the shortest length after the start."""
        if self.until is not None or start is None:
            return self.until
        ends = [add_days(start, self.days, tz)] if self.days is not None else []
        ends += [start + timedelta(hours=self.hours)] if self.hours is not None else []
        return min((*ends, FAR)) if ends else None

    def corrected(self, by: "Span") -> "Span":
        """With what the other says put in its place: the start by itself, and the end or the length."""
        start = self.start if by.start is None else by.start
        of_end = self if by.until is None and by.days is None and by.hours is None else by
        return Span(start=start, until=of_end.until, days=of_end.days, hours=of_end.hours)


class Move(Model):
    """One lifecycle event as the machine needs it: its dates are instants by now."""

    event: UUID
    type: str
    at: datetime
    position: int
    tz: Zone
    what: What
    span: Span = Span()
    own: dict[str, Span] = {}
    """`stated[]`: the interval as each party has it."""
    named: tuple[str, ...] = ()
    """Who has to accept a proposal."""
    many_sided: bool = False
    unilateral: bool = False
    conditional: bool = False
    respond_by: datetime | None = None
    party: str | None = None
    response: Response | None = None
    mode: Mode | None = None
    absorbed: bool = False
    """Whether it came with a merge."""

    @property
    def order(self) -> tuple[datetime, int]:
        """By start, then by position (E9)."""
        return self.at, self.position


class Statement(Model):
    """A party's own interval, stated at some time. It holds for every instant, once it is known."""

    party: str
    at: datetime
    position: int
    span: Span

    @property
    def order(self) -> tuple[datetime, int]:
        """By start, then by position; the latest wins."""
        return self.at, self.position


class Lifecycle(Model):
    """All that is known of one life: its events in order, what parties stated, and who has a view of it."""

    moves: tuple[Move, ...] = ()
    statements: tuple[Statement, ...] = ()
    parties: tuple[str, ...] = ()

    def answer(self, party: str) -> Response | None:
        """What the party last responded, by knowledge and whatever the instant."""
        return next((m.response for m in reversed(self.moves) if m.what == "responded" and m.party == party), None)

    def own_start(self, party: str) -> datetime | None:
        """When it starts, as the party has it; None where it stated nothing of the kind."""
        stated = self.stated(party)
        return stated.start if stated is not None else None

    def stated(self, party: str) -> Span | None:
        """The party's own terms, the latest winning field by field; None where it has none."""
        said = [(m.order, m.own[party]) for m in self.moves if m.what != "extended" and party in m.own]
        said += [(s.order, s.span) for s in self.statements if s.party == party]
        own: Span | None = None
        for _, span in sorted(said, key=lambda s: s[0]):
            own = span if own is None else own.corrected(span)
        return own


def common_terms(move: Move, at_once: datetime | None) -> Span:
    """What the event and every party's interval in it have in common: the latest start, the earliest end (E7)."""
    spans = (move.span, *move.own.values())
    if len(spans) == 1:
        return move.span
    base = move.span.start or at_once
    ends = [end for span in spans if (end := span.end(span.start or base, move.tz)) is not None]
    return Span(
        start=max((s.start for s in spans if s.start is not None), default=None),
        until=min(ends, default=None),
        days=min((s.days for s in spans if s.days is not None), default=None),
        hours=min((s.hours for s in spans if s.hours is not None), default=None),
    )


def terms_as_stated(own: Span, common: Span, at_once: datetime | None, tz: str) -> Span:
    """The terms as a party states them; a start without an end keeps the canonical duration."""
    if own.until is not None or own.days is not None or own.hours is not None:
        return common.corrected(own)
    start, until = common.start or at_once, common.until
    if own.start is not None and start is not None and until is not None:
        until = _as_long(own.start, start, until, tz)
    return Span(start=own.start or common.start, until=until, days=common.days, hours=common.hours)


def _as_long(start: datetime, begin: datetime, end: datetime, tz: str) -> datetime:
    """As long after `start` as `end` is after `begin`: in local days where it is whole days, else in hours."""
    if begins_a_day(begin, tz) and begins_a_day(end, tz):
        return add_days(start, (local_date(end, tz) - local_date(begin, tz)).days, tz)
    zone = zone_named(tz)
    local = end.astimezone(zone).replace(tzinfo=None) - begin.astimezone(zone).replace(tzinfo=None)
    for length in (local, end - begin):
        if length % timedelta(days=1) == timedelta(0):
            return add_days(start, length.days, tz)
    return start + (end - begin)
