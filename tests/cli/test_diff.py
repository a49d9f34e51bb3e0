import csv
import io
import json
from typing import Any

import pytest

from tests.cli.acting import Demo, Terminal, ndjson, strike

KINDS = ("added", "changed", "withdrawn")
PAIR = ["--from-position", "30", "--to-position", "90"]


def test_the_differences_are_those_of_rest(demo: Demo, terminal: Terminal):
    path = "/v1/diff?projection=city_incidents&from_position=30&to_position=90&at=2026-03-01&limit=1000&group_by=place,kind"
    rest = demo.get(path)
    words = ["city_incidents", *PAIR, "--at", "2026-03-01", "--group-by", "place,kind"]
    assert terminal.data("projection", "diff", *words) == rest
    assert rest["added"]


def test_pages_are_put_together_and_a_limit_keeps_to_it(terminal: Terminal):
    whole = terminal.data("projection", "diff", *PAIR)
    assert len(whole["added"]) > 20
    keys = sorted(key for kind in KINDS for key in whole[kind])
    few = terminal.data("projection", "diff", *PAIR, "--limit", "7")
    assert sorted(key for kind in KINDS for key in few[kind]) == keys[:7]
    lines = terminal.run("projection", "diff", *PAIR).stdout.splitlines()
    told = [json.loads(line) for line in lines]
    assert [own["key"] for own in told] == keys
    assert all(own["causes"] for own in told)


def test_a_table_says_what_changed_and_by_which_event(terminal: Terminal):
    words = ["projection", "diff", "city_incidents", "--from-position", "0", "--to-position", "110", "-o", "table"]
    done = terminal.run(*words)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "Ternopil" in line)
    assert "added" in row
    assert "strike.reported" in row
    assert "incidents 1" in row


def test_a_subject_can_be_asked_about(demo: Demo, terminal: Terminal):
    stream = "strike:2025-11-19-ternopil"
    told = terminal.data("projection", "diff", "--subject", stream, "--from-position", "0", "--to-position", "110")
    assert told["added"][stream]["after"]["casualties"]["killed"]["best"] > 0


