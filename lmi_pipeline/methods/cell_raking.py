"""Iterative proportional fitting on the cells of the grid, collapsed to the axes that its margins tell apart.

Structural zeros are left out: the solver holds only the cells with something in them, as one vector with one index of
cells for each margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import AXES, GridCodes, IntArray
from lmi_pipeline.methods.tables import FloatArray

OCCUPATION_LEVELS = ("major", "sub_major", "minor", "occupation")
DIMENSIONS = ("pattern", *OCCUPATION_LEVELS, *AXES[1:])
_AXES = ("pattern", *AXES)


@dataclass(frozen=True, slots=True, eq=False)
class CellSystem:
    """Cells of the grid with something in them: a pattern first, then the axes of the grid.

    Attributes
    ----------
    grid : GridCodes
    patterns : tuple of str
    places : tuple of ndarray
        Six arrays (n,): position of every cell on each axis; 0 on an axis that is collapsed.
    shape : tuple of int
        Length of each axis, 1 where it is collapsed.
    """

    grid: GridCodes
    patterns: tuple[str, ...]
    places: tuple[IntArray, ...]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, values: FloatArray, grid: GridCodes, patterns: tuple[str, ...]) -> CellSystem:
        """The positive cells of an array with the six axes, any of them of length 1."""
        return cls(grid, patterns, tuple(np.nonzero(values > 0)), values.shape)

    def cells(self, dims: Sequence[str]) -> tuple[IntArray, tuple[int, ...]]:
        """Cell of a margin that every cell of the grid is in.

        Parameters
        ----------
        dims : sequence of str
            Of `DIMENSIONS`; empty for the total.

        Returns
        -------
        ndarray of int64
            (n,) position in the flattened margin.
        tuple of int
            Shape of the margin.
        """
        flat = np.zeros(len(self.places[0]), dtype=np.int64)
        shape = []
        for dim in dims:
            codes, groups = dimension(self.grid, self.patterns, dim)
            flat *= len(codes)
            flat += groups[self.places[_AXES.index(axis_of(dim))]]
            shape.append(len(codes))
        return flat, tuple(shape)

    def labels(self, dims: Sequence[str]) -> tuple[str, ...]:
        """Codes of every cell of a margin, in its flattened order; ``all`` for the total."""
        codes = [dimension(self.grid, self.patterns, dim)[0] for dim in dims]
        return tuple(", ".join(cell) or "all" for cell in product(*codes))


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


@dataclass(frozen=True, slots=True, eq=False)
class Raked:
    """Cells that meet their margins.

    Attributes
    ----------
    values : ndarray
        (n,)
    passes : int
        Rounds over all margins.
    """

    values: FloatArray
    passes: int


def axis_of(dim: str) -> str:
    """Axis that a dimension groups."""
    return "occupation" if dim in OCCUPATION_LEVELS else dim


def used_axes(dims: Sequence[Sequence[str]]) -> tuple[bool, ...]:
    """Which of the six axes any of the margins tells apart."""
    named = {axis_of(dim) for each in dims for dim in each}
    return tuple(axis in named for axis in _AXES)


def dimension(grid: GridCodes, patterns: tuple[str, ...], dim: str) -> tuple[tuple[str, ...], IntArray]:
    """Codes of a dimension, and which of them each position of its axis belongs to."""
    if dim in OCCUPATION_LEVELS:
        return grid.occupation_groups(dim)
    codes = patterns if dim == "pattern" else grid.axis(dim)
    return codes, np.arange(len(codes))


def common_dims(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Finest dimensions that both margins add up to: of an occupation's levels the coarser one."""
    shared = [dim for dim in first if dim in second and dim not in OCCUPATION_LEVELS]
    levels = [OCCUPATION_LEVELS.index(dim) for dims in (first, second) for dim in dims if dim in OCCUPATION_LEVELS]
    if len(levels) == 2:
        shared.append(OCCUPATION_LEVELS[min(levels)])
    return tuple(shared)


def rake(values: FloatArray, margins: Sequence[RakingMargin], *, tolerance: float, max_passes: int) -> Raked:
    """Scale cells to their margins by turns until all are met.

    Parameters
    ----------
    values : ndarray
        (n,) positive.
    margins : sequence of RakingMargin
        In the order of their scaling: the last is met exactly after every pass.
    tolerance : float
        Largest relative distance of a sum from its target at which to stop.
    max_passes : int

    Returns
    -------
    Raked

    Raises
    ------
    MethodError
        A target without a cell, or targets not met within the passes: the worst by name and size.
    """
    for margin in margins:
        _require_cells(margin)
    fitted = values.copy()
    worst = np.inf
    for done in range(1, max_passes + 1):
        worst = 0.0
        for margin in margins:
            factor = _factors(fitted, margin)
            worst = max(worst, float(np.abs(factor - 1.0).max(initial=0.0)))
            fitted *= factor[margin.index]
        if worst <= tolerance:
            return Raked(fitted, done)
    raise MethodError(_not_met(fitted, margins, max_passes))


def _factors(values: FloatArray, margin: RakingMargin) -> FloatArray:
    sums = np.bincount(margin.index, values, minlength=len(margin.targets))
    wanted = np.isfinite(margin.targets)
    return np.divide(margin.targets, sums, out=np.ones_like(sums), where=wanted & (sums > 0))


def _require_cells(margin: RakingMargin) -> None:
    counts = np.bincount(margin.index, minlength=len(margin.targets))
    empty = np.flatnonzero(np.isfinite(margin.targets) & (counts == 0))
    if len(empty):
        raise MethodError(
            f"margin {margin.name}: {len(empty)} of {int(np.isfinite(margin.targets).sum())} targets have no jobs in "
            f"any cell, first {margin.labels[empty[0]]}; leave them out, or give these cells jobs"
        )


def _not_met(values: FloatArray, margins: Sequence[RakingMargin], passes: int) -> str:
    misses = [np.abs(1.0 / _factors(values, margin) - 1.0) for margin in margins]
    worst = max(range(len(margins)), key=lambda at: float(misses[at].max()))
    cell = int(misses[worst].argmax())
    return (
        f"reconciliation not converged in {passes} passes: margin {margins[worst].name}, cell "
        f"{margins[worst].labels[cell]} is off by {misses[worst][cell]:.2g} of its target; the margins contradict each "
        "other where jobs are (structural zeros): make this margin soft or leave it out, or allow more passes"
    )
