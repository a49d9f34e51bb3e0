"""Witnesses: what they cosign, what they refuse, and what the notary makes of it (C2SP tlog-witness)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from incidentlog.audit.merkle import consistency_spans, leaf_hash, prove
from incidentlog.audit.notes import (
    COSIGNATURE,
    Note,
    NoteError,
    Signer,
    TreeHead,
    parse_note,
    parse_signatures,
    seen_at,
)
from incidentlog.audit.state import StateError
from incidentlog.audit.tiles import Edge, Held
from incidentlog.audit.witness import Witness, request_body
from incidentlog.audit.witnessing import Ledger, Witnessing, make_app
from incidentlog.clock import ManualClock
from incidentlog.config import Settings
from tests.api.serving import serving
from tests.audit.sealing import Sealing
from tests.commands import strike

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOG = Signer.make("log.example/incidents")
OURS = Signer.make("witness.example/w1", COSIGNATURE)
LEAVES = [leaf_hash(b"%d" % n) for n in range(300)]


@asynccontextmanager
async def witnessing(path: Path, *logs: Signer) -> AsyncIterator[str]:
    """A witness that listens; its address."""
    judge = Witnessing(OURS, [log.verifier for log in logs], Ledger(path), ManualClock(NOW))
    runner = web.AppRunner(make_app(judge), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def grown(size: int, leaves: list[bytes] = LEAVES) -> tuple[Edge, Held]:
    edge = Edge()
    full = {(t.level, t.index): hashes for t, hashes in edge.grow(leaves[:size])}
    return edge, Held(full | edge.held())


def head(size: int, leaves: list[bytes] = LEAVES, signer: Signer = LOG) -> Note:
    text = TreeHead(LOG.name, size, grown(size, leaves)[0].root()).text
    return Note(text, (signer.sign(text),))


def proof(old: int, new: int) -> list[bytes]:
    return prove(consistency_spans(old, new), grown(new)[1].node)


async def ask(url: str, body: bytes) -> tuple[int, str, str]:
    async with ClientSession() as session, session.post(f"{url}/add-checkpoint", data=body) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_a_witness_cosigns_what_continues_what_it_saw(tmp_path: Path):
    async with witnessing(tmp_path / "witness.json", LOG) as url:
        old = 0
        for size in (0, 1, 7, 7, 256, 300):
            note = head(size)
            status, _, text = await ask(url, request_body(old, proof(old, size) if old else [], note))
            assert status == 200, text
            (signature,) = parse_signatures(text)
            OURS.verifier.verify(note.text, signature)
            assert seen_at(signature) == int(NOW.timestamp())
            old = size


async def test_a_witness_says_what_it_saw_also_after_it_started_again(tmp_path: Path):
    async with witnessing(tmp_path / "witness.json", LOG) as url:
        await ask(url, request_body(0, [], head(7)))
    async with witnessing(tmp_path / "witness.json", LOG) as url:
        assert await ask(url, request_body(0, [], head(9))) == (409, "text/x.tlog.size", "7\n")
        assert (await ask(url, request_body(7, proof(7, 9), head(9))))[0] == 200


async def test_a_witness_refuses_what_contradicts_what_it_saw(tmp_path: Path):
    other = [leaf_hash(b"other"), *LEAVES[1:]]
    async with witnessing(tmp_path / "witness.json", LOG) as url:
        await ask(url, request_body(0, [], head(7)))
        for body, status in (
            (request_body(7, [], head(7, other)), 409),
            (request_body(7, proof(7, 9), head(9, other)), 422),
            (request_body(7, proof(7, 9)[:-1], head(9)), 422),
            (request_body(7, [], head(9)), 422),
            (request_body(7, proof(6, 9), head(9)), 422),
            (request_body(7, [], head(6)), 400),
            (request_body(6, proof(6, 9), head(9)), 409),
        ):
            assert (await ask(url, body))[0] == status
        assert await ask(url, request_body(0, [], head(9))) == (409, "text/x.tlog.size", "7\n")


async def test_a_witness_knows_whose_logs_it_witnesses(tmp_path: Path):
    stranger = Signer.make(LOG.name)
    async with witnessing(tmp_path / "witness.json", LOG) as url:
        assert (await ask(url, request_body(0, [], head(3, signer=stranger))))[0] == 403
        both = head(3).and_also(head(3, signer=stranger).signatures)
        assert (await ask(url, request_body(0, [], both)))[0] == 200
    async with witnessing(tmp_path / "other.json", Signer.make("another.example/log")) as url:
        assert (await ask(url, request_body(0, [], head(3))))[0] == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"old 0", b"old 0\n\n", b"old -1\n\n" + str(head(1)).encode(), b"old 00\n\n" + str(head(1)).encode(),
     b"new 0\n\n" + str(head(1)).encode(), b"old 0\n!\n\n" + str(head(1)).encode(), b"\xff\n\n",
     request_body(0, [bytes(32)] * 64, head(1)), str(head(1)).encode()],
)  # fmt: skip
async def test_what_is_no_request_is_refused(tmp_path: Path, body: bytes):
    async with witnessing(tmp_path / "witness.json", LOG) as url:
        assert (await ask(url, body))[0] == 400


async def test_a_witness_remembers_before_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with witnessing(tmp_path / "witness.json", LOG) as url:
        with monkeypatch.context() as patched:
            patched.setattr("incidentlog.audit.witnessing.write_private", disk_full)
            assert (await ask(url, request_body(0, [], head(7))))[0] == 500
        assert (await ask(url, request_body(0, [], head(3))))[0] == 200


def disk_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


async def test_a_witness_without_its_memory_does_not_start(tmp_path: Path):
    (tmp_path / "witness.json").write_text("{")
    with pytest.raises(StateError):
        Ledger(tmp_path / "witness.json")


# The notary, and those that it asks


async def test_the_notary_publishes_with_the_cosignatures(sealed: Sealing, tmp_path: Path):
    signer = sealed.folder.signer(None)
    assert signer is not None
    async with witnessing(tmp_path / "witness.json", signer) as url:
        notary = sealed.notary(witnesses=[Witness.parse(f"{url} {OURS.verifier.vkey}")])
        for count in (3, 255, 300):
            head_ = await sealed.append(count)
            await notary.once()
            assert notary.published is not None
            note = parse_note(notary.published.note.encode())
            note.signed_by(signer.verifier)
            note.signed_by(OURS.verifier)
            assert TreeHead.parse(note.text).size == head_
        # Started again it does not know what the witness saw, and is told.
        await sealed.append(1)
        again = sealed.notary(witnesses=[Witness.parse(f"{url}/ {OURS.verifier.vkey}")])
        await again.once()
        assert again.published is not None
        parse_note(again.published.note.encode()).signed_by(OURS.verifier)


async def test_a_service_asks_the_witnesses_of_its_settings(sealed: Sealing, tmp_path: Path):
    signer = sealed.folder.signer(None)
    assert signer is not None
    async with witnessing(tmp_path / "witness.json", signer) as url:
        settings = Settings(witnesses=[f"{url} {OURS.verifier.vkey}"])
        async with serving(sealed.access, settings=settings, folder=sealed.folder) as served:
            await served.add(strike())
            assert await served.service.notary.sealed(1, 20)
            note = parse_note((await served.get("/log/checkpoint")).raw)
    assert [s.name for s in note.signatures] == [signer.name, OURS.name]
    note.signed_by(OURS.verifier)


async def test_a_witness_that_is_away_or_forges_holds_nothing_up(sealed: Sealing, tmp_path: Path):
    signer = sealed.folder.signer(None)
    assert signer is not None
    forger = Signer.make(OURS.name, COSIGNATURE)
    async with witnessing(tmp_path / "witness.json", signer) as url:
        asked = [
            Witness.parse(f"http://127.0.0.1:1 {OURS.verifier.vkey}"),
            Witness.parse(f"{url} {forger.verifier.vkey}"),
            Witness.parse(f"{url}/nowhere {OURS.verifier.vkey}"),
        ]
        await sealed.append(3)
        notary = sealed.notary(witnesses=asked)
        await notary.once()
    assert notary.size == 3
    assert notary.published is not None
    assert [s.name for s in parse_note(notary.published.note.encode()).signatures] == [signer.name]


async def test_a_rewritten_log_is_not_cosigned_again(sealed: Sealing, tmp_path: Path):
    """Key, database and state in one hand can be made to agree; the witness remembers."""
    signer = sealed.folder.signer(None)
    assert signer is not None
    async with witnessing(tmp_path / "witness.json", signer) as url:
        asked = [Witness.parse(f"{url} {OURS.verifier.vkey}")]
        await sealed.append(5)
        await sealed.notary(witnesses=asked).once()
        await sealed.harm("TRUNCATE tiles, tree_heads", "UPDATE events SET body = '{}' WHERE position = 2")
        state = sealed.folder.read()
        assert state is not None
        sealed.folder.write(type(state)(state.log, state.fork, state.head, state.vkey))
        await sealed.append(1)
        notary = sealed.notary(witnesses=asked)
        await notary.once()
    assert notary.published is not None
    with pytest.raises(NoteError, match="not signed by witness"):
        parse_note(notary.published.note.encode()).signed_by(OURS.verifier)


@pytest.mark.parametrize("text", ["", "http://w.example", f"ftp://w.example {OURS.verifier.vkey}", OURS.verifier.vkey,
                                  f"http://w.example {LOG.verifier.vkey}", "http://w.example a+b+c"],
                         ids=["nothing", "no key", "no http", "no address", "no cosigner", "no vkey"])  # fmt: skip
def test_a_witness_is_told_by_address_and_key(text: str):
    with pytest.raises(NoteError):
        Witness.parse(text)
