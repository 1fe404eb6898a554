"""Residuals of variables on the auxiliaries of a calibration.

Särndal, Swensson & Wretman (1992), section 6.6: e = y - x'B with B = (sum d q x x')^-1 sum d q x y.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.margins import Margin, design_matrix
from lmi_pipeline.methods.tables import FloatArray, floats

IntArray = NDArray[np.int64]
AnyArray = NDArray[Any]

_RANK_TOLERANCE = 1e-11
_CHUNK = 32


@dataclass(frozen=True, slots=True, eq=False)
class ResidualMaker:
    """Residuals of the regression on the calibration auxiliaries, for any number of variables.

    Attributes
    ----------
    auxiliaries : csr_array
        (rows, p): one row for each person, or the mean of each household.
    row : ndarray
        (n,) row of `auxiliaries` of each person.
    regression_weights : ndarray
        (n,) base weight times q.
    inverse : ndarray
        (p, p) pseudo-inverse of the weighted cross-product: redundant controls do not matter.
    rank : int
        Number of controls that are not redundant.
    """

    auxiliaries: "sp.csr_array"
    row: IntArray
    regression_weights: FloatArray
    inverse: FloatArray
    rank: int

    @classmethod
    def prepare(
        cls,
        base_weights: FloatArray,
        margins: "Sequence[Margin] | sp.csr_array",
        *,
        scale: FloatArray | None = None,
        household: AnyArray | None = None,
    ) -> Self:
        """Factor the cross-product of the auxiliaries once.

        Parameters
        ----------
        base_weights : ndarray
            (n,) weights before calibration.
        margins : sequence of Margin or csr_array
            The controls, or their (n, p) matrix.
        scale : ndarray, optional
            (n,) q of each person, as in the calibration; 1 if absent.
        household : ndarray, optional
            (n,) household of each person, if the calibration gave its members one weight: auxiliaries, base weights
            and variances 1/q are averaged over the members (Lemaître & Dufour 1987).

        Raises
        ------
        MethodError
            Lengths that do not agree, or weights that are not positive and finite.
        """
        weights = _positive(base_weights, "base weights")
        matrix = design_matrix(margins, len(weights)) if not sp.issparse(margins) else sp.csr_array(margins)
        require_length(matrix.shape[0], len(weights), "auxiliaries", "base weights")
        variances = np.ones(len(weights)) if scale is None else 1 / _positive(scale, "scale")
        require_length(len(variances), len(weights), "scale", "base weights")
        row = np.arange(len(weights))
        if household is not None:
            require_length(len(household), len(weights), "household", "base weights")
            row, homes = pd.factorize(np.asarray(household))
            average = indicator(row, len(homes))
            members = np.bincount(row, minlength=len(homes))
            average = sp.csr_array(sp.diags_array(1 / members) @ average)
            matrix = sp.csr_array(average @ matrix)
            weights, variances = (average @ weights)[row], (average @ variances)[row]
        regression_weights = weights / variances
        on_rows = np.bincount(row, weights=regression_weights, minlength=matrix.shape[0])
        cross = (matrix.T @ (sp.diags_array(on_rows) @ matrix)).toarray()
        inverse, rank = pseudo_inverse(cross)
        return cls(matrix, row.astype(np.int64), regression_weights, inverse, rank)

    def coefficients(self, y: FloatArray) -> FloatArray:
        """Return B = (sum d q x x')^- sum d q x y, shape (p, K)."""
        weighted = indicator(self.row, self.auxiliaries.shape[0]) @ (y * self.regression_weights[:, None])
        result: FloatArray = self.inverse @ (self.auxiliaries.T @ weighted)
        return result

    def residuals(self, y: FloatArray) -> FloatArray:
        """Return e = y - x'B, shape (n, K), for y of shape (n, K)."""
        columns = floats(y)
        require_variables(columns, len(self.row))
        result = np.empty_like(columns)
        for part in parts(columns.shape[1]):
            fitted = self.auxiliaries @ self.coefficients(columns[:, part])
            result[:, part] = columns[:, part] - fitted[self.row]
        return result


def indicator(code: IntArray, groups: int) -> "sp.csr_array":
    """Matrix (groups, n) that sums over the rows of each group."""
    n = len(code)
    return sp.csr_array((np.ones(n), (code, np.arange(n))), shape=(groups, n))


def require_variables(values: FloatArray, rows: int) -> None:
    """Raise MethodError unless `values` is (rows, K) and finite."""
    if values.ndim != 2 or values.shape[0] != rows:
        raise MethodError(f"variance: variables have shape {values.shape}; expected ({rows}, K)")
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise MethodError(f"variance: {bad} values of the variables are missing or not finite")


def require_length(found: int, expected: int, what: str, other: str) -> None:
    """Raise MethodError unless two lengths agree."""
    if found != expected:
        raise MethodError(f"variance: {what}: {found}; {other}: {expected}; they must agree")


def parts(columns: int) -> Iterator[slice]:
    """Cut `columns` variables into the slices worked on at a time, to bound memory."""
    return (slice(start, start + _CHUNK) for start in range(0, columns, _CHUNK))


def _positive(values: FloatArray, what: str) -> FloatArray:
    result = floats(values)
    bad = int((~(np.isfinite(result) & (result > 0))).sum())
    if bad:
        raise MethodError(f"variance: {bad} of {len(result)} {what} are not positive and finite")
    return result


def pseudo_inverse(cross: FloatArray) -> tuple[FloatArray, int]:
    """Pseudo-inverse in units in which every auxiliary has the same size, and the rank."""
    size = np.sqrt(np.diag(cross))
    unit = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    values, vectors = scipy.linalg.eigh(cross * unit[:, None] * unit)
    kept = values > _RANK_TOLERANCE * values[-1]
    basis = vectors[:, kept] * unit[:, None]
    return (basis / values[kept]) @ basis.T, int(kept.sum())
