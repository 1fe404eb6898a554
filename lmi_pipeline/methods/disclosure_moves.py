"""The moves an attacker can imagine: every way withheld cells can differ from the truth and still fit what is known."""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from lmi_pipeline.methods.disclosure_system import DisclosureSystem


@dataclass(frozen=True, slots=True, eq=False)
class MoveSpace:
    """Withheld cells that may move, the rows they share, and the room each of both has.

    A move u, one number for each free cell, is possible if `lower` <= u <= `upper` and
    `row_lower` <= `matrix` @ u <= `row_upper`. No move at all is always possible.

    Attributes
    ----------
    cells : ndarray
        (n,) numbers of the free cells in the system.
    matrix : csr_matrix
        (m, n) rows with at least one free cell.
    row_lower, row_upper : ndarray
        (m,) room of a row, from minus infinity to 0 and from 0 to infinity; both 0 for an equation.
    lower, upper : ndarray
        (n,) room of a cell, likewise.
    """

    cells: NDArray[np.int64]
    matrix: sp.csr_matrix
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @property
    def equations(self) -> NDArray[np.bool_]:
        """(m,) rows without room."""
        without: NDArray[np.bool_] = (self.row_lower == 0) & (self.row_upper == 0)
        return without

    def part(self, members: NDArray[np.int64]) -> "MoveSpace":
        """Return the moves that leave every cell but `members`, positions among the free cells, where it is.

        `members` rise. Every move of the part is a move of the whole; the part has all moves of its cells if it is
        closed, such as the cells of one component.
        """
        columns = self.matrix[:, members].tocsr()
        rows = np.flatnonzero(np.diff(columns.indptr))
        return MoveSpace(
            self.cells[members],
            columns[rows],
            self.row_lower[rows],
            self.row_upper[rows],
            self.lower[members],
            self.upper[members],
        )

    def both_ways(self) -> "MoveSpace":
        """Return the moves whose opposite is possible too."""
        room, row_room = np.minimum(-self.lower, self.upper), np.minimum(-self.row_lower, self.row_upper)
        return replace(self, lower=-room, upper=room, row_lower=-row_room, row_upper=row_room)

    def components(self) -> NDArray[np.int32]:
        """(n,) number of the set of cells, connected by rows, that each cell belongs to."""
        rows, cells = self.matrix.shape
        graph = (
            sp.bmat([[None, self.matrix], [self.matrix.T, None]], format="csr")
            if rows
            else sp.csr_matrix((cells, cells))
        )
        component: NDArray[np.int32] = connected_components(graph, directed=False)[1][rows:]
        return component


def free_moves(system: DisclosureSystem, known: NDArray[np.bool_]) -> MoveSpace:
    """Return the moves of the withheld cells of a system that are not `known`, (cells,)."""
    cells = np.flatnonzero(system.hidden & ~known)
    row_lower, row_upper = row_room(system)
    whole = MoveSpace(
        np.arange(len(system.value)),
        system.matrix,
        row_lower,
        row_upper,
        np.minimum(system.floor - system.value, 0.0),
        np.maximum(system.ceiling - system.value, 0.0),
    )
    return whole.part(cells)


def row_room(system: DisclosureSystem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far down and up each row may move from the true values; an equation not at all."""
    truth = system.matrix @ system.value
    fixed = system.equations
    down = np.where(fixed, 0.0, np.minimum(system.row_lower - truth, 0.0))
    up = np.where(fixed, 0.0, np.maximum(system.row_upper - truth, 0.0))
    return down, up
