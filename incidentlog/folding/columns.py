"""The columns of the tables in which answers are told: what each is called, and of which type its values are. Pure."""

from typing import Literal, NamedTuple

Kind = Literal["text", "integer", "number", "truth", "day", "instant", "texts", "json"]
"""A day is `2025-11-19`, an instant RFC 3339; `texts` is a list, `json` whatever is nested. Any may be null."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind
