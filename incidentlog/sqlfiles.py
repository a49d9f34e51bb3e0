"""Where the SQL lives: inside the installed package, or beside it in a checkout."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PARAMETER = re.compile(r"^-- \$(\d+) (\w+) (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One named query: its text, and what its header says of each parameter, in order."""

    name: str
    text: str
    parameters: tuple[tuple[str, str], ...]
    """`(name, type)` of `$1`, `$2`, ..."""


@cache
def sql_root() -> Path:
    """The folder `sql/`: in the wheel `incidentlog/sql`, in a checkout beside the package."""
    package = Path(__file__).parent
    for root in (package / "sql", package.parent / "sql"):
        if (root / "migrations").is_dir():
            return root
    raise FileNotFoundError("sql/migrations is neither in the package nor beside it")


@cache
def queries(stem: str) -> dict[str, Query]:
    """The named queries of `sql/queries/<stem>.sql`, by name.

    A query starts with `-- name: x`, says what it does in a comment, and lists its parameters as `-- $1 name type`.
    """
    text = (sql_root() / "queries" / f"{stem}.sql").read_text("utf-8")
    parts = _HEADER.split(text)[1:]
    found: dict[str, Query] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in found:
            raise ValueError(f"{stem}.sql names {name} twice")
        listed = _PARAMETER.findall(body)
        if [int(n) for n, _, _ in listed] != list(range(1, len(listed) + 1)):
            raise ValueError(f"{stem}.sql: the parameters of {name} are not listed in order")
        found[name] = Query(name, body.strip(), tuple((n, t.strip()) for _, n, t in listed))
    return found


def query(stem: str, name: str) -> str:
    """The text of one named query."""
    return queries(stem)[name].text
