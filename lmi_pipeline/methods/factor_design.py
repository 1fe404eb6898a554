"""Weighted normal equations of a design of factors, X'WX b = X'Wy, prepared once and solved for many weights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_assembly import Assembler
from lmi_pipeline.methods.factor_columns import BoolArray, Design, Factor, IntArray, make_design
from lmi_pipeline.methods.factor_elimination import Factorisation, Reduced, factorise, reduce
from lmi_pipeline.methods.factor_layout import Layout, Products, lay_out
from lmi_pipeline.methods.factor_rank import dependent_columns
from lmi_pipeline.methods.factor_tables import Index
from lmi_pipeline.methods.tables import FloatArray

__all__ = ["BoolArray", "Design", "Factor", "Factorisation", "IntArray", "NormalEquations", "make_design"]


@dataclass(frozen=True, slots=True, eq=False)
class NormalEquations:
    """Structure of the normal equations of a design.

    Attributes
    ----------
    assembler : Assembler
    aliased, empty : ndarray of bool
        (p,) columns that follow from others; columns without rows.

    Notes
    -----
    Where columns depend on each other those of the earlier factor are kept, within a factor the later levels, and
    continuous regressors give way to factors. A factor that is nested in an earlier one is aliased as a whole.
    """

    assembler: Assembler
    aliased: BoolArray
    empty: BoolArray

    @property
    def design(self) -> Design:
        """The design they are of."""
        return self.assembler.design

    @classmethod
    def prepare(cls, design: Design, weights: FloatArray | None = None) -> NormalEquations:
        """Find the structure, and which columns are empty or aliased.

        Parameters
        ----------
        design : Design
        weights : ndarray, optional
            (n,) finite, none negative; rows of weight 0 do not count. 1 if absent.
        """
        counts = np.ones(design.row_count) if weights is None else np.asarray(weights, dtype=np.float64)
        if counts.shape != (design.row_count,) or not np.isfinite(counts).all() or counts.min() < 0:
            raise MethodError(f"normal equations: {design.row_count} weights, finite and none negative, are needed")
        if not counts.any():
            raise MethodError(f"normal equations: none of {design.row_count} rows has a weight above 0")
        return cls.prepare_with(design, counts)[0]

    @classmethod
    def prepare_with(cls, design: Design, weights: FloatArray) -> tuple[NormalEquations, Factorisation]:
        """Structure as `prepare` finds it from checked weights, and the equations with these, factorised."""
        assembler = Assembler.prepare(design, lay_out(design))
        aliased, empty, reduced = _find_aliased(assembler, assembler.products(weights))
        return cls(assembler, aliased, empty), factorise(reduced, aliased | empty)

    def factorise(self, weights: FloatArray) -> Factorisation:
        """Factorise X'WX for (n,) weights above 0."""
        left_out = self.aliased | self.empty
        return factorise(reduce(self.assembler.layout, self.assembler.products(weights), left_out), left_out)


def _find_aliased(assembler: Assembler, products: Products) -> tuple[BoolArray, BoolArray, Reduced]:
    design, layout = assembler.design, assembler.layout
    empty, aliased = np.zeros(design.size, dtype=bool), np.zeros(design.size, dtype=bool)
    empty[layout.fine], empty[layout.companion] = products.fine == 0, products.companion == 0
    size = np.diagonal(products.retained)
    empty[layout.retained] = size == 0
    nested = [name for name in design.names if name not in {*layout.eliminated, *(each.name for each in layout.others)}]
    for factor in (factor for factor in design.factors if factor.name in nested):
        columns = design.columns(factor.name)
        empty[columns] = np.bincount(factor.codes, minlength=factor.levels) == 0
        aliased[columns] = ~empty[columns]
    aliased[_first_of_components(design, layout)] = True
    aliased &= ~empty
    reduced = reduce(layout, products, aliased | empty)
    order = _precedence(design, layout)
    dependent = dependent_columns(reduced.retained[np.ix_(order, order)], size[order])
    aliased[layout.retained[order]] |= dependent
    return aliased & ~empty, empty, reduced


def _first_of_components(design: Design, layout: Layout) -> Index:
    """Lowest level of the second of two eliminated factors in each of their components: the rank of two factors."""
    if layout.blocks is None:
        return np.empty(0, dtype=np.intp)
    part, name = max(zip(layout.blocks, layout.eliminated, strict=True), key=lambda each: design.columns(each[1]).start)
    factor = design.factors[design.names.index(name)]
    seen = np.flatnonzero(np.bincount(factor.codes, minlength=factor.levels))
    found: Index = design.columns(name).start + seen[np.unique(part[seen], return_index=True)[1]]
    return found


def _precedence(design: Design, layout: Layout) -> Index:
    """Retained columns by position, in the order in which they are kept."""
    k = design.continuous.shape[1]
    ends = np.cumsum([k, *(factor.levels for factor in layout.others)])
    parts = [np.arange(stop - 1, start - 1, -1) for start, stop in pairwise(ends)]
    return np.concatenate([*parts, np.arange(k)]).astype(np.intp)
