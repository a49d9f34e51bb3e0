#!/usr/bin/env bash
# edtf reads "19 to 21 November 2025" as a day of 2019, and "1-3 May 2025" as one of 2001.
#
# What one would guess: `text_to_edtf` turns what people write about dates into the Library of Congress's format for
#   uncertain dates, and answers None for what it cannot read, as it does for "30 October to 2 November 2025". A year with
#   four digits is the year.
# What happens: of two numbers before or after a month the first is taken for a year of this century, and the year that
#   was written is dropped. The answer is one exact day, with no mark of doubt, in a year that nobody wrote. Any other
#   number does it as well: with "about 20 people" before the date it is in 2020. One day is read right, and so are a
#   month, a season and "before 19 November 2025".
# Why it matters here: statements say "the talks of 19 to 21 November 2025" and "the night of 19 to 20 November". Nothing
#   fails, and the day that comes out is plausible, six years too early; it is found when somebody looks at the map of
#   2019. Refuse an answer whose year is not in the text.
# Versions: edtf 5.0.2, convertdate 2.4.0, pyparsing 3.3.3, python-dateutil 2.9.0.post0. Seen 2026-11-30.
# Output:
#   19 November 2025: 2025-11-19
#   before 19 November 2025: /2025-11-19
#   autumn 2025: 2025-23
#   30 October to 2 November 2025: None
#   19 to 21 November 2025: 2019-11-21
#   1-3 May 2025: 2001-05-03
#   November 19-21, 2025: 2021-11-19
#   the night of 19 to 20 November 2025: 2019-11-20
#   about 20 people on 19 November 2025: 2020-11-19~
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  edtf==5.0.2 convertdate==2.4.0 pyparsing==3.3.3 python-dateutil==2.9.0.post0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

from edtf import text_to_edtf

expected = {
    "19 November 2025": "2025-11-19",
    "before 19 November 2025": "/2025-11-19",
    "autumn 2025": "2025-23",
    "30 October to 2 November 2025": None,
    "19 to 21 November 2025": "2019-11-21",
    "1-3 May 2025": "2001-05-03",
    "November 19-21, 2025": "2021-11-19",
    "the night of 19 to 20 November 2025": "2019-11-20",
    "about 20 people on 19 November 2025": "2020-11-19~",
}
seen = {text: text_to_edtf(text) for text in expected}
for text, date in seen.items():
    print(f"{text}: {date}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
