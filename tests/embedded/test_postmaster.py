import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from incidentlog.embedded import EmbeddedError, postmaster, sockets, start, waiting
from incidentlog.embedded.processes import servers_on
from tests.embedded.acting import held_at, open_gate


@pytest.fixture
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which 3 s pass whenever it is read."""
    seconds = itertools.count(0, 3)
    monkeypatch.setattr(waiting, "monotonic", lambda: next(seconds))


@pytest.mark.usefixtures("quick_clock")
def test_a_recovery_that_takes_minutes_is_waited_for_and_reported(
    root: Path, shim: Callable[..., Path], gate: Path, pg_bin: Callable[[Path], None]
):
    pg_bin(shim(postgres=held_at(gate)))
    said: list[str] = []

    def progress(what: str) -> None:
        said.append(what)
        if "(120 s so far)" in what or "(123 s so far)" in what or "(126 s so far)" in what:
            open_gate(gate)

    with start(root, durable=False, progress=progress) as running:
        assert running.server.owned
    assert all("is starting" in what for what in said)


@pytest.mark.usefixtures("quick_clock")
def test_a_start_that_never_ends_is_given_up_and_nothing_is_left_of_it(
    root: Path, shim: Callable[..., Path], gate: Path, pg_bin: Callable[[Path], None]
):
    pg_bin(shim(postgres=held_at(gate)))
    with pytest.raises(EmbeddedError, match=r"Gave up after 60 s: PostgreSQL is starting"):
        start(root, limit_seconds=60)
    assert servers_on(root / "pg-18") == []


def test_a_server_that_exits_while_starting_is_reported_with_the_end_of_its_log(root: Path):
    with (root / "pg-18" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = plenty\n")
    with pytest.raises(EmbeddedError, match=r'exited with 1 .*\n(.*\n)*.*"plenty"'):
        start(root)


def test_the_reason_is_found_in_its_own_log_too(root: Path):
    (root / "pg-18" / "global" / "pg_control").rename(root / "pg_control")
    with pytest.raises(EmbeddedError, match=r"could not (find|open).*"):
        start(root)


def test_when_its_port_is_taken_it_takes_another_and_remembers_that(root: Path):
    with _listening() as taken:
        (root / "port").write_text(str(taken))
        with start(root, durable=False) as running:
            assert running.server.port != taken
            assert (root / "port").read_text().strip() == str(running.server.port)


def test_when_its_port_is_taken_between_the_look_and_the_start_it_tries_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    looked = sockets.choose_port
    with _listening() as taken:
        first = [taken]
        monkeypatch.setattr(postmaster, "choose_port", lambda place: first.pop() if first else looked(place))
        with start(root, durable=False) as running:
            assert running.server.port != taken


@contextmanager
def _listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]
