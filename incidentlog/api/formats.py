"""In which format an answer is wanted, and the answer in it: JSON, NDJSON, CSV (RFC 4180), GeoJSON, Parquet."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from incidentlog.api import parquet
from incidentlog.api.answers import VARY, sealed, told
from incidentlog.api.operations import Choice, Parameter
from incidentlog.errors import NotAcceptable


@dataclass(frozen=True, slots=True)
class Format:
    """A format by its short name, and the media types that stand for it, ours first."""

    name: str
    media: tuple[str, ...]
    sent_as: str
    """The `Content-Type`."""


JSON: Final = Format("json", ("application/json",), "application/json; charset=utf-8")
NDJSON: Final = Format(
    "ndjson", ("application/x-ndjson", "application/ndjson", "application/jsonl"), "application/x-ndjson"
)
CSV: Final = Format("csv", ("text/csv",), "text/csv; charset=utf-8; header=present")
GEOJSON: Final = Format("geojson", ("application/geo+json", "application/vnd.geo+json"), "application/geo+json")
PARQUET: Final = Format(
    "parquet", ("application/vnd.apache.parquet", "application/x-parquet"), "application/vnd.apache.parquet"
)
FORMATS: Final = (JSON, NDJSON, CSV, GEOJSON, PARQUET)

_RANGE = re.compile(r"([a-z0-9!#$&^_.+*-]+)/([a-z0-9!#$&^_.+*-]+)", re.ASCII)
_WEIGHT = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", re.ASCII)


def format_parameter(*offered: Format) -> Parameter:
    """What names one of some formats."""
    return Choice(
        "format", "The format, whatever `Accept` says.", values=[f.name for f in offered], example=offered[0].name,
        raises=(NotAcceptable,),
    )  # fmt: skip


FORMAT: Final = format_parameter(*FORMATS)
BOM: Final = Choice(
    "bom", "`1`: CSV begins with a byte order mark, by which Excel knows UTF-8. Other formats have none.",
    values=("0", "1"), example="0",
)  # fmt: skip
MARK: Final = "\ufeff".encode()
TABLED: Final = (FORMAT, BOM)
"""What says in which format rows are wanted."""
RANGES: Final = 100
"""The most media ranges looked at."""


def format_of(request: web.Request, offered: Sequence[Format], parameter: Parameter = FORMAT) -> Format:
    """The format that the parameter names, or else the one that `Accept` likes best (RFC 9110 §12.5.1).

    Of formats liked as well as each other it is the one that was named most exactly, then first. Raises NotAcceptable
    for what is not offered, or cannot be made here.
    """
    asked_for, offered = offered, [f for f in offered if f is not PARQUET or parquet.is_there()]
    if (wanted := parameter.given(request)) is not None:
        found = next((f for f in offered if f.name == wanted), None)
        if found is None:
            missing = wanted == PARQUET.name and PARQUET in asked_for
            raise NotAcceptable(parquet.MISSING) if missing else _refusal(offered, f"{wanted[:40]!r} is not; ")
        return found
    accepted = ",".join(request.headers.getall("Accept", ())).lower()
    if not accepted.strip():
        return offered[0]
    best = max((*(_liking(f, accepted, -n) for n, f in enumerate(offered)),), key=lambda liked: liked[:-1])
    if best[0] <= 0:
        raise _refusal(offered, "")
    return best[-1]


def _refusal(offered: Sequence[Format], prefix: str) -> NotAcceptable:
    names = [f"{f.name} ({f.media[0]})" for f in offered]
    return NotAcceptable(f"{prefix}what is asked for can be had as {', '.join(names)}")


def _liking(offered: Format, accepted: str, preference: int) -> tuple[float, int, int, int, Format]:
    """How much a format is liked: its weight, how exactly it is named, how early, and how much we prefer it.

    The most exact of the ranges that it falls under says its weight.
    """
    found = (0.0, -1, 0)
    for n, part in enumerate(accepted.split(",", RANGES)[:RANGES]):
        name, *parameters = (p.strip() for p in part.split(";"))
        matched = _RANGE.fullmatch(name)
        weights = [p.partition("=")[2] for p in parameters if p.partition("=")[0].strip() == "q"]
        if matched is None or not all(_WEIGHT.fullmatch(weight.strip()) for weight in weights):
            continue  # what cannot be read likes nothing
        exactness = _exactness(matched[1], matched[2], offered)
        if exactness > found[1]:
            found = float(weights[0]) if weights else 1.0, exactness, -n
    return *found, preference, offered


def _exactness(kind: str, subtype: str, offered: Format) -> int:
    if any(media == f"{kind}/{subtype}" for media in offered.media):
        return 2
    if subtype == "*" and any(media.startswith(f"{kind}/") for media in offered.media):
        return 1
    return 0 if (kind, subtype) == ("*", "*") else -1


def formatted(
    request: web.Request,
    wanted: Format,
    body: bytes,
    *,
    pinned: bool,
    basis: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    called: str,
) -> web.Response:
    """The answer in its format; what is no JSON carries its basis in `Log-Basis`, as the query that asks for it again.

    `called` is the name under which a browser keeps what it cannot show.
    """
    if wanted is CSV and BOM.of(request) == "1":
        body = MARK + body
    response = sealed(body, wanted.sent_as) if pinned else web.Response(body=body)
    response.headers["Content-Type"] = wanted.sent_as
    response.headers["Vary"] = f"{VARY}, Accept"
    response.headers.update(headers or {})
    if wanted is not JSON and basis is not None:
        response.headers["Log-Basis"] = urlencode(told(basis), safe=":")
    if wanted in {CSV, PARQUET}:
        response.headers["Content-Disposition"] = f'attachment; filename="{called}.{wanted.name}"'
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def blank_line(values: Iterable[Mapping[str, Any]], members: Iterable[str]) -> dict[str, None]:
    """What every line of NDJSON begins with: the same members in the same order, null where its value has none.

    Readers that learn the members from the first lines would leave out, without a word, one that comes later. `members`
    come first, and are there even where no value has them.
    """
    return dict.fromkeys([*members, *(name for value in values for name in value)])
