"""Every projection, over histories of every kind: kept up change by change it shows what folding at one go shows (P4).

The histories are retracted, reinstated, amended and merged. Nothing in them may make a fold fail.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from incidentlog.folding.afresh import group_bookings
from incidentlog.folding.change import seen_at
from incidentlog.folding.fold import RED, fold_family
from incidentlog.folding.rows import (
    Beside,
    Group,
    Grouping,
    MadeRows,
    Stored,
    by_document,
    detail_grouping,
    document_grouping,
    document_rows,
    own_rows,
    tally_rows,
)
from incidentlog.folding.shapes import Booking, Document, Row, Tally
from incidentlog.folding.subject import Subject
from incidentlog.projections import PROJECTIONS
from incidentlog.projections.policies import Policies
from tests.projections.showing import KYIV, Given, given, local
from tests.subjects.given import Event, amend, id_of, merge, retract, timeline
from tests.subjects.saying import CATEGORIES, DATES, EVENTS, PATCHES


@st.composite
def logs(draw: st.DrawFn) -> Given:
    events: list[Event] = []
    for n in range(draw(st.integers(1, 12))):
        what, target = draw(st.integers(0, 9)) if events else 9, f"e{draw(st.integers(0, max(0, n - 1)))}"
        if what == 0:
            said = retract(target)
        elif what == 1:
            category = draw(CATEGORIES)
            said = merge(f"{category}:a", f"{category}:b")
        elif what == 2:
            said = amend(target, draw(PATCHES))
        else:
            said = draw(EVENTS)
        events.append({**said, "id": id_of(f"e{n}")})
    return given(*events)


def subjects_of(log: Given) -> list[Subject]:
    """Every subject as it stands, by its stream."""
    families: dict[str, list[Any]] = {}
    for row in log.log:  # merges are within a category
        families.setdefault(row.stream.partition(":")[0], []).append(row)
    variants = {s: v for events in families.values() for s, v in fold_family(events, KYIV).items()}
    found = (seen_at(variants[stream], RED) for stream in sorted(variants))
    return [s for s in found if s is not None]


def groups_of(tally: Tally, subjects: Sequence[Subject], at: str, grouping: Grouping) -> list[Group]:
    lines = [
        Booking(0, 0, s.stream, c.at, c.dimensions, c.amounts, restated=False)
        for s in subjects
        for c in tally.contributions(s)
    ]
    return group_bookings(tally, lines, local(at), grouping, RED)


def folded(name: str, subjects: Sequence[Subject], at: str, names: dict[tuple[str, str], str]) -> dict[str, Row]:
    """The rows, from the subjects alone."""
    projection = PROJECTIONS[name]
    if isinstance(projection, Tally):
        grouping = Grouping(projection.group_by)
        return tally_rows(projection, grouping.by, groups_of(projection, subjects, at, grouping), names)
    stored = bodies(projection, subjects)
    return document_rows(projection, stored, beside_of(projection, stored, subjects, at), local(at))


def beside_of(document: Document[Any], stored: Sequence[Stored], subjects: Sequence[Subject], at: str) -> Beside:
    policies = {s.key: s for s in bodies(Policies(), subjects) if s.key in document.policies}
    beside = Beside(policies=policies)
    if document.tally is not None:
        beside = replace(
            beside, cells=by_document(groups_of(document.tally(), subjects, at, document_grouping(document)))
        )
    if document.details is not None:
        keys = {key for doc in stored for key in beside.ask(document, doc, local(at)).details}
        asked = detail_grouping(document.details, keys)
        beside = replace(beside, details=by_document(groups_of(document.details(), subjects, at, asked)))
    return beside


def bodies(document: Document[Any], subjects: Sequence[Subject]) -> list[Stored]:
    keys = {key for s in subjects for key in document.keys(s)}
    made = {key: document.fold(key, [s for s in subjects if key in document.keys(s)]) for key in sorted(keys)}
    return [Stored(key, body, 0, restated=False) for key, body in made.items() if body is not None]


def unmarked(rows: dict[str, Row]) -> dict[str, Row]:
    return {
        key: {name: value for name, value in row.items() if name not in {"position", "restated", "name"}}
        for key, row in rows.items()
    }


@for_all(log=logs(), at=DATES)
def test_kept_up_it_shows_what_folding_at_one_go_shows(log: Given, at: str):
    subjects = subjects_of(log)
    for name in PROJECTIONS:
        for instant in (at, "2028-01-01"):
            shown = log.shows(name, instant)
            assert unmarked(shown) == unmarked(folded(name, subjects, instant, {})), name
            assert orjson.dumps(shown)


DOCUMENTS: list[Document[Any]] = [p for p in PROJECTIONS.values() if isinstance(p, Document)]
SHOWN = [document for document in DOCUMENTS if document.name not in {"policies", "stated_totals"}]
"""Those of which the timeline has some."""


@for_all(log=logs(), at=DATES)
def test_no_row_changes_by_itself_before_its_next_transition_and_it_does_then(log: Given, at: str):
    subjects = subjects_of(log)
    for document, stored in ((d, s) for d in DOCUMENTS for s in bodies(d, subjects)):
        body, now = stored.body, local(at)
        known = beside_of(document, [stored], subjects, at).known(document, stored, now)[0]
        upcoming, shown = document.next_transition(body, now, known), document.row(body, now, known)
        end = upcoming or now + timedelta(days=45)
        between = [now + timedelta(hours=6 * n) for n in range(4 * 45)]
        assert all(document.row(body, i, known) == shown for i in between if i < end)
        assert upcoming is None or document.row(body, upcoming, known) != shown
        assert type(body).model_validate_json(body.model_dump_json(exclude_defaults=True)) == body


@pytest.mark.parametrize("name", PROJECTIONS)
def test_the_timeline_at_every_position(name: str):
    log, at = given(*timeline()), "2028-01-01"
    for position in range(0, 111, 10):
        part = log.first(position)
        assert unmarked(part.shows(name, at)) == unmarked(folded(name, subjects_of(part), at, {}))


@pytest.mark.parametrize("name", [name for name, p in PROJECTIONS.items() if isinstance(p, Tally)])
def test_a_tally_keeps_to_its_own_dimensions_and_measures(name: str):
    tally: Tally = PROJECTIONS[name]  # type: ignore[assignment]
    assert len(tally.group_by) <= 8
    assert {*tally.group_by} <= {*tally.dimensions}
    for s in subjects_of(given(*timeline())):
        for c in tally.contributions(s):
            assert len(c.dimensions) == len(tally.dimensions) + bool(tally.rolling)
            assert len(c.amounts) == len(tally.measures) // (2 if tally.rolling else 1)
            assert all(value is None or 0 < len(value) <= 200 for value in c.dimensions)


@for_all(log=logs(), at=DATES, later=DATES)
def test_a_row_that_was_made_is_taken_where_the_same_is_made_anew(log: Given, at: str, later: str):
    made = MadeRows(2**20)
    for position in (len(log.log) // 2, len(log.log)):
        subjects = subjects_of(log.first(position))
        for document, instant in product(DOCUMENTS, (at, at, later)):
            stored = bodies(document, subjects)
            beside = beside_of(document, stored, subjects, instant)
            taken = own_rows(document, stored, beside, local(instant), made)
            assert taken == own_rows(document, stored, beside, local(instant)), (document.name, instant)


@pytest.mark.parametrize("document", SHOWN, ids=lambda document: document.name)
def test_a_row_is_made_once_until_it_changes(document: Document[Any]):
    subjects, made = subjects_of(given(*timeline())), MadeRows(32 * 2**20)
    stored = bodies(document, subjects)

    def rows(at: str) -> dict[str, Row]:
        return own_rows(document, stored, beside_of(document, stored, subjects, at), local(at), made)

    first, again, later = rows("2025-06-01"), rows("2025-06-01T00:00:01"), rows("2028-01-01")
    assert first
    assert all(again[key] is row for key, row in first.items())
    ends = {key: row["next_transition_at"] for key, row in first.items()}
    assert all(
        (later[key] is row) <= (ends[key] is None or ends[key] > local("2028-01-01")) for key, row in first.items()
    )
    assert all(row is not first[key] for key, row in rows("2025-05-01").items()), "none is known for earlier"


def test_rows_that_were_not_asked_for_the_longest_are_let_go_of_and_a_large_one_is_not_kept():
    document, subjects = PROJECTIONS["talks_ledger"], subjects_of(given(*timeline()))
    assert isinstance(document, Document)
    at, stored, made = local("2028-01-01"), bodies(document, subjects), MadeRows(250_000)
    versions = [[replace(doc, position=n) for doc in stored] for n in range(10)]
    rows = [own_rows(document, version, Beside(), at, made) for version in versions]
    assert len(stored) <= len(made) < len(stored) * len(versions)
    first, last = [own_rows(document, version, Beside(), at, made) for version in (versions[0], versions[-1])]
    assert first == rows[0]
    assert all(row is not rows[0][key] for key, row in first.items())
    assert any(row is rows[-1][key] for key, row in last.items())
    small = MadeRows(60_000)
    own_rows(document, stored, Beside(), at, small)
    assert 0 < len(small) < len(stored), "the largest tracks take more than an eighth"
