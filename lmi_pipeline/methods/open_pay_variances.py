"""Coefficients of variation of few jobs, moderated: a variance estimated from five jobs is mostly noise.

Published coefficients come from the sample itself. In a thin cell jobs that happen to be alike make the mean look
precise, and an interval built on it is too short (an area model takes its variances for known: Rivest & Vandal 2003).
The variance of a single job is therefore shrunk to a curve over the cells by the degrees of freedom that each has:
``s^2 / s0^2 ~ F(d, d0)`` (Smyth 2004, section 5), with d in proportion to the jobs in the sample less one, for pay is
less regular than the normal distribution.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from scipy import optimize, special, stats

from lmi_pipeline.methods.tables import FloatArray, floats

_CELLS_FOR_MODEL = 40
_FEWEST_JOBS = 2.0
_LOG_LIMITS = (-4.0, 6.0)


def sample_sizes(job_cv_percent: FloatArray) -> FloatArray:
    """Jobs in the sample from the coefficient of variation of their number: ``(100 / cv)^2``; nan where missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = (100 / np.asarray(job_cv_percent, dtype=float)) ** 2
    return floats(np.where(np.isfinite(sizes), np.maximum(sizes, _FEWEST_JOBS), np.nan))


def moderated_cvs(cv_percent: FloatArray, sizes: FloatArray, coverage: float) -> FloatArray:
    """Moderate coefficients of variation by the number of jobs they come from.

    Parameters
    ----------
    cv_percent : ndarray
        (n,) of the means, as published; nan where missing.
    sizes : ndarray
        (n,) jobs in the sample, at least 2; nan where not known.
    coverage : float
        Share of intervals that the coefficients are to serve: the quantile of Student's distribution at this share,
        over that of the normal one, widens the coefficient for the degrees of freedom left.

    Returns
    -------
    ndarray
        (n,) per cent. As given where the size is not known, or where fewer than 40 cells have both; nan stays nan
        without a size, and with one is what the curve has for it.
    """
    cvs, counts = floats(cv_percent), floats(sizes)
    used = np.isfinite(cvs) & (cvs > 0) & np.isfinite(counts)
    if used.sum() < _CELLS_FOR_MODEL:
        return cvs
    slope, level, prior, per_job = _fit(np.log(cvs[used] ** 2 * counts[used]), counts[used])
    known = np.isfinite(counts)
    size = np.where(known, counts, _FEWEST_JOBS)
    free = np.where(used, per_job * (size - 1), 0.0)
    curve = np.exp(level + slope * np.log(size)) / size
    variance = (prior * curve + free * np.where(used, cvs, 0.0) ** 2) / (prior + free)
    tail = 0.5 + coverage / 2
    wider = stats.t.ppf(tail, prior + free) / NormalDist().inv_cdf(tail)
    return floats(np.where(known, wider * np.sqrt(variance), cvs))


def _fit(logs: FloatArray, sizes: FloatArray) -> tuple[float, float, float, float]:
    """Slope and level of the curve of log variances of a job, its degrees of freedom, and those that a job adds.

    Most likely values under the F distribution, in the scale of logs.
    """
    log_sizes = np.log(sizes)
    start_slope, start_level = np.polyfit(log_sizes, logs, 1)

    def distance(place: FloatArray) -> float:
        slope, level = place[:2]
        prior, per_job = np.exp(np.clip(place[2:], *_LOG_LIMITS))
        half, prior_half = per_job * (sizes - 1) / 2, prior / 2
        odds = logs - level - slope * log_sizes + np.log(half / prior_half)
        density = half * odds - (half + prior_half) * np.logaddexp(0, odds) - special.betaln(half, prior_half)
        return -float(density.sum())

    found = optimize.minimize(distance, [start_slope, start_level, np.log(6.0), np.log(0.7)], method="Nelder-Mead")
    prior, per_job = np.exp(np.clip(found.x[2:], *_LOG_LIMITS))
    return float(found.x[0]), float(found.x[1]), float(prior), float(per_job)
