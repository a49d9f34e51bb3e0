"""The tutorial runs as it is written, line by line."""

import re
import subprocess
import sys
from pathlib import Path

from tests.cli.acting import LIMIT_SECONDS, Terminal, environment

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def test_what_the_tutorial_types_ends_well(terminal: Terminal, tmp_path: Path):
    _, *typed = BLOCK.findall(TUTORIAL.read_text("utf-8"))  # the first names a key, and where the command is
    assert len(typed) == 4
    script = f"set -eo pipefail\nil() {{ '{Path(sys.executable).parent}/incidentlog' \"$@\"; }}\n" + "".join(typed)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path,
        env=environment(**terminal.variables), timeout=2 * LIMIT_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"absorbed":["strike:tutorial-2"]' in done.stdout
    assert '"killed_best":3' in done.stdout
