import json
import shlex
import shutil
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


@pytest.mark.parametrize(
    "words", [(), ("ucdp-ged",), ("ucdp-ged", "nosuch.csv"), ("nosuch", UCDP), ("ucdp-ged", UCDP, "--release", "x")]
)
def test_mistakes_in_use_are_told(terminal: Terminal, words: tuple[str, ...]):
    done = terminal.run("import", *words)
    assert (done.returncode, bool(done.stderr)) == (2, True)


def test_ctrl_c_while_it_waits_for_a_pipe_ends_it(terminal: Terminal):
    with terminal.started("import", "ndjson", "-", stdin=subprocess.PIPE) as waiting:
        time.sleep(2)
        waiting.send_signal(2)
        waiting.communicate(timeout=LIMIT_SECONDS)
        assert waiting.returncode == 130


def test_a_new_release_is_told_by_four_numbers_and_the_old_one_can_be_read_back(terminal: Terminal, own: Path):
    preset = terminal.run("import", "ucdp-ged", "--explain").stdout
    scheme = "ged-of-a-test"
    own.write_text(preset.replace('scheme = "ucdp-ged"', f'scheme = "{scheme}"'))
    old, new = UCDP, str(SLICES / "ucdp_ged_221_same_ids.csv")
    assert "60 appended" in terminal.run("import", str(own), old).stderr
    listed = terminal.data("events", "list", "--external-id", f"{scheme}:*", "--limit", "100")
    before = max(event["position"] for event in listed["events"])

    dry = terminal.run("import", str(own), new, "--update", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "43 unchanged, 10 changed, 0 new, 7 vanished" in dry.stderr  # 53 rows, and 60 ids in the log
    assert head(terminal) == before

    done = terminal.run("import", str(own), new, "--update", "--release", "GED 22.1")
    assert (done.returncode, "17 appended" in done.stderr) == (0, True), done.stderr
    again = terminal.run("import", str(own), new, "--update", "--release", "GED 22.1")
    assert "53 unchanged, 0 changed, 0 new, 0 vanished" in again.stderr
    assert head(terminal) == before + 17

    said = terminal.data("events", "list", "--external-id", f"{scheme}:155335")["events"]
    assert [event["type"] for event in said] == ["incident.reported", "record.amended"]
    stream = f"{said[0]['stream']}"
    then, now = (figure(terminal, stream, position) for position in (before, before + 17))
    assert then == said[0]["data"]["casualties"]["killed"]
    assert now == {**then, **said[1]["data"]["patch"]["data"]["casualties"]["killed"]} != then


def figure(terminal: Terminal, stream: str, position: int) -> dict[str, int]:
    """How many were killed, as known at a position."""
    url = f"{terminal.variables['INCIDENTLOG_URL']}/v1/subjects/{stream}?at_position={position}"
    request = Request(url, headers={"Authorization": f"Bearer {terminal.variables['INCIDENTLOG_KEY']}"})
    with urlopen(request, timeout=10) as answer:
        killed = json.load(answer)["state"]["casualties"]["killed"]
    return {name: killed[name] for name in ("low", "best", "high")}


def test_a_release_without_most_of_what_the_log_has_is_taken_for_another_file(terminal: Terminal, own: Path):
    rows = own.with_suffix(".csv")
    rows.write_text("id,date,place,killed\n" + "".join(f"{n},1.2.2025,Odesa,1\n" for n in range(4)))
    terminal.run("import", str(own), rows.name)
    rows.write_text("id,date,place,killed\n1,1.2.2025,Odesa,1\n")
    done = terminal.run("import", str(own), rows.name, "--update")
    assert (done.returncode, "that looks like another file" in done.stderr) == (1, True)
    done = terminal.run("import", str(own), rows.name, "--update", "--vanished", "retract")
    assert "1 unchanged, 0 changed, 0 new, 3 vanished" in done.stderr


def test_the_lines_of_the_document_run(terminal: Terminal, folder: Path):
    text = (Path(__file__).parents[2] / "docs" / "import.md").read_text("utf-8")
    lines = text.partition("```sh\n")[2].partition("```")[0].splitlines()
    shutil.copy(UCDP, folder / "GEDEvent.csv")
    assert len(lines) == 5
    for line in lines:
        done = terminal.run(*shlex.split(line, comments=True)[1:])
        assert done.returncode == 0, (line, done.stderr)
