"""Levels, rates and changes: by hand, against the functions for one variable, and exact identities."""

import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.labour_estimates import LabourEstimates, estimate_changes, estimate_labour_market
from lmi_pipeline.methods.labour_indicators import ACTIVITIES, KEY, indicator_plan
from lmi_pipeline.methods.regression_residuals import ResidualMaker
from lmi_pipeline.methods.variance import estimate_ratios, estimate_totals

REGIONS = [f"E1200000{i}" for i in range(1, 10)] + ["W92000004", "S92000003", "N92000002"]


def survey(n: int, seed: int = 0, first_household: int = 0) -> pd.DataFrame:
    """People of households of three; a region is that of the household."""
    rng = np.random.default_rng(seed)
    household = first_household + np.arange(n) // 3
    age = rng.integers(0, 90, n)
    activity = rng.choice(ACTIVITIES, n, p=[0.6, 0.1, 0.3])
    working = (activity == "employed") & (age >= 16)
    return pd.DataFrame(
        {
            "household_id": household,
            "age_years": age,
            "sex": rng.choice(["male", "female"], n),
            "region_gss": np.array(REGIONS)[household % len(REGIONS)],
            "birth_group": rng.choice(["uk", "eu", "non_eu", "not_stated"], n, p=[0.8, 0.08, 0.11, 0.01]),
            "nationality_group": rng.choice(["uk", "eu", "non_eu"], n, p=[0.9, 0.05, 0.05]),
            "economic_activity": np.where(age < 16, "under_16", activity),
            "soc2010_code": np.where(working, rng.choice(["1115", "2231", "9272"], n), None),
            "sic2007_section": np.where(working, rng.choice(["A", "C", "Q"], n), None),
        }
    )


def estimate(
    persons: pd.DataFrame, weights: np.ndarray, maker: ResidualMaker | None = None, **named
) -> LabourEstimates:
    return estimate_labour_market(
        persons,
        weights,
        residual_of=maker.residuals if maker else lambda y: y,
        clusters=persons["household_id"].to_numpy(),
        strata=persons["region_gss"].to_numpy(),
        **named,
    )


def by_region_and_sex(persons: pd.DataFrame) -> sp.csr_array:
    dummies = [pd.get_dummies(persons[column], dtype=float).to_numpy() for column in ("region_gss", "sex")]
    return sp.csr_array(np.hstack(dummies))


def row(estimates: LabourEstimates, *key: str) -> pd.Series:
    return estimates.frame.set_index(list(KEY)).loc[key]


@pytest.fixture(scope="module")
def calibrated() -> tuple[pd.DataFrame, np.ndarray, ResidualMaker, LabourEstimates]:
    persons = survey(3000)
    weights = np.random.default_rng(9).uniform(100, 900, len(persons))
    maker = ResidualMaker.prepare(weights, by_region_and_sex(persons))
    return persons, weights, maker, estimate(persons, weights, maker)


def five_people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "household_id": ["a", "a", "b", "c", "c"],
            "age_years": [30, 10, 70, 64, 16],
            "sex": ["male", "female", "female", "male", "female"],
            "region_gss": "E12000001",
            "birth_group": "uk",
            "nationality_group": "uk",
            "economic_activity": ["employed", "under_16", "inactive", "unemployed", "employed"],
            "soc2010_code": ["2231", None, None, None, "9272"],
            "sic2007_section": ["Q", None, None, None, None],
        }
    )


WEIGHTS = np.array([100.0, 200.0, 300.0, 400.0, 500.0])


