"""A service that runs as a process of its own, and commands that are run beside it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.acting import Demo, Terminal


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A directory that the server's own user can pass through: as root pytest's tmp_path is not."""
    path = Path(tempfile.mkdtemp(prefix="incidentlog-cli-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def demo(folder: Path) -> Iterator[Demo]:
    """The demonstration, with its timeline loaded."""
    with Demo(folder / "demo") as running:
        yield running


@pytest.fixture
def terminal(demo: Demo, folder: Path) -> Terminal:
    """Where commands for the demonstration are typed, with the admin key at hand."""
    return Terminal(folder, INCIDENTLOG_URL=demo.url, INCIDENTLOG_KEY=demo.key)
