"""What we serve is accepted by an implementation that nobody here wrote: Go's golang.org/x/mod/sumdb."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.serving import ADMIN, serving
from tests.audit.sealing import Sealing, flipped
from tests.commands import strike

GO = shutil.which("go")
LIBRARY = Path("/usr/share/gocode")
"""Where Debian's golang-golang-x-mod-dev puts it."""


@pytest.fixture(scope="session")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if GO is None or not (LIBRARY / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go and its sumdb are not here: apt-get install golang-go golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(LIBRARY), "GOCACHE": str(folder / "cache"),
                   "GOFLAGS": "", "GOTOOLCHAIN": "local"}  # fmt: skip
    command = [GO, "build", "-o", str(folder / "check"), str(Path(__file__).parent / "go/check.go")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "check"


async def audited(auditor: Path, *arguments: str) -> tuple[int | None, str]:
    """How the auditor ended, and what it said."""
    process = await asyncio.create_subprocess_exec(auditor, *arguments, stdout=-1, stderr=-2)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_an_auditor_in_go_accepts_tiles_entries_heads_and_proofs(auditor: Path, sealed: Sealing):
    for count in (1, 254, 1, 1, 300):
        await sealed.append(count)
        await sealed.seal()
    async with serving(sealed.access, folder=sealed.folder) as served:
        key = (await served.get("/v1/log/key")).json["vkey"]
        events = [strike() for _ in range(3)]
        await served.add(*events)
        assert await served.service.notary.sealed(560, 20)
        ids = [str(event["id"]) for event in events]
        code, said = await audited(auditor, served.url, ADMIN, key, *ids)
        assert (code, said.startswith("accepted: 560 entries")) == (0, True), said
        assert "3 proofs" in said
        # And it is one that refuses what is not so.
        await sealed.harm(flipped(index=0, at=99))
        code, said = await audited(auditor, served.url, ADMIN, key)
        assert code == 1, said
