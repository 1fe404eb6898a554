"""What a release changes: per table its columns, its rows by key, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lmi_pipeline import catalog


def diff_tables(before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Differences by table; a table on one side only is new or gone."""
    return {
        name: _diff(name, before.get(name), after.get(name)) for name in sorted({*before, *after})
    }  # fmt: skip


def _diff(name: str, before: pd.DataFrame | None, after: pd.DataFrame | None) -> dict[str, Any]:
    if before is None or after is None:
        only = after if before is None else before
        return {"change": "new table" if before is None else "table gone", "rows": len(only) if only is not None else 0}
    key = list(catalog.table(name).key)
    shared = [c for c in after.columns if c in before.columns and c not in key]
    joined = before.merge(after, on=key, how="outer", suffixes=("_before", "_after"), indicator=True)
    both = joined[joined["_merge"] == "both"]
    cells = {column: _column_diff(both[f"{column}_before"], both[f"{column}_after"]) for column in shared}
    return {
        "columns_added": [c for c in after.columns if c not in before.columns],
        "columns_gone": [c for c in before.columns if c not in after.columns],
        "rows_before": len(before),
        "rows_after": len(after),
        "rows_added": int((joined["_merge"] == "right_only").sum()),
        "rows_gone": int((joined["_merge"] == "left_only").sum()),
        "cells_changed": {column: found for column, found in cells.items() if found["changed"]},
    }


def _column_diff(before: pd.Series, after: pd.Series) -> dict[str, Any]:
    same = (before == after) | (before.isna() & after.isna())
    found: dict[str, Any] = {"changed": int((~same).sum())}
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after) and found["changed"]:
        gap = (after.astype(float) - before.astype(float)).abs()
        largest = float(np.nanmax(gap)) if gap.notna().any() else 0.0
        found["largest_change"] = largest
    return found


def diff_markdown(difference: Mapping[str, Any], previous: str | None) -> str:
    """The difference for a person."""
    if previous is None:
        return "# Changes\n\nThis is the first release.\n"
    lines = [f"# Changes since {previous}\n"]
    for name, found in difference.items():
        if "change" in found:
            lines.append(f"- **{name}**: {found['change']}, {found['rows']:,} rows")
            continue
        numbers = ", ".join(
            f"{column}: {cell['changed']:,} cells"
            + (f" (largest change {cell['largest_change']:,.6g})" if "largest_change" in cell else "")
            for column, cell in found["cells_changed"].items()
        )
        lines.append(
            f"- **{name}**: {found['rows_added']:,} rows added, {found['rows_gone']:,} gone; "
            f"{'numbers changed: ' + numbers if numbers else 'no number changed'}"
        )
    return "\n".join(lines) + "\n"
