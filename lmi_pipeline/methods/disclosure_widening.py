"""Hiding further cells on the sums of cells that cubes did not make safe."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_linking import spread
from lmi_pipeline.methods.disclosure_system import DisclosureSystem

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


def widen(
    system: DisclosureSystem,
    cells: Flags,
    *,
    also: Flags,
    cost: Floats,
    fixed: Flags,
    group: NDArray[np.int64],
) -> Flags:
    """Hide the cheapest further cell on every row of some cells, then wherever a row is left with one hidden cell.

    A row is a sum, so the further cell is a sibling or, if none can move, the total above. Cells with enough room to
    move both ways are taken first.

    Parameters
    ----------
    system : DisclosureSystem
        Tables, with what is hidden so far.
    cells : ndarray of bool
        (cells,) cells that are not safe.
    also : ndarray of bool
        (cells,) cells known exactly; those on a row of `cells` are widened too.
    cost : ndarray
        (cells,) loss when a cell is withheld.
    fixed : ndarray of bool
        (cells,) cells that may not be hidden.
    group : ndarray of int64
        (cells,) number of the quantity behind each cell.

    Returns
    -------
    ndarray of bool
        (cells,) hidden cells, those of before among them.
    """
    pattern = sp.csr_matrix(
        (np.ones(system.matrix.nnz), system.matrix.indices, system.matrix.indptr), system.matrix.shape
    )
    by_cell = pattern.T.tocsr()
    near = (by_cell @ (pattern @ cells.astype(float))) > 0
    hidden = system.hidden.copy()
    asked = cells | (also & near & hidden)
    rows = np.flatnonzero(pattern @ asked.astype(float))
    needed = _needed(system, pattern, cells, rows)
    while len(rows):
        new = _cheapest(system, pattern, rows, needed, hidden, fixed, cost)
        new = spread(new, group) & ~hidden & ~fixed
        if not new.any():
            break
        hidden |= new
        touched = np.flatnonzero(pattern @ new.astype(float))
        rows = touched[(pattern[touched] @ hidden.astype(float)) == 1]
        needed = np.zeros(len(rows))
    return hidden


def _needed(system: DisclosureSystem, pattern: sp.csr_matrix, cells: Flags, rows: NDArray[np.int64]) -> Floats:
    wanted = np.where(cells, np.maximum(system.protect_down, system.protect_up), 0.0)
    part = pattern[rows].multiply(wanted).tocsr()
    return np.asarray(part.max(axis=1).toarray()).ravel() if len(rows) else np.zeros(0)


def _cheapest(
    system: DisclosureSystem,
    pattern: sp.csr_matrix,
    rows: NDArray[np.int64],
    needed: Floats,
    hidden: Flags,
    fixed: Flags,
    cost: Floats,
) -> Flags:
    """Mark the cheapest cell of each row that can be hidden, those with enough room first."""
    part = pattern[rows].tocoo()
    free = ~hidden[part.col] & ~fixed[part.col]
    row, cell = part.row[free], part.col[free]
    room = np.minimum(system.value - system.floor, system.ceiling - system.value)
    order = np.lexsort((cost[cell], room[cell] < needed[row], row))
    first = np.unique(row[order], return_index=True)[1]
    chosen = np.zeros(len(hidden), dtype=bool)
    chosen[cell[order[first]]] = True
    return chosen
