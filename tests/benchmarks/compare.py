"""The same benchmark on another commit and on this one, in turns, and what the one's figures are of the other's.

python -m tests.benchmarks.compare REVISION TURNS BENCHMARK [ARGUMENT ...]

such as `compare 1b42e64 3 projections 100000`. Each build runs in a folder of its own, with the packages of this
environment; a benchmark that the other does not have yet is lent to it. A figure is the first number of a line; of all
turns its median is told.
"""

import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.history import ALERTS
from tests.benchmarks.machine import heading, scratch

HERE = Path(__file__).parents[2]
FIGURE = re.compile(r"^(?P<label>\S.*?)\s{2,}(?:p50\s+)?(?P<number>[\d,]+(?:\.\d+)?)")


def figures(folder: Path, benchmark: str, arguments: Sequence[str]) -> dict[str, float]:
    """What one run in a folder prints, by what stands before it."""
    command = [sys.executable, "-m", f"tests.benchmarks.{benchmark}", *arguments]
    printed = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = filter(None, map(FIGURE.match, printed.splitlines()))
    return {line["label"]: float(line["number"].replace(",", "")) for line in found}


def told(name: str, before: Mapping[str, Sequence[float]], now: Mapping[str, Sequence[float]]) -> str:
    """A line: the median before, that of now, and the ratio."""
    old, new = (statistics.median(runs[name]) for runs in (before, now))
    return f"{name[:60]:<60}{old:>12,.1f}{new:>12,.1f}{new / old if old else float('nan'):>9.2f}"


def main(revision: str, turns: int, benchmark: str, arguments: Sequence[str]) -> None:
    """Run both by turns, and print what came of it."""
    with scratch() as folder:
        other = folder / "build"
        subprocess.run(["git", "worktree", "add", "--detach", "--quiet", other, revision], cwd=HERE, check=True)
        theirs = other / "tests" / "benchmarks" / f"{benchmark}.py"
        if not theirs.exists():
            shutil.copy(HERE / theirs.relative_to(other), theirs)
        (folder / ALERTS.parents[1].name).symlink_to(ALERTS.parents[1])  # as it lies beside this one
        before: dict[str, list[float]] = {}
        now: dict[str, list[float]] = {}
        try:
            for _ in range(turns):
                for runs, where in ((before, other), (now, HERE)):
                    for name, figure in figures(where, benchmark, arguments).items():
                        runs.setdefault(name, []).append(figure)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", other], cwd=HERE, check=True)
    print(f"{f'{benchmark}, median of {turns}':<60}{revision[:12]:>12}{'here':>12}{'ratio':>9}")
    for name in (name for name in before if name in now):
        print(told(name, before, now))


if __name__ == "__main__":
    heading("Compared")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:])
