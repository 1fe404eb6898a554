"""Complementary suppression by demand: for tables with many levels and margins, all cells at once.

A cell that must move needs, on every sum it is part of, other withheld cells with room to make up for it. Where the
bounds that the sums impose on each other leave it short, a further cell of that sum is withheld: the one that serves
most short sums and opens fewest new ones. That cell, and withheld ones through which the move has to pass, must then
be able to move as far in turn, so a demand travels until it meets cells with room. First each sum is looked at with the
whole room of its cells, then with what other sums leave of it. The best few are taken at a time,
the bounds are computed anew, and so on (a parallel form of the greedy heuristics for complementary suppression;
Hundepool et al. 2012, chapter 4). It leaves no cell short by its sums one by one; joint limits are for the audit.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.methods.disclosure_bounds import outer_bounds
from lmi_pipeline.methods.disclosure_lattice import Lattice
from lmi_pipeline.methods.disclosure_moves import MoveSpace
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline.methods.tables import FloatArray

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

_SWEEPS = (0, 1, 2, 8)
_SHARE, _FEW = 0.05, 5
_ENOUGH = 1 - 1e-9
_UNFIT, _TIE = 1e4, 1e-9
_CROSSED = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Coefficients of the equations: row, cell, and whether the cell is a child."""

    row: Numbers
    cell: Numbers
    child: Flags

    def take(self, chosen: Flags | Numbers) -> "_Entries":
        return _Entries(self.row[chosen], self.cell[chosen], self.child[chosen])


def layered(lattice: Lattice) -> bool:
    """Whether a node is both a sum and part of one, and most combinations are absent: margins at several levels."""
    levels = any(
        {parent for parent, _ in dimension.sums} & {int(child) for _, children in dimension.sums for child in children}
        for dimension in lattice.dimensions
    )
    return levels and len(lattice.value) < _CROSSED * prod(len(dimension.codes) for dimension in lattice.dimensions)


def meet_demand(
    system: DisclosureSystem,
    hidden: Flags,
    *,
    price: FloatArray,
    fixed: Flags,
    rounds: int = 1000,
    stretch: FloatArray | float = 1.0,
) -> Flags:
    """Withhold further cells until no protected cell is short of room on any sum.

    Parameters
    ----------
    system : DisclosureSystem
        Tables with the protection that is asked; coefficients of equations are 1 and -1.
    hidden : ndarray of bool
        (cells,) what is withheld so far.
    price : ndarray
        (cells,) price of withholding each cell; 1 is that of opening a sum in which nothing was withheld.
    fixed : ndarray of bool
        (cells,) cells that may not be withheld.
    rounds : int
        Most batches of cells.
    stretch : array_like
        (cells,) multiple of its protection that each cell is given room for.

    Returns
    -------
    ndarray of bool
        (cells,) what is withheld now. Cells that no further cell can help are left short.
    """
    work = _Demand(system, hidden, price, fixed, stretch)
    level = 0
    for _ in range(rounds):
        fall, rise = work.short(_SWEEPS[level])
        if (fall.any() or rise.any()) and (work.recruit(fall, rise) or work.pass_on(fall, rise)):
            continue
        level += 1
        if level == len(_SWEEPS):
            break
    return work.hidden


