"""An archive grows with the log, proves itself from end to end, and is the log where there is none."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from incidentlog.audit.beginning import fork
from incidentlog.audit.export import Exported
from incidentlog.audit.exported import VerificationError
from incidentlog.audit.offline import verify_export
from incidentlog.audit.state import Folder
from incidentlog.audit.verify import verify_log
from incidentlog.audit.whole import import_whole
from incidentlog.errors import NotFound
from incidentlog.store.connect import Access
from tests.audit.sealing import NOW, SIZE, Sealing
from tests.audit.test_whole import everything, filled_further, keys_of
from tests.commands import about, command, strike

pytest.importorskip("pyarrow", reason="an archive is written by pyarrow, of the extra `parquet`")

from incidentlog.audit.archive import Archive, Archived, Record, write_archive
from incidentlog.audit.place import ArchiveAwayError, ArchiveError, Place, Segment, segments_of

LENGTH = 256


async def unrecorded(_: Exported) -> None:
    """What is taken from a log of a test is recorded nowhere."""


async def archived(
    log: Sealing, where: Path | str | Place, segment: int | None = LENGTH, record: Record = unrecorded
) -> Archived:
    place = where if isinstance(where, Place) else Place(str(where))
    return await write_archive(log.admin, place, segment=segment, by="tester", purpose=None, at=NOW, record=record)


def written(done: Archived) -> list[tuple[int, int]]:
    return [(part.after, part.to) for part in done.written]


def files(where: Path) -> dict[str, bytes]:
    return {str(path.relative_to(where)): path.read_bytes() for path in where.rglob("*") if path.is_file()}


async def test_it_is_written_once_and_what_follows_is_added(filled: Sealing, tmp_path: Path):
    where, keys = tmp_path / "archive", keys_of(filled.folder)
    assert written(await archived(filled, where)) == [(0, 256), (256, 512), (512, SIZE)]
    assert where.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in where.iterdir()) == [
        "0000000000000-0000000000256", "0000000000256-0000000000512", "0000000000512-0000000000700", "archive.json",
    ]  # fmt: skip
    before = files(where)
    assert written(await archived(filled, where, None)) == []
    assert files(where) == before
    await filled.append(100)
    await filled.seal()
    assert written(await archived(filled, where)) == [(512, 768), (768, SIZE + 100)]
    after = files(where)
    assert {name: raw for name, raw in after.items() if name.startswith("0000000000256")} == {
        name: raw for name, raw in before.items() if name.startswith("0000000000256")
    }
    assert not (where / "0000000000512-0000000000700").exists()
    checked = Archive(Place(str(where))).verify(keys)
    assert (checked.after, checked.to, checked.leaves, checked.withheld) == (0, SIZE + 100, SIZE + 100, 0)
    assert checked.head == filled.signed()


async def test_the_log_is_made_from_it_and_goes_on(filled: Sealing, empty: Access, tmp_path: Path):
    await filled_further(filled)
    where, keys = tmp_path / "archive", keys_of(filled.folder)
    await archived(filled, where)
    report = await import_whole(empty, Archive(Place(str(where))), keys, zone="Europe/Moscow")
    assert (report.size, report.root) == (SIZE + 5, filled.signed().root)
    assert await everything(empty) == await everything(filled.access)
    shutil.copytree(filled.folder.path, tmp_path / "moved")
    connection = await empty.connect()
    try:
        moved = Sealing(empty, Folder(tmp_path / "moved"), connection)
        await moved.append(3)
        await moved.seal()
        assert (await verify_log(connection, state=moved.folder.read())).first is None
        assert written(await archived(moved, where)) == [(512, SIZE + 8)]
    finally:
        await connection.close()


async def test_what_is_erased_goes_from_it_and_the_rest_is_left(filled: Sealing, tmp_path: Path):
    where, keys, named = tmp_path / "archive", keys_of(filled.folder), "Somebody Remarkable"
    told = strike(private={"victims": [named]}, notes=named)
    await filled.append(commands=[command(told, stream="strike:told")])
    await filled.append(LENGTH)
    await filled.seal()
    await archived(filled, where)
    holding = Segment(512, 768)
    rows = [row for row in Archive(Place(str(where))).rows() if row.position == SIZE + 1]
    assert named in (rows[0].body or "")
    assert named in (rows[0].private or "")
    before = files(where)
    erasures = [about("erased", told["id"], part=part, ground="asked") for part in ("body", "private")]
    await filled.erase(*(command(event, stream="strike:told") for event in erasures))
    await filled.seal()
    assert written(await archived(filled, where)) == [(512, 768), (768, SIZE + LENGTH + 3)]
    after = files(where)
    assert [name for name in before if after.get(name) != before[name] and not name.startswith("0000000000768")] == [
        name for name in before if name.startswith(holding.name) and not name.endswith("heads.ndjson")
    ]
    (row,) = [row for row in Archive(Place(str(where))).rows() if row.position == SIZE + 1]
    assert (row.body, row.body_salt, row.private, row.private_salt) == (None, None, None, None)
    assert Archive(Place(str(where))).verify(keys).withheld == 1
    assert written(await archived(filled, where)) == []


async def test_one_that_was_ended_on_the_way_is_whole_with_the_next(filled: Sealing, tmp_path: Path):
    where, keys = tmp_path / "archive", keys_of(filled.folder)
    await archived(filled, where)
    whole = files(where)
    (where / "0000000000256-0000000000512" / "manifest.json").unlink()
    with pytest.raises(VerificationError, match="after position 256") as gone:
        Archive(Place(str(where))).verify(keys)
    assert gone.value.position == 257
    (where / "0000000000512-0000000000700" / "manifest.json").write_bytes(b'{"erased": {')
    assert written(await archived(filled, where)) == [(256, 512), (512, SIZE)]
    assert files(where) == whole


def flipped(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def changed(folder: Path) -> None:
    """Change what one event says, and the manifest to match: the work of who knows how."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(folder / "events.parquet")
    bodies = table["body"].to_pylist()
    bodies[300 - 257] = bodies[300 - 257].replace("strike", "strife", 1)
    table = table.set_column(table.schema.get_field_index("body"), "body", pa.array(bodies))
    parquet.write_table(table, folder / "events.parquet")
    raw = (folder / "events.parquet").read_bytes()
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["events.parquet"] = {"sha256": sha256(raw).hexdigest(), "bytes": len(raw)}
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


