#!/usr/bin/env bash
# pydantic: where an annotation changes the schema of a model, the JSON Schema shows the change, and the validator ignores
# it, unless the model is one that was not built yet.
#
# pydantic 2.14.3 (pydantic-core 2.50.4), Python 3.11.7, Linux; 2026-12-01.
#
# `__get_pydantic_core_schema__` of an annotation is the documented way to have a type validated otherwise in one place.
# It gets the model's schema from the handler, and what it returns is the schema of that place. pydantic-core looks at
# such a schema, sees that it is of a class that has a validator, and takes that one, whatever the schema says. So
#   - validation refuses what the adapter's own core schema and JSON Schema allow;
#   - a model with `defer_build` is validated as changed until it is used anywhere by itself, and as it was from then on:
#     what a program answers hangs on what it did before.
# With 2.10.6 the change counts everywhere; with 2.11.7 and 2.12.0 in an adapter and not in a field of another model.
#
# Seen:
#   in the JSON Schema: no minimum
#   built model, by adapter                     Input should be greater than or equal to 0
#   built model, in a field of another          Input should be greater than or equal to 0
#   deferred model, not used yet                taken
#   the same lines, once it was used by itself  Input should be greater than or equal to 0
#
# What to do: change a copy that is a class of its own (a subclass without the constraint), and leave schemas alone.
#
# Exits 0 while that is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pydantic==2.14.3"

"$work/venv/bin/python" - <<'PYTHON'
import sys
from copy import deepcopy
from typing import Annotated

from pydantic import VERSION, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import __version__


class Unbounded:
    """Takes the bound of `count` away, where a model is annotated with it."""

    def __get_pydantic_core_schema__(self, source, handler):
        schema = deepcopy(handler.resolve_ref_schema(handler(source)))
        schema.pop("ref", None)
        del schema["schema"]["fields"]["count"]["schema"]["ge"]
        return schema


class Built(BaseModel):
    count: int = Field(ge=0)


class Deferred(BaseModel):
    model_config = ConfigDict(defer_build=True)
    count: int = Field(ge=0)


class Holder(BaseModel):
    one: Annotated[Built, Unbounded()]


def said(validate, value):
    try:
        validate(value)
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return "taken"


print(f"pydantic {VERSION}, pydantic-core {__version__}, Python {sys.version.split()[0]}")
built, below = TypeAdapter(Annotated[Built, Unbounded()]), {"count": -1}
assert "minimum" not in built.json_schema()["properties"]["count"]
print("in the JSON Schema: no minimum")
found = {
    "built model, by adapter": said(built.validate_python, below),
    "built model, in a field of another": said(Holder.model_validate, {"one": below}),
    "deferred model, not used yet": said(TypeAdapter(Annotated[Deferred, Unbounded()]).validate_python, below),
}
Deferred(count=1)
again = TypeAdapter(Annotated[Deferred, Unbounded()])
found["the same lines, once it was used by itself"] = said(again.validate_python, below)
for what, answer in found.items():
    print(f"{what:<43} {answer}")
refused = "Input should be greater than or equal to 0"
sys.exit(0 if list(found.values()) == [refused, refused, "taken", refused] else "it is so no more")
PYTHON
