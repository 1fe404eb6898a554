"""What is left of a published sum when its published parts are taken away: it must not be a handful of respondents.

Withheld cells of one sum may each be safe while together they are told exactly, as the rest of the sum. A rest with
fewer contributors than a cell may have is a cell that was never decided on (differencing; Hundepool et al., Handbook
on Statistical Disclosure Control, chapter 5).
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.methods.disclosure_lattice import Lattice
from lmi_pipeline.methods.tables import floats


def widen_remainders(
    lattice: Lattice, hidden: ArrayLike, contributors: ArrayLike, cost: ArrayLike, *, minimum: float, fixed: ArrayLike
) -> NDArray[np.bool_]:
    """Withhold further parts of published sums until what is left of each has contributors enough, or none.

    Parameters
    ----------
    lattice : Lattice
        The table.
    hidden : array_like of bool
        (cells,) cells withheld by a rule.
    contributors : array_like
        (cells,) unweighted contributors.
    cost : array_like
        (cells,) loss when a cell is withheld; the cheapest part is taken.
    minimum : float
        Fewest contributors of a remainder.
    fixed : array_like of bool
        (cells,) cells that stay published.

    Returns
    -------
    ndarray of bool
        (cells,) cells withheld, those of before among them. A sum whose remainder cannot be widened is withheld itself.
    """
    held, count, worth = np.array(hidden, dtype=bool), floats(contributors), floats(cost)
    entries = sp.coo_array(lattice.matrix)
    part = entries.data > 0
    row, cell = entries.row[part], entries.col[part]
    total = np.full(lattice.matrix.shape[0], -1)
    total[entries.row[~part]] = entries.col[~part]
    closed = np.asarray(fixed, dtype=bool) | (count <= 0)
    while True:
        rest = np.bincount(row, weights=np.where(held[cell], count[cell], 0.0), minlength=len(total))
        small = (rest > 0) & (rest < minimum) & ~held[total]
        if not small.any():
            return held
        free = small[row] & ~held[cell] & ~closed[cell]
        order = np.lexsort((worth[cell[free]], row[free]))
        rows, first = np.unique(row[free][order], return_index=True)
        held[cell[free][order][first]] = True
        small[rows] = False
        held[total[small]] = True
