"""Words for codes: each code that the page can show has its own in every language; a country has its name by its code."""

import re
from collections.abc import Iterator
from typing import Any, Final, get_args

import iso3166
import orjson
import pytest

from incidentlog.events.envelope import EventData
from incidentlog.events.registry import EVENTS
from incidentlog.events.values import Qualifier, Verification
from incidentlog.projections import PROJECTIONS
from incidentlog.subjects import ceasefire, commitment, contact, incident, lifecycle, proposal, strike, terms, violation
from tests.page.test_files import PAGE, texts
from tests.subjects.given import TIMELINE

FIELDS: Final = {
    "means": "means", "target_class": "target", "severity": "severity", "mode": "mode", "scope": "scope",
    "qualifier": "qualifier", "response": "state",
}  # fmt: skip
"""By the member of an event the kind of word that the page shows it by."""
LABELS: Final = ("no_reports", "contested", "strained", "breaking_down")


def codes_of_members() -> Iterator[tuple[str, str]]:
    """Of the members that are shown the codes that each may have, by the schemas of all event types."""
    for kind in EVENTS.types.values():
        schema = kind.model.model_json_schema()
        for member, values in _enums(schema, schema.get("$defs", {}), "", ()):
            if member in FIELDS:
                yield from ((FIELDS[member], value) for value in values)


def _enums(
    schema: dict[str, Any], named: dict[str, Any], member: str, within: tuple[str, ...]
) -> Iterator[tuple[str, list[str]]]:
    if (reference := schema.get("$ref", "").rpartition("/")[2]) and reference not in within:
        yield from _enums(named[reference], named, member, (*within, reference))
    if "enum" in schema:
        yield member, schema["enum"]
    for name, inner in schema.get("properties", {}).items():
        yield from _enums(inner, named, name, within)
    for inner in [schema.get("items"), *schema.get("anyOf", ())]:
        if isinstance(inner, dict):
            yield from _enums(inner, named, member, within)


def shown() -> set[str]:
    """The names of all words that codes need."""
    outcomes = {orjson.loads(line)["data"].get("outcome") for line in TIMELINE.read_bytes().splitlines()} - {None}
    parts: dict[str, Any] = {
        "type": {name for name, _ in EVENTS.types},
        "category": {c for kind in EVENTS.types.values() for c in (*kind.categories, kind.name.partition(".")[0])},
        "kind": {"strike", "alert", *get_args(incident.Kind)},
        "state": {
            *get_args(lifecycle.State),
            *get_args(terms.Response),
            *get_args(proposal.Answer),
            *{*get_args(commitment.Status)} - {"none"},
            "overdue",
        },
        "scope": get_args(ceasefire.Scope),
        "means": get_args(strike.Means),
        "target": get_args(strike.TargetClass),
        "severity": get_args(violation.Severity),
        "mode": {*get_args(terms.Mode), *get_args(contact.Mode)},
        "compliance": LABELS,
        "qualifier": get_args(Qualifier),
        "verification": get_args(Verification),
        "outcome": outcomes,
    }
    return {f"{part}.{code}" for part, codes in parts.items() for code in codes} | {
        f"{part}.{code}" for part, code in codes_of_members()
    }


@pytest.mark.parametrize("language", ["en", "uk"])
def test_each_code_that_is_shown_has_a_word(language: str):
    assert sorted(shown() - texts(language).keys()) == []


def test_codes_are_found_in_the_members_of_events():
    found = dict.fromkeys(part for part, _ in codes_of_members())
    assert {*FIELDS.values()} == {*found}
    assert ("state", "under_review") in set(codes_of_members())
    assert issubclass(EVENTS.find("strike.reported").model, EventData)  # type: ignore[union-attr]
    assert "ceasefire_status" in PROJECTIONS


def test_the_page_asks_for_no_other_kind_of_word():
    """Every name that is put together in a module is of a part that is known here, or of free words."""
    free = {
        "actor", "track", "figure", "keep", "known", "live", "play", "series", "signin", "compare", "term", "lane", "time",
    }  # fmt: skip
    asked = {
        name for path in PAGE.glob("*.js") for name in re.findall(r"t\(`([\w]+)\.[^`]*\$\{", path.read_text("utf-8"))
    }
    assert asked - free <= {name.partition(".")[0] for name in shown()}


def test_each_country_of_the_standard_has_its_name_by_its_code():
    told = re.search(r'"([A-Z ]+)"', (PAGE / "countries.js").read_text("utf-8"))
    assert told is not None
    assert {code[:3]: code[3:] for code in told[1].split()} == {c.alpha3: c.alpha2 for c in iso3166.countries}
