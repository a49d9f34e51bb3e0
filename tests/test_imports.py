import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PURE = ["subjects", "projections"]
NOT_PURE = {
    "aiohttp",
    "asyncio",
    "asyncpg",
    "socket",
    "time",
    "urllib.request",
    "incidentlog.clock",
    "incidentlog.store",
}


def test_imports_point_one_way():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", PURE)
def test_what_is_pure_imports_neither_database_nor_network_nor_clock(package: str):
    for path in (ROOT / "incidentlog" / package).rglob("*.py"):
        assert not imported(path) & NOT_PURE, path


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            found.add(node.module)
    return found