def swapped(where: Path) -> None:
    shutil.rmtree(where / "0000000000256-0000000000512")
    shutil.copytree(where / "0000000000000-0000000000256", where / "0000000000256-0000000000512")


@pytest.mark.parametrize(
    ("harm", "says", "position"),
    [
        (lambda where: shutil.rmtree(where / "0000000000512-0000000000700"), "the archive ends at 512", 513),
        (lambda where: shutil.rmtree(where / "0000000000000-0000000000256"), "after position 0", 1),
        (lambda where: (where / "0000000000256-0000000000512/events.parquet").unlink(), "is not whole", 257),
        (lambda where: flipped(where / "0000000000256-0000000000512/events.parquet"), "not the file that", None),
        (lambda where: changed(where / "0000000000256-0000000000512"), "not what the leaf commits to", 300),
        (swapped, "does not continue", 257),
        (lambda where: (where / "0000000000000-0000000000256/checkpoint").write_bytes(b"no\n"), "checkpoint", 1),
        (lambda where: flipped(where / "0000000000256-0000000000512/heads.ndjson"), "512: heads.ndjson is not", None),
        (lambda where: (where / "0000000000256-0000000000512/heads.ndjson").unlink(), "is not whole: heads.ndj", 257),
        (lambda where: flipped(where / "archive.json"), "is not what was written", None),
    ],
    ids=[
        "cut",
        "beheaded",
        "a file gone",
        "a bit",
        "a body",
        "a segment under another name",
        "no tree head",
        "a bit of the tree heads",
        "tree heads gone",
        "a bit of what is beside",
    ],
)
async def test_what_was_harmed_is_found(
    filled: Sealing, tmp_path: Path, harm: Callable[[Path], None], says: str, position: int | None
):
    where, keys = tmp_path / "archive", keys_of(filled.folder)
    await archived(filled, where)
    Archive(Place(str(where))).verify(keys)
    harm(where)
    with pytest.raises(VerificationError, match=says) as found:
        Archive(Place(str(where))).verify(keys)
    assert found.value.position == position


async def test_tree_heads_kept_from_before_are_held_against_it(filled: Sealing, tmp_path: Path):
    where, keys = tmp_path / "archive", keys_of(filled.folder)
    await archived(filled, where)
    kept = [note.encode() for _, size, note in await filled.everything() if size in {200, 300, 500}]
    checked = Archive(Place(str(where))).verify(keys, previous=kept)
    assert {200, 300, 500} <= {head.size for head in checked.previous}
    # The same key signs another history: the archive has the one, who kept a head has the other.
    signer = filled.folder.signer(None)
    assert signer is not None
    text = kept[0].decode().partition("\n\n")[0].split("\n")
    other = "\n".join([*text[:2], "A" * 43 + "="]) + "\n"
    with pytest.raises(VerificationError, match="not what they were"):
        Archive(Place(str(where))).verify(keys, previous=[f"{other}\n{signer.sign(other).line}".encode()])


