"""Places on the command line."""

from pathlib import Path
from zipfile import ZipFile

from tests.cli.acting import Demo, Terminal, ndjson, strike

PLACE = {"name": "Xyzzivka", "country": "UA", "admin1": "Donetsk oblast", "precision": "settlement"}


def test_a_name_is_looked_up(terminal: Terminal):
    found = terminal.data("places", "search", "Новомосковськ", "--country", "UA")
    assert found["suggestions"][0]["name"] == "Samar"
    shown = terminal.run("places", "search", "Samar", "-o", "table")
    assert shown.returncode == 0
    assert "Samarivskyi raion" in shown.stdout
    assert "GeoNames" in shown.stderr
    assert terminal.run("places", "search", "Xyzzyxyzzy").returncode == 3


def head_of(demo: Demo) -> int:
    # Not the last of a page of events: other tests have filled this log, and one page is not all of it.
    return int(demo.get("/readyz?verbose")["head"])


def counted(demo: Demo) -> dict[str, int]:
    asked = f"/v1/projections/city_incidents?group_by=place&kind=strike&min_position={head_of(demo)}"
    rows = demo.get(asked)["rows"]
    return {key: row["incidents"] for key, row in rows.items() if "xyzzivka" in key}


def test_registering_a_place_moves_there_what_named_it_and_nothing_else(demo: Demo, terminal: Terminal):
    there = strike(place=PLACE)
    near = strike(place={k: v for k, v in PLACE.items() if k != "admin1"} | {"lat": 48.0, "lon": 37.5})
    elsewhere = strike(place=PLACE | {"admin1": "Sumy oblast"})
    nowhere = strike(place={k: v for k, v in PLACE.items() if k != "admin1"})
    gone = strike(place=PLACE | {"name": "XYZZIVKA"})
    put_right = strike(place=PLACE)
    corrections = [
        {"type": "record.retracted", "data": {"target": gone["id"], "reason": "not so"}},
        {
            "type": "record.amended",
            "data": {
                "target": put_right["id"],
                "patch": {"place": {"name": "Kharkiv", "admin1": "UA-63"}},
                "reason": "x",
            },
        },
    ]
    given = ndjson(there, near, elsewhere, nowhere, gone, put_right, *corrections)
    assert terminal.run("ingest", "-", given=given).returncode == 0
    before = {"name:xyzzivka@UA": 1, "name:xyzzivka@UA.05": 2, "name:xyzzivka@UA.21": 1}
    assert counted(demo) == before
    head = head_of(demo)

    words = [
        "places",
        "register",
        "xyzzivka",
        "--name",
        "Xyzzivka",
        "--lat",
        "48.0",
        "--lon",
        "37.51",
        "--country",
        "UA",
    ]
    told = terminal.run(*words)
    assert told.returncode == 0, told.stderr
    assert "its region is taken to be UA.05" in told.stderr
    assert "2 events would be moved with --apply; 2 name it without" in told.stderr
    assert counted(demo) == before

    for _ in range(2):  # the same again adds nothing
        told = terminal.run(*words, "--apply")
        assert told.returncode == 0, told.stderr
        assert counted(demo) == {"place:xyzzivka": 2, "name:xyzzivka@UA": 1, "name:xyzzivka@UA.21": 1}
    amended = demo.get("/v1/events?type=record.amended&limit=1000")["events"]
    assert len([e for e in amended if e["data"]["patch"] == {"place": {"place_id": "place:xyzzivka"}}]) == 2
    then = demo.get(f"/v1/projections/city_incidents?group_by=place&kind=strike&at_position={head}")["rows"]
    assert {key for key in then if "xyzzivka" in key} == before.keys()


def test_a_place_that_is_none_is_refused(terminal: Terminal):
    bad = terminal.run("places", "register", "Bad Slug", "--name", "X", "--lat", "48", "--lon", "37")
    assert bad.returncode != 0
    assert "/data/slug" in bad.stderr
    assert terminal.run("places", "register", "x", "--name", "X", "--lat", "91", "--lon", "37").returncode == 2


def test_a_dump_of_a_country_is_loaded_and_a_bad_one_refused(terminal: Terminal, tmp_path: Path):
    told = ["1", "Przewodów", "Przewodow", "", "50.47", "23.93", "P", "PPL", "PL", "", "75", *[""] * 8]
    dump = tmp_path / "PL.txt"
    dump.write_text("\t".join(told) + "\n", "utf-8")
    packed = tmp_path / "PL.zip"
    with ZipFile(packed, "w") as archive:
        archive.write(dump, "PL.txt")
        archive.writestr("readme.txt", "")
    for file in (dump, packed):
        done = terminal.run("places", "load", str(file), "--data-dir", str(tmp_path / "data"))
        assert done.returncode == 0, done.stderr
        assert "1 of 1 settlements of PL" in done.stderr
    assert (tmp_path / "data" / "places" / "PL.places.tsv.gz").is_file()
    dump.write_text("x\n", "utf-8")
    bad = terminal.run("places", "load", str(dump), "--data-dir", str(tmp_path / "other"))
    assert bad.returncode == 2
    assert "line 1: it has 1 columns" in bad.stderr
    assert not (tmp_path / "other").exists()
