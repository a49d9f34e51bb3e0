"""What is sent to be appended, as `/openapi.json` shows it: an event of any type, and examples."""

from typing import Any, Final


class AnyEvent:
    """An event of any type, as its own schema has it."""


EXAMPLE: Final[dict[str, Any]] = {
    "type": "strike.reported",
    "occurred": {"start": "2025-12-21", "precision": "day", "tz": "Europe/Kyiv"},
    "place": {"name": "Odessa", "country": "UA", "precision": "settlement"},
    "sources": [{"source_id": "me", "title": "An example", "reliability": "F", "credibility": 6}],
    "data": {"means": ["drone"], "target_class": "port", "casualties": {"killed": {"low": 2, "best": 3}}},
}
ON_A_STREAM: Final[dict[str, Any]] = {
    "type": "ceasefire.position_stated",
    "occurred": {"start": "2025-04-21", "precision": "day", "tz": "Europe/Kyiv"},
    "sources": [{"source_id": "me", "title": "An example", "reliability": "F", "credibility": 6}],
    "data": {"party": "RUS", "stated_status": "over"},
}
