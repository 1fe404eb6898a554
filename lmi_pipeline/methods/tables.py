"""What the methods ask of a table before they compute with it.

Preconditions only: columns present, keys unique, numbers finite, every needed cell there. An error names the
table, the columns and the first missing key, and counts; it never shows a value.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError

FloatArray = NDArray[np.float64]


def floats(values: ArrayLike) -> FloatArray:
    """Return the values as an array of floating-point numbers."""
    return np.asarray(values, dtype=np.float64)


def require_columns(frame: pd.DataFrame, columns: Iterable[str], table: str) -> None:
    """Raise MethodError unless `frame` has every one of `columns`."""
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise MethodError(f"{table}: no column {', '.join(absent)}; there are {', '.join(map(str, frame.columns))}")


def require_unique(frame: pd.DataFrame, key: Sequence[str], table: str) -> None:
    """Raise MethodError if a key is null or occurs more than once."""
    keys = frame[list(key)]
    nulls = int(keys.isna().any(axis=1).sum())
    if nulls:
        raise MethodError(f"{table}: {nulls} rows have no value in the key ({', '.join(key)})")
    repeats = keys.duplicated()
    if repeats.any():
        raise MethodError(
            f"{table}: {int(repeats.sum())} duplicate rows of the key ({', '.join(key)}); "
            f"first {_place(key, keys[repeats].iloc[0])}"
        )


def require_finite(frame: pd.DataFrame, columns: Sequence[str], table: str) -> None:
    """Raise MethodError if a number is missing or infinite."""
    for column in columns:
        bad = int((~np.isfinite(frame[column].to_numpy(dtype=float, na_value=np.nan))).sum())
        if bad:
            raise MethodError(f"{table}: {bad} of {len(frame)} values of {column} are missing or not finite")


def require_codes(frame: pd.DataFrame, column: str, allowed: Iterable[str], table: str) -> None:
    """Raise MethodError if `column` holds a code that is not `allowed`."""
    expected = sorted(allowed)
    unknown = sorted(set(frame[column].astype(str)) - set(expected))
    if unknown:
        raise MethodError(f"{table}: {column} {', '.join(unknown)} not expected; expected {', '.join(expected)}")


def labels(frame: pd.DataFrame, column: str, table: str) -> list[str]:
    """Return the distinct values of a column as sorted text."""
    require_columns(frame, [column], table)
    return sorted(map(str, frame[column].unique()))


def to_array(frame: pd.DataFrame, value: str, axes: Mapping[str, Sequence[str]], table: str) -> FloatArray:
    """Arrange a long table as an array with one axis for each key column.

    Parameters
    ----------
    frame : DataFrame
        Long table, one row for each cell; rows outside `axes` are left out.
    value : str
        The column of numbers.
    axes : mapping of str to sequence of str
        Key column -> its labels, in the order wanted.
    table : str
        What the table is, for errors.

    Returns
    -------
    ndarray
        Shape: the number of labels of each axis, in order.

    Raises
    ------
    MethodError
        For an absent column, a duplicate key, or a cell that is missing or not finite.
    """
    names = list(axes)
    require_columns(frame, [*names, value], table)
    require_unique(frame, names, table)
    wanted = pd.MultiIndex.from_product([list(texts) for texts in axes.values()], names=names)
    cells = frame.set_index(pd.MultiIndex.from_frame(frame[names]))[value]
    found = cells.reindex(wanted).to_numpy(dtype=float, na_value=np.nan)
    missing = ~np.isfinite(found)
    if missing.any():
        first = dict(zip(names, wanted[missing][0], strict=True))
        raise MethodError(
            f"{table}: {int(missing.sum())} of {len(found)} {value} cells are missing or not finite; "
            f"first {_place(names, first)}"
        )
    return found.reshape([len(texts) for texts in axes.values()])


def to_long(values: Mapping[str, FloatArray], axes: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Lay arrays out as a long table: the inverse of `to_array`.

    Each array has the shape of `axes`; it becomes one column, beside one column for each axis.
    """
    index = pd.MultiIndex.from_product([list(texts) for texts in axes.values()], names=list(axes))
    columns = {name: np.asarray(array, dtype=float).reshape(-1) for name, array in values.items()}
    return pd.DataFrame(columns, index=index).reset_index()


def _place(key: Sequence[str], row: "Mapping[str, object] | pd.Series[str]") -> str:
    return ", ".join(f"{column} {row[column]}" for column in key)
