import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MACHINERY = ("incidentlog.events", "incidentlog.folding")
PURE = ["events", "folding", "subjects", "projections"]
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


def test_no_file_imports_itself_by_way_of_others():
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in (ROOT / "incidentlog").rglob("*.py")
    }
    list(TopologicalSorter({name: imported(path) & files.keys() for name, path in files.items()}).static_order())


def test_the_lists_of_what_can_happen_and_be_asked_are_taken_where_they_are_full():
    """Taken from the machinery, such a list holds what somebody else happened to import."""
    below = {ROOT / "incidentlog" / package for package in PURE}
    for path in (ROOT / "incidentlog").rglob("*.py"):
        if not below & set(path.parents):
            taken = re.findall(
                r"^ *from (incidentlog\S+) import .*\b(PROJECTIONS|EVENTS)\b", path.read_text("utf-8"), re.MULTILINE
            )
            assert not {module for module, _ in taken if module.startswith(MACHINERY)}, path


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
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found
