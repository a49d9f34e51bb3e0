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


@pytest.mark.skipif(not (PROGRAMS / "kubernetes-validate").is_file(), reason=TOOLS)
def test_kubernetes_reads_the_manifests():
    run(PROGRAMS / "kubernetes-validate", "--strict", "--quiet", *sorted((DEPLOY / "kubernetes").glob("*.yaml")))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_reads_its_configuration():
    run("promtool", "check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml")


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
