"""Weighted normal equations of a design of factors, X'WX b = X'Wy, prepared once and solved for many weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_columns import BoolArray, Design, Factor, IntArray, make_design
from lmi_pipeline.methods.factor_rank import dependent_columns
from lmi_pipeline.methods.tables import FloatArray

__all__ = ["BoolArray", "Design", "Factor", "Factorisation", "IntArray", "NormalEquations", "make_design"]


@dataclass(frozen=True, slots=True, eq=False)
class Factorisation:
    """A factorised matrix of normal equations."""

    cholesky: FloatArray
    kept: BoolArray

    def solve(self, right: FloatArray) -> FloatArray:
        """Solve for (p,) or (p, m) right-hand sides; aliased and empty entries are 0."""
        found = np.zeros_like(right, dtype=np.float64)
        found[self.kept] = linalg.cho_solve((self.cholesky, True), right[self.kept], check_finite=False)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class NormalEquations:
    """Structure of the normal equations of a design.

    Attributes
    ----------
    design : Design
    aliased, empty : ndarray of bool
        (p,) columns that follow from others; columns without rows.
    """

    design: Design
    aliased: BoolArray
    empty: BoolArray

    @classmethod
    def prepare(cls, design: Design, weights: FloatArray | None = None) -> NormalEquations:
        """Find empty and aliased columns; `weights`, if given, say which rows count (above 0)."""
        counts = np.ones(design.row_count) if weights is None else (weights > 0).astype(np.float64)
        if not counts.any():
            raise MethodError(f"normal equations: none of {design.row_count} rows has a weight above 0")
        gram = _gram(design, counts)
        empty = np.diagonal(gram) == 0
        order = precedence(design)
        dependent = np.zeros(design.size, dtype=bool)
        dependent[order] = dependent_columns(gram[np.ix_(order, order)])
        return cls(design, dependent & ~empty, empty)

    def factorise(self, weights: FloatArray) -> Factorisation:
        """Factorise X'WX for (n,) weights, none negative."""
        kept = ~(self.aliased | self.empty)
        gram = _gram(self.design, weights)[np.ix_(kept, kept)]
        try:
            return Factorisation(linalg.cholesky(gram, lower=True, check_finite=False), kept)
        except linalg.LinAlgError as error:
            raise MethodError(
                f"normal equations: not positive definite with these weights ({int((weights <= 0).sum())} of "
                f"{len(weights)} are not above 0); prepare with the rows that count"
            ) from error


def precedence(design: Design) -> NDArray[np.intp]:
    """Columns in the order in which they are kept: factor by factor, last level first, continuous ones at the end."""
    spans = [design.columns(name) for name in design.names]
    parts = [np.arange(span.stop - 1, span.start - 1, -1, dtype=np.intp) for span in spans]
    return np.concatenate([*parts, np.arange(design.continuous.shape[1], dtype=np.intp)])


def _gram(design: Design, weights: FloatArray) -> FloatArray:
    matrix = design.matrix()
    found: FloatArray = (matrix.T @ matrix.multiply(weights[:, None]).tocsr()).toarray()
    return found
