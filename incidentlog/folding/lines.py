"""Lines of a ledger as columns: packed to be stored, and unpacked column by column to be summed. Pure.

What a column holds is said once: numbers as what they have in common and a small remainder (a constant column takes no
room at all), texts as numbers of the texts that occur. All columns of some lines are one compressed frame of Zstandard
(RFC 8878) with its checksum: `length of the head (4 octets, little-endian) | head (JSON) | the columns' octets`.

The texts of columns that have many, such as the streams of a segment, are a frame of their own at the end of these
octets: a sum does not ask for them, and they took most of the time and room that unpacking takes.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from math import gcd
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from incidentlog import zstd
from incidentlog.folding.shapes import Booking, Key

Numbers = NDArray[np.int64]
Chosen = NDArray[np.bool_] | None
"""Which of some lines; None is all."""
Texts = tuple[Sequence[str | None], Numbers]
"""The texts of a column, and for each line the number of its own."""

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
FEW: Final = 256
"""Up to so many lines plain lists are faster than arrays."""
MANY: Final = 64
"""A column's texts that are more are not in the head."""
OWN_BYTES: Final = 2_500
"""About how many bytes of memory lines take, however few they are."""
LEVEL: Final = 3
"""Of the compression: more makes a ledger a few per cent smaller and takes twice as long."""
KEPT: Final = ("levels", "restated", "instants")
"""The columns that are kept once they were asked for, beside the positions; a constant one takes no room."""
SIZES: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))
HEAD: Final = 4


@lru_cache(maxsize=10_000)
def instant_number(at: datetime) -> int:
    """An instant as microseconds since 2000-01-01, as PostgreSQL counts them."""
    return (at - EPOCH) // MICROSECOND


@lru_cache(maxsize=10_000)
def instant_at(number: int) -> datetime:
    """The instant of a number."""
    return EPOCH + number * MICROSECOND


class Lines:
    """Some lines of one ledger, in their order: by position, and within a position as they were booked."""

    def __init__(self, packed: bytes) -> None:
        """Unpack what `pack` or `merge` made. Raises ValueError where it is nothing of the kind, or damaged."""
        try:
            raw = zstd.decompress(packed)
        except zstd.ZstdError as error:
            raise ValueError(f"lines of a ledger cannot be unpacked: {error}") from error
        if len(raw) <= HEAD:
            raise ValueError("lines of a ledger cannot be unpacked: there is nothing")
        begins = HEAD + int.from_bytes(raw[:HEAD], "little")
        self._head: dict[str, Any] = orjson.loads(raw[HEAD:begins])
        self._columns = memoryview(raw)[begins:]
        self.count: int = self._head["count"]
        kept = sum(len(self._head[name]) > 1 for name in KEPT)
        self.weight = OWN_BYTES + len(raw) + 8 * begins + (1 + kept) * 8 * self.count
        """About how many bytes it takes in memory: what the head says takes more than its octets, and some columns are
        kept. It is right to a third or so, of one line as of four thousand."""

    @cached_property
    def positions(self) -> Numbers:
        """Where each was booked."""
        first: int = self._head["first"]
        return np.cumsum(self._numbers(self._head["positions"])) + first

    @cached_property
    def levels(self) -> Numbers:
        """From which marking on each is seen."""
        return self._numbers(self._head["levels"])

    @cached_property
    def restated(self) -> Numbers:
        """1 where the booking changed the past."""
        return self._numbers(self._head["restated"])

    @cached_property
    def instants(self) -> Numbers:
        """From which instant of the world on each counts: see `instant_number`."""
        return self._numbers(self._head["instants"])

    @property
    def streams(self) -> Texts:
        """Whose lines they are; read anew each time."""
        return self._texts([self._head["streams"]])[0]

    @property
    def stream_numbers(self) -> Numbers:
        """By which numbers they tell whose they are: lines of one stream from those of another, and no more."""
        return self._numbers(self._head["streams"][1])

    @property
    def dimensions(self) -> int:
        """How many dimensions they have."""
        return len(self._head["dimensions"])

    @property
    def measures(self) -> int:
        """How many measures they have."""
        return len(self._head["amounts"])

    def dimension(self, number: int) -> Texts:
        """The values of a dimension, counted from 0."""
        return self.several([number])[0]

    def several(self, numbers: Iterable[int]) -> list[Texts]:
        """The values of some dimensions: sooner so than one by one."""
        return self._texts([self._head["dimensions"][number] for number in numbers])

    def amounts(self, number: int) -> Numbers:
        """The amounts of a measure, counted from 0."""
        return self._numbers(self._head["amounts"][number])

    def has(self, measure: int) -> bool:
        """Whether any of the lines has an amount of a measure."""
        spec: list[Any] = self._head["amounts"][measure]
        return spec != [0]

    def bookings(self, chosen: Chosen = None) -> Iterator[Booking]:
        """The lines themselves, or some of them."""
        if chosen is not None and not chosen.any():
            return
        streams, of_stream = self.streams
        columns = (self.positions, self.levels, of_stream, self.instants, self.restated)
        amounts = [_some(self.amounts(n), chosen) for n in range(self.measures)]
        plain = zip(*(_some(column, chosen) for column in columns), strict=True)
        keys = self.keys(range(self.dimensions), chosen)
        for (position, level, stream, instant, restated), key, own in zip(
            plain, keys, zip(*amounts, strict=True), strict=True
        ):
            yield Booking(position, level, str(streams[stream]), instant_at(instant), key, own, bool(restated))

    def keys(self, dimensions: Iterable[int], chosen: Chosen = None) -> list[Key]:
        """Of every line, or of some, the values of some dimensions; at least one."""
        columns = [[values[code] for code in _some(codes, chosen)] for values, codes in self.several(dimensions)]
        return list(zip(*columns, strict=True))

    def _numbers(self, spec: Sequence[Any]) -> Numbers:
        low, *rest = spec
        if not rest:
            return np.ndarray(self.count, np.int64, np.int64(low).tobytes(), strides=(0,))  # one number, many times
        code, step, begins = rest
        kept = np.frombuffer(self._columns, _little(code), self.count, begins).astype(np.int64)
        return kept * step + low if step != 1 or low else kept

    def _texts(self, specs: Sequence[Any]) -> list[Texts]:
        apart: Sequence[Any] = ()
        if any(isinstance(values, int) for values, _ in specs):
            apart = orjson.loads(zstd.decompress(self._columns[self._head["apart"] :]))
        return [(apart[v] if isinstance(v, int) else v, self._numbers(numbers)) for v, numbers in specs]


