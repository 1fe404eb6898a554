"""Revised weights bring the estimates of 2020 closer to the truth of the synthetic UK than the old weights.

The synthetic population reacts to employees much as the estimator assumes, and the survey loses those born abroad when
the pandemic begins: the test shows that the whole chain, from files to estimates, repairs what it is made to repair,
not that the pandemic was like this.
"""

import pandas as pd
import pytest

from lmi_pipeline import synthetic
from lmi_pipeline.synthetic.truth_comparison import compare_with_truth, summarise_errors

pytestmark = pytest.mark.xdist_group("built")

QUARTERS = ["2020-01", "2020-04", "2020-07", "2020-10"]
BEFORE = "2020-01"
OLD = "pwt18"
REPAIRED = [
    ("population", "all"),
    ("population", "uk"),
    ("population", "eu"),
    ("population", "non_eu"),
    ("employment", "uk"),
    ("employment", "eu"),
    ("employment", "non_eu"),
    ("employment", "non_uk"),
]
RATES = ["employment rate", "unemployment rate", "inactivity rate"]
LARGEST_MOVE_OF_A_RATE = 0.5
SMALLEST_MOVE_OF_A_GROUP = 0.05


@pytest.fixture(params=["pwt20", "pwt22"])
def comparison(request, built) -> pd.DataFrame:
    estimates = built.lake.read("est_lfs__quarterly_estimate", where={"weight_vintage": [OLD, request.param]})
    return compare_with_truth(synthetic.truth("small"), estimates, QUARTERS, OLD, request.param)


def test_population_and_employment_by_country_of_birth_are_closer_to_the_truth(comparison):
    summary = summarise_errors(comparison).set_index(["indicator", "birth_group"])
    print(f"\n{summary.round(3).to_string()}")
    assert (summary.loc[REPAIRED, "ratio"] < 1).all()


def test_those_born_abroad_are_closer_to_the_truth_in_every_quarter(comparison):
    levels = comparison[comparison["indicator"].isin(["population", "employment"])]
    abroad = levels[levels["birth_group"].isin(["eu", "non_eu", "non_uk"])]
    assert len(abroad) == 2 * 3 * len(QUARTERS)
    assert (abroad["new_error"].abs() < abroad["old_error"].abs()).all()


def test_rates_move_little_where_levels_move_much(comparison):
    move = (comparison["new_error"] - comparison["old_error"]).abs()
    of_everybody = comparison["indicator"].isin(RATES) & (comparison["birth_group"] == "all")
    abroad = (comparison["indicator"] == "employment") & (comparison["birth_group"] == "non_uk")
    abroad &= comparison["quarter"] > BEFORE
    assert move[of_everybody].max() < LARGEST_MOVE_OF_A_RATE
    assert (move / comparison["true_value"])[abroad].min() > SMALLEST_MOVE_OF_A_GROUP
