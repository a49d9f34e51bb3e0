import subprocess
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.acting import LIMIT_SECONDS, Terminal
from tests.importers.rowing import OWN, SLICES

UCDP = str(SLICES / "ucdp_ged_older_release_ukr_hxl.csv")


def head(terminal: Terminal) -> int:
    """The last position of the log."""
    request = Request(
        terminal.variables["INCIDENTLOG_URL"] + "/v1/events?limit=1",
        headers={"Authorization": f"Bearer {terminal.variables['INCIDENTLOG_KEY']}"},
    )
    with urlopen(request, timeout=10) as answer:
        return int(answer.headers["Log-Position"])


@pytest.fixture
def own(folder: Path, request) -> Path:
    """A mapping with a scheme of its own: the log is one for all tests."""
    (path := folder / f"{request.node.name[:60]}.toml").write_text(OWN.replace('"ours"', f'"{request.node.name[:40]}"'))
    return path


def test_a_file_goes_in_and_again_adds_nothing(terminal: Terminal):
    first = terminal.run("import", "ucdp-ged", UCDP)
    assert first.returncode == 0, first.stderr
    assert "60 rows in" in first.stderr
    assert "60 appended" in first.stderr
    again = terminal.run("import", "ucdp-ged", UCDP)
    assert (again.returncode, "0 appended, 60 already there" in again.stderr) == (0, True)


def test_a_dry_run_sends_nothing_and_sums_up_the_places(terminal: Terminal, own: Path):
    rows = "id,date,place,killed\n1,1.2.2025,Odesa,1\n2,1.2.2025,Nowhereville,1\n"
    done = terminal.run("import", str(own), "-", "--dry-run", given=rows)
    assert done.returncode == 2  # nobody can tell of stdin what it is
    own.write_text(own.read_text() + '\n[file]\nformat = "csv"\n')
    done = terminal.run("import", str(own), "-", "--dry-run", given=rows)
    assert done.returncode == 0, done.stderr
    assert "2 events would be sent; nothing was" in done.stderr
    assert "not found, 1 names: Nowhereville" in done.stderr
    assert "2 appended" in terminal.run("import", str(own), "-", given=rows).stderr


def test_bad_rows_are_told_with_file_line_and_column_and_all_of_them_in_the_report(terminal: Terminal, own: Path):
    (rows := own.with_suffix(".csv")).write_text(
        "id,date,place,killed\n1,1.2.2025,Odesa,1\n2,soon,Kyiv,1\n3,1.2.2999,Kyiv,1\n4,1.2.2025,Kyiv,9999999999\n"
    )
    report = own.with_suffix(".report")
    done = terminal.run("import", str(own), rows.name, "--report", report.name)
    assert done.returncode == 6
    assert f"{rows.name}, line 3, date: refused: 'soon' is no date" in done.stderr
    assert f"{rows.name}, line 4, date: refused: '1.2.2999' is before 1900 or after 2200" in done.stderr
    assert f"{rows.name}, line 5, killed: refused: /data/casualties/killed/best less_than_equal" in done.stderr
    assert "4 rows in" in done.stderr
    assert "3 refused" in done.stderr
    assert "1 appended" in done.stderr
    assert len(report.read_text().splitlines()) == 4


def test_a_row_that_comes_twice_with_other_content_is_told(terminal: Terminal, own: Path):
    (rows := own.with_suffix(".csv")).write_text("id,date,place,killed\n1,1.2.2025,Odesa,1\n1,1.2.2025,Kyiv,1\n")
    done = terminal.run("import", str(own), rows.name)
    assert done.returncode == 6
    assert "line 3: refused: the log has this id with other content" in done.stderr


def test_an_import_that_was_killed_is_given_again_and_complete(terminal: Terminal, own: Path):
    count = 6_000
    (rows := own.with_suffix(".csv")).write_text(
        "id,date,place,killed\n" + "".join(f"{n},{1 + n % 28}.2.2025,Odesa,1\n" for n in range(count))
    )

    with terminal.started("import", str(own), rows.name) as importing:
        until, before = time.monotonic() + LIMIT_SECONDS, head(terminal)
        while head(terminal) < before + 1_000:
            assert time.monotonic() < until
            time.sleep(0.02)
        importing.kill()
        importing.wait(LIMIT_SECONDS)
    done = terminal.run("import", str(own), rows.name)
    assert done.returncode == 0, done.stderr
    words = done.stderr.replace(",", "").split()
    new, there = int(words[words.index("appended") - 1]), int(words[words.index("already") - 1])
    assert (new + there, new > 0, there > 0) == (count, True, True)


def test_a_mapping_that_cannot_be_used_is_told_with_every_fault(terminal: Terminal, own: Path):
    own.write_text(OWN.replace('reliability = "C"', 'reliability = "G"').replace("[id]", "[id]\ncolour = 1"))
    done = terminal.run("import", str(own), UCDP)
    assert done.returncode == 2
    assert "/id/colour" in done.stderr
    assert "/sources/0/reliability" in done.stderr


def test_what_mappings_there_are_and_what_one_says_and_may_say(terminal: Terminal):
    assert "ucdp-ged" in terminal.run("import", "--explain").stdout
    assert 'scheme = "ucdp-ged"' in terminal.run("import", "ucdp-ged", "--explain").stdout
    assert '"$schema"' in terminal.run("import", "--schema").stdout


@pytest.mark.parametrize("words", [(), ("ucdp-ged",), ("ucdp-ged", "nosuch.csv"), ("nosuch", UCDP)])
def test_mistakes_in_use_are_told(terminal: Terminal, words: tuple[str, ...]):
    done = terminal.run("import", *words)
    assert (done.returncode, bool(done.stderr)) == (2, True)


def test_ctrl_c_while_it_waits_for_a_pipe_ends_it(terminal: Terminal):
    with terminal.started("import", "ndjson", "-", stdin=subprocess.PIPE) as waiting:
        time.sleep(2)
        waiting.send_signal(2)
        waiting.communicate(timeout=LIMIT_SECONDS)
        assert waiting.returncode == 130
