"""Two logs that differ only in what a reader may not see: whatever it asks, it is told the same, positions aside (P5).

At four clearances. Begun with documents, subjects, what changed and what was reported. With `PAIRS=deep` in the environment
every projection is also asked what was reported, and what changed with each event.
"""

import os
from typing import Any, Final

import pytest

from incidentlog.embedded import Server
from incidentlog.projections.shapes import PROJECTIONS
from incidentlog.subjects.values import TLP_LABELS
from tests.commands import strike
from tests.pairs import LEVELS, pair_of
from tests.subjects.given import Event, amend, day, event, id_of, merge, retract

AT: Final = "2026-01-01"
REPORTED: Final = {"basis": "reported", "known_at": "2026-02-01"}


def said(stream: str, topic: str, name: str, **more: Any) -> Event:
    data = {"speaker": "UKR", "topic": topic, "stance": "hope"}
    return event("statement.made", f"statement:{stream}", name, data=data, **{"reported_at": "2025-11-20", **more})


def history(mark: str) -> list[Event]:
    """What everybody sees, and between it what is marked `mark`: moves, merges, retractions, streams of its own."""
    hit = {f"strike {n}": strike(id=id_of(f"strike {n}"), stream=f"strike:{n}", killed=n) for n in (1, 2)}
    events = [
        said("a", "t2", "a"),
        said("b", "t1", "b"),
        amend("b", {"data": {"topic": "t2"}}, "moved", tlp=mark),
        said("b", "t1", "b again", occurred=day("2025-11-21")),
        *hit.values(),
        merge("strike:1", "strike:2", name="merged", tlp=mark),
        strike(stream="strike:1", killed=5),
        said("c", "t3", "c", tlp=mark),
        retract("a", "retracted", tlp=mark),
        said("c", "t1", "c again", tlp=mark, occurred=day("2025-11-22")),
        said("a", "t4", "a again"),
        strike(stream="strike:2", killed=3, tlp=mark),
    ]
    return [{"reported_at": "2025-11-20", **e} for e in events]


DEEP: Final = "PAIRS" in os.environ
STREAMS: Final = ("statement:a", "statement:b", "statement:c", "strike:1", "strike:2")
SOME: Final = tuple(PROJECTIONS) if DEEP else ("positions_board", "city_incidents")
"""Those that are also asked what was reported, and what changed."""
BASES: Final[tuple[dict[str, str], ...]] = ({}, REPORTED)
ASKED: Final[list[tuple[str, dict[str, str]]]] = [
    ("/v1/events", {}),
    *((f"/v1/projections/{name}", {}) for name in PROJECTIONS),
    *((f"/v1/projections/{name}", REPORTED) for name in SOME),
    *((f"/v1/streams/{s}", {}) for s in STREAMS),
    *((f"/v1/subjects/{s}/history", basis) for s in STREAMS[:2] for basis in BASES),
    *((f"/v1/subjects/{s}{part}", {}) for s in STREAMS[::2] for part in ("", "/candidates")),
    *((f"/v1/events/{id_of(name)}", {}) for name in ("b", "moved", "c")),
    ("/v1/parked", {}),
]
UNTIMED: Final = ("/v1/parked",)
CHANGED: Final[list[dict[str, str]]] = [
    {},
    *({"projection": name} for name in SOME),
    *({"subject": stream} for stream in STREAMS[1:4:2]),
]


@pytest.mark.parametrize("level", LEVELS, ids=TLP_LABELS[:4])
async def test_a_reader_is_told_the_same_of_a_log_with_what_it_may_not_see_and_of_one_without(
    server: Server, level: int
):
    async with pair_of(server, history(TLP_LABELS[level + 1]), level) as pair:
        for path, params in ASKED:
            await pair.get(path, **({} if path in UNTIMED else {"at": AT, **params}))
        count = len(pair.plain.seen)
        for asked in CHANGED:
            for start in range(1, count) if DEEP or not asked else ():
                await pair.get(
                    "/v1/diff", plain_positions={"from_position": start}, just_before={"to_position": start + 1}, at=AT, **asked
                )  # fmt: skip
            await pair.get("/v1/diff", plain_positions={"from_position": 1}, at=AT, **asked)
