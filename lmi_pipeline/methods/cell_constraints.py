"""Margins as linear constraints on cells: which follow from others, and Newton steps to meet all of them at once.

With the cells x positive and every margin a partition of them, the matrix of a weighted least-squares step has the
two-way sums of x as its blocks, and the margins' own sums on its diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpstrf

from lmi_pipeline.methods.cell_grid import IntArray
from lmi_pipeline.methods.tables import FloatArray, floats

_DEPENDENT = 1e-10
_LARGEST_STEP = 2.0
_SLOPE = 1e-4
_HALVINGS = 30
_FARTHEST = np.exp(5.0)


@dataclass(frozen=True, slots=True, eq=False)
class RakingMargin:
    """Targets of a margin for the solver.

    Attributes
    ----------
    name : str
    index : ndarray of int64
        (n,) cell of the margin that each cell of the grid is in.
    targets : ndarray
        (m,) what the cells of the grid shall sum to, positive; not a number where nothing is asked.
    labels : tuple of str
        (m,)
    """

    name: str
    index: IntArray
    targets: FloatArray
    labels: tuple[str, ...]

    def sums(self, values: FloatArray) -> FloatArray:
        """(m,) what cells sum to."""
        return floats(np.bincount(self.index, values, minlength=len(self.targets)))

    def factors(self, values: FloatArray) -> FloatArray:
        """(m,) target over sum; 1 where nothing is asked."""
        sums = self.sums(values)
        wanted = np.isfinite(self.targets) & (sums > 0)
        return np.divide(self.targets, sums, out=np.ones_like(sums), where=wanted)


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """Targets of several margins, none of which follows from the others.

    Attributes
    ----------
    margins : tuple of RakingMargin
        In order of priority, their targets consistent.
    rows : tuple of ndarray
        Of every margin the targets that do not follow from those before.
    """

    margins: tuple[RakingMargin, ...] = ()
    rows: tuple[IntArray, ...] = ()

    def adding(self, margin: RakingMargin, values: FloatArray) -> Constraints:
        """With another margin, its targets moved as little as makes them consistent with those here.

        Parameters
        ----------
        margin : RakingMargin
        values : ndarray
            (n,) positive cells; they weight the sums by which targets are found to follow from others.

        Notes
        -----
        Moves are the least in sum of squares over target: where a margin's targets must add up to a given total, all
        take the same factor.
        """
        asked = np.flatnonzero(np.isfinite(margin.targets))
        if not len(asked):
            return Constraints((*self.margins, margin), (*self.rows, asked))
        size = 1 / np.sqrt(margin.sums(values)[asked])
        targets = margin.targets[asked] * size
        rest, implied = np.eye(len(asked)), np.zeros(len(asked))
        if any(len(rows) for rows in self.rows):
            matrix, scale = self._matrix(values)
            across = self._across(margin, asked, values) * scale[:, None] * size
            root = cholesky(matrix, lower=True)
            half = solve_triangular(root, across, lower=True)
            rest -= half.T @ half
            implied = half.T @ solve_triangular(root, self._targets() * scale, lower=True)
        factor, pivots, rank, _ = dpstrf(rest, tol=_DEPENDENT, lower=1)
        kept, follow = pivots[:rank] - 1, pivots[rank:] - 1
        if len(follow):
            root = np.tril(factor[:rank, :rank])
            combination = np.zeros((len(follow), len(asked)))
            combination[np.arange(len(follow)), follow] = 1.0
            combination[:, kept] = -solve_triangular(root, factor[rank:, :rank].T, lower=True, trans="T").T
            targets = targets + _least_move(combination, targets - implied, targets * size)
        moved = margin.targets.copy()
        moved[asked] = targets / size
        close = np.isclose(moved, margin.targets, rtol=1e-12, atol=0.0)
        moved = np.where(close, margin.targets, moved)
        return Constraints((*self.margins, replace(margin, targets=moved)), (*self.rows, np.sort(asked[kept])))

    def newton(self, values: FloatArray, *, tolerance: float, steps: int) -> FloatArray:
        """Cells nearest to `values` in relative entropy that meet the targets, as near as `steps` come.

        Damped Newton steps on the multipliers of the constraints (Darroch and Ratcliff 1972 for the problem). They end
        where a cell has moved 150-fold: the targets then ask for cells that vanish.
        """
        fitted, targets = values, self._targets()
        for _ in range(steps):
            gap = targets - self._sums(fitted)
            if float(np.abs(gap / targets).max()) <= tolerance:
                break
            try:
                matrix, scale = self._matrix(fitted)
                move = scale * cho_solve(cho_factor(matrix, lower=True), scale * gap)
            except LinAlgError:
                break
            found = self._search(fitted, move, targets, float(gap @ move))
            if found is None:
                break
            fitted = found
            moved = fitted / values
            if max(float(moved.max()), 1 / float(moved.min())) > _FARTHEST:
                break
        return fitted

    def _search(self, values: FloatArray, move: FloatArray, targets: FloatArray, slope: float) -> FloatArray | None:
        """A step along `move` that lowers the dual objective, or nothing."""
        exponent = self._spread(move)
        length = min(1.0, _LARGEST_STEP / max(float(np.abs(exponent).max()), 1e-300))
        rounding = 1e-14 * float(targets.sum())
        for _ in range(_HALVINGS):
            found: FloatArray = values * np.exp(length * exponent)
            change = float((found - values).sum() - length * (targets @ move))
            if change <= -_SLOPE * length * slope + rounding:
                return found
            length /= 2
        return None

    def _targets(self) -> FloatArray:
        return np.concatenate([each.targets[rows] for each, rows in zip(self.margins, self.rows, strict=True)])

    def _sums(self, values: FloatArray) -> FloatArray:
        return np.concatenate([each.sums(values)[rows] for each, rows in zip(self.margins, self.rows, strict=True)])

    def _spread(self, multipliers: FloatArray) -> FloatArray:
        """(n,) sum of the multipliers of the margins' cells that each cell is in."""
        total, at = np.zeros(len(self.margins[0].index)), 0
        for margin, rows in zip(self.margins, self.rows, strict=True):
            of_cell = np.zeros(len(margin.targets))
            of_cell[rows] = multipliers[at : at + len(rows)]
            total += of_cell[margin.index]
            at += len(rows)
        return total

    def _across(self, margin: RakingMargin, columns: IntArray, values: FloatArray) -> FloatArray:
        """Two-way sums of cells: the rows here by some cells of another margin."""
        blocks = [
            _two_way(each, margin, values)[np.ix_(rows, columns)]
            for each, rows in zip(self.margins, self.rows, strict=True)
        ]
        return np.concatenate(blocks)

    def _matrix(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Two-way sums of all rows scaled to a diagonal of 1, and the scale."""
        scale = 1 / np.sqrt(self._sums(values))
        matrix = np.diag(1 / scale**2)
        ends = np.cumsum([0, *map(len, self.rows)])
        for at, (margin, rows) in enumerate(zip(self.margins, self.rows, strict=True)):
            for other in range(at):
                block = _two_way(margin, self.margins[other], values)[np.ix_(rows, self.rows[other])]
                matrix[ends[at] : ends[at + 1], ends[other] : ends[other + 1]] = block
                matrix[ends[other] : ends[other + 1], ends[at] : ends[at + 1]] = block.T
        return matrix * scale[:, None] * scale, scale


def _two_way(first: RakingMargin, second: RakingMargin, values: FloatArray) -> FloatArray:
    shape = (len(first.targets), len(second.targets))
    flat = first.index * shape[1] + second.index
    return floats(np.bincount(flat, values, minlength=shape[0] * shape[1])).reshape(shape)


def _least_move(combination: FloatArray, distance: FloatArray, weight: FloatArray) -> FloatArray:
    """Smallest move, in squares over `weight`, after which every combination of the distances is zero."""
    weighted = combination * weight
    move: FloatArray = -weighted.T @ np.linalg.lstsq(weighted @ combination.T, combination @ distance, rcond=None)[0]
    return move
