"""Erasing leaves every earlier proof valid, and the text in no table, answer, export or message."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from incidentlog.audit.export import Wanted, export
from incidentlog.audit.merkle import check_consistency
from incidentlog.audit.notes import Verifier, open_head, unbase64
from incidentlog.audit.offline import verify_export
from incidentlog.audit.proofs import InclusionProof
from incidentlog.audit.verify import verify_log
from tests.api.serving import Served, serving
from tests.api.test_erasure import built_anew
from tests.audit.sealing import Sealing
from tests.commands import about, strike

NAME, PLACE = "Olena Kovalenko", "seen from the harbour wall"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def served(sealed: Sealing) -> AsyncIterator[Served]:
    """A service whose notary signs."""
    async with serving(sealed.access, folder=sealed.folder, erasing=True) as service:
        yield service


async def exported(sealed: Sealing, folder: Path) -> Path:
    everything = Wanted(clearance=4, private=True)
    await export(sealed.admin, folder, everything, by="tester", purpose=None, at=AT)
    return folder


async def test_every_earlier_proof_stays_valid_and_the_text_is_nowhere(served: Served, sealed: Sealing, tmp_path: Path):
    event = strike(stream="strike:one", private={"witness": NAME}, notes=PLACE)
    others = [strike(stream="strike:one"), strike(private={"witness": "another"}), strike()]
    await served.add(others[0], event, *others[1:])
    assert await served.service.notary.sealed(4, 20)
    key = Verifier.parse((await served.get("/v1/log/key")).json["vkey"])
    proofs = {e["id"]: (await served.get(f"/v1/events/{e['id']}/proof")).raw.decode() for e in (event, *others)}
    leaf_before = InclusionProof.parse(proofs[event["id"]]).leaf
    head_before = (await served.get("/log/checkpoint")).raw
    earlier = await exported(sealed, tmp_path / "earlier")
    assert NAME in (earlier / "events.ndjson").read_text("utf-8")

    await served.add(*(about("erased", event["id"], part=part, ground="a right") for part in ("private", "body")))
    await built_anew(served)
    assert await served.service.notary.sealed(6, 20)

    # What was proven stays proven: each proof, the head, and the export that somebody took away before.
    for text in proofs.values():
        InclusionProof.parse(text).check([key])
    old, _ = open_head(head_before, [key])
    new, _ = open_head((await served.get("/log/checkpoint")).raw, [key])
    told = (await served.get("/v1/log/consistency", from_=str(old.size), to=str(new.size))).json["proof"]
    check_consistency(old.size, old.root, new.size, new.root, [unbase64(h) for h in told])
    assert verify_export(earlier, [key]).opened == 4
    # And it is proven anew, by the same leaf.
    again = InclusionProof.parse((await served.get(f"/v1/events/{event['id']}/proof")).raw.decode())
    assert again.leaf == leaf_before
    again.check([key])
    report = await verify_log(sealed.admin, keys=[key])
    assert (report.findings, report.erased) == ([], 2)

    later = await exported(sealed, tmp_path / "later")
    checked = verify_export(later, [key], previous=[head_before])
    assert (checked.leaves, checked.opened, checked.withheld) == (6, 5, 1)
    for file in later.iterdir():
        assert NAME.encode() not in file.read_bytes()
        assert PLACE.encode() not in file.read_bytes()
    for path in ("/v1/events", f"/v1/events/{event['id']}?private=true", "/v1/streams/strike:one", "/v1/replay?speed=0",
                 "/v1/subjects/strike:one", "/v1/subjects/strike:one/history", "/v1/projections/daily_timeline"):  # fmt: skip
        answer = await served.ask("GET", path)
        assert answer.status == 200, answer
        assert NAME.encode() not in answer.raw
        assert PLACE.encode() not in answer.raw
    assert await holding(served, NAME, PLACE) == []


async def holding(served: Served, *texts: str) -> list[str]:
    """The tables of the log in which one of these texts is to be found."""
    connection = await asyncpg.connect(served.access.admin)
    try:
        tables = [
            r[0] for r in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'incidentlog'")
        ]
        assert {"events", "event_private", "subjects", "documents", "segments", "snapshots"} <= set(tables)
        return [
            table
            for table in tables
            for text in texts
            if await connection.fetchval(
                f"SELECT count(*) FROM incidentlog.{table} t WHERE t::text LIKE '%' || $1 || '%'", text
            )
        ]
    finally:
        await connection.close()


async def test_whoever_follows_is_sent_to_begin_anew(served: Served):
    event = strike(notes=PLACE)
    await served.add(event)
    headers = {"Authorization": f"Bearer {served.key}"}
    async with (
        asyncio.timeout(60),
        served.session.ws_connect(
            f"{served.url}/v1/live", protocols=["incidentlog.live.v1"], headers=headers
        ) as socket,
    ):
        before = (await socket.receive_json())["epoch"]
        await served.add(about("erased", event["id"], part="body", ground="a right"))
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == 1012
    async with served.session.ws_connect(
        f"{served.url}/v1/live", protocols=["incidentlog.live.v1"], headers=headers
    ) as socket:
        after = (await socket.receive_json())["epoch"]
    assert (before.rpartition(".")[0], before.rpartition(".")[2]) == (after.rpartition(".")[0], "0")
    assert after.endswith(".1")
