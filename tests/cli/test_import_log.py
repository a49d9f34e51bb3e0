"""A whole log is exported and taken in elsewhere at the terminal, and is the same log there."""

import json
import shutil
from pathlib import Path

from tests.cli.acting import Demo, Terminal


def test_a_log_is_taken_to_another_data_directory(demo: Demo, terminal: Terminal, folder: Path):
    at = {"INCIDENTLOG_DATA_DIR": str(demo.root)}
    there = {"INCIDENTLOG_DATA_DIR": str(folder / "taken-in")}
    (folder / "log.vkey").write_text(demo.get("/v1/log/key")["vkey"])
    done = terminal.run("export", "whole", "--all", "--purpose", "a move", **at)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr
    assert (folder / "whole").stat().st_mode & 0o777 == 0o700
    key = (demo.root / "log/incidentlog/key").read_text().strip()
    assert not [f for f in (folder / "whole").iterdir() if key in f.read_text()]
    checkpoint = (folder / "whole/checkpoint").read_text()
    done = terminal.run("import-log", "whole", "--vkey", "log.vkey", **there)
    assert (done.returncode, done.stdout) == (0, checkpoint), done.stderr
    done = terminal.run("verify", "--vkey", "log.vkey", "--previous", "whole/checkpoint", "-o", "json", **there)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"]
    for words, code, says in (
        (("import-log", "whole", "--vkey", "log.vkey"), 5, "there is a log already"),
        (("import-log", "nowhere", "--vkey", "log.vkey"), 3, "no directory of an export"),
        (("import-log", "whole", "--vkey", "nowhere"), 3, "nowhere is not there"),
        (("import-log", "whole/checkpoint", "--vkey", "log.vkey"), 3, "no directory of an export"),
        (("import-log", "whole", "--vkey", "whole/checkpoint"), 2, "whole/checkpoint"),
        (("export", "more", "--all", "--private"), 2, "takes no part of it"),
    ):
        done = terminal.run(*words, **there)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert says in done.stderr
    shutil.rmtree(folder / "whole")
