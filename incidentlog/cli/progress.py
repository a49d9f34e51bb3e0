"""A bar on stderr, where that is a terminal: how many events are done, how fast, and how long it will take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""Told how many more are done."""


@contextmanager
def progress(doing: str, total: int) -> Iterator[Advance]:
    """Show how far something is that takes `total` events."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import progress as bars
    from rich.console import Console
    from rich.text import Text

    class Rate(bars.ProgressColumn):
        """How many a second."""

        def render(self, task: bars.Task) -> Text:
            """Nothing as long as it is not known."""
            return Text("" if task.speed is None else f"{task.speed:,.0f}/s")

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.completed:,.0f} events"),
        Rate(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda count: bar.update(task, advance=count)
