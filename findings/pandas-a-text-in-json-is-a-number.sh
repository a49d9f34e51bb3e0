#!/usr/bin/env bash
# In JSON "05" is a text: pandas' read_json makes 5 of it, 1200000 of the hash "12e5", and one float of two ids of twenty digits.
#
# What one would guess: JSON has texts and numbers, and who writes "05" in quotes says that it is a text; a reader of CSV
#   has to guess, one of JSON not. DuckDB and polars read it so, and so does pandas from a list of dicts.
# What happens: read_json turns each column of texts into numbers if all of them can be read as such: codes lose their
#   zeros, +380 its plus, 1_000 its line, "nan" is missing, "12e5" is 12 times ten to the fifth, and ids above 64 bits
#   become floats, of which two that differ in the last digit are one. One other text in the column and all stay as they
#   were; so it hangs on which rows a filter or a chunk has. dtype=False, engine="pyarrow" and dtype_backend="pyarrow" leave
#   texts alone. The documentation says that types are inferred by default; that quotes do not count is what one meets.
# Why it matters here: ids, codes of oblasts, hashes and telephones are in quotes for this very reason. In a feed of one
#   oblast the code is a number, in one of all it is a text; two events are one when joined by their id. Write dtype=False.
# Versions: pandas 3.1.1, pyarrow 26.0.1, duckdb 2.0.1, polars 2.1.0. Seen 2026-11-30.
# Output:
#   read_json: oblast 5, hash 1200000.0, phone 380441234567, source is missing, different ids: 1
#   read_json, with one from abroad: oblast 05, hash 12e5, phone +380441234567, source is nan, different ids: 3
#   read_json, dtype=False: oblast 05, hash 12e5, phone +380441234567, source is nan, different ids: 2
#   read_json, engine pyarrow: oblast 05, hash 12e5, phone +380441234567, source is nan, different ids: 2
#   DataFrame of json.loads: oblast 05, hash 12e5, phone +380441234567, source is nan, different ids: 2
#   DuckDB: oblast 05, hash 12e5, phone +380441234567, source is nan, different ids: 2
#   polars: oblast 05, hash 12e5, phone +380441234567, source is nan, different ids: 2
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pandas==3.1.1 pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from pathlib import Path

import duckdb
import pandas
import polars

EVENTS = [
    {"id": "10000000000000000001", "oblast": "05", "hash": "12e5", "phone": "+380441234567", "source": "nan"},
    {"id": "10000000000000000002", "oblast": "12", "hash": "37e1", "phone": "+380671234567", "source": "nan"},
]
ABROAD = {"id": "x-3", "oblast": "abroad", "hash": "9f", "phone": "none", "source": "A"}


def written(name, events):
    Path(name).write_text("".join(json.dumps(event) + "\n" for event in events))
    return name


def told(frame):
    values = {key: frame[key].iloc[0] for key in ("oblast", "hash", "phone", "source")}
    values["source"] = "is missing" if pandas.isna(values["source"]) else f"is {values['source']}"
    return ", ".join(f"{key} {value}" for key, value in values.items()) + f", different ids: {frame.id.nunique()}"


two, three = written("two", EVENTS), written("three", [*EVENTS, ABROAD])
seen = [
    f"read_json: {told(pandas.read_json(two, lines=True))}",
    f"read_json, with one from abroad: {told(pandas.read_json(three, lines=True))}",
    f"read_json, dtype=False: {told(pandas.read_json(two, lines=True, dtype=False))}",
    f"read_json, engine pyarrow: {told(pandas.read_json(two, lines=True, engine='pyarrow'))}",
    f"DataFrame of json.loads: {told(pandas.DataFrame(map(json.loads, Path(two).read_text().splitlines())))}",
    f"DuckDB: {told(duckdb.read_json(two, format='newline_delimited').df())}",
    f"polars: {told(polars.read_ndjson(two).to_pandas())}",
]
print(*seen, sep="\n")
as_written = "oblast 05, hash 12e5, phone +380441234567, source is nan, different ids:"
expected = [
    "read_json: oblast 5, hash 1200000.0, phone 380441234567, source is missing, different ids: 1",
    f"read_json, with one from abroad: {as_written} 3",
    f"read_json, dtype=False: {as_written} 2",
    f"read_json, engine pyarrow: {as_written} 2",
    f"DataFrame of json.loads: {as_written} 2",
    f"DuckDB: {as_written} 2",
    f"polars: {as_written} 2",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
