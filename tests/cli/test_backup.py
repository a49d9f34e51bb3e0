"""The database is backed up while it is at work, and put back elsewhere: all that was acknowledged by then is in it."""

import asyncio
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest

from incidentlog.cli.backup import _programs, _take
from incidentlog.config import Settings
from incidentlog.embedded import start
from incidentlog.embedded.binaries import wheel_folder
from incidentlog.embedded.root import Root
from incidentlog.embedded.server import published
from incidentlog.service.service import access_of
from tests.cli.acting import LIMIT_SECONDS, Demo, Terminal, ndjson, strike
from tests.cli.test_database import execute
from tests.embedded.acting import eventually
from tests.folders import open_folder

WRITERS = 64


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where it all happens: in memory, where there is enough."""
    path = open_folder("backup")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def source(folder: Path) -> Iterator[Demo]:
    """A service of this module's own, to be written to."""
    with Demo(folder / "source") as running:
        yield running


@pytest.fixture
def terminal(source: Demo, folder: Path) -> Terminal:
    """Where commands for that service are typed."""
    return Terminal(folder, INCIDENTLOG_URL=source.url, INCIDENTLOG_KEY=source.key)


@pytest.fixture
def at(source: Demo) -> dict[str, str]:
    return {"INCIDENTLOG_DATA_DIR": str(source.root)}


@pytest.fixture
def place(folder: Path) -> Iterator[Path]:
    """A directory of the test's own that the server's user can pass through."""
    path = folder / "backing-up"
    path.mkdir()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@dataclass
class Writing:
    """64 writers; what was acknowledged, and how much of it by which point of the WAL."""

    acknowledged: list[str] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)
    """A place in the WAL, and how many had been acknowledged when it was asked for."""

    def by(self, lsn: int) -> list[str]:
        """What had been acknowledged at the latest by a place in the WAL."""
        return self.acknowledged[: max(count for at, count in self.seen if at <= lsn)]


@asynccontextmanager
async def writing(demo: Demo) -> AsyncIterator[Writing]:
    made = Writing()
    server = published(Root.at(demo.root))
    assert server is not None
    connection = await asyncpg.connect(server.dsn())
    headers = {"Authorization": f"Bearer {demo.key}"}

    async def write(session: aiohttp.ClientSession) -> None:
        while True:
            event = strike()
            async with session.post(f"{demo.url}/v1/events", json=event) as answer:
                assert answer.status == 201, await answer.text()
            made.acknowledged.append(event["id"])
            await asyncio.sleep(0.5)

    async def look() -> None:
        while True:
            count = len(made.acknowledged)
            lsn = await connection.fetchval("SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn")
            made.seen.append((int(lsn), count))
            await asyncio.sleep(0.02)

    async with aiohttp.ClientSession(headers=headers) as session:
        tasks = [asyncio.ensure_future(work) for work in (look(), *(write(session) for _ in range(WRITERS)))]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await connection.close()
    assert {type(error) for error in ended} == {asyncio.CancelledError}, ended


def end_of(backup: Path) -> int:
    """Where in the WAL a backup ends."""
    manifest = json.loads((backup / "data/backup_manifest").read_text())
    high, low = manifest["WAL-Ranges"][-1]["End-LSN"].split("/")
    return (int(high, 16) << 32) + int(low, 16)


def ids_in(root: Path) -> set[str]:
    """The events of a data directory in which no service is at work."""

    async def ask(dsn: str) -> list[UUID]:
        connection = await asyncpg.connect(dsn)
        try:
            return [row[0] for row in await connection.fetch("SELECT event_id FROM incidentlog.events")]
        finally:
            await connection.close()

    with start(root, durable=False) as running:
        return set(map(str, asyncio.run(ask(running.server.dsn()))))


