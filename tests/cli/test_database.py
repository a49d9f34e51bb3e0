import asyncio
from pathlib import Path

import asyncpg
import pytest

from incidentlog.cli.database import _verified
from incidentlog.config import Settings
from incidentlog.embedded import Server, start
from incidentlog.store.migrate import migrations
from tests.cli.acting import Demo, Terminal
from tests.cli.test_nothing_there import LOG


def test_a_database_is_brought_up_and_says_so(folder: Path):
    terminal = Terminal(folder, INCIDENTLOG_DATA_DIR=str(folder / "database"))
    assert terminal.run("db", "status").returncode == 3  # there is none, and asking makes none
    first = terminal.run("db", "migrate")
    assert first.returncode == 0
    assert "applied 0001 log" in first.stderr
    assert "nothing to apply" in terminal.run("db", "migrate").stderr
    after = terminal.run("db", "status", "-o", "ndjson")
    assert after.returncode == 0
    assert '"applied":false' not in after.stdout
    other = terminal.run("db", "status", "-o", "ndjson", INCIDENTLOG_SCHEMA="another")
    assert other.returncode == 1
    assert '"applied":false' in other.stdout
    scrubbed = terminal.run("db", "scrub")
    assert (scrubbed.returncode, scrubbed.stdout) == (0, ""), scrubbed.stderr
    assert "backups are not" in scrubbed.stderr


NEWEST = migrations()[-1].number


async def execute(server: Server, statements: str) -> None:
    connection = await asyncpg.connect(server.dsn())
    await connection.execute(f"SET search_path TO incidentlog; {statements}")
    await connection.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            f"UPDATE migrations SET number = {NEWEST + 1} WHERE number = {NEWEST}",
            f"the database has migration {NEWEST + 1}",
        ),
        (f"DELETE FROM migrations WHERE number = {NEWEST}", "the log is of an earlier build"),
    ],
    ids=["newer", "earlier"],
)
def test_no_command_works_on_a_log_of_another_build(folder: Path, change: str, said: str):
    root = folder / f"another-build-{len(said)}"
    terminal = Terminal(folder, INCIDENTLOG_DATA_DIR=str(root))
    assert terminal.run("db", "migrate").returncode == 0

    with start(root, durable=False) as running:
        asyncio.run(execute(running.server, change))
        for command in sorted(LOG.keys() - {"archive", "log fork"}):  # pyarrow may not be here, and a fork brings it up
            done = terminal.run(*command.split(), *LOG[command])
            assert (done.returncode, done.stdout) == (1, ""), command
            assert said in done.stderr, command


def test_data_of_an_earlier_postgresql_may_be_of_an_earlier_build_too(folder: Path):
    """The build that brings the next PostgreSQL cannot serve them first: the copy is brought up before it is verified."""
    root = folder / "earlier"
    terminal = Terminal(folder, INCIDENTLOG_DATA_DIR=str(root))
    assert terminal.run("db", "migrate").returncode == 0
    earlier = "DROP TABLE zone_data; DELETE FROM migrations WHERE name = 'zone_data'"
    with start(root, durable=False) as running:
        asyncio.run(execute(running.server, earlier))
        assert _verified(Settings(data_dir=root), running.server, None)["verified"]
        assert terminal.run("db", "status").returncode == 0


def test_a_database_that_is_away_is_unavailable(terminal: Terminal):
    done = terminal.run("db", "status", INCIDENTLOG_DSN="postgresql://nobody:secret@127.0.0.1:1/x")
    assert done.returncode == 8
    assert "secret" not in done.stderr


def test_a_key_opens_what_its_scopes_say(demo: Demo, terminal: Terminal):
    made = terminal.run("key", "create", "a-reader", "--scope", "read", INCIDENTLOG_DATA_DIR=str(demo.root))
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert terminal.run("events", "list", INCIDENTLOG_KEY=key).returncode == 0
    refused = terminal.run("ingest", "-", given="{}\n", INCIDENTLOG_KEY=key)
    assert refused.returncode == 4
    assert "has not the scope 'report'" in refused.stderr


def test_a_key_with_a_bad_name_is_a_mistake_in_use(demo: Demo, terminal: Terminal):
    done = terminal.run("key", "create", "A Reader", INCIDENTLOG_DATA_DIR=str(demo.root))
    assert done.returncode == 2
