"""The notary signs what is committed, once, and never goes back."""

import asyncio
import stat
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from incidentlog.audit.beginning import Weighed, begin_if_new, fork, init
from incidentlog.audit.contradiction import Contradiction
from incidentlog.audit.merkle import EMPTY_ROOT, check_consistency, check_inclusion, leaf_hash
from incidentlog.audit.notes import NoteError, Signer, TreeHead, Verifier, open_head
from incidentlog.audit.state import Folder, StateError
from incidentlog.audit.tiles import Edge
from incidentlog.audit.verify import verify_log
from incidentlog.store.connect import Access, BoundedConnection
from incidentlog.store.notary import read_heads
from tests.api.serving import serving
from tests.audit.sealing import ORIGIN, Sealing
from tests.live.following import until


async def test_a_new_log_is_signed_before_its_first_event(sealed: Sealing):
    notary = await sealed.seal()
    assert notary.status == "sealing"
    assert sealed.signed() == TreeHead(ORIGIN, 0, EMPTY_ROOT)


async def test_that_it_seals_is_said_once_though_it_is_looked_at_before_anybody_is_served(sealed: Sealing):
    notary = sealed.notary()
    with capture_logs() as said:
        await notary.begin()
        await notary.once()
    assert [line["event"] for line in said if line["event"] == "sealing"] == ["sealing"]


async def test_the_root_is_that_of_the_leaves(sealed: Sealing):
    await sealed.append(7)
    await sealed.append(600)
    await sealed.seal()
    edge = Edge()
    edge.grow(map(leaf_hash, await sealed.tree.leaves(0, 607)))
    assert sealed.signed() == TreeHead(ORIGIN, 607, edge.root())


async def test_what_is_acknowledged_while_the_notary_reads_the_head_is_no_sign_of_a_shorter_log(sealed: Sealing):
    await sealed.append(3)
    notary = sealed.notary()

    class Meanwhile(BoundedConnection):
        """After each answer, and before it is looked at, another event is acknowledged."""

        async def fetchrow(self, *args: Any, **kwargs: Any) -> Any:
            answer = await super().fetchrow(*args, **kwargs)
            notary.saw(await sealed.append())
            return answer

    connection = await asyncpg.connect(
        sealed.access.dsn("notary"), server_settings=sealed.access.settings("notary"), connection_class=Meanwhile
    )
    try:
        assert await notary._no_shorter(connection) == 3
        notary.saw(9)
        with pytest.raises(Contradiction, match="the log ends at 4, and was at 9"):
            await notary._no_shorter(connection)
    finally:
        connection.terminate()


async def test_nothing_is_signed_when_the_log_did_not_grow(sealed: Sealing):
    await sealed.append(3)
    await sealed.seal(rounds=3)
    await sealed.seal(rounds=3)
    assert [size for _, size, _ in await sealed.everything()] == [3]


async def test_a_notary_that_starts_again_goes_on_where_it_was(sealed: Sealing):
    """With every width of the last tile, across the first full ones."""
    edge = Edge()
    for count in (1, 254, 1, 1, 255, 200, 57):
        head = await sealed.append(count)
        await sealed.seal()
        edge.grow(map(leaf_hash, await sealed.tree.leaves(edge.size, head - edge.size)))
        assert sealed.signed() == TreeHead(ORIGIN, head, edge.root())
    stored = await sealed.admin.fetch("SELECT level, index, hashes FROM tiles ORDER BY 1, 2")
    assert [(r["level"], r["index"]) for r in stored] == [(0, 0), (0, 1), (0, 2)]


