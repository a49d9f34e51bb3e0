"""The whole log goes into a folder or a bucket at the terminal, is checked there, and is made from there."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.acting import Demo, Terminal
from tests.cli.test_pages import block

pytest.importorskip("pyarrow", reason="an archive is written by pyarrow, of the extra `parquet`")


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """Somebody else's server that speaks S3, with a bucket `kept`; what a client of it has in its environment."""
    moto = pytest.importorskip("moto.server", reason="moto, of the group `tools`, is the server that speaks S3")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        with urlopen(Request(f"{url}/kept", method="PUT")):
            pass
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        server.stop()


@pytest.mark.parametrize("where", ["kept", "s3://kept/our/log"])
def test_a_log_is_archived_checked_and_made_again(
    demo: Demo, terminal: Terminal, folder: Path, tmp_path: Path, bucket: dict[str, str], where: str
):
    terminal = Terminal(tmp_path, **terminal.variables)
    at = {"INCIDENTLOG_DATA_DIR": str(demo.root), **bucket}
    there = {"INCIDENTLOG_DATA_DIR": str(folder / f"made-of-{where[:2]}"), **bucket}
    (tmp_path / "log.vkey").write_text(demo.get("/v1/log/key")["vkey"])
    done = terminal.run("archive", where, "--purpose", "to keep", **at)
    assert (done.returncode, done.stdout) == (0, f"{where}\n"), done.stderr
    told = json.loads(terminal.run("events", "list", "--category", "audit", "-o", "json").stdout)["events"][-1]["data"]
    assert (told["after"], told["purpose"], told["tlp"]) == (0, "to keep", "RED")
    assert f"up to position {told['to_position']}" in done.stderr
    # It was recorded that the log left: with that it is brought up to date, in place of what was there.
    demo.sealed(told["to_position"] + 1)
    done = terminal.run("archive", where, **at)
    assert done.returncode == 0, done.stderr
    done = terminal.run("verify", where, "--vkey", "log.vkey", "-o", "json", **bucket)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["verified"]
    assert told["positions"] == [1, told["size"]]
    assert told["leaves"] > 2
    assert told["withheld"] == 0
    done = terminal.run("import-log", where, "--vkey", "log.vkey", **there)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[1] == str(told["size"])
    done = terminal.run("verify", "--vkey", "log.vkey", "-o", "json", **there)
    assert (done.returncode, json.loads(done.stdout)["root"]) == (0, told["root"]), done.stderr


def test_duckdb_reads_it_as_the_page_says(demo: Demo, terminal: Terminal, tmp_path: Path):
    duckdb = pytest.importorskip("duckdb", reason="it is in the dependency group 'tools', which only .ci/run installs")
    done = terminal.run("archive", str(tmp_path / "kept"), INCIDENTLOG_DATA_DIR=str(demo.root))
    assert done.returncode == 0, done.stderr
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{tmp_path}'")
        rows = connection.execute(block("sql.md", "-- Events by month")).fetchall()
    up_to = int(done.stderr.strip().rpartition(" ")[2])
    assert sum(count for _, _, count in rows) == up_to
    assert {"strike.reported", "talk.held"} <= {type_ for _, type_, _ in rows}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("archive", "s3://nowhere/log"), 8, "nowhere"),
        (("archive", "carrier-pigeon://log"), 2, "carrier-pigeon"),
        (("archive", ""), 2, "an empty name"),
        (("archive", "log.vkey"), 8, "Not a directory"),
        (("export", "log.vkey/there"), 1, "cannot be: [Errno 20] Not a directory"),
        (("verify", "s3://kept/none", "--vkey", "log.vkey"), 8, "no archive"),
        (("verify", "nothing", "--vkey", "log.vkey"), 3, "no directory of an export"),
        (("verify", "log.vkey", "--vkey", "log.vkey"), 3, "no directory of an export"),
        (("import-log", "s3://kept/none", "--vkey", "log.vkey"), 8, "no archive"),
    ],
)
def test_what_is_no_place_for_it_is_told(
    demo: Demo, terminal: Terminal, folder: Path, bucket: dict[str, str], words: tuple[str, ...], code: int, says: str
):
    (folder / "log.vkey").write_text(demo.get("/v1/log/key")["vkey"])
    at = {"INCIDENTLOG_DATA_DIR": str(folder / "none" if words[0] == "import-log" else demo.root), **bucket}
    done = terminal.run(*words, **at)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