@pytest.mark.parametrize(
    ("key", "value", "respondents"),
    [
        (("all", "all", "all", "population_level"), 1500, 5),
        (("all", "all", "16+", "population_level"), 1300, 4),
        (("all", "all", "16+", "employment_level"), 600, 2),
        (("all", "all", "16+", "employment_rate"), 600 / 13, 4),
        (("all", "all", "16-64", "employment_rate"), 60, 3),
        (("all", "all", "16-64", "inactivity_level"), 0, 0),
        (("all", "all", "16+", "unemployment_rate"), 40, 3),
        (("all", "all", "16+", "inactivity_rate"), 300 / 13, 4),
        (("sex", "female", "16+", "employment_rate"), 62.5, 2),
        (("sex", "female", "all", "population_level"), 1000, 3),
        (("age_band", "16-19", "16-64", "employment_level"), 500, 1),
        (("age_band", "60-64", "16+", "unemployment_rate"), 100, 1),
        (("age_band", "70-74", "16+", "inactivity_level"), 300, 1),
        (("occupation_major", "2", "16+", "employment_level"), 100, 1),
        (("occupation_major", "9", "16-64", "employment_level"), 500, 1),
        (("industry_section", "Q", "16+", "employment_level"), 100, 1),
    ],
)
def test_values_by_hand(key: tuple[str, ...], value: float, respondents: int) -> None:
    found = row(estimate(five_people(), WEIGHTS), *key)
    assert found["estimate_value"] == pytest.approx(value)
    assert found["respondent_count"] == respondents


def test_standard_error_by_hand() -> None:
    """Employed by household: 100, 0 and 500; three clusters in one stratum."""
    found = row(estimate(five_people(), WEIGHTS), "all", "all", "16+", "employment_level")
    expected = np.sqrt(3 / 2 * (100**2 + 200**2 + 300**2))
    assert found["standard_error"] == pytest.approx(expected)
    assert found["upper_bound"] == pytest.approx(600 + 1.959964 * expected)
    assert found["lower_bound"] == pytest.approx(600 - 1.959964 * expected)


def test_a_rate_without_a_denominator_is_left_out() -> None:
    frame = estimate(five_people(), WEIGHTS).frame
    retired = frame[(frame["breakdown"] == "age_band") & (frame["category"] == "70-74")]
    assert set(retired["age_range"]) == {"16+"}
    assert "unemployment_rate" not in set(retired["measure"])
    assert "inactivity_rate" in set(retired["measure"])


def test_levels_are_those_of_one_variable_at_a_time(calibrated) -> None:
    persons, weights, maker, estimates = calibrated
    adult = persons["age_years"] >= 16
    y = (adult & (persons["birth_group"] == "eu") & (persons["economic_activity"] == "employed")).to_numpy(dtype=float)
    expected = estimate_totals(
        y[:, None], weights, maker, persons["household_id"].to_numpy(), persons["region_gss"].to_numpy()
    )
    found = row(estimates, "birth_group", "eu", "16+", "employment_level")
    assert found["estimate_value"] == pytest.approx(expected.value[0], rel=1e-12)
    assert found["standard_error"] == pytest.approx(expected.standard_error[0], rel=1e-9)
    assert found["lower_bound"] == pytest.approx(expected.lower[0], rel=1e-9)


@pytest.mark.parametrize(
    ("measure", "over", "under"),
    [
        ("employment_rate", ["employed"], ACTIVITIES),
        ("unemployment_rate", ["unemployed"], ["employed", "unemployed"]),
        ("inactivity_rate", ["inactive"], ACTIVITIES),
    ],
)
def test_rates_are_ratios_of_totals(calibrated, measure: str, over: list[str], under: list[str]) -> None:
    persons, weights, maker, estimates = calibrated
    inside = persons["age_years"].between(16, 64) & (persons["region_gss"] == "E12000007")
    y, x = (
        (inside & persons["economic_activity"].isin(codes)).to_numpy(dtype=float)[:, None] for codes in (over, under)
    )
    expected = estimate_ratios(
        y, x, weights, maker, persons["household_id"].to_numpy(), persons["region_gss"].to_numpy()
    )
    found = row(estimates, "region", "E12000007", "16-64", measure)
    assert found["estimate_value"] == pytest.approx(100 * expected.value[0], rel=1e-12)
    assert found["standard_error"] == pytest.approx(100 * expected.standard_error[0], rel=1e-9)


