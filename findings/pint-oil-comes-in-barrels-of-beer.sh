#!/usr/bin/env bash
# A million bbl of oil are a quarter less to pint: its bbl is a barrel of 31.5 gallons, and 10,000 tons of grain are short ones.
#
# What one would guess: bbl, which is written of crude oil alone, is the barrel in which the world counts it, of 42 gallons;
#   and ton, in a library that knows the metre before the foot, is the metric one, as t is.
# What happens: barrel and bbl are the American barrel of liquids, 31.5 gallons; the oil's is oil_bbl. ton and kiloton are
#   the short ton of 907 kg, t and tonne the metric one, and Mt again the metric one, so that "a megaton" and "1 Mt" are two
#   weights. kt is a knot, mb a millibarn. quantulum3, which takes quantities out of sentences and hands them on, calls what
#   it read "barrel", "ton" and "knot", and pint reads these names without a question. Each is in pint's list of units; bbl
#   was the oil's until a report of 2015.
# Why it matters here: a price cap, an embargo and what a tanker carried are in barrels, aid in tons. The sum is a quarter
#   or a tenth too small, and nothing but another source shows it. Say oil_bbl and metric_ton.
# Versions: pint 0.25.3, quantulum3 0.10.0. Seen 2026-12-01.
# Output:
#   1000000 bbl: 119240 m³
#   1000000 oil_bbl: 158987 m³
#   10000 ton: 9072 t
#   10000 tonne: 10000 t
#   5 megaton: 4535924 t
#   5 Mt: 5000000 t
#   5 kt: 9 km/h
#   3 million barrels of crude, by quantulum3 as pint: 357721 m³
#   20 thousand tons of grain, by quantulum3 as pint: 18144 t
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pint==0.25.3 \
  quantulum3==0.10.0 inflect==7.6.0 num2words==0.5.14

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pint
from quantulum3 import parser

UNITS = pint.UnitRegistry()
TO = {"m³": "m**3", "t": "metric_ton", "km/h": "km/hour"}


def told(quantity, unit):
    return f"{quantity.to(TO[unit]).magnitude:.0f} {unit}"


def read(text, unit):
    (taken,) = parser.parse(text)
    return f"{text}, by quantulum3 as pint: {told(UNITS.Quantity(taken.value, taken.unit.name), unit)}"


AMOUNTS = {
    "1000000 bbl": "m³",
    "1000000 oil_bbl": "m³",
    "10000 ton": "t",
    "10000 tonne": "t",
    "5 megaton": "t",
    "5 Mt": "t",
    "5 kt": "km/h",
}
seen = [f"{amount}: {told(UNITS(amount), unit)}" for amount, unit in AMOUNTS.items()]
seen += [read("3 million barrels of crude", "m³"), read("20 thousand tons of grain", "t")]
print(*seen, sep="\n")
expected = [
    "1000000 bbl: 119240 m³",
    "1000000 oil_bbl: 158987 m³",
    "10000 ton: 9072 t",
    "10000 tonne: 10000 t",
    "5 megaton: 4535924 t",
    "5 Mt: 5000000 t",
    "5 kt: 9 km/h",
    "3 million barrels of crude, by quantulum3 as pint: 357721 m³",
    "20 thousand tons of grain, by quantulum3 as pint: 18144 t",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
