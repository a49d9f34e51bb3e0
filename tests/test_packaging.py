import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from incidentlog.sqlfiles import sql_root
from tests.test_imports import imported

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK, DEV_LOCK = ((ROOT / f"requirements{of}.lock").read_text("utf-8") for of in ("", "-dev"))


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found[0].lower().replace("_", "-").replace(".", "-")


def test_what_is_imported_is_declared():
    project = PROJECT["project"]
    extras = [r for each in project["optional-dependencies"].values() for r in each]
    declared = {name_of(r) for r in project["dependencies"] + extras} | {"incidentlog"}
    distributions = packages_distributions()
    for path in (ROOT / "incidentlog").rglob("*.py"):
        modules = (
            {name.partition(".")[0] for name in imported(path)} - sys.stdlib_module_names - {"compression"}
        )  # from 3.14 on
        for module in modules:
            brought = {name_of(d) for d in distributions.get(module, [module])}
            # Brought by aiohttp, typer and pydantic, which cannot be without them.
            assert brought & (declared | {"yarl", "rich", "pydantic-core"}), (path, module)


def locked(lock: str) -> dict[str, str]:
    """What a lock holds of each package, by its name: which versions, for which machines, with which hashes."""
    found: dict[str, str] = {}
    for requirement in re.split(r"\n(?=[a-z])", lock)[1:]:
        found[name_of(requirement)] = found.get(name_of(requirement), "") + requirement
    return found


@pytest.mark.parametrize("lock", [LOCK, DEV_LOCK], ids=["run", "develop"])
def test_a_lock_has_everything_declared_with_hashes_and_no_address(lock: str):
    groups = PROJECT["dependency-groups"]
    wanted = PROJECT["project"]["dependencies"] + groups["build"]
    if lock is DEV_LOCK:
        wanted += [r for r in groups["dev"] if isinstance(r, str)]
    assert {name_of(r) for r in wanted} <= locked(lock).keys()
    assert "://" not in lock
    assert "file:" not in lock
    for requirement in re.split(r"\n(?=[a-z])", lock)[1:]:
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]


def test_what_runs_is_what_was_tested_and_has_nothing_of_what_only_development_needs():
    run, develop = locked(LOCK), locked(DEV_LOCK)
    assert {name: text.strip() for name, text in run.items()} == {name: develop[name].strip() for name in run}
    assert not {"mypy", "playwright", "pytest", "ruff"} & run.keys()


def test_what_is_needed_at_run_time_is_in_the_package_or_beside_it():
    assert (sql_root() / "migrations" / "0001_log.sql").is_file()
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {"sql": "incidentlog/sql"}
    for name in ("places/data/places.tsv.gz", "demo/timeline.ndjson", "importers/presets/ucdp-ged.toml"):
        assert (ROOT / "incidentlog" / name).is_file()


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text[:200]
    assert "END OF TERMS AND CONDITIONS" in text
