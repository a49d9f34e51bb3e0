#!/usr/bin/env bash
# A country's code is another value if the file is about that country alone: Norway is false, Namibia is nobody.
#
# What one would guess: a CSV column of ISO 3166 codes is text, in a file of all countries as in a file of one.
# What happens: DuckDB takes a column in which every cell is NO for truth values and reads false; one other code in the
#   column and all are text. pyarrow takes a column in which every cell is NA for one of nulls; one other code and all
#   are text. polars has text always. So the type hangs on which rows a filter has left, and in DuckDB a Swedish line
#   after 20,480 Norwegian ones is an error.
# Why it matters here: whoever asks a log for one country gets a file of just this kind, and joins it to others by the
#   code. The cure is to say the type of every column that holds codes.
# Versions: duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0. Seen 2026-11-28.
# Output:
#   Norway: {'duckdb': [False, False], 'pyarrow': ['NO', 'NO'], 'polars': ['NO', 'NO']}
#   Norway and Sweden: {'duckdb': ['NO', 'SE'], 'pyarrow': ['NO', 'SE'], 'polars': ['NO', 'SE']}
#   Namibia: {'duckdb': ['NA', 'NA'], 'pyarrow': [None, None], 'polars': ['NA', 'NA']}
#   Namibia and Sweden: {'duckdb': ['NA', 'SE'], 'pyarrow': ['NA', 'SE'], 'polars': ['NA', 'SE']}
#   Sweden after much of Norway: ConversionException
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import polars as pl
from pyarrow import csv

READERS = {
    "duckdb": lambda: [code for _, code in duckdb.sql("SELECT * FROM read_csv('a.csv') ORDER BY id").fetchall()],
    "pyarrow": lambda: csv.read_csv("a.csv")["country_code"].to_pylist(),
    "polars": lambda: pl.read_csv("a.csv")["country_code"].to_list(),
}


def read(*codes):
    with open("a.csv", "w") as file:
        file.write("id,country_code\n")
        file.writelines(f"{n},{code}\n" for n, code in enumerate(codes))
    found = {}
    for name, reader in READERS.items():
        try:
            found[name] = reader()
        except Exception as error:
            found[name] = type(error).__name__
    return found


seen = {
    "Norway": read("NO", "NO"),
    "Norway and Sweden": read("NO", "SE"),
    "Namibia": read("NA", "NA"),
    "Namibia and Sweden": read("NA", "SE"),
    "Sweden after much of Norway": read(*["NO"] * 20_481, "SE")["duckdb"],
}
expected = {
    "Norway": {"duckdb": [False, False], "pyarrow": ["NO", "NO"], "polars": ["NO", "NO"]},
    "Norway and Sweden": dict.fromkeys(READERS, ["NO", "SE"]),
    "Namibia": {"duckdb": ["NA", "NA"], "pyarrow": [None, None], "polars": ["NA", "NA"]},
    "Namibia and Sweden": dict.fromkeys(READERS, ["NA", "SE"]),
    "Sweden after much of Norway": "ConversionException",
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
