"""What a release changes: per table its columns, its rows by key, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types

from lmi_pipeline import catalog


def diff_tables(before: Mapping[str, pa.Table], after: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Differences by table; a table on one side only is new or gone."""
    return {name: _diff(name, before.get(name), after.get(name)) for name in sorted({*before, *after})}


def _diff(name: str, before: pa.Table | None, after: pa.Table | None) -> dict[str, Any]:
    if before is None or after is None:
        only = after if before is None else before
        return {"change": "new table" if before is None else "table gone", "rows": len(only or ())}
    shared = [c for c in after.column_names if c in before.column_names]
    found: dict[str, Any] = {
        "columns_added": [c for c in after.column_names if c not in shared],
        "columns_gone": [c for c in before.column_names if c not in shared],
        "columns_retyped": [c for c in shared if before.schema.field(c).type != after.schema.field(c).type],
        "rows_before": len(before),
        "rows_after": len(after),
    }
    key = [column for column in _key(name) if column in shared]
    if key != _key(name) or set(key) & set(found["columns_retyped"]):
        return {"change": "key changed", **found}
    return found | _rows_and_cells(before.to_pandas(), after.to_pandas(), key, [c for c in shared if c not in key])


def _key(name: str) -> list[str]:
    known = catalog.tables()
    return list(known[name].key) if name in known else []


def _rows_and_cells(before: pd.DataFrame, after: pd.DataFrame, key: list[str], values: list[str]) -> dict[str, Any]:
    joined = before.merge(after, on=key, how="outer", suffixes=("_before", "_after"), indicator=True)
    both = joined[joined["_merge"] == "both"]
    cells = {column: _column_diff(both, column, key) for column in values}
    return {
        "rows_added": int((joined["_merge"] == "right_only").sum()),
        "rows_gone": int((joined["_merge"] == "left_only").sum()),
        "cells_changed": {column: found for column, found in cells.items() if found["changed"]},
    }


def _column_diff(both: pd.DataFrame, column: str, key: list[str]) -> dict[str, Any]:
    before, after = both[f"{column}_before"], both[f"{column}_after"]
    missing = before.isna() | after.isna()
    changed = (before.isna() != after.isna()) | (~missing & (before != after))
    found: dict[str, Any] = {"changed": int(changed.sum())}
    numbers = all(types.is_numeric_dtype(side) and not types.is_bool_dtype(side) for side in (before, after))
    gap = (after - before).abs().fillna(0.0).to_numpy(dtype="float64") if numbers else np.zeros(1)
    if gap.max(initial=0.0) > 0:
        row = both.iloc[int(gap.argmax())]
        found["largest_change"] = float(gap.max())
        found["largest_at"] = {name: str(row[name]) for name in key}
        found["largest_from"], found["largest_to"] = float(row[f"{column}_before"]), float(row[f"{column}_after"])
    return found


def diff_markdown(difference: Mapping[str, Any], previous: str | None) -> str:
    """The difference for a person."""
    if previous is None:
        return "# Changes\n\nThis is the first release.\n"
    lines = [f"# Changes since {previous}\n", f"Numbers changed: {_where(difference)}.\n"]
    for name, found in difference.items():
        lines += [f"- **{name}**: {_sentence(found)}", *_cell_lines(found)]
    return "\n".join(lines) + "\n"


def _where(difference: Mapping[str, Any]) -> str:
    names = [name for name, found in difference.items() if found.get("cells_changed")]
    return f"yes, in {', '.join(names)}" if names else "no"


def _sentence(found: Mapping[str, Any]) -> str:
    if "rows" in found:
        return f"{found['change']}, {found['rows']:,} rows"
    parts = [
        f"columns {word}: {', '.join(found[f'columns_{word}'])}"
        for word in ("added", "gone", "retyped")
        if found[f"columns_{word}"]
    ]
    if "change" in found:
        return "; ".join([f"{found['change']}, rows cannot be compared", *parts])
    return "; ".join([f"{found['rows_added']:,} rows added, {found['rows_gone']:,} gone", *parts])


def _cell_lines(found: Mapping[str, Any]) -> list[str]:
    lines = []
    for column, cell in found.get("cells_changed", {}).items():
        text = f"  - `{column}`: {cell['changed']:,} cells"
        if "largest_change" in cell:
            place = ", ".join(f"{name} {value}" for name, value in cell["largest_at"].items())
            text += f"; largest change {cell['largest_from']:,.12g} to {cell['largest_to']:,.12g} ({place})"
        lines.append(text)
    return lines