async def test_each_segment_is_an_export_like_any_other(filled: Sealing, tmp_path: Path):
    await archived(filled, tmp_path / "archive")
    checked = verify_export(tmp_path / "archive" / "0000000000256-0000000000512", keys_of(filled.folder))
    assert (checked.after, checked.to, checked.opened) == (256, 512, 256)


async def test_nothing_is_written_where_another_archive_is(filled: Sealing, sealed: Sealing, tmp_path: Path):
    where = tmp_path / "archive"
    await archived(filled, where)
    before = files(where)
    await sealed.append(3)
    await sealed.seal()
    await sealed.admin.execute("UPDATE log SET id = gen_random_uuid()")
    with pytest.raises(ArchiveError, match="choose another place"):
        await archived(sealed, where)
    with pytest.raises(ArchiveError, match="segments of 256"):
        await archived(filled, where, 512)
    await fork(filled.access, filled.folder, origin=None, key=None, agree=lambda _: None)
    await filled.append(2)
    await filled.seal()
    with pytest.raises(ArchiveError, match="fork 0: choose"):
        await archived(filled, where)
    assert files(where) == before


async def test_an_archive_that_has_more_than_the_log_is_left_as_it_is(filled: Sealing, tmp_path: Path):
    """The log was cut: what was archived is what tells."""
    where = tmp_path / "archive"
    await archived(filled, where)
    before = files(where)
    await filled.harm("DELETE FROM tree_heads WHERE size > 600")
    with pytest.raises(ArchiveError, match="was it cut"):
        await archived(filled, where)
    assert files(where) == before


