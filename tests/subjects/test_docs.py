"""docs/events.md says what the models are: every type with its fields, and examples that the door lets in."""

import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from incidentlog.errors import BadRequest
from incidentlog.events.envelope import Envelope, model_of
from incidentlog.events.record import Patch
from incidentlog.store.filters import FILTERS, parse_event_filter
from incidentlog.subjects import EVENTS
from tests.commands import DOOR

DOCS = (Path(__file__).parents[2] / "docs/events.md").read_text("utf-8")


def table() -> Iterator[str]:
    """The lines of the table, a type each."""
    for name in sorted(EVENTS.newest):
        found = EVENTS.find(name)
        assert found is not None
        model = model_of(found.envelope)
        named = [(f"`{field.alias or key}`", field.is_required()) for key, field in model.model_fields.items()]
        needed, more = (", ".join(n for n, required in named if required is wanted) for wanted in (True, False))
        says = (inspect.getdoc(model) or "").partition("\n")[0].replace("|", "\\|")
        says = re.sub(r" \(docs/[^)]*\)", "", says)
        yield f"| `{name}` | {says} | {needed} | {more} |"


def test_every_type_is_told_as_it_is():
    wanted = list(table())
    told = [line for line in DOCS.splitlines() if re.match(r"\| `[a-z]+\.[a-z_]+` \|", line)]
    assert told == wanted, "the table is to be:\n" + "\n".join(wanted)


def test_every_field_of_the_envelope_is_told():
    told = set(re.findall(r"^\| `([a-z_]+)`", DOCS, re.MULTILINE))
    assert told >= set(Envelope.model_fields) - {"schema_version"}


@pytest.mark.parametrize("block", re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL))
def test_the_examples_pass_the_door(block: str):
    assert DOOR.read(orjson.dumps(orjson.loads(block)), recorded_by="somebody").command.type


def test_what_may_be_patched_is_told():
    told = re.search(r"\| in `patch` \| \|\n\|---\|---\|\n((?:\|.*\n)+)", DOCS)
    assert told is not None
    assert re.findall(r"^\| `(\w+)`", told[1], re.MULTILINE) == list(Patch.model_fields)


def test_every_filter_of_events_is_told():
    told = re.findall(r"^\| `(\w+)` \| (yes|no) \| ", DOCS, re.MULTILINE)
    assert [name for name, _ in told] == list(FILTERS)
    for name, repeats in told:
        values = ["strike.reported"] * 2 if name == "type" else ["2025-11-19"] * 2
        with suppress(BadRequest):
            parse_event_filter({name: values}, "Europe/Kyiv")
            assert repeats == "yes"
            continue
        with pytest.raises(BadRequest) as refused:
            parse_event_filter({name: values}, "Europe/Kyiv")
        assert ({fault.code for fault in refused.value.errors} == {"repeated"}) == (repeats == "no")
