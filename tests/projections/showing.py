"""What a projection shows of events, folded in memory: `given(A, B).shows("city_incidents", at="2025-12-20")`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from incidentlog.events.recorded import Recorded, reported_instant
from incidentlog.events.values import end_of_day_instant, start_instant
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Row
from incidentlog.projections import PROJECTIONS
from tests.subjects import given as rows

KYIV = rows.KYIV
HOUR = timedelta(hours=1)
RECORDED = datetime(2027, 1, 1, tzinfo=UTC)
"""When everything here was written down: after all that happens."""


@dataclass(frozen=True)
class Given:
    """Rows of the log, from a test's events."""

    log: Sequence[Recorded]

    def _repr_pretty_(self, printer: Any, *_: Any) -> None:
        """What each event says, for a failure to be read."""
        shown = (f"{e.position} {e.type} {e.stream} {e.raw['occurred']} {e.raw['data']}" for e in self.log)
        printer.text("\n".join(("", *shown)))

    def shows(self, name: str, at: str = "2026-12-31", by: tuple[str, ...] = (), **where: str) -> dict[str, Row]:
        """The projection's rows at an instant, local midnight if it is a date."""
        grouping = Grouping(by or getattr(PROJECTIONS[name], "group_by", ()), {d: (v,) for d, v in where.items()})
        return Afresh(self.log, KYIV).rows(PROJECTIONS[name], start_instant(when(at), KYIV), grouping)

    def moves(self, name: str, key: str, since: str, until: str) -> list[datetime]:
        """When a document's row is another by the clock alone, between two local days, by looking at every hour.

        It says of itself when it will be, at every hour, and has to be right.
        """
        hours = [local(since) + timedelta(hours=n) for n in range(int((local(until) - local(since)) / HOUR))]
        rows = [self.shows(name, hour.isoformat()).get(key, {}) for hour in hours]
        told = [row.pop("next_transition_at", None) for row in rows]
        found = [n for n in range(1, len(hours)) if rows[n] != rows[n - 1]]
        for n in range(found[-1] if found else 0):
            following = hours[next(m for m in found if m > n)]
            assert not rows[n] or told[n] == following, (hours[n], told[n], following)
        return [hours[n] for n in found]

    def known(self, at: str) -> "Given":
        """As it was reported by then; a date is the end of that local day."""
        until = end_of_day_instant(when(at), KYIV)
        return Given([e for e in self.log if reported_instant(e) <= until])

    def first(self, count: int) -> "Given":
        """As it was recorded by that position."""
        return Given(self.log[:count])


def given(*events: dict[str, Any]) -> Given:
    return Given(rows.given(*events, start=RECORDED))


def when(text: str) -> date | datetime:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def local(text: str) -> datetime:
    """The instant of a local date or time."""
    return start_instant(when(text), KYIV)
