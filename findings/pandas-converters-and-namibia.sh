#!/usr/bin/env bash
# Since pandas 3.1 what a converter of read_csv returns is searched for missing values: Namibia's code is lost in silence.
#
# What one would guess: a function that is given as the converter of a column has the last word about it. So it was up to
#   pandas 3.0, and it is the known way to keep `NA` (Namibia, in ISO 3166-1 alpha-2) text: `converters={"code": str}`.
# What happens: pandas 3.1.1 reads `NA` from the same call as NaN, without a warning; so it does with what a function of one's own
#   returns, `"N/A"` as well. Beside a number in the same column the others then become floats. `keep_default_na=False` still keeps
#   it. (`engine="python"` and `dtype=str` never did.)
# Why it matters here: tables of countries are read so everywhere. One of two hundred rows changes: a join by code leaves Namibia out
#   and reports nothing, and code that needs text fails later and elsewhere: `country_converter` 1.3.2, which reads its own table
#   so, cannot be made any more ("first argument must be string or compiled pattern", from re.compile).
# Versions: pandas 3.1.1, beside 3.0.0 and 2.3.3. Seen 2026-11-29.
# Output:
#   2.3.3: str ['NA', 'UA'], own ['N/A', 'UA'], without NA ['NA', 'UA']
#   3.0.0: str ['NA', 'UA'], own ['N/A', 'UA'], without NA ['NA', 'UA']
#   3.1.1: str [nan, 'UA'], own [nan, 'UA'], without NA ['NA', 'UA']
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
cat >"$work/read.py" <<'PYTHON'
import io

import pandas

TABLE = "code\tname\nNA\tNamibia\nUA\tUkraine\n"


def codes(**how):
    return list(pandas.read_csv(io.StringIO(TABLE), sep="\t", **how).code)


plain = codes(converters={"code": str})
own = codes(converters={"code": lambda code: "N/A" if code == "NA" else code})
kept = codes(converters={"code": str}, keep_default_na=False)
print(f"{pandas.__version__}: str {plain}, own {own}, without NA {kept}")
PYTHON

for version in 2.3.3 3.0.0 3.1.1; do
  "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pandas==$version"
  "$work/venv/bin/python" "$work/read.py"
done | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
2.3.3: str ['NA', 'UA'], own ['N/A', 'UA'], without NA ['NA', 'UA']
3.0.0: str ['NA', 'UA'], own ['N/A', 'UA'], without NA ['NA', 'UA']
3.1.1: str [nan, 'UA'], own [nan, 'UA'], without NA ['NA', 'UA']
SEEN
