"""Deciles and quartiles of pay that go with a mean: ratios of quantile to mean by group, in order, never crossing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_design import BoolArray, IntArray
from lmi_pipeline.methods.quantile_band import rank_rows
from lmi_pipeline.methods.tables import FloatArray

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DECILES_AND_QUARTILES = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
_THIN = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class GroupQuantiles:
    """Quantiles of residuals by group.

    Attributes
    ----------
    probabilities : ndarray
        (m,) rising.
    quantiles : ndarray
        (G, m) never falling along a row.
    effective_count : ndarray
        (G,) squared sum of the weights over the sum of their squares; 0 for groups without rows.
    own_share : ndarray
        (G,) weight of the group's own quantiles, the rest being its parent's.
    """

    probabilities: FloatArray
    quantiles: FloatArray
    effective_count: FloatArray
    own_share: FloatArray


def weighted_quantiles(
    values: FloatArray, weights: FloatArray, groups: IntArray, group_count: int, probabilities: Sequence[float]
) -> FloatArray:
    """Weighted quantiles by group, (G, m); not a number for groups without rows.

    Parameters
    ----------
    values, weights : ndarray
        (n,) the weights above zero.
    groups : ndarray of int
        (n,) 0 to ``group_count - 1``.
    probabilities : sequence of float
        (m,) rising, inside 0 to 1.

    Notes
    -----
    Linear between the middles of the rows' weights (Hyndman and Fan 1996, definition 5, with weights), the least and
    the greatest value beyond the outer middles.
    """
    wanted = require_probabilities(probabilities)
    _require_sample(values, weights, groups, group_count)
    ranked = rank_rows(values, weights, groups, group_count)
    keys = ranked.level + ranked.ranks
    count = np.bincount(ranked.level, minlength=group_count)
    first = np.cumsum(count) - count
    last = np.maximum(first + count - 1, 0)
    found = np.full((group_count, len(wanted)), np.nan)
    used = np.flatnonzero(count)
    for column, probability in enumerate(wanted):
        upper = np.searchsorted(keys, used + probability)
        low, high = np.clip(upper - 1, first[used], last[used]), np.clip(upper, first[used], last[used])
        width = ranked.ranks[high] - ranked.ranks[low]
        share = np.divide(probability - ranked.ranks[low], width, out=np.zeros(len(used)), where=width > 0)
        low_value, high_value = ranked.residuals[low], ranked.residuals[high]
        found[used, column] = low_value + np.clip(share, 0.0, 1.0) * (high_value - low_value)
    return rearrange(found)


def residual_quantiles(
    residuals: FloatArray,
    weights: FloatArray,
    groups: IntArray,
    probabilities: Sequence[float],
    parents: Sequence[IntArray],
    *,
    thin: float = _THIN,
) -> GroupQuantiles:
    """Quantiles of residuals by group, those of thin groups drawn towards their parents'.

    A group of effective count n has n / (n + thin) of its own quantiles and the rest of its parent's, which are
    themselves drawn towards the next parent's, and at the top towards those of everybody. A mean of two rising
    sequences rises, so quantiles never cross.

    Parameters
    ----------
    residuals, weights : ndarray
        (n,) of the log equation, say; weights above zero.
    groups : ndarray of int
        (n,) group of each row, 0 to G - 1.
    probabilities : sequence of float
        (m,) rising, inside 0 to 1.
    parents : sequence of ndarray of int
        The parent of each group (G,), then the parent of each of those, and so on; the first says how many groups
        there are, and may be all zeros.
    thin : float
        Effective count at which a group is half itself, half its parent.

    Returns
    -------
    GroupQuantiles

    Raises
    ------
    MethodError
        Codes outside their range, unusable weights or residuals, probabilities out of order, no parents.
    """
    wanted = require_probabilities(probabilities)
    if not parents or thin <= 0:
        raise MethodError(
            f"residual quantiles: {len(parents)} levels of parents and a thin count of {thin:g}; give the parent of "
            "every group (zeros if there is but one), and a thin count above zero"
        )
    counts = [*(len(parent) for parent in parents), int(parents[-1].max()) + 1]
    _require_sample(residuals, weights, groups, counts[0])
    upward = [*parents, np.zeros(counts[-1], dtype=np.intp)]
    codes, levels = groups, []
    for parent, count, above_count in zip(upward, counts, [*counts[1:], 1], strict=True):
        _require_codes(parent, above_count, "parents")
        levels.append(_level(residuals, weights, codes, count, wanted))
        codes = parent[codes]
    above, _ = _level(residuals, weights, codes, 1, wanted)
    for parent, (own, effective) in zip(reversed(upward), reversed(levels), strict=True):
        share = effective / (effective + thin)
        above = share[:, None] * np.nan_to_num(own) + (1 - share)[:, None] * above[parent]
    return GroupQuantiles(wanted, rearrange(above), levels[0][1], share)


def rearrange(values: ArrayLike) -> FloatArray:
    """Quantiles in rising order along the last axis (Chernozhukov, Fernández-Val and Galichon 2010).

    Sorting a curve of quantiles at rising probabilities never takes it further from the true one.
    """
    return np.sort(np.asarray(values, dtype=np.float64), axis=-1)


def residual_ratios(quantiles: GroupQuantiles, smearing: FloatArray) -> FloatArray:
    """Ratios of quantile to mean by group (G, m): exp(residual quantile) over the smearing factor, the mean of exp."""
    factors = np.asarray(smearing, dtype=np.float64)
    _require_positive(factors, "smearing factors")
    found: FloatArray = np.exp(quantiles.quantiles) / factors[:, None]
    return found


def anchored_quantiles(mean: FloatArray, quantile_ratios: FloatArray) -> FloatArray:
    """Quantiles of cells that go with their mean.

    Parameters
    ----------
    mean : ndarray
        (C,) reconciled means, above zero, e.g. GBP per week; a missing one gives missing quantiles.
    quantile_ratios : ndarray
        (C, m) or (m,) ratio of quantile to mean at rising probabilities, above zero; put in order if they cross.

    Returns
    -------
    ndarray
        (C, m) in the unit of the mean, never falling along a row.
    """
    means, ratios = np.asarray(mean, dtype=np.float64), np.asarray(quantile_ratios, dtype=np.float64)
    if ratios.ndim == 2 and len(ratios) != len(means):
        raise MethodError(f"anchored quantiles: ratios for {len(ratios)} cells, means for {len(means)}")
    _require_positive(means[~np.isnan(means)], "means")
    _require_positive(ratios, "ratios of quantile to mean")
    return rearrange(means[:, None] * ratios)


def lognormal_quantiles(mean: FloatArray, sigma: ArrayLike, probabilities: Sequence[float]) -> FloatArray:
    """Quantiles of lognormal pay with a given mean (C, m): mean exp(-s²/2) exp(z_p s).

    Parameters
    ----------
    mean : ndarray
        (C,) above zero; a missing one gives missing quantiles.
    sigma : array_like
        (C,) or one standard deviation of log pay within a cell, not negative.
    probabilities : sequence of float
        (m,) rising, inside 0 to 1.
    """
    means = np.asarray(mean, dtype=np.float64)
    spread = np.broadcast_to(np.asarray(sigma, dtype=np.float64), means.shape)
    bad = int((~(np.isfinite(spread) & (spread >= 0))).sum())
    if bad:
        raise MethodError(f"lognormal quantiles: {bad} of {spread.size} standard deviations are negative or not finite")
    scores = norm.ppf(require_probabilities(probabilities))
    return anchored_quantiles(means, np.exp(spread[:, None] * scores - spread[:, None] ** 2 / 2))


def require_probabilities(probabilities: Sequence[float]) -> FloatArray:
    """The probabilities as an array, or MethodError unless they rise inside 0 to 1."""
    wanted = np.asarray(probabilities, dtype=np.float64)
    inside = (wanted > 0) & (wanted < 1)
    if wanted.ndim != 1 or not wanted.size or not inside.all() or (np.diff(wanted) <= 0).any():
        raise MethodError(
            f"quantiles: {int((~inside).sum())} of {wanted.size} probabilities outside 0 to 1; give some, rising"
        )
    return wanted


def _level(
    residuals: FloatArray, weights: FloatArray, codes: IntArray, count: int, probabilities: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Quantiles (count, m) and effective number of rows (count,) of one level of groups."""
    found = weighted_quantiles(residuals, weights, codes, count, probabilities.tolist())
    total, squares = (np.bincount(codes, values, minlength=count) for values in (weights, weights**2))
    return found, np.divide(total**2, squares, out=np.zeros(count), where=squares > 0)


def _require_sample(values: FloatArray, weights: FloatArray, groups: IntArray, group_count: int) -> None:
    if not len(values) == len(weights) == len(groups) or not len(values):
        raise MethodError(f"quantiles: {len(values)} values, {len(weights)} weights, {len(groups)} groups of rows")
    _require_codes(groups, group_count, "groups")
    bad, bad_weight = int((~np.isfinite(values)).sum()), int((~(np.isfinite(weights) & (weights > 0))).sum())
    if bad or bad_weight:
        raise MethodError(
            f"quantiles: of {len(values)} rows {bad} have a value that is not finite and {bad_weight} a weight that is "
            "not finite or not above zero; leave them out"
        )


def _require_codes(codes: IntArray, count: int, name: str) -> None:
    outside: BoolArray = (codes < 0) | (codes >= count)
    if outside.any():
        raise MethodError(f"quantiles: {int(outside.sum())} of {len(codes)} {name} outside 0 to {count - 1}")


def _require_positive(values: FloatArray, name: str) -> None:
    bad = int((~(np.isfinite(values) & (values > 0))).sum())
    if bad:
        raise MethodError(f"quantiles of pay: {bad} of {values.size} {name} are not finite and above zero")
