"""Programs that are kept at work until all of them are stopped."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from incidentlog.embedded.account import ourselves
from incidentlog.embedded.launch import spawn

LOOK_SECONDS = 0.2
START_SECONDS = 120
STOP_SECONDS = 30


@dataclass
class Part:
    """One program, and where it is asked whether it does its work."""

    name: str
    command: Sequence[str | Path]
    answers: Callable[[], bool]
    variables: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    """Where it listens."""
    process: subprocess.Popen[bytes] | None = None
    ended: float | None = None
    """When it was seen to be gone."""


@dataclass
class Parts:
    """The parts, in the order in which they are started; `parts.json` in the folder says where each is."""

    folder: Path
    again: float
    """After how many seconds one that ended is started again."""
    told: dict[str, str] = field(default_factory=dict)
    """What else `parts.json` says."""
    all: list[Part] = field(default_factory=list)

    def start(self, *parts: Part) -> None:
        """Start some, and wait until each answers. Raises SystemExit with the output of one that does not."""
        for part in parts:
            self.all.append(part)
            self._launch(part)
        for part in parts:
            until = time.monotonic() + START_SECONDS
            while not part.answers():
                gone = part.process is None or part.process.poll() is not None
                if gone or time.monotonic() > until:
                    raise SystemExit(f"{part.name} does not answer:\n{self._log(part).read_text()[-2_000:]}")
                time.sleep(LOOK_SECONDS)

    def tend(self) -> None:
        """Start again what ended, for ever."""
        while True:
            for part in self.all:
                if part.process is None or part.process.poll() is None:
                    continue
                part.ended = part.ended or time.monotonic()
                if time.monotonic() - part.ended > self.again:
                    self._launch(part)
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop all, the last one first."""
        for part in reversed(self.all):
            if part.process is None or part.process.poll() is not None:
                continue
            part.process.terminate()
            try:
                part.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(part.process.pid, signal.SIGKILL)
                part.process.wait()

    def _launch(self, part: Part) -> None:
        with self._log(part).open("ab") as output:
            part.process = spawn(
                part.command, ourselves(), output, at_parents_death=signal.SIGTERM, variables=part.variables
            )
        part.ended = None
        there = {p.name: {"pid": p.process.pid, "address": p.address} for p in self.all if p.process is not None}
        whole = self.folder / "parts.json.new"
        whole.write_text(json.dumps({**self.told, "parts": there}, indent=1))
        whole.replace(self.folder / "parts.json")

    def _log(self, part: Part) -> Path:
        return self.folder / f"{part.name}.log"


def says(url: str) -> Callable[[], bool]:
    """Whether something answers there with 200."""

    def ask() -> bool:
        try:
            with urlopen(url, timeout=3) as answer:  # noqa: S310 - on loopback, over HTTP
                return bool(answer.status == HTTPStatus.OK)
        except (URLError, OSError):
            return False

    return ask
