from datetime import UTC, datetime

import pytest

from incidentlog.folding import steps
from incidentlog.folding.afresh import Afresh
from incidentlog.projections import PROJECTIONS
from tests.subjects.given import KYIV, day, event, given


def test_a_document_of_too_many_folds_the_newest_and_says_how_many_it_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(steps, "MEMBERS", 3)
    talks = [
        event("talk.held", f"talk:{n}", track="ua-ru", format="bilateral", level="delegation", direct_ua_ru=False,
              outcome="no_agreement", occurred=day(f"2025-11-{10 + n}"))
        for n in range(5)
    ]  # fmt: skip
    rows = Afresh(given(*talks), KYIV).rows(PROJECTIONS["talks_ledger"], datetime(2026, 1, 1, tzinfo=UTC))
    assert rows["ua-ru"]["incomplete"] == 2
    assert [r["stream"] for r in rows["ua-ru"]["rounds"]] == ["talk:2", "talk:3", "talk:4"]
