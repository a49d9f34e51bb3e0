"""The mappings that come along, on slices of real files; the whole files are beside the checkout, not in it."""

import csv
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson
import pytest

from incidentlog.clock import SystemClock
from incidentlog.door import Door, Known
from incidentlog.errors import InvalidEvent
from incidentlog.events.values import KYIV, Occurred
from incidentlog.importers.importing import Account, made_of
from incidentlog.importers.making import Maker
from incidentlog.importers.mapping import load_mapping
from incidentlog.importers.opening import Progress
from incidentlog.importers.row import Row
from tests.importers.rowing import SLICES, events_of, imported, made_from

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def shared(name: str) -> Path:
    if not (path := SHARED / name).exists():
        pytest.skip(f"{name} is not beside the checkout, in ../shared/data")
    return path


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def door() -> Door:
    return Door(Known(), SystemClock(), "Europe/Kyiv")


@pytest.mark.parametrize(
    ("preset", "name", "rows", "events"),
    [
        ("ucdp-ged", "ucdp_ged_older_release_ukr_hxl.csv", 60, 60),
        ("ucdp-ged", "ucdp_ged_221_same_ids.csv", 53, 53),
        ("hxl", "ucdp_ged_221_same_ids.csv", 53, 53),
        ("air-raid-alerts", "alerts_official_en.csv", 120, 240),
        ("air-raid-alerts", "alerts_volunteer_en.csv", 120, 240),
        ("acled", "acled_shaped_invented.csv", 3, 3),
    ],
)
def test_every_row_of_a_slice_makes_events_that_the_door_lets_in(
    door: Door, preset: str, name: str, rows: int, events: int
):
    made, account = imported(load_mapping(preset), SLICES / name)
    assert (account.rows, account.refused, account.events) == (rows, 0, events)
    for event in events_of(made):
        door.read(orjson.dumps(event), recorded_by="test")


def test_ids_are_the_same_whenever_a_row_comes():
    twice = [events_of(imported(load_mapping("ucdp-ged"), SLICES / "ucdp_ged_221_same_ids.csv")[0]) for _ in range(2)]
    assert twice[0] == twice[1]
    assert len({event["id"] for event in twice[0]}) == 53


def test_ucdp_has_the_figures_of_its_file_and_lists_what_was_repaired():
    path = shared("ucdp_ged_ukraine_2014_2021.csv")
    made, account = imported(load_mapping("ucdp-ged"), path)
    assert (account.rows, account.refused, account.repaired) == (2_989, 0, 13)
    killed = [event["data"]["casualties"]["killed"] for event in events_of(made)]
    assert sum(each["best"] for each in killed) == 7_882
    for row, each, event in zip(lines(path)[1:], killed, events_of(made), strict=True):
        low, best, high = (int(row[name]) for name in ("low", "best", "high"))
        assert (
            each == {"low": low, "best": best, "high": high}
            if low <= best <= high
            else "As the file had it" in event["notes"]
        )


def test_ucdp_says_windows_as_such_and_areas_as_no_settlements():
    made = imported(load_mapping("ucdp-ged"), SLICES / "ucdp_ged_221_same_ids.csv")[0]
    for row, event in zip(lines(SLICES / "ucdp_ged_221_same_ids.csv")[1:], events_of(made), strict=True):
        start, end = row["date_start"][:10], row["date_end"][:10]
        assert event["occurred"]["start"] == start
        assert event["occurred"].get("end", start) == end
        assert event["occurred"].get("range") == (None if start == end else "window")
        assert (event["place"]["precision"] == "settlement") == (row["where_prec"] in {"1", "2"})


