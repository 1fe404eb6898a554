"""Poisson pseudo-maximum likelihood and Gamma regression, log link, on a design of factors.

Iteratively reweighted least squares (Nelder and Wedderburn 1972). At the solution the working regression is a weighted
least squares whose robust errors are those of the likelihood's score, so they are taken from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_design import BoolArray, Design, Factor, NormalEquations
from lmi_pipeline.methods.factor_wls import fit_wls
from lmi_pipeline.methods.tables import FloatArray

Covariance = Literal["none", "classical", "hc1", "cluster"]
_BALANCED = 1e-10
_MAX_HALVINGS = 30


@dataclass(frozen=True, slots=True, eq=False)
class GlmFit:
    """A regression of the mean with log link: fitted = exp(X b).

    Attributes
    ----------
    coefficients : ndarray
        (p,) continuous terms, then factor levels in order; 0 where aliased or empty, -inf where separated.
    standard_errors : ndarray
        (p,) 0 where aliased, not a number where empty or separated.
    fitted : ndarray
        (n,) means, in the unit of y; 0 in rows of separated levels.
    deviance : float
        Weighted.
    iterations : int
    converged : bool
        Every score is nil: for Poisson, the fitted total of each level is the observed one to 1e-10.
    separated : ndarray of bool
        (p,) levels whose y are all 0, which have no finite coefficient (Correia, Guimarães and Zylkin 2020); only
        with Poisson.
    aliased, empty : ndarray of bool
        (p,) levels that follow from earlier ones; levels without rows, apart from those separated.
    """

    coefficients: FloatArray
    standard_errors: FloatArray
    fitted: FloatArray
    deviance: float
    iterations: int
    converged: bool
    separated: BoolArray
    aliased: BoolArray
    empty: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """Weights of the working regression at a mean, the score's residual and the unit deviance of (y, mean)."""

    working_weights: Callable[[FloatArray], FloatArray]
    deviance: Callable[[FloatArray, FloatArray], FloatArray]


