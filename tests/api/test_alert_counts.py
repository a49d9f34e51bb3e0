"""Both files of air-raid alerts: counts are those made straight from the CSV, and what is nested is counted once."""

import csv
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from incidentlog.importers.mapping import load_mapping
from tests.api.serving import Served
from tests.importers.rowing import SLICES, events_of, imported

KYIV = ZoneInfo("Europe/Kyiv")
Alert = dict[str, str]
OFFICIAL, VOLUNTEER = "alerts_official_en.csv", "alerts_volunteer_en.csv"


def lines(name: str) -> list[Alert]:
    """The rows; of the one that has a raion in the column of oblasts, each where it belongs."""
    with (SLICES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row.get("oblast") == "Lubenskyi raion":
            row |= {"oblast": row["raion"], "raion": row["oblast"]}
    return rows


def is_within(row: Alert, other: Alert) -> bool:
    """Whether an alert lies within another one, of an area that holds its own."""
    areas = [tuple(filter(None, map(each.get, ("oblast", "raion", "hromada")))) for each in (row, other)]
    narrower = len(areas[1]) < len(areas[0]) and areas[0][: len(areas[1])] == areas[1]
    return narrower and other["started_at"] <= row["started_at"] and row["finished_at"] <= other["finished_at"]


def region(row: Alert) -> str:
    return row.get("oblast") or row["region"]


def local_day(row: Alert) -> str:
    return datetime.fromisoformat(row["started_at"]).astimezone(KYIV).date().isoformat()


async def brought_in(service: Served, name: str) -> list[Alert]:
    made, account = imported(load_mapping("air-raid-alerts"), SLICES / name)
    assert account.refused == 0
    assert (await service.bulk(*events_of(made))).status == 201
    return lines(name)


@pytest.mark.parametrize("name", [OFFICIAL, VOLUNTEER])
@pytest.mark.parametrize(
    ("dimension", "of"), [("admin1", region), ("day", local_day), ("month", lambda row: local_day(row)[:7])]
)
async def test_alerts_are_counted_as_in_the_file(
    service: Served, name: str, dimension: str, of: Callable[[Alert], str]
):
    rows = await brought_in(service, name)
    nested = [row for row in rows if any(is_within(row, other) for other in rows)]
    shown = await service.rows("city_incidents", group_by=dimension, kind="alert")
    expected = Counter(map(of, rows))
    expected.subtract(map(of, nested))
    if dimension == "admin1":  # regions have the names of the field there, and not of the file
        assert sorted(n for row in shown.values() if (n := row["incidents"])) == sorted(
            n for n in expected.values() if n
        )
    else:
        assert {key: row["incidents"] for key, row in shown.items() if row["incidents"]} == +expected
    assert sum(row["parts"] for row in shown.values()) == len(nested)
    assert sum(row["incidents"] + row["parts"] for row in shown.values()) == len(rows)


async def test_alerts_of_raions_are_counted_as_in_the_file_whether_they_are_parts_or_not(service: Served):
    rows = await brought_in(service, OFFICIAL)
    expected = Counter(row["raion"] for row in rows if row["raion"])
    shown = await service.rows("city_incidents", group_by="admin2", kind="alert")
    told = {row["name"]: row for key, row in shown.items() if key}
    assert {name: row["incidents"] + row["parts"] for name, row in told.items()} == expected
    assert any(row["parts"] for row in told.values())