def test_activities_sum_to_the_population_and_categories_to_all(calibrated) -> None:
    frame = calibrated[-1].frame
    wide = frame.pivot_table(index=list(KEY[:3]), columns="measure", values="estimate_value").dropna()
    activities = wide[["employment_level", "unemployment_level", "inactivity_level"]].sum(axis=1)
    np.testing.assert_allclose(activities, wide["population_level"], rtol=1e-12)
    np.testing.assert_allclose(wide["employment_rate"] + wide["inactivity_rate"] <= 100 + 1e-9, True)
    levels = frame[frame["measure"].str.endswith("level") & (frame["age_range"] != "all")]
    sums = levels.groupby(["age_range", "measure", "breakdown"])["estimate_value"].sum().unstack()
    for breakdown in ("sex", "age_band", "region", "birth_group", "nationality_group"):
        np.testing.assert_allclose(sums[breakdown], sums["all"], rtol=1e-12)
    employed = sums.xs("employment_level", level="measure")
    np.testing.assert_allclose(employed["industry_section"], employed["all"], rtol=1e-12)


def test_there_is_one_row_for_each_category_range_and_measure(calibrated) -> None:
    frame = calibrated[-1].frame
    assert not frame.duplicated(list(KEY)).any()
    adult_groups = 1 + 2 + 13 + 12 + 4 + 3
    younger_groups = adult_groups - 3
    all_ages = 1 + 2 + 12 + 4
    assert len(frame) == 7 * (adult_groups + younger_groups) + 2 * (3 + 3) + all_ages


def test_a_calibrated_control_has_no_error(calibrated) -> None:
    estimates = calibrated[-1]
    for key in (("all", "all"), ("sex", "male"), ("region", "E12000007")):
        found = row(estimates, *key, "all", "population_level")
        assert found["standard_error"] < 1e-9 * found["estimate_value"]
    assert row(estimates, "all", "all", "16+", "population_level")["standard_error"] > 0


def test_complementary_rates_have_one_error(calibrated) -> None:
    estimates = calibrated[-1]
    everybody = estimate(
        calibrated[0].assign(economic_activity=lambda p: p["economic_activity"].replace("unemployed", "inactive")),
        calibrated[1],
        calibrated[2],
    )
    rates = [row(everybody, "all", "all", "16+", measure) for measure in ("employment_rate", "inactivity_rate")]
    assert rates[0]["estimate_value"] + rates[1]["estimate_value"] == pytest.approx(100)
    assert rates[0]["standard_error"] == pytest.approx(rates[1]["standard_error"])
    assert row(estimates, "all", "all", "16+", "employment_rate")["standard_error"] == pytest.approx(
        rates[0]["standard_error"]
    )


def test_a_change_between_identical_samples_has_no_error(calibrated) -> None:
    estimates = calibrated[-1]
    changes = estimate_changes(estimates, estimates)
    assert len(changes) == (1 + 2 + 4) * (7 * 2 + 1)
    assert set(changes["breakdown"]) == {"all", "sex", "birth_group"}
    np.testing.assert_allclose(changes["change"], 0)
    # A difference of equal variances: its rounding is that of the square root.
    assert (changes["standard_error"] <= 1e-6 * changes["standard_error"].max() + 1e-6).all()


def test_changes_of_separate_samples_add_their_variances() -> None:
    first, second = survey(900, 1), survey(900, 2, first_household=1000)
    weights = np.full(900, 500.0)
    before, now = estimate(first, weights), estimate(second, weights)
    changes = estimate_changes(now, before).set_index(list(KEY))
    key = ("sex", "male", "16+", "unemployment_rate")
    assert changes.loc[key, "change"] == pytest.approx(
        row(now, *key)["estimate_value"] - row(before, *key)["estimate_value"]
    )
    apart = np.hypot(row(now, *key)["standard_error"], row(before, *key)["standard_error"])
    assert changes.loc[key, "standard_error"] == pytest.approx(apart)


