import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from incidentlog.embedded import start
from incidentlog.embedded.binaries import wheel_folder
from tests.embedded.acting import REPOSITORY, SERVICE, Service, end_all_on
from tests.folders import open_folder


@pytest.fixture
def home() -> Iterator[Path]:
    """A test's own directory; no server is left in it."""
    path = open_folder("embedded")
    try:
        yield path
    finally:
        end_all_on(path)
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A root whose first start is behind it."""
    path = open_folder("embedded")
    try:
        start(path / "root", durable=False).stop()
        yield path / "root"
    finally:
        end_all_on(path)
        shutil.rmtree(path)


@pytest.fixture
def root(home: Path, made: Path) -> Path:
    """A root of the test's own, with data, no server running."""
    subprocess.run(["cp", "-a", made, home / "root"], check=True)
    return home / "root"


@pytest.fixture
def service() -> Iterator[Callable[..., Service]]:
    """Start services as processes of their own; whatever is left of them is killed."""
    with ExitStack() as stack:

        def begin(root: Path, **environment: str) -> Service:
            process = subprocess.Popen(
                [sys.executable, "-c", SERVICE, root],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path]), **environment},
            )
            stack.callback(_finish, process)
            return Service(process)

        yield begin


@pytest.fixture
def shim(home: Path) -> Callable[..., Path]:
    """A bin directory with the wheel's programs, some replaced by shell scripts; `$REAL` is the wheel's folder."""

    def make(**scripts: str) -> Path:
        real = wheel_folder()
        assert real is not None
        folder = home / "bin"
        folder.mkdir(mode=0o755)
        for name in ("postgres", "initdb"):
            if name in scripts:
                script = folder / name
                script.write_text(f"#!/bin/sh\nREAL={real}\n{scripts[name]}\n")
                script.chmod(0o755)
            else:
                (folder / name).symlink_to(real / name)
        return folder

    return make


@pytest.fixture
def gate(home: Path) -> Path:
    """A pipe: who opens it for reading waits until it is opened for writing."""
    path = home / "gate"
    os.mkfifo(path)
    path.chmod(0o666)
    return path


def _finish(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def pg_bin(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Order the programs of one folder to be used."""
    return lambda folder: monkeypatch.setenv("INCIDENTLOG_PG_BIN", str(folder))
