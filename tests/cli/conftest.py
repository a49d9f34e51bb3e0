"""A service that runs as a process of its own, and commands that are run beside it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.acting import Demo, Terminal
from tests.folders import open_folder


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A directory that the server's own user can pass through: as root pytest's tmp_path is not."""
    path = open_folder("cli")
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
