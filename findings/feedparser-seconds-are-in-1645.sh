#!/usr/bin/env bash
# feedparser reads the Unix time 1645671600 as 1 December 1645, 20220224T050000Z as midnight, and 05:00 MSK as 05:00 UTC.
#
# What one would guess: a time that feedparser cannot read is absent (published_parsed is None), as it is for 24.02.2022 05:00,
#   and what it does read is in UTC, as it is of a time with an offset.
# What happens: the reader of ISO 8601 takes what fits from the start and leaves the rest. Of ten digits it takes a year and says
#   1 December, of a compact time (basic format, as iCalendar has it) the day at midnight, of an ordinal day or a
#   week a month: 2022-055 is 1 May. Names of zones are known for North America, UT, GMT and MET; with any other, MSK, EET and CET
#   among them, the hour is said to be one of UTC, as is a time without a zone. Nothing says so: bozo is False. Of two places
#   of one item (georss:point) the second alone is in `where`.
# Why it matters here: feeds of agencies and alerts are full of such times, and published_parsed is what everybody sorts and
#   asks by. An order of arrival by it is off by two or three hours from Kyiv and Moscow, and right from Washington. Parse
#   `published` itself by the format that the feed is known to have, and refuse what has another.
# Versions: feedparser 6.0.14. Seen 2026-12-01.
# Output:
#   Thu, 24 Feb 2022 05:00:00 +0200: 2022-02-24 03:00, bozo: False
#   2022-02-24T05:00:00+02:00: 2022-02-24 03:00, bozo: False
#   24.02.2022 05:00: None, bozo: False
#   20220224T050000Z: 2022-02-24 00:00, bozo: False
#   1645671600: 1645-12-01 00:00, bozo: False
#   2022-055: 2022-05-01 00:00, bozo: False
#   2022-W08-4: 2022-12-01 00:00, bozo: False
#   Thu, 24 Feb 2022 05:00:00 EST: 2022-02-24 10:00, bozo: False
#   Thu, 24 Feb 2022 05:00:00 MSK: 2022-02-24 05:00, bozo: False
#   Thu, 24 Feb 2022 05:00:00 EET: 2022-02-24 05:00, bozo: False
#   two places: (30.0, 50.0)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check feedparser==6.0.14

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime

import feedparser

RSS = '<rss version="2.0" xmlns:georss="http://www.georss.org/georss"><channel><item>{}</item></channel></rss>'
TIMES = (
    "Thu, 24 Feb 2022 05:00:00 +0200",
    "2022-02-24T05:00:00+02:00",
    "24.02.2022 05:00",
    "20220224T050000Z",
    "1645671600",
    "2022-055",
    "2022-W08-4",
    "Thu, 24 Feb 2022 05:00:00 EST",
    "Thu, 24 Feb 2022 05:00:00 MSK",
    "Thu, 24 Feb 2022 05:00:00 EET",
)


def read(text):
    feed = feedparser.parse(RSS.format(f"<title>Strike</title><pubDate>{text}</pubDate>"))
    at = feed.entries[0].get("published_parsed")
    return f"{text}: {at and datetime(*at[:6]).isoformat(' ', 'minutes')}, bozo: {bool(feed.bozo)}"


POINTS = "<georss:point>48.5 37.9</georss:point><georss:point>50 30</georss:point>"
places = feedparser.parse(RSS.format(f"<title>Strikes</title>{POINTS}")).entries[0]["where"]
seen = [*map(read, TIMES), f"two places: {places['coordinates']}"]
print(*seen, sep="\n")
expected = [
    "Thu, 24 Feb 2022 05:00:00 +0200: 2022-02-24 03:00, bozo: False",
    "2022-02-24T05:00:00+02:00: 2022-02-24 03:00, bozo: False",
    "24.02.2022 05:00: None, bozo: False",
    "20220224T050000Z: 2022-02-24 00:00, bozo: False",
    "1645671600: 1645-12-01 00:00, bozo: False",
    "2022-055: 2022-05-01 00:00, bozo: False",
    "2022-W08-4: 2022-12-01 00:00, bozo: False",
    "Thu, 24 Feb 2022 05:00:00 EST: 2022-02-24 10:00, bozo: False",
    "Thu, 24 Feb 2022 05:00:00 MSK: 2022-02-24 05:00, bozo: False",
    "Thu, 24 Feb 2022 05:00:00 EET: 2022-02-24 05:00, bozo: False",
    "two places: (30.0, 50.0)",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
