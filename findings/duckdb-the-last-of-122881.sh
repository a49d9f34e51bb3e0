#!/usr/bin/env bash
# The last report of each incident is DuckDB's last() in a table of 122,880 rows; with twice as many it is another one, now and then.
#
# What one would guess: DuckDB keeps rows in the order in which they came unless told otherwise (preserve_insertion_order),
#   so last(), first() and list() go by that order, or do not from the first row on.
# What happens: up to 122,880 rows, one row group, a single thread sees the table from its beginning to its end, and each
#   answer is right, in each run. Beyond, threads take row groups as they come and put their answers together as they end:
#   last() is the last row of either half, for all groups at once, and which half it is changes from run to run on the same
#   table. list() and string_agg() have the halves turned round likewise. A SELECT without groups keeps the order. With
#   `ORDER BY` inside of the brackets it is right again. The documentation says of each that ordering affects it; where it
#   turns over is what one meets, a year after the query was written.
# Why it matters here: last(state) GROUP BY incident is what one writes for a log, whose rows are in order. It passes every
#   test and the first months. Later some of all incidents are shown as they were, and on the next run they are not. Write
#   last(state ORDER BY position), or arg_max of the row.
# Versions: duckdb 2.0.1. Seen 2026-12-01 with two processors; with 2, 4 and 8 threads it is the same.
# Output (1,000 incidents in turn, asked for 40 times with 4 threads: were all right each time?):
#   122880 rows: last yes, first yes, list yes, last with ORDER BY yes
#   307200 rows: last no, first no, list no, last with ORDER BY yes
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb

TIMES = 40
QUERY = """
  SELECT
    bool_and(latest = greatest) AS last,
    bool_and(earliest = least) AS first,
    bool_and(listed = greatest) AS list,
    bool_and(ordered = greatest) AS "last with ORDER BY"
  FROM (
    SELECT
      last(position) AS latest, max(position) AS greatest, first(position) AS earliest, min(position) AS least,
      list(position)[-1] AS listed, last(position ORDER BY position) AS ordered
    FROM report GROUP BY incident
  )
"""


def told(rows):
    connection = duckdb.connect(config={"threads": 4})
    connection.execute(
        f"CREATE TABLE report AS SELECT position % 1000 AS incident, position FROM range({rows}) AS log (position)"
    )
    asked = [connection.sql(QUERY) for _ in range(TIMES)]
    names = asked[0].columns
    right = [all(each) for each in zip(*(query.fetchall()[0] for query in asked))]
    return f"{rows} rows: " + ", ".join(f"{name} {'yes' if each else 'no'}" for name, each in zip(names, right))


seen = [told(122_880), told(307_200)]
print(*seen, sep="\n")
expected = [
    "122880 rows: last yes, first yes, list yes, last with ORDER BY yes",
    "307200 rows: last no, first no, list no, last with ORDER BY yes",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
