"""Estimates held against the truth: the truth is that of the sample's own population, and errors are what they say."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import synthetic
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.labour_indicators import ACTIVITIES
from lmi_pipeline.synthetic import lfs
from lmi_pipeline.synthetic.truth_comparison import (
    INDICATORS,
    compare_with_truth,
    estimated_indicators,
    summarise_errors,
    true_indicators,
)

QUARTER = "2019-10"
GROUPS = ("uk", "eu", "non_eu")


@pytest.fixture(scope="module")
def true() -> synthetic.SyntheticTruth:
    return synthetic.truth("small")


def _estimates(true: synthetic.SyntheticTruth, factor: float = 1.0, silent: float = 0.0) -> pd.DataFrame:
    """The truth times a factor in the table's layout, a share of each group not stating where it was born."""
    rows = []
    for (name, group), value in (true_indicators(true, QUARTER) * factor).items():
        measure, ages = INDICATORS[name]
        key = ("all", "all") if group == "all" else ("birth_group", group)
        stated = 1 - silent if group in GROUPS and measure.endswith("level") else 1.0
        rows.append((*key, ages, measure, value * stated))
    return pd.DataFrame(rows, columns=["breakdown", "category", "age_range", "measure", "estimate_value"])


def test_true_rates_are_those_of_the_whole_sample_by_its_design_weights(true):
    rows = lfs.sampled(true, QUARTER)
    weight = rows["design"]
    doing = {name: rows["ILODEFR"] == code for code, name in enumerate(ACTIVITIES, start=1)}
    young = (rows["age"] >= 16) & (rows["age"] < 65)
    found = {
        "employment rate": (weight * (doing["employed"] & young)).sum() / (weight * young).sum(),
        "unemployment rate": (weight * doing["unemployed"]).sum()
        / (weight * (doing["unemployed"] | doing["employed"])).sum(),
        "inactivity rate": (weight * (doing["inactive"] & young)).sum() / (weight * young).sum(),
    }
    right = true_indicators(true, QUARTER).xs("all", level="birth_group")
    for name, rate in found.items():
        error = np.sqrt(rate * (1 - rate) / young.sum())
        assert abs(rate - right[name] / 100) < 4 * error, name


def test_rates_of_employment_and_inactivity_leave_room_for_the_unemployed(true):
    right = true_indicators(true, QUARTER).xs("all", level="birth_group")
    seeking = 100 - right["employment rate"] - right["inactivity rate"]
    assert 0.7 < seeking / right["unemployment rate"] < 0.85


def test_those_who_do_not_state_their_country_of_birth_are_spread_in_proportion(true):
    pd.testing.assert_series_equal(
        estimated_indicators(_estimates(true, silent=0.02)), true_indicators(true, QUARTER), rtol=1e-12
    )


def test_errors_are_estimates_less_truth_and_the_ratio_is_new_over_old(true):
    tables = [
        _estimates(true, factor).assign(quarter=QUARTER, weight_vintage=name)
        for name, factor in {"old": 1.04, "new": 0.99}.items()
    ]
    comparison = compare_with_truth(true, pd.concat(tables), [QUARTER], "old", "new")
    np.testing.assert_allclose(comparison["old_error"], 0.04 * comparison["true_value"])
    summary = summarise_errors(comparison)
    np.testing.assert_allclose(summary["ratio"], 0.25)
    np.testing.assert_allclose(summary["mean_move"], 0.05 * comparison["true_value"])


def test_a_missing_estimate_is_named(true):
    estimates = _estimates(true)
    short = estimates[estimates["measure"] != "unemployment_rate"]
    with pytest.raises(MethodError, match=r"1 estimates are missing.*unemployment rate"):
        estimated_indicators(short)
