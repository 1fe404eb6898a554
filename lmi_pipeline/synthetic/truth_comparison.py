"""How far estimates made with two sets of weights are from the truth of the synthetic UK."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.synthetic.margins import GROUPS
from lmi_pipeline.synthetic.population import SyntheticTruth
from lmi_pipeline.synthetic.truth_employment import true_employment

# Measure, age range, and whether it is a level (persons) or a rate (per cent), by name of the indicator.
INDICATORS = {
    "population": ("population_level", "all"),
    "employment": ("employment_level", "16+"),
    "employment rate": ("employment_rate", "16-64"),
    "unemployment rate": ("unemployment_rate", "16+"),
    "inactivity rate": ("inactivity_rate", "16-64"),
}
LEVELS = ("population", "employment")
NON_UK, ALL = "non_uk", "all"
_BY_BIRTH = (*LEVELS, "employment rate")
_GROUPS = (ALL, *GROUPS, NON_UK)


def true_indicators(truth: SyntheticTruth, quarter: str) -> pd.Series:
    """True value of every indicator in a quarter, by indicator and country of birth.

    Levels are in persons, rates in per cent; the rates of unemployment and inactivity are of everybody only.
    """
    groups = true_employment(truth, quarter).set_index("birth_group")
    groups.loc[NON_UK] = groups.loc[[group for group in GROUPS if group != "uk"]].sum()
    groups.loc[ALL] = groups.loc[list(GROUPS)].sum()
    active = groups["employment_count"] + groups["unemployment_count"]
    idle = groups["population_16_64"] - groups["employment_16_64"] - groups["unemployment_16_64"]
    return _stacked(
        {
            "population": groups["population_count"],
            "employment": groups["employment_count"],
            "employment rate": 100 * groups["employment_16_64"] / groups["population_16_64"],
            "unemployment rate": 100 * groups["unemployment_count"] / active,
            "inactivity rate": 100 * idle / groups["population_16_64"],
        }
    )


def estimated_indicators(estimates: pd.DataFrame) -> pd.Series:
    """Estimates of the same indicators, those who do not state their country of birth spread over the groups.

    Parameters
    ----------
    estimates : DataFrame
        ``breakdown, category, age_range, measure, estimate_value`` of one quarter and weight vintage. In levels the
        persons of each group are scaled to the estimate for everybody, so that those who do not state their country
        of birth are spread in proportion; rates are as estimated.

    Raises
    ------
    MethodError
        If an estimate is missing.
    """
    value = estimates.set_index(["breakdown", "category", "age_range", "measure"])["estimate_value"]
    return _stacked({name: _by_group(value, name) for name in INDICATORS})


def compare_with_truth(
    truth: SyntheticTruth, estimates: pd.DataFrame, quarters: Sequence[str], old: str, new: str
) -> pd.DataFrame:
    """Errors of the estimates with old and with new weights.

    Parameters
    ----------
    truth : SyntheticTruth
        What is true.
    estimates : DataFrame
        Of the table est_lfs__quarterly_estimate: the columns of `estimated_indicators`, quarter and weight_vintage.
    quarters : sequence of str
        Quarters to compare.
    old, new : str
        Weight vintages, e.g. ``pwt18`` and ``pwt22``.

    Returns
    -------
    DataFrame
        ``indicator, birth_group, quarter, true_value, old_error, new_error``: persons or percentage points.
    """
    parts = []
    for quarter in quarters:
        right = true_indicators(truth, quarter)
        here = estimates[estimates["quarter"] == quarter]
        errors = {
            f"{name}_error": estimated_indicators(here[here["weight_vintage"] == vintage]) - right
            for name, vintage in {"old": old, "new": new}.items()
        }
        frame = pd.DataFrame({"true_value": right, **errors}).rename_axis(["indicator", "birth_group"]).reset_index()
        frame.insert(2, "quarter", quarter)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def summarise_errors(comparison: pd.DataFrame) -> pd.DataFrame:
    """Root mean square errors over the quarters, and their ratio, by indicator and country of birth.

    Parameters
    ----------
    comparison : DataFrame
        As from `compare_with_truth`.

    Returns
    -------
    DataFrame
        ``indicator, birth_group, old_rmse, new_rmse, ratio, mean_move``: the ratio is new over old; the move is that of
        the estimate from old to new weights, the mean of its absolute value over the quarters.
    """
    squares = comparison.assign(
        old_rmse=comparison["old_error"] ** 2,
        new_rmse=comparison["new_error"] ** 2,
        mean_move=(comparison["new_error"] - comparison["old_error"]).abs(),
    )
    keys = ["indicator", "birth_group"]
    summary = squares.groupby(keys, sort=False)[["old_rmse", "new_rmse", "mean_move"]].mean()
    summary[["old_rmse", "new_rmse"]] = np.sqrt(summary[["old_rmse", "new_rmse"]])
    summary.insert(2, "ratio", summary["new_rmse"] / summary["old_rmse"])
    return summary.reset_index()


def _stacked(columns: dict[str, pd.Series]) -> pd.Series:
    """One value for each indicator and group that is compared."""
    wanted = [(name, group) for name in INDICATORS for group in (_GROUPS if name in _BY_BIRTH else (ALL,))]
    index = pd.MultiIndex.from_tuples(wanted, names=["indicator", "birth_group"])
    known = pd.concat(columns)
    known.index.names = index.names
    # Rates of those born outside the UK together are not estimated.
    index = index[index != ("employment rate", NON_UK)]
    missing = index.difference(known.dropna().index)
    if len(missing):
        raise MethodError(f"comparison with the truth: {len(missing)} estimates are missing, e.g. {missing[0]}")
    return known.reindex(index)


def _by_group(value: pd.Series, name: str) -> pd.Series:
    measure, ages = INDICATORS[name]
    everybody = value.get(("all", "all", ages, measure), np.nan)
    if name not in _BY_BIRTH:
        return pd.Series({ALL: everybody})
    groups = pd.Series({group: value.get(("birth_group", group, ages, measure), np.nan) for group in GROUPS})
    if name in LEVELS:
        groups *= everybody / groups.sum(skipna=False)
        groups[NON_UK] = groups.drop("uk").sum(skipna=False)
    groups[ALL] = everybody
    return groups
