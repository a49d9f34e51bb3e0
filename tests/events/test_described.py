"""What a JSON Schema says of fields."""

from typing import Annotated

from pydantic import Field

from incidentlog.events.values import Model


class Told(Model):
    """With words, and without."""

    by: str
    """Who told it."""
    when: str
    of_: Annotated[str, Field(alias="of")]
    """What it is about.

    At length.
    """
    known: Annotated[str, Field(description="Said already.")]
    """Said below."""


class Retold(Told):
    """One field is another's, one is new."""

    by: str
    inner: Told
    """What was told first."""


def test_a_field_is_described_by_the_docstring_below_it():
    found = Told.model_json_schema()["properties"]
    assert {name: said.get("description") for name, said in found.items()} == {
        "by": "Who told it.",
        "when": None,
        "of": "What it is about.\n\nAt length.",
        "known": "Said already.",
    }


def test_a_field_that_is_annotated_anew_is_described_anew():
    schema = Retold.model_json_schema()
    assert "description" not in schema["properties"]["by"]
    assert schema["properties"]["of"]["description"] == "What it is about.\n\nAt length."
    assert schema["properties"]["inner"] == {"$ref": "#/$defs/Told", "description": "What was told first."}
    assert schema["$defs"]["Told"]["properties"]["by"]["description"] == "Who told it."
