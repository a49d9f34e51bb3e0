import json
import shlex
import shutil
import subprocess
import time
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from incidentlog.importers.importing import BATCH
from tests.cli.acting import LIMIT_SECONDS, Terminal, until_read
from tests.importers.rowing import OWN, SLICES

OUTCOMES = "incidentlog_append_outcomes_total{"
UCDP = str(SLICES / "ucdp_ged_older_release_ukr_hxl.csv")


def head(terminal: Terminal) -> int:
    """The last position of the log."""
    request = Request(
        terminal.variables["INCIDENTLOG_URL"] + "/v1/events?limit=1",
        headers={"Authorization": f"Bearer {terminal.variables['INCIDENTLOG_KEY']}"},
    )
    with urlopen(request, timeout=60) as answer:
        return int(answer.headers["Log-Position"])


def brought_in(terminal: Terminal) -> list[dict[str, Any]]:
    """The imports of the log."""
    return terminal.data("import", "list")


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
    done = terminal.run_apart("import", str(own), "-", "--dry-run", given=rows)
    assert done.returncode == 0, done.stderr
    assert "2 events would be sent; nothing was" in done.stderr
    assert "not found, 1 names: Nowhereville" in done.stderr
    assert "2 appended" in terminal.run_apart("import", str(own), "-", given=rows).stderr
    (piped,) = (row for row in brought_in(terminal) if row["scheme"] == own.stem[:40])
    assert piped["files"] == [{"name": "stdin", "sha256": sha256(rows.encode()).hexdigest(), "octets": len(rows)}]


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


def duplicates(terminal: Terminal) -> float:
    """How many events came to the log that it had."""
    request = Request(
        terminal.variables["INCIDENTLOG_URL"] + "/metrics",
        headers={"Authorization": f"Bearer {terminal.variables['INCIDENTLOG_KEY']}"},
    )
    with urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(w.split()[1] for w in lines if w.startswith(OUTCOMES) and 'outcome="duplicate"' in w))


def test_an_import_that_was_killed_is_given_again_complete_and_only_the_rest_is_sent(terminal: Terminal, own: Path):
    count = 6_000
    (rows := own.with_suffix(".csv")).write_text(
        "id,date,place,killed\n" + "".join(f"{n},{1 + n % 28}.2.2025,Odesa,1\n" for n in range(count))
    )

    with terminal.started("import", str(own), rows.name) as importing:
        until, before = time.monotonic() + LIMIT_SECONDS, head(terminal)
        while head(terminal) < before + 3_000:
            assert time.monotonic() < until
            time.sleep(0.02)
        importing.kill()
        importing.wait(LIMIT_SECONDS)
    known = duplicates(terminal)
    done = terminal.run("import", str(own), rows.name)
    assert done.returncode == 0, done.stderr
    assert duplicates(terminal) - known <= 1 + BATCH  # its beginning, and what was on its way
    words = done.stderr.replace(",", "").split()
    new, there = int(words[words.index("appended") - 1]), int(words[words.index("already") - 1])
    assert (new + there, new > 0, there > 0) == (count, True, True)
    (record,) = (row for row in brought_in(terminal) if row["scheme"] == own.stem[:40])  # it goes on, and is one import
    assert (record["rows"], record["appended"], record["already_there"]) == (count, new, there)
    events = terminal.data("events", "list", "--import", str(record["import"]), "--all")["events"]
    assert len(events) == count


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


@pytest.mark.parametrize("words", [(), ("ucdp-ged",), ("nosuch", UCDP), ("ucdp-ged", UCDP, "--release", "x")])
def test_mistakes_in_use_are_told(terminal: Terminal, words: tuple[str, ...]):
    done = terminal.run("import", *words)
    assert (done.returncode, bool(done.stderr)) == (2, True)


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_file_that_is_not_there_is_not_found(terminal: Terminal, words: tuple[str, ...]):
    done = terminal.run("import", "ucdp-ged", "nosuch.csv", *words)
    assert (done.returncode, "nosuch.csv" in done.stderr) == (3, True)


