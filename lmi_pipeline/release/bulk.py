"""Rows of a Parquet file into a database table, as fast as the database takes them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import sqlalchemy as sa

_BATCH = 50_000


def load(connection: sa.Connection, target: sa.Table, parquet: Path) -> None:
    """Append every row of a Parquet file to a table, in the file's order.

    SQLite takes tuples and PostgreSQL (psycopg2) a COPY stream; any other database the insert of SQLAlchemy.
    """
    loaders: dict[str, Callable[[sa.Connection, sa.Table, Path], None]] = {
        "pysqlite": _load_tuples,
        "psycopg2": _load_stream,
    }
    loaders.get(connection.dialect.driver, _load_mappings)(connection, target, parquet)


def _batches(parquet: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(parquet) as file:
        yield from file.iter_batches(batch_size=_BATCH)


def _load_mappings(connection: sa.Connection, target: sa.Table, parquet: Path) -> None:
    for batch in _batches(parquet):
        connection.execute(target.insert(), batch.to_pylist())


def _load_tuples(connection: sa.Connection, target: sa.Table, parquet: Path) -> None:
    names = ", ".join(f'"{column.name}"' for column in target.columns)
    statement = f'INSERT INTO "{target.name}" ({names}) VALUES ({", ".join("?" * len(target.columns))})'
    for batch in _batches(parquet):
        columns = [_plain(batch.column(column.name)).to_pylist() for column in target.columns]
        connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def _plain(values: pa.Array) -> pa.Array:
    """Dates and times as the text that SQLAlchemy keeps in SQLite."""
    if pa.types.is_date(values.type):
        return pc.strftime(values, format="%Y-%m-%d")
    if pa.types.is_timestamp(values.type):
        return pc.strftime(values.cast(pa.timestamp("us", tz=values.type.tz)), format="%Y-%m-%d %H:%M:%S")
    return values


def _load_stream(connection: sa.Connection, target: sa.Table, parquet: Path) -> None:
    quote = connection.dialect.identifier_preparer
    names = ", ".join(quote.quote(column.name) for column in target.columns)
    statement = f"COPY {quote.format_table(target)} ({names}) FROM STDIN WITH (FORMAT csv)"
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor:
        cursor.copy_expert(statement, _CsvStream(parquet, [column.name for column in target.columns]))


class _CsvStream(io.RawIOBase):
    """A Parquet file read as CSV, a batch at a time: nulls are empty, texts are in quotes."""

    def __init__(self, parquet: Path, columns: list[str]) -> None:
        self._batches = _batches(parquet)
        self._columns = columns
        self._ready = b""
        self._place = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._place == len(self._ready):
            batch = next(self._batches, None)
            self._ready, self._place = b"" if batch is None else self._as_csv(batch), 0
        piece = self._ready[self._place : self._place + len(buffer)]
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def _as_csv(self, batch: pa.RecordBatch) -> bytes:
        import pyarrow.csv as csv

        stream = io.BytesIO()
        csv.write_csv(batch.select(self._columns), stream, csv.WriteOptions(include_header=False))
        return stream.getvalue()


def busy_columns(parquet: Path, columns: list[str], fewest: int) -> list[str]:
    """Columns with at least so many different values, of those named: where an index pays."""
    import pyarrow.parquet as pq

    counts = {name: pc.count_distinct(pq.read_table(parquet, columns=[name]).column(0)).as_py() for name in columns}
    return [name for name, count in counts.items() if count >= fewest]
