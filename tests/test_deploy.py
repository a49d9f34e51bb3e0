"""What `deploy/` and the compose file hold is read by the tools it is for, and names settings that there are."""

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


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr.strip(), done.stderr


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


@pytest.mark.skipif(
    shutil.which("kubernetes-validate") is None,
    reason="kubernetes-validate is not installed (PyPI; its schemas are 100 MB, too many for every run)",
)
def test_kubernetes_reads_the_manifests():
    run("kubernetes-validate", "--strict", "--quiet", *sorted((DEPLOY / "kubernetes").glob("*.yaml")))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_reads_its_configuration():
    run("promtool", "check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml")


def compose_is_there() -> bool:
    docker = shutil.which("docker")
    asked = docker and subprocess.run([docker, "compose", "version"], capture_output=True, timeout=30, check=False)
    return bool(asked) and asked.returncode == 0


@pytest.mark.skipif(not compose_is_there(), reason="docker compose is not installed")
def test_compose_reads_its_file():
    given = {"POSTGRES_PASSWORD": "x", "INCIDENTLOG_ADMIN_KEY": "x" * 32, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    command = ["docker", "compose", "--profile", "metrics", "config", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_every_setting_that_is_named_is_one():
    files = [ROOT / "docker-compose.yml", ROOT / "Dockerfile", *(path for path in DEPLOY.rglob("*") if path.is_file())]
    named = {name for path in files for name in re.findall(r"\bINCIDENTLOG_[A-Z_]+\b", path.read_text("utf-8"))}
    assert len(named) > 10
    assert mistaken(named) == {}


def test_who_runs_the_image_is_who_the_manifests_say():
    (user,) = re.findall(r"^USER (\d+):\1$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    manifest = (DEPLOY / "kubernetes/incidentlog.yaml").read_text("utf-8")
    assert set(re.findall(r"(?:runAsUser|runAsGroup|fsGroup): (\d+)", manifest)) == {user}
