"""The bundled timeline, asked over HTTP what its authors worked out by hand."""

import csv
from pathlib import Path

import pytest

from tests.api.serving import Served

DATA = Path(__file__).parents[1] / "data" / "expected_status.csv"
CASES = list(csv.DictReader(DATA.read_text("utf-8").splitlines()))
ODESA = "geonames:698740"
TERNOPIL = "/v1/subjects/strike:2025-11-19-ternopil"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['stream']} at {case['at']}")
async def test_the_worked_cases(timeline: Served, case: dict[str, str]):
    answer = await timeline.get(
        f"/v1/projections/ceasefire_status/{case['stream']}",
        at=case["at"],
        known_at=case["known_at"],
        basis="reported",
    )
    row = answer.json["row"]
    assert row["state"] == case["canonical"], case["why"]
    for party in ("RUS", "UKR"):
        if case[party]:
            assert row["views"][party] == case[party], (party, case["why"])


async def test_odesa_and_odessa_are_one_place(timeline: Served):
    rows = await timeline.rows("city_incidents")
    assert [row["name"] for row in rows.values()].count("Odesa") == 1
    spelled = await timeline.get("/v1/events", city=ODESA, category="strike")
    assert {e["place"]["name"] for e in spelled.json["events"]} == {"Odesa", "Odessa"}


@pytest.mark.parametrize(
    ("known_at", "killed"),
    [
        ("2025-11-19T07:59+02:00", None),
        ("2025-11-19T14:13+02:00", "first"),
        ("2025-11-19T14:14+02:00", 20),
        ("2025-11-19T15:59+02:00", 20),
        ("2025-11-19T16:00+02:00", 25),
        ("2025-11-20T12:00+02:00", 26),
        ("2025-11-20T22:00+02:00", 28),
        ("2025-11-21T10:00+02:00", 31),
        ("2026-01-11", 31),
        ("2026-01-12", 38),
        ("2026-12-31", 38),
    ],
)
async def test_the_toll_of_ternopil_is_what_was_known_at_each_moment(
    timeline: Served, known_at: str, killed: int | str | None
):
    answer = await timeline.get(
        "/v1/projections/city_incidents", admin1="UA.22", known_at=known_at, basis="reported", at="2026-12-31"
    )
    rows = answer.json["rows"]
    if killed is None:
        assert rows == {}
        return
    (row,) = rows.values()
    assert row["incidents"] == 1
    if killed != "first":
        assert row["killed"]["best"] == killed


async def test_the_retracted_strike_on_belbek_counts_no_more_and_is_not_gone(timeline: Served):
    async def belbek(**params: str) -> int:
        rows = await timeline.rows("city_incidents", side="UKR", **params)
        return sum(row["incidents"] for row in rows.values())

    assert await belbek(basis="reported", known_at="2025-12-21") == 2
    assert await belbek(basis="reported", known_at="2025-12-22") == 1
    assert await belbek() == 1
    subject = (await timeline.get("/v1/subjects/strike:2025-12-20-belbek")).json["state"]
    assert subject["is_current"] is False
    assert [e["status"] for e in subject["entries"]] == ["retracted", "effective"]


async def test_the_port_struck_twice_in_the_reports_was_struck_once(timeline: Served):
    taken = (await timeline.get("/v1/subjects/strike:2025-12-19-odessa-dup")).json
    assert taken["stream"] == "strike:2025-12-19-odesa-port"
    assert taken["state"]["reports"] == 2
    assert taken["state"]["casualties"]["killed"]["best"] == 8
