"""What code and documents name of each other is there."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NAMED = re.compile(r"docs/([a-z-]+\.md)(?:, ([A-Z][A-Za-z ]+))?")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def code() -> Iterator[Path]:
    for folder in ("incidentlog", "sql", "tests"):
        yield from (ROOT / folder).rglob("*.py")
        yield from (ROOT / folder).rglob("*.sql")


def headings(path: Path) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE))


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_documents_that_code_names_are_there_with_what_is_named_in_them():
    named = [(path, *found) for path in code() for found in NAMED.findall(path.read_text("utf-8"))]
    assert len(named) > 50
    for path, name, part in named:
        assert (DOCS / name).is_file(), (path, name)
        assert not part or part in (DOCS / name).read_text("utf-8"), (path, name, part)


def test_what_documents_link_to_is_there():
    for path in (ROOT / "README.md", *DOCS.glob("*.md")):
        for name, part in LINK.findall(path.read_text("utf-8")):
            target = path if not name else (path.parent / name).resolve()
            assert target.exists(), (path, name)
            if part and target.suffix == ".md":
                assert part in {anchor(h) for h in headings(target)}, (path, name, part)


def test_no_code_refers_to_what_is_not_in_the_repository():
    for path in code():
        if path != Path(__file__):
            assert not re.search(r"\b(DOMAIN|DESIGN|AUDIT|API) ?(§|, [A-Z])", path.read_text("utf-8")), path
