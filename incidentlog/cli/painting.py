"""A table on the terminal that is painted anew whenever its rows change."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live

from incidentlog.cli.tables import table

CAUSES = {"event": "an event", "restated": "a correction", "clock": "the clock"}
FRAME_LINES = 8
"""What a table takes beside its rows: title, head, and up to two lines below."""


async def paint(name: str, states: AsyncIterator[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Show each state of the rows until there are no more; what changed last stands out, and is on top."""
    console = Console()
    order: dict[str, None] = {}
    with Live(console=console, auto_refresh=False) as live:
        async for rows, message in states:
            changed = message.get("set", {})
            order = dict.fromkeys([*changed, *order, *rows])
            listed = [{"key": key, **rows[key]} for key in order if key in rows]
            painted = table(
                listed,
                width=console.width,
                height=console.height - FRAME_LINES,
                title=_title(name, message),
                marked=frozenset(changed),
            )
            live.update(painted, refresh=True)


def _title(name: str, message: Mapping[str, Any]) -> str:
    position = message.get("to", message.get("position"))
    cause = CAUSES.get(message.get("cause", {}).get("kind"), "")
    return f"{name} at position {position}, {message['at'][:19]}Z{f', after {cause}' if cause else ''}"
