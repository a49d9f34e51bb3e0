from pathlib import Path

import pytest
from pydantic import ValidationError

from incidentlog.config import Settings


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "HOST",
        "PORT",
        "DATA_DIR",
        "DSN",
        "POOLER",
        "DIRECT_DSN",
        "ADMIN_KEY",
        "OPEN_READ",
        "SCHEMA",
        "ZONE",
        "LOG_LEVEL",
    ):
        monkeypatch.delenv(f"INCIDENTLOG_{name}", raising=False)


def test_without_any_setting_it_serves_on_loopback_and_reading_needs_a_key():
    settings = Settings()
    assert (settings.host, settings.port, settings.open_read) == ("127.0.0.1", 8080, False)
    assert (settings.schema_name, settings.zone, settings.dsn) == ("incidentlog", "Europe/Kyiv", None)
    assert set(settings.sources().values()) == {"default"}


def test_the_environment_goes_before_the_file_and_what_is_given_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "incidentlog.toml").write_text(
        'schema = "from_file"\nport = 1\nhost = "::1"\norigins = ["https://a"]\n'
    )
    monkeypatch.setenv("INCIDENTLOG_SCHEMA", "from_environment")
    monkeypatch.setenv("INCIDENTLOG_PORT", "2")
    settings = Settings(port=3)
    assert (settings.schema_name, settings.port, settings.host) == ("from_environment", 3, "::1")
    told = settings.sources()
    assert (told["schema_name"], told["port"], told["host"]) == ("INCIDENTLOG_SCHEMA", "given", "incidentlog.toml")
    assert (told["origins"], told["zone"]) == ("incidentlog.toml", "default")


def test_origins_are_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INCIDENTLOG_ORIGINS", "https://a.example, https://b.example")
    assert Settings().origins == ["https://a.example", "https://b.example"]
    monkeypatch.setenv("INCIDENTLOG_WITNESSES", "https://w.example w+01+A, https://v.example v+02+B")
    assert Settings().witnesses == ["https://w.example w+01+A", "https://v.example v+02+B"]


def test_what_is_empty_in_the_environment_is_not_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INCIDENTLOG_DSN", "")
    assert Settings().dsn is None
    assert Settings().sources()["dsn"] == "default"


def test_a_misspelt_name_in_the_file_is_refused(tmp_path: Path):
    (tmp_path / "incidentlog.toml").write_text("prot = 1\n")
    with pytest.raises(ValidationError, match="prot"):
        Settings()


@pytest.mark.parametrize(
    "given",
    [
        {"port": 70_000},
        {"zone": "Mars/Base"},
        {"zone": "localtime"},
        {"zone": "Factory"},
        {"zone": "posixrules"},
        {"zone": "posix/Europe/Kyiv"},
        {"schema_name": "a b"},
        {"log_level": "loud"},
        {"admin_key": "x"},
        {"pooler": "transaction"},
        {"pooler": "session", "dsn": "postgresql:///a"},
        {"direct_dsn": "postgresql:///a", "dsn": "postgresql:///b"},
    ],
)
def test_what_cannot_be_is_refused_without_being_repeated(given: dict[str, object]):
    with pytest.raises(ValidationError) as refused:
        Settings(**given)
    assert "input_value" not in str(refused.value)


def test_secrets_are_not_shown():
    settings = Settings(dsn="postgresql://a:secret@b/c", admin_key="a-secret-of-some-length")
    assert "secret" not in repr(settings)


def test_replicas_and_a_needed_standby_are_those_of_a_postgresql_of_ones_own():
    for given in ({"dsn_read": "postgresql://r/db"}, {"synchronous": "needed"}):
        with pytest.raises(ValidationError, match="set dsn, too"):
            Settings(**given)
        Settings(dsn="postgresql://a,b/db", **given)
    with pytest.raises(ValidationError, match="name the replicas in dsn_read"):
        Settings(dsn="postgresql://a,b/db?target_session_attrs=prefer-standby")


def test_servers_of_nats_are_separated_by_commas_and_each_has_its_scheme(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INCIDENTLOG_DSN", "postgresql://a,b/db")
    monkeypatch.setenv("INCIDENTLOG_FANOUT_URL", "nats://user:secret@a:4222, tls://b")
    assert Settings().fanout_url == ["nats://user:secret@a:4222", "tls://b"]
    assert "secret" not in repr(Settings())
    for wrong in ("a:4222", "http://a:4222", "nats://", "nats://a:99999", "nats://a/path", "nats://a:4222,b"):
        with pytest.raises(ValidationError):
            Settings(fanout_url=wrong)
    with pytest.raises(ValidationError, match="set dsn, too"):
        Settings(dsn=None, fanout_url="nats://a")
    with pytest.raises(ValidationError, match="set fanout_url, too"):
        Settings(fanout_url="", fanout_creds="/var/node.creds")
    with pytest.raises(ValidationError) as wrong_url:
        Settings(fanout_url="a:4222", fanout_creds="/var/node.creds")
    assert [fault["loc"] for fault in wrong_url.value.errors()] == [("fanout_url",)]


def test_roles_are_separated_by_commas_and_one_is_needed(monkeypatch: pytest.MonkeyPatch):
    assert Settings().roles == ["api", "runner", "notary"]
    monkeypatch.setenv("INCIDENTLOG_ROLES", "runner, notary")
    assert Settings().roles == ["runner", "notary"]
    for wrong in ("cook", ","):
        monkeypatch.setenv("INCIDENTLOG_ROLES", wrong)
        with pytest.raises(ValidationError):
            Settings()


def test_what_an_existing_log_keeps_of_its_own_is_said_where_something_else_is_set():
    named = "log.example.org/incidents"
    assert [*Settings().unheeded(zone="Asia/Tokyo", origin=named)] == []
    same = Settings(zone="Asia/Tokyo", origin=named)
    for origin in (named, f"{named}/fork-2", None):
        assert [*same.unheeded(zone="Asia/Tokyo", origin=origin)] == []
    assert [*same.unheeded(zone="Europe/Kyiv", origin=f"{named}-2")] == [
        "INCIDENTLOG_ZONE=Asia/Tokyo does not count: the log counts its days in Europe/Kyiv, for ever",
        f"INCIDENTLOG_ORIGIN={named} does not count: the log is signed as {named}-2, until it is forked",
    ]
