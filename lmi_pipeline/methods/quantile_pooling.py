"""Quantiles of several groups taken together, from the quantiles of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray

_HALVINGS = 52


def pool_quantiles(
    values: ArrayLike, probabilities: ArrayLike, weights: ArrayLike, wanted: ArrayLike | None = None
) -> FloatArray:
    """Quantiles of a mixture of groups of positive values.

    Each group's log value is taken as piecewise linear in the normal score of its probability, and goes on in a
    straight line beyond its outer quantiles: exact for a lognormal group. The mixture's distribution function is solved
    by bisection.

    Parameters
    ----------
    values : array_like
        (G, K) quantiles of each group, positive, never falling along a row, in any unit.
    probabilities : array_like
        (K,) their probabilities, rising, at least two, inside (0, 1).
    weights : array_like
        (G,) size of each group, not negative, some positive.
    wanted : array_like, optional
        (M,) probabilities of the mixture; those given if left out.

    Returns
    -------
    ndarray
        (M,) quantiles of the mixture, in the unit of the values.

    Raises
    ------
    MethodError
        Naming how many groups or probabilities are not as described.
    """
    quantiles, scores, shares = _checked(values, probabilities, weights)
    sought = np.asarray(probabilities if wanted is None else wanted, dtype=np.float64)
    if not ((sought > 0) & (sought < 1)).all():
        raise MethodError(
            f"pooled quantiles: {int((~((sought > 0) & (sought < 1))).sum())} probabilities outside 0 to 1"
        )
    logs = np.log(quantiles)
    targets = ndtri(sought)
    low = np.full(len(sought), _values(logs, scores, float(targets.min())).min())
    high = np.full(len(sought), _values(logs, scores, float(targets.max())).max())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_low = shares @ ndtr(_scores(logs, scores, middle)) < sought
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    pooled: FloatArray = np.exp((low + high) / 2)
    return pooled


def _checked(
    values: ArrayLike, probabilities: ArrayLike, weights: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quantiles (G, K), normal scores (K,) and shares (G,) of the groups that have a weight."""
    quantiles = np.asarray(values, dtype=np.float64)
    levels, sizes = np.asarray(probabilities, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if quantiles.ndim != 2 or quantiles.shape != (len(sizes), len(levels)) or len(levels) < 2:
        raise MethodError(
            f"pooled quantiles: values of shape {quantiles.shape} for {len(sizes)} weights and {len(levels)} "
            "probabilities; give a row for each group and a column for each of at least two probabilities"
        )
    if not ((levels > 0).all() and (levels < 1).all() and (np.diff(levels) > 0).all()):
        raise MethodError("pooled quantiles: probabilities must rise and lie inside 0 to 1; sort them")
    if not ((sizes >= 0).all() and 0 < sizes.sum() < np.inf):
        bad = int((~(np.isfinite(sizes) & (sizes >= 0))).sum())
        raise MethodError(f"pooled quantiles: {bad} of {len(sizes)} weights are negative or not finite, or all are 0")
    kept, shares = quantiles[sizes > 0], sizes[sizes > 0]
    usable = np.isfinite(kept).all(axis=1) & (kept > 0).all(axis=1) & (np.diff(kept, axis=1) >= 0).all(axis=1)
    if not usable.all():
        raise MethodError(
            f"pooled quantiles: {int((~usable).sum())} of {len(kept)} groups have quantiles that cross or are "
            "not positive; rearrange them first"
        )
    return kept, ndtri(levels), shares / shares.sum()


def _scores(logs: FloatArray, scores: FloatArray, at: FloatArray) -> FloatArray:
    """Normal scores (G, M) of log values (M,) in each group, straight beyond its outer quantiles."""
    upper = np.clip((logs[:, :, None] <= at).sum(axis=1), 1, len(scores) - 1)
    start, end = (np.take_along_axis(logs, place, axis=1) for place in (upper - 1, upper))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = scores[upper - 1] + (at - start) / (end - start) * (scores[upper] - scores[upper - 1])
    straight: FloatArray = np.where(np.isnan(found), scores[upper], found)
    return straight


def _values(logs: FloatArray, scores: FloatArray, score: float) -> FloatArray:
    """Log value of each group (G,) at a normal score."""
    upper = int(np.clip(np.searchsorted(scores, score), 1, len(scores) - 1))
    share = (score - scores[upper - 1]) / (scores[upper] - scores[upper - 1])
    found: FloatArray = logs[:, upper - 1] + share * (logs[:, upper] - logs[:, upper - 1])
    return found
