"""Targets of pay margins: published means times jobs, drawn to the prediction where they are imprecise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import IntArray
from lmi_pipeline.methods.cell_system import CellSystem, dimension
from lmi_pipeline.methods.tables import FloatArray, floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmi_pipeline.methods.pay_reconciliation import PublishedMargin

LIMITS = (0.7, 1.4)


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
    held, bill = (floats(np.bincount(index, values, minlength=len(labels))) for values in (jobs, initial))
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
