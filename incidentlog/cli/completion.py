"""`incidentlog completion`: what a shell reads so that it completes our commands and options."""

import os
from enum import StrEnum
from typing import Annotated, Final

import typer

VARIABLE: Final = "_INCIDENTLOG_COMPLETE"
"""Set by the shell when it asks for completions; the name is what typer makes of the program's."""


class Shell(StrEnum):
    """The shells that can."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell it is for.")]) -> None:
    """Print what a shell reads to complete commands: `eval "$(incidentlog completion bash)"` in its start-up file."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined] # it is, undeclared

    typer.echo(get_completion_script(prog_name="incidentlog", complete_var=VARIABLE, shell=shell.value))


def heed_the_shell() -> None:
    """Let a shell that asks for completions be answered; without one it costs nothing."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined] # likewise

        completion_init()
