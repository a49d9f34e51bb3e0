"""A long history, made from real alerts: what the benchmarks of the projections are run on.

70% are alerts (declared and lifted: those of `air_raid_alerts_official.csv`, as often as needed, shifted in time), 15%
strikes with their assessments, 10% violations of ceasefires, 5% talks, exchanges and commitments; 1% of all are
corrected. The same number gives the same history.
"""

import csv
import gzip
import heapq
import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from incidentlog.store.append import Append
from tests.commands import DOOR

ALERTS: Final = Path(__file__).parents[3] / "shared" / "data" / "air_raid_alerts_official.csv"
NAMESPACE: Final = UUID("5ad7c1de-3f52-4c4e-9d06-2f3b6b5f8c11")
ROUNDS: Final = 30
"""How many talks are on one track: more than a document may fold is not what they are for."""
CEASEFIRES: Final = 12
Event = dict[str, Any]


def commands(total: int) -> Iterator[Append]:
    """`total` events as the door makes them, in the order in which they would have been recorded."""
    for event in history(total):
        yield DOOR.read(orjson.dumps(event), recorded_by="history").command


def history(total: int) -> Iterator[Event]:
    """`total` events; what a record event speaks of came before it."""
    made = History(total)
    yield from made.events()


class History:
    """The makings of a history of some length."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.random = random.Random(total)
        self.numbers = count(1)
        self.places = towns()
        self.sent: list[Event] = []
        self.talks, self.exchanges, self.commitments = count(), count(1), count(1)

    def events(self) -> Iterator[Event]:
        """Alerts in the order of their times, with the others and the corrections between them."""
        alerts = iter(shifted_alerts(self.total))
        left, at = self.total, datetime(2022, 3, 15, tzinfo=UTC)
        for n in range(CEASEFIRES):
            yield self._keep(self._ceasefire(n, at + timedelta(days=110 * n)))
            left -= 1
        waiting: list[Event] = []
        while left > 0:
            if waiting:
                event = waiting.pop(0)
            elif self.random.random() < 0.01 and self.sent:
                event = self._correction()
            else:
                event, *waiting = self._next(alerts)
            yield self._keep(event)
            left -= 1

    def _next(self, alerts: Iterator[Event]) -> list[Event]:
        drawn = self.random.random()
        alert = next(alerts)
        at = datetime.fromisoformat(alert["occurred"]["start"])
        if drawn < 0.70:
            return [alert]
        if drawn < 0.85:
            return [self._assessment(at)] if self.random.random() < 0.4 else [self._strike(at)]
        if drawn < 0.95:
            return [self._violation(at)]
        return [self._diplomacy(at)]

    def _keep(self, event: Event) -> Event:
        event["id"] = str(uuid5(NAMESPACE, f"{self.total} {next(self.numbers)}"))
        if not event["type"].startswith("record."):
            self.sent.append(event)
            del self.sent[:-2_000]
        return event

    def _strike(self, at: datetime) -> Event:
        killed = self.random.choice([0, 0, 0, 1, 2, 5, 31])
        return {
            **self._common("strike.reported", at),
            "place": self.random.choice(self.places),
            "actors": [{"code": "RUS", "role": "attacker"}],
            "data": {
                "means": self.random.choice([["drone"], ["drone", "missile"], ["artillery"], ["guided_bomb"]]),
                "target_class": self.random.choice(["civilian", "energy", "port", "transport"]),
                "attributed_to": self.random.choice(["RUS", "RUS", "RUS", "UKR"]),
                "launched": {"drone": {"best": 12}},
                "intercepted": {"drone": {"best": 9}},
                "casualties": {"killed": {"best": killed}, "injured": {"low": killed, "best": 2 * killed}},
            },
        }

    def _assessment(self, at: datetime) -> Event:
        strikes = [e for e in self.sent[-400:] if e["type"] == "strike.reported"]
        if not strikes:
            return self._strike(at)
        of = self.random.choice(strikes)
        return {
            **self._common("strike.assessed", at),
            "stream": f"strike:{of['id']}",
            "data": {"as_of": at.isoformat(), "casualties": {"killed": {"best": self.random.randrange(40)}}},
        }

    def _ceasefire(self, n: int, at: datetime) -> Event:
        return {
            **self._common("ceasefire.agreed", datetime(2022, 3, 15, tzinfo=UTC)),
            "stream": f"ceasefire:benchmark-{n}",
            "actors": [{"code": "UKR", "role": "party"}, {"code": "RUS", "role": "party"}],
            "data": {
                "sidedness": "bilateral",
                "scope": ["general" if n % 3 else "energy_infrastructure"],
                "class": "preliminary",
                "purpose": ["peace_process"],
                "parties": ["UKR", "RUS"],
                "effective_from": at.isoformat(),
                "effective_until": (at + timedelta(days=100)).isoformat(),
            },
        }

    def _violation(self, at: datetime) -> Event:
        by = self.random.choice(["RUS", "UKR", "OSCE"])
        return {
            **self._common("violation.reported", at),
            "actors": [{"code": by, "role": "claimant"}],
            "data": {
                "ceasefires": [f"ceasefire:benchmark-{self.random.randrange(CEASEFIRES)}"],
                "accused": ["UKR" if by == "RUS" else "RUS"],
                "claimed_by": by,
                "severity": self.random.choice(["minor", "serious", "grave"]),
                "count": self.random.randrange(1, 20),
            },
        }

    def _diplomacy(self, at: datetime) -> Event:
        parties = [{"code": "UKR", "role": "party"}, {"code": "RUS", "role": "party"}]
        drawn = self.random.random()
        if drawn < 0.4:
            n = next(self.talks)
            return {
                **self._common("talk.held", at),
                "actors": [*parties, {"code": "TUR", "role": "mediator"}],
                "data": {
                    "track": f"track-{n // ROUNDS}",
                    "round_no": n % ROUNDS + 1,
                    "format": "trilateral",
                    "level": "delegation",
                    "direct_ua_ru": True,
                    "agenda": ["exchange", "ceasefire"],
                    "outcome": "none",
                },
            }
        if drawn < 0.7:
            return {
                **self._common("exchange.completed", at),
                "actors": parties,
                "data": {
                    "ordinal": 1 + next(self.exchanges) % 10_000,
                    "released": {"UKR": {"total": self.random.randrange(300)}, "RUS": {"total": 100}},
                    "mediators": ["ARE"],
                },
            }
        return {
            **self._common("commitment.made", at),
            "actors": [{"code": "RUS", "role": "obligor"}],
            "data": {
                "obligor": "RUS",
                "kind": "obligation",
                "text": f"to return some, number {next(self.commitments)}",
                "due": (at + timedelta(days=60)).isoformat(),
            },
        }

    def _correction(self) -> Event:
        of = self.random.choice(self.sent)
        about = {"target": of["id"], "reason": "it was wrong"}
        stream = of.get("stream") or f"{of['type'].partition('.')[0]}:{of['id']}"
        if self.random.random() < 0.5:
            return {"type": "record.retracted", "stream": stream, "occurred": of["occurred"], "data": about}
        patch = {"occurred": {"start": of["occurred"]["start"], "precision": "hour"}}
        return {
            "type": "record.amended", "stream": stream, "occurred": of["occurred"], "data": {**about, "patch": patch},
        }  # fmt: skip

    def _common(self, name: str, at: datetime) -> Event:
        return {
            "type": name,
            "occurred": {"start": at.isoformat(), "precision": "minute", "tz": "Europe/Kyiv"},
            "reported_at": at.isoformat(),
            "sources": [SOURCE],
            "verification": self.random.choice(["unverified", "single_source", "single_source", "verified"]),
        }


SOURCE: Final = {
    "source_id": "wire",
    "title": "A report of a wire service",
    "url": "https://example.org/world/a-report",
    "published_at": "2025-11-19",
    "reliability": "B",
    "credibility": 2,
}


def towns() -> Sequence[Event]:
    """Three hundred towns of Ukraine, from the gazetteer."""
    text = gzip.decompress(files("incidentlog.places").joinpath("data/places.tsv.gz").read_bytes()).decode()
    rows = [row for row in csv.DictReader(text.splitlines(), delimiter="\t") if row["country"] == "UA"]
    rows.sort(key=lambda row: -int(row["population"]))
    return [
        {"name": row["name"], "place_id": f"geonames:{row['geonameid']}", "country": "UA", "precision": "settlement"}
        for row in rows[:300]
    ]


def shifted_alerts(total: int) -> Iterator[Event]:
    """Alerts declared and lifted, in the order of their times: every real one as often as needed, some minutes apart."""
    with ALERTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    copies = total // len(rows) + 1
    rows.sort(key=lambda row: row["started_at"])
    waiting: list[tuple[datetime, int, Event]] = []
    numbers = count()
    for n, row in enumerate(rows):
        begun, over = (datetime.fromisoformat(row[name]) for name in ("started_at", "finished_at"))
        while waiting and waiting[0][0] <= begun:
            yield heapq.heappop(waiting)[2]
        where = _where(row)
        for copy in range(copies):
            shift, stream = timedelta(minutes=41 * copy), f"alert:{n}-{copy}"
            declared = _alert("alert.declared", stream, begun + shift, where, row["level"])
            lifted = _alert("alert.lifted", stream, over + shift, where, None)
            heapq.heappush(waiting, (begun + shift, next(numbers), declared))
            heapq.heappush(waiting, (over + shift, next(numbers), lifted))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _alert(name: str, stream: str, at: datetime, where: Event, level: str | None) -> Event:
    return {
        "type": name,
        "stream": stream,
        "occurred": {"start": at.isoformat(), "precision": "minute", "tz": "Europe/Kyiv"},
        "reported_at": at.isoformat(),
        "place": where,
        "sources": [{"source_id": "sirens", "title": "Official alerts", "reliability": "A", "credibility": 2}],
        "verification": "verified",
        "data": {"level": level} if level else {},
    }


def _where(row: dict[str, str]) -> Event:
    town = re.match(r"m\. (\S+)", row["hromada"])
    if town:
        return {"name": town[1], "country": "UA", "precision": "settlement"}
    finest = row["hromada"] or row["raion"] or row["oblast"]
    precision = "area" if row["hromada"] else "admin2" if row["raion"] else "admin1"
    return {"name": finest[:200], "country": "UA", "precision": precision}
