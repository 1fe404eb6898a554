"""Counting rows that fail: one vectorised function per kind of fault.

A count leaves, a value never does. Nulls are counted by :func:`nulls` alone; every other function
looks at the values that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from lmi_pipeline.catalog.models import Column, ColumnType

MONTH_PATTERN = r"^\d{4}-(?:0[1-9]|1[0-2])$"
QUARTER_PATTERN = r"^\d{4}-(?:01|04|07|10)$"
PERIOD_PATTERN = r"^\d{4}(?:-(?:0[1-9]|1[0-2]))?(?:/\d{4}(?:-(?:0[1-9]|1[0-2]))?)*$"
_PATTERNS = {"YYYY-MM": MONTH_PATTERN, "YYYY-MM or YYYY": PERIOD_PATTERN}
_OBJECT_KINDS: dict[ColumnType, tuple[str, ...]] = {
    "string": ("string",),
    "integer": ("integer",),
    "float": ("floating", "integer", "mixed-integer-float"),
    "boolean": ("boolean",),
    "date": ("date",),
    "timestamp": ("datetime", "datetime64"),
}


def nulls(series: pd.Series) -> int:
    """Rows without a value."""
    return int(series.isna().sum())


def found_type(series: pd.Series) -> str:
    """Type of a column in words: its dtype, or what an object column holds."""
    if not types.is_object_dtype(series.dtype):
        return str(series.dtype)
    return f"object ({types.infer_dtype(series, skipna=True)})"


def wrong_type(series: pd.Series, expected: ColumnType) -> int:
    """Rows with a value that is not of a catalogue type; a column without values fits any type."""
    values = series.dropna()
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if types.is_object_dtype(values.dtype):
        return _wrong_objects(values, expected)
    if expected == "integer" and types.is_float_dtype(values.dtype):
        return _not_whole(values)
    return 0 if not len(values) or _dtype_fits(values.dtype, expected) else len(values)


def _wrong_objects(values: pd.Series, expected: ColumnType) -> int:
    kind = types.infer_dtype(values, skipna=True)
    if kind == "empty" or kind in _OBJECT_KINDS[expected]:
        return 0
    kinds = values.map(lambda value: types.infer_dtype([value], skipna=True))
    return int((~kinds.isin(_OBJECT_KINDS[expected])).sum()) or len(values)


def _not_whole(values: pd.Series) -> int:
    numbers = values.to_numpy(dtype="float64")
    return int((~np.isfinite(numbers) | (numbers != np.trunc(numbers))).sum())


def _dtype_fits(dtype: Any, expected: ColumnType) -> bool:
    if expected == "date":
        return False
    number = types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)
    return {
        "string": types.is_string_dtype(dtype),
        "integer": types.is_integer_dtype(dtype),
        "float": number,
        "boolean": types.is_bool_dtype(dtype),
        "timestamp": types.is_datetime64_any_dtype(dtype),
    }[expected]


def repeated_keys(frame: pd.DataFrame, key: Sequence[str]) -> int:
    """Rows whose key stands on another row too."""
    return int(frame.duplicated(subset=list(key), keep=False).sum())


def unknown_codes(series: pd.Series, codes: Sequence[str]) -> int:
    """Rows with a code that is not in a list."""
    return int((series.notna() & ~series.isin(list(codes))).sum())


def out_of_range(series: pd.Series, minimum: float | None, maximum: float | None) -> int:
    """Rows with a number below the minimum or above the maximum; infinite is out of any range."""
    numbers = series.dropna().to_numpy(dtype="float64")
    low, high = -np.inf if minimum is None else minimum, np.inf if maximum is None else maximum
    return int((~np.isfinite(numbers) | (numbers < low) | (numbers > high)).sum())


def not_matching(series: pd.Series, pattern: str) -> int:
    """Rows with a text that does not match a pattern."""
    values = series.dropna()
    return len(values) - int(values.astype("str").str.match(pattern).sum())


def month_pattern(column: Column) -> str | None:
    """Pattern of a column of months or quarters, None for any other column."""
    return QUARTER_PATTERN if column.name == "quarter" else _PATTERNS.get(column.unit or "")
