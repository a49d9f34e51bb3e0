import os
from pathlib import Path

import pytest

from incidentlog.embedded import data_root
from incidentlog.embedded.root import Root
from incidentlog.files import write_private
from tests.embedded.acting import mode_of


def test_the_configured_directory_comes_first_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert data_root(Path("here/../data")) == tmp_path / "data"
    assert data_root(Path("~/log")) == Path("/home/ada/log")


def test_root_gets_a_system_directory_and_everybody_else_one_of_his_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_root(None) == Path("/var/lib/incidentlog")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ada/.local/share")
    monkeypatch.setenv("HOME", "/home/ada")
    assert data_root(None).is_relative_to("/home/ada")
    assert data_root(None).name == "incidentlog"


def test_what_is_missing_is_made_whatever_the_umask_and_what_exists_keeps_its_mode(tmp_path: Path):
    tmp_path.chmod(0o750)
    before = os.umask(0o777)
    try:
        Root(tmp_path / "a" / "b").prepare()
    finally:
        os.umask(before)
    expected = 0o711 if os.geteuid() == 0 else 0o700
    assert [mode_of(path) for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")] == [0o750, expected, expected]


def test_a_private_file_that_cannot_be_written_leaves_the_old_one_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_private(tmp_path / "password", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(tmp_path / "password", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["password"]
    assert (tmp_path / "password").read_text() == "old"
    assert mode_of(tmp_path / "password") == 0o600
