"""A first mapping for a spreadsheet, from its headers and its cells, for a person to finish (docs/import.md).

What is not sure is said in a comment that begins with CHECK. The order of day and month is taken only from cells that
allow no other, or from dots, between which the day comes first.
"""

import json
import re
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from incidentlog.errors import BadRequest
from incidentlog.importers.cells import normal, reader_of, text_of
from incidentlog.importers.mapping import FileSpec, Value
from incidentlog.importers.months import in_english
from incidentlog.importers.opening import STDIN, Progress, opened
from incidentlog.importers.row import Row
from incidentlog.importers.rows import FORMATS, read_rows
from incidentlog.importers.vocabulary import KINDS, MISSING, ROLES, STRIKES, TOTALS

ROWS: Final = 5_000
"""How many rows are looked at."""
LINES: Final = 20
"""Among how many lines the header is looked for."""
MOST: Final = 0.6
"""The share of cells that has to agree."""
VALUES: Final = 60
"""The most different words for what happened: a column with more is no list of kinds, but tells a story."""
DELIMITERS: Final = ",;\t|"
DATES: Final = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%y", "%d-%m-%Y",
    "%d %B %Y", "%d %b %Y", "%d %B %Y %H:%M", "%B %d, %Y", "%b %d, %Y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M", "%d/%m/%y", "%m/%d/%y",
)  # fmt: skip
OTHERWISE: Final = {"%d/%m/%Y": "%m/%d/%Y", "%d/%m/%Y %H:%M": "%m/%d/%Y %H:%M", "%d/%m/%y": "%m/%d/%y"}
"""Formats that the same text may have, with another meaning."""
BRACKETS: Final = re.compile(r"\([^()]*\)\s*$")


@dataclass(slots=True)
class Guess:
    """What a spreadsheet seems to say."""

    name: str
    spec: FileSpec
    columns: list[str]
    rows: list[Row]
    roles: dict[str, str] = field(default_factory=dict)
    """The column of each role."""
    private: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """What stands for nothing in some cells."""

    def cells(self, column: str) -> list[Any]:
        """The filled cells of a column."""
        found = (row.cells.get(column) for row in self.rows)
        return [c for c in found if text_of(c) and normal(text_of(c)) not in MISSING]

    def texts(self, column: str) -> list[str]:
        """The filled cells of a column, as texts."""
        return [text_of(cell) for cell in self.cells(column)]


def guess(name: str) -> str:
    """The text of a first mapping for a file; raises BadRequest for one that is no spreadsheet, or is empty."""
    suffix, head = _head(name)
    if FORMATS.get(suffix) not in {"csv", "tsv", "xlsx", "ods"}:
        raise BadRequest(f"{name}: a mapping is guessed for csv, tsv, xlsx and ods")
    spec = _spec(suffix, head)
    with opened([name], Progress()) as files:
        rows = list(islice((row for row in read_rows(next(iter(files)), spec) if row.problem is None), ROWS))
    if not rows:
        raise BadRequest(f"{name}: there is no row in it")
    guess = Guess(name, spec, list(rows[0].cells), rows)
    _give_roles(guess)
    return "\n".join(_written(guess)) + "\n"


# --------------------------------------------------------------------------------------------------- how it is read


def _head(name: str) -> tuple[str, bytes]:
    """The kind of a file by its name, and its beginning."""
    if name == STDIN:
        raise BadRequest("a mapping is guessed for a file, and not for what comes through a pipe")
    with opened([name], Progress()) as files:
        file = next(iter(files))
        return file.suffix, file.stream.read(256 * 1024)


