"""A table on the terminal that is painted anew whenever its rows change."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live

from incidentlog.cli.output import table

CAUSES = {"event": "an event", "restated": "a correction", "clock": "the clock"}


async def paint(name: str, states: AsyncIterator[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Show each state of the rows until there are no more; what the last message changed stands out."""
    with Live(console=Console(), auto_refresh=False, vertical_overflow="ellipsis") as live:
        async for rows, message in states:
            listed = [{"key": key, **row} for key, row in rows.items()]
            changed = frozenset(message.get("set", ()))
            live.update(table(listed, caption=_caption(name, message), marked=changed), refresh=True)


def _caption(name: str, message: Mapping[str, Any]) -> str:
    position = message.get("to", message.get("position"))
    cause = CAUSES.get(message.get("cause", {}).get("kind"), "")
    return f"{name} at position {position}, {message['at'][:19]}Z{f', after {cause}' if cause else ''}. Ctrl-C ends."