def test_ctrl_c_while_it_waits_for_a_pipe_ends_it(terminal: Terminal):
    with terminal.started("import", "ndjson", "-", stdin=subprocess.PIPE) as waiting:
        assert waiting.stdin is not None
        waiting.stdin.write("{")
        waiting.stdin.flush()
        until_read(waiting.stdin)
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
    before = head(terminal)
    assert len(listed["events"]) == 60

    dry = terminal.run("import", str(own), new, "--update", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "43 unchanged, 10 changed, 0 new, 7 vanished" in dry.stderr  # 53 rows, and 60 ids in the log
    assert head(terminal) == before

    done = terminal.run("import", str(own), new, "--update", "--release", "GED 22.1")
    assert (done.returncode, "17 appended" in done.stderr) == (0, True), done.stderr
    again = terminal.run("import", str(own), new, "--update", "--release", "GED 22.1")
    assert "53 unchanged, 0 changed, 0 new, 0 vanished" in again.stderr
    assert head(terminal) == before + 19  # with its beginning and its end; the second time nothing was to be sent

    said = terminal.data("events", "list", "--external-id", f"{scheme}:155335")["events"]
    assert [event["type"] for event in said] == ["incident.reported", "record.amended"]
    stream = f"{said[0]['stream']}"
    then, now = (figure(terminal, stream, position) for position in (before, before + 19))
    assert then == said[0]["data"]["casualties"]["killed"]
    assert now == {**then, **said[1]["data"]["patch"]["data"]["casualties"]["killed"]} != then


def test_an_import_is_undone_as_one_and_so_is_its_undoing(terminal: Terminal, own: Path):
    header = "id,date,place,killed\n"
    (old := own.with_suffix(".csv")).write_text(header + "1,1.2.2025,Odesa,1\n2,1.2.2025,Kyiv,2\n3,2.2.2025,Lviv,3\n")
    (new := own.with_suffix(".new.csv")).write_text(
        header + "1,1.2.2025,Odesa,9\n2,1.2.2025,Kyiv,2\n4,1.2.2025,Kyiv,4\n"
    )
    terminal.run("import", str(own), old.name)
    first = [e["status"] for e in said_by(terminal, own)]
    terminal.run("import", str(own), new.name, "--update")
    second = standing(terminal, own)
    (record,) = (r for r in brought_in(terminal) if r["scheme"] == own.stem[:40] and r["release"])
    assert record["changes"] == {"unchanged": 1, "changed": 1, "new": 1, "vanished": 1}

    before = head(terminal)
    dry = terminal.run("import", "undo", str(record["import"]))
    assert (dry.returncode, head(terminal)) == (0, before), dry.stderr
    for told in ("1 retracted", "1 amendments taken back", "1 reinstated", "3 retractions would be sent; nothing was"):
        assert told in dry.stderr
    done = terminal.run("import", "undo", str(record["import"]), "--apply", "--reason", "the wrong file")
    assert "3 retractions appended" in done.stderr, done.stderr
    assert [e["status"] for e in said_by(terminal, own)[:3]] == first == ["effective"] * 3
    assert standing(terminal, own) == ["1", "2", "3"]
    again = terminal.run("import", "undo", str(record["import"]), "--apply")
    assert f"nothing of import {record['import']} stands" in again.stderr

    undone = next(r for r in brought_in(terminal) if r["undoes"] == record["import"])
    assert (undone["reason"], undone["appended"], undone["refused"]) == ("the wrong file", 3, 0)
    assert next(r for r in brought_in(terminal) if r["import"] == record["import"])["undone_by"] == undone["import"]
    assert "3 retractions appended" in terminal.run("import", "undo", str(undone["import"]), "--apply").stderr
    assert standing(terminal, own) == second == ["1", "2", "4"]


def test_actors_of_the_mapping_are_registered_and_the_undoing_takes_them_back(terminal: Terminal, own: Path):
    own.write_text(
        own.read_text()
        + '\n[[register]]\ncode = "XCLI"\nname = "Somebody"\n\n[[actors]]\ncode = { column = "who" }\nrole = "party"\n'
    )
    (rows := own.with_suffix(".csv")).write_text(
        "id,date,place,killed,who\n1,1.2.2025,Odesa,1,XCLI\n2,1.2.2025,Odesa,1,NONE\n"
    )
    dry = terminal.run("import", str(own), rows.name, "--dry-run")
    assert "actors that would be registered, where the log does not have them: XCLI" in dry.stderr
    done = terminal.run("import", str(own), rows.name)
    assert (done.returncode, "actors registered: XCLI" in done.stderr, "1 appended" in done.stderr) == (6, True, True)
    assert "line 3: refused: /actors/0/code unknown_code" in done.stderr
    (record,) = (r for r in brought_in(terminal) if r["scheme"] == own.stem[:40])
    undone = terminal.run("import", "undo", str(record["import"]), "--apply")
    assert "2 retractions appended" in undone.stderr, undone.stderr
    again = terminal.run("import", str(own), rows.name, "--update")
    assert "actors registered: XCLI" in again.stderr, again.stderr
    assert standing(terminal, own) == ["1"]


def test_what_was_undone_comes_back_with_update(terminal: Terminal, own: Path):
    (rows := own.with_suffix(".csv")).write_text("id,date,place,killed\n1,1.2.2025,Odesa,1\n2,1.2.2025,Kyiv,2\n")
    terminal.run("import", str(own), rows.name)
    (record,) = (r for r in brought_in(terminal) if r["scheme"] == own.stem[:40])
    terminal.run("import", "undo", str(record["import"]), "--apply")
    assert standing(terminal, own) == []
    assert "0 unchanged, 2 changed, 0 new, 0 vanished" in terminal.run("import", str(own), rows.name, "--update").stderr
    assert standing(terminal, own) == ["1", "2"]


def test_an_import_that_is_not_there_is_not_undone(terminal: Terminal):
    assert terminal.run("import", "undo", "1").returncode == 3


def said_by(terminal: Terminal, own: Path) -> list[dict[str, Any]]:
    """What the log has under the scheme of a mapping."""
    return terminal.data("events", "list", "--external-id", f"{own.stem[:40]}:*")["events"]


def standing(terminal: Terminal, own: Path) -> list[str]:
    """The ids of the rows that count."""
    there = (e for e in said_by(terminal, own) if not e["type"].startswith("record."))
    return [e["external_ids"][0]["id"] for e in there if e["status"] in {"effective", "amended"}]


def figure(terminal: Terminal, stream: str, position: int) -> dict[str, int]:
    """How many were killed, as known at a position."""
    url = f"{terminal.variables['INCIDENTLOG_URL']}/v1/subjects/{stream}?at_position={position}"
    request = Request(url, headers={"Authorization": f"Bearer {terminal.variables['INCIDENTLOG_KEY']}"})
    with urlopen(request, timeout=60) as answer:
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
    assert len(lines) == 6
    for line in lines:
        done = terminal.run(*shlex.split(line, comments=True)[1:])
        assert done.returncode == 0, (line, done.stderr)


def test_what_was_told_before_is_reviewed_in_a_file_and_merged_from_it(terminal: Terminal):
    """The volunteers' list tells some alerts of the official one again: a person marks which."""
    rows = [f"Odeska oblast,,,oblast,2023-08-0{n} 10:00:00+00:00,2023-08-0{n} 11:00:00+00:00,official" for n in (1, 2)]
    (official := terminal.folder / "official.csv").write_text(
        "\n".join(["oblast,raion,hromada,level,started_at,finished_at,source", *rows]), "utf-8"
    )
    rows = [f"Odeska oblast,2023-08-0{n} 10:02:00+00:00,2023-08-0{n} 11:01:00+00:00,False" for n in (1, 2, 5)]
    (volunteer := terminal.folder / "volunteer.csv").write_text(
        "\n".join(["region,started_at,finished_at,naive", *rows]), "utf-8"
    )
    for file in (official, volunteer):
        assert terminal.run("import", "air-raid-alerts", str(file)).returncode == 0
    number = str(
        next(r["import"] for r in brought_in(terminal) if r["files"] and r["files"][0]["name"] == "volunteer.csv")
    )
    listed = terminal.run("import", "review", number, "--likely", "-o", "csv")
    assert "2 of them likely" in listed.stderr
    (reviewed := terminal.folder / "reviewed.csv").write_text(listed.stdout.replace("\n,", "\nyes,", 1), "utf-8")
    assert len(listed.stdout.splitlines()) == 3
    assert "1 would be merged; nothing was" in terminal.run("import", "review", number, "--merge", str(reviewed)).stderr
    merged = ("import", "review", number, "--merge", str(reviewed), "--apply")
    assert "1 merged" in terminal.run(*merged).stderr
    assert "0 merged, 1 were merged by it before" in terminal.run(*merged).stderr
    assert "1 of them likely" in terminal.run("import", "review", number).stderr
    reviewed.write_text("merge,subject,candidate\nperhaps,alert:a,alert:b\n")
    refused = terminal.run(*merged)
    assert (refused.returncode, "line 2, merge: 'perhaps' is neither yes nor no" in refused.stderr) == (2, True)
