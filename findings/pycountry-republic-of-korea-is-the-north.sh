#!/usr/bin/env bash
# To pycountry "Republic of Korea" is the Democratic People's Republic of Korea, and that alone; "Republic of Niger" is Nigeria.
#
# What one would guess: the names that states sign with are known, or not found; where a search is fuzzy, and several states
#   could be meant, it answers with all of them, the best first.
# What happens: South Korea is there as "Korea, Republic of" and has no official name beside it, so lookup() does not find
#   "Republic of Korea". search_fuzzy() looks for the text inside of names, and finds it in "Democratic People's Republic of
#   Korea", once: one answer, not a list to choose from. "Republic of Niger" stands in "Federal Republic of Nigeria" and in
#   no other; "Niger", which is right when it is looked up, comes second. "Republic of China" is China, "Korea" is the North
#   first, as its code is first in the alphabet. An exact name of a part counts almost as a state's own and is added to
#   others: Curaçao is first the Netherlands, "Saint-Martin" is France where "Saint Martin" is not. Niger was reported in
#   2022, and is open; of the 249 by their own names only it and Curaçao come out as another.
# Why it matters here: parties of an agreement come by the names in it, and search_fuzzy(name)[0] is what one writes for
#   those that lookup() does not know. A statement of Seoul is then one of Pyongyang, with the right kind of code, and
#   nothing to tell it by. Take lookup() alone, and a table of one's own for the rest.
# Versions: pycountry 26.2.16. Seen 2026-11-30.
# Output:
#   Republic of Korea: looked up nothing, searched KP
#   Korea: looked up nothing, searched KP KR
#   South Korea: looked up KR, searched KR
#   Republic of Niger: looked up nothing, searched NG
#   Niger: looked up NE, searched NG NE
#   Republic of China: looked up nothing, searched CN
#   Curaçao: looked up CW, searched NL CW
#   Saint Martin: looked up nothing, searched MF
#   Saint-Martin: looked up nothing, searched FR
#   states that are another by their own name: Curaçao, Niger
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pycountry==26.2.16

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

from pycountry import countries

NAMES = """
  Republic of Korea; Korea; South Korea; Republic of Niger; Niger; Republic of China; Curaçao; Saint Martin; Saint-Martin
"""


def searched(name):
    try:
        return [country.alpha_2 for country in countries.search_fuzzy(name)]
    except LookupError:
        return ["nothing"]


def looked_up(name):
    try:
        return countries.lookup(name).alpha_2
    except LookupError:
        return "nothing"


others = sorted(country.name for country in countries if searched(country.name)[0] != country.alpha_2)
seen = [
    *(
        f"{name}: looked up {looked_up(name)}, searched {' '.join(searched(name))}"
        for name in NAMES.strip().split("; ")
    ),
    f"states that are another by their own name: {', '.join(others)}",
]
print(*seen, sep="\n")
expected = [
    "Republic of Korea: looked up nothing, searched KP",
    "Korea: looked up nothing, searched KP KR",
    "South Korea: looked up KR, searched KR",
    "Republic of Niger: looked up nothing, searched NG",
    "Niger: looked up NE, searched NG NE",
    "Republic of China: looked up nothing, searched CN",
    "Curaçao: looked up CW, searched NL CW",
    "Saint Martin: looked up nothing, searched MF",
    "Saint-Martin: looked up nothing, searched FR",
    "states that are another by their own name: Curaçao, Niger",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
