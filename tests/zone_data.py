"""Zone data of other releases, and of machines, made of the locked package's own: some zones go by others' rules."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from incidentlog.zones import ZoneData, names, pack

VANCOUVER: Final = "America/Vancouver"
FORMER: Final = {VANCOUVER: "America/Los_Angeles", "Europe/Kyiv": "Europe/Istanbul"}
"""Rules as another release might have had them: Vancouver still goes back in November, Kyiv is an hour ahead."""


def rules_of(zone: str) -> bytes:
    return files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()


def altered(release: str, rules: Mapping[str, str]) -> ZoneData:
    """The zone data of a release in which zones go by the rules of others."""
    return pack(release, {name: rules_of(rules.get(name, name)) for name in names()})


def write_zone_files(folder: Path, rules: Mapping[str, str]) -> None:
    """A machine's own zone files; beside them what is no zone of the world."""
    machine = {"localtime": "Asia/Tokyo", "Factory": "Factory", "posixrules": "America/New_York"}
    for name, of in {**rules, **machine}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rules_of(of))
