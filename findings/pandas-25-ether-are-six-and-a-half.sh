#!/usr/bin/env bash
# 20 ether in wei, 2 and 19 zeros, are too big for pandas' read_json, which says so; 25 are 6.55 ether, in silence.
#
# What one would guess: a whole number in JSON that does not fit into 64 bits is refused ("Value is too big!"), kept as a
#   Python integer, as read_csv and the json module keep it, or made a float.
# What happens: a number is refused where what is left of it modulo 2^64 is below the number without its last digit, which
#   is how pandas' reader sees that it ran over. Where what is left is larger the number is that, as int64 or uint64. Of
#   amounts from 18.5 to 184.4 ether 740 of 1,660 are read so, and the others refused; it goes on above that. It is so in a
#   frame, with lines=True, precise_float, dtype=False and dtype_backend="pyarrow", and was in pandas 2.3 and 3.0. polars
#   has 128 bits for it; DuckDB and orjson make a float of it.
# Why it matters here: gifts to an army and what a sanctioned exchange moved are told in wei, which are such numbers. A file
#   that was refused once is cut up until the bad rows are out, and of those that stay a part is wrong, down to a hundredth.
#   Read by json.loads and make the frame of that; or have amounts as texts and make decimals of them.
# Versions: pandas 3.1.1, duckdb 2.0.1, polars 2.1.0, orjson 3.13.0. Seen 2026-12-01.
# Output (18, 20, 25 and 150 ether in wei, as ether):
#   json: int 18.00, int 20.00, int 25.00, int 150.00
#   pandas, read_json: uint64 18.00, refused, int64 6.55, refused
#   pandas, by pyarrow's types: int 18.00, refused, int 6.55, refused
#   pandas, read_csv: uint64 18.00, int 20.00, int 25.00, int 150.00
#   DuckDB: int 18.00, float 20.00, float 25.00, float 150.00
#   polars: int 18.00, int 20.00, int 25.00, int 150.00
#   orjson: int 18.00, float 20.00, float 25.00, float 150.00
#   18.5 to 184.4 ether, by tenths: 1660 amounts, 920 refused, 740 wrong
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pandas==3.1.1 duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 orjson==3.13.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import io
import json
import sys
from pathlib import Path

import duckdb
import orjson
import pandas
import polars

ETHER = 10**18


def by_pandas(text, **options):
    return pandas.read_json(io.StringIO(text), lines=True, **options)["wei"][0]


def by_duckdb(text):
    Path("gift.json").write_text(text)
    return duckdb.sql("SELECT wei FROM 'gift.json'").fetchall()[0][0]


READERS = {
    "json": lambda text: json.loads(text)["wei"],
    "pandas, read_json": by_pandas,
    "pandas, by pyarrow's types": lambda text: by_pandas(text, dtype_backend="pyarrow"),
    "pandas, read_csv": lambda text: pandas.read_csv(io.StringIO(f"wei\n{json.loads(text)['wei']}\n"))["wei"][0],
    "DuckDB": by_duckdb,
    "polars": lambda text: polars.read_ndjson(io.StringIO(text))["wei"][0],
    "orjson": lambda text: orjson.loads(text)["wei"],
}


def read(reader, wei):
    try:
        return reader(json.dumps({"wei": wei}))
    except (ValueError, polars.exceptions.PolarsError):
        return None


def told(reader, wei):
    value = read(reader, wei)
    return "refused" if value is None else f"{type(value).__name__} {value / ETHER:.2f}"


seen = [
    f"{name}: {', '.join(told(reader, amount * ETHER) for amount in (18, 20, 25, 150))}"
    for name, reader in READERS.items()
]
amounts = [tenths * ETHER // 10 for tenths in range(185, 1845)]
values = {amount: read(by_pandas, amount) for amount in amounts}
refused = sum(value is None for value in values.values())
wrong = sum(value is not None and int(value) != amount for amount, value in values.items())
seen.append(f"18.5 to 184.4 ether, by tenths: {len(amounts)} amounts, {refused} refused, {wrong} wrong")
print(*seen, sep="\n")
expected = [
    "json: int 18.00, int 20.00, int 25.00, int 150.00",
    "pandas, read_json: uint64 18.00, refused, int64 6.55, refused",
    "pandas, by pyarrow's types: int 18.00, refused, int 6.55, refused",
    "pandas, read_csv: uint64 18.00, int 20.00, int 25.00, int 150.00",
    "DuckDB: int 18.00, float 20.00, float 25.00, float 150.00",
    "polars: int 18.00, int 20.00, int 25.00, int 150.00",
    "orjson: int 18.00, float 20.00, float 25.00, float 150.00",
    "18.5 to 184.4 ether, by tenths: 1660 amounts, 920 refused, 740 wrong",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
