#!/usr/bin/env bash
# minor, serious, grave and two that nobody knows: in an .rds file that rdata writes and reads the unknown ones are grave.
#
# What one would guess: a category that is missing is missing in R's format too (NA), which has it for each type; what a
#   library writes it reads again.
# What happens: rdata writes the places of the categories, counted from one, so that pandas' -1 for a missing one becomes 0.
#   It reads 0 as -1, which is no missing one any more but the last of the list, as an index of Python is. With the
#   categories in their order of severity the unknown is the worst; with one category everybody has it. Missing integers
#   beside it come back as missing. pyreadr reads the same file with the unknown ones unknown.
# Why it matters here: R's files are how this field hands data on (UCDP gives its events as .rds), and rdata is what reads
#   and writes them where there is no R. Severity, side and certainty are such columns, and nothing shows it but a count.
#   Write texts instead of categories, or an "unknown" of one's own.
# Versions: rdata 1.1.0, pandas 3.1.1, pyreadr 0.5.8. Seen 2026-12-01.
# Output:
#   written: minor, null, serious, null of minor, serious, grave
#   rdata reads: minor, grave, serious, grave
#   pyreadr reads: minor, null, serious, null
#   written: null, claimed of claimed
#   rdata reads: claimed, claimed
#   pyreadr reads: null, claimed
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check rdata==1.1.0 pandas==3.1.1 pyreadr==0.5.8

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pandas
import pyreadr
import rdata


def told(values):
    return ", ".join("null" if pandas.isna(value) else value for value in values)


def passed_on(values, categories):
    column = pandas.Categorical(values, categories=categories)
    rdata.write_rds("severity.rds", pandas.DataFrame({"severity": column}))
    return [
        f"written: {told(column)} of {', '.join(categories)}",
        f"rdata reads: {told(rdata.read_rds('severity.rds')['severity'])}",
        f"pyreadr reads: {told(pyreadr.read_r('severity.rds')[None]['severity'])}",
    ]


seen = passed_on(["minor", None, "serious", None], ["minor", "serious", "grave"])
seen += passed_on([None, "claimed"], ["claimed"])
print(*seen, sep="\n")
expected = [
    "written: minor, null, serious, null of minor, serious, grave",
    "rdata reads: minor, grave, serious, grave",
    "pyreadr reads: minor, null, serious, null",
    "written: null, claimed of claimed",
    "rdata reads: claimed, claimed",
    "pyreadr reads: null, claimed",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
