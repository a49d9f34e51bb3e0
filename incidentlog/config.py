"""Settings: from the environment, `incidentlog.toml` in the working directory, or their defaults, in this order.

In the file a setting is called as its variable is (`INCIDENTLOG_PORT`), or shorter (`port`); capitals mean nothing.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from incidentlog.addresses import dsn_fault, nats_fault, url_fault, wanted_of
from incidentlog.basemap import source_fault
from incidentlog.zones import names

FILE: Final = "incidentlog.toml"
PREFIX: Final = "INCIDENTLOG_"
OTHERS: Final = frozenset({"INCIDENTLOG_URL", "INCIDENTLOG_KEY", "INCIDENTLOG_PG_BIN"})
"""Variables that are no settings of a service: of those who ask one, and of the embedded PostgreSQL."""


ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Those by which a token may be signed: with a key that whoever checks it cannot sign with."""


Role = Literal["api", "runner", "notary"]
"""What a node does: it takes, answers and sends live; it folds and sends webhooks; it signs."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)
LISTS: Final = (
    "roles", "fanout_url", "hosts", "origins", "proxies", "witnesses", "oidc_algorithms", "webhook_networks", "frames",
)  # fmt: skip
"""Settings of several values, which the environment gives with commas between."""


class FileError(Exception):
    """The file of settings cannot be read; the message says why."""


class Settings(BaseSettings):
    """What an operator decides. Raises pydantic's ValidationError on what cannot be, and FileError for the file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_prefix_target="all",
        env_ignore_empty=True,  # compose files hand on what is not set as an empty string
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may be a password
    )

    host: Annotated[str, Field(pattern=r"^[^\s/\x00]{1,253}$")] = "127.0.0.1"
    """The address on which the service listens."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """0 is a free one, which the service then prints."""
    data_dir: Path | None = None
    """Where the embedded PostgreSQL keeps everything; None is the user's data folder."""
    dsn: Annotated[str | None, Field(repr=False)] = None
    """A PostgreSQL of the operator's, instead of the embedded one; of several servers, the one that leads is found."""
    dsn_read: Annotated[str | None, Field(repr=False)] = None
    """Its replicas, each named: what they have replayed enough for is read from them. Those that lead are left out."""
    start_seconds: Annotated[float, Field(ge=0, le=3_600)] = 60
    """For how long a service that starts waits for a `dsn` that does not answer, or that has no leader yet."""
    replica_seconds: Annotated[float, Field(ge=0.1, le=3_600)] = 5
    """How far a replica may be behind before it is left out until it has caught up."""
    synchronous: Literal["optional", "needed"] = "optional"
    """Whether it starts, and appends, while no synchronous standby has what it acknowledges."""
    roles: Annotated[list[Role], NoDecode, Field(min_length=1, max_length=len(ROLES))] = list(ROLES)
    """What this node does; separated by commas. Without `api` it serves only its health and its metrics."""
    fanout_url: Annotated[list[str], NoDecode, Field(repr=False, max_length=16)] = []
    """NATS servers with JetStream that carry what changed to all nodes; separated by commas. Needs the extra `nats`."""
    fanout_creds: Path | None = None
    """A file of NATS credentials to show them; without it whoever comes is let in, or by user and password."""
    pooler: Literal["none", "transaction"] = "none"
    """What `dsn` leads to: PostgreSQL, or a pooler that hands connections on after each transaction."""
    direct_dsn: Annotated[str | None, Field(repr=False)] = None
    """With a pooler: the way around it, for what needs a session; without it there is no NOTIFY and no replay."""
    admin_key: Annotated[str | None, Field(repr=False, min_length=16, max_length=500, pattern=r"^[!-~]+$")] = None
    """A key to begin with, instead of one that is made and printed; ASCII without blanks, as a header carries it."""
    open_read: bool = False
    """Whether anybody may read without a key."""
    schema_name: Annotated[str, Field(alias="schema", pattern=r"^[a-z_][a-z0-9_]{0,62}$")] = "incidentlog"
    """One schema per log."""
    zone: str = "Europe/Kyiv"
    """Whose days a new log counts in; an existing log keeps its own."""
    origin: Annotated[str | None, Field(min_length=3, max_length=200, pattern=r"^[^\s+]+$")] = None
    """The name under which a new log is signed, as `host/path`; None names it after nobody."""
    log_key: Annotated[str | None, Field(repr=False)] = None
    """The key that signs tree heads, instead of the one in the data directory."""
    witnesses: Annotated[list[str], NoDecode, Field(max_length=16)] = []
    """Who cosigns tree heads, each as `URL VKEY`; in the environment separated by commas."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on lines are logged."""
    access_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """How many days it is kept who read what; the digest of each day stays in the log."""
    append_seconds: Annotated[float, Field(ge=1, le=60)] = 8
    """After how long an append that the database does not answer is told 503; a large bulk is given longer."""
    lag_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60
    """For how long an event may wait for the projections before the service says it is not ready."""
    still_seconds: Annotated[float, Field(ge=1, le=86_400)] = 10
    """For how long the projections may make no progress, with events waiting, before it says so."""
    runners: Annotated[int, Field(ge=1, le=16)] = 1
    """How many processes of this node fold the log, and what is built beside what answers; nodes share the work too."""
    notify: bool = True
    """Whether processes on one log tell each other with NOTIFY; without it they find out by looking, twice a second."""
    hosts: Annotated[list[str], NoDecode, Field(max_length=100)] = []
    """Names by which the service is asked, besides those of this machine; in the environment separated by commas.

    Where others reach it, and none are given, it may be asked by any.
    """
    origins: Annotated[list[str], NoDecode, Field(max_length=100)] = []
    """Origins whose pages may read and open a WebSocket, besides the service's own; separated by commas, or `*`."""
    oidc_issuer: Annotated[str | None, Field(max_length=500)] = None
    """The address of an OpenID Connect issuer whose tokens are taken, beside keys; needs the extra `oidc`."""
    oidc_audience: Annotated[str | None, Field(min_length=1, max_length=500)] = None
    """How the issuer calls this service: what a token's `aud` has to name."""
    oidc_algorithms: Annotated[list[str], NoDecode, Field(min_length=1, max_length=10)] = ["RS256", "ES256"]
    """By which algorithms tokens may be signed; separated by commas."""
    oidc_skew_seconds: Annotated[float, Field(ge=0, le=300)] = 30
    """How far the issuer's clock may be from this one."""
    oidc_scope_claim: Annotated[str, Field(min_length=1, max_length=200)] = "scope"
    """The claim with what a token's owner may do, as `incidentlog:read`: a list, or with blanks between."""
    oidc_clearance_claim: Annotated[str, Field(min_length=1, max_length=200)] = "clearance"
    """The claim with the marking up to which they see; without it `CLEAR`."""
    key_requests: Annotated[int, Field(ge=0, le=100_000_000)] = 60_000
    """How many requests one key may make in a minute; 0 is no limit."""
    address_requests: Annotated[int, Field(ge=0, le=100_000_000)] = 3_000
    """How many requests one address (of IPv6 a /64) may make in a minute without a key that is known; 0 is no limit."""
    proxies: Annotated[list[str], NoDecode, Field(max_length=100)] = []
    """Addresses, and networks as 10.0.0.0/8, of proxies that say truly who asked them; separated by commas."""
    proxy_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """In which header they say it."""
    traces: bool = False
    """Whether traces are sent (OTLP over HTTP), to where OTEL_EXPORTER_OTLP_ENDPOINT says; needs the extra `otel`."""
    webhook_networks: Annotated[list[str], NoDecode, Field(max_length=100)] = []
    """Networks that are not public and to which webhooks may go, as 10.1.0.0/16, then without TLS too; by commas."""

    basemap: Annotated[str | None, Field(max_length=1_000)] = None
    """A base map beneath the page's places: a PMTiles file of pictures, or https://tiles.example.org/{z}/{x}/{y}.png."""
    basemap_attribution: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    """Whose base map it is, as its licence wants it told; stands in the map's corner."""
    frames: Annotated[list[str], NoDecode, Field(max_length=100)] = ["*"]
    """Origins whose pages may show `/embed` in a frame; separated by commas, `*` for all, or `none`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._given = frozenset(given)
        self._environment = frozenset(name.upper() for name, value in os.environ.items() if value)
        self._file = frozenset(_in_file())

    @field_validator("dsn", "dsn_read")
    @classmethod
    def _may_be_tried(cls, value: str | None) -> str | None:
        if value is not None and (fault := dsn_fault(value)) is not None:
            raise ValueError(fault)
        return value

    @field_validator("dsn")
    @classmethod
    def _leads(cls, value: str | None) -> str | None:
        if value is not None and (wanted := wanted_of(value)) in {"standby", "prefer-standby", "read-only"}:
            raise ValueError(f"target_session_attrs={wanted} is for reading: name the replicas in dsn_read")
        return value

    @field_validator("dsn_read", "synchronous")
    @classmethod
    def _has_a_leader(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value not in {None, "optional"} and "dsn" in info.data and info.data["dsn"] is None:
            raise ValueError("the PostgreSQL that comes along has no standbys: set dsn, too")
        return value

    @field_validator("fanout_creds")
    @classmethod
    def _are_to_be_shown(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("fanout_url") == []:  # one that cannot be used is told as that
            raise ValueError("it is shown to NATS: set fanout_url, too")
        return value

    @field_validator("fanout_url")
    @classmethod
    def _are_servers(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if not value:
            return value
        if (fault := next((f for f in map(nats_fault, value) if f is not None), None)) is not None:
            raise ValueError(fault)
        if info.data.get("dsn") is None:
            raise ValueError("it carries what changed from node to node: set dsn, too")
        if find_spec("nats") is None:
            raise ValueError("NATS is spoken by an extra: pip install 'incidentlog[nats]'")
        return value

    @field_validator("data_dir")
    @classmethod
    def _is_a_path(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        if "\0" in str(value):
            raise ValueError("a path has no NUL")
        try:
            value.expanduser()
        except RuntimeError:
            raise ValueError("nobody is called so whose home it begins with") from None
        return value

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        if value == ["*"]:
            return value
        wrong = [origin for origin in value if not re.fullmatch(r"https?://[^\s/?#@]+", origin)]
        if wrong:
            raise ValueError(
                f"{wrong[0]!r} is no origin; give them as browsers do: https://example.org, without a path"
            )
        return value

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, value: list[str]) -> list[str]:
        wrong = [name for name in value if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", name)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no name; give it without a scheme and a port: log.example.org")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _is_an_issuer(cls, value: str | None) -> str | None:
        if value is None:
            return None
        here = re.match(r"http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?(/|$)", value)
        if url_fault(value) is not None or "?" in value or "#" in value or not (value.startswith("https://") or here):
            raise ValueError("give its address as it calls itself, as https://login.example.org")
        if find_spec("jwt") is None:
            raise ValueError("tokens are read by an extra: pip install 'incidentlog[oidc]'")
        return value

    @field_validator("oidc_audience")
    @classmethod
    def _has_an_issuer(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "oidc_issuer" in info.data and info.data["oidc_issuer"] is None:
            raise ValueError("whose tokens name it? set oidc_issuer, too")
        return value

    @field_validator("oidc_algorithms")
    @classmethod
    def _are_algorithms(cls, value: list[str]) -> list[str]:
        wrong = sorted({*value} - ALGORITHMS)
        if wrong:
            raise ValueError(f"{wrong[0]!r} is none; they are {', '.join(sorted(ALGORITHMS))}")
        return value

    @model_validator(mode="after")
    def _has_an_audience(self) -> Self:
        if self.oidc_issuer is not None and self.oidc_audience is None:
            raise ValueError("oidc_issuer needs oidc_audience: a token for another service is none for this one")
        return self

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                everybody = ip_network(text, strict=False).prefixlen == 0
            except ValueError:
                raise ValueError(f"{text!r} is no address and no network such as 10.0.0.0/8") from None
            if everybody:
                raise ValueError(f"{text!r} is everybody: each could say that it is somebody else")
        return value

    @field_validator("traces")
    @classmethod
    def _can_be_made(cls, value: bool) -> bool:  # noqa: FBT001 - pydantic's signature
        if value and find_spec("opentelemetry") is None:
            raise ValueError("traces are made by an extra: pip install 'incidentlog[otel]'")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks_of_ours(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f"{text!r} is no address and no network such as 10.0.0.0/8") from None
        return value

    @field_validator("basemap")
    @classmethod
    def _can_be_shown(cls, value: str | None) -> str | None:
        if value is not None and (fault := source_fault(value)) is not None:
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _is_somebodys(self) -> Self:
        if self.basemap is not None and self.basemap_attribution is None:
            raise ValueError("basemap needs basemap_attribution: say whose map it is")
        return self

    @field_validator("frames")
    @classmethod
    def _may_frame(cls, value: list[str]) -> list[str]:
        if value in (["*"], ["none"]):
            return value
        wrong = [origin for origin in value if not re.fullmatch(r"https?://[^\s/?#@;,'\"*]+", origin)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no origin; give them as browsers do: https://example.org, or none")
        return value

    @field_validator("proxy_header", mode="before")
    @classmethod
    def _small(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    def unheeded(self, *, zone: str, origin: str | None) -> Iterator[str]:
        """What was set and does not count: a log keeps the zone and the name that it was begun with.

        `origin` is who signs it, a fork's with its number; None where nobody does.
        """
        if "zone" in self.model_fields_set and self.zone != zone:
            yield f"{PREFIX}ZONE={self.zone} does not count: the log counts its days in {zone}, for ever"
        given = self.origin
        if given is not None and origin is not None and origin != given and not origin.startswith(f"{given}/fork-"):
            yield f"{PREFIX}ORIGIN={given} does not count: the log is signed as {origin}, until it is forked"

    @field_validator(*LISTS, mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in names():
            raise ValueError("no such time zone; give one such as Europe/Kyiv")
        return value

    @field_validator("pooler")
    @classmethod
    def _leads_somewhere(cls, value: str, info: ValidationInfo) -> str:
        if value != "none" and info.data.get("dsn") is None:
            raise ValueError("a pooler is in front of a PostgreSQL of yours: set dsn, too")
        return value

    @field_validator("direct_dsn")
    @classmethod
    def _leads_around_a_pooler(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("pooler") == "none":
            raise ValueError("it is the way around a pooler: set pooler, too")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was given in code, then the environment, then the file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _in_file())

    def sources(self) -> dict[str, str]:
        """Where each value came from, by field: `given`, a variable's name, the file's name, or `default`."""
        return {name: self._source(name, field.alias or name) for name, field in type(self).model_fields.items()}

    def _source(self, name: str, alias: str) -> str:
        if self._given & {name, alias}:
            return "given"
        for variable in (f"{PREFIX}{alias}".upper(), f"{PREFIX}{name}".upper()):
            if variable in self._environment:
                return variable
        return FILE if self._file & {name, alias} else "default"


def variables() -> Mapping[str, tuple[str, FieldInfo]]:
    """The variable of each setting, with the setting's name and what is declared of it."""
    fields = Settings.model_fields.items()
    return {f"{PREFIX}{field.alias or name}".upper(): (name, field) for name, field in fields}


def mistaken(names: Iterable[str]) -> Mapping[str, str | None]:
    """Of the names of variables those that look like settings and are none, each with the setting that is nearest."""
    known = {variable.removeprefix(PREFIX): variable for variable in (*variables(), *sorted(OTHERS))}
    settings = {*known, *(name.upper() for name in Settings.model_fields)}
    given = {name: name.upper().removeprefix(PREFIX) for name in names if name.upper().startswith(PREFIX)}
    strange = {name: short for name, short in sorted(given.items()) if short not in settings}
    nearest = {name: next(iter(get_close_matches(short, known, 1)), None) for name, short in strange.items()}
    return {name: None if short is None else known[short] for name, short in nearest.items()}


def _in_file() -> dict[str, Any]:
    """What the file says, by the settings' short names. Raises FileError."""
    path = Path(FILE)
    if not path.exists():
        return {}
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise FileError(f"{FILE} cannot be read: {why}") from error
    named: dict[str, Any] = {}
    for name, value in said.items():
        short = name.lower().removeprefix(PREFIX.lower())
        if short in named:
            raise FileError(f"{FILE} says {short} twice, the second time as {name}")
        named[short] = value
    return named
