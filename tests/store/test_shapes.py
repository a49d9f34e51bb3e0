"""What is listed of the shapes of stored rows is what the code makes."""

from importlib.resources import files

import pytest

from incidentlog.projections import PROJECTIONS
from incidentlog.store.builds import SHAPES, bare, make_shape, shape_of
from tests.store.shapes import lines, unheeded


def test_every_shape_is_listed_as_it_is():
    """After a change of what is stored: raise the version, then `python -m tests.store.shapes`."""
    assert files("incidentlog.store").joinpath(SHAPES).read_text("utf-8") == lines()


def test_what_a_document_counts_by_is_of_no_new_version_without_it(monkeypatch: pytest.MonkeyPatch):
    """An answer names the version of its own projection alone: with another tally it would be another by the same name."""
    before = lines()
    monkeypatch.setattr(PROJECTIONS["violations"], "version", 1_000)
    (told,) = unheeded(before, lines())
    assert told.startswith("raise the version of ceasefire_status")
    assert "violations 1000" in told
    monkeypatch.setattr(PROJECTIONS["ceasefire_status"], "version", 1_000)
    assert [*unheeded(before, lines())] == []


def test_of_a_version_that_is_not_listed_the_shape_is_made(monkeypatch: pytest.MonkeyPatch):
    name = "city_incidents"
    shape_of.cache_clear()
    monkeypatch.setattr(PROJECTIONS[name], "version", 1_000)
    monkeypatch.setattr(PROJECTIONS[name], "measures", ("incidents",))
    assert shape_of(name) == make_shape(name)
    monkeypatch.undo()
    shape_of.cache_clear()
    assert shape_of(name) == make_shape(name)


def test_what_only_describes_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch):
    """A member may have the name of what describes."""
    before = make_shape("policies"), make_shape("talks_ledger")
    monkeypatch.setattr("incidentlog.described.docstring_of", lambda *_: "in other words")
    assert (make_shape("policies"), make_shape("talks_ledger")) == before
    told = {"title": "Talk", "properties": {"title": {"type": "string", "description": "what it is called"}}}
    assert bare(told) == {"properties": {"title": {"type": "string"}}}
