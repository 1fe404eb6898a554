"""From the mean of logs to the mean: smearing factors by occupation (Duan 1983), shrunk to those of more records.

E[y] = exp(x b) E[exp(e)]. The spread of residuals differs between occupations, so one factor for all is biased for
each; a factor of an occupation's own few residuals is noise. Each is pulled towards its major group's by credibility.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.shrinkage import credibility_means
from lmi_pipeline.methods.tables import FloatArray

IntArray = NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class Smearing:
    """Smearing factors.

    Attributes
    ----------
    factors : ndarray
        (O,) shrunken factor of each occupation, also of those without rows.
    overall : float
        Factor of all rows together.
    constants : tuple of float
        k of the occupation and of the major group: rows that weigh as much as the group above.
    winsorised : int
        Residuals that were cut.
    """

    factors: FloatArray
    overall: float
    constants: tuple[float, ...]
    winsorised: int


def smearing_factors(
    residuals: FloatArray,
    weights: FloatArray,
    occupation: IntArray,
    major: IntArray,
    *,
    lost: FloatArray | None = None,
    winsorise: float = 0.999,
) -> Smearing:
    """Estimate the shrunken smearing factor of every occupation.

    s_o = (n_o s_raw + k s) / (n_o + k), s that of the major group, itself shrunk to that of all.

    Parameters
    ----------
    residuals, weights : ndarray
        (n,) of the regression of logs, and the positive weights.
    occupation : ndarray of int
        (n,)
    major : ndarray of int
        (O,) major group of each occupation.
    lost : ndarray, optional
        (O,) coefficients fitted to the occupation's own rows: residuals are widened by n / (n - lost), and an
        occupation with no rows to spare has no factor of its own.
    winsorise : float
        Quantile of the residuals of a major group at which higher ones are cut.

    Returns
    -------
    Smearing

    Raises
    ------
    MethodError
        A residual that is not finite, or a quantile outside 0 to 1.
    """
    bad = int((~np.isfinite(residuals)).sum())
    if bad:
        raise MethodError(f"smearing: {bad} of {len(residuals)} residuals are not finite; check the fit")
    if not 0 < winsorise <= 1:
        raise MethodError(f"smearing: residuals cut at quantile {winsorise}; give one above 0 and at most 1")
    used = np.zeros(len(major)) if lost is None else lost
    spread = widened(residuals, occupation, used)
    cut = _caps(spread, major[occupation], winsorise)[major[occupation]]
    found = credibility_means(np.exp(np.minimum(spread, cut)), weights, occupation, [major], lost=used)
    return Smearing(found.means, found.overall, found.constants, int((spread > cut).sum()))


def widened(residuals: FloatArray, groups: IntArray, lost: FloatArray) -> FloatArray:
    """Residuals widened for the coefficients fitted to their own group; as they are where no row is to spare."""
    rows = np.bincount(groups, minlength=len(lost))
    spare = rows - lost
    scale = np.sqrt(np.divide(rows, spare, out=np.ones(len(lost)), where=spare > 0))
    result: FloatArray = residuals * scale[groups]
    return result


def _caps(values: FloatArray, groups: IntArray, probability: float) -> FloatArray:
    caps = np.full(int(groups.max()) + 1, np.inf)
    for group in np.unique(groups):
        caps[group] = np.quantile(values[groups == group], probability)
    return caps
