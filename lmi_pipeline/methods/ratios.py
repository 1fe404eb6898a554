"""The ratios behind the estimator: population to employees, then and now.

Notation of ONS, "Using Real Time Information data to reweight the LFS" (2021). N is the population of a
non-UK group, E its employees in RTI; g_N and g_E are year-on-year growth rates (proportions). "Base" is
October to December 2019, "now" the quarter estimated::

    Delta_N = g_N(now) - g_N(base)          Delta_E = g_E(now) - g_E(base)
    b       = (1 + g_N) / (1 + g_E)         delta   = b(now) - b(base)
    tau     = Delta_N / Delta_E - 1

All functions work elementwise and broadcast; rates are proportions (0.026, not 2.6).
"""

from numpy.typing import ArrayLike

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats


def growth_change(growth: ArrayLike, growth_base: ArrayLike) -> FloatArray:
    """Delta, the change of a growth rate since the base quarter: equation (3)."""
    return floats(growth) - floats(growth_base)


def naive_ratio(growth_population: ArrayLike, growth_rti: ArrayLike) -> FloatArray:
    """b: the population over its naive estimate, last year's population grown as employees did.

    b = N(Q) / [N(Q-4) E(Q) / E(Q-4)] = (1 + g_N) / (1 + g_E), the terms of equation (4).
    """
    grown = 1 + floats(growth_rti)
    if (grown <= 0).any():
        raise MethodError("the naive ratio needs RTI growth above -100 %")
    return (1 + floats(growth_population)) / grown


def ratio_change(ratio: ArrayLike, ratio_base: ArrayLike) -> FloatArray:
    """Change of the naive ratio, delta = b(now) - b(base): equation (5)."""
    return floats(ratio) - floats(ratio_base)


def population_change_from_ratios(
    ratio_base: ArrayLike, rti_change: ArrayLike, ratio_change: ArrayLike, growth_rti: ArrayLike
) -> FloatArray:
    """Delta_N = b(base) Delta_E + delta (1 + g_E(now)): equation (6), an identity."""
    return floats(ratio_base) * floats(rti_change) + floats(ratio_change) * (1 + floats(growth_rti))


def ratio_change_from_growth(
    population_change: ArrayLike, rti_change: ArrayLike, ratio_base: ArrayLike, growth_rti: ArrayLike
) -> FloatArray:
    """Equation (6) solved for delta = (Delta_N - b(base) Delta_E) / (1 + g_E(now)): Appendix 3."""
    unexplained = floats(population_change) - floats(ratio_base) * floats(rti_change)
    return unexplained / (1 + floats(growth_rti))


def tau(population_change: ArrayLike, rti_change: ArrayLike, ratio_base: ArrayLike = 1.0) -> FloatArray:
    """The shortfall of population growth behind RTI growth: tau = Delta_N / (b Delta_E) - 1.

    Appendix 3 takes b(base) as 1. Population growth that moves in the same direction as RTI growth, and not
    further, has tau in [-1, 0]. With the actual b(base), Delta_N = b (1 + tau) Delta_E holds exactly.

    Parameters
    ----------
    population_change, rti_change : array_like
        Delta_N and Delta_E, proportions.
    ratio_base : array_like, default 1
        b(base).

    Raises
    ------
    MethodError
        Where RTI growth did not change: tau is undefined there.
    """
    explained = floats(ratio_base) * floats(rti_change)
    if (explained == 0).any():
        raise MethodError(f"tau is undefined where RTI growth did not change: {int((explained == 0).sum())} cases")
    return floats(population_change) / explained - 1
