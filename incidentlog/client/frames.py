"""Rows as a data frame of polars or pandas, with the types that the same rows have in Parquet (docs/formats.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from incidentlog.folding.columns import DIGITS, PLACES, Column, Kind, tally_table, typed
from incidentlog.folding.figures import leaves
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS


def to_polars(projection: str, by: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> Any:
    """A `polars.DataFrame`. Raises ImportError, saying how to install it."""
    try:
        import polars as pl  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise ImportError("frames of polars need it: pip install 'incidentlog[polars]'") from missing
    types: dict[Kind, Any] = {
        "text": pl.String,
        "integer": pl.Int64,
        "number": pl.Float64,
        "decimal": pl.Decimal(DIGITS, PLACES),
        "truth": pl.Boolean,
        "day": pl.Date,
        "instant": pl.Datetime("us", "UTC"),
        "texts": pl.List(pl.String),
        "json": pl.String,
    }
    table = _table(projection, by, rows)
    return pl.DataFrame(
        {column.name: values for column, values in table}, schema={c.name: types[c.kind] for c, _ in table}
    )


def to_pandas(projection: str, by: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> Any:
    """A `pandas.DataFrame`; whole numbers stay so beside nulls. Raises ImportError, saying how to install it."""
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise ImportError("frames of pandas need it: pip install 'incidentlog[pandas]'") from missing
    types: dict[Kind, str] = {
        "text": "string",
        "integer": "Int64",
        "number": "Float64",
        "truth": "boolean",
        "instant": "datetime64[us, UTC]",
        "json": "string",
    }
    table = _table(projection, by, rows)
    return pd.DataFrame({c.name: pd.Series(values, dtype=types.get(c.kind, "object")) for c, values in table})


def _table(projection: str, by: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> list[tuple[Column, list[Any]]]:
    flat = {key: leaves(row) for key, row in rows.items()}
    columns = _columns(projection, by, flat)
    lines = [{"key": key, **row} for key, row in flat.items()]
    return [(column, [typed(column.kind, line.get(path)) for line in lines]) for path, column in columns.items()]


def _columns(projection: str, by: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Column]:
    """Of a tally that is known here the columns of its tables; else a key, and the members that there are."""
    known = PROJECTIONS.get(projection)
    if isinstance(known, Tally):
        compared = any(path.startswith("previous.") for path in next(iter(rows.values()), ()))
        return tally_table(known, by or known.group_by, compared=compared)
    paths = dict.fromkeys(path for row in rows.values() for path in row)
    told = {path: [v for row in rows.values() if (v := row.get(path)) is not None] for path in paths}
    kinds = {path: _kind(values) for path, values in told.items()}
    return {"key": Column("key", "text")} | {p: Column(p.replace(".", "_"), kind) for p, kind in kinds.items()}


def _kind(values: Sequence[Any]) -> Kind:
    """Of which type values are that a document's rows have."""
    types = {type(value) for value in values}
    if types <= {str}:
        return "text"
    if types == {bool}:
        return "truth"
    if types == {int}:
        return "integer"
    return "number" if types <= {int, float} else "json"
