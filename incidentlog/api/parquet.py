"""Tables as Parquet, by pyarrow: the format's own implementation, which pandas, polars and DuckDB are tried against.

Types are the same in all of them: instants are timestamps in UTC to the microsecond, days are dates, figures with
places are decimals and not floats, and what is nested is text that holds JSON.
"""

import asyncio
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import orjson

from incidentlog.api.answers import dumps
from incidentlog.errors import NotAcceptable
from incidentlog.folding.columns import DIGITS, PLACES, Column, Kind, typed

PORTION: Final = 100
"""So many rows are made columns at a time."""
MISSING: Final = "parquet is written by pyarrow, which this service has not: pip install 'incidentlog[parquet]'"


def is_there() -> bool:
    """Whether this service can write it."""
    return find_spec("pyarrow") is not None


def packed(values: Sequence[Any]) -> bytes:
    """A row, as it is kept until its page is whole."""
    return dumps(values)


async def write_parquet(columns: Sequence[Column], rows: Sequence[bytes], told: Mapping[str, str]) -> bytes:
    """Packed rows as a file, made in a thread; `told` is kept in it. Raises NotAcceptable where pyarrow is missing."""
    return await asyncio.to_thread(_write, columns, rows, told)


def _write(columns: Sequence[Column], rows: Sequence[bytes], told: Mapping[str, str]) -> bytes:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise NotAcceptable(MISSING) from None
    types = _types(pa)
    schema = pa.schema([(column.name, types[column.kind]) for column in columns], metadata=dict(told))
    portions = []
    for start in range(0, len(rows), PORTION):  # what rows are as objects is many times what they are as columns
        values: list[list[Any]] = [orjson.loads(row) for row in rows[start : start + PORTION]]
        arrays = [
            pa.array([typed(column.kind, row[n]) for row in values], types[column.kind])
            for n, column in enumerate(columns)
        ]
        portions.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_batches(portions, schema=schema), sink, compression="zstd")
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _types(pa: Any) -> Mapping[Kind, Any]:
    return {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "decimal": pa.decimal128(DIGITS, PLACES),
        "truth": pa.bool_(),
        "day": pa.date32(),
        "instant": pa.timestamp("us", tz="UTC"),
        "texts": pa.list_(pa.string()),
        "json": pa.string(),
    }
