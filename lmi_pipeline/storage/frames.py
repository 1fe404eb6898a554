"""Catalogue types as Arrow types, and the one place a frame is held against its catalogue entry."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Column, Table
from lmi_pipeline.errors import SchemaError

_ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(table: Table) -> pa.Schema:
    """Arrow schema of a catalogued table, columns in catalogue order."""
    return pa.schema(
        [pa.field(name, _ARROW[catalog.column(name).type], name in table.nullable) for name in table.columns]
    )


def to_arrow(frame: pd.DataFrame, table: Table) -> pa.Table:
    """Convert a frame to the table's Arrow schema, refusing anything that does not agree with it.

    Parameters
    ----------
    frame : DataFrame
        Rows to write; columns in any order.
    table : Table
        Catalogue entry.

    Raises
    ------
    SchemaError
        Empty frame, missing or extra columns, a wrong type, or nulls where the catalogue allows none.
    """
    missing = [c for c in table.columns if c not in frame.columns]
    extra = [c for c in frame.columns if c not in table.columns]
    if missing or extra:
        raise SchemaError(
            f"table '{table.name}': columns do not agree with the catalogue: missing {missing}, not catalogued {extra};"
            f" change the asset or catalog/tables/{table.layer}.yml"
        )
    if frame.empty and not table.may_be_empty:
        raise SchemaError(f"table '{table.name}': no rows to write; check that its upstream assets have rows")
    arrays = [_column_array(frame[name], catalog.column(name), table) for name in table.columns]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(table))


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Frame as it reads back from the lake: catalogue columns, order and types; SchemaError as :func:`to_arrow`."""
    stored: pd.DataFrame = to_arrow(frame, table).to_pandas()
    return stored


def _column_array(series: pd.Series, column: Column, table: Table) -> pa.Array:
    where = f"table '{table.name}', column '{column.name}'"
    try:
        natural = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise SchemaError(f"{where}: values of more than one type, expected {column.type}") from None
    if isinstance(natural, pa.ChunkedArray):
        natural = natural.combine_chunks()
    if pa.types.is_dictionary(natural.type):
        natural = natural.dictionary_decode()
    if not _fits(natural.type, column):
        raise SchemaError(f"{where}: type is {natural.type}, expected {column.type}; convert it when tidying")
    nulls = natural.null_count
    if nulls and column.name not in table.nullable:
        raise SchemaError(f"{where}: {nulls} of {len(natural)} rows are null, and the catalogue allows none")
    try:
        return natural.cast(_ARROW[column.type])
    except pa.ArrowInvalid:
        raise SchemaError(f"{where}: {natural.type} values do not convert to {column.type} without loss") from None


def _fits(found: pa.DataType, column: Column) -> bool:
    if pa.types.is_null(found):
        return True
    number = pa.types.is_integer(found) or pa.types.is_floating(found)
    return {
        "string": pa.types.is_string(found) or pa.types.is_large_string(found),
        "integer": number,
        "float": number,
        "boolean": pa.types.is_boolean(found),
        "date": pa.types.is_date(found),
        "timestamp": pa.types.is_timestamp(found),
    }[column.type]


def combine_synthetic(*flags: object) -> str:
    """One flag for figures that rest on several inputs: true, false, or mixed."""
    seen: set[str] = set()
    for flag in flags:
        seen.update([flag] if isinstance(flag, str) else pd.Series(flag).unique())
    if not seen:
        raise SchemaError("no input says whether it is synthetic; every table carries the column 'synthetic'")
    return seen.pop() if len(seen) == 1 else "mixed"
