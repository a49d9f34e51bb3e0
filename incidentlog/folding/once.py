"""Counting a subject once, though a tally books it on several lines: an exchange has two sides, a strike many means.

A sum does not know whether it was narrowed. So each line carries a mark, and the first one takes off the marks of
them all: where nothing is left of the marks, every line is in the sum, and the subjects are counted; else the lines.
A sum that has some subjects whole and others in part counts lines (such as two of three sides).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from zlib import crc32

ONCE: Final = ("lines", "subjects", "marks")
"""The measures it takes."""


def lines_of(stream: str, lines: Sequence[str]) -> Iterator[dict[str, int]]:
    """The measures of each of a subject's lines, which are named apart and count from one instant."""
    marks = [crc32(f"{stream} {line}".encode()) for line in lines]
    for n, mark in enumerate(marks):
        yield {"lines": 1, "subjects": int(n == 0), "marks": mark - (sum(marks) if n == 0 else 0)}


def is_whole(sums: Mapping[str, int]) -> bool:
    """Whether all lines of all subjects are in the sum."""
    return sums["marks"] == 0


def count_of(sums: Mapping[str, int]) -> int:
    """How many subjects are in the sum."""
    return sums["subjects"] if is_whole(sums) else sums["lines"]
