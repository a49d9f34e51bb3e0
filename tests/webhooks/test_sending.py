"""What a receiver may answer without stopping what is sent to it."""

from datetime import UTC, datetime

import pytest

from incidentlog.webhooks.sending import _retry_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        ("9" * 5_000, 999_999_999.0),
        ("-1", None),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:01:00 -0000", None),
        ("Mon, 01 Jan 2024 00:00:00 +9999999999999", None),
        ("Mon, 99 Jan 2024 00:00:00 GMT", None),
        ("soon", None),
    ],
)
def test_when_to_try_again_is_heeded_where_it_can_be_read(told: str | None, seconds: float | None):
    assert _retry_after(told, NOW) == seconds
