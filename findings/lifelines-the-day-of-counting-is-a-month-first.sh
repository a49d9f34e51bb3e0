#!/usr/bin/env bash
# lifelines: told that dates are written day first, it still reads the last day of counting month first.
#
# lifelines 0.30.3, pandas 2.3.3, Python 3.11.7, Linux; 2026-12-01.
#
# How long ceasefires last is a question of survival analysis: those that still hold count as "at least so long", up to the
# day of counting (`fill_date`). `datetimes_to_durations(starts, ends, fill_date=..., dayfirst=True)` makes the durations.
# `dayfirst` is said to be for European dates, and is used for the starts and the ends; the day of counting goes through
# `pandas.to_datetime` without it. So where its day is at most 12
#   - what still holds gets another duration, without a word;
#   - what ended after the day that it takes for that of counting is taken to hold still: an end is lost.
#
# Seen, counted on 3 April 2022, of a ceasefire from 1 February on that holds, and of one that ended on 25 March:
#   day first       31 days, holds; 31 days, holds
#   the same days as ISO dates     61 days, holds; 52 days, ended
#
# What to do: give dates, or ISO texts, and not `dayfirst`.
#
# Exits 0 while that is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "lifelines==0.30.3" "pandas==2.3.3"

"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

warnings.simplefilter("ignore")
from lifelines.utils import datetimes_to_durations  # noqa: E402


def told(starts: list[str], ends: list[str | None], counted: str, **how: bool) -> str:
    days, ended = datetimes_to_durations(starts, ends, fill_date=counted, **how)
    return "; ".join(f"{d:.0f} days, {'ended' if e else 'holds'}" for d, e in zip(days, ended, strict=True))


seen = {
    "day first": told(["01/02/2022", "01/02/2022"], [None, "25/03/2022"], "03/04/2022", dayfirst=True),
    "the same days as ISO dates": told(["2022-02-01", "2022-02-01"], [None, "2022-03-25"], "2022-04-03"),
}
expected = {
    "day first": "31 days, holds; 31 days, holds",
    "the same days as ISO dates": "61 days, holds; 52 days, ended",
}
for what, answer in seen.items():
    print(f"{what:<30} {answer}")
if seen != expected:
    sys.exit("this has changed")
PYTHON
