"""Change in mean pay between two years by occupation and area, from the survey's own means and never from predictions.

The log ratio of two published means is shrunk, by its sampling error, to the change of the occupation's sub-major group
in the area, and that to the change of all (area model of Fay & Herriot 1979 at both levels). A change that cannot be
told from noise is withheld.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.conformal import IntArray
from lmi_pipeline.methods.fay_herriot import fit_fay_herriot
from lmi_pipeline.methods.open_pay_evidence import log_variance
from lmi_pipeline.methods.tables import FloatArray, floats

OK = "ok"
WITHHELD = "withheld"

_Z = 1.96
_FEWEST = 10
_FEWEST_GROUPS = 3
_SUB_MAJOR_DIGITS = 2


@dataclass(frozen=True, slots=True, eq=False)
class PayChange:
    """Changes of pay.

    Attributes
    ----------
    frame : DataFrame
        One row for each cell, in the order given: ``occupation, area, change_percent, change_error`` (standard error,
        percentage points), ``shrinkage_weight`` (of the occupation's own change), ``status`` (``ok`` or ``withheld``).
        The three numbers are nan where withheld.
    groups : DataFrame
        ``area, sub_major, cell_count, change_percent, change_error`` of the groups shrunk to.
    model_variance : float
        Of the log changes of occupations about their group's.
    """

    frame: pd.DataFrame
    groups: pd.DataFrame
    model_variance: float


def estimate_change(
    mean_before: ArrayLike,
    cv_before: ArrayLike,
    mean_after: ArrayLike,
    cv_after: ArrayLike,
    occupation: Sequence[str],
    area: Sequence[str],
    *,
    correlation: float = 0.0,
    cv_limit: float = 20.0,
) -> PayChange:
    """Estimate the change of every cell between two adjacent years.

    Parameters
    ----------
    mean_before, mean_after : array_like
        (n,) published means, above 0; nan where not published.
    cv_before, cv_after : array_like
        (n,) their coefficients of variation in per cent, above 0; nan where not known.
    occupation : sequence of str
        (n,) unit groups; the first two digits are the sub-major group.
    area : sequence of str
        (n,) areas of one kind, for they do not hold one another (regions, or the nation).
    correlation : float
        Of the sampling errors of the two means, 0 to below 1: the samples share their persons. 0 takes them as
        independent, which overstates the error of the change.
    cv_limit : float
        Coefficient of variation of the change, in per cent, up to which it is not withheld.

    Returns
    -------
    PayChange
        A change is withheld, null and not zero, where a mean or its coefficient is missing, or where it is less than
        1.96 of its standard errors from none and these are more than `cv_limit` per cent of it.

    Raises
    ------
    MethodError
        Arrays of different length, a cell twice, numbers that are not above 0, a correlation outside [0, 1), or fewer
        than ten cells with both means.
    """
    keys = _keys(occupation, area)
    before, after, cv0, cv1 = _checked(len(keys), mean_before, mean_after, cv_before, cv_after)
    if not 0 <= correlation < 1:
        raise MethodError(f"change of pay: correlation {correlation} is not in [0, 1)")
    usable = np.isfinite(before) & np.isfinite(after) & np.isfinite(cv0) & np.isfinite(cv1)
    if usable.sum() < _FEWEST:
        raise MethodError(
            f"change of pay: {int(usable.sum())} of {len(keys)} cells have both means and their coefficients of "
            f"variation, at least {_FEWEST} are needed; read the tables of both years, with their b tables"
        )
    first, second = log_variance(cv0[usable]), log_variance(cv1[usable])
    variance = first + second - 2 * correlation * np.sqrt(first * second)
    found = _shrink(np.log(after[usable] / before[usable]), variance, keys[usable])
    return PayChange(_frame(keys, usable, found, cv_limit), _group_frame(found), found.model_variance)


@dataclass(frozen=True, slots=True, eq=False)
class _Shrunk:
    """Log changes of the usable cells and of their groups, with standard errors."""

    change: FloatArray
    error: FloatArray
    weight: FloatArray
    groups: pd.MultiIndex
    group_counts: IntArray
    group_change: FloatArray
    group_error: FloatArray
    model_variance: float


def _shrink(g: FloatArray, v: FloatArray, keys: pd.DataFrame) -> _Shrunk:
    labels = pd.MultiIndex.from_arrays([keys["area"], keys["occupation"].str[:_SUB_MAJOR_DIGITS]])
    code, groups = pd.factorize(labels, sort=True)
    counts = np.bincount(code).astype(np.int64)
    within = fit_fay_herriot(g, v, _group_design(code, counts))
    tau2 = within.model_variance
    precision = 1 / (tau2 + v)
    total = np.bincount(code, weights=precision)
    raw = np.bincount(code, weights=precision * g) / total
    level, level_mse = _between(raw, 1 / total)
    away = 1 - within.gamma
    uncertainty = 2 * away**2 * precision * within.model_variance_error**2
    mse = within.gamma * v + away**2 * level_mse[code] + uncertainty
    return _Shrunk(
        change=within.gamma * g + away * level[code],
        error=np.sqrt(mse),
        weight=within.gamma,
        groups=pd.MultiIndex.from_tuples(list(groups), names=["area", "sub_major"]),
        group_counts=counts,
        group_change=level,
        group_error=np.sqrt(level_mse),
        model_variance=tau2,
    )


def _group_design(code: IntArray, counts: IntArray) -> FloatArray:
    """A column for each group of several cells, and one for all cells that are alone in theirs."""
    several = np.flatnonzero(counts > 1)
    column = np.full(len(counts), len(several))
    column[several] = np.arange(len(several))
    place = column[code]
    columns: FloatArray = np.eye(int(place.max()) + 1)[place]
    return columns


def _between(raw: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Changes of groups shrunk to the change of all, and their mean squared errors; a few groups are left as found."""
    if len(raw) < _FEWEST_GROUPS:
        return raw, variance
    fit = fit_fay_herriot(raw, variance, np.ones((len(raw), 1)))
    return fit.estimates, fit.mse


def _frame(keys: pd.DataFrame, usable: np.ndarray, found: _Shrunk, cv_limit: float) -> pd.DataFrame:
    distance = np.abs(found.change)
    noise = (distance < _Z * found.error) & (100 * found.error > cv_limit * distance)
    told = np.flatnonzero(usable)[~noise]
    percent = 100 * np.expm1(found.change)
    numbers = {
        "change_percent": percent,
        "change_error": (100 + percent) * found.error,
        "shrinkage_weight": found.weight,
    }
    frame = keys.copy()
    for name, values in numbers.items():
        column = np.full(len(keys), np.nan)
        column[told] = values[~noise]
        frame[name] = column
    status = np.full(len(keys), WITHHELD, dtype=object)
    status[told] = OK
    return frame.assign(status=pd.Series(status, dtype="str"))


def _group_frame(found: _Shrunk) -> pd.DataFrame:
    percent = 100 * np.expm1(found.group_change)
    return found.groups.to_frame(index=False).assign(
        cell_count=found.group_counts, change_percent=percent, change_error=(100 + percent) * found.group_error
    )


def _keys(occupation: Sequence[str], area: Sequence[str]) -> pd.DataFrame:
    if len(occupation) != len(area):
        raise MethodError(f"change of pay: {len(occupation)} occupations for {len(area)} areas")
    keys = pd.DataFrame({"occupation": list(occupation), "area": list(area)}, dtype="str")
    repeats = int(keys.duplicated().sum())
    if repeats:
        raise MethodError(f"change of pay: {repeats} of {len(keys)} cells are there twice; give each once")
    return keys


def _checked(
    rows: int, mean_before: ArrayLike, mean_after: ArrayLike, cv_before: ArrayLike, cv_after: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    before, after, cv0, cv1 = floats(mean_before), floats(mean_after), floats(cv_before), floats(cv_after)
    named = {"mean_before": before, "mean_after": after, "cv_before": cv0, "cv_after": cv1}
    for name, values in named.items():
        if values.shape != (rows,):
            raise MethodError(f"change of pay: {name} has shape {values.shape}, there are {rows} cells")
        bad = int(((values <= 0) | np.isinf(values)).sum())
        if bad:
            raise MethodError(f"change of pay: {bad} of {rows} values of {name} are not above 0; leave them missing")
    return before, after, cv0, cv1
