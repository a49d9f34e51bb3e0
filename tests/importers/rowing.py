"""What these tests share: rows of a text, events of rows."""

from pathlib import Path
from typing import Any

from incidentlog.importers.importing import Account, made_of
from incidentlog.importers.making import Made
from incidentlog.importers.mapping import Mapping, parse_mapping
from incidentlog.importers.opening import Progress

SLICES = Path(__file__).parents[1] / "data" / "imports"

OWN = """
mapping = 1
title = "A table of ours"
unmapped = "drop"

[id]
scheme = "ours"
column = "id"

[when]
start = { column = "date", formats = ["%d.%m.%Y", "%Y-%m-%d"] }
zone = "Europe/Kyiv"

[where]
name = { column = "place" }
country = "UA"
precision = "settlement"

[[sources]]
source_id = "us"
title = "Our table"
reliability = "C"
credibility = 3

[[events]]
type = "incident.reported"
data.kind = "other"
data.casualties.killed = { as = "estimate", column = "killed" }
"""


def mapping_of(changed: str = OWN, **replaced: str) -> Mapping:
    """Our mapping, with some of its text replaced."""
    for old, new in replaced.items():
        changed = changed.replace(old, new)
    return parse_mapping(changed.encode())


def imported(mapping: Mapping, *paths: Path) -> tuple[list[Made], Account]:
    """What the rows of files give, and the account of it."""
    account, rows = Account(), []
    for made in made_of(mapping, [str(path) for path in paths], Progress()):
        account.count(made)
        rows.append(made)
    return rows, account


def made_from(mapping: Mapping, folder: Path, text: str, name: str = "rows.csv") -> list[Made]:
    """What the rows of a text give."""
    (path := folder / name).write_text(text, "utf-8")
    return imported(mapping, path)[0]


def events_of(rows: list[Made]) -> list[dict[str, Any]]:
    """All events of some rows."""
    return [event for made in rows for event in made.events]
