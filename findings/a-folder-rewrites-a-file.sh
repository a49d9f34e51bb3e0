#!/usr/bin/env bash
# A file that lies in a folder called `year=2025` has the year 2025 to DuckDB, whatever the file's own column says.
#
# What one would guess: a file that is named holds what was written into it; the name of a folder adds a column where the
#   files have none of that name, and where they have one, somebody says so.
# What happens: DuckDB reads `name=value` in the path by default, also of one file that is named, and the value takes the
#   place of the file's column, of another type too, without a word: a filter on what is in the file finds nothing.
#   polars does so when it is given the folder and not when it is given the file, and fails where the type is another.
#   pyarrow's datasets do as polars does with the folder; its read_table refuses both, and reads the one file as it is.
# Why it matters here: `as_of=<position>` is a natural name for a folder of a state of knowledge, and `as_of` for the day
#   that a count speaks of. Each day in the table became the same number, and only in the reader that we had named. Give
#   such folders a name that no column has, or say hive_partitioning = false.
# Versions: duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1. Seen 2026-11-30.
# Output:
#   in the file: 2024; a day
#   duckdb, one file: 2025; 5
#   duckdb, where it is what is in the file: nothing; an error
#   duckdb, hive_partitioning = false: 2024; a day
#   polars, one file: 2024; a day
#   polars, the folder: 2025; an error
#   pyarrow dataset, the folder: 2025; an error
#   pyarrow read_table, one file: 2024; a day
#   pyarrow read_table, the folder: an error; an error
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 pytz==2026.2

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

DAY = datetime(2025, 11, 20, tzinfo=UTC)
CASES = (("year", "2025", pyarrow.array([2024], pyarrow.int32()), "2024"), ("as_of", "5", [DAY], f"'{DAY}'"))


def told(name, read):
    """What is in the column of the one row, in a word."""
    try:
        rows = read()
    except Exception:
        return "an error"
    if not rows:
        return "nothing"
    value = rows[0][name] if isinstance(rows[0], dict) else rows[0][0]
    return "a day" if isinstance(value, date) else str(value)


readers = {
    "in the file": lambda file, name, _: pyarrow.parquet.ParquetFile(file).read().to_pylist(),
    "duckdb, one file": lambda file, name, _: duckdb.sql(f"SELECT {name} FROM '{file}'").fetchall(),
    "duckdb, where it is what is in the file": lambda file, name, own: duckdb.sql(
        f"SELECT {name} FROM '{file}' WHERE {name} = {own}"
    ).fetchall(),
    "duckdb, hive_partitioning = false": lambda file, name, _: duckdb.sql(
        f"SELECT {name} FROM read_parquet('{file}', hive_partitioning = false)"
    ).fetchall(),
    "polars, one file": lambda file, name, _: polars.read_parquet(file).to_dicts(),
    "polars, the folder": lambda file, name, _: polars.read_parquet(file.parent.parent).to_dicts(),
    "pyarrow dataset, the folder": lambda file, name, _: pyarrow.dataset.dataset(
        file.parent.parent, partitioning="hive"
    ).to_table().to_pylist(),
    "pyarrow read_table, one file": lambda file, name, _: pyarrow.parquet.read_table(file).to_pylist(),
    "pyarrow read_table, the folder": lambda file, name, _: pyarrow.parquet.read_table(file.parent.parent).to_pylist(),
}
files = []
for name, value, own, _ in CASES:
    folder = Path(name) / f"{name}={value}"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({name: own, "n": [7]}), folder / "1.parquet")
    files.append(folder.absolute() / "1.parquet")
seen = []
for what, read in readers.items():
    found = [told(c[0], lambda: read(f, c[0], c[3])) for f, c in zip(files, CASES, strict=True)]
    seen.append(f"{what}: {'; '.join(found)}")
print("\n".join(seen))
sys.exit(
    seen
    != [
        "in the file: 2024; a day",
        "duckdb, one file: 2025; 5",
        "duckdb, where it is what is in the file: nothing; an error",
        "duckdb, hive_partitioning = false: 2024; a day",
        "polars, one file: 2024; a day",
        "polars, the folder: 2025; an error",
        "pyarrow dataset, the folder: 2025; an error",
        "pyarrow read_table, one file: 2024; a day",
        "pyarrow read_table, the folder: an error; an error",
    ]
)
PYTHON
