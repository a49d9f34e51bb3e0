#!/usr/bin/env bash
# What edtf writes as uncertain, undate reads as certain, and writes again without the mark.
#
# What one would guess: a library for dates that are uncertain, which reads the Extended Date Time Format, keeps the
#   format's marks for it (? uncertain, ~ approximate, % both), or refuses what it does not keep, as it refuses seasons.
# What happens: undate reads the marks and drops them. 2025-11-19~ and 2025-11-19 are equal, have the same earliest and
#   latest day and are written alike. Unknown digits (2025-11-XX) are kept. edtf, which reads the same texts, gives a
#   wider range for the ones with a mark, and writes them back as they were.
# Why it matters here: the mark is all that the source told about its doubt. A file passed from the one to the other and
#   back says that a village was taken on that day; two reports that disagree by a day, both with "~", become a
#   contradiction. Keep the text beside the object.
# Versions: edtf 5.0.2, convertdate 2.4.0, pyparsing 3.3.3, undate 0.8.0. Seen 2026-11-30.
# Output:
#   2025-11-19~: edtf writes 2025-11-19~, undate writes 2025-11-19, equal to the date without: True
#   2025-11?: edtf writes 2025-11?, undate writes 2025-11, equal to the date without: True
#   2025%: edtf writes 2025%, undate writes 2025, equal to the date without: True
#   2025-11-XX: edtf writes 2025-11-XX, undate writes 2025-11-XX
#   2025-21: edtf writes 2025-21, undate refuses it
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  edtf==5.0.2 convertdate==2.4.0 pyparsing==3.3.3 undate==0.8.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

from edtf import parse_edtf
from undate import Undate


def told(text):
    by_edtf = f"edtf writes {parse_edtf(text)}"
    try:
        date = Undate.parse(text, "EDTF")
    except Exception:
        return f"{text}: {by_edtf}, undate refuses it"
    line = f"{text}: {by_edtf}, undate writes {date.format('EDTF')}"
    if text[-1] in "?~%":
        line += f", equal to the date without: {date == Undate.parse(text[:-1], 'EDTF')}"
    return line


seen = [told(text) for text in ("2025-11-19~", "2025-11?", "2025%", "2025-11-XX", "2025-21")]
print("\n".join(seen))
expected = [
    "2025-11-19~: edtf writes 2025-11-19~, undate writes 2025-11-19, equal to the date without: True",
    "2025-11?: edtf writes 2025-11?, undate writes 2025-11, equal to the date without: True",
    "2025%: edtf writes 2025%, undate writes 2025, equal to the date without: True",
    "2025-11-XX: edtf writes 2025-11-XX, undate writes 2025-11-XX",
    "2025-21: edtf writes 2025-21, undate refuses it",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
