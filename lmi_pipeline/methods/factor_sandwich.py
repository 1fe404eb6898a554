"""Variances of coefficients, diag(A^-1 M A^-1), without the inverse of the whole matrix.

A is the matrix of the normal equations and M the covariance of the scores, in the same blocks. Both are taken through
the elimination: with Z the map from eliminated to retained columns, b_R = S^-1 Z'r, and the coefficients of companions
and of fine columns follow by back-substitution, so only the parts of their covariance in the same block are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse import csr_array

from lmi_pipeline.methods.factor_elimination import Factorisation, Reduced, link_matrix
from lmi_pipeline.methods.factor_layout import Products
from lmi_pipeline.methods.factor_tables import Index
from lmi_pipeline.methods.tables import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Bread:
    """Part of the inverse of A: companion blocks, companion by retained, retained."""

    companion: csr_array
    cross: FloatArray
    retained: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Covariance:
    """Part of A^-1 M A^-1, likewise; that of the retained is ``left @ right``, of which little is needed."""

    companion: csr_array
    cross: FloatArray
    left: FloatArray
    right: FloatArray

    def diagonal(self) -> FloatArray:
        """Diagonal of the retained, (m,)."""
        found: FloatArray = np.einsum("ij,ij->j", self.left, self.right)
        return found

    def block(self, columns: Index) -> FloatArray:
        """Some of the retained among themselves."""
        return self.left[columns] @ self.right[:, columns]


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Covariances of scores once the fine columns are gone, and of fine scores with them."""

    companion: csr_array
    cross: FloatArray
    retained: FloatArray
    links: FloatArray
    coupling: tuple[FloatArray, ...]


def sandwich(factorisation: Factorisation, meat: Products, size: int) -> FloatArray:
    """diag(A^-1 M A^-1).

    Parameters
    ----------
    factorisation : Factorisation
        Of A.
    meat : Products
        M in the same layout; A itself gives diag(A^-1).
    size : int
        Number of columns p.

    Returns
    -------
    ndarray
        (p,) 0 for columns left out.
    """
    reduced = factorisation.reduced
    layout = reduced.layout
    scores = _without_fine(reduced, meat)
    bread, covariance = _retained_parts(factorisation, scores)
    found = np.zeros(size)
    found[layout.retained] = covariance.diagonal()
    found[layout.companion] = covariance.companion.diagonal()
    found[layout.fine] = _fine(reduced, meat, scores, bread, covariance)
    return found


def _without_fine(reduced: Reduced, meat: Products) -> _Scores:
    layout, products, inverse = reduced.layout, reduced.products, reduced.inverse
    step = inverse[:, None] * products.links
    links = meat.links - meat.fine[:, None] * step
    gains, outer, inner = link_matrix(layout, step), link_matrix(layout, meat.links), link_matrix(layout, links)
    companion = -(gains.T @ inner) - outer.T @ gains
    companion.setdiag(companion.diagonal() + meat.companion)
    cross, retained, coupling = meat.cross.copy(), meat.retained.copy(), []
    for group, own, theirs in zip(layout.groups, products.coupling, meat.coupling, strict=True):
        rows, columns = group.fine, group.retained
        gain = own * inverse[rows][:, None]
        rest = theirs - meat.fine[rows][:, None] * gain
        coupling.append(rest)
        retained[np.ix_(columns, columns)] -= gain.T @ rest + theirs.T @ gain
        if len(layout.companion):
            cross[:, columns] -= gains[rows].T @ rest + outer[rows].T @ gain
    return _Scores(companion.tocsr(), cross, retained, links, tuple(coupling))


def _retained_parts(factorisation: Factorisation, scores: _Scores) -> tuple[_Bread, _Covariance]:
    reduced, kept = factorisation.reduced, factorisation.kept
    gain, own = reduced.gain, reduced.companion_inverse
    size = len(reduced.layout.retained)
    inverse = np.zeros((size, size))
    lower = linalg.lapack.dpotri(factorisation.cholesky, lower=True)[0]
    inverse[np.ix_(kept, kept)] = np.tril(lower) + np.tril(lower, -1).T
    if not len(reduced.layout.companion):
        return _Bread(own, gain, inverse), _Covariance(own, gain, inverse, scores.retained @ inverse)
    half = scores.companion @ gain
    rest = scores.cross - half
    corner = gain.T @ (scores.cross - 0.5 * half)
    right = (scores.retained - corner - corner.T) @ inverse
    cross = -(gain @ inverse)
    shares = own @ rest
    mixed = shares @ inverse + cross @ right
    rows, columns = own.tocoo().coords
    bread = own.tocoo().data - _dots(cross, gain, rows, columns)
    spread = (own @ scores.companion @ own).tocsr()[rows, columns]
    spread = np.asarray(spread).ravel() + _dots(shares, cross, rows, columns) - _dots(gain, mixed, rows, columns)
    return _Bread(_at(own, bread), cross, inverse), _Covariance(_at(own, spread), mixed, inverse, right)


def _dots(left: FloatArray, right: FloatArray, rows: Index, columns: Index) -> FloatArray:
    found: FloatArray = np.einsum("ij,ij->i", left[rows], right[columns])
    return found


def _at(pattern: csr_array, values: FloatArray) -> csr_array:
    """Values at the places of a sparse matrix."""
    return csr_array((values, pattern.tocoo().coords), shape=pattern.shape)


def _fine(reduced: Reduced, meat: Products, scores: _Scores, bread: _Bread, covariance: _Covariance) -> FloatArray:
    layout, inverse = reduced.layout, reduced.inverse
    step, turn = inverse[:, None] * reduced.products.links, inverse[:, None] * scores.links
    found = inverse**2 * meat.fine
    for left in range(layout.slots.shape[1]):
        for right in range(layout.slots.shape[1]):
            pair = layout.slots[:, left], layout.slots[:, right]
            found += step[:, right] * (
                step[:, left] * np.asarray(covariance.companion[pair]).ravel()
                - 2 * turn[:, left] * np.asarray(bread.companion[pair]).ravel()
            )
    for group, own, theirs in zip(layout.groups, reduced.products.coupling, scores.coupling, strict=True):
        rows, columns = group.fine, group.retained
        gain, rest = own * inverse[rows][:, None], theirs * inverse[rows][:, None]
        total = gain @ covariance.block(columns) - 2 * (rest @ bread.retained[np.ix_(columns, columns)])
        turned = np.zeros_like(gain)
        for slot in range(layout.slots.shape[1]):
            block = np.ix_(layout.slots[rows, slot], columns)
            part = bread.cross[block]
            total += 2 * (step[rows, slot][:, None] * covariance.cross[block] - turn[rows, slot][:, None] * part)
            turned += step[rows, slot][:, None] * part
        found[rows] += np.einsum("ij,ij->i", total, gain) - 2 * np.einsum("ij,ij->i", turned, rest)
    return found
