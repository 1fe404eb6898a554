"""The search for witnesses: moves that take as many withheld cells as possible as far as their protection asks.

Two ways, both bounded in cost. Projection: random signs, weighted by the room of each cell, are projected on the moves
that keep all rows; one least-squares solve moves most cells of a large system by a good part of their value. Linear
programmes: what is left is asked for by name, in the whole component of a cell where that is small, and in a
neighbourhood of it where it is not. What a neighbourhood can do the whole can, so both only find proofs.
"""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_moves import MoveSpace
from lmi_pipeline.methods.disclosure_nullspace import on_null_space, unit_rows
from lmi_pipeline.methods.tables import FloatArray

_CLIPPINGS = 1


def projected_moves(
    space: MoveSpace, targets: NDArray[np.int64], *, cap: float, rng: np.random.Generator, iterations: int
) -> FloatArray:
    """Return a random move and its opposite, (2, n), that move most `targets` by a good part of their room.

    Parameters
    ----------
    space : MoveSpace
        Free cells and rows.
    targets : ndarray
        Numbers of the cells of the space to be moved; others move only as the rows demand.
    cap : float
        Room of a cell or row without limit.
    rng : Generator
        Source of the signs.
    iterations : int
        Most iterations of a projection; one that stops early makes moves that verification turns down.
    """
    room = np.minimum(np.minimum(-space.lower, space.upper), cap)
    loose = np.flatnonzero(~space.equations)
    row_room = np.minimum(np.minimum(-space.row_lower[loose], space.row_upper[loose]), cap)
    slack = sp.csr_matrix((-row_room, (loose, np.arange(len(loose)))), shape=(len(space.row_lower), len(loose)))
    rows = unit_rows(sp.csr_matrix(sp.hstack([space.matrix @ sp.diags_array(room), slack])))
    share = np.zeros(rows.shape[1])
    share[targets] = rng.choice([-1.0, 1.0], len(targets))
    for _ in range(1 + _CLIPPINGS):
        share = on_null_space(rows, np.clip(share, -1.0, 1.0), iterations)
    move = room * share[: len(room)] / max(1.0, float(np.abs(share).max(initial=0.0)))
    return np.stack([move, -move])


def groups_of_targets(
    component: NDArray[np.int32], targets: NDArray[np.int64], *, whole: int, batch: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64] | None]]:
    """Group targets for one programme each, and yield each group with its cells if it has whole components.

    Components of at most `whole` cells are taken whole, many together up to that size; of larger ones, `batch` targets
    at a time, in the order given and without cells.
    """
    size = np.bincount(component, minlength=1)
    small = size[component[targets]] <= whole
    homes = np.unique(component[targets[small]])
    pack = np.cumsum(size[homes]) // max(whole, 1)
    for number in np.unique(pack):
        members = np.flatnonzero(np.isin(component, homes[pack == number]))
        yield np.intersect1d(targets, members), members
    large = targets[~small]
    for start in range(0, len(large), batch):
        yield np.sort(large[start : start + batch]), None


class Neighbourhoods:
    """Cells around a few targets, among which closed moves are likely.

    Parameters
    ----------
    matrix : csr_matrix
        (m, n) rows of a space.
    """

    def __init__(self, matrix: sp.csr_matrix) -> None:
        self._matrix = matrix
        self._columns = matrix.T.tocsr()
        self._pattern = self._columns.astype(bool).astype(np.float64)
        self._degree = np.diff(self._columns.indptr)

    def around(self, targets: NDArray[np.int64], branch: int, rank: FloatArray, hops: int = 1) -> NDArray[np.int64]:
        """Return the targets and the cells around them, rising.

        First up to `branch` cells of the lowest `rank` on each row of a target, then cells where two rows of those
        cross, then cells all of whose rows have been met: in a table of three dimensions these are the corners of
        cubes. Each further hop does so from rows on which one cell is alone, for moves that pass through sums.
        """
        chosen = np.zeros(self._matrix.shape[1], dtype=bool)
        chosen[targets] = True
        chosen[_first_of_rows(self._matrix[self._rows_of(chosen)], branch, rank)] = True
        self._cross(chosen, np.minimum(self._degree, 2))
        self._cross(chosen, self._degree)
        for _ in range(hops - 1):
            alone = np.flatnonzero(self._pattern.T @ chosen.astype(float) == 1)
            chosen[_first_of_rows(self._matrix[alone], branch, rank)] = True
            self._cross(chosen, self._degree)
        return np.flatnonzero(chosen)

    def _cross(self, chosen: NDArray[np.bool_], crossings: NDArray[np.int32]) -> None:
        """Choose cells so many of whose rows have been met."""
        met = np.zeros(self._matrix.shape[0])
        met[self._rows_of(chosen)] = 1.0
        chosen |= (self._pattern @ met >= crossings) & (self._degree > 0)

    def _rows_of(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.unique(self._columns[np.flatnonzero(chosen)].indices).astype(np.int64)


def _first_of_rows(rows: sp.csr_matrix, branch: int, rank: FloatArray) -> NDArray[np.int64]:
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    order = np.lexsort((rank[rows.indices], row))
    place = np.arange(rows.nnz) - rows.indptr[row]
    first: NDArray[np.int64] = rows.indices[order[place < branch]].astype(np.int64)
    return first
