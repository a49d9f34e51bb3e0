"""The leaf of an event, to the byte."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from incidentlog.audit.leaf import NoLeafError, digest_of, instant, leaf_bytes, parse_leaf
from incidentlog.commitment import commitment

WHEN = datetime(2026, 11, 22, 8, 59, 1, 123456, tzinfo=UTC)
BODY, META, PRIVATE = (hashlib.sha256(name).digest() for name in (b"b", b"m", b"p"))
EXACT = (
    f'{{"parts":{{"body":"{BODY.hex()}","meta":"{META.hex()}","private":"{PRIVATE.hex()}"}},"position":17,'
    '"recorded_at":"2026-11-22T08:59:01.123456Z","v":1}'
).encode()


def test_a_leaf_to_the_byte():
    assert leaf_bytes(17, WHEN, BODY, META, PRIVATE) == EXACT


def test_a_part_that_was_never_there_is_not_in_the_leaf():
    assert b"private" not in leaf_bytes(17, WHEN, BODY, META)


def test_a_leaf_says_utc_to_the_microsecond():
    assert instant(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000000Z"
    assert instant(datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-01T22:00:00.000000Z"


def test_a_commitment_to_the_byte():
    salt = bytes(range(32))
    expected = hashlib.sha256(b"body\0" + salt + "Одеса".encode()).digest()
    assert commitment(b"body", salt, "Одеса".encode()) == expected
    assert digest_of("body", salt, "Одеса", None) == expected


def test_what_is_there_is_hashed_whatever_digest_is_kept_beside_it():
    assert digest_of("private", bytes(32), "{}", BODY) == commitment(b"private", bytes(32), b"{}")


def test_the_leaf_of_an_erased_part_is_the_same():
    digest = digest_of("private", bytes(32), "{}", None)
    assert digest_of("private", None, None, digest) == digest
    with pytest.raises(ValueError, match="no digest"):
        digest_of("private", None, None, None)


@pytest.mark.parametrize("private", [PRIVATE, None])
def test_what_is_made_is_read(private: bytes | None):
    leaf = parse_leaf(leaf_bytes(17, WHEN, BODY, META, private))
    assert (leaf.position, leaf.recorded_at) == (17, WHEN)
    assert leaf.parts == {"body": BODY, "meta": META} | ({"private": private} if private else {})


@pytest.mark.parametrize(
    "altered",
    [
        EXACT + b"\n", b" " + EXACT, EXACT.replace(b":17", b":017"), EXACT.replace(b":17", b": 17"),
        EXACT.replace(b'"v":1', b'"v":2'), EXACT.replace(b"456Z", b"45Z"), EXACT.replace(b"-11-", b"-13-"),
        EXACT.replace(b"456Z", b"456+00:00"), EXACT.replace(b"body", b"bodi"), EXACT.upper(), b"{}", b"", b"\xff",
        EXACT.replace(BODY.hex().encode(), BODY.hex().upper().encode()),
    ],
)  # fmt: skip
def test_any_other_bytes_are_no_leaf(altered: bytes):
    with pytest.raises(NoLeafError):
        parse_leaf(altered)
