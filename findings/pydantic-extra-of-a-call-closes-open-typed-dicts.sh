#!/usr/bin/env bash
# `extra="forbid"` of one validation closes also those TypedDicts inside that say themselves which further items they take.
#
# What one would guess: `TypeAdapter.validate_json(..., extra="forbid")` is the default for what says nothing. A TypedDict
#   declared with `extra_items=Any` (PEP 728) says that it is open: further keys are part of its type, and stay allowed.
# What happens: the argument of the call wins over the type's own declaration, at every depth. A value that the same
#   adapter takes without the argument is refused with `extra_forbidden`.
# Why it matters here: whoever holds answers of a service to their declared types, to find members that nobody told of,
#   cannot do it by this argument: every object that is meant to be open is refused too. It takes models that are closed
#   one by one.
# Versions: pydantic 2.14.3, typing-extensions 4.16.0, Python 3.11 and later. Seen 2026-11-29.
# Output:
#   without the argument: {'rows': {'a': 1}}
#   with extra="forbid": extra_forbidden at rows.a
#   the closed type beside it: extra_forbidden at other
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pydantic==2.14.3 typing-extensions==4.16.0

"$work/venv/bin/python" - <<'PYTHON'
import sys
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict


class Open(TypedDict, extra_items=Any):
    pass


class Answer(TypedDict):
    rows: Open


adapter = TypeAdapter(Answer)


def refused(text):
    try:
        adapter.validate_json(text, extra="forbid")
    except ValidationError as error:
        (fault,) = error.errors()
        return f"{fault['type']} at {'.'.join(map(str, fault['loc']))}"
    return None


taken = adapter.validate_json('{"rows": {"a": 1}}')
inside = refused('{"rows": {"a": 1}}')
beside = refused('{"rows": {}, "other": 1}')
print(f"without the argument: {taken}")
print(f'with extra="forbid": {inside}')
print(f"the closed type beside it: {beside}")
sys.exit(
    (taken, inside, beside)
    != ({"rows": {"a": 1}}, "extra_forbidden at rows.a", "extra_forbidden at other")
)
PYTHON
