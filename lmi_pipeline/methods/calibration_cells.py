"""Units with the same auxiliaries are one cell: calibration factors depend on the auxiliaries alone.

For categorical margins tens of thousands of persons come down to some thousands of cells, exactly. With one weight per
household, auxiliaries and base weights are averaged over its members first (Lemaître and Dufour 1987).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.margins import IntArray, Margin, design_matrix
from lmi_pipeline.methods.tables import FloatArray, floats

_LARGEST_KEY = 2**62
_HASHES = 2
_SMALLEST, _LARGEST = 1e-100, 1e100


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A calibration problem collapsed to cells.

    Attributes
    ----------
    auxiliaries : csr_array
        (C, p) auxiliaries of each cell.
    weights : ndarray
        (C,) summed base weights.
    scale : ndarray
        (C,) q of each cell.
    cell : ndarray of int
        (n,) cell of each unit.
    base_weights : ndarray
        (n,) base weight of each unit, averaged over its household where there is one.
    examples : ndarray of int
        Rows of units of positive weight, one for each combination of auxiliaries that a unit has.
    """

    auxiliaries: "sp.csr_array"
    weights: FloatArray
    scale: FloatArray
    cell: IntArray
    base_weights: FloatArray
    examples: IntArray


def collapse(
    base_weights: FloatArray,
    margins: Sequence[Margin],
    *,
    scale: FloatArray | None = None,
    household: NDArray[Any] | None = None,
) -> Cells:
    """Collapse units, or households, with the same auxiliaries and scale.

    Parameters
    ----------
    base_weights : ndarray
        (n,) finite, not negative.
    margins : sequence of Margin
    scale : ndarray, optional
        (n,) q, positive; 1 if absent. Averaged over households as 1/q.
    household : ndarray, optional
        (n,) household of each unit.

    Raises
    ------
    MethodError
        Weights, scales, totals or values that are not usable; lengths that do not agree.
    """
    weights = _checked(base_weights, "base weights", allow_zero=True)
    n = len(weights)
    variance = np.ones(n) if scale is None else 1 / _checked(scale, "scales", allow_zero=False)
    if len(variance) != n or (household is not None and len(household) != n):
        raise MethodError(f"calibration: {n} base weights, and scales or households of another length")
    for margin in margins:
        _require_computable(margin.totals, f"totals of {margin.name}")
        if margin.values is not None:
            _require_computable(margin.values, f"values of {margin.name}")
    cell, first = distinct(_unit_keys(margins, variance, n))
    if household is None:
        matrix = design_matrix([_rows(margin, first) for margin in margins], len(first))
        summed = floats(np.bincount(cell, weights, minlength=len(first)))
        return Cells(matrix, summed, 1 / variance[first], cell, weights, first[summed > 0])
    used = first[np.bincount(cell, weights, minlength=len(first)) > 0]
    return _household_cells(weights, variance, design_matrix(margins, n), household, used)


def _household_cells(
    weights: FloatArray, variance: FloatArray, matrix: "sp.csr_array", household: NDArray[Any], examples: IntArray
) -> Cells:
    home, names = pd.factorize(np.asarray(household))
    if (home < 0).any():
        raise MethodError(f"calibration: {int((home < 0).sum())} of {len(home)} units have no household")
    members = np.bincount(home, minlength=len(names))
    sums = sp.csr_array((np.ones(len(home)), (home, np.arange(len(home)))), shape=(len(names), len(home)))
    mean = sp.csr_array(sp.diags_array(1 / members) @ (sums @ matrix))
    mean.sort_indices()
    mean_weight, mean_variance = (sums @ weights) / members, (sums @ variance) / members
    cell, first = distinct(_row_hashes(mean, mean_variance))
    summed = floats(np.bincount(cell, mean_weight * members, minlength=len(first)))
    return Cells(sp.csr_array(mean[first]), summed, 1 / mean_variance[first], cell[home], mean_weight[home], examples)


def _unit_keys(margins: Sequence[Margin], variance: FloatArray, n: int) -> list[NDArray[Any]]:
    """Integer keys whose combination tells units with different auxiliaries apart."""
    columns: list[tuple[IntArray, int]] = []
    for margin in margins:
        if len(margin.index) != n:
            raise MethodError(f"margin {margin.name}: {len(margin.index)} units, expected {n}")
        columns.append((margin.index + 1, len(margin.labels) + 1))
        if margin.values is not None:
            columns.append(_coded(margin.values))
    if (variance != variance[0]).any():
        columns.append(_coded(variance))
    key, size = np.zeros(n, dtype=np.int64), 1
    for column, codes in columns:
        if size > _LARGEST_KEY // codes:
            key, size = _coded(key)
        key, size = key * codes + column, size * codes
    return [key]


def _coded(values: NDArray[Any]) -> tuple[IntArray, int]:
    codes, names = pd.factorize(values)
    return codes.astype(np.int64), len(names)


def _row_hashes(matrix: "sp.csr_array", variance: FloatArray) -> list[NDArray[Any]]:
    """Random projections of sparse rows: equal rows have equal ones, others do not but by a freak of chance."""
    generator = np.random.default_rng(1992)
    projections = matrix @ generator.random((matrix.shape[1], _HASHES))
    return [*projections.T, variance]


def distinct(keys: Sequence[NDArray[Any]]) -> tuple[IntArray, IntArray]:
    """Number of each row's distinct combination of keys, and the first row of each.

    Parameters
    ----------
    keys : sequence of ndarray
        (n,) each.

    Returns
    -------
    tuple of ndarray
        (n,) numbers from 0 in order of appearance, and (C,) rows.
    """
    code = _coded(keys[0])[0]
    for key in keys[1:]:
        other, codes = _coded(key)
        code = _coded(code * codes + other)[0]
    first = np.empty(code.max(initial=-1) + 1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return code, first


def _rows(margin: Margin, rows: IntArray) -> Margin:
    values = None if margin.values is None else margin.values[rows]
    return Margin(margin.name, margin.labels, margin.totals, margin.index[rows], values)


def _checked(values: FloatArray, what: str, *, allow_zero: bool) -> FloatArray:
    found = floats(values)
    usable = np.isfinite(found) & ((found >= 0) if allow_zero else (found > 0))
    if found.ndim != 1 or not usable.all():
        bound = "zero or more" if allow_zero else "positive"
        raise MethodError(f"calibration: {int((~usable).sum())} of {found.size} {what} are not finite and {bound}")
    if not found.any():
        raise MethodError(f"calibration: none of {found.size} {what} is positive")
    _require_computable(found, what)
    return found


def _require_computable(values: FloatArray, what: str) -> None:
    """Refuse numbers whose squares and products leave the range of floating point."""
    size = np.abs(values)
    beyond = int(((size > _LARGEST) | ((size > 0) & (size < _SMALLEST))).sum())
    if beyond:
        raise MethodError(
            f"calibration: {beyond} of {values.size} {what} are larger than {_LARGEST:g} or, without being zero,"
            f" smaller than {_SMALLEST:g}; state them in another unit"
        )