def test_under_64_writers_nothing_acknowledged_before_the_end_is_missing(
    source: Demo, terminal: Terminal, at: dict[str, str], place: Path
):
    async def back_up() -> tuple[Writing, list[str]]:
        async with writing(source) as made:
            done = []
            for more in ((), ("--apart", "backing-up/elsewhere")):
                told = await asyncio.to_thread(terminal.run_apart, "backup", "backing-up/b", *more, **at)
                assert told.returncode == 0, told.stderr
                done.append(told)
            return made, [each.stdout.strip() for each in done]

    made, taken = asyncio.run(back_up())
    assert taken == ["backing-up/b/0001", "backing-up/b/0002"]
    abouts = [json.loads((place / "b" / name / "backup.json").read_text()) for name in ("0001", "0002")]
    assert [about["after"] for about in abouts] == [None, 1]
    assert abouts[0]["head"] < abouts[1]["head"]

    told = terminal.run("restore", "backing-up/b", "backing-up/restored", "-o", "json")
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert said["verified"]
    assert said["outside"]["previous"]  # a head that was published before is held against it
    assert said["size"] >= abouts[1]["head"]
    acknowledged = made.by(end_of(place / "b/0002"))
    assert len(acknowledged) > WRITERS
    assert set(acknowledged) <= ids_in(place / "restored")

    # Neither the key nor the state lies beside the data, nor does the password of the first server.
    key = (source.root / "log/incidentlog/key").read_text().strip()
    password = (source.root / "password").read_text().strip()
    for path in (path for path in (place / "b").rglob("*") if path.is_file()):
        assert key.encode() not in path.read_bytes()
        assert password.encode() not in path.read_bytes()
    assert (place / "elsewhere/incidentlog/key").read_text().strip() == key
    assert (place / "elsewhere/incidentlog/key").stat().st_mode & 0o777 == 0o600
    assert (place / "restored/password").read_text() != password
    assert not (place / "restored/log").exists()
    # With the key and the newest state the log is seen to be shorter than what was signed since: of one more event at
    # least, as all that came before may be in the backup.
    told = terminal.run(
        "event", "append", "-", given=json.dumps(strike()), INCIDENTLOG_URL=source.url, INCIDENTLOG_KEY=source.key
    )
    assert told.returncode == 0, told.stderr
    source.sealed(said["size"] + 1)
    shutil.copytree(source.root / "log", place / "restored/log")
    told = terminal.run("verify", INCIDENTLOG_DATA_DIR=str(place / "restored"))
    assert told.returncode == 7
    assert "NOT VERIFIED" in told.stderr


async def ask(demo: Demo, question: str) -> Any:
    """What the service's database answers."""
    server = published(Root.at(demo.root))
    assert server is not None
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def is_kept(demo: Demo, until: str) -> bool:
    """Whether the WAL up to a place in it has reached whoever keeps it."""
    return bool(asyncio.run(ask(demo, f"SELECT flush_lsn >= '{until}' FROM pg_stat_replication")))


def comes_to_be(holds: Callable[[], bool], following: subprocess.Popen[str]) -> None:
    """Wait until it holds; fail at a bound, or when what keeps the WAL has ended."""

    def goes_on() -> bool:
        assert following.poll() is None, following.communicate()
        return holds()

    eventually(goes_on, LIMIT_SECONDS)


def test_the_wal_that_was_kept_is_played_until_an_instant_or_to_its_end(
    source: Demo, terminal: Terminal, at: dict[str, str], place: Path
):
    """Also what was written while nobody followed, and what the server would have removed by then."""
    acting = Terminal(terminal.folder, **terminal.variables | at)
    before, after = strike(), strike()
    with acting.started("backup", "backing-up/b", "--follow") as following:
        comes_to_be(lambda: any((place / "b").glob("wal/*")), following)
        assert acting.run("backup", "backing-up/b").returncode == 0
        assert acting.run("ingest", "-", given=ndjson(before)).returncode == 0
        instant = datetime.now(UTC).isoformat()
        following.send_signal(signal.SIGINT)
        assert following.wait(LIMIT_SECONDS) == 130
    for _ in range(3):
        asyncio.run(ask(source, "SELECT pg_switch_wal()"))
        asyncio.run(ask(source, "CHECKPOINT"))
    assert acting.run("ingest", "-", given=ndjson(after)).returncode == 0
    end = asyncio.run(ask(source, "SELECT pg_current_wal_flush_lsn()::text"))
    with acting.started("backup", "backing-up/b", "--follow") as following:
        comes_to_be(lambda: is_kept(source, end), following)
        following.send_signal(signal.SIGINT)
        out, said = following.communicate(timeout=LIMIT_SECONDS)
        assert (out, following.returncode) == ("", 130)
        assert "while nobody follows, the server keeps up to 8GB for this" in said
    done = acting.run("backup", "backing-up/b", "--unfollow")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert asyncio.run(ask(source, "SELECT count(*) FROM pg_replication_slots")) == 0
    again = acting.run("backup", "backing-up/b", "--unfollow")
    assert (again.returncode, "does not exist" in again.stderr) == (1, True)
    for until, there in ((instant, {before["id"]}), ("end", {before["id"], after["id"]})):
        done = terminal.run("restore", "backing-up/b", "backing-up/restored", "--until", until)
        assert done.returncode == 0, done.stderr
        assert ids_in(place / "restored") & {before["id"], after["id"]} == there
        shutil.rmtree(place / "restored")
    done = terminal.run("restore", "backing-up/b", "backing-up/restored", "--until", "2099-01-01T00:00:00Z")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the archived WAL ends before 2099-01-01 00:00:00+00:00" in done.stderr
    assert not any((place / "restored").iterdir())


