import re
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from incidentlog.zones import (
    RELEASE,
    BadZoneDataError,
    by,
    data_of,
    is_zone,
    learn,
    packaged,
    plain_name,
    unknown,
    zone_named,
)
from tests.zone_data import FORMER, VANCOUVER, altered, write_zone_files

ROOT = Path(__file__).parents[1]


def offset(zone: zoneinfo.ZoneInfo, *day: int) -> timedelta | None:
    return datetime(*day, tzinfo=zone).utcoffset()  # type: ignore[arg-type]


@pytest.fixture
def other_machine(tmp_path: Path) -> Iterator[None]:
    """A machine whose own zone files have other rules."""
    write_zone_files(tmp_path, FORMER)
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(tmp_path)])
    zoneinfo.ZoneInfo.clear_cache()
    zone_named.cache_clear()
    yield
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.parametrize("name", ["Europe/Kyiv", "Europe/Kiev", "UTC", "Etc/GMT+3", "America/Vancouver", "EST5EDT"])
def test_the_zones_of_the_world_are_zones_their_former_names_too(name: str):
    assert is_zone(name)
    assert zone_named(name).key == name


@pytest.mark.parametrize(
    "name",
    ["localtime", "Factory", "posixrules", "posix/Europe/Kyiv", "right/Europe/Kyiv", "zone.tab", "tzdata.zi", "Europe",
     "", ".", "../zones", "Europe/Kyiv@", "Europe/Kyiv@2025b", "__init__.py", "europe/kyiv"],
)  # fmt: skip
@pytest.mark.usefixtures("other_machine")
def test_what_else_lies_among_zone_files_is_no_zone(name: str):
    assert not is_zone(name)


@pytest.mark.usefixtures("other_machine")
def test_the_machines_own_zone_files_are_not_read():
    assert offset(zoneinfo.ZoneInfo("Europe/Kyiv"), 2025, 12, 1) == timedelta(hours=3)
    assert offset(zone_named("Europe/Kyiv"), 2025, 12, 1) == timedelta(hours=2)
    assert offset(zone_named("Europe/Kyiv"), 2025, 7, 1) == timedelta(hours=3)


def test_nobody_else_looks_a_zone_up():
    """Neither with zoneinfo, nor in the database, nor by what the machine takes for local."""
    python = re.compile(
        r"\bzoneinfo\b|\bZoneInfo\(|\bavailable_timezones\b|\bastimezone\(\)|\btzlocal\b|date\.today\(\)"
    )
    sql = re.compile(r"AT TIME ZONE|\btimezone\(|\bAT LOCAL\b|\bcurrent_date\b", re.IGNORECASE)
    found = [str(p) for p in (ROOT / "incidentlog").rglob("*.py") if python.search(p.read_text("utf-8"))]
    found += [str(p) for p in (ROOT / "sql").rglob("*.sql") if sql.search(p.read_text("utf-8"))]
    assert found == [str(ROOT / "incidentlog" / "zones.py")]


def test_zone_data_are_known_by_what_they_say():
    package = packaged()
    assert package.id == f"{RELEASE}-{package.id.partition('-')[2]}"
    assert learn(package.packed) == package.id
    former = altered(RELEASE, FORMER)
    assert former.id != package.id
    assert former.id.startswith(RELEASE)
    assert unknown([package.id, former.id, None, "2001a-0"]) == {"2001a-0"}


def test_a_zone_goes_by_the_zone_data_that_it_names():
    former, november = altered("2025b", FORMER), (2026, 11, 10)
    then, now = by(VANCOUVER, former.id), by(VANCOUVER, packaged().id)
    assert offset(zone_named(then), *november) == timedelta(hours=-8)
    assert offset(zone_named(now), *november) == timedelta(hours=-7) == offset(zone_named(VANCOUVER), *november)
    assert (plain_name(then), data_of(then)) == (VANCOUVER, former.id)
    assert by(then, packaged().id) == now
    assert by(then, None) == VANCOUVER
    assert not is_zone(by("localtime", former.id))


@pytest.mark.parametrize("packed", [b"", b"no", altered("2025b", FORMER).packed[:-10]])
def test_what_is_no_zone_data_is_refused(packed: bytes):
    with pytest.raises(BadZoneDataError):
        learn(packed)


def test_zone_data_that_are_not_what_they_are_called_are_refused():
    with pytest.raises(BadZoneDataError, match="not 2025b-0"):
        learn(packaged().packed, expected="2025b-0")
