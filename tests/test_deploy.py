"""What `deploy/` and the compose file hold is read by the tools it is for, and names settings that there are."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from incidentlog.config import mistaken

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SYSTEMD = sorted((DEPLOY / "systemd").iterdir())
PROGRAMS = Path(sys.executable).parent
TOOLS = "the dependency group tools is not installed"


def run(*command: str | Path, **variables: str) -> str:
    """What a tool that is content prints, and complains of nothing."""
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr.strip(), done.stderr
    return done.stdout


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)"
)
def test_systemd_reads_the_units(tmp_path: Path):
    for unit in SYSTEMD:
        text = unit.read_text("utf-8")
        # Where it is to be installed, nothing is: it looks whether the program can be run.
        here = Path(sys.executable).with_name("incidentlog")
        (tmp_path / unit.name).write_text(text.replace("/opt/incidentlog/bin/incidentlog", str(here)))
    run("systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in SYSTEMD))


def test_directories_that_a_unit_may_write_are_there_by_systemd_or_by_a_line_above_it():
    """A path of ReadWritePaths that is not there keeps a unit from starting."""
    for unit in SYSTEMD:
        text = unit.read_text("utf-8")
        made = {"/var/lib/incidentlog"}  # StateDirectory of the service
        made |= {path for line in text.splitlines() if "install -d" in line for path in line.split() if path[0] == "/"}
        for line in text.splitlines():
            if line.startswith("ReadWritePaths="):
                assert {*line.removeprefix("ReadWritePaths=").split()} <= made, unit.name


@pytest.mark.skipif(not (PROGRAMS / "kubernetes-validate").is_file(), reason=TOOLS)
def test_kubernetes_reads_the_manifests():
    run(PROGRAMS / "kubernetes-validate", "--strict", "--quiet", *sorted((DEPLOY / "kubernetes").glob("*.yaml")))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_reads_its_configuration():
    run("promtool", "check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_tells_of_a_log_that_nobody_signs_and_of_none_that_is_signed_a_moment_later(tmp_path: Path):
    """`a` has lost its key, `b` follows another node that signs, `c` was never signed."""
    series = {
        'head_position{instance="a"}': "67x10 69x60",
        'sealed_position{instance="a"}': "67x70",
        'sealing{instance="a",incidentlog_sealing="following"}': "1x70",
        'head_position{instance="b"}': "0+10x70",
        'sealed_position{instance="b"}': "0 0+10x69",
        'sealing{instance="b",incidentlog_sealing="following"}': "1x70",
        'head_position{instance="c"}': "5x70",
        'sealed_position{instance="c"}': "0x70",
        'sealing{instance="c",incidentlog_sealing="following"}': "0x70",
    }
    summary = "Nothing is signed of what is appended to the log that a serves."
    told = {
        "exp_labels": {"severity": "warning", "instance": "a"},
        "exp_annotations": {
            "summary": summary,
            "description": "The service with the log's key does not run, or its folder is lost: docs/audit.md.",
        },
    }
    test = {
        "interval": "30s",
        "input_series": [{"series": f"incidentlog_{name}", "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": time, "alertname": "IncidentlogNobodySigns", "exp_alerts": alerts}
            for time, alerts in (("5m", []), ("15m", [told]))
        ],
    }
    file = tmp_path / "nobody-signs.yml"  # JSON is YAML, too
    file.write_text(json.dumps({"rule_files": [str(DEPLOY / "prometheus/alerts.yml")], "tests": [test]}))
    run("promtool", "test", "rules", file)


@pytest.mark.skipif(not (PROGRAMS / "docker-compose").is_file(), reason=TOOLS)
def test_compose_reads_its_file():
    command = [PROGRAMS / "docker-compose", "--profile", "metrics", "config", "--format", "json"]
    told = json.loads(run(*command, POSTGRES_PASSWORD="x", INCIDENTLOG_ADMIN_KEY="x" * 32))
    assert set(told["services"]) == {"incidentlog", "postgres", "prometheus"}
    assert told["services"]["incidentlog"]["environment"]["INCIDENTLOG_ADMIN_KEY"] == "x" * 32


def test_every_setting_that_is_named_is_one():
    deployed = (path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".pyc")
    files = [ROOT / "docker-compose.yml", ROOT / "Dockerfile", *deployed]
    named = {name for path in files for name in re.findall(r"\bINCIDENTLOG_[A-Z_]+\b", path.read_text("utf-8"))}
    assert len(named) > 10
    assert mistaken(named) == {}


def test_who_runs_the_image_is_who_the_manifests_say():
    (user,) = re.findall(r"^USER (\d+):\1$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    manifest = (DEPLOY / "kubernetes/incidentlog.yaml").read_text("utf-8")
    assert set(re.findall(r"(?:runAsUser|runAsGroup|fsGroup): (\d+)", manifest)) == {user}
