"""How far a ceasefire is kept while it is in force, by the violations that are claimed (docs/ceasefires.md).

A claim is one violation's record; its `count` is summed where it says how many, and what is confirmed is counted by
records. A claim is in the window while its interval reaches into the last `window_hours`, or since the entry into
force. Claims come and leave at known instants, so that what holds at any instant from the reading on is known at once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from incidentlog.events.envelope import BELLIGERENTS
from incidentlog.folding.shapes import Cell
from incidentlog.projections.violations import last_instant
from incidentlog.subjects.lifecycle import Course

CONFIRMED: Final = frozenset({"corroborated", "verified"})
WEIGHTY: Final = frozenset({"serious", "grave"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One record of violations claimed."""

    violation: str
    claimant: str
    accused: frozenset[str]
    """The belligerents among them."""
    severity: str
    confirmed: bool
    reported: int
    """How many violations it claims."""
    day: str | None
    """The local day that it is of, where it is known to the day."""
    since: datetime
    begins: datetime
    ends: datetime

    @property
    def last(self) -> datetime:
        """The last instant of its interval."""
        return last_instant(self.begins, self.ends)

    def left_after(self, window: timedelta) -> datetime:
        """When it is in no window of that length any more."""
        return max(self.begins, self.ends) + window


def claims_of(details: Sequence[Cell], at: datetime) -> list[Claim]:
    """The claims that count by an instant, each once: one may be on several sheets, and cite two records of one."""
    lines = {cell.dimensions["violation"] or "": cell for cell in details}
    claims = (_claim(name, cell.dimensions, cell.sums["reported"]) for name, cell in sorted(lines.items()))
    return [claim for claim in claims if claim.since <= at]


def _claim(violation: str, said: Mapping[str, str | None], reported: int) -> Claim:
    accused = {code.partition(".")[0] for code in (said["accused"] or "").split("+")}
    return Claim(
        violation=violation,
        claimant=said["claimant"] or "",
        accused=frozenset(accused & BELLIGERENTS),
        severity=said["severity"] or "",
        confirmed=said["verification"] in CONFIRMED,
        reported=reported,
        day=said["on"],
        since=_instant(said["since"]),
        begins=_instant(said["begins"]),
        ends=_instant(said["ends"]),
    )


def _instant(text: str | None) -> datetime:
    assert text is not None  # noqa: S101 - the tally gives every claim its interval
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in force without a break, half-open, and when the period of which it is part was entered."""

    entry: datetime
    start: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether an instant is in it."""
        return self.start <= at and (self.end is None or at < self.end)


def stretches(course: Course) -> list[Stretch]:
    """When a life is in force, from its first event to the end of time."""
    found: list[Stretch] = []
    ends = [*(start for start, _ in course.steps[1:]), None]
    for (start, standing), end in zip(course.steps, ends, strict=False):
        if standing.state != "in_force":
            continue
        entry = standing.periods[-1][0]
        if found and (found[-1].end, found[-1].entry) == (start, entry):
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(Stretch(entry, start, end))
    return found


@dataclass(frozen=True, slots=True)
class Stay:
    """From when to when a claim is in the window."""

    start: datetime
    end: datetime
    claim: Claim


class Compliance:
    """What the claims say at every instant from one on, by the thresholds of the policy `compliance`."""

    def __init__(self, course: Course, claims: Sequence[Claim], policy: Mapping[str, float]) -> None:
        """`claims` are those that count, at least all that were in a window at any time in the last `lookback`."""
        self._policy = policy
        self._window = timedelta(hours=policy["window_hours"])
        self._stays = {s: list(self._stays_in(s, claims)) for s in stretches(course)}
        self._breaking = [run for stays in self._stays.values() for run in self._runs(stays)]

    def label(self, at: datetime) -> str | None:
        """How far it is kept; None while it is not in force."""
        stays = self._at(at)
        if stays is None:
            return None
        if not stays:
            return "no_reports"
        if any(start <= at < end for start, end in self._breaking):
            return "breaking_down"
        confirmed = sum(stay.claim.confirmed for stay in stays)
        return "strained" if confirmed >= self._policy["strained_corroborated"] else "contested"

    def is_long_breaking(self, at: datetime) -> bool:
        """Whether it has been breaking down for as long as makes a collapse suspected."""
        return any(self._suspected(start) <= at < end for start, end in self._breaking)

    def in_window(self, at: datetime) -> dict[str, int]:
        """How many violations each claimant claims in the window."""
        counts: Counter[str] = Counter()
        for stay in self._at(at) or ():
            counts[stay.claim.claimant] += stay.claim.reported
        return dict(sorted(counts.items()))

    def instants(self) -> Iterator[datetime]:
        """Every instant at which any of it may change by itself."""
        for stays in self._stays.values():
            for stay in stays:
                yield from (stay.start, stay.end)
        for start, _ in self._breaking:
            yield self._suspected(start)

    def _at(self, at: datetime) -> list[Stay] | None:
        """The claims in the window at an instant; None while it is not in force."""
        found = next((stays for stretch, stays in self._stays.items() if stretch.holds(at)), None)
        return None if found is None else [stay for stay in found if stay.start <= at < stay.end]

    def _suspected(self, start: datetime) -> datetime:
        return start + timedelta(hours=self._policy["suspected_after_hours"])

    def _stays_in(self, stretch: Stretch, claims: Sequence[Claim]) -> Iterator[Stay]:
        for claim in claims:
            start = max(claim.since, claim.begins, stretch.start)
            end = claim.left_after(self._window)
            end = end if stretch.end is None else min(end, stretch.end)
            if claim.last >= stretch.entry and start < end:
                yield Stay(start, end, claim)

    def _runs(self, stays: Sequence[Stay]) -> Iterator[tuple[datetime, datetime]]:
        """From when to when it is breaking down, within one stretch."""
        moves = [(instant, sign, s.claim) for s in stays for instant, sign in ((s.start, 1), (s.end, -1))]
        moves = [move for move in moves if move[2].confirmed and move[2].severity in WEIGHTY]
        moves.sort(key=lambda move: move[0])
        evidence, since = _Evidence(), None
        for n, (instant, sign, claim) in enumerate(moves):
            evidence.add(claim, sign)
            if n + 1 < len(moves) and moves[n + 1][0] == instant:
                continue
            if evidence.is_breaking(self._policy):
                since = instant if since is None else since
            elif since is not None:
                yield since, instant
                since = None


def lookback(policy: Mapping[str, float]) -> timedelta:
    """How long before an instant a claim may have ended that still matters at it."""
    return timedelta(hours=policy["window_hours"] + policy["suspected_after_hours"])


class _Evidence:
    """What is confirmed, serious or grave, and in the window, counted as it comes and leaves."""

    def __init__(self) -> None:
        self._claims = 0
        self._days: Counter[str] = Counter()
        self._grave: Counter[str] = Counter()

    def add(self, claim: Claim, sign: int) -> None:
        """A claim comes, or leaves."""
        self._claims += sign
        if claim.day is not None:
            self._days[claim.day] += sign
        if claim.severity == "grave":
            for side in claim.accused:
                self._grave[side] += sign

    def is_breaking(self, policy: Mapping[str, float]) -> bool:
        """Whether there are enough of them, on enough days; or a grave one by each side."""
        if all(self._grave[side] > 0 for side in BELLIGERENTS):
            return True
        days = sum(count > 0 for count in self._days.values())
        return (
            self._claims > 0 and self._claims >= policy["breaking_down_count"] and days >= policy["breaking_down_days"]
        )
