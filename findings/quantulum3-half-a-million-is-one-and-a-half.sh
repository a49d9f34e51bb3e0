#!/usr/bin/env bash
# "Half a million people" are 1,500,000 to quantulum3, "a million and a half" are 1,000,000.5, and half a dozen is 0.5 per dozen.
#
# What one would guess: a library that takes quantities out of sentences reads the few ways in which people round, or passes
#   them over, as it does with "several hundred".
# What happens: where a number's words begin with "half", "a" is one, and the half is added to it before the thousand or
#   million multiplies: half a thousand is 1,500, "one half a million" as well. After the number the half is added to the
#   whole: 1,000,000.5. "Two and a half million" is right, which is what one tries. Before a unit "a" is "per": half a tonne
#   is 0.5 per tonne, half a dozen 0.5 per dozen, half a hectare half a year (the unit "a"). 1,5 million, with a decimal
#   comma, is 15 million. The value is a float with the words beside it, and no mark of doubt.
# Why it matters here: figures in statements are told like this when nobody counted: half a million displaced, half a
#   million shells. They come out three times as large as told. Compare what it took with the words (`surface`): where
#   "half" is in them, leave it to a person.
# Versions: quantulum3 0.10.0. Seen 2026-12-01.
# Output:
#   half a million people: 1500000.0 dimensionless
#   a million and a half people: 1000000.5 dimensionless
#   two and a half million people: 2500000.0 dimensionless
#   a quarter of a million people: 0.25 dimensionless, 1000000.0 dimensionless
#   half a thousand shells: 1500.0 dimensionless
#   half a dozen drones: 0.5 per dozen
#   half a tonne: 0.5 per tonne
#   half a hectare: 0.5 year
#   1,5 million: 15000000.0 dimensionless
#   several hundred: nothing
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check quantulum3==0.10.0 inflect==7.6.0 num2words==0.5.14

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

from quantulum3 import parser

TEXTS = [
    "half a million people",
    "a million and a half people",
    "two and a half million people",
    "a quarter of a million people",
    "half a thousand shells",
    "half a dozen drones",
    "half a tonne",
    "half a hectare",
    "1,5 million",
    "several hundred",
]


def told(text):
    return ", ".join(f"{taken.value} {taken.unit.name}" for taken in parser.parse(text)) or "nothing"


seen = [f"{text}: {told(text)}" for text in TEXTS]
print(*seen, sep="\n")
expected = [
    "half a million people: 1500000.0 dimensionless",
    "a million and a half people: 1000000.5 dimensionless",
    "two and a half million people: 2500000.0 dimensionless",
    "a quarter of a million people: 0.25 dimensionless, 1000000.0 dimensionless",
    "half a thousand shells: 1500.0 dimensionless",
    "half a dozen drones: 0.5 per dozen",
    "half a tonne: 0.5 per tonne",
    "half a hectare: 0.5 year",
    "1,5 million: 15000000.0 dimensionless",
    "several hundred: nothing",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
