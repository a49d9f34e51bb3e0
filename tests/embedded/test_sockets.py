import os
from pathlib import Path

import pytest

from incidentlog.embedded import sockets, start
from incidentlog.embedded.account import ourselves
from incidentlog.embedded.root import Root
from tests.embedded.acting import mode_of


def test_a_path_too_long_for_a_socket_gets_a_short_private_one_that_is_removed(root: Path):
    deep = root.parent / ("long" * 25)
    root.rename(deep)
    with start(deep, durable=False) as running:
        folder = Path(running.server.host)
        assert len(f"{folder}/.s.PGSQL.65535") <= 107
        assert mode_of(folder) == 0o700
        assert start(deep).server.host == str(folder)
    assert not folder.exists()


def test_a_short_folder_that_somebody_else_made_first_is_not_used(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sockets, "LONGEST_SOCKET", 10)
    with start(root, durable=False) as running:
        expected = Path(running.server.host)
    expected.symlink_to(root.parent)  # theirs, leading where they like
    try:
        with start(root, durable=False) as running:
            assert Path(running.server.host) != expected
            assert mode_of(Path(running.server.host)) == 0o700
    finally:
        expected.unlink()
    assert not Path(running.server.host).exists()


@pytest.mark.parametrize("name", ["a b", "50%", "Одеса", "a&b=c#d?e", "it's", 'quo"ted', "a,b", "a:b@c"])
def test_a_root_may_have_any_name(root: Path, name: str):
    named = root.parent / name
    root.rename(named)
    with start(named, durable=False):  # which connects
        assert not start(named).server.owned


@pytest.mark.parametrize("said", ["", "x", "70000", "-1", "0"])
def test_a_spoilt_port_file_is_passed_over(home: Path, said: str):
    (home / "port").write_text(said)
    assert sockets._FIRST_PORT <= sockets.choose_port(Root(home)) <= sockets._LAST_PORT


def test_the_length_limit_counts_bytes_and_the_longest_port(home: Path):
    for length, fits in ((107, True), (108, False)):
        fill = length - len(os.fsencode(home)) - len("//run/.s.PGSQL.65535")
        root = Root(home / ("é" * (fill // 2) + "x" * (fill % 2)))
        root.path.mkdir()
        folder = sockets.socket_folder(root, ourselves())
        assert (folder == root.sockets) is fits
        sockets.remove_short_folder(root, folder)
