"""The Fay-Herriot area model: published means with known variances, shrunk to a regression on area-level covariates.

``y_c = x_c'b + u_c + e_c`` with ``u ~ (0, tau2)`` and ``e_c ~ (0, v_c)``, v known (Fay & Herriot 1979, equations 2.1
and 2.2). For pay, y is the log of a published mean and v the square of its coefficient of variation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats

Method = Literal["reml", "ml"]

_STARTS = (0.0, 0.03, 0.3, 3.0, 30.0, 300.0)
_TOLERANCE = 1e-13
_MAX_ITERATIONS = 200


@dataclass(frozen=True, slots=True, eq=False)
class AreaPrediction:
    """Prediction of areas without a published value.

    Attributes
    ----------
    mean : ndarray
        (k,) ``x'b``, in the unit of y.
    variance : ndarray
        (k,) mean squared error of `mean` for the area's true value, ``tau2 + x' cov(b) x``.
    """

    mean: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class FayHerriot:
    """A fitted area model.

    Attributes
    ----------
    coefficients : ndarray
        (p,) b.
    coefficient_covariance : ndarray
        (p, p) ``(X' V^-1 X)^-1``.
    model_variance : float
        tau2; 0 where the values scatter no more than their variances explain.
    model_variance_error : float
        Standard error of tau2 from the expected information.
    estimates : ndarray
        (m,) empirical best linear unbiased predictors, ``gamma y + (1 - gamma) x'b``.
    fitted : ndarray
        (m,) ``x'b``.
    gamma : ndarray
        (m,) ``tau2 / (tau2 + v)``, the weight of the published value.
    mse : ndarray
        (m,) second-order estimate of the mean squared error of `estimates`.
    log_likelihood : float
        Maximum of the likelihood that `method` names, up to a constant of the data.
    iterations : int
    method : str
    """

    coefficients: FloatArray
    coefficient_covariance: FloatArray
    model_variance: float
    model_variance_error: float
    estimates: FloatArray
    fitted: FloatArray
    gamma: FloatArray
    mse: FloatArray
    log_likelihood: float
    iterations: int
    method: Method

    def predict(self, x: ArrayLike) -> AreaPrediction:
        """Predict areas without a value.

        Parameters
        ----------
        x : array_like
            (k, p) covariates, columns as in the fit.

        Raises
        ------
        MethodError
            Another number of columns, or a value that is not finite.
        """
        rows = floats(x)
        if rows.ndim != 2 or rows.shape[1] != len(self.coefficients):
            raise MethodError(
                f"area model: covariates of shape {rows.shape}, the fit has {len(self.coefficients)} columns"
            )
        _require_finite(rows, "covariates to predict from")
        spread = _quadratic_form(rows, self.coefficient_covariance)
        return AreaPrediction(rows @ self.coefficients, self.model_variance + spread)


def fit_fay_herriot(log_mean: ArrayLike, variance: ArrayLike, x: ArrayLike, *, method: Method = "reml") -> FayHerriot:
    """Fit the area model by Fisher scoring and predict its areas.

    Parameters
    ----------
    log_mean : array_like
        (m,) published values y; for pay, logs of means.
    variance : array_like
        (m,) their known sampling variances v, above 0; for a log mean the squared coefficient of variation.
    x : array_like
        (m, p) covariates with full column rank, the constant among them.
    method : {"reml", "ml"}
        Likelihood of tau2.

    Returns
    -------
    FayHerriot
        The error of an area is ``g1 + g2 + 2 g3`` (less the bias term ``b (1 - gamma)^2`` under ML): Datta & Lahiri
        (2000), equations 3.5 and 3.7; Prasad & Rao (1990), section 3.

    Raises
    ------
    MethodError
        Arrays that do not fit, values that are not finite, variances that are not above 0, no more areas than
        covariates, covariates that depend on each other, or scoring that does not converge.
    """
    y, v, columns = _checked(log_mean, variance, x)
    design, scales = np.linalg.qr(columns)
    likelihood = _restricted if method == "reml" else _full
    starts = np.median(v) * np.array(_STARTS)
    tau2 = float(max(starts, key=lambda start: likelihood(_Step.at(start, y, v, design))[0]))
    tau2, iterations = _score(tau2, y, v, design, likelihood)
    return _results(tau2, iterations, y, v, design, scales, method)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """Quantities at one tau2 for a design with orthonormal columns.

    Weights 1/(tau2 + v), orthonormal basis of the weighted design and its triangle, coefficients, residuals.
    """

    weights: FloatArray
    basis: FloatArray
    triangle: FloatArray
    coefficients: FloatArray
    residuals: FloatArray

    @classmethod
    def at(cls, tau2: float, y: FloatArray, v: FloatArray, x: FloatArray) -> _Step:
        weights = 1 / (tau2 + v)
        root = np.sqrt(weights)
        weighted = x * root[:, None]
        triangle = floats(np.linalg.cholesky(weighted.T @ weighted).T)
        basis = floats(np.linalg.solve(triangle.T, weighted.T).T)
        coefficients = np.linalg.solve(triangle, basis.T @ (root * y))
        return cls(weights, basis, triangle, floats(coefficients), y - x @ coefficients)


_Likelihood = Callable[[_Step], tuple[float, float, float]]


def _full(step: _Step) -> tuple[float, float, float]:
    """Log likelihood at the best b, its derivative in tau2 and the expected information."""
    w, r = step.weights, step.residuals
    level = 0.5 * float(np.log(w).sum() - (w * r**2).sum())
    return level, 0.5 * float((w**2 * r**2).sum() - w.sum()), 0.5 * float((w**2).sum())


def _restricted(step: _Step) -> tuple[float, float, float]:
    """Restricted log likelihood, its derivative and the expected information: traces of P and PP."""
    w, r, basis = step.weights, step.residuals, step.basis
    inner = basis.T @ (w[:, None] * basis)
    trace = float(w.sum() - np.trace(inner))
    square = float((w**2).sum() - 2 * (w**2 @ basis**2).sum() + (inner**2).sum())
    level = _full(step)[0] - float(np.log(np.abs(np.diag(step.triangle))).sum())
    return level, 0.5 * (float((w**2 * r**2).sum()) - trace), 0.5 * square


def _score(tau2: float, y: FloatArray, v: FloatArray, x: FloatArray, likelihood: _Likelihood) -> tuple[float, int]:
    """Climb the likelihood from `tau2` by Fisher scoring, never below 0.

    The signs of the slope bracket the maximum. A step that leaves the bracket, or that is more than half as long as the
    one before, gives way to the middle of the bracket: far from normality scoring alone may swing for ever.
    """
    low, high, last = 0.0, np.inf, np.inf
    for iteration in range(1, _MAX_ITERATIONS + 1):
        _, slope, information = likelihood(_Step.at(tau2, y, v, x))
        low, high = (tau2, high) if slope > 0 else (low, tau2)
        target = max(tau2 + slope / information, 0.0)
        if np.isfinite(high) and not (low <= target <= high and abs(target - tau2) <= 0.5 * last):
            target = 0.5 * (low + high)
        last = abs(target - tau2)
        tau2 = target
        if last <= _TOLERANCE * (tau2 + float(np.median(v))):
            return tau2, iteration
    raise MethodError(
        f"area model: the model variance of {len(y)} areas did not settle in {_MAX_ITERATIONS} scoring steps; "
        "look for variances that differ by many orders of magnitude"
    )


def _results(
    tau2: float, iterations: int, y: FloatArray, v: FloatArray, x: FloatArray, scales: FloatArray, method: Method
) -> FayHerriot:
    """Put the fit back into the covariates as given: x = columns scales^-1."""
    step = _Step.at(tau2, y, v, x)
    level, _, information = (_restricted if method == "reml" else _full)(step)
    inverse = np.linalg.inv(step.triangle @ scales)
    gamma = tau2 * step.weights
    fitted = x @ step.coefficients
    return FayHerriot(
        coefficients=floats(np.linalg.solve(scales, step.coefficients)),
        coefficient_covariance=inverse @ inverse.T,
        model_variance=tau2,
        model_variance_error=information**-0.5,
        estimates=fitted + gamma * step.residuals,
        fitted=fitted,
        gamma=gamma,
        mse=_mean_squared_error(gamma, v, step, method),
        log_likelihood=level,
        iterations=iterations,
        method=method,
    )


def _mean_squared_error(gamma: FloatArray, v: FloatArray, step: _Step, method: Method) -> FloatArray:
    w, away = step.weights, 1 - gamma
    squares = float((w**2).sum())
    leverage = (step.basis**2).sum(axis=1)
    error: FloatArray = gamma * v + away**2 * leverage / w + 2 * away**2 * w * (2 / squares)
    if method == "ml":
        bias = -float(w @ leverage) / squares
        error = error - bias * away**2
    return error


def _quadratic_form(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    form: FloatArray = np.einsum("ij,jk,ik->i", rows, matrix, rows, optimize=True)
    return form


def _checked(log_mean: ArrayLike, variance: ArrayLike, x: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    y, v, design = floats(log_mean), floats(variance), floats(x)
    if y.ndim != 1 or v.shape != y.shape or design.ndim != 2 or len(design) != len(y):
        raise MethodError(
            f"area model: shapes of values {y.shape}, variances {v.shape} and covariates {design.shape} differ"
        )
    _require_finite(y, "values")
    _require_finite(v, "variances")
    _require_finite(design, "covariates")
    if (v <= 0).any():
        raise MethodError(
            f"area model: {int((v <= 0).sum())} of {len(v)} variances are not above 0; give a published value without "
            "sampling error a small variance"
        )
    areas, columns = design.shape
    if areas <= columns:
        raise MethodError(f"area model: {areas} areas for {columns} covariates; leave covariates out")
    rank = int(np.linalg.matrix_rank(design / np.maximum(np.abs(design).max(axis=0), np.finfo(float).tiny)))
    if rank < columns:
        raise MethodError(f"area model: {columns} covariates have rank {rank}; leave out those that follow from others")
    return y, v, design


def _require_finite(values: FloatArray, what: str) -> None:
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise MethodError(f"area model: {bad} of {values.size} {what} are missing or not finite; leave those areas out")
