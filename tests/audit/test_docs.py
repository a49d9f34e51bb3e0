"""What docs/audit.md says, done as it is written: with OpenSSL, and with Python's own library."""

import asyncio
import base64
import hashlib
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.api.serving import ADMIN, serving
from tests.audit.sealing import Sealing
from tests.commands import strike

DOCS = (Path(__file__).parents[2] / "docs/audit.md").read_text("utf-8")


def block(language: str, begins: str) -> str:
    (found,) = (b for b in re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL) if b.startswith(begins))
    return found


async def typed(folder: Path, *command: str, **variables: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **variables}, stdout=-1, stderr=-2
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="the lines are for openssl and curl")
async def test_a_tree_head_and_a_proof_are_checked_as_it_says(sealed: Sealing, tmp_path: Path):
    await sealed.append(300)
    await sealed.seal()
    async with serving(sealed.access, folder=sealed.folder) as served:
        await served.add(event := strike())
        assert await served.service.notary.sealed(301, 20)
        vkey = (await served.get("/v1/log/key")).json["vkey"]
        script = block("sh", "REST=")
        code, said = await typed(
            tmp_path, "bash", "-euo", "pipefail", "-c", script,
            API=served.url, VKEY=vkey, TOKEN=ADMIN, ID=event["id"],
        )  # fmt: skip
        assert (code, "Verified Successfully" in said) == (0, True), said
    proof = tmp_path / "event.tlog-proof"
    check = (sys.executable, "check.py", proof.name, "checkpoint")
    (tmp_path / "check.py").write_text(block("python", "import base64"))
    code, said = await typed(tmp_path, *check)
    assert (code, said.startswith('in the log: {"parts"')) == (0, True), said
    good = proof.read_text()
    proof.write_text(good.replace("index 300", "index 299"))
    code, _ = await typed(tmp_path, *check)
    assert code == 1
    forged = b'{"forged":"by me"}'
    extra, root = (base64.b64encode(raw).decode() for raw in (forged, hashlib.sha256(b"\0" + forged).digest()))
    first, below = good.partition("\n")[0], good.partition("\n\n")[2].splitlines()
    proof.write_text("\n".join([first, f"extra {extra}", "index 0", "", below[0], "1", root, *below[3:], ""]))
    code, said = await typed(tmp_path, *check)
    assert (code, "another tree head" in said) == (1, True), said
    signed = tmp_path / "signed"
    signed.write_text(signed.read_text().replace("301", "302"))
    verify = script.splitlines()[-1]
    code, _ = await typed(tmp_path, "bash", "-euc", verify)
    assert code == 1
