"""What subtracting the growth of UK nationals changes: Appendix 4 of the ONS reweighting article."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from lmi_pipeline.methods.ratios import growth_change
from lmi_pipeline.methods.tables import FloatArray, floats


@dataclass(frozen=True, slots=True)
class ErrorParts:
    """A prediction error as the sum of two parts.

    Attributes
    ----------
    half_fall : ndarray
        B1 or C1: half the fall of RTI growth since the base quarter; positive when growth is slowing.
    ratio_term : ndarray
        B2 or C2: the change of the population-to-employee ratio, times -(1 + RTI growth).
    ratio_change : ndarray
        delta_b or delta_c.
    """

    half_fall: FloatArray
    ratio_term: FloatArray
    ratio_change: FloatArray

    @property
    def error(self) -> FloatArray:
        """B or C: estimate minus truth."""
        return self.half_fall + self.ratio_term


@dataclass(frozen=True, slots=True)
class AdjustmentGain:
    """Prediction errors without (B) and with (C) the adjustment for UK nationals.

    B - C is half the change of RTI growth of UK nationals, exactly and whatever tau is: so the gain from the
    adjustment is a statement about signs.
    """

    unadjusted: ErrorParts
    adjusted: ErrorParts
    uk_change: FloatArray

    @property
    def difference(self) -> FloatArray:
        """B - C."""
        return self.unadjusted.error - self.adjusted.error


def error_parts(population_change: ArrayLike, rti_growth: ArrayLike, rti_growth_base: ArrayLike) -> ErrorParts:
    """Split 1/2 Delta_E - Delta_N into its two parts, b(base) taken as 1.

    Parameters
    ----------
    population_change : array_like
        Delta_N, a proportion.
    rti_growth, rti_growth_base : array_like
        RTI growth in the quarter and in the base quarter: unadjusted for B, net of UK nationals for C.
    """
    grown = 1 + floats(rti_growth)
    change = growth_change(rti_growth, rti_growth_base)
    ratio_change = (floats(population_change) - change) / grown
    return ErrorParts(half_fall=-change / 2, ratio_term=-ratio_change * grown, ratio_change=ratio_change)


def adjustment_gain(
    population_change: ArrayLike,
    rti_growth: ArrayLike,
    rti_growth_base: ArrayLike,
    rti_growth_uk: ArrayLike,
    rti_growth_uk_base: ArrayLike,
) -> AdjustmentGain:
    """B, C and the change of RTI growth of UK nationals, from unadjusted growth rates (proportions)."""
    now, base = floats(rti_growth), floats(rti_growth_base)
    uk_now, uk_base = floats(rti_growth_uk), floats(rti_growth_uk_base)
    return AdjustmentGain(
        unadjusted=error_parts(population_change, now, base),
        adjusted=error_parts(population_change, now - uk_now, base - uk_base),
        uk_change=growth_change(uk_now, uk_base),
    )
