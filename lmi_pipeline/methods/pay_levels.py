"""Empirical-Bayes levels of a pay equation: occupations by sex, their change over the years, industries.

Fixed effects of thin occupations are noise, and of occupations without rows there are none. Effects are taken as
random, nested in the minor, sub-major and major group; sampling variances come from a residual variance that is itself
shrunk, because the robust error of a single row is zero. Changes over the years are shrunk first; then the years are
pooled in the level, so that a thin occupation keeps all its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lmi_pipeline.methods.factor_wls import FactorFit
from lmi_pipeline.methods.pay_jobs import CodedJobs, IntArray
from lmi_pipeline.methods.shrinkage import Component, credibility_means, shrink
from lmi_pipeline.methods.smearing import widened
from lmi_pipeline.methods.tables import FloatArray, floats

_HIERARCHY = ("major", "sub_major", "minor", "occupation")


@dataclass(frozen=True, slots=True, eq=False)
class PayLevels:
    """Shrunken effects in logs, in the units of the coefficients.

    Attributes
    ----------
    level : ndarray
        (O, 2) occupation by sex, in the first year.
    change : ndarray
        (O, T) occupation by year relative to the first.
    industry : ndarray
        (I, T) industry by year.
    own_weight : ndarray
        (O, 2) how much of a change in its own mean a level takes; 0 without rows.
    lost : ndarray
        (O,) coefficients fitted to the occupation's own rows.
    variances : mapping of str to float
        Component -> variance between groups.
    """

    level: FloatArray
    change: FloatArray
    industry: FloatArray
    own_weight: FloatArray
    lost: FloatArray
    variances: Mapping[str, float]


def shrink_levels(jobs: CodedJobs, fit: FactorFit) -> PayLevels:
    """Shrink the effects of a fitted pay equation.

    Parameters
    ----------
    jobs : CodedJobs
    fit : FactorFit
        Of ``log(jobs.value)`` on ``jobs.design()``, possibly with more factors.

    Returns
    -------
    PayLevels
        Every level of every array is finite.

    Raises
    ------
    MethodError
        Too few groups with rows to estimate variances from.
    """
    occupations, years = len(jobs.grid.occupations), len(jobs.years)
    lost = _lost(jobs)
    spread = _residual_variance(jobs, fit, lost)
    variances: dict[str, float] = {}
    industry, between = _industry(jobs, fit)
    variances |= between
    change = np.zeros((occupations, years))
    for at in range(1, years):
        change[:, at], between = _change(jobs, fit, spread, at)
        variances |= between
    raw = fit.effects("industry.time").reshape(-1, years)
    partial = fit.residuals + fit.effects("occupation.sex")[jobs.occupation_sex]
    partial = partial + fit.effects("occupation.time")[jobs.occupation_time]
    partial += (raw - industry)[jobs.industry, jobs.time] - change[jobs.occupation, jobs.time]
    level, own, between = _level(jobs, partial, spread)
    variances |= between
    return PayLevels(level, change, industry, own, lost, variances)


def kish_counts(weight: FloatArray, groups: IntArray, size: int) -> FloatArray:
    """Effective number of rows of each group (Kish), 0 without rows."""
    squares = np.bincount(groups, weight**2, size)
    total = np.bincount(groups, weight, size)
    return np.divide(total**2, squares, out=np.zeros(size), where=squares > 0)


def _lost(jobs: CodedJobs) -> FloatArray:
    occupations, years = len(jobs.grid.occupations), len(jobs.years)
    seen = [
        np.bincount(jobs.occupation_sex, minlength=2 * occupations).reshape(occupations, -1) > 0,
        np.bincount(jobs.occupation_time, minlength=years * occupations).reshape(occupations, -1) > 0,
    ]
    return floats(np.maximum(seen[0].sum(axis=1) + seen[1].sum(axis=1) - 1, 0))


def _residual_variance(jobs: CodedJobs, fit: FactorFit, lost: FloatArray) -> FloatArray:
    squares = widened(fit.residuals, jobs.occupation, lost) ** 2
    hierarchy = [jobs.groups(level) for level in ("sub_major", "major")]
    return credibility_means(squares, jobs.weight, jobs.occupation, hierarchy, lost=lost).means


def _industry(jobs: CodedJobs, fit: FactorFit) -> tuple[FloatArray, Mapping[str, float]]:
    industries, years = len(jobs.grid.industries), len(jobs.years)
    count = kish_counts(jobs.weight, jobs.industry_time, industries * years)
    place = np.arange(industries * years)
    values = np.where(count > 0, fit.effects("industry.time"), np.nan)
    components = [Component("industry", place // years, industries)]
    if years > 1:
        components.append(Component("industry.time", place, len(place)))
    fixed = (place[:, None] % years == np.arange(years)).astype(np.float64)
    typical = float(np.average(fit.residuals**2, weights=jobs.weight))
    variances = typical / np.where(count > 0, count, 1.0)
    found = shrink(values, variances, fixed, components, where="industry by year")
    return found.estimates.reshape(industries, years), found.variances


def _change(jobs: CodedJobs, fit: FactorFit, spread: FloatArray, at: int) -> tuple[FloatArray, Mapping[str, float]]:
    occupations, years = len(jobs.grid.occupations), len(jobs.years)
    count = kish_counts(jobs.weight, jobs.occupation_time, occupations * years).reshape(occupations, years)
    effects = fit.effects("occupation.time").reshape(occupations, years)
    both = (count[:, 0] > 0) & (count[:, at] > 0)
    values = np.where(both, effects[:, at] - effects[:, 0], np.nan)
    safe = np.where(both[:, None], count, 1.0)
    variances = spread * (1 / safe[:, 0] + 1 / safe[:, at])
    label = f"occupation in {jobs.years[at]}"
    found = shrink(values, variances, np.ones((occupations, 1)), _nested(jobs, label), where=label)
    return found.estimates, found.variances


def _level(
    jobs: CodedJobs, partial: FloatArray, spread: FloatArray
) -> tuple[FloatArray, FloatArray, Mapping[str, float]]:
    occupations = len(jobs.grid.occupations)
    cells = occupations * 2
    total = np.bincount(jobs.occupation_sex, jobs.weight, cells)
    sums = np.bincount(jobs.occupation_sex, jobs.weight * partial, cells)
    values = np.divide(sums, total, out=np.full(cells, np.nan), where=total > 0)
    count = kish_counts(jobs.weight, jobs.occupation_sex, cells)
    of = np.repeat(np.arange(occupations), 2)
    half = np.tile([-0.5, 0.5], occupations)
    variances = spread[of] / np.where(count > 0, count, 1.0)
    components = _nested(jobs, "level", of) + _nested(jobs, "sex", of, half)[1::2]
    found = shrink(values, variances, np.column_stack([np.ones(cells), half]), components, where="occupation by sex")
    return found.estimates.reshape(-1, 2), found.weights.reshape(-1, 2), found.variances


def _nested(
    jobs: CodedJobs, label: str, of: IntArray | None = None, slope: FloatArray | None = None
) -> list[Component]:
    """Components of the major, sub-major and minor group and the occupation itself."""
    found = []
    for level in _HIERARCHY:
        names, group = jobs.grid.occupation_groups(level)
        found.append(Component(f"{label}, {level}", group if of is None else group[of], len(names), slope))
    return found
