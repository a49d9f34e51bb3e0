import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from incidentlog.sqlfiles import sql_root
from tests.test_imports import imported

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")


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


def test_the_lock_has_everything_declared_with_hashes_and_no_address():
    locked = {name_of(line) for line in LOCK.splitlines() if line and line[0] not in " #-"}
    groups = PROJECT["dependency-groups"]["dev"]
    assert {name_of(r) for r in PROJECT["project"]["dependencies"] + groups} <= locked
    assert "://" not in LOCK
    assert "file:" not in LOCK
    for requirement in re.split(r"\n(?=[a-z])", LOCK)[1:]:
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]


def test_what_is_needed_at_run_time_is_in_the_package_or_beside_it():
    assert (sql_root() / "migrations" / "0001_log.sql").is_file()
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {"sql": "incidentlog/sql"}
    for name in ("places/data/places.tsv.gz", "demo/timeline.ndjson", "importers/presets/ucdp-ged.toml"):
        assert (ROOT / "incidentlog" / name).is_file()


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text[:200]
    assert "END OF TERMS AND CONDITIONS" in text
