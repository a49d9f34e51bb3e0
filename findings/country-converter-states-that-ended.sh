#!/usr/bin/env bash
# country_converter gives Yemen and Vietnam the numbers of states that ended in 1990 and 1975.
#
# What one would guess: asked for the number of a country of today in the list of independent states of Gleditsch and Ward
#   (`to="GWcode"`), it answers that of the state that is there today: 678 for Yemen, 816 for Vietnam, as UCDP writes them.
# What happens: it answers 680, which was the People's Republic of Yemen in the south until 1990, and 817, the Republic of
#   Vietnam until 1975. Both are numbers of the list, so nothing fails: a join with UCDP or with anything else that counts by
#   these numbers finds no event of a war in Yemen, or those of another state. Other countries come out right.
# Why it matters here: a file whose countries are these numbers is brought in by such a table, and a wrong place is worse than
#   none. Two rows of two hundred are not seen in a sample.
# Versions: country_converter 1.3.2 (its newest), pandas 2.3.3. Seen 2026-11-29.
# Output:
#   Yemen 680, Vietnam 817
#   Ukraine 369, France 220, United Kingdom 200, Germany 260
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check country_converter==1.3.2 pandas==2.3.3

"$work/venv/bin/python" - <<'PYTHON'
import sys

from country_converter import CountryConverter

converter = CountryConverter()


def told(*names):
    codes = converter.convert(list(names), to="GWcode", not_found=None)
    return ", ".join(f"{name} {code}" for name, code in zip(names, codes, strict=True))


seen = [told("Yemen", "Vietnam"), told("Ukraine", "France", "United Kingdom", "Germany")]
print("\n".join(seen))
sys.exit(seen != ["Yemen 680, Vietnam 817", "Ukraine 369, France 220, United Kingdom 200, Germany 260"])
PYTHON