async def test_an_archive_of_another_history_is_left_as_it_is(filled: Sealing, tmp_path: Path):
    """Of the same log, by its name, with another tree under it."""
    where = tmp_path / "archive"
    await archived(filled, where)
    note = where / "0000000000512-0000000000700/checkpoint"
    lines = note.read_text().split("\n")
    note.write_text("\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]]))
    before = files(where)
    with pytest.raises(ArchiveError, match="700 events that are not this log's"):
        await archived(filled, where)
    assert files(where) == before


async def test_a_part_of_an_archive_is_not_taken_for_a_log(filled: Sealing, empty: Access, tmp_path: Path):
    where, keys = tmp_path / "archive", keys_of(filled.folder)
    await archived(filled, where)
    described = orjson.loads((where / "archive.json").read_bytes())
    (where / "archive.json").write_bytes(orjson.dumps(described | {"secret": "?"}))
    with pytest.raises(VerificationError):
        await import_whole(empty, Archive(Place(str(where))), keys, zone="Europe/Kyiv")
    (where / "archive.json").write_bytes(b"{}")
    with pytest.raises(VerificationError, match="cannot be read"):
        Archive(Place(str(where))).verify(keys)
    (where / "archive.json").unlink()
    with pytest.raises(VerificationError, match=r"there is no archive\.json"):
        Archive(Place(str(where))).verify(keys)
    await archived(filled, where)
    Archive(Place(str(where))).verify(keys)


def test_a_place_that_is_none_is_told():
    with pytest.raises(ArchiveError):
        Place("carrier-pigeon://somewhere")


class Meanwhile(Place):
    """A place where something is done, once, after a segment was put there, or before one is."""

    def __init__(
        self, where: Path, *, before: Callable[[], None] | None = None, after: Callable[[], None] | None = None
    ):
        super().__init__(str(where))
        self.before, self.after = before, after

    def put(self, segment: Segment, folder: Path) -> None:
        if (do := self.before) is not None:
            self.before = None
            do()
        super().put(segment, folder)
        if (do := self.after) is not None:
            self.after = None
            do()


async def test_what_is_appended_while_it_is_written_is_for_the_next_run(filled: Sealing, empty: Access, tmp_path: Path):
    where, keys, loop = tmp_path / "archive", keys_of(filled.folder), asyncio.get_running_loop()

    async def grow() -> None:
        await filled.append(100)
        await filled.seal()

    after = partial(wait_in_thread, loop, grow)
    done = await archived(filled, Meanwhile(where, after=after))
    assert written(done) == [(0, 256), (256, 512), (512, SIZE)]
    assert filled.signed().size == SIZE + 100
    checked = Archive(Place(str(where))).verify(keys)
    assert (checked.to, checked.head.size) == (SIZE, SIZE)
    report = await import_whole(empty, Archive(Place(str(where))), keys, zone="Europe/Kyiv")
    assert report.root == checked.head.root
    assert written(await archived(filled, where)) == [(512, 768), (768, SIZE + 100)]
    assert Archive(Place(str(where))).verify(keys).head == filled.signed()


def wait_in_thread(loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Let something be done by the loop of the test, from another thread, and wait for it."""
    asyncio.run_coroutine_threadsafe(work(), loop).result(30)


async def test_two_runs_at_the_same_time_do_not_write_over_each_other(filled: Sealing, tmp_path: Path):
    where, loop = tmp_path / "archive", asyncio.get_running_loop()
    other = await filled.access.connect()
    refused: list[str] = []

    async def run() -> None:
        with pytest.raises(ArchiveError, match="another run") as error:
            await archived(replace(filled, admin=other), where)
        refused.append(str(error.value))

    try:
        await archived(filled, Meanwhile(where, before=partial(wait_in_thread, loop, run)))
        assert len(refused) == 1
        assert written(await archived(replace(filled, admin=other), where)) == []
    finally:
        await other.close()
    Archive(Place(str(where))).verify(keys_of(filled.folder))


async def test_a_segment_is_recorded_before_it_leaves(filled: Sealing, tmp_path: Path):
    where, recorded = tmp_path / "archive", list[tuple[int, int]]()

    async def record(part: Exported) -> None:
        assert not (where / Segment(part.after, part.to).name).exists()
        recorded.append((part.after, part.to))

    def full() -> None:
        raise ArchiveAwayError("no room")

    place = Meanwhile(where, after=full)
    with pytest.raises(ArchiveAwayError):
        await archived(filled, place, record=record)
    assert recorded == [(0, 256)]
    await archived(filled, place, record=record)
    assert recorded == [(0, 256), (256, 512), (512, SIZE)]


@pytest.mark.parametrize("name", ["events.parquet", "checkpoint", "heads.ndjson"])
async def test_a_file_that_is_not_whole_is_written_again(filled: Sealing, tmp_path: Path, name: str):
    where = tmp_path / "archive"
    await archived(filled, where)
    whole, harmed = files(where), where / "0000000000256-0000000000512" / name
    harmed.write_bytes(harmed.read_bytes()[:-1])
    assert written(await archived(filled, where)) == [(256, 512)]
    assert files(where) == whole
    harmed.unlink()
    assert written(await archived(filled, where)) == [(256, 512)]
    assert files(where) == whole


async def test_one_that_is_written_to_while_it_is_verified_is_not_accused(filled: Sealing, tmp_path: Path):
    where, keys = tmp_path / "archive", keys_of(filled.folder)
    await archived(filled, where)

    class Slow(Place):
        def fetch(self, segment: Segment, names: Sequence[str], folder: Path) -> None:
            if segment.after == 512:
                shutil.move(where / segment.name, tmp_path)
            super().fetch(segment, names, folder)

    with pytest.raises(ArchiveAwayError, match="written to meanwhile"):
        Archive(Slow(str(where))).verify(keys)
    with pytest.raises(VerificationError, match="ends at 512"):
        Archive(Place(str(where))).verify(keys)


async def test_a_place_may_be_named_as_a_file_is_on_the_web(filled: Sealing, tmp_path: Path):
    where = tmp_path / "not" / "there"
    await archived(filled, f"file://{where}")
    assert Archive(Place(str(where))).verify(keys_of(filled.folder)).to == SIZE


@pytest.mark.parametrize("where", ["", " ", "s3://", "file:///"])
def test_a_place_without_a_name_is_none(where: str):
    with pytest.raises(ArchiveError, match=r"empty name|names no"):
        Place(where)


async def test_of_a_log_without_a_sealed_event_there_is_no_archive(sealed: Sealing, tmp_path: Path):
    with pytest.raises(NotFound, match=r"no tree head.*run for a second"):
        await archived(sealed, tmp_path / "archive")
    await sealed.seal()
    with pytest.raises(NotFound, match="no event of the log is sealed"):
        await archived(sealed, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


async def test_what_took_the_place_of_another_stands_alone_before_anything_else_is_written(
    filled: Sealing, tmp_path: Path
):
    where = tmp_path / "archive"
    await archived(filled, where)
    await filled.append(100)
    await filled.seal()

    class Looking(Place):
        def put(self, segment: Segment, folder: Path) -> None:
            begin = [part.after for part in segments_of(self.sizes())]
            assert sorted({*begin}) == begin
            super().put(segment, folder)

    assert written(await archived(filled, Looking(str(where)))) == [(512, 768), (768, SIZE + 100)]


async def test_what_may_be_large_is_not_read_at_once(
    filled: Sealing, empty: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A log that is slow has a tree head for each event, with what each witness said of it."""
    where, read = tmp_path / "archive", set[str]()
    await archived(filled, where)

    def noted(self: Place, name: str, own: Callable[[Place, str], bytes | None] = Place.read) -> bytes | None:
        read.add(name.rpartition("/")[2])
        return own(self, name)

    monkeypatch.setattr(Place, "read", noted)
    await import_whole(empty, Archive(Place(str(where))), keys_of(filled.folder), zone="Europe/Kyiv")
    assert read == {"archive.json", "checkpoint"}
