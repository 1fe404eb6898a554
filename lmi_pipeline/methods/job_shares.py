"""Distributions of thin groups, drawn to that of the group above (Dirichlet-multinomial empirical Bayes).

Shares of a group are the mean of a Dirichlet posterior whose prior is its parent's shares, worth as many effective
persons as the spread of all groups about their parents says (Mosimann 1962; strength by maximum likelihood).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from lmi_pipeline.methods.cell_grid import IntArray
from lmi_pipeline.methods.tables import FloatArray

_STRENGTHS = (0.1, 1e6)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Groups of one level of a hierarchy.

    Attributes
    ----------
    group : ndarray of int64
        (n,) group of each person.
    parent : ndarray of int64
        (G,) group of the level above that each group is in.
    """

    group: IntArray
    parent: IntArray


def shrunken_shares(
    category: IntArray, weights: FloatArray, size: int, levels: Sequence[Level], *, start: FloatArray | None = None
) -> FloatArray:
    """Shares of categories in the groups of the last level.

    Parameters
    ----------
    category : ndarray of int64
        (n,) category of each person, 0 to ``size - 1``.
    weights : ndarray
        (n,) positive.
    size : int
        K, categories.
    levels : sequence of Level
        From coarse to fine. The groups of the first have everybody above them (`parent` all zero).
    start : ndarray, optional
        (1, K) positive shares above the first level; everybody's if absent.

    Returns
    -------
    ndarray
        (G, K) rows that sum to 1; a group without persons has its parent's. Without `start` a category that
        nobody has is zero.

    Notes
    -----
    Counts are weighted shares times the effective size of the group, (sum w)^2 / sum w^2 (Kish 1965).
    """
    total = np.bincount(category, weights, minlength=size)
    shares = (total / total.sum())[None, :] if start is None else start
    for level in levels:
        groups = len(level.parent)
        sums = np.bincount(level.group * size + category, weights, minlength=groups * size).reshape(groups, size)
        counts = sums * _effective_scale(level.group, weights, groups)[:, None]
        prior = shares[level.parent]
        strength = prior_strength(counts, prior)
        shares = (counts + strength * prior) / (counts.sum(axis=1, keepdims=True) + strength)
    return shares


def prior_strength(counts: FloatArray, prior: FloatArray) -> float:
    """Persons that the parents' shares are worth.

    Parameters
    ----------
    counts, prior : ndarray
        (G, K) effective counts, and the parent's shares, positive wherever there are counts.

    Returns
    -------
    float
        Between 0.1 and 1,000,000, where the Dirichlet-multinomial likelihood of the counts is largest; large where
        groups do not differ from their parents by more than chance.
    """
    seen = counts > 0
    found, share = counts[seen], prior[seen]
    sizes = counts.sum(axis=1)
    sizes = sizes[sizes > 0]

    def loss(log_strength: float) -> float:
        strength = np.exp(log_strength)
        inside = gammaln(found + strength * share) - gammaln(strength * share)
        return -float(inside.sum() + (gammaln(strength) - gammaln(sizes + strength)).sum())

    best = minimize_scalar(loss, bounds=np.log(_STRENGTHS), method="bounded", options={"xatol": 0.02})
    return float(np.exp(best.x))


def _effective_scale(group: IntArray, weights: FloatArray, groups: int) -> FloatArray:
    """Effective persons for a unit of weight, by group; 0 for a group without persons."""
    total = np.bincount(group, weights, minlength=groups)
    squares = np.bincount(group, weights**2, minlength=groups)
    return np.divide(total, squares, out=np.zeros(groups), where=squares > 0)