def test_a_postgresql_of_ones_own_is_backed_up_as_what_it_starts_from(source: Demo, terminal: Terminal, place: Path):
    server = published(Root.at(source.root))
    assert server is not None
    dsn = {"INCIDENTLOG_DSN": server.tcp_dsn(), "INCIDENTLOG_DATA_DIR": str(place / "nothing")}
    done = terminal.run("backup", "backing-up/b", **dsn)
    assert done.returncode == 0, done.stderr
    assert "the signing key" not in done.stderr  # it is not in that directory
    done = terminal.run("restore", "backing-up/b", "backing-up/data")
    assert (done.returncode, done.stdout) == (0, "backing-up/data\n"), done.stderr
    assert (place / "data/PG_VERSION").read_text() == "18\n"
    # A login that may not is told in PostgreSQL's words.
    reader = access_of(Settings(), server).dsn("reader")
    done = terminal.run("backup", "backing-up/b", "--full", INCIDENTLOG_DSN=reader)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pg_basebackup failed: " in done.stderr
    assert "permission denied to start WAL sender" in done.stderr
    assert server.password not in done.stderr
    assert [path.name for path in (place / "b").iterdir()] == ["0001"]


def test_a_backup_of_a_log_that_was_forked_is_restored(terminal: Terminal, folder: Path, place: Path):
    """Its tree heads are of two keys; also where it was forked while the WAL was kept, after the backup."""
    with Demo(folder / "forked") as demo:
        assert demo.get("/v1/log/key")
    acting = Terminal(terminal.folder, **terminal.variables | {"INCIDENTLOG_DATA_DIR": str(demo.root)})
    with acting.started("backup", "backing-up/b", "--follow") as following:
        comes_to_be(lambda: any((place / "b").glob("wal/*")), following)
        for words in (("backup", "backing-up/b"), ("log", "fork", "--force", "--yes"), ("backup", "backing-up/b")):
            done = acting.run(*words)
            assert done.returncode == 0, done.stderr
        following.send_signal(signal.SIGINT)
        assert following.wait(LIMIT_SECONDS) == 130
    for words, to in (((), "last"), (("--number", "1", "--until", "end"), "played")):
        done = terminal.run("restore", "backing-up/b", f"backing-up/{to}", *words, "-o", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["fork"] == 1


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ("DROP TABLE blocks; DELETE FROM migrations WHERE name = 'blocks'", 0, "migrated, up to 0026 blocks"),
        ("INSERT INTO migrations VALUES (9999, 'later', 'x')", 1, "not verified: the database has migration 9999"),
    ],
    ids=["earlier", "newer"],
)
def test_a_backup_of_an_earlier_build_is_brought_up_and_verified(
    terminal: Terminal, folder: Path, place: Path, change: str, code: int, said: str
):
    """That build made it while it was at work, and is gone by now; one of a newer build is left for that build."""
    root = place / "of-another-build"
    assert terminal.run("db", "migrate", INCIDENTLOG_DATA_DIR=str(root)).returncode == 0
    settings = Settings(data_dir=root)
    with start(root, durable=False) as running:
        asyncio.run(execute(running.server, change))
        access = access_of(settings, running.server)
        _take(settings, access, place / "b", *_programs(settings, access), full=True)
    done = terminal.run("restore", "backing-up/b", "backing-up/restored", "-o", "json")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    if code == 0:
        assert json.loads(done.stdout)["verified"]
        restored = {"INCIDENTLOG_DATA_DIR": str(place / "restored")}
        assert terminal.run("db", "status", **restored).returncode == 0


