#!/usr/bin/env bash
# pydantic: `model_construct`, the way that skips validation, can be a hundred times slower than validating.
#
# pydantic 2.14.3, Python 3.11.7, Linux; 2026-11-29.
#
# `model_construct` is documented as the way to make a model of trusted values without validation, and is taken for
# the fast one. For every field that is left out and has a `default_factory`, it asks again, at each call, whether the
# factory takes the values that were validated before: it reads the factory's signature by `inspect`. The signature of
# a class of the builtins, such as `list` or `dict`, is only a text, and is parsed as Python source each time. The
# validator made that decision once, when the model was built.
#
# Seen, µs a call on a busy machine with two cores:
#   Builtin  model_construct  1136.4 µs   with every field given   4.7 µs   validated   2.0 µs
#   Lambda   model_construct    74.1 µs   with every field given   4.8 µs   validated   2.2 µs
#   Plain    model_construct     5.3 µs   with every field given   4.1 µs   validated   4.5 µs
# A server that let go of parts of its events by `model_construct`, with four such fields, took longer for that than
# for reading, validating and storing them together: 2.4 ms of processor an event, and 0.5 without it.
#
# What to do: give `model_construct` a value for every field that has a factory, or make the object by `__new__`.
#
# Exits 0 while that is so: with a factory of a builtin class it takes more than ten times as long as validation.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pydantic==2.14.3"

"$work/venv/bin/python" - <<'PYTHON'
import sys
from timeit import repeat

from pydantic import VERSION, BaseModel, Field


class Builtin(BaseModel):
    number: int = 0
    items: list[int] = Field(default_factory=list)


class Lambda(BaseModel):
    number: int = 0
    items: list[int] = Field(default_factory=lambda: [])


class Plain(BaseModel):
    number: int = 0
    items: list[int] = []


def each(call, times=500):
    """Microseconds of a call: of five rounds the shortest."""
    return min(repeat(call, number=times, repeat=5)) / times * 1e6


print(f"pydantic {VERSION}, Python {sys.version.split()[0]}")
ratios = {}
for model in (Builtin, Lambda, Plain):
    constructed, validated = each(lambda: model.model_construct(number=1)), each(lambda: model(number=1))
    given = each(lambda: model.model_construct(number=1, items=[]))
    ratios[model] = constructed / validated
    print(f"{model.__name__:<8} model_construct {constructed:7.1f} µs   with every field given {given:5.1f} µs   validated {validated:5.1f} µs")
assert Builtin.model_construct(number=1) == Builtin(number=1)
sys.exit(0 if ratios[Builtin] > 10 and ratios[Builtin] > 3 * ratios[Plain] else "it is so no more")
PYTHON
