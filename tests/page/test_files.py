"""The files of the page: whole, as they were published, in every language, and named where they are needed."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from incidentlog.api.static import page_files

PAGE = Path(__file__).parents[2] / "incidentlog" / "page"
VENDOR = PAGE / "vendor"
FORMS = {"zero", "one", "two", "few", "many", "other"}


def texts(language: str) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = json.loads((PAGE / "texts" / f"{language}.json").read_text("utf-8"))
    return found


def test_what_others_made_is_as_they_published_it():
    listed = dict(reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text("utf-8").splitlines())
    there = {f"./{path.relative_to(VENDOR)}" for path in VENDOR.glob("*/*")}
    assert set(listed) == there
    for name, digest in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name


def test_each_library_has_its_version_its_licence_and_the_text_of_it():
    for line in (VENDOR / "packages.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        package, version, licence, *files = line.split()
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert licence in {"MIT", "Apache-2.0", "ISC", "BSD-3-Clause", "OFL-1.1"}
        folder = VENDOR / package.rpartition("/")[2]
        assert {path.name for path in folder.iterdir()} == {name.rpartition("/")[2] for name in files}
        assert "LICENSE" in files or licence in (folder / "package.json").read_text("utf-8")


def test_all_modules_are_one_file_and_what_it_imports_is_fetched_beside_it():
    page = (PAGE / "index.html").read_text("utf-8")
    imports = json.loads(re.findall(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)[0])["imports"]
    whole = page_files("page")["whole.js"].content.decode()
    imported = re.findall(r'^import .* from "(.*)";$', whole, re.MULTILINE)
    fetched = re.findall(r'"modulepreload" href="(.*)"', page)
    assert sorted(imports[name] for name in imported) == sorted(f"./{path}" for path in fetched)
    assert sorted(imports) == sorted(imported)
    for path in PAGE.glob("*.js"):
        assert path.name == "app.js" or f"const ${path.stem}_js = " in whole


def test_nothing_of_another_host_is_in_it():
    for path in [*PAGE.glob("*.js"), *PAGE.glob("*.css"), *PAGE.glob("*.html")]:
        found = set(re.findall(r"https?://[\w.]+", path.read_text("utf-8")))
        assert found <= {"http://www.w3.org"}, path  # the name of SVG


@pytest.mark.parametrize("language", ["uk"])
def test_a_language_fills_in_what_the_english_text_fills_in(language: str):
    english, other = texts("en"), texts(language)
    assert other.keys() <= english.keys()
    unsaid = {name for name in english.keys() - other.keys() if not name.startswith("signin.")}
    assert unsaid == set()
    for name, text in other.items():
        for form in text.values() if isinstance(text, dict) else [text]:
            said = english[name]
            wanted = said["other"] if isinstance(said, dict) else said
            assert set(re.findall(r"\{\w+\}", form)) == set(re.findall(r"\{\w+\}", wanted)), name
        assert not isinstance(text, dict) or text.keys() <= FORMS


def test_every_text_that_the_modules_ask_for_is_there():
    english = texts("en")
    for path in PAGE.glob("*.js"):
        for name in re.findall(r'\bt\("([\w.]+)"', path.read_text("utf-8")):
            assert name in english, (path.name, name)
