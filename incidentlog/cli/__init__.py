"""The command line: `incidentlog ...`. Commands import what is heavy when they run, so `--help` answers at once."""

import sys


def main() -> None:
    """Run the command that `sys.argv` names, and exit with its code (`ending.Code`)."""
    from incidentlog.cli.app import app
    from incidentlog.cli.completion import heed_the_shell

    # What we write is UTF-8 wherever we run; a terminal that cannot show a letter shows its number.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    heed_the_shell()
    app()
