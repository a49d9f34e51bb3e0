"""An export proves itself, with nothing but a key that came another way; what is changed in it is found."""

import errno
import shutil
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from incidentlog.audit.export import Lines, Wanted, export, exported_event
from incidentlog.audit.exported import VerificationError
from incidentlog.audit.notes import Signer, Verifier
from incidentlog.audit.offline import Checked, verify_export
from incidentlog.errors import NotFound, NotSealed, Tampered
from incidentlog.store.connect import Access
from incidentlog.store.filters import EventFilter
from incidentlog.zones import packaged
from tests.audit.sealing import SIZE, Sealing
from tests.commands import about, command, strike

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = Wanted()


@pytest.fixture
def key(filled: Sealing) -> Verifier:
    signer = filled.folder.signer(None)
    assert signer is not None
    return signer.verifier


async def exported(filled: Sealing, tmp_path: Path, wanted: Wanted = ALL, name: str = "export") -> Path:
    folder = tmp_path / name
    await export(filled.admin, folder, wanted, by="tester", purpose=None, at=AT)
    return folder


async def note_of(filled: Sealing, size: int) -> bytes:
    return next(note for _, s, note in await filled.everything() if s == size).encode()


async def test_a_whole_export_is_verified_without_database_and_network(
    filled: Sealing, key: Verifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = await exported(filled, tmp_path)
    with monkeypatch.context() as patched:  # no longer: the services of other tests' fixtures live in this process
        patched.setattr(socket, "socket", no_network)
        checked = verify_export(folder, [key])
    assert (checked.after, checked.to, checked.head) == (0, SIZE, filled.signed())
    assert (checked.leaves, checked.opened, checked.withheld) == (SIZE, SIZE, 0)


class Full(Lines):
    """Where there is no room: neither for an event, nor for the end of it."""

    def add(self, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> dict[str, Any]:
        super().close()
        raise ValueError("operation on a closed file")


async def test_what_stops_an_export_is_told_and_not_what_followed(filled: Sealing, tmp_path: Path):
    with pytest.raises(OSError, match="No space left"):
        await export(filled.admin, tmp_path / "export", ALL, by="tester", purpose=None, at=AT, events=Full)


def no_network(*_: object) -> None:
    raise AssertionError("nothing is asked of anybody")


async def test_an_export_is_what_the_format_says(filled: Sealing, tmp_path: Path):
    folder = await exported(filled, tmp_path, Wanted(after=98, to=100, private=True))
    assert sorted(f.name for f in folder.iterdir()) == ["checkpoint", "events.ndjson", "manifest.json"]
    first, second = map(orjson.loads, (folder / "events.ndjson").read_bytes().splitlines())
    assert list(first) == ["leaf", "parts"]
    assert list(first["parts"]) == ["body", "meta"]
    assert list(second["parts"]) == ["body", "meta", "private"]
    assert second["parts"]["private"]["text"] == '{"victims":["Name 0"]}'
    assert orjson.loads(second["leaf"])["position"] == 100
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    assert manifest["counts"] == {"leaves": 2, "opened": 2, "withheld": 0}
    assert (manifest["zone"], manifest["zone_data"]) == ("Europe/Kyiv", packaged().id)
    assert all(packaged().id in line["parts"]["meta"]["text"] for line in (first, second))
    assert (manifest["clearance"], manifest["filters"], manifest["private"]) == ("CLEAR", {}, True)


@pytest.mark.parametrize(("after", "to"), [(0, 0), (0, 1), (0, 400), (255, 257), (256, 512), (399, 700), (700, 700)])
async def test_every_range_is_verified(filled: Sealing, key: Verifier, tmp_path: Path, after: int, to: int):
    checked = verify_export(await exported(filled, tmp_path, Wanted(after=after, to=to)), [key])
    assert (checked.leaves, checked.head.size) == (to - after, SIZE)


async def test_what_was_marked_higher_since_is_withheld_with_what_was_said_of_it(
    filled: Sealing, key: Verifier, tmp_path: Path
):
    said = strike(stream="strike:a", notes="secret", private={"victims": ["a secret name"]})
    disputed = command(about("disputed", said["id"], note="secret"), stream="strike:a")
    await filled.append(commands=[command(said), disputed, command(strike(notes="shown"))])
    raised = command(about("remarked", said["id"], tlp="AMBER", reason="secret"), stream="strike:a")
    await filled.append(commands=[raised])
    await filled.seal()
    for clearance, opened in ((0, 1), (1, 1), (2, 4), (4, 4)):
        # What is asked of a part before the remark is told as the log is now.
        for to, withheld in ((SIZE + 3, 2), (SIZE + 4, 3)):
            name = f"export-{clearance}-{to}"
            wanted = Wanted(after=SIZE, to=to, clearance=clearance, private=True)
            folder = await exported(filled, tmp_path, wanted, name)
            checked = verify_export(folder, [key])
            assert checked.leaves == to - SIZE
            assert checked.withheld == (withheld if opened == 1 else 0)
            everything = b"".join(f.read_bytes() for f in folder.iterdir())
            assert (b"secret" in everything) == (opened == 4)
            assert b"shown" in everything


async def test_what_is_withheld_is_seen_to_be_withheld(filled: Sealing, key: Verifier, tmp_path: Path):
    await filled.append(commands=[command(strike(tlp="RED", private={"victims": ["A secret name"]})), command()])
    await filled.seal()
    folder = await exported(filled, tmp_path, Wanted(after=SIZE))
    hidden, shown = map(orjson.loads, (folder / "events.ndjson").read_bytes().splitlines())
    assert hidden["parts"] == {"body": None, "meta": None, "private": None}
    assert shown["parts"]["body"] is not None
    checked = verify_export(folder, [key])
    assert (checked.opened, checked.withheld) == (1, 1)
    everything = b"".join(f.read_bytes() for f in folder.iterdir())
    assert b"RED" not in everything
    assert b"secret" not in everything


async def test_a_filter_opens_what_matches_and_ships_every_leaf(filled: Sealing, key: Verifier, tmp_path: Path):
    wanted = Wanted(events=EventFilter(categories=("talk",)), told={"category": ["talk"]})
    checked = verify_export(await exported(filled, tmp_path, wanted), [key])
    assert (checked.leaves, checked.opened, checked.withheld) == (SIZE, 0, SIZE)


async def test_private_parts_are_withheld_unless_they_are_asked_for(filled: Sealing, key: Verifier, tmp_path: Path):
    folder = await exported(filled, tmp_path)
    assert b"Name 3" not in (folder / "events.ndjson").read_bytes()
    verify_export(folder, [key])


async def test_an_export_continues_a_head_that_was_kept(filled: Sealing, key: Verifier, tmp_path: Path):
    whole = await exported(filled, tmp_path)
    for size in (100, 400, 700):
        checked = verify_export(whole, [key], previous=[await note_of(filled, size)])
        assert [head.size for head in checked.previous] == [size]
    later = await exported(filled, tmp_path, Wanted(after=300), name="later")
    verify_export(later, [key], previous=[await note_of(filled, 300)])
    verify_export(later, [key], previous=[await note_of(filled, 500)])
    with pytest.raises(VerificationError, match="export from 1"):
        verify_export(later, [key], previous=[await note_of(filled, 200)])


async def test_a_log_that_was_rewritten_and_signed_anew_does_not_continue_the_head(
    filled: Sealing, key: Verifier, tmp_path: Path
):
    kept = await note_of(filled, 400)
    state = filled.folder.read()
    assert state is not None
    await filled.harm("TRUNCATE tiles, tree_heads", "UPDATE events SET body = '{}' WHERE position = 350")
    filled.folder.write(type(state)(state.log, state.fork, state.head, state.vkey))
    await filled.seal()
    folder = await exported(filled, tmp_path)
    verify_export(folder, [key])
    with pytest.raises(VerificationError, match="1 to 400 are not what they were"):
        verify_export(folder, [key], previous=[kept])


async def test_a_log_that_was_cut_does_not_continue_the_head(filled: Sealing, key: Verifier, tmp_path: Path):
    folder = await exported(filled, tmp_path)
    signer = filled.folder.signer(None)
    assert signer is not None
    longer = type(filled.signed())(key.name, 800, bytes(32))
    with pytest.raises(VerificationError, match=r"is of 800 events, and this export.s of 700"):
        verify_export(folder, [key], previous=[f"{longer.text}\n{signer.sign(longer.text).line}".encode()])


Change = Callable[[list[bytes]], list[bytes]]


def line_changed(position: int, old: bytes, new: bytes) -> Change:
    def change(lines: list[bytes]) -> list[bytes]:
        assert old in lines[position - 1]
        lines[position - 1] = lines[position - 1].replace(old, new, 1)
        return lines

    return change


CHANGES: dict[str, tuple[Change, int]] = {
    "a body": (line_changed(300, b"drone", b"mines"), 300),
    "a leaf's instant": (line_changed(300, b'\\"v\\":1', b'\\"v\\":2'), 300),
    "a part that is more": (line_changed(301, b'"parts":{"body"', b'"parts":{"private":null,"body"'), 301),
    "a part that is less": (line_changed(300, b',"private":null', b""), 300),
    "a line taken out": (lambda lines: lines[:299] + lines[300:], 300),
    "the last line taken out": (lambda lines: lines[:-1], 700),
    "a line put in": (lambda lines: [*lines[:300], lines[299], *lines[300:]], 301),
    "two lines swapped": (lambda lines: [*lines[:299], lines[300], lines[299], *lines[301:]], 300),
    "no JSON": (lambda lines: [*lines[:299], b"{\n", *lines[300:]], 300),
    "another shape": (lambda lines: [*lines[:299], b'{"leaf":1,"parts":[]}\n', *lines[300:]], 300),
    "nothing": (lambda _: [], 1),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_found_by_position_even_when_the_manifest_was_made_to_match(
    filled: Sealing, key: Verifier, tmp_path: Path, name: str
):
    folder = await exported(filled, tmp_path)
    change, position = CHANGES[name]
    rewrite(folder, change)
    with pytest.raises(VerificationError) as found:
        verify_export(folder, [key])
    assert found.value.position == position, found.value


def rewrite(folder: Path, change: Change) -> None:
    """Change the events, and the manifest to match."""
    from hashlib import sha256

    before = (folder / "events.ndjson").read_bytes()
    raw = b"".join(change(before.splitlines(keepends=True)))
    assert raw != before
    (folder / "events.ndjson").write_bytes(raw)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["events.ndjson"] = {"sha256": sha256(raw).hexdigest(), "bytes": len(raw)}
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


async def test_leaves_that_fit_their_parts_and_not_the_tree_are_found(filled: Sealing, key: Verifier, tmp_path: Path):
    """Another event in the place of one, leaf and all."""
    folder = await exported(filled, tmp_path)
    other = await exported(filled, tmp_path, name="other")
    lines = (other / "events.ndjson").read_bytes().splitlines(keepends=True)
    forged = (
        lines[298]
        .replace(b'\\"position\\":299', b'\\"position\\":300')
        .replace(
            orjson.loads(orjson.loads(lines[298])["leaf"])["recorded_at"].encode(),
            orjson.loads(orjson.loads(lines[299])["leaf"])["recorded_at"].encode(),
        )
    )
    rewrite(folder, lambda kept: [*kept[:299], forged, *kept[300:]])
    with pytest.raises(VerificationError, match="not those that were signed") as found:
        verify_export(folder, [key])
    assert found.value.position == 1
    with pytest.raises(VerificationError) as narrowed:
        verify_export(folder, [key], previous=[await note_of(filled, 200)])
    assert narrowed.value.position == 201


async def test_the_key_is_never_taken_from_the_export(filled: Sealing, tmp_path: Path):
    folder = await exported(filled, tmp_path)
    with pytest.raises(VerificationError, match="signed by none"):
        verify_export(folder, [Signer.make(filled.signed().origin).verifier])
    assert b"+" not in orjson.loads((folder / "manifest.json").read_bytes())["origin"].encode()


@pytest.mark.parametrize("file", ["manifest.json", "checkpoint", "events.ndjson"])
async def test_a_file_that_is_not_the_one_that_was_written_is_found(
    filled: Sealing, key: Verifier, tmp_path: Path, file: str
):
    folder = await exported(filled, tmp_path)
    with (folder / file).open("ab") as opened:
        opened.write(b"\n")
    if file == "manifest.json":  # white space at its end says nothing
        verify_export(folder, [key])
        (folder / file).write_bytes(b"[]")
    with pytest.raises(VerificationError):
        verify_export(folder, [key])


async def test_a_manifest_that_says_something_else_is_found(filled: Sealing, key: Verifier, tmp_path: Path):
    folder = await exported(filled, tmp_path, Wanted(after=300, to=400))
    good = orjson.loads((folder / "manifest.json").read_bytes())
    for change in (
        {"after": 299}, {"to": 401}, {"to": 399}, {"after": -1}, {"after": True}, {"after": "300"}, {"frontier": []},
        {"frontier": good["frontier"][::-1]}, {"consistency": []}, {"consistency": [1]}, {"version": 2}, {"files": {}},
        {"counts": {"leaves": 100, "opened": 99, "withheld": 1}}, {"format": "another"}, {"frontier": None},
    ):  # fmt: skip
        (folder / "manifest.json").write_bytes(orjson.dumps(good | change))
        with pytest.raises(VerificationError):
            verify_export(folder, [key])
    (folder / "manifest.json").write_bytes(orjson.dumps(good))
    assert isinstance(verify_export(folder, [key]), Checked)


async def test_what_is_not_what_was_signed_is_not_exported(filled: Sealing, tmp_path: Path):
    await filled.harm("UPDATE events SET body = '{}' WHERE position = 350")
    with pytest.raises(Tampered, match="not what was signed"):
        await exported(filled, tmp_path)
    await filled.harm("DELETE FROM event_private WHERE position = 400", "DELETE FROM events WHERE position = 400")
    with pytest.raises(Tampered, match="not all there"):
        await exported(filled, tmp_path, name="again")


async def test_the_exporters_words_are_told_apart_from_those_that_are_proven(
    filled: Sealing, key: Verifier, tmp_path: Path
):
    """All that may be changed in the manifest without being found is told as the exporter's, and nothing else is."""
    folder = await exported(filled, tmp_path)
    path = folder / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    said = verify_export(folder, [key]).said
    for word, value in manifest.items():
        path.write_bytes(orjson.dumps({**manifest, word: _other(value)}))
        if word in said:
            assert verify_export(folder, [key]).said[word] != said[word]
            continue
        with pytest.raises(VerificationError):
            verify_export(folder, [key])
    assert {"clearance", "filters", "exporter"} <= said.keys()


def _other(value: object) -> object:
    match value:
        case str():
            return value + "x"
        case bool():
            return not value
        case int():
            return value + 1
        case list():
            return [*value, "AAAA"]
        case dict():
            return {name: _other(each) for name, each in value.items()} or {"x": 1}
        case _:
            return "x"


async def test_what_is_not_sealed_is_not_exported(filled: Sealing, access: Access, tmp_path: Path):
    await filled.append(1)
    with pytest.raises(NotSealed):
        await exported(filled, tmp_path, Wanted(to=701))
    connection = await access.connect()
    with pytest.raises(NotFound, match="log init"):
        await export(connection, tmp_path / "unsigned", Wanted(), by="tester", purpose=None, at=AT)
    await connection.close()


async def test_the_log_is_told_of_an_export_in_an_event_that_passes_the_door(filled: Sealing, tmp_path: Path):
    done = await export(filled.admin, tmp_path / "e", Wanted(), by="tester", purpose="a report", at=AT)
    event = exported_event(done, by="tester", purpose="a report")
    assert await filled.append(commands=[command(event)]) == SIZE + 1
    assert event["data"]["sha256"] == done.sha256
    assert event["tlp"] == "RED"  # who took what, and what for, is no more for everybody than the access log


async def test_an_export_does_not_write_into_what_is_there(filled: Sealing, tmp_path: Path):
    (tmp_path / "export").mkdir()
    with pytest.raises(FileExistsError):
        await exported(filled, tmp_path)
    shutil.rmtree(tmp_path / "export")
