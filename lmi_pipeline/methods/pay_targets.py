"""Targets of pay margins: published means times jobs, softened where imprecise, and consistent with each other.

A margin of lower priority is scaled within the groups that it shares with a margin above it. Where that group is only
partly published, its total is known only within a range, and the margin moves no further than into the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import IntArray
from lmi_pipeline.methods.cell_raking import CellSystem, common_dims, dimension
from lmi_pipeline.methods.tables import FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmi_pipeline.methods.pay_reconciliation import PublishedMargin

LIMITS = (0.7, 1.4)
_ROUNDS = 1000
_SETTLED = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class MarginTargets:
    """A margin laid out on its cells, flattened.

    Attributes
    ----------
    name : str
    dims : tuple of str
    index : ndarray of int64
        (n,) cell of the margin of every cell of the grid.
    labels : tuple of str
        (m,)
    listed : ndarray of bool
        (m,) whether the published table has the cell.
    soft : ndarray of bool
        (m,) whether its target was drawn to the prediction.
    published, cv : ndarray
        (m,) mean and CV in per cent; not a number where there is none.
    jobs, initial : ndarray
        (m,) jobs and predicted bill.
    bill : ndarray
        (m,) target; not a number where nothing is asked.
    """

    name: str
    dims: tuple[str, ...]
    index: IntArray
    labels: tuple[str, ...]
    listed: NDArray[np.bool_]
    soft: NDArray[np.bool_]
    published: FloatArray
    cv: FloatArray
    jobs: FloatArray
    initial: FloatArray
    bill: FloatArray


def margin_targets(
    system: CellSystem, margin: PublishedMargin, initial: FloatArray, jobs: FloatArray, *, hard_cv: float, scale: float
) -> MarginTargets:
    """Lay a published margin out on the cells of the grid.

    Parameters
    ----------
    system : CellSystem
    margin : PublishedMargin
    initial, jobs : ndarray
        (n,) predicted bill and jobs of the system's cells.
    hard_cv, scale : float
        As in :func:`~lmi_pipeline.methods.pay_reconciliation.reconcile`.

    Raises
    ------
    MethodError
        Codes that are not in the grid, or a published mean for a cell without jobs.
    """
    index, shape = system.cells(margin.dims)
    labels = system.labels(margin.dims)
    place = _places(system, margin, shape)
    published, cv = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    published[place] = margin.frame["mean"].to_numpy(dtype=float, na_value=np.nan)
    cv[place] = margin.frame["cv"].to_numpy(dtype=float, na_value=np.nan)
    listed = np.zeros(len(labels), dtype=bool)
    listed[place] = True
    held, bill = (np.bincount(index, values, minlength=len(labels)) for values in (jobs, initial))
    empty = np.flatnonzero(np.isfinite(published) & ~(bill > 0))
    if len(empty):
        raise MethodError(
            f"margin {margin.name}: {len(empty)} of {int(np.isfinite(published).sum())} published means are of cells "
            f"without jobs, first {labels[empty[0]]}; give these cells jobs, or leave the means out"
        )
    asked = np.isfinite(published)
    before = np.divide(bill, held, out=np.ones_like(bill), where=held > 0)
    soft = asked & (cv > hard_cv)
    weight = np.where(soft, scale**2 / ((cv / 100) ** 2 + scale**2), 1.0)
    mean = before * np.where(asked, published / before, np.nan) ** weight
    target = np.where(soft, mean, published) * held
    return MarginTargets(margin.name, margin.dims, index, labels, listed, soft, published, cv, held, bill, target)


def make_consistent(
    system: CellSystem, margins: Sequence[MarginTargets], *, limits: tuple[float, float] = LIMITS
) -> list[MarginTargets]:
    """Scale targets so that every margin adds up to those above it.

    Parameters
    ----------
    system : CellSystem
    margins : sequence of MarginTargets
        In order of priority; the first stays as it is.
    limits : tuple of float
        Range of the factor that unpublished cells may take.

    Returns
    -------
    list of MarginTargets

    Raises
    ------
    MethodError
        A margin that cannot agree with all of those above it.
    """
    done: list[MarginTargets] = []
    for margin in margins:
        links = [_Link.between(system, margin, above, limits) for above in reversed(done)]
        bill = margin.bill.copy()
        for _ in range(_ROUNDS):
            moved = max((link.apply(bill) for link in links), default=0.0)
            if moved <= _SETTLED or len(links) == 1:
                break
        else:
            raise MethodError(
                f"margin {margin.name}: targets cannot agree with {', '.join(each.name for each in done)} at once, "
                f"still moving by {moved:.2g} after {_ROUNDS} rounds; leave one of these margins out"
            )
        done.append(replace(margin, bill=bill))
    return done


@dataclass(frozen=True, slots=True, eq=False)
class _Link:
    """What a margin above allows the groups of a margin below to sum to.

    Attributes
    ----------
    group : ndarray of int64
        (m,) group shared with the margin above, of every cell of the margin below; -1 for cells without jobs.
    low, high : ndarray
        (G,) range of the sum of the targets in the group.
    """

    group: IntArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def between(
        cls, system: CellSystem, below: MarginTargets, above: MarginTargets, limits: tuple[float, float]
    ) -> _Link:
        common, shape = system.cells(common_dims(below.dims, above.dims))
        size = int(np.prod(shape, dtype=int))
        fixed, free = _parts(above, _groups(above, common), size)
        nothing = fixed == 0
        low = np.where(nothing, 0.0, fixed + limits[0] * free)
        high = np.where(nothing, np.inf, fixed + limits[1] * free)
        group = _groups(below, common)
        asked, rest = _parts(below, group, size)
        share = np.divide(asked, asked + rest, out=np.ones(size), where=asked > 0)
        least = np.maximum(low - limits[1] * rest, 0.0)
        return cls(group, least, np.maximum(high - limits[0] * rest, high * share))

    def apply(self, bill: FloatArray) -> float:
        """Scale the targets into the range, in place; how far the farthest moved."""
        asked = (self.group >= 0) & np.isfinite(bill)
        sums = np.bincount(self.group[asked], bill[asked], minlength=len(self.low))
        wanted = np.clip(sums, self.low, self.high)
        factor = np.divide(wanted, sums, out=np.ones_like(sums), where=sums > 0)
        bill[asked] *= factor[self.group[asked]]
        return float(np.abs(factor - 1.0).max(initial=0.0))


def _places(system: CellSystem, margin: PublishedMargin, shape: tuple[int, ...]) -> IntArray:
    """Cell of every row of the published table."""
    flat = np.zeros(len(margin.frame), dtype=np.int64)
    for dim, length in zip(margin.dims, shape, strict=True):
        codes, _ = dimension(system.grid, system.patterns, dim)
        found = pd.Index(codes).get_indexer(pd.Index(margin.frame[dim]))
        if (found < 0).any():
            unknown = sorted(set(margin.frame[dim][found < 0].astype(str)))
            raise MethodError(
                f"margin {margin.name}: {int((found < 0).sum())} of {len(found)} rows have a {dim} that is not in the "
                f"grid ({', '.join(unknown[:5])}); leave out totals and codes of other editions"
            )
        flat = flat * length + found
    return flat


def _groups(margin: MarginTargets, common: IntArray) -> IntArray:
    """Shared group of every cell of a margin; -1 for cells without jobs."""
    group = np.full(len(margin.labels), -1, dtype=np.int64)
    group[margin.index] = common
    return group


def _parts(margin: MarginTargets, group: IntArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Sum of the targets in every group, and predicted bill of the cells without a target."""
    held = group >= 0
    asked = held & np.isfinite(margin.bill)
    free = held & ~np.isfinite(margin.bill)
    fixed = np.bincount(group[asked], margin.bill[asked], minlength=size)
    return fixed, np.bincount(group[free], margin.initial[free], minlength=size)
