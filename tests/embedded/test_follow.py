import os
import subprocess
import sys
from pathlib import Path

import pytest

from incidentlog.embedded import follow
from incidentlog.embedded.launch import environment
from tests.embedded.acting import eventually, is_gone

SCRIPT = str(Path(follow.__file__))


def test_a_program_whose_parent_died_before_it_could_ask_is_not_started(tmp_path: Path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    ran = tmp_path / "ran"
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, str(dead.pid), "2", "-1", "-1", "/usr/bin/touch", ran], check=False
    )
    assert done.returncode == 1
    assert not ran.exists()


def test_the_signal_comes_also_when_the_service_was_told_to_ignore_it(tmp_path: Path):
    """As nohup and a shell's & do; and it is set after the change of user, which would clear it."""
    told = tmp_path / "pid"
    drop = "65534 65534" if os.geteuid() == 0 else "-1 -1"
    started = f"{sys.executable} -I -S {SCRIPT} $$ 2 {drop} /bin/sleep 600 & echo $! > {told}"
    parent = subprocess.Popen(["/bin/sh", "-c", f"trap '' INT; {started}; wait"])
    eventually(lambda: told.exists() and told.read_text() != "")
    child = int(told.read_text())
    eventually(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n")
    parent.kill()
    parent.wait()
    eventually(lambda: is_gone(child))


def test_the_programs_see_neither_our_secrets_nor_settings_that_would_lead_them_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
):
    for name in ("PGDATA", "PGPORT", "PGOPTIONS", "INCIDENTLOG_TOKEN"):
        monkeypatch.setenv(name, "x")
    assert set(environment()) <= {"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LC_ALL"}
