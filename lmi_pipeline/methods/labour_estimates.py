"""Levels and rates of employment, unemployment and inactivity, and their changes, with standard errors.

Every figure is a level (a weighted count) or a ratio of two levels. The variance is that of the weighted calibration
residuals, summed by household (`lmi_pipeline.methods.variance`); residuals are linear in the variable, so those of a
rate follow from those of the counts it is made of (Woodruff 1971).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.labour_indicators import BREAKDOWNS, KEY, IndicatorPlan, indicator_plan
from lmi_pipeline.methods.regression_residuals import AnyArray
from lmi_pipeline.methods.tables import FloatArray, floats
from lmi_pipeline.methods.variance import (
    ClusterTotals,
    cluster_totals,
    difference_variance,
    linearised_variance,
)

HEADLINE = ("all", "sex", "birth_group")
"""Breakdowns whose changes between quarters are estimated."""

PER_CENT = 100.0
_ROWS_AT_A_TIME = 64

ResidualsOf = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class LabourEstimates:
    """Estimates of one quarter.

    Attributes
    ----------
    frame : DataFrame
        Key ``breakdown, category, age_range, measure``. ``estimate_value``, ``standard_error``, ``lower_bound`` and
        ``upper_bound`` in persons for levels and per cent for rates; ``respondent_count``, unweighted: those counted
        for a level, those in the denominator for a rate.
    headline : DataFrame
        (H rows) the key of the estimates that changes are made of.
    totals : ClusterTotals
        (C, H) weighted residuals of their linearised variables by household, in the unit of the estimate.
    clusters, strata, lonely_strata : int
        See `linearised_variance`.
    """

    frame: pd.DataFrame
    headline: pd.DataFrame
    totals: ClusterTotals
    clusters: int
    strata: int
    lonely_strata: int


def estimate_labour_market(
    persons: pd.DataFrame,
    weights: FloatArray,
    *,
    residual_of: ResidualsOf,
    clusters: AnyArray,
    strata: AnyArray,
    breakdowns: Mapping[str, str] = BREAKDOWNS,
    age: str = "age_years",
    activity: str = "economic_activity",
    level: float = 0.95,
) -> LabourEstimates:
    """Estimate levels and rates with standard errors.

    Parameters
    ----------
    persons : DataFrame
        n respondents; see `indicator_plan`.
    weights : ndarray
        (n,) calibrated weights.
    residual_of : callable
        (n, K) variables -> (n, K) residuals on the calibration auxiliaries: `ResidualMaker.residuals`; the identity
        for weights that are not calibrated.
    clusters, strata : ndarray
        (n,) household and stratum. Households keep their identifier from quarter to quarter.
    breakdowns : mapping of str to str
        Breakdown -> column of `persons`.
    age, activity : str
        Columns of `persons`.
    level : float
        Of the confidence interval, that of the normal distribution and not cut at zero.

    Raises
    ------
    MethodError
        As `indicator_plan` and `cluster_totals`; weights that are not finite or not as many as the persons.
    """
    checked = _weights(weights, len(persons))
    plan = indicator_plan(persons, breakdowns, age=age, activity=activity).with_denominators(checked)
    value, combination = linear_form(plan, checked)
    homes = cluster_totals(np.zeros((len(persons), 1)), clusters, strata)
    row = homes.clusters.get_indexer(pd.Index(np.asarray(clusters)))
    layer = pd.factorize(homes.strata)[0]
    wanted = plan.rows["breakdown"].isin(HEADLINE).to_numpy()
    variance = np.empty(len(plan.rows))
    kept, lonely = [], 0
    for part, sums in _sums_by_cluster(plan, combination, checked, residual_of, row, layer):
        found = linearised_variance(sums, np.arange(len(layer)), layer)
        variance[part], lonely = found.variance, found.lonely_strata
        kept.append(sums[:, wanted[part]])
    frame = _with_bounds(plan.rows, value, np.sqrt(variance), level).assign(respondent_count=plan.respondents())
    totals = ClusterTotals(np.hstack(kept), homes.clusters, homes.strata)
    headline = plan.rows[wanted].reset_index(drop=True)
    return LabourEstimates(frame, headline, totals, len(layer), homes.strata.nunique(), lonely)


def linear_form(plan: IndicatorPlan, weights: FloatArray) -> tuple[FloatArray, "sp.csc_array"]:
    """Values of the estimates and their linearised form.

    Returns
    -------
    value : ndarray
        (K,) persons or per cent.
    combination : csc_array
        (G, K): coefficients of the counts in the linearised variable, (y - R x) / X for a rate.
    """
    counted = weights @ plan.cells
    numerator, denominator = counted @ plan.numerator, counted @ plan.denominator
    rate = plan.is_rate()
    unit = np.where(rate, PER_CENT, 1.0) / np.where(rate, denominator, 1.0)
    value = numerator * unit
    ratio = np.where(rate, numerator / np.where(rate, denominator, 1.0), 0.0)
    linear = (plan.numerator - plan.denominator @ sp.diags_array(ratio)) @ sp.diags_array(unit)
    return value, sp.csc_array(linear)


def estimate_changes(now: LabourEstimates, before: LabourEstimates, *, level: float = 0.95) -> pd.DataFrame:
    """Changes of the headline estimates between two quarters, the overlap of the samples allowed for.

    Returns
    -------
    DataFrame
        ``breakdown, category, age_range, measure``, ``change``, ``standard_error``, ``lower_bound``,
        ``upper_bound`` (persons for levels, percentage points for rates); a row for each headline estimate that both
        quarters have.

    Raises
    ------
    MethodError
        As `difference_variance`.
    """
    columns = list(KEY)
    place = pd.MultiIndex.from_frame(before.headline[columns])
    here = pd.MultiIndex.from_frame(now.headline[columns])
    common = here[here.isin(place)]
    later, earlier = ((estimates, index.get_indexer(common)) for estimates, index in ((now, here), (before, place)))
    variance = difference_variance(_columns(*earlier), _columns(*later)).variance
    change = _values(now, common) - _values(before, common)
    made = _with_bounds(common.to_frame(index=False), change, np.sqrt(variance), level)
    return made.rename(columns={"estimate_value": "change"})


def _weights(weights: FloatArray, persons: int) -> FloatArray:
    checked = floats(weights)
    if checked.shape != (persons,):
        raise MethodError(f"estimates: weights have shape {checked.shape}; expected ({persons},)")
    bad = int((~np.isfinite(checked)).sum())
    if bad:
        raise MethodError(f"estimates: {bad} of {persons} weights are missing or not finite")
    return checked


def _sums_by_cluster(
    plan: IndicatorPlan,
    combination: "sp.csc_array",
    weights: FloatArray,
    residual_of: ResidualsOf,
    row: "np.ndarray[Any, Any]",
    layer: "np.ndarray[Any, Any]",
) -> Iterator[tuple[slice, FloatArray]]:
    """Cluster totals (C, part) of the weighted residuals of the estimates, some at a time to bound memory."""
    n = len(weights)
    weighting = sp.csr_array((weights, (row, np.arange(n))), shape=(len(layer), n))
    for start in range(0, combination.shape[1], _ROWS_AT_A_TIME):
        part = slice(start, min(start + _ROWS_AT_A_TIME, combination.shape[1]))
        coefficients = combination[:, part]
        used = np.unique(coefficients.indices)
        residuals = residual_of(plan.cells[:, used].toarray())
        yield part, (weighting @ residuals) @ coefficients[used].toarray()


def _with_bounds(rows: pd.DataFrame, value: FloatArray, error: FloatArray, level: float) -> pd.DataFrame:
    if not 0 < level < 1:
        raise MethodError(f"estimates: confidence level {level}; expected a number between 0 and 1")
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return rows.assign(estimate_value=value, standard_error=error, lower_bound=value - reach, upper_bound=value + reach)


def _columns(estimates: LabourEstimates, columns: "np.ndarray[Any, Any]") -> ClusterTotals:
    totals = estimates.totals
    return ClusterTotals(totals.totals[:, columns], totals.clusters, totals.strata)


def _values(estimates: LabourEstimates, key: pd.MultiIndex) -> FloatArray:
    return floats(estimates.frame.set_index(list(KEY))["estimate_value"].reindex(key))
