"""A setting that cannot be is told in a line or two, with the exit code of what it is, in every command that takes it."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from incidentlog.addresses import ListenError, dsn_fault, listening, url_fault
from incidentlog.cli.ending import Failed
from incidentlog.cli.settings import database_failures
from tests.cli.acting import Terminal

LOCAL = ["serve", "demo", "verify", "export x", "backup x", "restore x y", "import-log . --vkey log.vkey", "db migrate", "db status", "db scrub", "key create x", "key list", "key revoke x", "key rotate x", "key change x --note y", "key show x", "replay --to head",
         "log init", "log fork", "doctor"]  # fmt: skip
"""The commands that read the settings."""
REMOTE = ["event append -", "event retract x --reason y", "subject list", "subject show strike:x", "tables x", "events list", "events show x", "events tail", "projection list", "projection show x", "projection diff",
          "projection watch x", "projection builds", "projection rebuild x", "projection cancel x", "projection switch x", "projection drop x",
          "projection parked list", "replay", "ingest -", "webhook list", "webhook create https://example.org/"]  # fmt: skip
"""Those that ask a service."""


@pytest.fixture
def alone(tmp_path: Path) -> Terminal:
    """A terminal where no service runs, and whose data directory is not there."""
    return Terminal(tmp_path, INCIDENTLOG_DATA_DIR=str(tmp_path / "none"), HOME=str(tmp_path))


def refused(terminal: Terminal, command: str, variables: Mapping[str, str], code: int = 2) -> str:
    done = terminal.run(*command.split(), given="", **variables)
    assert done.returncode == code, (command, done.stderr)
    assert done.stdout == ""
    assert done.stderr.startswith("incidentlog: ")
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1 + len(variables)
    return done.stderr


@pytest.mark.parametrize("command", LOCAL)
def test_a_dsn_that_cannot_be_read_is_told_by_every_command(alone: Terminal, command: str):
    said = refused(alone, command, {"INCIDENTLOG_DSN": "postgresql://me:sec/secret@host/db"})
    assert "  dsn: a port is a whole number up to 65535; percent-encode" in said


@pytest.mark.parametrize("command", REMOTE)
def test_an_address_that_is_none_is_told_by_every_command(alone: Terminal, command: str):
    assert "'http://host:abc' is no address" in refused(alone, command, {"INCIDENTLOG_URL": "http://host:abc"})


def test_every_setting_that_cannot_be_is_told_at_once(alone: Terminal):
    variables = {
        "INCIDENTLOG_HOST": "a b",
        "INCIDENTLOG_PORT": "80,secret",
        "INCIDENTLOG_DATA_DIR": "~nobody-is-called-so/x",
        "INCIDENTLOG_DSN": "mysql://me:secret@host/db",
        "INCIDENTLOG_ADMIN_KEY": "secret secret secret",
        "INCIDENTLOG_OPEN_READ": "perhaps",
        "INCIDENTLOG_SCHEMA": "No Schema",
        "INCIDENTLOG_ZONE": "Mars/Base",
        "INCIDENTLOG_ORIGIN": "a name",
        "INCIDENTLOG_LOG_LEVEL": "loud",
        "INCIDENTLOG_ACCESS_DAYS": "0",
        "INCIDENTLOG_NOTIFY": "maybe",
        "INCIDENTLOG_ORIGINS": "https://a.example/path",
    }
    said = refused(alone, "key create x", variables)
    names = [line.partition(":")[0].strip() for line in said.splitlines()[1:]]
    assert sorted(names) == sorted(name.removeprefix("INCIDENTLOG_").lower() for name in variables)


def test_keys_and_witnesses_that_are_none_are_told(alone: Terminal):
    said = refused(alone, "serve", {"INCIDENTLOG_LOG_KEY": "a-secret-key", "INCIDENTLOG_WITNESSES": "nonsense"})
    assert "  log_key: " in said
    assert "  witnesses: " in said


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"port = \n", "cannot be read"),
        (b"host = '\xff'\n", "cannot be read"),
        (b"port = 1\nINCIDENTLOG_PORT = 2\n", "says port twice"),
        (b"data_dir = 'a\\u0000b'\nprot = 1\n", "prot: "),
    ],
)
def test_a_file_that_cannot_be_read_is_told(alone: Terminal, written: bytes, says: str):
    (alone.folder / "incidentlog.toml").write_bytes(written)
    assert says in refused(alone, "db status", {"INCIDENTLOG_LOG_LEVEL": "info"})


def test_a_folder_is_no_file_of_settings(alone: Terminal):
    (alone.folder / "incidentlog.toml").mkdir()
    assert "incidentlog.toml cannot be read: Is a directory" in refused(alone, "db status", {})


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("192.0.2.1", "'192.0.2.1' is no address of this machine"),  # for documents: nobody's (RFC 5737)
        ("host.invalid", "'host.invalid' is no address of this machine"),
        ("a" * 70, "is no address of this machine"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_not_the_databases_fault(alone: Terminal, host: str, says: str):
    variables = {"INCIDENTLOG_HOST": host, "INCIDENTLOG_DSN": "postgresql://me:secret@127.0.0.1:1/db"}
    assert says in refused(alone, "serve", variables)


def test_a_witness_that_cannot_listen_says_so(alone: Terminal):
    made = alone.run("log", "keygen", "w.example/1", "--witness", "--out", "w.key")
    said = refused(alone, f"log witness --key w.key --log {made.stdout.strip()} --host 192.0.2.1", {})
    assert "no address of this machine" in said


def test_an_address_that_asyncio_passed_over_is_told_as_one_that_is_not_here():
    """From Python 3.13 on it says so in its own words, without a number."""
    with (
        pytest.raises(ListenError, match=r"'192[.]0[.]2[.]1' is no address of this machine"),
        listening("192.0.2.1", 8081),
    ):
        raise OSError("could not bind on any address out of [('192.0.2.1', 8081)]")


def test_a_port_that_is_taken_is_told_as_that():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ListenError, match=f"port {port} of 127.0.0.1 is taken") as told,
            listening("127.0.0.1", port),
        ):
            socket.create_server(("127.0.0.1", port))
    assert told.value.taken


@pytest.mark.parametrize("command", ["serve", "db status", "doctor"])
def test_a_variable_of_postgresqls_that_cannot_be_is_told(alone: Terminal, command: str):
    variables = {"INCIDENTLOG_DSN": "postgresql://me:secret@127.0.0.1/db", "PGSSLMODE": "perhaps"}
    done = alone.run(*command.split(), **variables)
    assert done.returncode == (1 if command == "doctor" else 2)
    assert "`sslmode` parameter must be one of" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("data", ["/dev/null", "/proc/none"])
def test_a_data_directory_that_cannot_be_is_unavailable(alone: Terminal, data: str):
    assert data in refused(alone, "serve --port 0", {"INCIDENTLOG_DATA_DIR": data}, 8)


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "nonsense",
        "host=h password=secret",
        "mysql://h/d",
        "postgresql://me:secret@[::1/db",
        "postgresql://me:sec@ret@h/db",
        "postgresql://me:sec/ret@h/db",
        "postgresql://me:12?ret@h/db",
        "postgresql://me:12#ret@h/db",
        "postgresql://me:secret@h:abc/db",
        "postgresql://me:secret@h:0/db",
        "postgresql://me:secret@h:99999/db",
        "postgresql://me:secret@h:5432,g:x/db",
        "postgresql://me:secret@[::1]:x/db",
        "postgresql://me:secret@h/db?port=x",
        "postgresql://me:secret@h/db?sslmode=perhaps",
        "postgresql://me:secret@h/db?target_session_attrs=any-of-them",
        "postgresql://me:%00secret@h/db",
        f"postgresql://me:secret@{'a' * 70}/db",
    ],
)
def test_a_dsn_that_cannot_be_tried_has_a_fault_that_quotes_nothing_of_it(dsn: str):
    fault = dsn_fault(dsn)
    assert fault
    assert "secret" not in fault


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://",
        "postgres://h",
        "postgresql://me@/db?host=/run/postgresql&port=5432",
        "postgresql://me@%2Frun%2Fpostgresql/db",
        "postgresql://me:p%40ss%2Fword@h:5432/db?sslmode=require",
        "postgresql://h1:5432,h2:5433/db?target_session_attrs=read-write",
        "postgresql://[::1]:5432/db",
        "postgresql://[::1],[::2]/db",
        "postgresql:///db?application_name=x",
    ],
)
def test_a_dsn_that_may_be_tried_has_none(dsn: str):
    assert dsn_fault(dsn) is None


@pytest.mark.parametrize("url", ["", "h:80", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://[::1",
                                 "http://h h", f"http://{'a' * 70}"])  # fmt: skip
def test_an_address_of_a_service_has_to_be_one(url: str):
    assert url_fault(url)
    assert url_fault("http://[::1]:8080/below") is None


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("verify x --vkey {file}", 2, "{file}: a verifier key has the form"),
        ("verify x --vkey .", 2, ". cannot be read: Is a directory"),
        ("log witness --key {file} --log x", 2, "{file}: a signing key has the form"),
        ("ingest .", 2, ". cannot be read: Is a directory"),
        ("ingest nowhere", 3, "nowhere is not there"),
        ("verify x --vkey nowhere", 3, "nowhere is not there"),
        ("import run ucdp-ged nowhere", 3, "cannot read nowhere: No such file"),
        ("import run ucdp-ged .", 2, "cannot read .: Is a directory"),
        ("event append .", 2, ". cannot be read: Is a directory"),
        ("places load .", 2, "is a directory"),
        ("restore {file} x", 3, "{file} is no directory of backups"),
        ("export {file}", 5, "{file} is there already"),
    ],
)
def test_a_file_of_the_wrong_kind_is_told(alone: Terminal, command: str, code: int, says: str):
    (alone.folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = alone.run(*command.format(file="picture.png").split())
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert says.format(file="picture.png") in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_a_disk_that_is_full_is_not_the_databases_fault():
    full = Path("/dev/full")
    with (
        pytest.raises(Failed, match=r"here cannot be: .*No space left"),
        database_failures(),
        full.open("wb", buffering=0) as file,
    ):
        file.write(b"x")
    with pytest.raises(Failed, match="the database does not answer"), database_failures():
        raise ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")
