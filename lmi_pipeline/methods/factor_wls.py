"""Exact weighted least squares on factors, with classical, robust and clustered standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_columns import BoolArray, Design
from lmi_pipeline.methods.factor_design import NormalEquations
from lmi_pipeline.methods.factor_elimination import Factorisation
from lmi_pipeline.methods.factor_sandwich import sandwich
from lmi_pipeline.methods.tables import FloatArray

Covariance = Literal["none", "classical", "hc1", "cluster"]
_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class FactorFit:
    """Coefficients of a weighted regression on factors.

    Attributes
    ----------
    design : Design
    coefficients : ndarray
        (p,) continuous regressors, then levels; 0 where aliased or empty.
    standard_errors : ndarray
        (p,) not a number where empty or not asked for; 0 where aliased.
    aliased, empty : ndarray of bool
        (p,) columns that follow from others; columns without rows.
    fitted, residuals : ndarray
        (n,) in the units of y.
    sigma : float
        Square root of the weighted sum of squared residuals over the degrees of freedom.
    r_squared : float
        Share of the weighted variation of y about its weighted mean.
    row_count, degrees_of_freedom : int
        n, and n less the number of coefficients.
    """

    design: Design
    coefficients: FloatArray
    standard_errors: FloatArray
    aliased: BoolArray
    empty: BoolArray
    fitted: FloatArray
    residuals: FloatArray
    sigma: float
    r_squared: float
    row_count: int
    degrees_of_freedom: int

    def effects(self, name: str) -> FloatArray:
        """Coefficients of a factor, (levels,)."""
        return self.coefficients[self.design.columns(name)]

    def errors(self, name: str) -> FloatArray:
        """Standard errors of a factor, (levels,)."""
        return self.standard_errors[self.design.columns(name)]

    @property
    def continuous(self) -> Mapping[str, float]:
        """Coefficients of the continuous regressors."""
        return {name: float(self.coefficients[at]) for at, name in enumerate(self.design.continuous_names)}


def fit_wls(
    design: Design,
    y: ArrayLike,
    weights: ArrayLike,
    *,
    covariance: Covariance = "hc1",
    clusters: ArrayLike | None = None,
) -> FactorFit:
    """Weighted least squares.

    Parameters
    ----------
    design : Design
    y, weights : array-like
        (n,) finite; weights above 0.
    covariance : str
        ``classical``: sigma² (X'WX)^-1. ``hc1``: heteroskedasticity-robust with n / (n - k) (MacKinnon and White 1985).
        ``cluster``: sums of scores by cluster with G / (G - 1) x (n - 1) / (n - k) (Liang and Zeger 1986), as
        statsmodels and Stata have it. ``none``: no standard errors.
    clusters : array-like, optional
        (n,) cluster of each row, of any type; for ``cluster``.

    Returns
    -------
    FactorFit

    Raises
    ------
    MethodError
        Weights not above 0, values missing, fewer rows than coefficients, clusters absent, missing or fewer than two;
        with the count.
    """
    values, given = _checked(design, y, weights)
    equations, factorisation = NormalEquations.prepare_with(design, given)
    assembler = equations.assembler
    coefficients = factorisation.solve(assembler.transposed(given * values))
    fitted = assembler.product(coefficients)
    residuals = values - fitted
    rank = int((~(equations.aliased | equations.empty)).sum())
    freedom = design.row_count - rank
    if covariance != "none" and freedom <= 0:
        raise MethodError(
            f"regression: {design.row_count} rows for {rank} coefficients leave no degrees of freedom; drop regressors "
            "or ask for no standard errors"
        )
    scores = given * residuals
    squares, total = float(scores @ residuals), _variation(values, given)
    variances = _variances(equations, factorisation, scores, squares, freedom, covariance, clusters)
    errors = np.sqrt(np.maximum(variances, 0.0))
    errors[equations.empty] = np.nan
    return FactorFit(
        design=design,
        coefficients=coefficients,
        standard_errors=errors,
        aliased=equations.aliased,
        empty=equations.empty,
        fitted=fitted,
        residuals=residuals,
        sigma=float(np.sqrt(squares / freedom)) if freedom > 0 else float("nan"),
        r_squared=1.0 - squares / total if total > 0 else float("nan"),
        row_count=design.row_count,
        degrees_of_freedom=freedom,
    )


def _checked(design: Design, y: ArrayLike, weights: ArrayLike) -> tuple[FloatArray, FloatArray]:
    values, given = np.asarray(y, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    for name, each in (("y", values), ("weights", given)):
        if each.shape != (design.row_count,):
            raise MethodError(f"regression: {name} of shape {each.shape} for {design.row_count} rows; give one a row")
        bad = design.row_count - int(np.isfinite(each).sum())
        if bad:
            raise MethodError(f"regression: {bad} of {len(each)} rows have no finite {name}; leave them out first")
    low = int((given <= 0).sum())
    if low:
        raise MethodError(f"regression: {low} of {len(given)} rows have a weight that is not above 0; leave them out")
    return values, given


def _variation(values: FloatArray, weights: FloatArray) -> float:
    """Weighted sum of squares about the weighted mean."""
    centred = values - float(weights @ values) / float(weights.sum())
    return float(np.einsum("i,i,i->", weights, centred, centred))


def _variances(
    equations: NormalEquations,
    factorisation: Factorisation,
    scores: FloatArray,
    squares: float,
    freedom: int,
    covariance: Covariance,
    clusters: ArrayLike | None,
) -> FloatArray:
    design = equations.design
    if covariance == "none":
        return np.full(design.size, np.nan)
    if covariance == "classical":
        return sandwich(factorisation, factorisation.reduced.products, design.size) * (squares / freedom)
    if covariance == "hc1":
        meat = equations.assembler.products(scores**2)
        return sandwich(factorisation, meat, design.size) * (design.row_count / freedom)
    if clusters is None:
        raise MethodError("regression: clustered standard errors without clusters; give the cluster of every row")
    codes, count = _cluster_codes(clusters, design.row_count)
    factor = count / (count - 1) * (design.row_count - 1) / freedom
    return _clustered(design, factorisation, scores, codes, count) * factor


def _cluster_codes(clusters: ArrayLike, rows: int) -> tuple[np.ndarray, int]:
    given = np.asarray(clusters)
    if given.shape != (rows,):
        raise MethodError(f"regression: clusters of shape {given.shape} for {rows} rows; give one a row")
    missing = int((given != given).sum()) if given.dtype.kind == "f" else 0
    if missing:
        raise MethodError(f"regression: {missing} of {rows} rows have no cluster; leave them out first")
    found, codes = np.unique(given, return_inverse=True)
    if len(found) < 2:
        raise MethodError("regression: fewer than two clusters; clustered standard errors need many")
    return codes.ravel(), len(found)


def _clustered(
    design: Design, factorisation: Factorisation, scores: FloatArray, codes: np.ndarray, count: int
) -> FloatArray:
    """Sum over clusters of the squares of A^-1 times the cluster's score, (p,)."""
    matrix = design.matrix()
    rows = np.arange(design.row_count)
    sums = sparse.csr_array((scores, (codes, rows)), shape=(count, design.row_count)) @ matrix
    if count <= 2 * design.size:
        found = np.zeros(design.size)
        for start in range(0, count, _AT_ONCE):
            solved = factorisation.solve(np.ascontiguousarray(sums[start : start + _AT_ONCE].toarray().T))
            found += np.einsum("ij,ij->i", solved, solved)
        return found
    meat = (sums.T @ sums).toarray()
    half = factorisation.solve(meat)
    del meat
    return np.diagonal(factorisation.solve(half.T)).copy()
