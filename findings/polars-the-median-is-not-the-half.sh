#!/usr/bin/env bash
# Of 1, 2, 3, 4, 7 and 100 killed the median is 3.5 to polars, the 50 % that it describes is 4, and by its SQL 3.
#
# What one would guess: the quantile of a half is the median, and describe() shows it, as in pandas, pyarrow and numpy;
#   where a library has a discrete one beside it, its name says so.
# What happens: median() takes the middle of the two in the middle. quantile(0.5) takes the nearest value, and of two as
#   near the upper one; describe() writes its 50 % so, a row below the mean. DuckDB's quantile(x, 0.5) takes the lower one,
#   its median the middle, and polars' SQL has quantile_disc like DuckDB's. So of an even number of rows three answers are
#   called the half, two of them in one library, and high shares part further: the 95 % of six are 100 or 76.75. That the
#   interpolation of quantile is "nearest" is in its documentation; median and describe do not say how they differ.
# Why it matters here: medians stand where one massacre would carry the mean off, and groups of a place and month are small:
#   with two reports of 2 and 40 killed half is 40, or 21, or 2. Say interpolation="linear" everywhere, and take no number
#   from describe() into a text.
# Versions: polars 2.1.0, duckdb 2.0.1, pandas 3.1.1, pyarrow 26.0.1. Seen 2026-12-01.
# Output (of 1, 2, 3, 4, 7, 100; of 2, 40; then 95 % of the six):
#   polars, median: 3.5; 21
#   polars, quantile: 4; 40
#   polars, describe: 4; 40
#   polars' SQL, median: 3.5; 21
#   polars' SQL, quantile_disc: 3; 2
#   DuckDB, median: 3.5; 21
#   DuckDB, quantile: 3; 2
#   pandas, median: 3.5; 21
#   pandas, describe: 3.5; 21
#   pyarrow, quantile: 3.5; 21
#   95 %: polars 100, pandas 76.75, DuckDB 100
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  polars==2.1.0 duckdb==2.0.1 pandas==3.1.1 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.compute

SIX, TWO = [1, 2, 3, 4, 7, 100], [2, 40]


def by_duckdb(function):
    return lambda killed: duckdb.execute(f"SELECT {function} FROM (SELECT unnest($1) AS x)", [killed]).fetchall()[0][0]


def by_sql(function):
    return lambda killed: polars.DataFrame({"x": killed}).sql(f"SELECT {function} AS half FROM self")["half"][0]


def described(killed):
    rows = polars.Series(killed).describe(percentiles=[0.5])
    return rows.filter(polars.col("statistic") == "50%")["value"][0]


HALVES = {
    "polars, median": lambda killed: polars.Series(killed).median(),
    "polars, quantile": lambda killed: polars.Series(killed).quantile(0.5),
    "polars, describe": described,
    "polars' SQL, median": by_sql("median(x)"),
    "polars' SQL, quantile_disc": by_sql("quantile_disc(x, 0.5)"),
    "DuckDB, median": by_duckdb("median(x)"),
    "DuckDB, quantile": by_duckdb("quantile(x, 0.5)"),
    "pandas, median": lambda killed: pandas.Series(killed).median(),
    "pandas, describe": lambda killed: pandas.Series(killed).describe()["50%"],
    "pyarrow, quantile": lambda killed: pyarrow.compute.quantile(pyarrow.array(killed), 0.5)[0].as_py(),
}
seen = [f"{name}: {half(SIX):g}; {half(TWO):g}" for name, half in HALVES.items()]
seen.append(
    f"95 %: polars {polars.Series(SIX).quantile(0.95):g}, pandas {pandas.Series(SIX).quantile(0.95):g}, "
    f"DuckDB {by_duckdb('quantile(x, 0.95)')(SIX):g}"
)
print(*seen, sep="\n")
expected = [
    "polars, median: 3.5; 21",
    "polars, quantile: 4; 40",
    "polars, describe: 4; 40",
    "polars' SQL, median: 3.5; 21",
    "polars' SQL, quantile_disc: 3; 2",
    "DuckDB, median: 3.5; 21",
    "DuckDB, quantile: 3; 2",
    "pandas, median: 3.5; 21",
    "pandas, describe: 3.5; 21",
    "pyarrow, quantile: 3.5; 21",
    "95 %: polars 100, pandas 76.75, DuckDB 100",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
