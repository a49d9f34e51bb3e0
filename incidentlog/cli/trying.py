"""What the demonstration prints: where to look, and lines to try that work as they are printed."""

import json
import os
import shlex
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from incidentlog.zones import zone_named

if TYPE_CHECKING:
    from incidentlog.config import Settings

DEFAULT_URL = "http://127.0.0.1:8080"


class Keeper:
    """Remembers the key that a first demonstration made, so that the lines of the next one work as well.

    It is kept beside the password of the embedded server, as private as that. A key that `serve` made is not ours to
    keep, nor is one on a database of the user's.
    """

    def __init__(self, settings: "Settings") -> None:
        from incidentlog.embedded import data_root

        self._path = None if settings.dsn is not None else data_root(settings.data_dir) / "demo-key"
        self._told = settings.admin_key is not None

    def key(self, made: str | None) -> str | None:
        """The key to print, if it is known; `made` is one that was made just now."""
        from incidentlog.files import write_private

        if made is not None:
            if self._path is not None:
                write_private(self._path, made)
            return made
        if self._told or self._path is None or not self._path.is_file():
            return None
        return self._path.read_text("utf-8")


def guide(url: str, key: str | None, loaded: int) -> str:
    """The text. Without a key, its lines take it from INCIDENTLOG_KEY."""
    command, elsewhere = program(), "" if url == DEFAULT_URL else f" --url {url}"
    lines = [
        f"The incident log serves at {url}" + (f", with {loaded} events of a real timeline." if loaded else "."),
        "Reading needs no key here. Ctrl-C stops it; what it holds stays.",
        "",
        "In another terminal, what holds, and how often which city was hit:",
        f"  curl -s '{url}/v1/projections/ceasefire_status'",
        f"  curl -s '{url}/v1/projections/city_incidents?group_by=place'",
        "",
        "Watch the counts move (a WebSocket):",
        f"  {command} projection watch city_incidents --group-by place{elsewhere}",
        "",
        f"In a browser: {url}/ to see what happened, and what was known of it on any day;",
        f"{url}/docs/live to follow what changes, {url}/verify to check what the log gave you.",
        "",
        "Report a strike on Odesa, and see them move:",
        f"  curl -s -X POST '{url}/v1/events' -H 'Content-Type: application/json' "
        + (f"-H 'Authorization: Bearer {key}'" if key else '-H "Authorization: Bearer $INCIDENTLOG_KEY"')
        + f" -d '{json.dumps(strike())}'",
    ]
    if key is None:
        lines.append(
            "  (INCIDENTLOG_KEY is to be the admin key: the one you set, or that the first start told; or make one with"
        )
        lines.append(f"  {command} key create NAME --scope report.)")
    return "\n".join(lines) + "\n"


def strike() -> dict[str, object]:
    """A strike on Odesa today, as a client reports it. Without an id, so that each sending is another strike."""
    tz = "Europe/Kyiv"
    today = datetime.now(zone_named(tz)).date().isoformat()
    return {
        "type": "strike.reported",
        "occurred": {"start": today, "precision": "day", "tz": tz},
        "place": {"name": "Odesa", "country": "UA", "precision": "settlement"},
        "sources": [{"source_id": "demo", "title": "A made-up report", "reliability": "F", "credibility": 6}],
        "data": {"means": ["drone"], "target_class": "port", "casualties": {"injured": {"best": 2}}},
    }


def program() -> str:
    """How to call this program from the directory we are in: by its name, else by its path."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(_near(Path(sys.executable)))} -m incidentlog"
    found = shutil.which(called.name)
    if found is not None and os.path.realpath(found) == os.path.realpath(called):
        return called.name
    return shlex.quote(_near(called))


def _near(path: Path) -> str:
    """The path from here, where it is below us."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a venv's python is a link that must not be followed
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
