"""A table on the terminal that is painted anew whenever its rows change."""

from rich.console import Console
from rich.live import Live

from incidentlog.cli.tables import table
from incidentlog.client import Change, Subscription

CAUSES = {"event": "an event", "restated": "a correction", "clock": "the clock"}
FRAME_LINES = 8
"""What a table takes beside its rows: title, head, and up to two lines below."""


async def paint(name: str, followed: Subscription) -> None:
    """Show the rows as they are and as they become, without an end; what changed last stands out, and is on top."""
    console = Console()
    order = dict.fromkeys(followed.rows)
    with Live(console=console, auto_refresh=False) as live:

        def show(change: Change | None) -> None:
            listed = [{"key": key, **followed.rows[key]} for key in order if key in followed.rows]
            painted = table(
                listed,
                width=console.width,
                height=console.height - FRAME_LINES,
                title=_title(name, followed, change),
                marked=frozenset(change.set if change else ()),
            )
            live.update(painted, refresh=True)

        show(None)
        async for change in followed:
            order = dict.fromkeys([*change.set, *order])
            show(change)


def _title(name: str, followed: Subscription, change: Change | None) -> str:
    at = followed.cursor.at
    cause = CAUSES.get(change.cause.kind, "") if change and change.cause else ""
    said = "" if at is None else f", {at:%Y-%m-%dT%H:%M:%S}Z"
    return f"{name} at position {followed.position}{said}{f', after {cause}' if cause else ''}"