def test_backups_of_another_server_are_not_gone_on_from(
    terminal: Terminal, folder: Path, place: Path, at: dict[str, str]
):
    """Of what was restored from one of them a whole one is taken; of another log, none in the same place."""
    with Demo(folder / "older") as demo:
        assert demo.get("/v1/log/key")
    older = {"INCIDENTLOG_DATA_DIR": str(demo.root)}
    for _ in range(2):
        assert terminal.run("backup", "backing-up/b", **older).returncode == 0
    assert terminal.run("restore", "backing-up/b", "backing-up/first", "--number", "1").returncode == 0
    restored = {"INCIDENTLOG_DATA_DIR": str(place / "first")}
    done = terminal.run("backup", "backing-up/b", **restored)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing goes on from 0002" in done.stderr
    assert "--full takes a whole one" in done.stderr
    done = terminal.run("backup", "backing-up/b", "--full", **restored)
    assert done.returncode == 0, done.stderr
    done = terminal.run("backup", "backing-up/b", "--full", **at)
    assert (done.returncode, "has backups of log" in done.stderr) == (5, True)


def test_what_is_not_a_backup_is_not_restored(source: Demo, terminal: Terminal, at: dict[str, str], place: Path):
    assert terminal.run("backup", "backing-up/b", **at).returncode == 0
    for words, code, says in (
        (("backing-up/none", "backing-up/to"), 3, "is no directory of backups"),
        (("backing-up", "backing-up/to"), 3, "there is no backup in backing-up"),
        (("backing-up/b", "backing-up/b"), 5, "is not empty"),
        (("backing-up/b", "backing-up/to", "--number", "7"), 1, "there is no backup 0007"),
        (("backing-up/b", "backing-up/to", "--until", "2026-01-01"), 2, "--until takes an instant with an offset"),
        (("backing-up/b", "backing-up/to", "--until", "end"), 3, "there is no WAL in backing-up/b"),
    ):
        done = terminal.run("restore", *words)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert says in done.stderr
        assert not (place / "to").exists()
    for words, code, says in (
        (("backing-up/b", "--apart", "backing-up/b/key"), 2, "is not apart from"),
        (("backing-up/b", "--apart", "backing-up"), 2, "is not apart from"),
    ):
        done = terminal.run("backup", *words, **at)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert says in done.stderr
    assert [path.name for path in (place / "b").iterdir()] == ["0001"]
    harmed = next(path for path in (place / "b/0001/data/base").rglob("*") if path.stat().st_size == 8192)
    harmed.write_bytes(b"x" * 8192)
    done = terminal.run("restore", "backing-up/b", "backing-up/to")
    assert (done.returncode, done.stdout) == (1, "")
    assert "pg_verifybackup failed" in done.stderr
    assert harmed.name in done.stderr
    assert not any((place / "to").iterdir())
    (place / "b/0001/data/PG_VERSION").write_text("17\n")
    done = terminal.run("backup", "backing-up/b", **at)
    assert "0001 is of PostgreSQL 17, so this one is whole" in done.stderr
    assert json.loads((place / "b/0002/backup.json").read_text())["after"] is None


def test_a_program_that_is_missing_is_named(source: Demo, terminal: Terminal, at: dict[str, str], place: Path):
    folder, real = place / "bin", wheel_folder()
    assert real is not None
    folder.mkdir()
    (folder / "postgres").symlink_to(real / "postgres")
    done = terminal.run("backup", "backing-up/b", INCIDENTLOG_PG_BIN=str(folder), **at)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder} has no pg_basebackup" in done.stderr
    assert not any((place / "b").iterdir())
