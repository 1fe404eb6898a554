"""Publish again what complementary suppression withheld and nobody needs.

Cubes protect one cell each, and together more than that: many a corner could be published without any protected cell
becoming derivable. The rule is that of sequential suppression by Gaussian elimination (Langsrud 2024): a cell is
published unless that gives a protected cell away. It is asked here only of cells withheld for the sake of others.

One more published cell c gives p away if, in every move of the withheld cells that keeps all equations, p moves in
proportion to c. Two random moves tell: with probability one the ratio of their components at p is that at c then, and
only then. So two projections on the null space answer for all cells at once.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.methods.disclosure_moves import MoveSpace, free_moves
from lmi_pipeline.methods.disclosure_nullspace import on_null_space, unit_rows
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline.methods.tables import FloatArray, floats

_MOVES = 2
_ITERATIONS = 3000
_STILL = 1e-6
_SAME = 1e-7

BoolArray = NDArray[np.bool_]


def thin(
    system: DisclosureSystem, extra: ArrayLike, worth: ArrayLike, *, rng: np.random.Generator, rounds: int = 100
) -> BoolArray:
    """Publish withheld cells as long as no protected cell becomes derivable.

    Parameters
    ----------
    system : DisclosureSystem
        Everything published together, with what is withheld now.
    extra : array_like of bool
        (cells,) withheld cells that may be published.
    worth : array_like
        (cells,) the cells of most worth are published first.
    rng : Generator
        Source of the random moves.
    rounds : int
        Most batches of cells published.

    Returns
    -------
    ndarray of bool
        (cells,) what is withheld after all.

    Notes
    -----
    Only what the equations determine counts: bounds, rows with room and the amounts of protection do not. Cells that
    were derivable before stay so. The result must be audited.
    """
    hidden = system.hidden.copy()
    open_cells = np.asarray(extra, dtype=bool) & hidden & ~system.protected
    value = floats(worth)
    now = _Moves(system, hidden, rng)
    given_away = now.still & system.protected
    for _ in range(rounds):
        open_cells &= hidden & ~now.held(open_cells, system.protected)
        batch = now.apart(open_cells, value)
        while len(batch):
            hidden[batch] = False
            after = _Moves(system, hidden, rng)
            if not (after.still & system.protected & ~given_away).any():
                break
            hidden[batch] = True
            batch = batch[: len(batch) // 2]
        else:
            return hidden
        now = after
    return hidden


class _Moves:
    """Random moves of what is withheld."""

    def __init__(self, system: DisclosureSystem, hidden: BoolArray, rng: np.random.Generator) -> None:
        self.space: MoveSpace = free_moves(system.with_hidden(hidden), np.zeros(len(hidden), dtype=bool))
        rows = unit_rows(self.space.matrix[np.flatnonzero(self.space.equations)])
        count = len(self.space.cells)
        moves = [on_null_space(rows, rng.standard_normal(count), _ITERATIONS) for _ in range(_MOVES)]
        self.still = np.zeros(len(hidden), dtype=bool)
        self.still[self.space.cells] = np.max(np.abs(moves), axis=0) < _STILL
        self.angle = np.zeros(len(hidden))
        self.angle[self.space.cells] = np.arctan2(moves[1], moves[0]) % np.pi

    def held(self, cells: BoolArray, protected: BoolArray) -> BoolArray:
        """Those of `cells` in proportion to which a protected cell moves, (cells,) mask."""
        moving = np.zeros(len(cells), dtype=bool)
        moving[self.space.cells] = True
        moving &= ~self.still
        there = np.sort(self.angle[moving & protected])
        asked = np.flatnonzero(cells & moving)
        found = np.zeros(len(cells), dtype=bool)
        if len(there):
            around = np.concatenate([there[-1:] - np.pi, there, there[:1] + np.pi])
            above = np.searchsorted(around, self.angle[asked]).clip(1, len(around) - 1)
            gap = np.minimum(self.angle[asked] - around[above - 1], around[above] - self.angle[asked])
            found[asked] = np.abs(gap) < _SAME
        return found

    def apart(self, cells: BoolArray, worth: FloatArray) -> NDArray[np.int64]:
        """Choose from `cells` some of which no two are in one row, those of most worth first."""
        free = self.space.cells
        left = cells[free].copy()
        rank = np.empty(len(free))
        rank[np.argsort(-worth[free], kind="stable")] = np.arange(1.0, len(free) + 1)
        inside = sp.csr_matrix(self.space.matrix != 0, dtype=np.float64)
        beside = inside.T.tocsr()
        chosen = np.zeros(len(free), dtype=bool)
        while left.any():
            weight = np.where(left, 1.0 / rank, 0.0)
            best = inside.multiply(weight[None, :]).max(axis=1).toarray().ravel()
            rival = beside.multiply(best[None, :]).max(axis=1).toarray().ravel()
            first = left & (weight >= rival)
            chosen |= first
            left &= (beside @ (inside @ first.astype(float)) == 0) & ~first
        found = np.flatnonzero(chosen)
        return free[found[np.argsort(rank[found])]]
