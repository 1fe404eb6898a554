"""The lake: one Delta table per catalogued table, written whole slice by whole slice.

A commit is the only moment anything becomes visible, so a killed run leaves the table as it was.
Every earlier version stays readable.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table
from lmi_pipeline.errors import LmiError, SchemaError
from lmi_pipeline.storage.frames import arrow_schema, to_arrow

ATTEMPTS = 5
KEEP_HISTORY = {"delta.logRetentionDuration": "interval 36500 days"}
"""Property of every table: by default Delta deletes its log, and with it earlier versions, after 30 days."""


class Lake:
    """Catalogued tables under one folder.

    Parameters
    ----------
    root : Path
        Folder with one Delta table per catalogued table.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path(self, table: str) -> Path:
        """Folder of a catalogued table; SchemaError for one that is not in the catalogue."""
        return self.root / catalog.table(table).name

    def exists(self, table: str) -> bool:
        """Whether the table has ever been written."""
        return DeltaTable.is_deltatable(str(self.path(table)))

    def tables(self) -> list[str]:
        """Catalogued tables that have been written."""
        return [name for name in catalog.tables() if self.exists(name)]

    def write(
        self,
        table: str,
        frame: pd.DataFrame,
        slice_: Mapping[str, str] | None = None,
        *,
        fingerprint: str | None = None,
    ) -> int:
        """Replace a whole table, or one slice of it, in one commit.

        A column that the catalogue has gained since the table was made is null in the slices written before.

        Parameters
        ----------
        table : str
            Catalogued table.
        frame : DataFrame
            All rows of the table or of the slice.
        slice_ : mapping of str to str, optional
            Values of the table's slice columns; every row must have them.
        fingerprint : str, optional
            Hash of what the rows were made from, kept with the commit.

        Returns
        -------
        int
            Version of the table after the write.

        Raises
        ------
        SchemaError
            The frame does not agree with the catalogue or with the slice. Nothing is written.
        """
        entry = catalog.table(table)
        rows = to_arrow(frame, entry)
        self._check_slice(entry.name, rows, slice_, entry.slice_by)
        facts = CommitProperties(custom_metadata={"fingerprint": fingerprint or "", "slice": slice_text(slice_)})
        for attempt in range(1, ATTEMPTS + 1):
            if not self.exists(table) and self._found(entry, rows, facts):
                return 0
            held = DeltaTable(str(self.path(table)))
            try:
                write_deltalake(
                    held,
                    rows,
                    mode="overwrite",
                    predicate=_predicate(slice_) if slice_ else None,
                    partition_by=list(entry.slice_by) or None,
                    schema_mode="merge",
                    commit_properties=facts,
                )
                return int(held.version())
            except CommitFailedError as error:
                if attempt == ATTEMPTS:
                    raise LmiError(
                        f"table '{table}' {slice_text(slice_)}: another process kept writing the same slice "
                        f"({ATTEMPTS} attempts); run it again when that one has ended"
                    ) from error
        raise AssertionError("unreachable")

    def _found(self, entry: Table, rows: pa.Table, facts: CommitProperties) -> bool:
        """Write a table that does not exist beside its place, then move it there; False when another was first.

        Two first writes into one folder can both succeed, and the rows of both would stay.
        """
        place = self.path(entry.name)
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=f".{entry.name}-") as folder:
            made = Path(folder) / entry.name
            write_deltalake(
                str(made),
                rows,
                partition_by=list(entry.slice_by) or None,
                configuration=KEEP_HISTORY,
                commit_properties=facts,
            )
            try:
                made.rename(place)
            except OSError as error:
                if self.exists(entry.name):
                    return False
                raise LmiError(f"{place} holds files but is no table; move it away and run again") from error
        return True

    @staticmethod
    def _check_slice(name: str, rows: pa.Table, slice_: Mapping[str, str] | None, allowed: tuple[str, ...]) -> None:
        for column, value in (slice_ or {}).items():
            if column not in allowed:
                raise SchemaError(f"table '{name}' is not sliced by '{column}' but by {list(allowed)}")
            strays = len(rows) - (pc.sum(pc.equal(rows[column], _typed(column, value))).as_py() or 0)
            if strays:
                raise SchemaError(
                    f"table '{name}': {strays} of {len(rows)} rows are outside the slice {column} = {value}"
                )

    def dataset(self, table: str, *, version: int | None = None, as_of: datetime | None = None) -> ds.Dataset:
        """Arrow dataset of a table, for engines that read in place."""
        return self._open(table, version, as_of).to_pyarrow_dataset(schema=arrow_schema(catalog.table(table)))

    def read(
        self,
        table: str,
        *,
        columns: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        version: int | None = None,
        as_of: datetime | None = None,
    ) -> pd.DataFrame:
        """Read a table, now or as it was.

        Parameters
        ----------
        columns : iterable of str, optional
            Only these columns.
        where : mapping, optional
            Only rows with these values; a list, tuple or set means any of them.
        version, as_of : int, datetime, optional
            An earlier version by number, or the one in force at a time (UTC).
        """
        entry = catalog.table(table)
        wanted = list(columns) if columns is not None else list(entry.columns)
        stray = [c for c in [*wanted, *(where or {})] if c not in entry.columns]
        if stray:
            raise SchemaError(f"table '{table}' has no columns {stray}; it has {list(entry.columns)}")
        found = self._open(table, version, as_of).to_pyarrow_dataset(
            file_pruning_predicate=_partitions(where, entry.slice_by), schema=arrow_schema(entry)
        )
        frame: pd.DataFrame = found.to_table(columns=wanted, filter=_expression(where)).to_pandas()
        return frame

    def version(self, table: str) -> int:
        """Current version number of a table."""
        return int(self._open(table, None, None).version())

    def versions(self, table: str) -> pd.DataFrame:
        """History of a table: version, time (UTC), slice and fingerprint, newest first."""
        history = self._open(table, None, None).history()
        return pd.DataFrame(
            {
                "version": [int(h["version"]) for h in history],
                "written_at": pd.to_datetime([h["timestamp"] for h in history], unit="ms", utc=True),
                "slice": [h.get("slice", "") for h in history],
                "fingerprint": [h.get("fingerprint", "") for h in history],
            }
        )

    def fingerprints(self, table: str) -> dict[str, str]:
        """Fingerprint of the newest write of each slice, by slice text."""
        if not self.exists(table):
            return {}
        history = self.versions(table).sort_values("version")
        return dict(zip(history["slice"], history["fingerprint"], strict=True))

    def slices(self, table: str) -> list[str]:
        """Values of the first slice column present in a table, sorted."""
        entry = catalog.table(table)
        if not entry.slice_by or not self.exists(table):
            return []
        parts = self._open(table, None, None).partitions()
        return sorted({str(part[entry.slice_by[0]]) for part in parts})

    def _open(self, table: str, version: int | None, as_of: datetime | None) -> DeltaTable:
        if not self.exists(table):
            raise SchemaError(f"table '{table}' has not been written yet; run `lmi run --select +{table}`")
        found = DeltaTable(str(self.path(table)), version=version)
        if as_of is not None:
            found.load_as_version(as_of)
        return found


