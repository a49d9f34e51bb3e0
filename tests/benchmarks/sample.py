"""The event that is appended: a strike as reports tell it, of about 900 bytes."""

from uuid import UUID

import orjson

KEY = "benchmark-key-of-no-secret"

_STRIKE = orjson.dumps(
    {
        "id": "00000000-0000-0000-0000-000000000000",
        "type": "strike.reported",
        "occurred": {"start": "2025-11-19T04:00:00+02:00", "precision": "hour", "tz": "Europe/Kyiv"},
        "reported_at": "2025-11-19T08:00:00+02:00",
        "place": {"name": "Ternopil", "country": "UA", "precision": "settlement"},
        "actors": [{"code": "RUS", "role": "attacker"}],
        "sources": [
            {
                "source_id": "example",
                "title": "A report of a wire service, with a title as titles are",
                "url": "https://example.org/world/europe/2025-11-19/a-report-of-a-strike",
                "published_at": "2025-11-19",
                "reliability": "B",
                "credibility": 2,
            }
        ],
        "verification": "single_source",
        "tlp": "CLEAR",
        "data": {
            "means": ["cruise_missile", "drone"],
            "launched_nationwide": {"drone": {"best": 476}, "missile": {"best": 48}},
            "attributed_to": "RUS",
            "target_class": "civilian",
            "target_object": "residential",
            "casualties": {"killed": {"best": 2}, "injured": {"best": 10}},
            "as_of": "2025-11-19T08:00:00+02:00",
        },
    }
)


def body(event_id: UUID) -> bytes:
    """The event under an id of its own."""
    return _STRIKE.replace(b"00000000-0000-0000-0000-000000000000", str(event_id).encode())
