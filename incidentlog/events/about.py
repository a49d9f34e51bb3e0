"""Which events speak of a record, and not of the world, by their types."""

from typing import Final

RECORD_PREFIXES: Final = ("record.", "evidence.", "custody.")


def is_record_event(type_name: str) -> bool:
    """Whether the event speaks of a record, and not of the world."""
    return type_name.startswith(RECORD_PREFIXES)
