"""What is served of the sealed log: to the format of the standards, and nothing beyond the last published tree head."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from incidentlog.audit.leaf import parse_leaf
from incidentlog.audit.merkle import check_consistency, check_inclusion, leaf_hash
from incidentlog.audit.notes import TreeHead, Verifier, open_head, parse_note
from incidentlog.audit.proofs import InclusionProof
from incidentlog.audit.tiles import split
from incidentlog.commitment import commitment
from tests.api.serving import Served, make_key, serving
from tests.audit.sealing import ORIGIN, Sealing
from tests.commands import strike

PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
async def served(sealed: Sealing) -> AsyncIterator[Served]:
    """A service whose notary signs."""
    async with serving(sealed.access, folder=sealed.folder) as service:
        yield service


async def sealed_up_to(served: Served, position: int) -> None:
    assert await served.service.notary.sealed(position, 20), served.service.notary.status


async def head_of(served: Served) -> TreeHead:
    """The checkpoint that is served, opened with the key that is."""
    answer = await served.get("/log/checkpoint")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    key = (await served.get("/v1/log/key")).json
    assert key["origin"] == ORIGIN
    return open_head(answer.raw, [Verifier.parse(key["vkey"])])[0]


async def test_everything_that_is_served_fits_together(served: Served):
    assert (await served.bulk(*(strike() for _ in range(300)))).json["last_position"] == 300
    await sealed_up_to(served, 300)
    head = await head_of(served)
    assert head.size == 300
    tile = await served.get("/log/tile/0/000")
    assert (tile.status, len(tile.raw), tile.headers["Content-Type"]) == (200, 8_192, "application/octet-stream")
    assert tile.headers["Cache-Control"] == "private, immutable, max-age=31536000"
    rest = await served.get("/log/tile/0/001.p/44")
    hashes = split(tile.raw + rest.raw)
    bundles = [await served.get(f"/log/tile/entries/{n}", PLAIN) for n in ("000", "001.p/44")]
    leaves = [leaf for bundle in bundles for leaf in unpacked(bundle.raw)]
    assert [leaf_hash(leaf) for leaf in leaves] == hashes
    above = await served.get("/log/tile/1/000.p/1")
    assert len(above.raw) == 32
    root = (await served.get("/v1/log/root", size="300")).json
    assert root == {"size": 300, "root": base64.b64encode(head.root).decode()}
    consistency = (await served.get("/v1/log/consistency", from_="256", to="300")).json
    proof = [base64.b64decode(h) for h in consistency["proof"]]
    check_consistency(256, above.raw, 300, head.root, proof)


def unpacked(bundle: bytes) -> list[bytes]:
    """The entries of a bundle."""
    entries: list[bytes] = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        entries.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return entries


async def test_a_bundle_is_compressed_for_whoever_takes_it(served: Served):
    await served.fill(*(strike() for _ in range(10)))
    await sealed_up_to(served, 10)
    plain = await served.get("/log/tile/entries/000.p/10", PLAIN)
    packed = await served.get("/log/tile/entries/000.p/10", {"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.unpacked == plain.raw


CODINGS = {
    "gzip": "gzip",
    "GZIP": "gzip",
    "br, gzip;q=0.5": "gzip",
    "gzip, zstd": "zstd",
    "gzip, zstd;q=0.9": "gzip",
    "*": "gzip",
    "identity;q=0, gzip": "gzip",
    "*;q=0, gzip": "gzip",
    "gzip;q=0": None,
    "gzip ; q=0.000, *": None,
    "*;q=0, identity": None,
    "identity, gzip;q=0.5": None,
    "gzip;q=nonsense": None,
    "notgzip": None,
    "deflate": None,
    "br": None,
    "": None,
}
"""In which coding a bundle comes, by what is accepted."""
NONE = ("identity;q=0", "*;q=0", "gzip;q=0, identity;q=0", "gzip;q=0, *;q=0", "br, *;q=0")
"""What leaves no coding to come in."""


async def test_a_bundle_comes_in_a_coding_that_is_accepted_or_not_at_all(served: Served):
    await served.fill(*(strike() for _ in range(10)))
    await sealed_up_to(served, 10)
    path = "/log/tile/entries/000.p/10"
    for accepts, coding in CODINGS.items():
        answer = await served.get(path, {"Accept-Encoding": accepts})
        assert (answer.status, answer.headers.get("Content-Encoding")) == (200, coding), accepts
        assert len(unpacked(answer.unpacked)) == 10
    for accepts in NONE:
        answer = await served.get(path, {"Accept-Encoding": accepts})
        assert (answer.status, answer.slug) == (406, "not-acceptable"), accepts


async def test_an_event_comes_with_a_proof_that_stands_by_itself(served: Served):
    event = strike()
    await served.add(*(strike() for _ in range(4)), event)
    await sealed_up_to(served, 5)
    answer = await served.get(f"/v1/events/{event['id']}/proof")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{event["id"]}.tlog-proof"'
    key = Verifier.parse((await served.get("/v1/log/key")).json["vkey"])
    proof = InclusionProof.parse(answer.raw.decode())
    leaf, head = proof.check([key])
    assert (leaf.position, head.size) == (5, 5)
    assert str(proof) == answer.raw.decode()
    check_inclusion(leaf_hash(proof.leaf), 4, head.size, proof.path, head.root)
    other = await served.service.tree.leaves(3, 1)
    for forged in (InclusionProof(other[0], 4, proof.path, proof.note), InclusionProof(proof.leaf, 3, (), proof.note)):
        with pytest.raises(ValueError, match="stands at"):
            forged.check([key])
    with pytest.raises(ValueError, match="not what the tree"):
        InclusionProof(proof.leaf.replace(b"0", b"1", 1), 4, proof.path, proof.note).check([key])


async def test_a_proof_as_json_opens_the_leaf(served: Served):
    await served.add(event := strike(private={"victims": ["A secret name"]}))
    await sealed_up_to(served, 1)
    told = (await served.get(f"/v1/events/{event['id']}/proof", {"Accept": "application/json"})).json
    leaf = parse_leaf(told["leaf"].encode())
    for name in ("body", "meta"):
        part = told["parts"][name]
        digest = commitment(name.encode(), base64.b64decode(part["salt"]), part["text"].encode())
        assert digest == leaf.parts[name]
    assert told["parts"]["private"] is None
    assert InclusionProof.parse(told["proof"]).leaf == told["leaf"].encode()


async def test_an_append_may_wait_for_its_proof(served: Served):
    answer = await served.post(event := strike(), path="/v1/events?wait=sealed")
    assert answer.status == 201
    assert answer.json["proof_url"] == f"/v1/events/{event['id']}/proof"
    key = Verifier.parse((await served.get("/v1/log/key")).json["vkey"])
    leaf, _ = InclusionProof.parse(answer.json["proof"]).check([key])
    assert leaf.position == answer.json["position"]
    again = await served.post(event, path="/v1/events?wait=sealed")
    assert (again.status, again.json["proof"] is not None) == (200, True)


async def test_an_append_whose_proof_takes_too_long_is_answered_without(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.api.audit.SEAL_SECONDS", 0.0)
    answer = await served.post(event := strike(), path="/v1/events?wait=sealed")
    assert (answer.status, answer.json["proof"]) == (201, None)
    assert answer.json["proof_url"] == f"/v1/events/{event['id']}/proof"


async def test_a_file_may_wait_for_its_seal(served: Served):
    answer = await served.bulk(strike(), strike(), wait="sealed")
    assert (answer.status, answer.json["sealed"]) == (201, True)
    assert (await head_of(served)).size >= 2


async def test_another_wait_is_refused(served: Served):
    for wait in ("", "Sealed", "projected"):
        assert (await served.post(strike(), path=f"/v1/events?wait={wait}")).faults == {"/wait": "unknown_value"}
    assert await served.head() == 0


async def test_nothing_beyond_the_published_head_is_served(served: Served, monkeypatch: pytest.MonkeyPatch):
    await served.fill(*(strike() for _ in range(256)))
    await sealed_up_to(served, 256)
    with monkeypatch.context() as paused:
        paused.setattr(served.service.notary, "round", nothing)
        event = strike()
        await served.add(event, strike())
        assert (await head_of(served)).size == 256
        for path in (
            "/log/tile/0/001.p/1", "/log/tile/0/001", "/log/tile/1/000.p/2", "/log/tile/1/000", "/log/tile/2/000.p/1",
            "/log/tile/entries/001.p/1", "/log/tile/entries/001",
        ):  # fmt: skip
            assert (await served.get(path)).slug == "not-found", path
        answer = await served.get(f"/v1/events/{event['id']}/proof")
        assert (answer.slug, answer.headers["Retry-After"]) == ("not-sealed", "1")
        assert (await served.get("/v1/log/root", size="257")).status == 400
        assert (await served.get("/v1/log/consistency", from_="1", to="257")).status == 400
        assert [h["size"] for h in (await served.get("/v1/log/heads")).json["heads"]][-1] == 256
    assert (await served.get("/log/tile/1/000.p/1")).status == 200


async def nothing(*_: object) -> None: ...


NO_TILES = (
    "0/000.p/0", "0/000.p/256", "0/0", "0/x000/000", "00/000", "8/000", "64/000", "-1/000", "0/000.p/", "a/000",
    "0/000/", "entries/0", "entries/000.p/0", "0/999999", "0/x999/x999/x999/x999/x999/999",
)  # fmt: skip


async def test_what_is_no_tile_is_not_found(served: Served):
    for path in NO_TILES:
        assert (await served.get(f"/log/tile/{path}")).slug == "not-found", path


async def test_heads_are_told_a_page_at_a_time(served: Served):
    for position in range(1, 4):
        await served.add(strike())
        await sealed_up_to(served, position)
    page = (await served.get("/v1/log/heads", limit="2")).json
    sizes = [h["size"] for h in page["heads"]]
    while "next" in page:
        page = (await served.get(page["next"])).json
        sizes += [h["size"] for h in page["heads"]]
    assert sizes == sorted(set(sizes))
    assert {1, 2, 3} <= set(sizes)
    for head in page["heads"]:
        told = TreeHead.parse(parse_note(head["note"].encode()).text)
        assert (told.size, base64.b64encode(told.root).decode()) == (head["size"], head["root"])


async def test_leaves_show_nothing_of_a_marked_event_and_its_proof_needs_the_clearance(served: Served):
    await make_key(served.access, "clear", "a-key-that-sees-what-is-clear", scopes=["read"])
    marked = strike(tlp="RED", id=None)
    del marked["id"]
    secret = (await served.post(marked)).json["id"]
    await served.add(strike())
    await sealed_up_to(served, 2)
    bearer = {"Authorization": "Bearer a-key-that-sees-what-is-clear"}
    assert (await served.get("/log/tile/entries/000.p/2", bearer)).status == 200
    assert b"RED" not in (await served.get("/log/tile/entries/000.p/2", bearer | PLAIN)).raw
    assert (await served.get(f"/v1/events/{secret}/proof", bearer)).slug == "not-found"
    assert (await served.get(f"/v1/events/{secret}/proof")).status == 200


READS = (
    "/log/checkpoint", "/log/tile/0/000", "/log/tile/entries/000", "/v1/log/heads", "/v1/log/key", "/v1/log/root",
    "/v1/log/consistency",
)  # fmt: skip


async def test_reading_the_log_needs_a_key_unless_reading_is_open(served: Served):
    stranger = replace(served, key="")
    for path in READS:
        assert (await stranger.get(path)).status == 401, path


async def test_a_log_that_is_not_signed_says_so(service: Served):
    assert (await service.get("/log/checkpoint")).slug == "not-found"
    assert "log init" in (await service.get("/v1/log/key")).json["detail"]
    assert (await service.get("/readyz", verbose="")).json["sealing"] == "off"
    answer = await service.post(strike(), path="/v1/events?wait=sealed")
    assert (answer.status, answer.json["proof"]) == (201, None)


async def test_readiness_tells_how_far_the_log_is_sealed(served: Served):
    await served.add(strike())
    await sealed_up_to(served, 1)
    ready = (await served.get("/readyz", verbose="")).json
    assert (ready["sealing"], ready["sealed"]) == ("sealing", 1)
