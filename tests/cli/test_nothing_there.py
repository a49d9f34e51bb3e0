"""Where there is no log, every command says so and makes nothing; but for those that are there to make one."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from incidentlog.cli import live
from incidentlog.cli.app import app
from incidentlog.embedded import Server
from tests.cli.acting import Terminal, ndjson, strike

NOBODY = "http://127.0.0.1:9"
"""Where no service answers: the port is for throwing away (RFC 863)."""
LOG = {
    "archive": ["kept"],
    "backup": ["backups"],
    "db scrub": [],
    "export": ["taken"],
    "key change": ["somebody", "--note", "x"],
    "key create": ["somebody"],
    "key list": [],
    "key revoke": ["somebody"],
    "key rotate": ["somebody"],
    "key show": ["somebody"],
    "log fork": ["--force", "--yes"],
    "replay": ["--to", "head"],
    "verify": [],
}
"""What works on the log, and the words it takes."""
OURS = {"db upgrade": []}
"""What works on the data of the PostgreSQL that comes along."""
DATABASE = {"db status": [], "doctor": []}
"""What tells how the database is."""
A_WEBHOOK = "0198c0de-0000-7000-8000-000000000001"
SERVICE = {
    "event amend": ["an-id", '{"place": null}', "--reason", "x"],
    "event append": ["-"],
    "event merge": ["strike:a", "strike:b", "--reason", "x"],
    "event retract": ["an-id", "--reason", "x"],
    "events list": [],
    "events show": ["an-id"],
    "events tail": ["--resume", "place.json"],
    "import list": [],
    "import run": ["ndjson", "events.ndjson"],
    "import review": ["1"],
    "import undo": ["1"],
    "ingest": ["-"],
    "places register": ["dacha-17", "--name", "Dacha 17", "--lat", "48", "--lon", "37"],
    "places search": ["Odesa"],
    "projection builds": [],
    "projection cancel": ["city_incidents"],
    "projection diff": ["city_incidents"],
    "projection drop": ["city_incidents"],
    "projection list": [],
    "projection parked discard": ["city_incidents", "strike:x", "--reason", "x"],
    "projection parked list": [],
    "projection parked retry": ["city_incidents", "strike:x"],
    "projection rebuild": ["city_incidents"],
    "projection show": ["city_incidents"],
    "projection switch": ["city_incidents"],
    "projection watch": ["city_incidents", "--resume", "place.json"],
    "subject list": [],
    "subject show": ["strike:a"],
    "tables": ["tables"],
    "webhook change": [A_WEBHOOK, "--note", "x"],
    "webhook create": ["https://example.org/hook"],
    "webhook dead-letters discard": [A_WEBHOOK, "an-id"],
    "webhook dead-letters list": [A_WEBHOOK],
    "webhook dead-letters retry": [A_WEBHOOK, "an-id"],
    "webhook list": [],
    "webhook pause": [A_WEBHOOK],
    "webhook remove": [A_WEBHOOK],
    "webhook resume": [A_WEBHOOK],
    "webhook rotate": [A_WEBHOOK],
    "webhook show": [A_WEBHOOK],
    "webhook test": [A_WEBHOOK],
}
"""What asks a service."""
OF_TWO = {"publish nats"}
"""What asks a service and another server (tests/publish/)."""
NEEDS_NONE = {"completion": ["bash"], "config show": [], "schema": []}
NEEDS_A_FILE = {"import-log", "restore"}
"""What works on a file or directory, without which it says so (test_backup.py, test_import_log.py)."""
MAKES = {"serve", "demo", "db migrate", "log init", "log keygen", "log witness", "places load"}
"""What makes a log, a key or files beside it, or serves by itself."""


without_pyarrow = pytest.mark.skipif(find_spec("pyarrow") is None, reason="an archive is kept by pyarrow, of an extra")
OF_A_LOG = [pytest.param(name, marks=without_pyarrow) if name == "archive" else name for name in LOG]


def commands(group: Any, *before: str) -> Iterator[str]:
    if not hasattr(group, "commands"):
        yield " ".join(before)
    else:
        for name, command in group.commands.items():
            yield from commands(command, *before, name)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in an empty directory, where no service answers and the data directory is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.0)
    for name in ("data", "home"):
        (tmp_path / name).mkdir()
    return Terminal(
        tmp_path,
        INCIDENTLOG_DATA_DIR=str(tmp_path / "data"), INCIDENTLOG_URL=NOBODY, INCIDENTLOG_PORT="0",
        HOME=str(tmp_path / "home"), XDG_DATA_HOME=str(tmp_path / "home"),
    )  # fmt: skip


@pytest.fixture(params=["absent", "empty"])
def nothing(request: pytest.FixtureRequest, empty: Terminal) -> Terminal:
    """The same, with a data directory that is not there, too."""
    if request.param == "absent":
        Path("data").rmdir()
    return empty


def on_disk() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


def test_every_command_is_tried_here():
    assert {*LOG, *OURS, *DATABASE, *SERVICE, *OF_TWO, *NEEDS_NONE, *NEEDS_A_FILE, *MAKES} == set(
        commands(get_command(app))
    )


@pytest.mark.parametrize("command", [*OF_A_LOG, *OURS, "db status"])
def test_a_command_that_needs_a_log_says_that_there_is_none(nothing: Terminal, command: str):
    before = on_disk()
    done = nothing.run(*command.split(), *LOG.get(command, []))
    assert (done.returncode, done.stdout) == (3, "")
    assert f"there is no log in {Path.cwd() / 'data'}: `incidentlog serve` makes one" in done.stderr
    assert on_disk() == before


@pytest.mark.parametrize("command", sorted(NEEDS_NONE))
def test_a_command_that_needs_none_makes_none(nothing: Terminal, command: str):
    before = on_disk()
    assert nothing.run(*command.split(), *NEEDS_NONE[command]).returncode == 0
    assert on_disk() == before


def test_the_doctor_finds_nothing_and_makes_nothing(nothing: Terminal):
    before = on_disk()
    done = nothing.run("doctor", "-o", "ndjson")
    assert "not made yet: the first start makes it" in done.stdout
    assert on_disk() == before


@pytest.mark.parametrize("command", SERVICE)
def test_a_command_that_asks_a_service_says_that_there_is_none(nothing: Terminal, command: str):
    Path("events.ndjson").write_text(ndjson(strike()))
    before = on_disk()
    done = nothing.run(*command.split(), *SERVICE[command], given=ndjson(strike()))
    assert (done.returncode, done.stdout) == (8, ""), done.stderr
    assert NOBODY in done.stderr
    assert on_disk() == before


@pytest.mark.parametrize("command", OF_A_LOG)
def test_a_database_without_a_log_is_told_from_one_that_is_away(empty: Terminal, command: str, server: Server):
    before = on_disk()
    done = empty.run(*command.split(), *LOG[command], INCIDENTLOG_DSN=server.dsn("postgres"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "there is no log in the schema incidentlog of this database" in done.stderr
    assert on_disk() == before