class _Demand:
    """One suppression in progress."""

    def __init__(
        self, system: DisclosureSystem, hidden: Flags, price: FloatArray, fixed: Flags, stretch: FloatArray | float
    ) -> None:
        matrix = sp.csr_matrix(system.matrix[np.flatnonzero(system.equations)])
        matrix.eliminate_zeros()
        row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        self.entries = _Entries(row, matrix.indices.astype(np.int64), matrix.data > 0)
        self.matrix, self.pattern = matrix, abs(matrix)
        self.beside = self.pattern.T.tocsr()
        self.hidden, self.fixed = hidden.copy(), fixed
        self.price = price + _TIE * np.arange(len(price))
        self.down_room, self.up_room = system.value - system.floor, system.ceiling - system.value
        self.down = np.minimum(system.protect_down * stretch, self.down_room)
        self.up = np.minimum(system.protect_up * stretch, self.up_room)

    def short(self, sweeps: int) -> tuple[FloatArray, FloatArray]:
        """(rows,) how much the rest of each sum should be able to fall and to rise and is not."""
        free = np.flatnonzero(self.hidden)
        rows, zeros = self.matrix.shape[0], np.zeros(self.matrix.shape[0])
        space = MoveSpace(free, self.matrix[:, free], zeros, zeros, -self.down_room[free], self.up_room[free])
        low, high = outer_bounds(space, sweeps=sweeps)
        part = sp.csr_matrix(space.matrix)
        entries = _Entries(np.repeat(np.arange(rows), np.diff(part.indptr)), part.indices, part.data > 0)
        most, least = _by_row(entries, low, high, rows)
        up, down = self.up[free][entries.cell], self.down[free][entries.cell]
        lacks_up = np.where(most < up * _ENOUGH, up - np.maximum(most, 0.0), 0.0)
        lacks_down = np.where(-least < down * _ENOUGH, down - np.maximum(-least, 0.0), 0.0)
        fall, rise = np.zeros(rows), np.zeros(rows)
        np.maximum.at(fall, entries.row, np.where(entries.child, lacks_up, lacks_down))
        np.maximum.at(rise, entries.row, np.where(entries.child, lacks_down, lacks_up))
        return fall, rise

    def recruit(self, fall: FloatArray, rise: FloatArray) -> bool:
        """Withhold the best few of the cells that would help; False if there is none."""
        needy = (fall > 0) | (rise > 0)
        entries = self.entries.take(needy[self.entries.row] & ~(self.hidden | self.fixed)[self.entries.cell])
        falls, rises = self._room(entries)
        least_fall, least_rise = fall[entries.row], rise[entries.row]
        fit = (falls >= least_fall * _ENOUGH) & (rises >= least_rise * _ENOUGH)
        some = ((least_fall > 0) & (falls > 0)) | ((least_rise > 0) & (rises > 0))
        cells = len(self.hidden)
        serves = np.bincount(entries.cell, weights=fit, minlength=cells)
        opens = self.beside @ (self.pattern @ self.hidden.astype(float) == 0).astype(float)
        score = (self.price + opens)[entries.cell] / np.maximum(serves[entries.cell], 1 / 2) + np.where(fit, 0, _UNFIT)
        entries, score = entries.take(some), score[some]
        if not len(score):
            return False
        best = np.full(len(fall), np.inf)
        np.minimum.at(best, entries.row, score)
        named = entries.take(score == best[entries.row])
        chosen = self._best(named, best[named.row], np.bincount(entries.cell, minlength=cells))
        self.hidden |= chosen
        self._ask(named.take(chosen[named.cell]), fall, rise)
        return True

    def pass_on(self, fall: FloatArray, rise: FloatArray) -> bool:
        """Ask the withheld cells of sums that nobody can be found for to move further; False if all are asked."""
        needy = (fall > 0) | (rise > 0)
        entries = self.entries.take(needy[self.entries.row] & self.hidden[self.entries.cell])
        falls, rises = self._room(entries)
        fit = (falls >= fall[entries.row] * _ENOUGH) & (rises >= rise[entries.row] * _ENOUGH)
        before = float(np.minimum(self.down, 1e12).sum() + np.minimum(self.up, 1e12).sum())
        self._ask(entries.take(fit), fall, rise)
        return float(np.minimum(self.down, 1e12).sum() + np.minimum(self.up, 1e12).sum()) > before * (1 + 1e-9)

    def _room(self, entries: _Entries) -> tuple[FloatArray, FloatArray]:
        """How far the term of each cell can make a sum of children less parent fall and rise."""
        down, up = self.down_room[entries.cell], self.up_room[entries.cell]
        return np.where(entries.child, down, up), np.where(entries.child, up, down)

    def _best(self, named: _Entries, score: FloatArray, wanted: Numbers) -> Flags:
        """The best of the cells named by rows; those that all rows they could help have named count for more."""
        cells, first, votes = np.unique(named.cell, return_index=True, return_counts=True)
        order = np.argsort(score[first] * (2 - votes / wanted[cells]), kind="stable")
        count = len(cells) if len(cells) <= _FEW else max(_FEW, int(np.ceil(_SHARE * len(cells))))
        chosen = np.zeros(len(self.hidden), dtype=bool)
        chosen[cells[order[:count]]] = True
        return chosen

    def _ask(self, entries: _Entries, fall: FloatArray, rise: FloatArray) -> None:
        less, more = fall[entries.row], rise[entries.row]
        down, up = np.where(entries.child, less, more), np.where(entries.child, more, less)
        np.maximum.at(self.down, entries.cell, np.minimum(down, self.down_room[entries.cell]))
        np.maximum.at(self.up, entries.cell, np.minimum(up, self.up_room[entries.cell]))


def _by_row(entries: _Entries, low: FloatArray, high: FloatArray, rows: int) -> tuple[FloatArray, FloatArray]:
    """How far each row alone lets its cells rise and fall, given the bounds of the others."""
    least = np.where(entries.child, low[entries.cell], -high[entries.cell])
    most = np.where(entries.child, high[entries.cell], -low[entries.cell])
    up, down = -_others(least, entries.row, rows, -np.inf), -_others(most, entries.row, rows, np.inf)
    return np.where(entries.child, up, -down), np.where(entries.child, down, -up)


def _others(term: FloatArray, row: Numbers, rows: int, endless: float) -> FloatArray:
    without = np.isinf(term)
    finite = np.where(without, 0.0, term)
    total = np.bincount(row, weights=finite, minlength=rows)[row] - finite
    return np.where(np.bincount(row, weights=without, minlength=rows)[row] - without > 0, endless, total)
