"""Which columns of a design follow from earlier ones, from the cross-products alone."""

from __future__ import annotations

import numpy as np

from lmi_pipeline.methods.factor_columns import BoolArray
from lmi_pipeline.methods.tables import FloatArray

_PANEL = 48
DEPENDENT = 1e-9


def dependent_columns(gram: FloatArray, scale: FloatArray | None = None, tolerance: float = DEPENDENT) -> BoolArray:
    """Columns that are linear combinations of columns before them.

    Cholesky factorisation in the given order; a column whose pivot is nothing beside its own size is left out.

    Parameters
    ----------
    gram : ndarray
        (m, m) X'X, or what is left of it once other columns are taken out. Not changed.
    scale : ndarray, optional
        (m,) size of each column, to call a pivot small by; the diagonal of `gram` if absent.
    tolerance : float
        Share of `scale`: the square of the sine of the angle to the earlier columns.

    Returns
    -------
    ndarray of bool
        (m,) also true for columns that are empty.
    """
    work = np.array(gram, dtype=np.float64)
    limit = tolerance * (np.diagonal(gram).copy() if scale is None else scale)
    found = np.zeros(len(work), dtype=bool)
    for start in range(0, len(work), _PANEL):
        stop = min(start + _PANEL, len(work))
        panel = work[start:, start:stop]
        for at in range(stop - start):
            pivot = panel[at, at]
            if pivot <= limit[start + at] or pivot <= 0.0:
                found[start + at] = True
                panel[at:, at] = 0.0
                continue
            panel[at:, at] /= np.sqrt(pivot)
            panel[at + 1 :, at + 1 :] -= np.outer(panel[at + 1 :, at], panel[at + 1 : stop - start, at])
        rest = work[stop:, start:stop]
        work[stop:, stop:] -= rest @ rest.T
    return found
