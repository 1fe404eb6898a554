"""What a release changes: per table its columns, its rows by key, its numbers and its statuses.

The Parquet files of two releases are joined by DuckDB, which spills to disk: a table need not fit into memory. The key
is what each release says of itself in its CSV metadata. A value withheld in either release is no value in both, so that
a difference shows nothing that neither release shows.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

LARGEST = 10
STATUS, WITHHELD = "status", "withheld"
_CHANGED, _APPEARED, _GONE = 1, 2, 3
_MEMORY = "1GB"
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class _Side:
    """A table of one release: its file, and the type of each column."""

    path: Path
    types: Mapping[str, str]
    key: tuple[str, ...]
    rows: int


def diff_folders(before: Path | None, after: Path, tables: Collection[str] | None = None) -> dict[str, Any]:
    """Differences by table between the folders of two releases.

    Parameters
    ----------
    before, after : Path
        Folders with one ``<table>.parquet`` and ``<table>.csv-metadata.json`` a table; ``before`` is None for the
        first release.
    tables : collection of str, optional
        Only these.

    Returns
    -------
    dict
        By table, as JSON. On one side only: ``change`` (new table, table gone) and ``rows``. On both:
        ``columns_added``, ``columns_gone``, ``columns_retyped``, ``rows_before``, ``rows_after``, ``rows_added``,
        ``rows_gone``, ``rows_changed``, ``cells_changed`` by column (``changed``, of which ``appeared`` and ``gone``
        between null and a value, and for numbers the ``largest`` changes with ``key``, ``before``, ``after``,
        ``change`` and ``relative`` to the value before) and ``status_changes`` (``before``, ``after``, ``rows``). With
        another key only ``change`` (key changed), columns and rows.
    """
    sides = [_files(folder) for folder in (before, after)]
    names = sorted({*sides[0], *sides[1]} if tables is None else {*tables} & {*sides[0], *sides[1]})
    if not names:
        return {}
    import duckdb

    with tempfile.TemporaryDirectory(prefix="lmi-diff-") as spill, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{_MEMORY}'; SET temp_directory = '{spill}'")
        connection.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        return {name: _diff(connection, *(_side(connection, files.get(name)) for files in sides)) for name in names}


def _files(folder: Path | None) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*.parquet")} if folder else {}


def _side(connection: duckdb.DuckDBPyConnection, path: Path | None) -> _Side | None:
    if path is None:
        return None
    types = connection.execute(f"DESCRIBE SELECT * FROM {_read(path)}").fetchall()
    counted = connection.execute(f"SELECT count(*) FROM {_read(path)}").fetchall()
    metadata = path.with_name(f"{path.stem}.csv-metadata.json")
    key = json.loads(metadata.read_text(encoding="utf-8"))["tableSchema"]["primaryKey"] if metadata.exists() else []
    return _Side(path, {str(row[0]): str(row[1]) for row in types}, tuple(key), int(counted[0][0]))


def _read(path: Path) -> str:
    return "read_parquet('{}')".format(str(path).replace("'", "''"))


def _diff(connection: duckdb.DuckDBPyConnection, before: _Side | None, after: _Side | None) -> dict[str, Any]:
    if before is None or after is None:
        only = after or before
        return {"change": "new table" if before is None else "table gone", "rows": only.rows if only else 0}
    shared = [column for column in after.types if column in before.types]
    found: dict[str, Any] = {
        "columns_added": [column for column in after.types if column not in shared],
        "columns_gone": [column for column in before.types if column not in shared],
        "columns_retyped": [column for column in shared if before.types[column] != after.types[column]],
        "rows_before": before.rows,
        "rows_after": after.rows,
    }
    key = list(after.key)
    if not key or before.key != after.key or set(key) & {*found["columns_retyped"]} or not {*key} <= {*shared}:
        return {"change": "key changed", **found}
    pairs = _Pairs(connection, before, after, key, [column for column in shared if column not in key])
    return found | pairs.account()


class _Pairs:
    """Rows of both releases side by side, in a table of the connection that lives as long as it takes."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, before: _Side, after: _Side, key: list[str], values: list[str]
    ) -> None:
        self._connection, self._before, self._after = connection, before, after
        self._key, self._values = key, values
        self._hidden = " OR ".join(
            f"{side}.{STATUS} = '{WITHHELD}'" for side, held in (("b", before), ("a", after)) if STATUS in held.types
        )

    def account(self) -> dict[str, Any]:
        """Counts of rows and cells, largest changes, and changes of status."""
        keys = [_quoted(name) for name in self._key]
        columns = [f"coalesce(b.{name}, a.{name}) AS {name}" for name in keys]
        columns += [f'{self._fate(name)} AS "d:{name}"' for name in self._values]
        columns += [
            f'{self._value(side, name)} AS "{side}:{name}"'
            for name in self._values
            for side in ("b", "a")
            if name == STATUS or self._is_number(name)
        ]
        joined = " AND ".join(f"b.{name} = a.{name}" for name in keys)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE pairs AS SELECT {', '.join(columns)}, b.{keys[0]} IS NULL AS is_new,"
            f" a.{keys[0]} IS NULL AS is_gone FROM {_read(self._before.path)} b"
            f" FULL JOIN {_read(self._after.path)} a ON {joined}"
        )
        counts = self._counts()
        names = ["rows_added", "rows_gone", "rows_changed"]
        cells = {name: self._column(name, *counts[3 + 3 * at : 6 + 3 * at]) for at, name in enumerate(self._values)}
        statuses = self._statuses()
        self._connection.execute("DROP TABLE pairs")
        return {
            **dict(zip(names, counts[:3], strict=True)),
            "cells_changed": {name: found for name, found in cells.items() if found["changed"]},
            "status_changes": statuses,
        }

    def _value(self, side: str, name: str) -> str:
        if self._is_number(name):
            text = f"{side}.{_quoted(name)}"
            return f"CASE WHEN {self._hidden} THEN NULL ELSE {text} END" if self._hidden else text
        retyped = self._before.types[name] != self._after.types[name]
        return f"CAST({side}.{_quoted(name)} AS VARCHAR)" if retyped else f"{side}.{_quoted(name)}"

    def _fate(self, name: str) -> str:
        before, after = self._value("b", name), self._value("a", name)
        return (
            f"CASE WHEN {before} IS NOT DISTINCT FROM {after} THEN 0 WHEN {before} IS NULL THEN {_APPEARED}"
            f" WHEN {after} IS NULL THEN {_GONE} ELSE {_CHANGED} END::TINYINT"
        )

    def _is_number(self, name: str) -> bool:
        return all(side.types[name].startswith(_NUMBERS) for side in (self._before, self._after))

    def _counts(self) -> tuple[int, ...]:
        both = "NOT is_new AND NOT is_gone"
        changed = " OR ".join(f'"d:{name}" > 0' for name in self._values) or "false"
        wanted = ["count(*) FILTER (is_new)", "count(*) FILTER (is_gone)", f"count(*) FILTER ({both} AND ({changed}))"]
        for name in self._values:
            fates = ("> 0", f"= {_APPEARED}", f"= {_GONE}")
            wanted += [f'count(*) FILTER ({both} AND "d:{name}" {fate})' for fate in fates]
        row = self._connection.execute(f"SELECT {', '.join(wanted)} FROM pairs").fetchall()[0]
        return tuple(int(count) for count in row)

    def _column(self, name: str, changed: int, appeared: int, gone: int) -> dict[str, Any]:
        found: dict[str, Any] = {"changed": changed, "appeared": appeared, "gone": gone}
        if changed > appeared + gone and self._is_number(name):
            found["largest"] = self._largest(name)
        return found

    def _largest(self, name: str) -> list[dict[str, Any]]:
        keys = ", ".join(_quoted(column) for column in self._key)
        rows = self._connection.execute(
            f'SELECT "b:{name}"::DOUBLE, "a:{name}"::DOUBLE, {keys} FROM pairs WHERE "b:{name}" <> "a:{name}"'
            f' ORDER BY abs("a:{name}"::DOUBLE - "b:{name}"::DOUBLE) DESC, {keys} LIMIT {LARGEST}'
        ).fetchall()
        return [
            {
                "key": {column: str(code) for column, code in zip(self._key, codes, strict=True)},
                "before": before,
                "after": after,
                "change": after - before,
                "relative": (after - before) / abs(before) if before else None,
            }
            for before, after, *codes in rows
        ]

    def _statuses(self) -> list[dict[str, Any]]:
        if STATUS not in self._values:
            return []
        rows = self._connection.execute(
            f'SELECT "b:{STATUS}", "a:{STATUS}", count(*) FROM pairs WHERE NOT is_new AND NOT is_gone'
            f' AND "b:{STATUS}" IS DISTINCT FROM "a:{STATUS}" GROUP BY ALL ORDER BY ALL'
        ).fetchall()
        return [{"before": before, "after": after, "rows": count} for before, after, count in rows]


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