def test_overlap_lowers_the_error_of_a_change() -> None:
    first = survey(3000, 1)
    second = pd.concat([first.iloc[600:], survey(600, 3, first_household=5000)], ignore_index=True)
    weights = np.full(3000, 500.0)
    before, now = estimate(first, weights), estimate(second, weights)
    changes = estimate_changes(now, before).set_index(list(KEY))
    key = ("all", "all", "16+", "employment_rate")
    apart = np.hypot(row(now, *key)["standard_error"], row(before, *key)["standard_error"])
    assert changes.loc[key, "standard_error"] < 0.6 * apart


def test_a_category_in_one_quarter_only_has_no_change() -> None:
    persons = survey(900, 1)
    stated = persons[persons["birth_group"] != "not_stated"].reset_index(drop=True)
    before, now = (estimate(p, np.full(len(p), 500.0)) for p in (persons, stated))
    assert "not_stated" not in set(estimate_changes(now, before)["category"])


def test_standard_errors_are_those_of_repeated_samples() -> None:
    """Households drawn with replacement from a population: the spread of the estimates is the standard error."""
    population = survey(6000, 4).assign(region_gss="E12000001")
    members = np.arange(6000).reshape(-1, 3)
    rng = np.random.default_rng(5)
    keys = [("all", "all", "16+", "employment_level"), ("all", "all", "16+", "unemployment_rate")]
    values, errors = [], []
    for _ in range(200):
        drawn = rng.integers(0, len(members), 150)
        sample = population.iloc[members[drawn].ravel()].reset_index(drop=True)
        sample["household_id"] = np.repeat(np.arange(150), 3)
        found = estimate(sample, np.full(450, len(members) / 150), breakdowns={})
        values.append([row(found, *key)["estimate_value"] for key in keys])
        errors.append([row(found, *key)["standard_error"] for key in keys])
    np.testing.assert_allclose(np.mean(errors, axis=0), np.std(values, axis=0), rtol=0.15)


def test_other_column_names_and_breakdowns() -> None:
    persons = five_people().rename(columns={"age_years": "years", "economic_activity": "doing"})
    found = estimate(persons, WEIGHTS, breakdowns={"sex": "sex"}, age="years", activity="doing")
    assert set(found.frame["breakdown"]) == {"all", "sex"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"economic_activity": ["employed", "under_16", None, "unemployed", "employed"]}, "1 of 4 persons aged 16"),
        ({"economic_activity": "under_16"}, "4 of 4 persons aged 16"),
        ({"age_years": [30, None, 70, 64, 16]}, "1 of 5 ages"),
        ({"age_years": [30, -9, 70, 64, 16]}, "1 of 5 ages"),
    ],
)
def test_impossible_persons_are_counted_not_shown(change: dict[str, object], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        indicator_plan(five_people().assign(**change))


def test_degenerate_input() -> None:
    persons = five_people()
    with pytest.raises(MethodError, match="there are no persons"):
        indicator_plan(persons.iloc[:0])
    with pytest.raises(MethodError, match="no column sex"):
        indicator_plan(persons.drop(columns="sex"))
    with pytest.raises(MethodError, match="shape"):
        estimate(persons, WEIGHTS[:4])
    with pytest.raises(MethodError, match="1 of 5 weights"):
        estimate(persons, np.array([1.0, 2.0, np.nan, 4.0, 5.0]))
    with pytest.raises(MethodError, match="confidence level"):
        estimate(persons, WEIGHTS, level=95)


def test_a_quarter_of_the_survey_is_quick_and_small() -> None:
    persons = survey(85_000)
    weights = np.random.default_rng(1).uniform(100, 1500, len(persons))
    maker = ResidualMaker.prepare(weights, by_region_and_sex(persons))
    began = time.perf_counter()
    found = estimate(persons, weights, maker)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    estimate(persons, weights, maker)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{len(found.frame)} estimates, {seconds:.2f} s, {peak / 1e6:.0f} MB")
    assert seconds < 10
    assert peak < 500e6
