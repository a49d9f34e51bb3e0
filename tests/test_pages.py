"""Nothing in a document is untested: each fenced block is run by a test that is named here, or is here with a reason."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```([\w{}]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

CLIENT = "tests/client/test_docs.py::test_every_example_of_the_page_runs"
EVENTS = "tests/subjects/test_docs.py::test_the_examples_pass_the_door"
SHELL = "tests/cli/test_pages.py::test_the_lines_for_a_shell_run"
RUN = {
    "README.md": {
        "KEY=il_...": "tests/cli/test_readme.py::test_the_session_works_as_pasted",
        'async with Client("http://127.0.0.1:8080", key) as client:': (
            "tests/client/test_docs.py::test_the_example_of_the_readme_runs"
        ),
        "from incidentlog.events.envelope import EventData": (
            "tests/cli/test_readme.py::test_a_new_event_type_is_as_little_work_as_it_says"
        ),
        "def evolve(self, event: Effective[Any]) -> Self:": (
            "tests/cli/test_readme.py::test_a_new_event_type_is_as_little_work_as_it_says"
        ),
        "from collections.abc import Iterable": (
            "tests/cli/test_readme.py::test_a_new_projection_is_as_little_work_as_it_says"
        ),
    },
    "docs/audit.md": {
        "REST=${VKEY#*+}; KEY=${REST#*+}": (
            "tests/audit/test_docs.py::test_a_tree_head_and_a_proof_are_checked_as_it_says"
        ),
        "import base64, hashlib, sys": "tests/audit/test_docs.py::test_a_tree_head_and_a_proof_are_checked_as_it_says",
        "incidentlog export REPORT": SHELL,
    },
    "docs/client.md": {
        "from incidentlog.client import Client": CLIENT,
        "from uuid import uuid4": CLIENT,
        "from incidentlog.errors import InvalidEvent": CLIENT,
        "async def reports():": CLIENT,
        "async with Client(url, key) as client:": CLIENT,
        "from incidentlog.client import FileStore": CLIENT,
        "import sqlite3": CLIENT,
    },
    "docs/erasure-and-replay.md": {
        '{"type": "record.erased"': "tests/cli/test_pages.py::test_an_erasure_is_written_as_it_says",
        "curl -sN": SHELL,
        "import hashlib, json, sys": (
            "tests/api/test_access.py::test_an_auditor_makes_a_days_digest_of_what_the_service_tells"
        ),
        "incidentlog replay --to head": SHELL,
    },
    "docs/events.md": {"{": EVENTS},
    "docs/sql.md": {
        "-- Events by month": "tests/cli/test_archive.py::test_duckdb_reads_it_as_the_page_says",
        "-- Strikes by region": (
            "tests/cli/test_sql_tables.py::test_duckdb_answers_what_the_service_does_now_and_as_known_before"
        ),
        "SELECT location, incidents, best FROM clear": (
            "tests/cli/test_sql_tables.py::"
            "test_a_postgresql_of_ones_own_answers_the_same_to_whoever_may_read_it_and_to_nobody_else"
        ),
    },
    "docs/tutorial.md": dict.fromkeys(
        ("cat > report.json", "il event append", "sed 's/tutorial-1", "il projection show"),
        "tests/cli/test_tutorial.py::test_what_the_tutorial_types_ends_well",
    ),
    "docs/formats.md": {"import json": "tests/api/test_other_tools.py::test_what_the_document_shows_reads_everything"},
    "docs/import.md": {
        "incidentlog import --explain": "tests/cli/test_import.py::test_the_lines_of_the_document_run",
        "No;": "tests/importers/test_docs.py::test_the_spreadsheet_goes_in_by_the_mapping_beside_it",
        'mapping = 1\ntitle = "Our': "tests/importers/test_docs.py::test_the_spreadsheet_goes_in_by_the_mapping_beside_it",
        'mapping = 1\ntitle = "Losses': "tests/importers/test_docs.py::test_totals_that_grow_go_on_one_stream_by_the_mapping_that_is_shown",
        "[[register]]": "tests/importers/test_docs.py::test_actors_of_ones_own_are_named_as_it_shows",
    },
    "docs/knowledge.md": {"incidentlog projection show city_incidents": SHELL},
    "docs/metrics.md": {"incidentlog key create prometheus": SHELL},
    "docs/operate.md": {"incidentlog backup": SHELL, "curl -s": SHELL},
    "docs/places.md": {"incidentlog places search": SHELL},
    "docs/webhooks.md": {
        "from standardwebhooks import": "tests/webhooks/test_signing.py::test_a_receiver_does_as_the_document_says"
    },
}
"""Of each page the blocks that are run, by how they begin, each with the test that runs it."""
_PRESETS = ("acled", "air-raid-alerts", "hxl", "missile-attacks", "ndjson", "timemap", "ucdp-ged")
NOT_RUN = {
    **{
        f"docs/import-{name}.md": {
            f"incidentlog import {name} ": "files of the reader's; tests/importers/test_docs.py holds the words"
        }
        for name in _PRESETS
    },
    "docs/operate.md": {
        "incidentlog archive": "tests/cli/test_archive.py types the same words, in two places",
        "incidentlog restore": "tests/cli/test_backup.py types the same words, where a server can run",
        "INCIDENTLOG_DSN=": "tests/cli/test_import_log.py types the same words",
        "pip install --target": "tests/embedded/test_upgrade.py types the same words, with the programs of another package",
        "server {": "for nginx, which is not at hand",
    },
    "README.md": {
        "git clone <this repository> incidentlog": "it needs another host; that make knows `run` is tested",
        "REST · NDJSON": "a drawing",
    },
    "docs/audit.md": {
        '{"parts":': "a form; tests/audit/test_leaf.py holds it",
        "incidentlog log keygen": "it listens on one port until it is stopped; tests/cli/test_log.py types the same words",
    },
    "docs/benchmarks.md": {
        "Append": "what a measurement printed",
        "one update of": "what a measurement printed",
        "900 readers alone": "what a measurement printed",
        "the notary, over events": "what a measurement printed",
        "notary off": "what a measurement printed",
        "limit: COPY": "what a measurement printed",
    },
    "docs/import.md": {
        "incidentlog import --guess": "tests/importers/test_guessing.py does the same with a larger file",
        "incidentlog import list": "a number of another log; tests/cli/test_import.py types the same words",
        "incidentlog import review": "a number of another log; tests/cli/test_import.py types the same words",
        'curl -s "$API/imports': "files of the reader's; tests/api/test_imports.py sends the same form",
    },
    "docs/metrics.md": {"# prometheus.yml": "a file of another program's, with a path of its machine"},
    "docs/pgbouncer.md": {
        "INCIDENTLOG_DSN=": "addresses of another host; tests/stories/test_pgbouncer.py sets the same",
        "[databases]": "tests/stories/pooling.py writes the same for a PgBouncer of its own",
        "ALTER ROLE": "tests/stories/test_pgbouncer.py holds the page to every setting, and runs what is printed",
    },
    "docs/index.md": {":caption:": "what leads to the pages: `make docs` fails where one of them is not there"},
    "docs/knowledge.md": {
        '{"projection": "city_incidents"': "a shortened answer; tests/api/test_diff.py holds its form"
    },
    "docs/publish.md": {
        "incidentlog key create nats": "it goes on until it is stopped; tests/stories/test_out.py types the same words"
    },
    "docs/scale.md": {"INCIDENTLOG_DSN=": "addresses of other hosts; tests/cluster sets the same"},
    "docs/sql.md": {
        "incidentlog tables figures": "it ends in another program's shell; tests/cli/test_sql_tables.py types the same words"
    },
    "docs/tutorial.md": {"export INCIDENTLOG_KEY": "a key of another log, and where the command is"},
    "docs/webhooks.md": {
        "incidentlog webhook create": "an address of another host; tests/cli/test_webhook.py types the same words"
    },
}
"""The others, each with the reason."""


def blocks(page: Path) -> list[str]:
    return [found[3].strip() for found in BLOCK.finditer(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_run_or_has_a_reason(page: Path):
    name = str(page.relative_to(ROOT))
    found, named = blocks(page), [*RUN.get(name, {}), *NOT_RUN.get(name, {})]
    assert len(found) == page.read_text("utf-8").count("```") // 2
    for block in found:
        assert [begin for begin in named if block.startswith(begin)], f"nothing runs {block.partition(chr(10))[0]!r}"
    for begin in named:
        assert [block for block in found if block.startswith(begin)], f"{begin!r} is not there any more"


def test_whatever_is_asked_of_a_service_is_asked_with_a_key():
    """The tests that run these lines have a service that is open to all; a reader's is not."""
    for page in (page for page in PAGES if page.name != "README.md"):  # there `make run` opens it
        for line in page.read_text("utf-8").splitlines():
            assert not line.startswith("curl ") or "Authorization: Bearer $" in line, f"{page.name}: {line}"


@pytest.mark.parametrize("test", sorted({test for page in RUN.values() for test in page.values()}))
def test_what_runs_it_is_there(test: str):
    path, _, name = test.partition("::")
    assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_of_ours_that_is_linked_is_there(page: Path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
    for target in re.findall(r"`((?:incidentlog|sql|docs|tests)/[\w/.-]+\.(?:py|sql|md|go))`", page.read_text("utf-8")):
        assert (ROOT / target).exists(), target
