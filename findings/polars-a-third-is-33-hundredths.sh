#!/usr/bin/env bash
# A third of an amount in cents is 0.33 to polars, a share of 0.4 % is 0, and 5 % of 5 % is 0; to polars' own SQL they are not.
#
# What one would guess: a product or quotient of decimals has the digits that it needs, as in PostgreSQL, DuckDB, pyarrow
#   and pandas, each by a rule of its own; and an expression of polars is what the same words are in its SQL.
# What happens: a result has as many decimals as the one of its two sides that has more. amount / amount.sum() of cents is
#   rounded to hundredths, and times 100 each share is a whole number of per cent, though it is shown with two decimals. A
#   whole number as the other side changes nothing; a float (3.0) makes all of it a float. In polars' SQL `share / total`
#   has six decimals more and a product the sum of both, so that one frame answers in two ways. Up to polars 1.33 a quotient
#   had more digits; that the scale is kept was decided in 2025, and said in the pull request. With binary floats, the type
#   of a CSV file that was not told otherwise, nobody sees it.
# Why it matters here: pledges, aid and prices are numeric(…, 2) in PostgreSQL and DECIMAL in Parquet, and shares and rates
#   are what one makes of them. Shares of small donors are 0.00, and all shares come to 99 or 101 %. Cast to more decimals,
#   or to a float, before you divide.
# Versions: polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1, pandas 3.1.1. Seen 2026-11-30.
# Output:
#   shares of 1.00, 2.00, 12.50 and 0.06 in per cent
#   polars: 6.00, 13.00, 80.00, 0.00, together 99.00
#   polars by its SQL: 6.43, 12.85, 80.33, 0.39, together 100.00
#   DuckDB: 6.43, 12.85, 80.33, 0.39, together 100.00
#   pyarrow: 6.43, 12.85, 80.33, 0.39, together 100.00
#   pandas: 6.43, 12.85, 80.33, 0.39, together 100.00
#   0.05 times 0.05: polars 0.00, by its SQL 0.0025, DuckDB 0.0025, pyarrow 0.0025, pandas 0.0025
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  polars==2.1.0 duckdb==2.0.1 pyarrow==26.0.1 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from decimal import Decimal

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.compute

cents = pyarrow.decimal128(10, 2)
table = pyarrow.table({"amount": pyarrow.array(map(Decimal, ("1.00", "2.00", "12.50", "0.06")), cents)})
rates = pyarrow.table({"rate": pyarrow.array([Decimal("0.05")], cents)})
SHARE = "amount / (SELECT sum(amount) FROM {table}) * 100 AS share"


def told(shares):
    shares = [float(share) for share in shares]
    return f"{', '.join(f'{share:.2f}' for share in shares)}, together {sum(shares):.2f}"


def by_pyarrow():
    compute = pyarrow.compute
    return compute.multiply(compute.divide(table["amount"], compute.sum(table["amount"]).cast(cents)), Decimal(100))


frame, rate = polars.from_arrow(table), polars.from_arrow(rates)
in_pandas, rate_in_pandas = (each.to_pandas(types_mapper=pandas.ArrowDtype) for each in (table, rates))
shares = {
    "polars": frame.select(polars.col("amount") / polars.col("amount").sum() * 100)["amount"],
    "polars by its SQL": frame.sql(f"SELECT {SHARE.format(table='self')} FROM self")["share"],
    "DuckDB": duckdb.sql(f"SELECT {SHARE.format(table='frame')} FROM frame").pl()["share"],
    "pyarrow": by_pyarrow().to_pylist(),
    "pandas": in_pandas.amount / in_pandas.amount.sum() * 100,
}
products = {
    "polars": rate.select(polars.col("rate") * polars.col("rate"))["rate"][0],
    "by its SQL": rate.sql("SELECT rate * rate AS rate FROM self")["rate"][0],
    "DuckDB": duckdb.sql("SELECT rate * rate FROM rate").fetchall()[0][0],
    "pyarrow": pyarrow.compute.multiply(rates["rate"], rates["rate"])[0],
    "pandas": (rate_in_pandas.rate * rate_in_pandas.rate)[0],
}
seen = [
    "shares of 1.00, 2.00, 12.50 and 0.06 in per cent",
    *(f"{who}: {told(values)}" for who, values in shares.items()),
    f"0.05 times 0.05: {', '.join(f'{who} {value}' for who, value in products.items())}",
]
print(*seen, sep="\n")
expected = [
    "shares of 1.00, 2.00, 12.50 and 0.06 in per cent",
    "polars: 6.00, 13.00, 80.00, 0.00, together 99.00",
    "polars by its SQL: 6.43, 12.85, 80.33, 0.39, together 100.00",
    "DuckDB: 6.43, 12.85, 80.33, 0.39, together 100.00",
    "pyarrow: 6.43, 12.85, 80.33, 0.39, together 100.00",
    "pandas: 6.43, 12.85, 80.33, 0.39, together 100.00",
    "0.05 times 0.05: polars 0.00, by its SQL 0.0025, DuckDB 0.0025, pyarrow 0.0025, pandas 0.0025",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
