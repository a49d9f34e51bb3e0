"""Groups of commands whose `--help` costs nothing."""

from typing import Any

from typer.core import TyperGroup


class Group(TyperGroup):
    """A group that takes no library to find out that it was not asked for help."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`, which is off unless it is given.

        Without a value typer would import pydantic to convert nothing, which doubles what `--help` of a command takes.
        """
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option
