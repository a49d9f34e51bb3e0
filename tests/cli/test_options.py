"""Options that do not go together: none is passed over without a word."""

import pytest

from tests.cli.acting import Terminal


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("replay --to head --from 2025-11-19 --by occurred", "--to does not go with --from, --by"),
        ("replay --to 12 --until 2025-11-19", "--to does not go with --until"),
        ("replay --projection city_incidents", "--projection goes with --to"),
        ("backup apart --follow --unfollow --apart key", "--follow does not go with --unfollow, --apart"),
        ("backup apart --unfollow --full", "--unfollow does not go with --full"),
        ("log fork --accept --force --yes", "--accept does not go with --force, --yes"),
        ("log fork --accept --origin log.example.org/b", "--accept does not go with --origin"),
        ("projection show city_incidents --local", "--local is for --basis reported"),
        ("export apart --all --clearance GREEN", "--all is everything"),
        ("tables apart --reader analyst", "say --into too"),
        ("tables apart --schema reading", "say --into too"),
        ("import ucdp-ged events.csv --release 26.1", "--release and --vanished are of an --update"),
    ],
)
def test_an_option_that_another_makes_void_is_refused(terminal: Terminal, command: str, said: str):
    done = terminal.run(*command.split())
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in done.stderr
