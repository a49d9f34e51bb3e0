"""Where the text of an erased part still lies, and until when: what `docs/erasure-and-replay.md` says."""

import secrets
import subprocess
from pathlib import Path

import asyncpg

from incidentlog.store.erase import rewrite
from tests.api.serving import Served
from tests.api.test_erasure import built_anew, service
from tests.commands import about, strike

__all__ = ["service"]


def holding(root: str, needle: str) -> set[str]:
    """The files below a directory in which a text is found, as it is."""
    found = subprocess.run(["grep", "-rlaF", needle, root], capture_output=True, text=True, check=False)
    return {str(Path(path).relative_to(root)) for path in found.stdout.splitlines()}


async def test_after_the_tables_are_rewritten_an_erased_text_lies_in_the_write_ahead_log_alone(service: Served):
    hidden, said, ground = (secrets.token_hex(12) for _ in range(3))
    event = strike(private={"witness": hidden}, notes=said, stream="strike:one")
    await service.add(strike(), strike(stream="strike:one"), event, strike(), strike(stream="strike:one"))
    await service.settled()
    admin = await asyncpg.connect(service.access.admin, server_settings={"search_path": service.access.schema})
    root = await admin.fetchval("SHOW data_directory")
    await admin.execute("ANALYZE")
    await admin.execute("CHECKPOINT")
    for text in (hidden, said):
        assert any(path.startswith("base/") for path in holding(root, text))
    await service.add(*(about("erased", event["id"], part=part, ground=ground) for part in ("private", "body")))
    await built_anew(service)
    await rewrite(admin)
    for text in (hidden, said):
        left = holding(root, text)
        assert all(path.startswith("pg_wal/") for path in left), left
    assert any(path.startswith("base/") for path in holding(root, ground))  # why it was erased stays
    assert await admin.fetchval("SELECT count(*) FROM events WHERE body IS NULL") == 1
    await admin.close()
