import io
import subprocess
import time

import pytest

from incidentlog.cli.ingest import CHUNK_BYTES, CHUNK_LINES, chunks
from tests.cli.acting import LIMIT_SECONDS, Terminal, interrupted, ndjson, strike


def test_good_lines_go_in_and_again_adds_nothing(terminal: Terminal):
    lines = ndjson(*(strike() for _ in range(3)))
    first = terminal.run("ingest", "-", given=lines)
    assert (first.returncode, first.stdout) == (0, "")
    assert "3 appended in" in first.stderr
    again = terminal.run("ingest", "-", given=lines)
    assert again.returncode == 0
    assert "0 appended, 3 already there" in again.stderr


def test_bad_lines_are_told_with_their_numbers_and_left_out(terminal: Terminal):
    good = [strike() for _ in range(3)]
    lines = ndjson(good[0]) + "\n" + ndjson(good[1], strike(type="strike.reportd")) + "no json\n" + ndjson(good[2])
    (file := terminal.folder / "bad.ndjson").write_text(lines)
    done = terminal.run("ingest", "bad.ndjson")
    file.unlink()
    assert done.returncode == 6
    assert "line 4: /type" in done.stderr
    assert "line 5: " in done.stderr
    assert "3 appended, 2 refused" in done.stderr
    assert terminal.run("events", "show", good[2]["id"]).returncode == 0


def test_a_line_that_leans_on_a_refused_one_is_refused_too(terminal: Terminal):
    wrong = strike(tlp="PINK")
    retraction = {"type": "record.retracted", "data": {"target": wrong["id"], "reason": "a test"}}
    done = terminal.run("ingest", "-", given=ndjson(wrong, retraction, strike()))
    assert done.returncode == 6
    assert "1 appended, 2 refused" in done.stderr


def test_a_line_that_will_be_ignored_is_appended_and_told_on_stderr(terminal: Terminal):
    lifted = {**strike(), "type": "alert.lifted", "stream": "alert:never-declared", "data": {}}
    lifted.pop("place", None)
    done = terminal.run("ingest", "-", given=ndjson(strike(), lifted))
    assert done.returncode == 0
    assert "line 2: warning: " in done.stderr
    assert "the alert was not declared" in done.stderr
    assert "2 appended" in done.stderr


def test_a_line_that_is_too_long_does_not_keep_the_others_out(terminal: Terminal):
    done = terminal.run("ingest", "-", given=ndjson(strike(notes="x" * 300_000), strike()))
    assert done.returncode == 6
    assert "line 1: too-large" in done.stderr
    assert "1 appended, 1 refused" in done.stderr


def test_an_id_with_other_content_is_refused(terminal: Terminal):
    event = strike()
    assert terminal.run("ingest", "-", given=ndjson(event)).returncode == 0
    done = terminal.run("ingest", "-", given=ndjson({**event, "notes": "another"}))
    assert done.returncode == 6
    assert "line 1: id-conflict" in done.stderr


def test_without_a_key_nothing_goes_in(terminal: Terminal):
    done = terminal.run("ingest", "-", given=ndjson(strike()), INCIDENTLOG_KEY="")
    assert done.returncode == 4
    assert "INCIDENTLOG_KEY" in done.stderr


def test_a_file_that_is_not_there_is_not_found(terminal: Terminal):
    done = terminal.run("ingest", "nosuch.ndjson")
    assert (done.returncode, done.stderr) == (3, "incidentlog: nosuch.ndjson is not there\n")


@pytest.mark.parametrize("given", ["", "\n \n", "\ufeff", "\ufeff\n"])
def test_a_file_without_an_event_is_refused_as_a_mistake_in_use(terminal: Terminal, given: str):
    done = terminal.run("ingest", "-", given=given)
    assert (done.returncode, done.stderr) == (2, "incidentlog: there is no event in it\n")


def test_a_byte_order_mark_costs_no_line(terminal: Terminal):
    one, other = ndjson(strike(), strike()), ndjson(strike())
    done = terminal.run("ingest", "-", given=f"\ufeff{one}\ufeff{other}")
    assert (done.returncode, "3 appended in" in done.stderr) == (0, True)


def test_every_bad_line_has_its_reasons(terminal: Terminal):
    bad = strike(killed=-1, more=1, and_more=2, zone="x")
    done = terminal.run("ingest", "-", given=ndjson(*[bad] * 700, strike()))
    assert done.returncode == 6
    for number in (1, 259, 700):
        assert f"line {number}: /and_more extra_forbidden" in done.stderr
    assert done.stderr.count("/and_more extra_forbidden") == 700
    assert "1 appended, 700 refused" in done.stderr


def test_ctrl_c_while_it_waits_for_a_pipe_ends_it(terminal: Terminal):
    with terminal.started("ingest", "-", stdin=subprocess.PIPE) as waiting:
        assert waiting.stdin is not None
        event = strike()
        waiting.stdin.write(ndjson(*(strike() for _ in range(CHUNK_LINES)), event))
        waiting.stdin.flush()  # more than one chunk: when the first is in, it waits for the rest of the second
        position, until = None, time.monotonic() + LIMIT_SECONDS
        while position is None:
            assert time.monotonic() < until
            done = terminal.run("events", "list", "--limit", "1", "--after", "1000", "-o", "ndjson")
            position = done.stdout or None
        assert interrupted(waiting) == 130


def test_chunks_are_limited_in_lines_and_bytes_and_cover_the_file():
    many = [b"%d\n" % n for n in range(2 * CHUNK_LINES + 1)]
    assert [len(chunk.lines) for chunk in chunks(io.BytesIO(b"".join(many)))] == [CHUNK_LINES, CHUNK_LINES, 1]
    large = b"x" * (CHUNK_BYTES // 3) + b"\n"
    assert [len(chunk.lines) for chunk in chunks(io.BytesIO(large * 4))] == [2, 2]
    file = b"\n\na\n \nb"
    assert [chunk.lines for chunk in chunks(io.BytesIO(file))] == [[(3, b"a"), (5, b"b")]]
    assert sum(chunk.size for chunk in chunks(io.BytesIO(file))) == len(file)
