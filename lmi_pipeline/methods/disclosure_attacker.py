"""The attacker's own sum: the least and the largest value of a withheld cell that fits everything published."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_moves import MoveSpace, free_moves
from lmi_pipeline.methods.disclosure_peel import peel
from lmi_pipeline.methods.disclosure_programme import MoveProgramme
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline.methods.tables import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Attack:
    """What linear programming finds of some cells of one set of moves.

    Attributes
    ----------
    down, up : ndarray
        (k,) how far each cell can move; nan where the solver did not finish.
    moves : csr_matrix
        (w, cells of the system) the moves found, unverified.
    """

    down: FloatArray
    up: FloatArray
    moves: sp.csr_matrix


def attacker_intervals(
    system: DisclosureSystem, cells: NDArray[np.int64], *, seconds: float = 60.0
) -> tuple[FloatArray, FloatArray]:
    """Compute the attacker's interval of cells exactly, two linear programmes for each.

    Counts are treated as real numbers: an attacker who uses that they are integers may narrow an interval further.

    Parameters
    ----------
    system : DisclosureSystem
        What is published; small, or with few `cells`.
    cells : ndarray
        (k,) numbers of cells.
    seconds : float
        Time limit of one programme.

    Returns
    -------
    low, high : ndarray
        (k,) ends of the intervals, possibly infinite; the true value for a cell that is published or peeled.

    Raises
    ------
    MethodError
        If the solver does not finish a programme.
    """
    wanted = np.asarray(cells, dtype=np.int64)
    space = free_moves(system, peel(system))
    position = np.full(len(system.value), -1)
    position[space.cells] = np.arange(len(space.cells))
    low, high = system.value[wanted].copy(), system.value[wanted].copy()
    free = np.flatnonzero(position[wanted] >= 0)
    component = space.components()
    home = component[position[wanted[free]]]
    for number in np.unique(home):
        asked = free[home == number]
        part = space.part(np.flatnonzero(component == number))
        found = attack(part, wanted[asked], len(system.value), seconds=seconds)
        low[asked] -= found.down
        high[asked] += found.up
    failed = int((np.isnan(low) | np.isnan(high)).sum())
    if failed:
        raise MethodError(
            f"attacker's intervals: the solver did not finish for {failed} of {len(wanted)} cells; give it more than "
            f"{seconds:g} seconds or ask for fewer tables at once"
        )
    return low, high


def attack(
    space: MoveSpace, cells: NDArray[np.int64], system_cells: int, *, seconds: float, enough: FloatArray | None = None
) -> Attack:
    """Move each of `cells`, numbers of the system, down and up as far as the space allows.

    A cell without limit is moved by `enough`, (k,), one by default.
    """
    positions = np.searchsorted(space.cells, cells)
    far = np.ones(len(cells)) if enough is None else enough
    programme = MoveProgramme(space, unit=float(np.median(far)), seconds=seconds)
    reach = np.full((2, len(cells)), np.nan)
    moves = []
    for number, position in enumerate(positions):
        for way, direction in enumerate((-1.0, 1.0)):
            reach[way, number], move = programme.extreme(int(position), direction, far[number])
            if move is not None:
                moves.append(move)
    return Attack(reach[0], reach[1], on_system(space, moves, system_cells))


def on_system(space: MoveSpace, moves: list[FloatArray], system_cells: int) -> sp.csr_matrix:
    """Lay moves of a space out over all cells of the system, without the zeros."""
    within = sp.csr_matrix(np.stack(moves)) if moves else sp.csr_matrix((0, len(space.cells)))
    shape = (within.shape[0], system_cells)
    return sp.csr_matrix((within.data, space.cells[within.indices], within.indptr), shape=shape)