async def test_every_head_is_consistent_with_all_later_ones(sealed: Sealing):
    for count in (1, 2, 300, 5, 256, 40):
        await sealed.append(count)
        await sealed.seal()
    heads = await read_heads(sealed.admin, 0, after=-1, limit=100)
    assert len(heads) == 6
    for n, old in enumerate(heads):
        for new in heads[n:]:
            proof = await sealed.tree.consistency(old.size, new.size)
            check_consistency(old.size, old.root, new.size, new.root, proof)
        for position in {1, old.size // 2 + 1, old.size}:
            (leaf,) = await sealed.tree.leaves(position - 1, 1)
            path = await sealed.tree.inclusion(position - 1, old.size)
            check_inclusion(leaf_hash(leaf), position - 1, old.size, path, old.root)
        assert await sealed.tree.root(old.size) == old.root


async def test_the_state_is_written_before_anything_is_published(sealed: Sealing, monkeypatch: pytest.MonkeyPatch):
    """Killed in between, the notary publishes the very note it had signed."""
    await sealed.append(5)
    await sealed.seal()
    await sealed.append(300)
    monkeypatch.setattr("incidentlog.audit.notary.publish", killed)
    with pytest.raises(RuntimeError, match="killed"):
        await sealed.seal()
    signed = sealed.folder.read()
    assert signed is not None
    assert sealed.signed().size == 305
    assert [size for _, size, _ in await sealed.everything()] == [5]
    monkeypatch.undo()
    await sealed.append(1)
    await sealed.seal(rounds=0)
    assert [(size, note) for _, size, note in await sealed.everything()][1:] == [(305, signed.note)]
    assert await sealed.admin.fetchval("SELECT count(*) FROM tiles") == 1


async def killed(*_: object) -> None:
    raise RuntimeError("killed")


async def test_nothing_is_published_when_the_state_cannot_be_written(sealed: Sealing, monkeypatch: pytest.MonkeyPatch):
    await sealed.append(5)
    notary = sealed.notary()
    monkeypatch.setattr("incidentlog.audit.state.write_private", disk_full)
    with pytest.raises(StateError, match="No space"):
        await notary.once()
    assert notary.published is None
    assert await sealed.everything() == []


def disk_full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


async def test_the_key_and_the_state_are_their_owners_alone(sealed: Sealing):
    await sealed.append(1)
    await sealed.seal()
    assert {stat.S_IMODE(f.stat().st_mode) for f in (sealed.folder.key, sealed.folder.state)} == {0o600}
    assert stat.S_IMODE(sealed.folder.path.stat().st_mode) == 0o700


async def test_one_process_signs_and_another_follows(sealed: Sealing):
    await sealed.append(2)
    with sealed.folder.held() as ours:
        assert ours
        second = await sealed.seal()
        assert (second.signs, second.published) == (False, None)
    first = await sealed.seal()
    with sealed.folder.held():
        second = await sealed.seal()
        assert (second.status, second.size) == ("following", first.size)


async def test_another_takes_over_when_the_one_that_signs_is_gone(sealed: Sealing, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.audit.notary.INTERVAL_SECONDS", 0.05)
    await sealed.append(2)
    notary = sealed.notary()
    with sealed.folder.held():
        second = asyncio.create_task(notary.run())
        assert not await notary.sealed(2, 0.2)
    assert await notary.sealed(2, 20)
    assert notary.status == "sealing"
    second.cancel()


async def test_that_nobody_signs_what_there_is_to_sign_is_said(sealed: Sealing, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.audit.notary.UNSIGNED_SECONDS", 0.0)
    await sealed.append(2)
    assert (await sealed.seal()).warning is None
    key = sealed.folder.key.read_bytes()
    sealed.folder.key.unlink()
    assert (await sealed.seal()).warning is None  # all is signed
    await sealed.append()
    notary = await sealed.seal()
    assert (notary.status, notary.size) == ("following", 2)
    assert notary.warning is not None
    assert notary.warning.startswith("nothing after position 2 is signed")
    sealed.folder.key.write_bytes(key)
    await notary.once()
    assert (notary.status, notary.warning, notary.size) == ("sealing", None, 3)


async def test_a_look_says_what_a_start_would_come_to_and_keeps_nothing(sealed: Sealing):
    await sealed.append(2)
    await sealed.seal()
    await sealed.append()
    files = {file: file.read_bytes() for file in sealed.folder.path.iterdir()}
    published = await sealed.everything()
    looked = sealed.notary()
    await looked.look()
    assert (looked.contradiction, looked.failure, looked.size) == (None, None, 2)
    other = sealed.notary(key=Signer.make(ORIGIN).skey)
    await other.look()
    assert other.failure is not None
    assert "the key is not the one that this log was begun with" in other.failure
    await sealed.harm("DELETE FROM events WHERE position > 1", "DELETE FROM commits WHERE last_position > 1")
    shorter = sealed.notary()
    await shorter.look()
    assert (shorter.status, shorter.contradiction is not None) == ("tampered", True)
    assert {file: file.read_bytes() for file in sealed.folder.path.iterdir()} == files
    assert await sealed.everything() == published


async def test_waiting_for_the_seal_ends_when_it_is_there(sealed: Sealing):
    notary = sealed.notary()
    position = await sealed.append(1)
    waiting = asyncio.create_task(notary.sealed(position, 10))
    await asyncio.sleep(0)
    await notary.once()
    assert await waiting
    assert not await notary.sealed(position + 1, 0.01)


async def test_the_notary_may_add_and_nothing_else(sealed: Sealing):
    await sealed.append(300)
    await sealed.seal()
    connection = await sealed.access.connect("notary")
    try:
        for statement in (
            "UPDATE tree_heads SET size = 1", "DELETE FROM tiles", "INSERT INTO events SELECT * FROM events",
            "SELECT text FROM event_private", "UPDATE log SET fork = 1", "TRUNCATE tiles",
            "INSERT INTO log_keys VALUES (9, 'a', 'b')",
        ):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("table", ["tiles", "tree_heads", "log_keys"])
async def test_what_was_sealed_is_changed_by_nobody(sealed: Sealing, table: str):
    await sealed.append(300)
    await sealed.seal()
    await sealed.admin.execute("SET session_replication_role = replica")
    for statement in (f"UPDATE {table} SET fork = 1", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await sealed.admin.execute(statement)


# Beginning, once


async def test_a_log_that_holds_events_is_not_begun_by_itself(access: Access, tmp_path):
    folder = Folder(tmp_path / "log")
    log = Sealing(access, folder, await access.connect())
    await log.append(2)
    assert await begin_if_new(access, folder, origin=ORIGIN, key=None) is None
    assert (await log.seal()).status == "off"
    await init(access, folder, origin=ORIGIN, key=None)
    assert (await log.seal()).status == "sealing"
    assert log.signed().size == 2
    await log.admin.close()


async def test_a_log_is_begun_once(sealed: Sealing):
    assert await begin_if_new(sealed.access, sealed.folder, origin=ORIGIN, key=None) is None
    with pytest.raises(StateError, match="already"):
        await init(sealed.access, sealed.folder, origin=ORIGIN, key=None)


async def test_a_log_is_not_begun_twice_from_two_folders(sealed: Sealing, tmp_path):
    other = Folder(tmp_path / "other")
    assert await begin_if_new(sealed.access, other, origin=ORIGIN, key=None) is None
    with pytest.raises(StateError, match="under another key"):
        await init(sealed.access, other, origin=ORIGIN, key=None)


@pytest.mark.parametrize("shared", [True, False])
async def test_of_services_that_start_at_the_same_time_one_begins_the_log(access: Access, tmp_path, shared: bool):
    folders = [Folder(tmp_path / ("log" if shared else f"log-{n}")) for n in range(6)]
    begun = await asyncio.gather(*(begin_if_new(access, each, origin=ORIGIN, key=None) for each in folders))
    assert sum(each is not None for each in begun) == 1
    (winner,) = (folder for folder, each in zip(folders, begun, strict=True) if each is not None)
    log = Sealing(access, winner, await access.connect())
    await log.append(1)
    assert (await log.seal()).status == "sealing"
    await log.admin.close()


async def test_an_empty_database_never_starts_a_log_under_a_used_key(sealed: Sealing):
    await sealed.append(3)
    await sealed.seal()
    sealed.folder.state.unlink()
    await sealed.harm("TRUNCATE event_private, events, commits", "TRUNCATE tree_heads, tiles, log_keys")
    assert await begin_if_new(sealed.access, sealed.folder, origin=ORIGIN, key=None) is None
    with pytest.raises(StateError, match="log fork"):
        await sealed.seal()
    with pytest.raises(StateError, match="log fork"):
        await init(sealed.access, sealed.folder, origin=ORIGIN, key=None)
    assert await sealed.everything() == []


async def test_a_beginning_that_was_interrupted_is_taken_up(access: Access, tmp_path, monkeypatch: pytest.MonkeyPatch):
    folder = Folder(tmp_path / "log")
    with monkeypatch.context() as patched:
        patched.setattr("incidentlog.audit.beginning.State", disk_full)
        with pytest.raises(OSError, match="No space"):
            await begin_if_new(access, folder, origin=ORIGIN, key=None)
    begun = await begin_if_new(access, folder, origin=ORIGIN, key=None)
    assert begun is not None
    log = Sealing(access, folder, await access.connect())
    await log.append(1)
    assert (await log.seal()).status == "sealing"
    await log.admin.close()


async def test_a_key_from_the_environment_signs_once_the_log_was_begun_with_it(access: Access, tmp_path):
    folder, signer = Folder(tmp_path / "log"), Signer.make(ORIGIN)
    assert await begin_if_new(access, folder, origin=None, key=signer.skey) is None
    begun = await init(access, folder, origin=None, key=signer.skey)
    assert begun.signer.verifier == signer.verifier
    assert not folder.key.exists()
    log = Sealing(access, folder, await access.connect())
    await log.append(1)
    notary = log.notary(key=signer.skey)
    await notary.once()
    assert notary.published is not None
    open_head(notary.published.note.encode(), [signer.verifier])
    with pytest.raises(StateError, match="not the one"):
        await log.notary(key=Signer.make(ORIGIN).skey).once()
    await log.admin.close()


# Forking


async def test_a_fork_goes_on_under_another_name_and_key(sealed: Sealing):
    await sealed.append(300)
    await sealed.seal()
    old = sealed.folder.read()
    await sealed.harm("DELETE FROM events WHERE position > 290", "DELETE FROM commits")
    await sealed.admin.execute("INSERT INTO commits VALUES (290, now())")
    assert (await sealed.seal()).status == "tampered"
    begun = await fork(sealed.access, sealed.folder, origin=None, key=None)
    assert begun.fork == 1
    assert begun.signer.name == f"{ORIGIN}/fork-1"
    notary = await sealed.seal()
    assert (notary.status, notary.size) == ("sealing", 290)
    new = sealed.folder.read()
    assert old is not None
    assert new is not None
    assert new.vkey not in {None, old.vkey}
    open_head(notary.published.note.encode(), [Verifier.parse(new.vkey)])
    assert (sealed.folder.path / "fork-0.state.json").exists()
    # Who has the last fork's key alone is told that the other one is lacking, before what it does not open.
    last, former = Verifier.parse(new.vkey), Verifier.parse(str(old.vkey))
    lacking = (await verify_log(sealed.admin, keys=[last])).first
    assert lacking is not None
    assert lacking.detail == f"fork 0 is said to be signed by {old.vkey}, none of the keys given"
    assert "log_key" not in {f.kind for f in (await verify_log(sealed.admin, keys=[former, last])).findings}
    assert [(f, size) for f, size, _ in await sealed.everything()] == [(0, 300), (1, 290)]


async def test_a_fork_waits_until_no_service_is_at_work(sealed: Sealing):
    with sealed.folder.held(), pytest.raises(StateError, match="stop it first"):
        await fork(sealed.access, sealed.folder, origin=None, key=None)


async def test_a_log_that_verifies_is_not_forked_unless_that_is_agreed_to(sealed: Sealing):
    await sealed.append(300)
    await sealed.seal()
    before = sealed.folder.read()
    with pytest.raises(StateError, match="the log verifies up to position 300"):
        await fork(sealed.access, sealed.folder, origin=None, key=None)
    assert sealed.folder.read() == before
    assert await sealed.admin.fetchval("SELECT fork FROM log") == 0
    told: list[Weighed] = []
    begun = await fork(sealed.access, sealed.folder, origin=None, key=None, agree=told.append)
    assert begun.fork == 1
    assert before is not None
    assert f"the key {before.vkey} verifies nothing that is signed after the fork" in told[0].lost
    # It is told truly: what was kept of the log cannot be held against it any more.
    assert before.note is not None
    kept = [before.note.encode()]
    with pytest.raises(NoteError):
        await verify_log(sealed.admin, keys=[begun.signer.verifier], previous=kept)
    # Here the state file has the old key, and up to where that fork ended.
    await sealed.seal()
    assert (await verify_log(sealed.admin, state=sealed.folder.read(), previous=kept)).findings == []


async def test_a_log_is_not_forked_beside_a_service_that_found_it_tampered_with(sealed: Sealing):
    await sealed.append(300)
    await sealed.seal()
    await sealed.harm("DELETE FROM events WHERE position > 290", "DELETE FROM commits")
    await sealed.admin.execute("INSERT INTO commits VALUES (290, now())")
    async with serving(sealed.access, folder=sealed.folder) as served:
        assert served.service.notary.status == "tampered"
        await until(sealed.folder.is_free)  # it signs no more, so it does not hold the folder
        with pytest.raises(StateError, match="a service is at work on this database"):
            await fork(sealed.access, sealed.folder, origin=None, key=None)
    assert (await fork(sealed.access, sealed.folder, origin=None, key=None)).fork == 1