def _some(column: Numbers, chosen: Chosen) -> list[int]:
    found: list[int] = (column if chosen is None else column[chosen]).tolist()
    return found


def pack(bookings: Sequence[Booking]) -> bytes:
    """Some lines of one ledger, at least one, in their order. Raises OverflowError for an amount beyond 64 bits."""
    writer = _Writer(len(bookings))
    positions, levels, streams, instants, dimensions, amounts, restated = zip(*bookings, strict=True)
    return writer.packed(
        first=positions[0],
        positions=writer.numbers(_steps(positions)),
        levels=writer.numbers(levels),
        restated=writer.numbers([int(r) for r in restated]),
        instants=writer.numbers([instant_number(at) for at in instants]),
        streams=writer.texts(streams),
        dimensions=[writer.texts(column) for column in zip(*dimensions, strict=True)],
        amounts=[writer.numbers(column) for column in zip(*amounts, strict=True)],
    )


def pack_totals(columns: Sequence[Texts], levels: Numbers, amounts: Sequence[Numbers | None], marks: Numbers) -> bytes:
    """Totals as lines of no stream and of no instant. There may be none.

    A mark is the position of the last booking, doubled, plus one when it restated something: one maximum says both. An
    amount that is None is 0 in all of them.
    """
    writer, positions = _Writer(len(marks)), marks // 2
    return writer.packed(
        first=int(positions[0]) if len(positions) else 0,
        positions=writer.array(np.diff(positions, prepend=positions[:1])),
        levels=writer.array(levels),
        restated=writer.array(marks % 2),
        instants=[0],
        streams=[[""], [0]],
        dimensions=[writer.joined([column]) for column in columns],
        amounts=[[0] if own is None else writer.array(own) for own in amounts],
    )


def merge(parts: Sequence[Lines]) -> bytes:
    """The lines of some, at least one, in the order of their positions; of one position they stay in theirs."""
    writer = _Writer(sum(part.count for part in parts))
    first, positions = parts[0], np.concatenate([part.positions for part in parts])
    every = range(first.dimensions)
    order = None if np.all(positions[1:] >= positions[:-1]) else np.argsort(positions, kind="stable")

    def column(of_parts: Iterable[Numbers]) -> Numbers:
        joined = np.concatenate(list(of_parts))
        return joined if order is None else joined[order]

    positions = positions if order is None else positions[order]
    return writer.packed(
        first=int(positions[0]),
        positions=writer.array(np.diff(positions, prepend=positions[0])),
        levels=writer.array(column(part.levels for part in parts)),
        restated=writer.array(column(part.restated for part in parts)),
        instants=writer.array(column(part.instants for part in parts)),
        streams=writer.joined([part.streams for part in parts], order),
        dimensions=[writer.joined(texts, order) for texts in zip(*(p.several(every) for p in parts), strict=True)],
        amounts=[writer.array(column(part.amounts(n) for part in parts)) for n in range(first.measures)],
    )


