"""The page on the client and the docstrings, held to what they say: every example runs against the service."""

import ast
import asyncio
import re
import textwrap
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import incidentlog.client
from incidentlog.client import Client, Feed, FileStore, Subscription
from tests.api.serving import ADMIN, Served
from tests.commands import strike
from tests.live.following import until

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
async def lively(service: Served) -> AsyncIterator[Served]:
    """A service whose log grows all the time, so that whoever follows has something to show."""

    async def grow() -> None:
        while True:
            await service.add(strike())
            await asyncio.sleep(0.1)

    growing = asyncio.create_task(grow())
    yield service
    growing.cancel()
    await asyncio.wait([growing])


async def run(source: str, names: dict[str, Any]) -> None:
    """Run an example as it stands, with `await` at its top."""
    running = eval(compile(source, "an example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if running is not None:
        await running


async def shown(source: str, names: dict[str, Any]) -> list[Any]:
    """Run an example that may follow without an end, until it shows something; what it shows."""
    printed: list[Any] = []
    running = asyncio.create_task(run(source, {**names, "print": lambda *what: printed.append(what)}))
    await until(lambda: bool(printed) or running.done())
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return printed


async def test_every_example_of_the_page_runs(lively: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    names: dict[str, Any] = {"url": lively.url, "key": ADMIN, "folder": tmp_path}
    examples = EXAMPLE.findall(PAGE.read_text("utf-8"))
    for example in examples:
        capsys.readouterr()
        async with asyncio.timeout(60):
            await run(example, names)
        assert "print" not in example or capsys.readouterr().out, example
    kept, counted = names["database"].execute("SELECT kept, count FROM place, incidents").fetchone()
    names["database"].close()
    assert kept
    assert counted
    assert len(examples) == 10


async def test_the_example_of_the_readme_runs(lively: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    readme = (PAGE.parents[1] / "README.md").read_text("utf-8")
    (example,) = (e for e in EXAMPLE.findall(readme) if "Client(" in e)
    monkeypatch.chdir(tmp_path)
    names = {"Client": Client, "FileStore": FileStore, "key": ADMIN}
    assert await shown(example.replace("http://127.0.0.1:8080", lively.url), names)
    assert (tmp_path / "cities.json").exists()


@pytest.mark.parametrize("documented", [incidentlog.client, Client, Subscription, Feed], ids=lambda d: d.__name__)
async def test_every_example_in_a_docstring_runs(lively: Served, documented: Any):
    text = textwrap.dedent("    " + documented.__doc__)
    (example,) = re.findall(r"^    async with (?:.*\n(?:    .*\n|\n)*)", text, re.MULTILINE)
    example = textwrap.dedent(example).replace("http://127.0.0.1:8080", lively.url)
    async with Client(lively.url, ADMIN) as client:
        names = {"Client": Client, "client": client, "key": ADMIN, "event": strike()}
        assert await shown(example, names) or "print" not in example
