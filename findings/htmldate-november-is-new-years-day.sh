#!/usr/bin/env bash
# htmldate: a page whose date it reads only in part is dated 1 January, and nothing says so.
#
# htmldate 1.11.0, trafilatura 2.3.1 (which dates pages by it), Python 3.11.7, Linux; 2026-12-01.
#
# Archives of news are dated by it. Where no date is found in the ways that it knows, it looks for a year in the text, and
# answers the first day of that year, in the same form as a date that was read. So
#   - "November 2025" is 1 January 2025, ten months early, though a month in the page's metadata is the first of that month;
#   - a sentence with the day in Ukrainian or Russian is 1 January, where the same sentence in English has its day; in an
#     element whose class says that it is a date it has it, too.
# One New Year's Day among the dates is a true one; of the others nobody can tell.
#
# Seen:
#   <p>Published 19 November 2025</p>                 2025-11-19
#   <p>Опубліковано 19 листопада 2025 року</p>        2025-01-01
#   <p>Опубликовано 19 ноября 2025 года</p>           2025-01-01
#   <p class="date">19 листопада 2025 року</p>        2025-11-19
#   <p class="date">November 2025</p>                 2025-01-01
#   metadata, 2025-11                                 2025-11-01
#   the Ukrainian one, by trafilatura                 2025-01-01
#   the Ukrainian one, without extensive search       None
#
# What to do: extensive_search=False, which answers nothing instead; or take 1 January for "known to the year".
#
# Exits 0 while that is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "htmldate==1.11.0" "trafilatura==2.3.1" "lxml_html_clean==0.4.6"

"$work/venv/bin/python" - <<'PYTHON'
import sys

from htmldate import find_date
from trafilatura import extract_metadata

ENGLISH = "<p>Published 19 November 2025</p>"
UKRAINIAN = "<p>Опубліковано 19 листопада 2025 року</p>"
RUSSIAN = "<p>Опубликовано 19 ноября 2025 года</p>"
CLASSED = '<p class="date">19 листопада 2025 року</p>'
MONTH = '<p class="date">November 2025</p>'


def page(body: str, head: str = "") -> str:
    return f"<html><head><title>A report</title>{head}</head><body>{body}</body></html>"


seen = {body: find_date(page(body)) for body in (ENGLISH, UKRAINIAN, RUSSIAN, CLASSED, MONTH)}
seen["metadata, 2025-11"] = find_date(page("<p>x</p>", '<meta property="article:published_time" content="2025-11">'))
seen["the Ukrainian one, by trafilatura"] = extract_metadata(page(UKRAINIAN)).date
seen["the Ukrainian one, without extensive search"] = find_date(page(UKRAINIAN), extensive_search=False)
expected = {
    ENGLISH: "2025-11-19",
    UKRAINIAN: "2025-01-01",
    RUSSIAN: "2025-01-01",
    CLASSED: "2025-11-19",
    MONTH: "2025-01-01",
    "metadata, 2025-11": "2025-11-01",
    "the Ukrainian one, by trafilatura": "2025-01-01",
    "the Ukrainian one, without extensive search": None,
}
for what, answer in seen.items():
    print(f"{what:<50}{answer}")
if seen != expected:
    sys.exit("this has changed")
PYTHON