def _poisson_deviance(y: FloatArray, mean: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(y > 0, y * np.log(y / mean), 0.0)
    found: FloatArray = 2 * (logs - (y - mean))
    return found


def _gamma_deviance(y: FloatArray, mean: FloatArray) -> FloatArray:
    found: FloatArray = 2 * ((y - mean) / mean - np.log(y / mean))
    return found


_POISSON = _Family(lambda mean: mean, _poisson_deviance)
_GAMMA = _Family(np.ones_like, _gamma_deviance)


def fit_poisson(
    design: Design,
    y: FloatArray,
    weights: FloatArray,
    *,
    covariance: Covariance = "hc1",
    clusters: NDArray[Any] | None = None,
    max_iterations: int = 50,
) -> GlmFit:
    """Fit E[y] = exp(X b) by Poisson pseudo-maximum likelihood (Gourieroux, Monfort and Trognon 1984).

    Parameters
    ----------
    design : Design
    y : ndarray
        (n,) not negative, some above zero; they need not be counts.
    weights : ndarray
        (n,) above zero, of any scale.
    covariance : {"none", "classical", "hc1", "cluster"}
        Of the standard errors; classical has the dispersion estimated from Pearson's residuals.
    clusters : ndarray, optional
        (n,) for ``cluster``.
    max_iterations : int

    Returns
    -------
    GlmFit

    Raises
    ------
    MethodError
        Naming how many values or weights are unusable.

    Notes
    -----
    Rows of levels whose y are all 0 carry no information on the others: they are left out and fitted 0.
    """
    _require_rows(design, y, weights, "Poisson regression", least_is_open=False)
    separated = _all_zero_levels(design, y)
    if not separated.any():
        return _fit(design, y, weights, _POISSON, covariance, clusters, max_iterations)
    rows = ~np.isneginf(design.product(np.where(separated, -np.inf, 0.0)))
    kept = None if clusters is None else clusters[rows]
    found = _fit(_rows(design, rows), y[rows], weights[rows], _POISSON, covariance, kept, max_iterations)
    fitted = np.zeros(len(y))
    fitted[rows] = found.fitted
    return GlmFit(
        coefficients=np.where(separated, -np.inf, found.coefficients),
        standard_errors=np.where(separated, np.nan, found.standard_errors),
        fitted=fitted,
        deviance=found.deviance,
        iterations=found.iterations,
        converged=found.converged,
        separated=separated,
        aliased=found.aliased & ~separated,
        empty=found.empty & ~separated,
    )


def fit_gamma(
    design: Design,
    y: FloatArray,
    weights: FloatArray,
    *,
    covariance: Covariance = "hc1",
    clusters: NDArray[Any] | None = None,
    max_iterations: int = 100,
) -> GlmFit:
    """Fit E[y] = exp(X b) by the Gamma likelihood, whose variance is in proportion to the squared mean.

    Parameters
    ----------
    design : Design
    y : ndarray
        (n,) above zero, e.g. paid hours per week.
    weights, covariance, clusters, max_iterations
        As in :func:`fit_poisson`.

    Returns
    -------
    GlmFit

    Raises
    ------
    MethodError
        Naming how many values or weights are unusable.

    Notes
    -----
    Robust errors take the expected information for bread, as R's sandwich does; statsmodels takes the observed one,
    which differs with this link by about a hundredth.
    """
    _require_rows(design, y, weights, "Gamma regression", least_is_open=True)
    return _fit(design, y, weights, _GAMMA, covariance, clusters, max_iterations)


def _fit(
    design: Design,
    y: FloatArray,
    weights: FloatArray,
    family: _Family,
    covariance: Covariance,
    clusters: NDArray[Any] | None,
    max_iterations: int,
) -> GlmFit:
    equations = NormalEquations.prepare(design)
    coefficients = np.zeros(len(equations.empty))
    logs = np.log((y + np.average(y, weights=weights)) / 2)
    deviance, iterations, converged = np.inf, 0, False
    while not converged and iterations < max_iterations:
        iterations += 1
        working = weights * family.working_weights(np.exp(logs))
        wanted = equations.factorise(working).solve(design.transposed(working * _response(y, logs)))
        coefficients, logs, deviance = _shortened(design, y, weights, family, coefficients, wanted, deviance)
        converged = _is_balanced(design, y, weights, family, logs)
    working = weights * family.working_weights(np.exp(logs))
    errors = np.full(len(coefficients), np.nan)
    if covariance != "none":
        fit = fit_wls(design, _response(y, logs), working, covariance=covariance, clusters=clusters)
        errors = fit.standard_errors
    nothing = np.zeros(len(coefficients), dtype=np.bool_)
    return GlmFit(
        coefficients=coefficients,
        standard_errors=errors,
        fitted=np.exp(logs),
        deviance=deviance,
        iterations=iterations,
        converged=converged,
        separated=nothing,
        aliased=equations.aliased,
        empty=equations.empty,
    )


def _response(y: FloatArray, logs: FloatArray) -> FloatArray:
    """Working response of the log link."""
    mean = np.exp(logs)
    found: FloatArray = logs + (y - mean) / mean
    return found


def _shortened(
    design: Design,
    y: FloatArray,
    weights: FloatArray,
    family: _Family,
    old: FloatArray,
    wanted: FloatArray,
    deviance: float,
) -> tuple[FloatArray, FloatArray, float]:
    """Coefficients, logs of means and deviance of the step, halved while the deviance rises."""
    share = 1.0
    for _ in range(_MAX_HALVINGS):
        coefficients = old + share * (wanted - old)
        logs = design.product(coefficients)
        with np.errstate(over="ignore", invalid="ignore"):
            found = float(weights @ family.deviance(y, np.exp(logs)))
        if np.isfinite(found) and found <= deviance * (1 + 1e-9):
            break
        share /= 2
    return coefficients, logs, found


def _is_balanced(design: Design, y: FloatArray, weights: FloatArray, family: _Family, logs: FloatArray) -> bool:
    """Every score X'(w v (y - mean) / mean) is nil beside the sum of its parts."""
    mean = np.exp(logs)
    working = weights * family.working_weights(mean)
    residuals = working * (y - mean) / mean
    parts = working * (y + mean) / mean
    kept = design.continuous.shape[1]
    sizes = design.transposed(parts)
    sizes[:kept] = parts @ np.abs(design.continuous)
    return bool((np.abs(design.transposed(residuals)) <= _BALANCED * sizes).all())


def _all_zero_levels(design: Design, y: FloatArray) -> BoolArray:
    """Levels (p,) that have rows, in all of which y is 0."""
    kept = design.continuous.shape[1]
    found: BoolArray = (design.transposed(np.ones(len(y))) > 0) & (design.transposed(y) == 0)
    found[:kept] = False
    return found


def _rows(design: Design, rows: BoolArray) -> Design:
    factors = tuple(Factor(factor.name, factor.codes[rows], factor.levels) for factor in design.factors)
    return Design(factors, design.continuous[rows], design.continuous_names)


def _require_rows(design: Design, y: FloatArray, weights: FloatArray, name: str, *, least_is_open: bool) -> None:
    rows = len(design.continuous)
    if y.shape != (rows,) or weights.shape != (rows,):
        raise MethodError(f"{name}: {y.shape} values and {weights.shape} weights for {rows} rows")
    usable = np.isfinite(y) & ((y > 0) if least_is_open else (y >= 0))
    bad_weight = int((~(np.isfinite(weights) & (weights > 0))).sum())
    if not usable.all() or bad_weight or not (y > 0).any():
        least = "above zero" if least_is_open else "zero or more"
        raise MethodError(
            f"{name}: of {rows} rows {int((~usable).sum())} have a value that is not finite and {least}, {bad_weight} "
            f"a weight that is not finite and above zero, and {int((y > 0).sum())} a value above zero; leave the "
            "unusable ones out"
        )
