"""Secrets that a client put where none belongs: they are kept out of the log lines and of the access log."""

import re
from typing import Final
from urllib.parse import unquote_plus

_NAMES: Final = re.compile(
    r"(.*[_.-])?(key|apikey|token|secret|password|passwd|auth|authorization|bearer|jwt|session|signature)",
    re.IGNORECASE,
)
"""Parameters whose values are no business of a reader of logs; none of ours is called so."""
_TOKENS: Final = re.compile(
    r"ils?_[A-Za-z0-9_-]{16,}|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
)
"""Keys and sessions of ours, and tokens of issuers (JWT), wherever they stand."""
KEPT_OUT: Final = "***"


def redacted(address: str) -> str:
    """A path, with its query if it has one, without the values that may be secrets; as it is where there are none."""
    path, mark, query = address.partition("?")
    if mark:
        query = "&".join(_redacted(part) for part in query.split("&"))
    return _TOKENS.sub(KEPT_OUT, path + mark + query)


def _redacted(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={KEPT_OUT}" if equals and _NAMES.fullmatch(unquote_plus(name)) else part