def _steps(positions: Sequence[int]) -> list[int]:
    """How far each is from the one before it: mostly nothing or one, where the positions themselves grow."""
    return [here - before for before, here in zip((*positions[:1], *positions), positions, strict=False)]


class _Writer:
    """Takes columns down, and says of each how it is read."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._octets = bytearray()
        self._apart = list[list[str | None]]()

    def packed(self, **head: Any) -> bytes:
        """All that was taken down, as it is stored."""
        apart = {"apart": len(self._octets)} if self._apart else {}
        told = orjson.dumps({"count": self._count, **head, **apart})
        frame = zstd.compress(orjson.dumps(self._apart), LEVEL) if self._apart else b""
        raw = b"".join((len(told).to_bytes(HEAD, "little"), told, bytes(self._octets), frame))
        return zstd.compress(raw, LEVEL, checked=True)

    def numbers(self, values: Sequence[int]) -> list[Any]:
        """A column of numbers; of few lines without arrays."""
        if not values or values.count(values[0]) == len(values):  # most columns are nothing but noughts
            return [values[0] if values else 0]
        if self._count > FEW:
            return self.array(np.array(values, np.int64))
        low, high = min(values), max(values)
        code, low, step = _scaled(low, high, lambda: gcd(*(v - low for v in values)))
        kept = array(code, values if code == "q" else [(v - low) // step for v in values])
        if sys.byteorder == "big":
            kept.byteswap()
        return [low, code, step, self._take(kept.tobytes())]

    def array(self, values: Numbers) -> list[Any]:
        """The same of an array."""
        if not len(values):
            return [0]
        low, high = int(values.min()), int(values.max())
        if low == high:
            return [low]
        code, low, step = _scaled(low, high, lambda: int(np.gcd.reduce(values - low)))
        kept = values if code == "q" else (values - low) // step
        return [low, code, step, self._take(kept.astype(_little(code)).tobytes())]

    def texts(self, values: Sequence[str | None]) -> list[Any]:
        """A column of texts."""
        known = {value: number for number, value in enumerate(dict.fromkeys(values))}
        if len(known) < 2:  # noqa: PLR2004 - one text, or none
            return [list(known), [0]]
        code, low, step = _scaled(0, len(known) - 1, lambda: 1)  # each number occurs
        numbers = range(len(known)) if len(known) == len(values) else map(known.__getitem__, values)
        kept = np.fromiter(numbers, _little(code), len(values))
        return [self._told(list(known)), [low, code, step, self._take(kept.tobytes())]]

    def joined(self, columns: Sequence[Texts], order: Numbers | None = None) -> list[Any]:
        """A column of texts from some that follow each other, or that are put in another order."""
        known: dict[str | None, int] = {}
        codes = np.concatenate([renumbered(values, known)[numbers] for values, numbers in columns])
        if order is None:
            return [self._told(list(known)), self.array(codes)]
        codes = codes[order]
        numbers, begins = np.unique(codes, return_index=True)
        as_met = numbers[np.argsort(begins)]  # numbered as they occur, as if the lines had come in this order
        again = np.zeros(len(known), np.int64)
        again[as_met] = np.arange(len(as_met))
        values = list(known)
        return [self._told([values[n] for n in as_met]), self.array(again[codes])]

    def _told(self, texts: list[str | None]) -> list[str | None] | int:
        """The texts; where they are many, the number by which they are found apart."""
        if len(texts) <= MANY:
            return texts
        self._apart.append(texts)
        return len(self._apart) - 1

    def _take(self, octets: bytes) -> int:
        self._octets += bytes(-len(self._octets) % 8)  # a column begins where an array can be laid over it
        begins = len(self._octets)
        self._octets += octets
        return begins


def renumbered(values: Sequence[str | None], known: dict[str | None, int]) -> Numbers:
    """For each of some texts its number among those that are known; what is new is numbered on."""
    return np.fromiter((known.setdefault(value, len(known)) for value in values), np.int64, len(values))


def _scaled(low: int, high: int, step: Any) -> tuple[str, int, int]:
    """How numbers between two bounds are kept: the array's type code, what is taken off, and by what it is divided."""
    if high - low >= 1 << 62:  # as they are: their differences are beyond 64 bits
        return "q", 0, 1
    divisor: int = step()
    for code, beyond in SIZES:
        if (high - low) // divisor < beyond:
            return code, low, divisor
    return "q", 0, 1


def _little(code: str) -> str:
    return {"B": "<u1", "H": "<u2", "I": "<u4", "q": "<i8"}[code]
