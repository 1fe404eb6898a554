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
    rows = _tightest(pattern, by_cell, np.flatnonzero(asked), hidden)
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


def _tightest(
    pattern: sp.csr_matrix, by_cell: sp.csr_matrix, cells: NDArray[np.int64], hidden: Flags
) -> NDArray[np.int64]:
    """Rows of each cell with the fewest hidden cells."""
    part = by_cell[cells]
    count = (pattern @ hidden.astype(float))[part.indices]
    owner = np.repeat(np.arange(len(cells)), np.diff(part.indptr))
    least = np.full(len(cells), np.inf)
    np.minimum.at(least, owner, count)
    return np.unique(part.indices[count == least[owner]])


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


def fewest_moves(witnesses: sp.csr_matrix, system: DisclosureSystem, complementary: Flags) -> sp.csr_matrix:
    """Keep one witness each way for every protected cell: that which moves least of what need not be hidden.

    Parameters
    ----------
    witnesses : csr_matrix
        (k, cells) verified moves.
    system : DisclosureSystem
        What must be protected.
    complementary : ndarray of bool
        (cells,) cells withheld for the sake of others only.

    Returns
    -------
    csr_matrix
        (at most k, cells) witnesses that prove as much.
    """
    burden = (abs(witnesses).sign() @ complementary.astype(float)).astype(float)
    moves = witnesses[np.argsort(burden, kind="stable")]
    row = np.repeat(np.arange(moves.shape[0]), np.diff(moves.indptr))
    kept = []
    for need, reach in ((system.protect_up, moves.data), (system.protect_down, -moves.data)):
        enough = (need[moves.indices] > 0) & (reach >= need[moves.indices] * (1 - 1e-6))
        first = np.full(len(need), moves.shape[0])
        np.minimum.at(first, moves.indices[enough], row[enough])
        kept.append(first[first < moves.shape[0]])
    chosen = moves[np.unique(np.concatenate(kept))]
    chosen.eliminate_zeros()
    return chosen