def slice_text(slice_: Mapping[str, str] | None) -> str:
    """Text that names a slice in a table's history."""
    return ", ".join(f"{column} = {value}" for column, value in (slice_ or {}).items())


def _predicate(slice_: Mapping[str, str]) -> str:
    return " AND ".join(f"{column} = {_literal(_typed(column, value))}" for column, value in slice_.items())


def _literal(value: Any) -> str:
    return "'{}'".format(value.replace("'", "''")) if isinstance(value, str) else str(value)


def _typed(column: str, value: Any) -> Any:
    """Value of a slice, which is text everywhere, as the column holds it."""
    return int(value) if catalog.column(column).type == "integer" else value


def _partitions(where: Mapping[str, Any] | None, slice_by: tuple[str, ...]) -> list[tuple[str, str, Any]] | None:
    """Part of a condition that says which files to open at all."""
    chosen = [(c, "in", [str(v) for v in _values(w)]) for c, w in (where or {}).items() if c in slice_by]
    return chosen or None


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _expression(where: Mapping[str, Any] | None) -> ds.Expression | None:
    expression: ds.Expression | None = None
    for column, value in (where or {}).items():
        term = ds.field(column).isin([_typed(column, each) for each in _values(value)])
        expression = term if expression is None else expression & term
    return expression