def test_what_sources_told_between_two_days(terminal: Terminal):
    words = ["--from-known", "2025-11-19", "--to-known", "2025-12-31", "--basis", "reported"]
    told = terminal.data("projection", "diff", "city_incidents", *words, "-f", "place=geonames:691650")
    (row,) = [*told["added"].values(), *told["changed"].values()]
    assert row["after"]["name"] == "Ternopil"


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ([], 2, "/from_known missing"),
        (["nosuch", "--from-position", "0"], 3, "no projection is called 'nosuch'"),
        (["--subject", "strike:nosuch", "--from-position", "0"], 3, "no subject 'strike:nosuch'"),
        (["city_incidents", "--from-known", "soon", "--to-known", "later"], 2, "/to_known not_a_time"),
        (["city_incidents", "--subject", "strike:x", "--from-position", "0"], 2, "give a projection or a subject"),
        (["city_incidents", "--from-position", "0", "--key", "il_wrong"], 4, "the key is not known"),
        (["city_incidents", "--from-position", "0", "--limit", "0"], 2, "--limit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_refusal_has_its_exit_code_and_says_why(terminal: Terminal, words: list[str], code: int, why: str):
    done = terminal.run("projection", "diff", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert why in done.stderr


# ------------------------------------------------------------------------------------------------ shapes and tables


def test_the_largest_and_the_period_before_are_asked_as_over_rest(demo: Demo, terminal: Terminal):
    moment = "at=2026-03-01&at_position=110"
    rest = demo.get(
        "/v1/projections/city_incidents?since=2025-11-01&until=2025-12-01&compare=previous&top=2"
        f"&order_by=killed.best&{moment}"
    )
    words = ["--since", "2025-11-01", "--until", "2025-12-01", "--compare", "previous", "--top", "2"]
    words += ["--order-by", "killed.best", "--at", "2026-03-01", "--at-position", "110"]
    assert terminal.data("projection", "show", "city_incidents", *words) == rest


def test_in_a_table_the_change_is_beside_each_figure(terminal: Terminal):
    words = ["--since", "2025-07-01", "--until", "2025-12-31", "--compare", "previous", "--at-position", "110"]
    done = terminal.run("projection", "show", "city_incidents", "--group-by", "country", *words, "-o", "table")
    row = next(line for line in done.stdout.splitlines() if line.strip().startswith("UA"))
    assert "(+" in row
    assert "Not shown" not in done.stdout


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_is_the_services_own_where_there_is_one(terminal: Terminal):
    rows = table(terminal.run("projection", "show", "city_incidents", "--at-position", "110", "-o", "csv").stdout)
    assert {"location", "best", "injured_best"} <= {*rows[0]}
    document = table(terminal.run("projection", "show", "talks_ledger", "--at-position", "110", "-o", "csv").stdout)
    assert {"key", "days_since_last"} <= {*document[0]}


def test_events_are_one_table_however_many_pages(terminal: Terminal):
    whole = table(terminal.run("events", "list", "--limit", "105", "-o", "csv").stdout)
    assert len(whole) == 105
    assert [int(row["position"]) for row in whole] == list(range(1, 106))
    nothing = terminal.run("events", "list", "--category", "sanction", "--after", "1000000", "-o", "csv")
    assert table(nothing.stdout) == []
    assert nothing.stdout.startswith("id,position,")


# ------------------------------------------------------------------------------------------------------- folded here


@pytest.mark.parametrize(
    "words",
    [
        ["city_incidents", "--group-by", "place,day,kind", "--known-at", "2025-11-30"],
        ["city_incidents", "--since", "2025-11-01", "--until", "2025-12-01", "--compare", "previous", "--top", "3"],
        ["ceasefire_status", "--known-at", "2025-12-20"],
        ["commitments", "--known-at", "2025-12-20"],
        ["exchange_tally", "--group-by", "stream,side"],
    ],
    ids=" ".join,
)
def test_folded_here_it_is_what_the_service_folds(terminal: Terminal, words: list[str]):
    asked = ["projection", "show", *words, "--basis", "reported", "--at", "2026-03-01", "--at-position", "110"]
    there, here = terminal.data(*asked), terminal.data(*asked, "--local")
    assert here == there
    assert here["rows"] or "--top" in words


def test_corrections_merges_and_amended_places_fold_here_as_there(terminal: Terminal):
    one, two = strike(stream="strike:local-one"), strike(stream="strike:local-two")
    gone = strike(stream="strike:local-gone")
    patch = {"place": {"name": "Odesa", "country": "UA"}, "data": {"casualties": {"killed": {"best": 4}}}}
    records: list[Any] = [
        {"type": "record.amended", "data": {"target": one["id"], "patch": patch, "reason": "elsewhere"}},
        {"type": "record.retracted", "data": {"target": gone["id"], "reason": "wrong"}},
        {"type": "record.merged", "stream": "strike:local-one",
         "data": {"survivor": "strike:local-one", "absorbed": ["strike:local-two"], "reason": "one and the same"}},
    ]  # fmt: skip
    assert terminal.run("ingest", "-", given=ndjson(one, two, gone, *records)).returncode == 0
    asked = ["projection", "show", "city_incidents", "--basis", "reported", "--known-at", "2199-01-01"]
    there, here = terminal.data(*asked), terminal.data(*asked, "--local")
    assert here["rows"] == there["rows"]
    assert here["basis"].keys() == there["basis"].keys()
    row = terminal.data(*asked, "geonames:698740", "--local")
    assert row["row"]["restated"] is True


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["city_incidents", "--local"], 2, "--local is for --basis reported"),
        (["nosuch", "--local", "--basis", "reported"], 3, "no projection is called 'nosuch'"),
        (["city_incidents", "nosuch", "--local", "--basis", "reported"], 3, "has no row 'nosuch'"),
        (
            ["city_incidents", "--group-by", "nosuch", "--local", "--basis", "reported"],
            2,
            "/group_by unknown_dimension",
        ),
        (["city_incidents", "--known-at", "soon", "--local", "--basis", "reported"], 2, "/known_at not_a_time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_folded_here_is_refused(terminal: Terminal, words: list[str], code: int, why: str):
    done = terminal.run("projection", "show", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert why in done.stderr
