"""Which rows can still change sides in a quantile regression, and which are known to lie over or under the fit.

The preprocessing of Portnoy and Koenker (1997), with ranks taken inside the levels of a factor: the spread of pay
differs from one occupation to the next. Rows far from the quantile keep their side and enter only through
the sum of their regressors; the fit is then checked against them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmi_pipeline.methods.factor_design import BoolArray, Factor, IntArray
from lmi_pipeline.methods.tables import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RankedRows:
    """Residuals ordered inside the levels of a factor.

    Attributes
    ----------
    levels : int
    order : ndarray of int
        (n,) rows by level, then residual.
    level : ndarray of int
        (n,) level of each row in that order.
    residuals, ranks : ndarray
        (n,) in that order; the rank is the share of the level's weight below the middle of the row.
    """

    levels: int
    order: NDArray[np.intp]
    level: NDArray[np.intp]
    residuals: FloatArray
    ranks: FloatArray

    def quantile(self, probability: float) -> FloatArray:
        """Weighted quantile of the residuals of each level (levels,); 0 for levels without rows."""
        count = np.bincount(self.level, minlength=self.levels)
        below = np.bincount(self.level[self.ranks < probability], minlength=self.levels)
        place = np.cumsum(count) - count + np.minimum(below, count - 1)
        found = np.zeros(self.levels)
        found[count > 0] = self.residuals[place[count > 0]]
        return found

    def near(self, probability: float, width: float) -> BoolArray:
        """Rows (n,), in the order of the data, whose rank is within `width` of the probability."""
        found = np.empty(len(self.order), dtype=np.bool_)
        found[self.order] = np.abs(self.ranks - probability) < width
        return found

    def over(self, probability: float) -> BoolArray:
        """Rows (n,), in the order of the data, whose rank is above the probability."""
        found = np.empty(len(self.order), dtype=np.bool_)
        found[self.order] = self.ranks > probability
        return found


def rank_rows(residuals: FloatArray, weights: FloatArray, codes: IntArray, levels: int) -> RankedRows:
    """Order residuals (n,) inside the levels, 0 to ``levels - 1``, that the codes (n,) say."""
    order = np.lexsort((residuals, codes))
    level, sizes = codes[order].astype(np.intp), weights[order]
    totals = np.bincount(level, sizes, minlength=levels)
    before = np.cumsum(totals) - totals
    middle = np.cumsum(sizes) - sizes / 2 - before[level]
    return RankedRows(levels, order, level, residuals[order], middle / totals[level])


def with_thin_levels(rows: BoolArray, factors: tuple[Factor, ...], least: int) -> BoolArray:
    """The rows, and every row of a level that has fewer than `least` of them."""
    found = rows.copy()
    for factor in factors:
        found |= (np.bincount(factor.codes[rows], minlength=factor.levels) < least)[factor.codes]
    return found
