"""The docstrings below a model's fields, as descriptions in its JSON Schema: read from the source when one is made.

pydantic's own `use_attribute_docstrings` reads the source whenever a class is made: a quarter of every start.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Described(BaseModel):
    """A model whose JSON Schema describes each field by the docstring below it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As pydantic's, with the descriptions."""
        made = handler(core_schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, field in cls.model_fields.items():
            said = docstring_of(cls, name)
            for key in {name, field.alias} & properties.keys():
                if said is not None and field.description is None:
                    properties[key]["description"] = said
        return made


def docstring_of(model: type[Any], field: str) -> str | None:
    """The docstring below a field, where it was last annotated; None without one, or without the source."""
    for each in model.__mro__:
        said = _annotated(each.__module__)
        if (each.__qualname__, field) in said:
            return said[each.__qualname__, field]
    return None


@cache
def _annotated(module: str) -> Mapping[tuple[str, str], str | None]:
    """The names that classes annotate, by the qualified name of the class, each with the docstring below it, if any.

    Empty where there is no source.
    """
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return {}
    return dict(_within(ast.parse(source).body, ""))


def _within(body: Sequence[ast.stmt], owner: str) -> Iterator[tuple[tuple[str, str], str | None]]:
    for this, following in zip_longest(body, body[1:]):
        match this, following:
            case ast.ClassDef(name=name, body=inner), _:
                yield from _within(inner, f"{owner}.{name}".removeprefix("."))
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield (owner, name), inspect.cleandoc(text)
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                yield (owner, name), None
