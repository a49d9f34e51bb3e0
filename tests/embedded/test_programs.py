"""PostgreSQL's programs are told how to reach a server without the password being on a command line."""

import pytest

from incidentlog.embedded.binaries import Binaries, wheel_folder
from incidentlog.embedded.programs import BackupError, Login, run_program

SECRET = "p@ss/w:rd"


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("postgresql://me:p%40ss%2Fw%3Ard@h:5432/db?sslmode=require", "postgresql://me@h:5432/db?sslmode=require"),
        ("postgresql://me:p%40ss%2Fw%3Ard@/db?host=%2Frun%2Fpg&port=5", "postgresql://me@/db?host=%2Frun%2Fpg&port=5"),
        ("postgres://h1:1,h2:2/db?user=me&password=p%40ss%2Fw%3Ard", "postgresql://h1:1,h2:2/db?user=me"),
        ("postgresql://me:p%40ss%2Fw%3Ard@[::1]:5/db?search_path=x", "postgresql://me@[::1]:5/db"),
    ],
)
def test_the_password_goes_by_the_environment(dsn: str, told: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGPASSWORD", "another")
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/ca.pem")
    login = Login.of(dsn)
    assert login.dsn == told
    assert login.variables["PGPASSWORD"] == SECRET
    assert login.variables["PGSSLROOTCERT"] == "/etc/ca.pem"
    assert Login.of(dsn, ours=True).variables == {"PGPASSWORD": SECRET}


def test_without_a_password_the_environments_own_counts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGPASSWORD", "another")
    assert Login.of("postgresql://me@h/db").variables["PGPASSWORD"] == "another"
    assert "PGPASSWORD" not in Login.of("postgresql://me@h/db", ours=True).variables


def test_a_program_that_fails_is_told_in_its_own_words():
    folder = wheel_folder()
    assert folder is not None
    with pytest.raises(BackupError, match=r"pg_verifybackup failed: .*could not open"):
        run_program(Binaries(folder, 18), "pg_verifybackup", "/nowhere")
    with pytest.raises(BackupError, match="has no pg_nothing"):
        run_program(Binaries(folder, 18), "pg_nothing")
