"""The population growth estimator, its prediction error and the optimality of one half.

ONS, "Using Real Time Information data to reweight the LFS" (2021), equations (8) to (12) and Appendix 3.
Growth rates are year-on-year proportions; everything works elementwise and broadcasts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.ratios import growth_change
from lmi_pipeline.methods.tables import FloatArray, floats

COEFFICIENT = 0.5
"""1 + tau at tau = -1/2, the optimum of Appendix 3."""


@dataclass(frozen=True, slots=True)
class GrowthEstimate:
    """Estimated population growth and what it is made of.

    Attributes
    ----------
    growth_rate : ndarray
        The estimate: base growth plus adjustment.
    adjustment : ndarray
        `coefficient` times the change of RTI growth since the base quarter.
    rti_change : ndarray
        That change, Delta_A (Delta_E if RTI growth was not adjusted).
    """

    growth_rate: FloatArray
    adjustment: FloatArray
    rti_change: FloatArray


@dataclass(frozen=True, slots=True)
class ErrorBounds:
    """How far the estimate may be from the truth if tau is anywhere in [-1, 0], evenly.

    Attributes
    ----------
    root_mean_square, mean_absolute, worst : ndarray
        Of the prediction error, in the unit of the RTI change; none is negative.
    """

    root_mean_square: FloatArray
    mean_absolute: FloatArray
    worst: FloatArray


def uk_adjusted_growth(rti_growth: ArrayLike, rti_growth_uk: ArrayLike) -> FloatArray:
    """RTI growth of a non-UK group net of the growth of UK nationals: equation (10)."""
    return floats(rti_growth) - floats(rti_growth_uk)


def estimate_population_growth(
    base_growth: ArrayLike,
    rti_growth: ArrayLike,
    rti_growth_base: ArrayLike,
    *,
    coefficient: float = COEFFICIENT,
) -> GrowthEstimate:
    """Population growth of a non-UK group from RTI: equation (11), or (9) with unadjusted rates.

    ``ghat_N(Q) = g_N(base) + coefficient * [gA(Q) - gA(base)]``

    Parameters
    ----------
    base_growth : array_like
        Population growth in the base quarter, g_N(base).
    rti_growth, rti_growth_base : array_like
        RTI growth in the quarter and in the base quarter; net of UK nationals for equation (11).
    coefficient : float, default 0.5
        1 + tau: 0 keeps the base growth, 1 passes the RTI change through in full. Equation (8), which keeps
        b(base), is ``coefficient=b - 0.5``.

    Raises
    ------
    MethodError
        If a number is missing or infinite.
    """
    base = floats(base_growth)
    change = growth_change(rti_growth, rti_growth_base)
    if not (np.isfinite(base).all() and np.isfinite(change).all() and np.isfinite(coefficient)):
        raise MethodError("population growth needs finite base growth, RTI growth and coefficient")
    adjustment = coefficient * change
    return GrowthEstimate(base + adjustment, adjustment, change)


def prediction_error(
    population_change: ArrayLike, rti_change: ArrayLike, *, coefficient: float = COEFFICIENT
) -> FloatArray:
    """Estimate minus truth, ghat_N - g_N = coefficient * Delta_A - Delta_N: equation (12).

    With tau = Delta_N / Delta_A - 1 and a coefficient of one half this is -(1/2 + tau) Delta_A: nothing where
    population growth changed by half as much as RTI growth.
    """
    return coefficient * floats(rti_change) - floats(population_change)


def optimal_tau(lowest: float = -1.0, highest: float = 0.0) -> float:
    """The constant that makes the expected prediction error zero when tau is uniform: Appendix 3.

    The mean of the distribution; it minimises the mean square error too, and, the distribution being
    symmetric, the mean absolute error.
    """
    _check_interval(lowest, highest)
    return (lowest + highest) / 2


def mean_square_error(
    rti_change: ArrayLike, tau_used: ArrayLike, *, lowest: float = -1.0, highest: float = 0.0
) -> FloatArray:
    """E(PE^2) = Delta^2 [(tau_used - E tau)^2 + Var tau] when tau is uniform: Appendix 3.

    Its minimum on [-1, 0] is Delta^2 / 12, at tau_used = -1/2.
    """
    bias = floats(tau_used) - optimal_tau(lowest, highest)
    variance = (highest - lowest) ** 2 / 12
    squared: FloatArray = np.square(floats(rti_change)) * (np.square(bias) + variance)
    return squared


def error_bounds(rti_change: ArrayLike, *, coefficient: float = COEFFICIENT) -> ErrorBounds:
    """Bounds to publish with an estimate, for tau uniform on [-1, 0].

    At the coefficient of one half: root mean square 0.2887 |Delta|, mean 0.25 |Delta|, worst 0.5 |Delta|.

    Raises
    ------
    MethodError
        If the coefficient is outside [0, 1], where tau cannot be.
    """
    if not 0 <= coefficient <= 1:
        raise MethodError(f"error bounds need a coefficient from 0 to 1, not {coefficient}")
    size = np.abs(floats(rti_change))
    return ErrorBounds(
        root_mean_square=np.sqrt(mean_square_error(size, coefficient - 1)),
        mean_absolute=size * (coefficient**2 + (1 - coefficient) ** 2) / 2,
        worst=size * max(coefficient, 1 - coefficient),
    )


def growth_from_migration(net_migration: ArrayLike, stock: ArrayLike) -> FloatArray:
    """Population growth as net migration over the stock, g_N(base): persons over persons, a proportion.

    Raises
    ------
    MethodError
        If a stock is not positive.
    """
    persons = floats(stock)
    if not (persons > 0).all():
        raise MethodError(f"growth from migration needs positive stocks; {int((~(persons > 0)).sum())} are not")
    return floats(net_migration) / persons


def _check_interval(lowest: float, highest: float) -> None:
    if not lowest < highest:
        raise MethodError(f"tau cannot be uniform from {lowest} to {highest}: an empty interval")
