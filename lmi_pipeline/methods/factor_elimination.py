"""Elimination of normal equations by Schur complements: fine columns, companions, then dense Cholesky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import csr_array

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_columns import BoolArray
from lmi_pipeline.methods.factor_layout import Layout, Products
from lmi_pipeline.methods.factor_tables import Index
from lmi_pipeline.methods.tables import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """Equations of the retained columns, once fine columns and companions are gone.

    Attributes
    ----------
    layout : Layout
    products : Products
    inverse : ndarray
        (n_fine,) reciprocal of the diagonal; 0 for columns left out.
    companion_inverse : csr_array
        (n_companion, n_companion) block-diagonal; rows and columns of those left out are 0.
    gain : ndarray
        (n_companion, m) companion inverse times companion by retained.
    retained : ndarray
        (m, m)
    """

    layout: Layout
    products: Products
    inverse: FloatArray
    companion_inverse: csr_array
    gain: FloatArray
    retained: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Factorisation:
    """Factorised normal equations.

    Attributes
    ----------
    reduced : Reduced
    kept : ndarray
        Retained columns that are neither aliased nor empty, by position.
    cholesky : ndarray
        (kept, kept) lower triangle.
    """

    reduced: Reduced
    kept: Index
    cholesky: FloatArray

    def solve(self, right: FloatArray) -> FloatArray:
        """Solve X'WX b = right.

        Parameters
        ----------
        right : ndarray
            (p,) or (p, m)

        Returns
        -------
        ndarray
            Of the shape of `right`; 0 for aliased and empty columns.
        """
        layout, products = self.reduced.layout, self.reduced.products
        given = right if right.ndim == 2 else right[:, None]
        inverse = self.reduced.inverse[:, None]
        fine, companion = inverse * given[layout.fine], given[layout.companion].astype(np.float64)
        retained = given[layout.retained].astype(np.float64)
        links = link_matrix(layout, products.links)
        companion -= links.T @ fine
        for group, coupling in zip(layout.groups, products.coupling, strict=True):
            retained[group.retained] -= coupling.T @ fine[group.fine]
        retained -= self.reduced.gain.T @ companion
        solved = np.zeros_like(retained)
        solved[self.kept] = linalg.cho_solve((self.cholesky, True), retained[self.kept], check_finite=False)
        companion = self.reduced.companion_inverse @ companion - self.reduced.gain @ solved
        fine -= inverse * (links @ companion)
        for group, coupling in zip(layout.groups, products.coupling, strict=True):
            fine[group.fine] -= inverse[group.fine] * (coupling @ solved[group.retained])
        found = np.zeros(given.shape)
        found[layout.fine], found[layout.companion], found[layout.retained] = fine, companion, solved
        return found.reshape(right.shape)


def reduce(layout: Layout, products: Products, left_out: BoolArray) -> Reduced:
    """Eliminate fine columns and companions, but those `left_out` (p,)."""
    fine_out, companion_out = left_out[layout.fine], left_out[layout.companion]
    inverse = np.zeros(len(layout.fine))
    live = ~fine_out & (products.fine > 0)
    inverse[live] = 1 / products.fine[live]
    links = link_matrix(layout, products.links)
    blocks = csr_array(sparse.diags_array(products.companion) - links.T @ (links * inverse[:, None]))
    cross, retained = products.cross.copy(), products.retained.copy()
    for group, coupling in zip(layout.groups, products.coupling, strict=True):
        scaled = coupling * inverse[group.fine][:, None]
        retained[np.ix_(group.retained, group.retained)] -= coupling.T @ scaled
        if len(layout.companion):
            cross[:, group.retained] -= links[group.fine].T @ scaled
    companion_inverse = _block_inverse(layout, blocks, companion_out)
    gain: FloatArray = companion_inverse @ cross
    if len(layout.companion):
        retained -= cross.T @ gain
    return Reduced(layout, products, inverse, companion_inverse, gain, retained)


def factorise(reduced: Reduced, left_out: BoolArray) -> Factorisation:
    """Factorise what is retained, without the columns `left_out` (p,)."""
    kept = np.flatnonzero(~left_out[reduced.layout.retained])
    matrix = reduced.retained[np.ix_(kept, kept)]
    try:
        cholesky = linalg.cholesky(matrix, lower=True, check_finite=False, overwrite_a=True)
    except linalg.LinAlgError as error:
        raise MethodError(
            f"normal equations: not positive definite in {len(kept)} columns with these weights; they must be "
            "above 0 and finite, and of the rows that the structure was prepared with"
        ) from error
    return Factorisation(reduced, kept, cholesky)


def link_matrix(layout: Layout, links: FloatArray) -> csr_array:
    """Fine by companion, sparse, (n_fine, n_companion)."""
    rows, width = layout.slots.shape
    starts = np.arange(rows + 1) * width
    return csr_array((links.ravel(), layout.slots.ravel(), starts), shape=(rows, len(layout.companion)))


def _block_inverse(layout: Layout, blocks: csr_array, left_out: BoolArray) -> csr_array:
    """Inverse of a matrix whose blocks are the companions of a fine level."""
    size = len(layout.companion)
    if size == 0:
        return csr_array((0, 0))
    first = np.arange(size)
    first[layout.slots[layout.used]] = np.broadcast_to(layout.slots[:, :1], layout.slots.shape)[layout.used]
    order = np.argsort(first, kind="stable")
    heads, starts, sizes = np.unique(first[order], return_index=True, return_counts=True)
    block, rank = np.empty(size, dtype=np.intp), np.empty(size, dtype=np.intp)
    block[order] = np.repeat(np.arange(len(heads)), sizes)
    rank[order] = np.arange(size) - np.repeat(starts, sizes)
    dense = np.zeros((len(heads), sizes.max(), sizes.max()))
    dense[:, np.arange(sizes.max()), np.arange(sizes.max())] = 1.0
    entries = blocks.tocoo()
    dense[block[entries.row], rank[entries.row], rank[entries.col]] = entries.data
    dense[block[left_out], rank[left_out], :] = 0.0
    dense[block[left_out], :, rank[left_out]] = 0.0
    dense[block[left_out], rank[left_out], rank[left_out]] = 1.0
    try:
        dense = np.linalg.inv(dense)
    except np.linalg.LinAlgError as error:
        raise MethodError("normal equations: a block of companions is singular with these weights") from error
    dense[block[left_out], rank[left_out], rank[left_out]] = 0.0
    same = csr_array((np.ones(size), (first, np.arange(size))), shape=(size, size))
    pairs = (same.T @ same).tocoo()
    values = dense[block[pairs.row], rank[pairs.row], rank[pairs.col]]
    return csr_array((values, (pairs.row, pairs.col)), shape=(size, size))
