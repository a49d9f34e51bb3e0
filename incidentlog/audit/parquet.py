"""The events of an export as a table in Parquet: a tenth of the bytes, and every reader of tables reads it.

A row per position, in their order: the exact leaf, each part with its salt, and the columns that index the event; what
was erased is null. Nothing is withheld in it: the columns say what the parts do. It needs pyarrow, the extra
`incidentlog[parquet]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from incidentlog.audit.exported import TABLE, VerificationError, named, part_of
from incidentlog.audit.leaf import PARTS
from incidentlog.store.parts import INDEXED, Row

ROWS: Final = 1_000
TEXT: Final = 16 * 1024 * 1024
"""So many rows, or bytes of their text, are in memory at a time, and in a row group of the file."""
GROUP: Final = 4 * TEXT
"""The most bytes of a row group that is read."""
REPEATED: Final = [name for name in INDEXED if name not in {"event_id", "actors"}]
"""Columns of values that come again, and that one looks up by."""
OPENED: Final = ("leaf", "has_private", *(name for part in PARTS for name in (part, f"{part}_salt")))
"""What a leaf is checked by."""


class Table:
    """Writes it."""

    name = TABLE

    def __init__(self, folder: Path) -> None:
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        self._path, self._schema = folder / TABLE, _schema()
        # A dictionary of texts that come once is a copy, and their least and greatest would stand in the footer.
        self._writer: Any = parquet.ParquetWriter(
            self._path, self._schema, compression="zstd", use_dictionary=REPEATED, write_statistics=REPEATED
        )
        self._rows: list[dict[str, Any]] = []
        self._text = 0

    def add(self, row: Row, leaf: bytes, *, opened: bool, private: bool) -> None:
        """One more; raises ValueError for one of which something is to be withheld."""
        if not opened or not private:
            raise ValueError("nothing is withheld in a table")
        values = {name: getattr(row, name) for name in self._schema.names if name not in {"leaf", "event_id"}}
        self._rows.append(values | {"leaf": leaf.decode(), "event_id": str(row.event_id)})
        self._text += sum(len(values[part] or "") for part in PARTS)
        if len(self._rows) >= ROWS or self._text >= TEXT:
            self._put()

    def _put(self) -> None:
        import pyarrow as pa  # noqa: PLC0415 - an extra

        if self._rows:
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, self._schema))
        self._rows, self._text = [], 0

    def close(self) -> dict[str, Any]:
        """Its digest and its size."""
        self._put()
        self._writer.close()
        with self._path.open("rb") as file:
            return named(file)


def _schema() -> Any:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    text, instant = pa.string(), pa.timestamp("us", tz="UTC")
    types = {
        "position": pa.int64(), "stream_version": pa.int32(), "schema_version": pa.int16(), "tlp": pa.int8(),
        "occurred_from": instant, "occurred_until": instant, "reported_at": instant, "recorded_at": instant,
        "lat": pa.float64(), "lon": pa.float64(), "actors": pa.list_(text), "has_private": pa.bool_(),
        "body_salt": pa.binary(), "meta_salt": pa.binary(), "private_salt": pa.binary(),
    }  # fmt: skip
    return pa.schema([(name, types.get(name, text)) for name in (*INDEXED, "recorded_at", *OPENED)])


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Each event as a line of `events.ndjson` has it; raises VerificationError for what is no such table."""
    for row in _read(path, OPENED):
        yield _event(row)


def read_rows(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each event, and the columns that index it, of `INDEXED`. Raises VerificationError for what is no such table."""
    for row in _read(path, (*INDEXED, *OPENED)):
        yield _event(row), {name: row[name] for name in INDEXED}


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    told = PARTS if row["has_private"] else PARTS[:-1]
    return {"leaf": row["leaf"], "parts": {part: part_of(row[f"{part}_salt"], row[part]) for part in told}}


def _read(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(path) as file:
            if not file.schema_arrow.equals(_schema()):
                raise VerificationError(f"{path.name} has other columns than an export's")
            for n in range(file.num_row_groups):
                if file.metadata.row_group(n).total_byte_size > GROUP:
                    raise VerificationError(f"row group {n + 1} of {path.name} is too large")
                yield from file.read_row_group(n, columns=list(columns), use_threads=False).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise VerificationError(f"{path.name} cannot be read: {error}") from error
