"""Cells of the grid as one vector without structural zeros, and the margins that they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

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
