"""Signed notes, keys and cosignatures: the standards' examples, and forms that are not theirs."""

import base64

import pytest

from incidentlog.audit.notes import (
    COSIGNATURE,
    Note,
    NoteError,
    Signature,
    Signer,
    TreeHead,
    Verifier,
    cosigned,
    open_head,
    parse_note,
    seen_at,
)

# Go's golang.org/x/mod/sumdb/note, documentation of the package.
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# C2SP tlog-cosignature.
CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
    "zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0"
    "xUe+mbIUBkBIfZ+qnA==\n"
)
ROOT = bytes(range(32))


def test_the_example_of_gos_note_package():
    note = parse_note(GO_NOTE.encode())
    note.signed_by(Verifier.parse(GO_VKEY))
    signer = Signer.parse(GO_SKEY)
    assert (signer.skey, signer.verifier.vkey) == (GO_SKEY, GO_VKEY)
    assert str(Note(note.text, (signer.sign(note.text),))) == GO_NOTE


def test_the_example_of_a_cosigned_tree_head():
    note = parse_note(CHECKPOINT.encode())
    head = TreeHead.parse(note.text)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert base64.b64encode(head.root) == b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    assert (head.text, str(note)) == (note.text, CHECKPOINT)
    assert seen_at(note.signatures[1]) == 1679315147
    assert cosigned(note.text, 1679315147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_a_cosignature_holds_for_its_time_alone():
    witness = Signer.make("witness.example/w", COSIGNATURE)
    text = TreeHead("example.com/log", 3, ROOT).text
    signature = witness.cosign(text, 1_700_000_000)
    witness.verifier.verify(text, signature)
    assert Verifier.parse(witness.verifier.vkey) == witness.verifier
    later = Signature(signature.name, signature.key_id, (1_700_000_001).to_bytes(8, "big") + signature.value[8:])
    with pytest.raises(NoteError, match="does not verify"):
        witness.verifier.verify(text, later)


def test_keys_of_one_seed_and_two_kinds_have_two_ids():
    seed = Signer.make("a.example").seed
    assert Signer("a.example", 1, seed).verifier.key_id != Signer("a.example", 4, seed).verifier.key_id


def test_a_tree_head_is_opened_by_the_key_of_its_origin():
    signer, other = Signer.make("example.com/log"), Signer.make("example.com/other")
    head = TreeHead("example.com/log", 3, ROOT)
    raw = str(Note(head.text, (other.sign(head.text), signer.sign(head.text)))).encode()
    assert open_head(raw, [signer.verifier])[0] == head
    with pytest.raises(NoteError, match="signed by none"):
        open_head(raw, [other.verifier])
    with pytest.raises(NoteError, match="signed by none"):
        open_head(raw, [Signer.make("example.com/log").verifier])


def test_two_keys_may_sign_while_one_takes_over_from_the_other():
    old, new = Signer.make("example.com/log"), Signer.make("example.com/log")
    head = TreeHead("example.com/log", 3, ROOT)
    raw = str(Note(head.text, (old.sign(head.text), new.sign(head.text)))).encode()
    assert open_head(raw, [old.verifier])[0] == open_head(raw, [new.verifier])[0] == head


def test_an_altered_text_is_not_signed():
    signer = Signer.make("example.com/log")
    head = TreeHead("example.com/log", 3, ROOT)
    raw = str(Note(head.text, (signer.sign(head.text),))).replace("\n3\n", "\n4\n").encode()
    with pytest.raises(NoteError, match="does not verify"):
        open_head(raw, [signer.verifier])


@pytest.mark.parametrize(
    "altered",
    [
        "", "\n", "text\n", "text\n\n", GO_NOTE.removesuffix("\n"), GO_NOTE.replace("—", "-"), GO_NOTE + "\n",
        GO_NOTE.replace("\n\n", "\n"), GO_NOTE.replace("PeterNeumann ", "Peter Neumann "), GO_NOTE.replace("x08", "!08"),
        GO_NOTE.replace("nAM=", "nAN="), GO_NOTE.replace("nAM=", "nAM"), "a\tb" + GO_NOTE, "a\r" + GO_NOTE,
        GO_NOTE + "— PeterNeumann x08go/Y=\n" * 101, GO_NOTE + "— PeterNeumann x08goy==\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(altered: str):
    with pytest.raises(NoteError):
        parse_note(altered.encode())


def test_a_note_is_utf_8_and_of_bounded_size():
    for raw in (b"\xff\n\n", b"a" * 1_000_001):
        with pytest.raises(NoteError):
            parse_note(raw)


def test_a_line_separator_within_a_note_ends_no_line():
    note = parse_note(GO_NOTE.replace("If you", "If\u2028you").encode())
    assert "\u2028" in note.text
    with pytest.raises(NoteError, match="does not verify"):
        note.signed_by(Verifier.parse(GO_VKEY))


@pytest.mark.parametrize(
    "text",
    ["", "a\n", "a\n1\n", "a\n01\nAA==\n", "a\n1\nAA==\n", "\n1\n" + base64.b64encode(ROOT).decode() + "\n",
     "a\n+1\n" + base64.b64encode(ROOT).decode() + "\n", "a\n1\n" + base64.b64encode(ROOT).decode(),
     "a\n٣\n" + base64.b64encode(ROOT).decode() + "\n", "a\n1\n" + base64.b64encode(ROOT).decode() + "\n\nb\n"],
)  # fmt: skip
def test_what_is_no_tree_head_is_refused(text: str):
    with pytest.raises(NoteError):
        TreeHead.parse(text)


@pytest.mark.parametrize(
    "key", ["", "a", "a+b", GO_VKEY.replace("c74", "c75"), GO_VKEY[:-4], GO_VKEY.replace("ARp", "CRp"), GO_SKEY]
)
def test_what_is_no_key_is_refused(key: str):
    with pytest.raises(NoteError):
        Verifier.parse(key)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb"])
def test_a_key_has_a_name_without_white_space(name: str):
    with pytest.raises(NoteError):
        Signer.make(name)


def test_a_key_does_not_show_its_secret():
    assert GO_SKEY[-10:] not in repr(Signer.parse(GO_SKEY))
    assert "seed" not in repr(Signer.parse(GO_SKEY))
