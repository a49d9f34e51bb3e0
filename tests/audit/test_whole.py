"""A whole log is taken to another database: the same log there, under the same tree head; else nothing is written."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from incidentlog.audit.beginning import fork
from incidentlog.audit.exported import VerificationError
from incidentlog.audit.notes import Verifier
from incidentlog.audit.offline import verify_export
from incidentlog.audit.state import Folder
from incidentlog.audit.verify import verify_log
from incidentlog.audit.whole import Export, NotTakenError, export_whole, import_whole
from incidentlog.errors import NotSealed
from incidentlog.store.connect import Access
from tests.audit.sealing import NOW, SIZE, Sealing
from tests.commands import about, command, strike

ZONE = "Europe/Kyiv"


def keys_of(folder: Folder) -> list[Verifier]:
    signer = folder.signer(None)
    assert signer is not None
    return [signer.verifier]


async def exported(log: Sealing, to: Path) -> Path:
    await export_whole(log.admin, to, by="tester", purpose=None, at=NOW, progress=lambda _done, _all: None)
    return to


async def everything(access: Access) -> dict[str, list[Any]]:
    """All that a log is: but for what is computed from it, and who may ask."""
    connection = await access.connect()
    try:
        tables = ("log", "events", "event_private", "commits", "log_keys", "tiles", "tree_heads", "idempotency")
        return {
            table: sorted(map(tuple, await connection.fetch(f"SELECT * FROM {table}")), key=repr) for table in tables
        }
    finally:
        await connection.close()


async def filled_further(log: Sealing) -> None:
    """Of every marking, with what is said about them, and an erased body and private part."""
    shown, hidden = strike(private={"victims": ["A name"]}), strike(tlp="RED", private={"victims": ["Another"]})
    said = [
        command(shown, stream="strike:a"),
        command(hidden, stream="strike:b"),
        command(strike(notes="said"), stream="strike:b"),
    ]
    await log.append(commands=said)
    erasures = [about("erased", shown["id"], part=part, ground="asked") for part in ("body", "private")]
    await log.erase(*(command(event, stream="strike:a") for event in erasures))
    await log.seal()


async def test_the_same_log_with_the_same_tree_head_goes_on_elsewhere(filled: Sealing, empty: Access, tmp_path: Path):
    await filled_further(filled)
    folder, keys = await exported(filled, tmp_path / "all"), keys_of(filled.folder)
    assert verify_export(folder, keys).head == filled.signed()
    report = await import_whole(empty, Export(folder), keys, zone="Europe/Moscow")
    assert (report.size, report.root) == (SIZE + 5, filled.signed().root)
    assert await everything(empty) == await everything(filled.access)
    # With key and state it goes on where it was: the next tree head continues the last.
    shutil.copytree(filled.folder.path, tmp_path / "moved")
    connection = await empty.connect()
    try:
        moved = Sealing(empty, Folder(tmp_path / "moved"), connection)
        await moved.append(3)
        assert (await moved.seal()).status == "sealing"
        assert moved.signed().size == SIZE + 8
        assert (await verify_log(connection, state=moved.folder.read())).first is None
    finally:
        await connection.close()


async def test_a_log_that_was_forked_takes_its_earlier_heads_along(filled: Sealing, empty: Access, tmp_path: Path):
    keys = keys_of(filled.folder)
    await fork(filled.access, filled.folder, origin=None, key=None, agree=lambda _: None)
    await filled.append(2)
    await filled.seal()
    keys += keys_of(filled.folder)
    await import_whole(empty, Export(await exported(filled, tmp_path / "all")), keys, zone=ZONE)
    there, here = await everything(empty), await everything(filled.access)
    assert {row[0] for row in there["tree_heads"]} == {0, 1}
    assert there.pop("tiles") == [row for row in here.pop("tiles") if row[0] == 1]  # the others nothing asks for
    assert there == here


@pytest.mark.parametrize(
    ("file", "was", "by"),
    [
        ("events.ndjson", b"Odesa", b"Lviv"),
        ("rows.ndjson", b'"country":"UA"', b'"country":"RU"'),
        ("rows.ndjson", b'"tlp":0', b'"tlp":1'),
        ("heads.ndjson", b'"size":400', b'"size":401'),
        ("log.json", b'"fork": 0', b'"fork": 1'),
        ("rows.ndjson", b"{", b""),
    ],
)
async def test_what_was_changed_on_the_way_is_found_and_nothing_is_written(
    filled: Sealing, empty: Access, tmp_path: Path, file: str, was: bytes, by: bytes
):
    folder = await exported(filled, tmp_path / "all")
    content = (folder / file).read_bytes()
    assert was in content
    (folder / file).write_bytes(content.replace(was, by, 1))
    with pytest.raises(VerificationError):
        await import_whole(empty, Export(folder), keys_of(filled.folder), zone=ZONE)
    connection = await empty.connect()
    try:
        if await connection.fetchval("SELECT to_regclass('events') IS NOT NULL"):
            for table in ("events", "commits", "log_keys", "tree_heads", "tiles"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "name", ["manifest.json", "checkpoint", "events.ndjson", "rows.ndjson", "heads.ndjson", "log.json"]
)
async def test_of_no_file_a_bit_is_changed_or_the_file_taken_unseen(filled: Sealing, tmp_path: Path, name: str):
    file, keys = await exported(filled, tmp_path / "all") / name, keys_of(filled.folder)
    verify_export(file.parent, keys)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 3] ^= 1
    file.write_bytes(raw)
    with pytest.raises(VerificationError):
        verify_export(file.parent, keys)
    file.unlink()
    with pytest.raises(VerificationError, match="cannot be read: No such file"):
        verify_export(file.parent, keys)


async def test_a_file_that_the_manifest_gives_another_name_is_not_passed_over(filled: Sealing, tmp_path: Path):
    folder = await exported(filled, tmp_path / "all")
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"heads.ndjson"', b'"hdads.ndjson"'))
    with pytest.raises(VerificationError, match="no file of an export: hdads"):
        verify_export(folder, keys_of(filled.folder))


async def test_a_log_is_taken_in_only_where_there_is_none(filled: Sealing, access: Access, tmp_path: Path):
    folder, keys = await exported(filled, tmp_path / "all"), keys_of(filled.folder)
    before = await everything(filled.access)
    with pytest.raises(NotTakenError, match="there is a log already"):
        await import_whole(filled.access, Export(folder), keys, zone=ZONE)
    assert await everything(filled.access) == before
    at_work = await access.connect("reader")
    try:
        with pytest.raises(NotTakenError, match="a service is at work"):
            await import_whole(access, Export(folder), keys, zone=ZONE)
    finally:
        await at_work.close()


async def test_what_is_not_sealed_is_not_left_behind_in_silence(filled: Sealing, tmp_path: Path):
    await filled.append(1)
    with pytest.raises(NotSealed, match=f"sealed up to {SIZE} of {SIZE + 1}"):
        await exported(filled, tmp_path / "all")
    assert not (tmp_path / "all").exists()


async def test_a_part_of_a_log_is_not_taken_for_all(filled: Sealing, empty: Access, tmp_path: Path):
    folder = await exported(filled, tmp_path / "all")
    (folder / "log.json").unlink()
    with pytest.raises(NotTakenError, match="a part of a log"):
        await import_whole(empty, Export(folder), keys_of(filled.folder), zone=ZONE)
    assert orjson.loads((folder / "manifest.json").read_bytes())["clearance"] == "RED"