def test_ucdp_by_month_is_the_files_and_what_lies_in_no_month_is_apart():
    path = shared("ucdp_ged_ukraine_2014_2021.csv")
    by_month, in_file = Counter[str | None](), Counter[str | None]()
    for event in events_of(imported(load_mapping("ucdp-ged"), path)[0]):
        occurred = Occurred.model_validate_json(orjson.dumps(event["occurred"]))
        by_month[occurred.buckets(KYIV).month] += event["data"]["casualties"]["killed"]["best"]
    for row in lines(path)[1:]:
        first, last = row["date_start"][:7], row["date_end"][:7]
        in_file[first if first == last else None] += int(row["best"])
    assert by_month == in_file
    assert (sum(by_month.values()), by_month[None]) == (7_882, 1_428)


def test_acled_leaves_out_figures_that_mean_none_or_unknown_and_districts():
    first, second, third = events_of(imported(load_mapping("acled"), SLICES / "acled_shaped_invented.csv")[0])
    assert "casualties" not in first["data"]
    assert second["data"]["casualties"]["killed"] == {"best": 10}
    assert (second["occurred"]["precision"], second["place"]["precision"]) == ("month", "admin1")
    assert (third["occurred"]["precision"], third["place"]["name"]) == ("week", "Kyiv")
    assert first["data"]["kind"] == "shelling"
    assert len(first["sources"]) == 3


def test_attacks_have_a_strike_for_each_kind_of_weapon_with_its_figures_and_none_for_scouts(door: Door):
    made, account = imported(load_mapping("missile-attacks"), SLICES / "missile_attacks_shaped_invented.csv")
    assert (account.rows, account.skipped.total()) == (10, 1)
    night, ballistic, cruise, mixed, swarm, bombs, lancet, unknown, too_many = events_of(made)
    figures = {
        "launched": {"drone": {"best": 40}},
        "intercepted": {"drone": {"best": 31}},
        "lost": {"drone": {"best": 7}},
    }
    assert night["data"] == {"means": ["drone"], "target_class": "unknown", "attributed_to": "RUS", **figures}
    assert ballistic["data"]["launched"] == {"ballistic_missile": {"best": 4}}
    assert cruise["data"]["intercepted"] == {"cruise_missile": {"best": 8}}
    assert mixed["data"]["launched"] == {"missile": {"best": 6}}
    assert "intercepted" not in bombs["data"]
    days = [Occurred.model_validate(event["occurred"]).buckets(KYIV).day for event in (night, cruise, mixed, swarm)]
    assert days == ["2025-03-30", "2025-03-30", "2025-03-31", "2025-03-31"], "a night is of the day on which it began"
    precisions = [event["place"]["precision"] for event in (night, cruise, mixed, swarm, bombs, lancet)]
    assert precisions == ["country", "admin1", "area", "area", "admin2", "settlement"]
    assert [event["place"].get("admin1") for event in (cruise, mixed, bombs)] == [
        "Kyiv oblast",
        None,
        "Dnipropetrovsk oblast",
    ]
    assert (bombs["place"]["name"], unknown["place"]["precision"]) == ("Kryvyi Rih Raion", "country")
    assert [night["sources"][0]["source_id"], lancet["sources"][0]["url"]] == [
        "monitors",
        "https://example.org/watchers/3",
    ]
    for event in (night, ballistic, cruise, mixed, swarm, bombs, lancet, unknown):
        door.read(orjson.dumps(event), recorded_by="test")
    with pytest.raises(InvalidEvent) as refused:
        door.read(orjson.dumps(too_many), recorded_by="test")
    assert [fault.code for fault in refused.value.errors] == ["more_than_launched"]


class Alert(NamedTuple):
    """What is looked at of a row of alerts: a whole file of them is held."""

    level: str
    region: str
    start: str
    is_nested: bool


@pytest.fixture(scope="module")
def alerts() -> Callable[[str], tuple[list[Alert], Account]]:
    """What a whole file of alerts gives; made once, and not kept whole."""

    @cache
    def read(name: str) -> tuple[list[Alert], Account]:
        account, found = Account(), []
        for made in made_of(load_mapping("air-raid-alerts"), [str(shared(name))], Progress()):
            account.count(made)
            declared, _ = made.events
            where, start = declared["place"]["admin1"], declared["occurred"]["start"]
            found.append(Alert(str(made.row.cells.get("level", "")), where, start, made.within is not None))
        return found, account

    return read


