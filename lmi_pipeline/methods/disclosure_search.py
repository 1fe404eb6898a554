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


def neighbourhoods(
    space: MoveSpace, targets: NDArray[np.int64], *, whole: int, batch: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Group targets, and yield each group with the cells that may move for it.

    Components of at most `whole` cells are taken whole, many together up to that size; of larger ones `batch` targets
    at a time with their neighbourhood.
    """
    component = space.components()
    size = np.bincount(component)
    small = size[component[targets]] <= whole
    homes = np.unique(component[targets[small]])
    pack = np.cumsum(size[homes]) // max(whole, 1)
    for number in np.unique(pack):
        members = np.flatnonzero(np.isin(component, homes[pack == number]))
        yield np.intersect1d(targets, members), members
    large = targets[~small]
    for start in range(0, len(large), batch):
        group = np.sort(large[start : start + batch])
        yield group, neighbourhood(space.matrix, group, rng)


def neighbourhood(
    matrix: sp.csr_matrix, targets: NDArray[np.int64], rng: np.random.Generator, *, branch: int = 4
) -> NDArray[np.int64]:
    """Return cells around `targets` among which closed moves are likely.

    First up to `branch` cells on each row of a target, then cells where two rows of those cross, then cells all of
    whose rows have been met: in a table of three dimensions these are the corners of cubes.
    """
    columns = matrix.T.tocsr()
    degree = np.diff(columns.indptr)
    chosen = np.zeros(matrix.shape[1], dtype=bool)
    chosen[targets] = True
    chosen[_sample_of_rows(matrix[_rows_of(columns, chosen)], branch, rng)] = True
    for crossings in (np.minimum(degree, 2), degree):
        met = np.zeros(matrix.shape[0])
        met[_rows_of(columns, chosen)] = 1.0
        chosen |= (columns.astype(bool) @ met >= crossings) & (degree > 0)
    return np.flatnonzero(chosen)


def _rows_of(columns: sp.csr_matrix, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.unique(columns[np.flatnonzero(chosen)].indices).astype(np.int64)


def _sample_of_rows(rows: sp.csr_matrix, branch: int, rng: np.random.Generator) -> NDArray[np.int64]:
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    order = np.lexsort((rng.random(rows.nnz), row))
    place = np.arange(rows.nnz) - rows.indptr[row]
    sampled: NDArray[np.int64] = rows.indices[order[place < branch]].astype(np.int64)
    return sampled
