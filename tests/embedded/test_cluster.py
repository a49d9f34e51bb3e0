import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from incidentlog.embedded import EmbeddedError, start
from incidentlog.files import STAGING_PREFIX
from tests.embedded.acting import Service, eventually, is_gone

# As far as an initdb gets that is interrupted: what looks like a data directory.
HALF_WAY = """
for word; do case $word in --pgdata=*) data=${word#--pgdata=};; esac; done
mkdir $data && echo 18 > $data/PG_VERSION && echo $$ > $data/interrupted
exec sleep 600
"""


def test_an_interrupted_initdb_leaves_nothing_in_the_way(
    home: Path, service: Callable[..., Service], shim: Callable[..., Path]
):
    root = home / "root"
    first = service(root, INCIDENTLOG_PG_BIN=str(shim(initdb=HALF_WAY)))
    marks: list[Path] = []

    def is_half_way() -> bool:
        marks.extend(path for path in root.glob(f"{STAGING_PREFIX}*/data/interrupted") if path.read_text())
        return bool(marks)

    eventually(is_half_way)
    initdb = int(marks[0].read_text())
    first.dies(signal.SIGKILL)
    eventually(lambda: is_gone(initdb))  # or it would go on to write beside the next one

    start(root, durable=False).stop()
    assert list(root.glob(f"{STAGING_PREFIX}*")) == []


def test_an_initdb_that_fails_says_why_and_leaves_no_data(
    home: Path, shim: Callable[..., Path], pg_bin: Callable[..., None]
):
    pg_bin(shim(initdb="echo no space left for you >&2; exit 1"))
    with pytest.raises(EmbeddedError, match="no space left for you"):
        start(home / "root")
    assert not (home / "root" / "pg-18").exists()
    assert list((home / "root").glob(f"{STAGING_PREFIX}*")) == []


def test_data_of_another_version_in_its_own_directory_is_refused_with_the_command_to_run(root: Path):
    (root / "pg-18").rename(root / "pg-17")
    _made_by(root / "pg-17", "17")
    before = _names(root / "pg-17")
    with pytest.raises(EmbeddedError) as refused:
        start(root)
    said = str(refused.value)
    assert f"{root}/pg-17 was made by PostgreSQL 17" in said
    assert said.endswith("\nincidentlog db upgrade --dry-run && incidentlog db upgrade")
    assert _names(root / "pg-17") == before
    assert not (root / "pg-18").exists()


def test_data_of_another_version_in_our_directory_is_refused_and_first_moved_aside(root: Path):
    _made_by(root / "pg-18", "17")
    with pytest.raises(EmbeddedError, match=rf"\nmv {root}/pg-18 {root}/pg-17 && incidentlog db upgrade "):
        start(root)


def test_data_of_a_newer_version_is_refused_with_the_setting_that_opens_it(root: Path):
    (root / "pg-18").rename(root / "pg-19")
    _made_by(root / "pg-19", "19")
    with pytest.raises(EmbeddedError, match=r"cannot go back.*INCIDENTLOG_PG_BIN=/usr/lib/postgresql/19/bin"):
        start(root)


def test_data_of_an_older_version_beside_ours_is_left_there(root: Path):
    shutil.copytree(root / "pg-18", root / "pg-17")
    _made_by(root / "pg-17", "17")
    start(root, durable=False).stop()


def test_a_directory_that_is_no_data_directory_is_not_touched(home: Path):
    data = home / "root" / "pg-18"
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
    (data / "photos").touch()
    with pytest.raises(EmbeddedError, match="neither empty nor a data directory"):
        start(home / "root")
    assert _names(data) == ["photos"]


def test_a_lost_password_is_named(root: Path):
    (root / "password").unlink()
    with pytest.raises(EmbeddedError, match=f"{root}/password is gone"):
        start(root)


def test_a_password_that_an_editor_saved_still_fits(root: Path):
    with (root / "password").open("a") as file:
        file.write("\n")
    start(root, durable=False).stop()


def test_a_password_of_other_data_is_named_and_no_server_is_left(root: Path):
    (root / "password").write_text("another")
    with pytest.raises(EmbeddedError, match=f"does not accept the password in {root}/password"):
        start(root, durable=False)
    assert not (root / "pg-18" / "postmaster.pid").exists()


async def test_texts_are_utf8_and_sorted_alike_on_every_machine(root: Path):
    with start(root, durable=False) as running:
        connection = await asyncpg.connect(running.server.dsn())
        row = await connection.fetchrow(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datlocprovider::text AS provider, datlocale AS locale,"
            " current_setting('TimeZone') AS zone, current_setting('jit') AS jit,"
            " current_setting('max_connections')::int AS connections"
            " FROM pg_database WHERE datname = current_database()"
        )
        await connection.close()
    assert row is not None
    assert dict(row) == {
        "encoding": "UTF8",
        "provider": "b",
        "locale": "C.UTF-8",
        "zone": "UTC",
        "jit": "off",
        "connections": 200,
    }


def _made_by(data: Path, version: str) -> None:
    (data / "PG_VERSION").write_text(f"{version}\n")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
