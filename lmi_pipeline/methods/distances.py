"""Distances of calibration: how far a weight may move, and at what cost.

Deville and Särndal (1992), Deville, Särndal and Sautory (1993). A calibrated weight is the base weight times F(u),
u = q x'lambda; each distance has F(0) = F'(0) = 1. `cost` is the integral of F from 0, the term of the dual objective
that Newton's method minimises.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray

_LARGEST_EXPONENT = 300.0


class Distance(Protocol):
    """What every distance can say; arrays of any shape in and out."""

    @property
    def name(self) -> str:
        """Short name."""

    @property
    def lower(self) -> float:
        """Smallest factor, minus infinity without a bound."""

    @property
    def upper(self) -> float:
        """Largest factor, infinity without a bound."""

    def ratio(self, u: FloatArray) -> FloatArray:
        """F(u), the factor on the base weight."""

    def slope(self, u: FloatArray) -> FloatArray:
        """F'(u), never negative."""

    def cost(self, u: FloatArray) -> FloatArray:
        """Integral of F from 0 to u."""


@dataclass(frozen=True, slots=True)
class Linear:
    """F(u) = 1 + u: the generalised regression estimator. Solved in one step; weights may be negative."""

    name: str = "linear"
    lower: float = -np.inf
    upper: float = np.inf

    def ratio(self, u: FloatArray) -> FloatArray:
        """F(u)."""
        return 1 + u

    def slope(self, u: FloatArray) -> FloatArray:
        """F'(u)."""
        return np.ones_like(u)

    def cost(self, u: FloatArray) -> FloatArray:
        """Integral of F."""
        result: FloatArray = u + u * u / 2
        return result


@dataclass(frozen=True, slots=True)
class Raking:
    """F(u) = exp(u): positive weights; with categorical margins the limit of iterative proportional fitting."""

    name: str = "raking"
    lower: float = 0.0
    upper: float = np.inf

    def ratio(self, u: FloatArray) -> FloatArray:
        """F(u), held finite where u is absurdly large."""
        result: FloatArray = np.exp(np.minimum(u, _LARGEST_EXPONENT))
        return result

    def slope(self, u: FloatArray) -> FloatArray:
        """F'(u)."""
        return self.ratio(u)

    def cost(self, u: FloatArray) -> FloatArray:
        """Integral of F."""
        result: FloatArray = np.expm1(np.minimum(u, _LARGEST_EXPONENT))
        return result


@dataclass(frozen=True, slots=True)
class Logit:
    """F(u) = [L(U-1) + U(1-L) exp(Au)] / [(U-1) + (1-L) exp(Au)], A = (U-L) / ((1-L)(U-1)).

    Factors stay strictly between the bounds L < 1 < U.
    """

    lower: float
    upper: float
    name: str = "logit"

    def __post_init__(self) -> None:
        _check_bounds(self.lower, self.upper)

    @property
    def _rate(self) -> float:
        return (self.upper - self.lower) / ((1 - self.lower) * (self.upper - 1))

    @property
    def _shift(self) -> float:
        return float(np.log((1 - self.lower) / (self.upper - 1)))

    def ratio(self, u: FloatArray) -> FloatArray:
        """F(u), as lower + (upper - lower) times a logistic function."""
        result: FloatArray = self.lower + (self.upper - self.lower) * expit(self._rate * u + self._shift)
        return result

    def slope(self, u: FloatArray) -> FloatArray:
        """F'(u)."""
        share = expit(self._rate * u + self._shift)
        result: FloatArray = (self.upper - self.lower) * self._rate * share * (1 - share)
        return result

    def cost(self, u: FloatArray) -> FloatArray:
        """Integral of F."""
        width = self.upper - self.lower
        grown = np.logaddexp(0.0, self._rate * u + self._shift) - np.logaddexp(0.0, self._shift)
        result: FloatArray = self.lower * u + width / self._rate * grown
        return result


@dataclass(frozen=True, slots=True)
class TruncatedLinear:
    """F(u) = min(max(1 + u, L), U): linear, cut off at the bounds L < 1 < U."""

    lower: float
    upper: float
    name: str = "truncated linear"

    def __post_init__(self) -> None:
        _check_bounds(self.lower, self.upper)

    def ratio(self, u: FloatArray) -> FloatArray:
        """F(u)."""
        result: FloatArray = np.clip(1 + u, self.lower, self.upper)
        return result

    def slope(self, u: FloatArray) -> FloatArray:
        """F'(u): one between the bounds, zero beyond."""
        result: FloatArray = ((1 + u > self.lower) & (1 + u < self.upper)).astype(np.float64)
        return result

    def cost(self, u: FloatArray) -> FloatArray:
        """Integral of F: a parabola between the bounds, straight beyond."""
        inside = np.clip(u, self.lower - 1, self.upper - 1)
        result: FloatArray = inside + inside * inside / 2 + (u - inside) * self.ratio(u)
        return result


def _check_bounds(lower: float, upper: float) -> None:
    if not (np.isfinite(lower) and np.isfinite(upper) and lower < 1 < upper):
        raise MethodError(f"bounds of calibration factors must lie around 1, not {lower} and {upper}")
