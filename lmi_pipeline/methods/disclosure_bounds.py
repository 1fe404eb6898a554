"""Outer bounds of moves: no cell can move further than the room of the other cells on any of its rows together.

The bounds of one row after another narrow each other (the shuttle algorithm of Buzzigoli and Giusti 1999, bound
tightening in optimisation). They never cut off a possible move, so a cell they hold too closely is exposed; a cell they
leave room is not thereby safe.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_moves import MoveSpace
from lmi_pipeline.methods.tables import FloatArray


def outer_bounds(space: MoveSpace, *, sweeps: int) -> tuple[FloatArray, FloatArray]:
    """Narrow the room of each cell by the rows it is on, all rows at once, `sweeps` times.

    Returns
    -------
    lower, upper : ndarray
        (n,) every possible move of the space lies between them.
    """
    matrix = sp.csr_matrix(space.matrix)
    matrix.eliminate_zeros()
    lower, upper = space.lower.copy(), space.upper.copy()
    if not matrix.nnz:
        return lower, upper
    order = np.argsort(matrix.indices, kind="stable")
    cells, starts = np.unique(matrix.indices[order], return_index=True)
    for _ in range(sweeps):
        least, most = _entry_bounds(space, matrix, lower, upper)
        lower[cells] = np.maximum(lower[cells], np.maximum.reduceat(least[order], starts))
        upper[cells] = np.minimum(upper[cells], np.minimum.reduceat(most[order], starts))
    return np.minimum(lower, 0.0), np.maximum(upper, 0.0)


def _entry_bounds(
    space: MoveSpace, matrix: sp.csr_matrix, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bounds of a cell by one of its rows, for each coefficient of the matrix."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    positive = matrix.data > 0
    ends = lower[matrix.indices], upper[matrix.indices]
    low = matrix.data * np.where(positive, *ends)
    high = matrix.data * np.where(positive, *ends[::-1])
    most = space.row_upper[row] - _of_the_others(low, row, matrix.shape[0])
    least = space.row_lower[row] - _of_the_others(high, row, matrix.shape[0])
    first, second = least / matrix.data, most / matrix.data
    return np.where(positive, first, second), np.where(positive, second, first)


def _of_the_others(term: FloatArray, row: NDArray[np.int64], rows: int) -> FloatArray:
    """Sum of the other terms of a row, infinite if one of them is."""
    infinite = np.isinf(term)
    finite = np.where(infinite, 0.0, term)
    total = np.bincount(row, weights=finite, minlength=rows)[row] - finite
    others = np.bincount(row, weights=infinite, minlength=rows)[row] - infinite
    sign = np.where(np.bincount(row, weights=np.where(infinite, term, 0.0), minlength=rows)[row] < 0, -np.inf, np.inf)
    return np.where(others > 0, sign, total)
