"""Whether a text can name a server, judged before anybody is asked; what is said of it never holds a part of a DSN."""

import errno
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

PORT_MOST: Final = 65_535
_SCHEMES: Final = {"postgresql", "postgres"}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
}
"""The parameters of a DSN that take one of a few words."""


def dsn_fault(dsn: str) -> str | None:
    """Why a text is no DSN of a PostgreSQL; None for one that may be tried. It may be a password: it is not quoted."""
    try:
        parts = urlsplit(dsn)
        told = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        return f"it cannot be read as an address; {_ENCODE}"
    if parts.scheme not in _SCHEMES:
        return "it begins with postgresql://, as in postgresql://user:password@host:5432/database"
    login, _, hosts = parts.netloc.rpartition("@")
    if "@" in login or parts.fragment or "\0" in unquote(dsn):
        return _ENCODE
    for host in hosts.split(",") if hosts else ():
        if (fault := _host_fault(host)) is not None:
            return fault
    parameters = {name: values[-1] for name, values in told.items()}
    for port in [*parameters.get("port", "").split(","), os.environ.get("PGPORT", "")]:
        if port and not _is_port(port):
            return f"a port is a whole number up to {PORT_MOST}"
    for name, choices in _CHOICES.items():
        if parameters.get(name, choices[0]) not in choices:
            return f"{name} is one of {', '.join(choices)}"
    return None


def servers(dsn: str) -> list[str]:
    """A DSN for each server that a DSN names, in its order: itself, where it names one or none.

    `dsn` has no `dsn_fault`. Hosts stand before the path or in the parameter `host`, ports behind each host or in the
    parameter `port`, one for each or one for all (PostgreSQL, 32.1.1.3).
    """
    parts = urlsplit(dsn)
    login, at, ours = parts.netloc.rpartition("@")
    told = parse_qsl(parts.query, keep_blank_values=True)
    named = dict(told)
    hosts = (ours or named.get("host", "")).split(",")
    if len(hosts) == 1:
        return [dsn]
    ports = named.get("port", "").split(",")
    found = []
    for n, host in enumerate(hosts):
        own = {"host": host, "port": ports[n % len(ports)]}
        query = [(name, own.get(name, value)) for name, value in told]
        netloc = f"{login}{at}{host}" if ours else parts.netloc
        found.append(urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, quote_via=quote))))
    return found


def server_name(dsn: str) -> str:
    """How the one server of a DSN is told apart from others, without the login: as `host:port`."""
    parts = urlsplit(dsn)
    named = dict(parse_qsl(parts.query))
    host = parts.netloc.rpartition("@")[2] or named.get("host", "")
    return f"{host}:{named['port']}" if "port" in named else host or "the default server"


def nats_fault(url: str) -> str | None:
    """Why a text is no address of a NATS server; None for one that may be tried. It is not quoted."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"it cannot be read as an address; {_ENCODE}"
    login, _, host = parts.netloc.rpartition("@")
    if parts.scheme not in {"nats", "tls"} or parts.path not in {"", "/"} or parts.query or parts.fragment:
        return "a server of NATS is given as nats://host:4222, or with tls://; each with its scheme"
    return _ENCODE if "@" in login or not host else _host_fault(host)


def wanted_of(dsn: str) -> str | None:
    """What a DSN says of the servers that will do (`target_session_attrs`); None where it does not say."""
    return dict(parse_qsl(urlsplit(dsn).query)).get("target_session_attrs")


_ENCODE: Final = "percent-encode what is none of A-Z, a-z, 0-9 in a user or a password (`@` is %40, `/` is %2F)"


def _host_fault(spec: str) -> str | None:
    """What is wrong with one `host`, `host:port` or `[v6]:port`."""
    bracketed = re.fullmatch(r"\[[^\[\]]*\](?::(.*))?", spec)
    if bracketed is not None:
        host, port = "", bracketed[1]
    else:
        host, colon, told = spec.rpartition(":")
        host, port = (host, told) if colon else (spec, None)
    if port is not None and not _is_port(port):
        return f"a port is a whole number up to {PORT_MOST}; {_ENCODE}"
    if not _is_name(unquote(host)):
        return "the host is no name that could be looked up"
    return None


def url_fault(url: str) -> str | None:
    """Why a text is no address of a service; None for one that may be tried."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 0
        sound = parts.scheme in {"http", "https"} and host != "" and port <= PORT_MOST and _is_name(host)
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\x00-\x1f]", url):
        return f"{url!r} is no address; it is like http://127.0.0.1:8080"
    return None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(PORT_MOST)) and 0 < int(text) <= PORT_MOST


def _is_name(host: str) -> bool:
    """Whether the resolver can be asked for it; a path is the directory of a socket."""
    try:
        host.encode("idna" if not host.startswith("/") else "utf-8")
    except UnicodeError:
        return False
    return True


class ListenError(Exception):
    """Nobody can listen there; the message says why, and what to change. `taken`: by somebody else, at the moment."""

    def __init__(self, message: str, *, taken: bool) -> None:
        super().__init__(message)
        self.taken = taken


@contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    """Raises ListenError where what is inside cannot listen on the address."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        raise ListenError(_why(host, port, error), taken=number == errno.EADDRINUSE) from error


def _why(host: str, port: int, error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError | socket.gaierror):
        return f"{host!r} is no address of this machine: choose another with --host"
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is taken: choose another with --port (0: a free one)"
        case errno.EADDRNOTAVAIL | None:  # from Python 3.13 on asyncio passes over what is not here, and has no number
            return f"{host!r} is no address of this machine: choose another with --host"
        case errno.EACCES | errno.EPERM:
            return f"port {port} of {host} is not for this user: choose one above 1023 with --port (0: a free one)"
        case _:
            return f"cannot listen on port {port} of {host}: {error.strerror or error}"