def test_alerts_of_raions_within_one_of_their_oblast_are_linked_to_it(alerts):
    path = shared("air_raid_alerts_official.csv")
    made, account = alerts(path.name)
    assert (account.rows, account.refused, account.events) == (43_031, 0, 86_062)
    alarms: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    rows = sorted(lines(path), key=lambda row: row["started_at"])
    for row in rows:
        alarms.setdefault(areas(row)[-1], []).append((row["started_at"], row["finished_at"]))
    ends = {area: list(accumulate((end for _, end in own), max)) for area, own in alarms.items()}

    def is_inside(row: dict[str, str], area: tuple[str, ...]) -> bool:
        begun = bisect_right(alarms.get(area, ()), row["started_at"], key=lambda own: own[0])
        return begun > 0 and ends[area][begun - 1] >= row["finished_at"]

    inside = sum(any(is_inside(row, area) for area in areas(row)[:-1]) for row in rows)
    assert inside == sum(alert.is_nested for alert in made) == 750
    assert not any(alert.is_nested for alert in made if alert.level == "oblast")


def areas(row: dict[str, str]) -> list[tuple[str, ...]]:
    """The areas that an alert is in, from its oblast to its own."""
    names = (row["oblast"], row["raion"], row["hromada"])
    own = names[: 1 + max(n for n, name in enumerate(names) if name)]
    return [own[: n + 1] for n, name in enumerate(own) if name]


@pytest.mark.parametrize(
    ("name", "region"), [("air_raid_alerts_official.csv", "oblast"), ("air_raid_alerts_volunteer.csv", "region")]
)
def test_alerts_by_oblast_and_local_day_are_the_files(alerts, name: str, region: str):
    path = shared(name)
    kyiv = ZoneInfo("Europe/Kyiv")

    def local_day(text: str) -> str:
        return datetime.fromisoformat(text).astimezone(kyiv).date().isoformat()

    expected = Counter(
        ("Poltavska oblast" if row[region] == "Lubenskyi raion" else row[region], local_day(row["started_at"]))
        for row in lines(path)
    )
    assert Counter((alert.region, local_day(alert.start)) for alert in alerts(name)[0]) == expected


def test_alerts_of_hromadas_are_found_as_such_by_the_adjectives_of_the_list(door: Door):
    path = shared("air_raid_alerts_official.csv")
    rows = {(r["hromada"], r["raion"], r["oblast"]): r for r in lines(path) if r["hromada"]}
    maker = Maker(load_mapping("air-raid-alerts"), next(iter(rows.values())))
    found = Counter[str]()
    for row in rows.values():
        (event, _) = maker.make(Row(path.name, 2, row)).events
        place = door.read(orjson.dumps(event), recorded_by="test").command.place
        assert place is not None
        assert place.admin3 is not None or place.how == "ambiguous", place
        found[place.how] += 1
    assert (found["admin2"], found["ambiguous"]) == (129, 1)  # two of one name in one raion


def test_an_alert_lies_within_a_wider_one_of_the_same_second_wherever_that_stands(tmp_path: Path):
    rows = "oblast,raion,hromada,level,started_at,finished_at,source\n" + "".join(
        f"Mykolaivska oblast,{raion},,{level},2022-06-26 21:30:21+00:00,2022-06-26 {until}+00:00,official\n"
        for raion, level, until in (
            ("Voznesenskyi raion", "raion", "22:24:56"),
            ("", "oblast", "22:30:00"),
            ("Mykolaivskyi raion", "raion", "22:31:00"),
        )
    )
    within, wide, beyond = made_from(load_mapping("air-raid-alerts"), tmp_path, rows)
    assert (within.within, wide.within, beyond.within) == (wide.stream, None, None)
    assert within.events[1]["links"] == [{"rel": "part_of", "target": wide.stream}]
