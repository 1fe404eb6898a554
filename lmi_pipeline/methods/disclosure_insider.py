"""The insider: the only contributor of a withheld cell knows its value, and may work out other withheld cells from it.

Once the insider's cell is known, another cell is determined by the equations if and only if every vector of the null
space has the same ratio between the two cells. Random vectors of the null space have it, with probability one, only
then; so cells are compared by the direction of what a few random vectors say of them (Hundepool et al., Handbook on
Statistical Disclosure Control, chapter 4: singletons).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lmi_pipeline.methods.disclosure_moves import free_moves
from lmi_pipeline.methods.disclosure_nullspace import on_null_space, unit_rows
from lmi_pipeline.methods.disclosure_peel import peel
from lmi_pipeline.methods.disclosure_system import DisclosureSystem

_VECTORS = 4
_SAME = 1e-6
_ITERATIONS = 2000


def known_to_insiders(
    system: DisclosureSystem, singleton: NDArray[np.bool_], *, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Find protected cells that the only contributor of another withheld cell can work out exactly.

    A cell that is the same quantity as the insider's own (a total of nothing else, the same cell in another table) is
    not another cell.

    Parameters
    ----------
    system : DisclosureSystem
        All tables together.
    singleton : ndarray of bool
        (cells,) cells of one contributor.
    rng : Generator
        Source of the random vectors.

    Returns
    -------
    ndarray of bool
        (cells,) exposed cells.
    """
    exposed = np.zeros(len(system.value), dtype=bool)
    space = free_moves(system, peel(system))
    alone = singleton[space.cells]
    if not alone.any():
        return exposed
    rows = unit_rows(space.matrix[np.flatnonzero(space.equations)])
    moves = np.column_stack(
        [on_null_space(rows, rng.standard_normal(len(alone)), _ITERATIONS) for _ in range(_VECTORS)]
    )
    size = np.linalg.norm(moves, axis=1)
    free = np.flatnonzero(size > _SAME)
    direction = moves[free] / size[free, None]
    direction *= np.sign(direction @ rng.standard_normal(_VECTORS))[:, None]
    pairs = free[cKDTree(direction).query_pairs(_SAME, output_type="ndarray")].reshape(-1, 2)
    value = system.value[space.cells]
    gap = np.abs(moves[pairs[:, 0]] - moves[pairs[:, 1]]).max(axis=1, initial=0.0)
    same = (gap < _SAME) & np.isclose(value[pairs[:, 0]], value[pairs[:, 1]], rtol=_SAME, atol=0.0)
    others = pairs[~same]
    both = np.concatenate([others, others[:, ::-1]])
    told = both[alone[both[:, 0]], 1]
    exposed[space.cells[told]] = True
    return exposed & system.protected
