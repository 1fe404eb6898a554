"""How much of the change of RTI growth the population showed before 2020: equation (13).

y is the change of population growth since the base quarter, x that of RTI growth, and y = b x + e. In the
ratio model the variance of e is proportional to the size of x; ordinary least squares through the origin
takes it as constant and serves as a cross-check. ONS published b = 0.45 for the EU and 0.42 for the rest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats

_FEWEST_POINTS = 2


@dataclass(frozen=True, slots=True)
class SlopeFit:
    """A slope through the origin.

    Attributes
    ----------
    slope, standard_error : float
        b and its standard error.
    lower, upper : float
        Confidence interval, Student's t with one degree of freedom fewer than points.
    confidence : float
        Its level, such as 0.95.
    points : int
        Number of (x, y) pairs.
    """

    slope: float
    standard_error: float
    lower: float
    upper: float
    confidence: float
    points: int


def ratio_fit(rti_change: ArrayLike, population_change: ArrayLike, *, confidence: float = 0.95) -> SlopeFit:
    """The ratio model: b = sum y / sum x.

    With ``Var e = s^2 |x|`` the variance of b is ``s^2 sum|x| / (sum x)^2``. The expectation of
    ``sum (y - b x)^2 / |x|`` is ``s^2 [n - 2 + (sum|x| / sum x)^2]``, so s^2 is estimated without bias; the
    bracket is n - 1 where all x have one sign.

    Parameters
    ----------
    rti_change, population_change : array_like
        x and y, proportions, shape (n,).
    confidence : float, default 0.95
        Level of the confidence interval.

    Raises
    ------
    MethodError
        For fewer than two pairs, unequal lengths, numbers not finite, an x of zero, or x that sum to zero.
    """
    x, y = _points(rti_change, population_change)
    if (x == 0).any() or x.sum() == 0:
        raise MethodError("the ratio model needs changes of RTI growth that are not zero, nor zero in sum")
    slope = float(y.sum() / x.sum())
    imbalance = (np.abs(x).sum() / x.sum()) ** 2
    variance = (np.square(y - slope * x) / np.abs(x)).sum() / (len(x) - 2 + imbalance)
    standard_error = float(np.sqrt(variance * np.abs(x).sum()) / abs(x.sum()))
    return _fit(slope, standard_error, len(x), confidence)


def least_squares_fit(rti_change: ArrayLike, population_change: ArrayLike, *, confidence: float = 0.95) -> SlopeFit:
    """Ordinary least squares through the origin: b = sum x y / sum x^2.

    Parameters, units and errors as for `ratio_fit`; single zeros among the x are allowed.
    """
    x, y = _points(rti_change, population_change)
    if not x.any():
        raise MethodError("least squares needs a change of RTI growth that is not zero")
    slope = float((x @ y) / (x @ x))
    variance = np.square(y - slope * x).sum() / (len(x) - 1)
    return _fit(slope, float(np.sqrt(variance / (x @ x))), len(x), confidence)


def _points(rti_change: ArrayLike, population_change: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = floats(rti_change), floats(population_change)
    if x.ndim != 1 or x.shape != y.shape or len(x) < _FEWEST_POINTS:
        raise MethodError(f"a slope needs two equally long rows of at least 2 numbers, not {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise MethodError("a slope needs finite changes of growth")
    return x, y


def _fit(slope: float, standard_error: float, points: int, confidence: float) -> SlopeFit:
    if not 0 < confidence < 1:
        raise MethodError(f"the confidence level is a proportion between 0 and 1, not {confidence}")
    reach = float(stdtrit(points - 1, (1 + confidence) / 2)) * standard_error
    return SlopeFit(slope, standard_error, slope - reach, slope + reach, confidence, points)