def _spec(suffix: str, head: bytes) -> FileSpec:
    """How the rows are read: encoding, delimiter, and what stands above the header."""
    if FORMATS[suffix] in {"xlsx", "ods"}:
        return FileSpec()
    encoding = "utf-8-sig" if _is_utf8(head) else "cp1251"
    lines = head.decode(encoding, "replace").splitlines()[:LINES]
    usual = "\t" if FORMATS[suffix] == "tsv" else ","
    counted = (
        {sign: sorted(line.count(sign) for line in lines)[len(lines) // 2] for sign in DELIMITERS} if lines else {}
    )
    best = max(counted, key=counted.__getitem__, default=usual)
    widths = [line.count(best) for line in lines]
    skip = next((n for n, width in enumerate(widths) if width >= MOST * max(widths)), 0)
    return FileSpec(encoding=encoding, delimiter=None if best == usual else best, skip=skip)


def _is_utf8(head: bytes) -> bool:
    """Whether a file's beginning is UTF-8; its last character may be cut."""
    try:
        getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


# ----------------------------------------------------------------------------------------------- what columns are for


def _give_roles(guess: Guess) -> None:
    """Say of each column what it is for, by its header, where its cells do not speak against it."""
    for column in guess.columns:
        role = next((role for role, pattern in ROLES.items() if pattern.search(normal(column))), None)
        if role == "private" or (role is None and _is_reachable(guess.texts(column))):
            guess.private.append(column)
        elif role is not None and role not in guess.roles and _fits(role, guess, column):
            guess.roles[role] = column
    for role, tells in (("start", lambda cell: bool(_formats([cell]))), ("kind", _names_a_kind)):
        left = [c for c in guess.columns if c not in {*guess.roles.values(), *guess.private}]
        if role not in guess.roles:  # its header does not say so, but most of its cells do
            telling = (c for c in left if _fits(role, guess, c) and _share(guess.cells(c), tells) > MOST)
            if (first := next(telling, None)) is not None:
                guess.roles[role] = first
    filled = {normal(text_of(c)): text_of(c) for row in guess.rows for c in row.cells.values()}
    guess.missing = sorted(text for mark, text in filled.items() if mark in MISSING)


def _fits(role: str, guess: Guess, column: str) -> bool:
    """Whether the cells of a column can be what its header says."""
    match role:
        case "start" | "end" | "reported_at":
            return _share(guess.cells(column), lambda cell: bool(_formats([cell]))) > MOST
        case "killed" | "injured":
            return _share(guess.cells(column), lambda cell: _figure(cell) is not None) > MOST
        case "lat" | "lon":
            return (
                _share(guess.texts(column), lambda text: re.fullmatch(r"-?\d{1,3}([.,]\d+)?", text) is not None) > MOST
            )
        case "kind":
            return len(set(map(normal, guess.texts(column)))) <= VALUES
        case "url":
            return _share(guess.texts(column), lambda text: text.startswith("http")) > MOST
        case _:
            return True


def _share(cells: Sequence[Any], holds: Callable[[Any], bool]) -> float:
    return sum(map(holds, cells)) / len(cells) if cells else 0.0


def _names_a_kind(cell: Any) -> bool:
    """Whether a cell names what happened by a known word."""
    word = normal(text_of(cell))
    return _of(STRIKES, word) is not None or _of(KINDS, word) is not None


_REACHABLE: Final = re.compile(r"\+?\d[\d ()-]{6,}\d|[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)


def _is_reachable(texts: Sequence[str]) -> bool:
    """Whether the cells are telephone numbers or addresses."""
    return _share(texts, lambda text: _REACHABLE.fullmatch(text) is not None and not _formats([text])) > MOST


def _figure(cell: Any) -> Any:
    """What a cell says of a figure; None where it is none."""
    try:
        return _FIGURE({"x": cell})
    except ValueError:
        return None


_FIGURE: Final = reader_of(Value.model_validate({"as": "estimate", "column": "x"}), lambda name: [name], frozenset())


def _formats(cells: Iterable[Any]) -> list[str]:
    """The formats that the cells need, those first that fit most; a typed date needs none."""
    left = [in_english(text_of(cell)) for cell in cells if not isinstance(cell, date)]
    if not left:
        return ["%Y-%m-%d"]
    fitting = {form: {text for text in left if _is_of(text, form)} for form in DATES}
    found: list[str] = []
    while (best := max(fitting, key=lambda form: len(fitting[form]))) and fitting[best]:
        found.append(best)
        taken = fitting[best]
        fitting = {form: texts - taken for form, texts in fitting.items()}
    return found


def _is_of(text: str, form: str) -> bool:
    try:
        when = datetime.strptime(text, form)  # noqa: DTZ007 - only whether it is one
    except ValueError:
        return False
    return "%Y" in form or when.year > 0


# ---------------------------------------------------------------------------------------------------- the mapping


def _written(guess: Guess) -> Iterator[str]:
    """The mapping's lines."""
    path = Path(guess.name)
    slug = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-.")[:40] or "our-incidents"
    yield f"# Guessed from {path.name}, {len(guess.rows):,} rows. Read every line that says CHECK, then try it:"
    yield f"#   incidentlog import THIS.toml {_text(path.name)} --dry-run"
    yield "mapping = 1"
    yield f"title = {_text(path.stem[:200])}"
    used = {*guess.roles.values(), *guess.private}
    kept = [c for c in guess.columns if c not in used]
    name = guess.roles.get("name")
    bracketed = name is not None and _share(guess.texts(name), lambda text: BRACKETS.search(text) is not None) > 0
    if guess.private:
        yield f"private = {_list(guess.private)}   # what only auditors may see"
    if notes := [*kept, *([name] if bracketed and name else [])]:
        yield f"notes = {_list(notes)}   # kept as text; CHECK: data is better, where there is a member for it"
    yield from _file(guess)
    yield from _id(guess, slug)
    yield from _when(guess)
    yield from _where(guess, strip=bracketed)
    yield from _source(guess, slug, path.stem)
    yield from _events(guess)


def _file(guess: Guess) -> Iterator[str]:
    spec = guess.spec
    said = [f"{name} = {_text(text)}" for name, text in (("delimiter", spec.delimiter),) if text]
    if spec.encoding != "utf-8-sig":
        said.append(f"encoding = {_text(spec.encoding)}   # CHECK: it is no UTF-8")
    if spec.skip:
        said.append(f"skip = {spec.skip}   # lines above the header")
    if TOTALS.search(normal(text_of(next(iter(guess.rows[-1].cells.values()), "")))):
        said.append(f"footer = {_text('(?i)' + TOTALS.pattern)}")
    if guess.missing:
        said.append(f"missing = {_list(guess.missing)}   # what means that nothing is known")
    if said:
        yield from ("", "[file]", *said)


def _id(guess: Guess, slug: str) -> Iterator[str]:
    yield from ("", "[id]", f"scheme = {_text(slug)}   # CHECK: a name of your own, the same for every release")
    own = guess.roles.get("id")
    if own is not None and len(set(guess.texts(own))) == len(guess.rows):
        yield f"column = {_text(own)}"
        return
    columns = [guess.roles[role] for role in ("start", "name", "kind") if role in guess.roles] or guess.columns[:1]
    if own is not None:
        columns = [own, *columns]
    for more in guess.columns:
        if _distinct(guess, columns) == len(guess.rows):
            break
        columns += [more] if more not in columns else []
    yield "# CHECK: no column tells every row from all others; a row in which one of these is changed is another row."
    yield f"columns = {_list(columns[:20])}"


def _distinct(guess: Guess, columns: Sequence[str]) -> int:
    return len({tuple(normal(text_of(row.cells.get(c))) for c in columns) for row in guess.rows})


def _when(guess: Guess) -> Iterator[str]:
    yield from ("", "[when]")
    if "start" not in guess.roles:
        yield "# CHECK: no column of dates was found. Name it:"
        yield 'start = { column = "", formats = ["%d.%m.%Y"] }'
    for member, role in (("start", "start"), ("end", "end"), ("reported_at", "reported_at")):
        if (column := guess.roles.get(role)) is not None:
            yield from _date(member, column, guess.cells(column))
    yield 'zone = "Europe/Kyiv"   # CHECK: in which zone the dates and times are meant'
    timed = [f for f in _formats(guess.cells(guess.roles.get("start", ""))) if "%H" in f]
    yield f'precision = "{"minute" if timed else "day"}"'


def _date(member: str, column: str, cells: Sequence[Any]) -> Iterator[str]:
    formats = _formats(cells)
    texts = [in_english(text_of(cell)) for cell in cells]
    for form in [f for f in formats if f in OTHERWISE]:
        if all(_is_of(text, OTHERWISE[form]) for text in texts if _is_of(text, form)):
            formats.remove(form)
            example = next(text for text in texts if _is_of(text, form))
            yield f"# CHECK: nobody can tell which of {example} is the day: add {form} or {OTHERWISE[form]}."
    if bad := [text for text in texts if not any(_is_of(text, form) for form in DATES)]:
        yield f"# CHECK: no date: {_some(bad)}"
    as_date = ', as = "date"' if member == "reported_at" else ""
    only_iso = formats in ([], ["%Y-%m-%d"])
    form = "" if only_iso else f", formats = {_list(formats)}"
    yield f"{member} = {{ column = {_text(column)}{as_date}{form} }}"


def _where(guess: Guess, *, strip: bool) -> Iterator[str]:
    roles = guess.roles
    yield from ("", "[where]")
    if "name" in roles:
        taken = f", strip = {_list([BRACKETS.pattern])}" if strip else ""
        yield f"name = {{ column = {_text(roles['name'])}{taken} }}"
    elif "lat" not in roles:
        yield "# CHECK: no column of places was found. Name it: name = { column = ... }"
    if "country" in roles:
        yield f"country = {{ column = {_text(roles['country'])} }}"
        yield 'country_codes = "name"   # CHECK: or iso2, iso3'
    else:
        yield 'country = "UA"   # CHECK'
    yield from (f"{level} = {{ column = {_text(roles[level])} }}" for level in _LEVELS if level in roles)
    if {"lat", "lon"} <= roles.keys():
        for axis in ("lat", "lon"):
            comma = any("," in text for text in guess.texts(roles[axis]))
            yield f"{axis} = {{ column = {_text(roles[axis])}{', decimal = ' + _text(',') if comma else ''} }}"
    yield 'precision = "settlement"   # CHECK: or admin1, where the rows are of whole regions'


_LEVELS: Final = ("admin1", "admin2", "admin3")


def _source(guess: Guess, slug: str, title: str) -> Iterator[str]:
    yield from ("", "[[sources]]", f"source_id = {_text(slug)}")
    if "source" in guess.roles:
        yield f"title = {{ column = {_text(guess.roles['source'])}, default = {_text(title[:200])} }}"
    else:
        yield f"title = {_text(title[:200])}   # CHECK: whose spreadsheet it is"
    if "url" in guess.roles:
        yield f"url = {{ column = {_text(guess.roles['url'])} }}"
    yield 'reliability = "F"   # CHECK: A to E, where you know it (Admiralty code)'
    yield "credibility = 6   # CHECK: 1 to 5"


def _events(guess: Guess) -> Iterator[str]:
    column = guess.roles.get("kind")
    words = Counter(() if column is None else map(normal, guess.texts(column)))
    strikes = {word: means for word in words if (means := _of(STRIKES, word)) is not None}
    kinds = {word: _of(KINDS, word) for word in words if word not in strikes}
    if strikes and column is not None:
        yield from ("", "[[events]]", 'type = "strike.reported"')
        yield f"if = [{{ column = {_text(column)}, in = {_list(sorted(strikes))} }}]"
        yield f"data.means = [{{ column = {_text(column)}, table = {_table(strikes)} }}]"
        yield 'data.target_class = "unknown"   # CHECK: civilian, military, energy, port, transport, health, ...'
        yield from _casualties(guess)
    if kinds or not strikes:
        yield from ("", "[[events]]", 'type = "incident.reported"')
        if strikes:
            yield "otherwise = true"
        if unclear := [word for word in words.elements() if kinds.get(word, "") is None]:
            yield f"# CHECK: what is this? It is taken for other: {_some(unclear)}"
        known = {word: kind or "other" for word, kind in kinds.items()}
        if column is None:
            yield 'data.kind = "other"   # CHECK: clash, shelling, sabotage, mine, maritime, cyber, environment'
        else:
            yield f"data.kind = {{ column = {_text(column)}, table = {_table(known)} }}"
        yield from _casualties(guess)


def _casualties(guess: Guess) -> Iterator[str]:
    for role in ("killed", "injured"):
        if (column := guess.roles.get(role)) is not None:
            if bad := [text_of(cell) for cell in guess.cells(column) if _figure(cell) is None]:
                yield f"# CHECK: no figure: {_some(bad)}. Add it to missing, above, or mend it in the file."
            yield f'data.casualties.{role} = {{ as = "estimate", column = {_text(column)} }}'


def _of(patterns: dict[str, str], word: str) -> str | None:
    return next((name for name, pattern in patterns.items() if re.search(pattern, word, re.IGNORECASE)), None)


def _some(texts: Iterable[str]) -> str:
    """Up to ten of some texts, the most frequent first."""
    return ", ".join(f"{_text(text[:60])} ({n})" for text, n in Counter(texts).most_common(10))


def _text(text: str) -> str:
    """A string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"


def _table(said: dict[str, str]) -> str:
    return f"{{ {', '.join(f'{_text(word)} = {_text(kind)}' for word, kind in sorted(said.items()))} }}"
