"""What these tests share: the demonstration as a process, a terminal to type commands in."""

import asyncio
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from functools import cache
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO, Any, Self
from urllib.request import urlopen
from uuid import uuid4

import typer.testing
from typer.main import get_command
from typer.testing import CliRunner

from incidentlog.cli.app import app
from tests.quiet import logging_put_back

LIMIT_SECONDS = 180
typer.testing._get_command = cache(get_command)  # to make all commands anew for each one took a third of the time

# Whoever runs the tests may have SIGINT ignored, as a shell does for what it puts in the background.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[0] = "incidentlog"
from incidentlog.cli import main
main()
"""


def environment(**more: str) -> dict[str, str]:
    """Ours, without settings of whoever runs the tests."""
    return {k: v for k, v in os.environ.items() if not k.startswith("INCIDENTLOG_")} | more


class Terminal:
    """Types commands in a folder, with some variables set.

    In this process, as one of its own takes most of a second of a processor to begin; where what a process does by
    itself is the question (signals, encodings, who lets go of what at its end) it is `run_apart` and `started`.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = {"INCIDENTLOG_DATA_DIR": str(folder / "no-log")} | variables
        """Never the machine's own directory: somebody may have begun a log there."""

    def run(self, *words: str, given: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, from the main thread."""
        with bounded():
            return self._invoke(words, given, variables)

    async def run_beside(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in a thread, beside the service that it asks and that runs in this loop."""
        async with asyncio.timeout(LIMIT_SECONDS):
            return await asyncio.to_thread(self._invoke, words, None, variables)

    def _invoke(
        self, words: Sequence[str], given: str | None, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        theirs: dict[str, str | None] = {k: None for k in os.environ if k.startswith("INCIDENTLOG_")}
        with logging_put_back(), chdir(self.folder):
            done = CliRunner().invoke(app, words, input=given, env=theirs | self.variables | variables)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    def run_apart(self, *words: str, given: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in a process of its own."""
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *words],
            cwd=self.folder,
            env=environment(**self.variables | variables),
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LIMIT_SECONDS,
            check=False,
        )

    def data(self, *words: str) -> Any:
        """What a command prints as JSON."""
        done = self.run(*words, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def started(
        self, *words: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE
    ) -> Iterator[subprocess.Popen[str]]:
        """Start a command that goes on until it is stopped, at the latest when the context is left."""
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            cwd=self.folder,
            env=environment(**self.variables),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@contextmanager
def bounded() -> Iterator[None]:
    """Let what runs in the main thread take no longer than a command may."""

    def late(_: int, frame: object) -> None:
        raise TimeoutError(f"the command was at work for {LIMIT_SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def told(process: subprocess.Popen[str]) -> Any:
    """The next line of NDJSON that it prints; waits for it, within a limit."""
    assert process.stdout is not None
    late = Timer(LIMIT_SECONDS, process.kill)
    late.start()
    line = process.stdout.readline()
    late.cancel()
    assert line, process.communicate(timeout=LIMIT_SECONDS)[1]
    return json.loads(line)


def until_read(pipe: IO[str]) -> None:
    """Wait until all that was written into a pipe has been read, within a limit."""
    until = time.monotonic() + LIMIT_SECONDS
    while any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))):
        assert time.monotonic() < until, "nobody reads it"
        time.sleep(0.05)


def interrupted(process: subprocess.Popen[str]) -> int:
    """The exit code after a Ctrl-C."""
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT_SECONDS)
    return process.returncode


class Demo:
    """`incidentlog demo`, on a free port unless one is named; what it printed, and where it answers."""

    def __init__(self, root: Path, port: str = "0", **variables: str) -> None:
        self.root = root
        self._port = port
        self._variables = variables

    def __enter__(self) -> Self:
        self._out = self.root.with_suffix(".out")
        with self._out.open("w") as out, self.root.with_suffix(".err").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "demo", "--port", self._port, "--data-dir", self.root],
                cwd=self.root.parent,
                env=environment(**self._variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            self._wait()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _wait(self) -> None:
        until = time.monotonic() + LIMIT_SECONDS
        while "Odesa" not in self.guide:
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < until, self.errors
            time.sleep(0.05)

    @property
    def guide(self) -> str:
        """What it printed."""
        return self._out.read_text("utf-8")

    @property
    def errors(self) -> str:
        """What it said on stderr."""
        return self.root.with_suffix(".err").read_text("utf-8")

    @property
    def url(self) -> str:
        """Where it answers."""
        found = re.search(r"serves at (http://\S+?)[,.]?\s", self.guide)
        assert found, self.guide
        return found[1]

    @property
    def key(self) -> str:
        """The admin key."""
        found = re.search(r"Bearer (\w[\w-]+)'", self.guide)
        assert found, self.guide
        return found[1]

    def get(self, path: str) -> Any:
        """The JSON at a path, asked without our own client."""
        with urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def sealed(self, position: int) -> None:
        """Wait until it has signed up to a position."""
        until = time.monotonic() + LIMIT_SECONDS
        while True:
            with urlopen(f"{self.url}/log/checkpoint", timeout=60) as answer:
                if int(answer.read().split(b"\n")[1]) >= position:
                    return
            assert time.monotonic() < until, self.errors
            time.sleep(0.05)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT_SECONDS)
        assert error is not None or code == 0, self.errors


def strike(**changes: Any) -> dict[str, Any]:
    """A valid report of a strike, with an id of its own."""
    return {
        "id": str(uuid4()),
        "type": "strike.reported",
        "occurred": {"start": "2025-11-19", "precision": "day", "tz": "Europe/Kyiv"},
        "place": {"name": "Kharkiv", "country": "UA", "precision": "settlement"},
        "sources": [{"source_id": "test", "title": "A test", "reliability": "C", "credibility": 3}],
        "data": {"means": ["drone"], "target_class": "civilian"},
    } | changes


def ndjson(*events: Any) -> str:
    """Events as lines."""
    return "".join(json.dumps(event) + "\n" for event in events)
