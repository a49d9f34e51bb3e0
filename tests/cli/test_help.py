import json
import subprocess
import sys

from tests.cli.acting import environment

HEAVY = {
    "aiohttp", "asyncio", "asyncpg", "orjson", "platformdirs", "pydantic", "pydantic_settings", "rich",
    "ssl", "structlog", "uvloop", "yarl",
}  # fmt: skip

ASKED = """
import json, sys
from incidentlog.cli import main
for words in json.loads(sys.argv.pop()):
    sys.argv = ["incidentlog", *words, "--help"]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, words
print("LOADED", *sys.modules)
"""

COMMANDS = [
    (), ("serve",), ("demo",), ("ingest",), ("import",), ("import", "undo"), ("doctor",), ("event",), ("event", "amend"), ("subject", "show"), ("backup",), ("restore",), ("completion",), ("events",), ("events", "list"), ("events", "show"),
    ("events", "tail"), ("projection",), ("projection", "list"), ("projection", "show"), ("projection", "watch"), ("places",), ("schema",), ("places", "search"), ("places", "register"), ("places", "load"),
    ("db", "migrate"), ("db", "upgrade"), ("db", "status"), ("key", "create"), ("key", "list"),
    ("key", "revoke"), ("key", "show"),
]  # fmt: skip


def test_help_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", ASKED, json.dumps(COMMANDS)],
        check=True,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    told, _, loaded = done.stdout.partition("LOADED")
    assert told.count("Usage: incidentlog") == len(COMMANDS)
    assert not HEAVY & set(loaded.split())


def test_the_version_is_told():
    done = subprocess.run(
        [sys.executable, "-m", "incidentlog", "--version"],
        check=True,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith("incidentlog 0.")
