"""Prediction intervals whose coverage is calibrated on values that were held out.

Split conformal prediction (Vovk, Gammerman & Shafer 2005, section 4.1; Lei et al. 2018, theorem 2.2) with scores
``|value - prediction| / scale``, one quantile for each band of size (Mondrian: Vovk et al., section 4.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ConformalBands:
    """Quantiles of the scores by band.

    Attributes
    ----------
    coverage : float
        Share of new values the intervals are to hold.
    quantiles : ndarray
        (B,) times the scale of a prediction this is the half-width of its interval.
    counts : ndarray
        (B,) scores of the band itself.
    used : ndarray
        (B,) scores its quantile rests on; more than `counts` where neighbouring bands were joined.
    """

    coverage: float
    quantiles: FloatArray
    counts: IntArray
    used: IntArray

    def half_widths(self, scale: ArrayLike, bands: ArrayLike) -> FloatArray:
        """Half-widths of the intervals of predictions.

        Parameters
        ----------
        scale : array_like
            (n,) scale of each prediction, as for the scores.
        bands : array_like
            (n,) band of each, 0 to B - 1.

        Raises
        ------
        MethodError
            A band outside 0 to B - 1.
        """
        return self.quantiles[_checked_bands(bands, len(self.quantiles))] * floats(scale)


def size_bands(sizes: ArrayLike, edges: ArrayLike) -> IntArray:
    """Band of each size: 0 below the first edge, k from edge k; a missing size is in band 0.

    Parameters
    ----------
    sizes : array_like
        (n,) e.g. jobs; nan where not published, which happens to the small.
    edges : array_like
        (B - 1,) rising.

    Raises
    ------
    MethodError
        Edges that do not rise.
    """
    limits = floats(edges)
    if (np.diff(limits) <= 0).any():
        raise MethodError(f"size bands: the {len(limits)} edges do not rise; sort them and give each once")
    filled = np.nan_to_num(floats(sizes), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    return np.searchsorted(limits, filled, side="right").astype(np.int64)


def conformal_quantile(scores: ArrayLike, coverage: float) -> float:
    """Quantile of held-out scores with the finite-sample correction.

    The ``ceil((n + 1) coverage)``-th smallest of n scores; infinite where n is too small to promise the coverage.

    Parameters
    ----------
    scores : array_like
        (n,) not negative.
    coverage : float
        Between 0 and 1.

    Raises
    ------
    MethodError
        A coverage outside (0, 1), or a score that is negative or not a number.
    """
    values = floats(scores)
    if not 0 < coverage < 1:
        raise MethodError(f"conformal intervals: coverage {coverage} is not between 0 and 1")
    bad = int((~(values >= 0)).sum())
    if bad:
        raise MethodError(f"conformal intervals: {bad} of {len(values)} scores are negative or missing")
    rank = int(np.ceil((len(values) + 1) * coverage - 1e-9))
    return float(np.sort(values)[rank - 1]) if rank <= len(values) else float("inf")


def calibrate_bands(
    scores: ArrayLike, bands: ArrayLike, *, band_count: int, coverage: float = 0.8, minimum: int = 30
) -> ConformalBands:
    """Quantile of the scores for each band.

    Neighbouring bands are joined, from the lowest up, until each has `minimum` scores.

    Parameters
    ----------
    scores : array_like
        (n,) ``|value - prediction| / scale`` of values that the predictions did not see.
    bands : array_like
        (n,) band of each, 0 to `band_count` - 1, in the order of size.
    band_count : int
        B.
    coverage : float
        Share of values that the intervals are to hold.
    minimum : int
        Fewest scores that a quantile rests on.

    Raises
    ------
    MethodError
        Fewer scores than `minimum` altogether, a band outside the list, or what `conformal_quantile` refuses.
    """
    values, codes = floats(scores), _checked_bands(bands, band_count)
    if len(values) != len(codes):
        raise MethodError(f"conformal intervals: {len(values)} scores for {len(codes)} bands")
    if len(values) < max(minimum, 1):
        raise MethodError(
            f"conformal intervals: {len(values)} held-out values, at least {minimum} are needed; hold out more"
        )
    counts = np.bincount(codes, minlength=band_count).astype(np.int64)
    joined = _join_thin(counts, minimum)
    quantiles = [conformal_quantile(values[joined[codes] == group], coverage) for group in range(joined.max() + 1)]
    used = np.bincount(joined, weights=counts).astype(np.int64)
    return ConformalBands(coverage, np.array(quantiles)[joined], counts, used[joined])


def hold_out_folds(groups: ArrayLike, folds: int, *, seed: int) -> IntArray:
    """Deal groups at random into folds of as equal a size as can be: all rows of a group are held out together.

    Parameters
    ----------
    groups : array_like
        (n,) label of each row's group, e.g. its occupation.
    folds : int
        Number of folds, at least 2.
    seed : int
        Of the random order.

    Returns
    -------
    ndarray of int64
        (n,) fold of each row, 0 to `folds` - 1.

    Raises
    ------
    MethodError
        Fewer than 2 folds, or fewer groups than folds.
    """
    labels, place = np.unique(np.asarray(groups), return_inverse=True)
    if not 2 <= folds <= len(labels):
        raise MethodError(f"hold-out: {len(labels)} groups cannot be dealt into {folds} folds of at least one group")
    order = np.random.default_rng(seed).permutation(len(labels))
    return (order % folds)[place].astype(np.int64)


def coverage_report(
    values: ArrayLike, lower: ArrayLike, upper: ArrayLike, bands: ArrayLike, *, band_count: int
) -> pd.DataFrame:
    """Share of values inside their intervals, by band and over all.

    Parameters
    ----------
    values, lower, upper : array_like
        (n,) held-out values and the limits predicted for them.
    bands : array_like
        (n,) band of each.
    band_count : int
        B.

    Returns
    -------
    DataFrame
        One row for each band that has values and one, ``band`` -1, for all: ``band, held_out_count, inside_count,
        coverage, median_width`` (width as upper / lower - 1 where all limits are positive, else the difference).

    Raises
    ------
    MethodError
        No values, or one that is missing.
    """
    y, low, high, codes = floats(values), floats(lower), floats(upper), _checked_bands(bands, band_count)
    if len(y) == 0 or np.isnan(y).any() or np.isnan(low).any() or np.isnan(high).any():
        raise MethodError(f"coverage: {len(y)} held-out values, {int(np.isnan(y + low + high).sum())} of them missing")
    width = high / low - 1 if (low > 0).all() else high - low
    rows = pd.DataFrame({"band": codes, "inside": (low <= y) & (y <= high), "width": width})
    everything = pd.concat([rows, rows.assign(band=-1)])
    grouped = everything.groupby("band")
    report = grouped.agg(held_out_count=("inside", "size"), inside_count=("inside", "sum"))
    report = report.assign(coverage=grouped["inside"].mean(), median_width=grouped["width"].median())
    return report.reset_index()


def _join_thin(counts: IntArray, minimum: int) -> IntArray:
    """Group of each band: runs of neighbouring bands with at least `minimum` scores, a thin last run joined back."""
    group = np.zeros(len(counts), dtype=np.int64)
    gathered, number = 0, 0
    for band, count in enumerate(counts):
        group[band] = number
        gathered += int(count)
        if gathered >= minimum:
            number, gathered = number + 1, 0
    return np.minimum(group, max(number - 1, 0))


def _checked_bands(bands: ArrayLike, band_count: int) -> IntArray:
    codes = np.asarray(bands, dtype=np.int64)
    outside = int(((codes < 0) | (codes >= band_count)).sum())
    if outside:
        raise MethodError(f"conformal intervals: {outside} of {len(codes)} bands are outside 0 to {band_count - 1}")
    return codes
