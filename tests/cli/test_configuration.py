"""`incidentlog config show`, and variables that look like settings and are none."""

from pathlib import Path

import orjson
import pytest

from incidentlog.config import Settings, mistaken, variables
from tests.cli.acting import Terminal


@pytest.fixture
def alone(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, HOME=str(tmp_path))


def shown(alone: Terminal, **given: str) -> dict[str, tuple[object, str]]:
    done = alone.run("config", "show", "-o", "json", **given)
    assert (done.returncode, done.stderr) == (0, "")
    return {row["setting"]: (row["value"], row["from"]) for row in orjson.loads(done.stdout)}


def test_each_setting_is_shown_with_its_value_and_where_that_comes_from(alone: Terminal):
    (alone.folder / "incidentlog.toml").write_text(
        'port = 9000\nINCIDENTLOG_ZONE = "Europe/Paris"\nhosts = ["a.example"]\n'
    )
    told = shown(alone, INCIDENTLOG_PORT="9001", INCIDENTLOG_OPEN_READ="true", INCIDENTLOG_SCHEMA="other")
    assert list(told) == list(variables())
    assert len(told) == len(Settings.model_fields)
    assert told["INCIDENTLOG_PORT"] == (9001, "INCIDENTLOG_PORT")  # before the file
    assert told["INCIDENTLOG_ZONE"] == ("Europe/Paris", "incidentlog.toml")
    assert told["INCIDENTLOG_HOSTS"] == (["a.example"], "incidentlog.toml")
    assert told["INCIDENTLOG_OPEN_READ"] == (True, "INCIDENTLOG_OPEN_READ")
    assert told["INCIDENTLOG_SCHEMA"] == ("other", "INCIDENTLOG_SCHEMA")
    assert told["INCIDENTLOG_LOG_LEVEL"] == ("info", "default")


def test_no_secret_is_shown(alone: Terminal):
    dsn, key = "postgresql://me:hush-hush@127.0.0.1/db", "hush-hush-hush-hush"
    nats = "nats://me:hush-hush@127.0.0.1"
    done = alone.run(
        "config", "show", "-o", "table", INCIDENTLOG_DSN=dsn, INCIDENTLOG_ADMIN_KEY=key, INCIDENTLOG_FANOUT_URL=nats
    )
    assert done.returncode == 0
    assert "hush" not in done.stdout + done.stderr
    assert done.stdout.count("***") == 3


def test_every_setting_has_a_meaning(alone: Terminal):
    rows = orjson.loads(alone.run("config", "show", "-o", "json").stdout)
    assert [row["setting"] for row in rows if not row["meaning"]] == []


def test_a_setting_that_cannot_be_is_told(alone: Terminal):
    done = alone.run("config", "show", INCIDENTLOG_PORT="none")
    assert (done.returncode, done.stdout) == (2, "")
    assert "port:" in done.stderr


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("INCIDENTLOG_DATADIR", "INCIDENTLOG_DATA_DIR"),
        ("INCIDENTLOG_OPENREAD", "INCIDENTLOG_OPEN_READ"),
        ("incidentlog_prot", "INCIDENTLOG_PORT"),
        ("INCIDENTLOG_HOTS", "INCIDENTLOG_HOSTS"),
        ("INCIDENTLOG_XYZ", None),
    ],
)
def test_a_variable_that_is_no_setting_is_told_with_the_nearest(alone: Terminal, name: str, meant: str | None):
    done = alone.run("config", "show", **{name: "x"})
    assert done.returncode == 0
    assert done.stderr == f"{name} is no setting{f'; is {meant} meant?' if meant else ''}\n"


def test_what_is_a_setting_under_any_of_its_names_is_not_told():
    named = [
        *variables(),
        "INCIDENTLOG_SCHEMA_NAME",
        "INCIDENTLOG_URL",
        "INCIDENTLOG_KEY",
        "INCIDENTLOG_PG_BIN",
        "PATH",
    ]
    assert mistaken([*named, *map(str.lower, named)]) == {}
