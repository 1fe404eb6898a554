"""Complementary suppression for the last few cells: one linear programme for each cell and direction.

The cheapest move that takes the cell as far as it must go, where withheld cells move for nothing and shown ones at
their price (the linear relaxation of complementary suppression; Fischetti and Salazar 2000). The shown cells that the
move touches are withheld, and the move is the certificate.
"""

from collections.abc import Iterator
from functools import cached_property, partial

import highspy
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_programme import run_programme, solver_of
from lmi_pipeline.methods.disclosure_search import Neighbourhoods
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline.methods.tables import FloatArray

Flags = NDArray[np.bool_]

_STEPS = (2, 3, 5, 7, 10)
_BRANCHES = ((4, 1), (8, 1), (16, 1), (4, 3), (8, 3), (16, 3))
_STRICT = 3
_MOVED, _MET = 1e-9, 1e-7
_ALONE = 5.0
_FORFEIT = 1e4
_SECONDS = 20.0


def open_for(
    system: DisclosureSystem,
    cells: NDArray[np.int64],
    *,
    price: FloatArray,
    fixed: Flags,
    still: Flags,
    depth: int = len(_STEPS),
    sampled: bool = False,
) -> tuple[Flags, sp.csr_matrix]:
    """Withhold what lets cells move as far as their protection asks.

    Parameters
    ----------
    system : DisclosureSystem
        Tables, with what is hidden so far.
    cells : ndarray
        Numbers of the cells to be helped, one after another.
    price : ndarray
        (cells,) price of withholding each cell, above 0.
    fixed : ndarray of bool
        (cells,) cells that may not be withheld.
    still : ndarray of bool
        (cells,) cells that a move should not rest on, such as those of one contributor.
    depth : int
        Neighbourhoods tried for each cell, each larger than the one before; all there are if sampled.
    sampled : bool
        Take the cheapest cells around each cell only, instead of all: for large tables.

    Returns
    -------
    hidden : ndarray of bool
        (cells,) what is withheld now.
    moves : csr_matrix
        (moves, cells) certificates found. A cell without one in some direction is left as it was.
    """
    work = _Opening(system, price, fixed, still, depth, sampled)
    found = [move for cell in cells.tolist() for move in work.both(cell)]
    return work.hidden, sp.csr_matrix(sp.vstack([sp.csr_matrix((0, len(price))), *found]))


class _Opening:
    """Cells are opened one after another, what is open for one being open for the next."""

    def __init__(
        self,
        system: DisclosureSystem,
        price: FloatArray,
        fixed: Flags,
        still: Flags,
        depth: int,
        sampled: bool,
    ) -> None:
        everything = [partial(self._around, steps=steps) for steps in _STEPS[:depth]]
        cheapest = [partial(self._cheapest, branch=branch, hops=hops) for branch, hops in _BRANCHES]
        self.neighbourhoods = cheapest if sampled else everything
        self.system, self.price, self.fixed, self.still = system, price, fixed, still
        self.hidden = system.hidden.copy()
        self.pattern = abs(system.matrix)
        self.beside = self.pattern.T.tocsr()

    def both(self, cell: int) -> Iterator[sp.csr_matrix]:
        """Moves of a cell up and down, as far as it needs either."""
        for sign, wanted in ((1.0, self.system.protect_up[cell]), (-1.0, self.system.protect_down[cell])):
            if wanted > 0 and (move := self._nearest(cell, sign * wanted)) is not None:
                self.hidden[move.indices] = True
                yield move

    def _nearest(self, cell: int, wanted: float) -> sp.csr_matrix | None:
        for strict in (True, False) if self.still.any() else (False,):
            for near in self.neighbourhoods[:_STRICT] if strict else self.neighbourhoods:
                move = self._move(cell, near(cell), wanted, strict)
                if move is not None:
                    return move
        return None

    def _move(self, cell: int, near: NDArray[np.int64], wanted: float, strict: bool) -> sp.csr_matrix | None:
        near = near[(self.hidden | ~self.fixed)[near] & ~(strict & self.still[near] & (near != cell))]
        dear = np.flatnonzero(~self.hidden[near] | (self.still[near] & (near != cell)))
        unit = abs(wanted)
        rows = self.system.matrix[np.unique(self.beside[near].indices)][:, near].tocsc()
        low = (self.system.floor - self.system.value)[near] / unit
        high = (self.system.ceiling - self.system.value)[near] / unit
        up, down = np.maximum(high, 0.0), np.maximum(-low, 0.0)
        target = sp.csr_matrix(([1.0], ([0], [int(np.searchsorted(near, cell))])), shape=(1, len(near)))
        whole = sp.bmat(
            [[rows, -rows[:, dear], None], [target, None, sp.csr_matrix([[np.sign(wanted)]])]], format="csr"
        )
        free = np.ones(len(near), dtype=bool)
        free[dear] = False
        price = np.where(free, 0.0, np.where(self.still[near], _ALONE, self.price[near]))
        truth = np.zeros(rows.shape[0])
        solver = solver_of(
            np.concatenate([price, price[dear], [_FORFEIT]]),
            whole,
            np.concatenate([np.where(free, -down, 0.0), np.zeros(len(dear) + 1)]),
            np.concatenate([up, down[dear], [1.0]]),
            np.append(truth, np.sign(wanted)),
            np.append(truth, np.sign(wanted)),
        )
        if run_programme(solver, _SECONDS) != highspy.HighsModelStatus.kOptimal:
            return None
        answer = np.asarray(solver.getSolution().col_value)
        if answer[-1] > _MET:
            return None
        move = answer[: len(near)]
        move[dear] -= answer[len(near) : -1]
        move = np.where(np.abs(move) > _MOVED, move, 0.0) * unit
        kept = np.flatnonzero(move)
        return sp.csr_matrix((move[kept], (np.zeros(len(kept), int), near[kept])), shape=(1, len(self.price)))

    def _around(self, cell: int, steps: int) -> NDArray[np.int64]:
        near = np.zeros(len(self.price))
        near[cell] = 1.0
        for _ in range(steps):
            near = (self.beside @ (self.pattern @ near) > 0).astype(float)
        return np.flatnonzero(near)

    def _cheapest(self, cell: int, branch: int, hops: int) -> NDArray[np.int64]:
        rank = np.where(self.hidden, 0.0, self.price)[self._open]
        here = np.searchsorted(self._open, [cell])
        return np.asarray(self._open[self._crossings.around(here, branch, rank, hops)])

    @cached_property
    def _open(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.hidden | ~self.fixed)

    @cached_property
    def _crossings(self) -> Neighbourhoods:
        return Neighbourhoods(sp.csr_matrix(self.system.matrix[:, self._open]))
