"""What an append is warned of is what the log will make of it."""

from datetime import UTC, datetime

import orjson

from incidentlog.clock import SystemClock
from incidentlog.door import Door, Known
from incidentlog.door.foresight import _as_recorded
from incidentlog.zones import by
from tests.commands import strike
from tests.zone_data import FORMER, altered


def test_an_event_is_foreseen_by_the_zone_data_that_it_will_name():
    """Else its dates would be other instants in the warning than in the log."""
    later = altered("2099a", FORMER)
    candidate = Door(Known(), SystemClock(), by("Europe/Kyiv", later.id)).read(orjson.dumps(strike()), recorded_by="a")
    foreseen = _as_recorded(candidate, 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert foreseen.zone_data == later.id
    assert foreseen.envelope is not None
    assert (
        foreseen.envelope.occurred.since == candidate.envelope.occurred.since == datetime(2025, 11, 18, 21, tzinfo=UTC)
    )
