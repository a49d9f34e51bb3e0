"""What comes through standard input has no name that says what it is (docs/import.md)."""

import gzip
import os
from collections.abc import Iterator

import pytest

from incidentlog.importers.opening import STDIN, Progress, opened


@pytest.fixture
def piped(request: pytest.FixtureRequest) -> Iterator[None]:
    """Standard input has what the test says, and ends."""
    before = os.dup(0)
    reading, writing = os.pipe()
    os.write(writing, request.param)
    os.close(writing)
    os.dup2(reading, 0)
    yield
    os.dup2(before, 0)
    os.close(before)
    os.close(reading)


@pytest.mark.parametrize(
    ("piped", "kind", "text"),
    [
        (b"id,date\n1,x\n", "csv", b"id,date\n1,x\n"),
        (b'\xef\xbb\xbf\n [{"id": 1}]', "json", b'\xef\xbb\xbf\n [{"id": 1}]'),
        (b'{"id": 1}\n', "json", b'{"id": 1}\n'),
        (gzip.compress(b"id;date\n", mtime=0), "csv", b"id;date\n"),
        (b"", "csv", b""),
    ],
    indirect=["piped"],
)
@pytest.mark.usefixtures("piped")
def test_what_is_piped_is_known_by_how_it_begins(kind: str, text: bytes):
    with opened([STDIN], Progress()) as files:
        (file,) = ((each.suffix, each.stream.read()) for each in files)
    assert file == (kind, text)
