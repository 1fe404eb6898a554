"""Age ratios: they average to one, agree with statsmodels, follow a known profile, and fall back in order."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.age_ratios import GROUPS, QUALIFICATION_GROUP, AgeRatios, estimate_age_ratios

ROWS = 30_000
PROFILE = {"high": (0.09, -0.0009), "medium": (0.05, -0.0005), "low": (0.02, -0.0002)}


def _jobs(seed: int = 1, profile: dict[str, tuple[float, float]] = PROFILE) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    qualification = rng.choice(list(QUALIFICATION_GROUP), ROWS)
    age = rng.integers(16, 71, ROWS)
    slope = np.array([profile[QUALIFICATION_GROUP[code]] for code in qualification])
    occupation = rng.choice([f"{major}11{unit}" for major in range(1, 10) for unit in (1, 2)], ROWS)
    level = 6 - 0.1 * occupation.astype("U1").astype(int)
    return pd.DataFrame(
        {
            "occupation": occupation,
            "sex": rng.choice(["male", "female"], ROWS),
            "working_pattern": rng.choice(["full_time", "part_time"], ROWS),
            "qualification": qualification,
            "age_years": age,
            "y": np.exp(level + slope[:, 0] * age + slope[:, 1] * age**2 + rng.normal(0, 0.3, ROWS)),
            "weight": rng.uniform(50, 150, ROWS),
        }
    )


@pytest.fixture(scope="module")
def jobs() -> pd.DataFrame:
    return _jobs()


@pytest.fixture(scope="module")
def ratios(jobs: pd.DataFrame) -> AgeRatios:
    return estimate_age_ratios(jobs)


def test_every_group_and_age_is_there_and_averages_to_one(ratios: AgeRatios) -> None:
    frame = ratios.frame
    assert len(frame) == 360 * 46
    assert not frame.duplicated([*GROUPS, "age_years"]).any()
    sums = frame.assign(mean=frame["age_ratio"] * frame["job_share"]).groupby(list(GROUPS))[["mean", "job_share"]].sum()
    np.testing.assert_allclose(sums, 1.0, rtol=1e-14)
    assert (frame["age_ratio"] > 0).all()


def test_shares_are_those_of_the_weighted_jobs(jobs: pd.DataFrame, ratios: AgeRatios) -> None:
    inside = jobs[jobs["age_years"].between(20, 65) & (jobs["sex"] == "female")]
    expected = inside.groupby("age_years")["weight"].sum() / inside["weight"].sum()
    found = ratios.frame[
        (ratios.frame["occupation_group"] == "all")
        & (ratios.frame["sex"] == "female")
        & (ratios.frame["working_pattern"] == "all")
        & (ratios.frame["qualification_group"] == "all")
    ]
    np.testing.assert_allclose(found["job_share"], expected, rtol=1e-12)


def test_known_profiles_are_found(ratios: AgeRatios) -> None:
    ages = np.arange(20, 66)
    for code, (slope, curve) in PROFILE.items():
        groups = pd.DataFrame([("all", "all", "all", code)] * len(ages), columns=list(GROUPS))
        found, clamped = ratios.at(groups, ages.astype(float))
        truth = np.exp(slope * ages + curve * ages**2)
        np.testing.assert_allclose(found / found[20], truth / truth[20], rtol=0.025)
        assert not clamped.any()


def test_coefficients_agree_with_statsmodels(jobs: pd.DataFrame) -> None:
    found = estimate_age_ratios(jobs, prior_rows=0.0).coefficients
    group = found[(found["occupation_group"] == "3") & (found[["sex", "working_pattern"]] == "all").all(axis=1)]
    group = group[group["qualification_group"] == "high"].iloc[0]
    rows = jobs[jobs["occupation"].str.startswith("3") & jobs["age_years"].between(20, 65)]
    rows = rows[rows["qualification"].isin(["degree", "higher_education"])]
    cell = rows["occupation"] + rows["sex"] + rows["working_pattern"]
    x = pd.get_dummies(cell, dtype=float).assign(age=rows["age_years"], squared=rows["age_years"] ** 2)
    fit = sm.WLS(np.log(rows["y"]), x, weights=rows["weight"]).fit()
    assert group["row_count"] == len(rows)
    np.testing.assert_allclose(group[["age", "age_squared"]].astype(float), fit.params[["age", "squared"]], rtol=1e-7)


def test_thin_groups_fall_back_qualification_first_then_pattern_sex_and_occupation(jobs: pd.DataFrame) -> None:
    rare = jobs["occupation"].str.startswith("9") & (jobs["sex"] == "male")
    few = rare & (jobs["working_pattern"] == "part_time") & (jobs["qualification"] != "gcse")
    dropped = rare & (jobs["working_pattern"] == "full_time") & (jobs["qualification"] == "none")
    thinned = jobs[~few & ~dropped & ~jobs["occupation"].str.startswith("8")]
    found = estimate_age_ratios(thinned).coefficients.set_index(list(GROUPS))["borrowed_from"]
    assert found[("9", "male", "full_time", "low")] == "9 | male | full_time | all"
    assert found[("9", "male", "part_time", "high")] == "9 | male | part_time | all"
    assert found[("8", "male", "full_time", "low")] == "all | all | all | all"
    assert pd.isna(found[("9", "male", "full_time", "high")])
    only = thinned[~(rare[thinned.index] & (thinned["working_pattern"] == "part_time"))]
    found = estimate_age_ratios(only).coefficients.set_index(list(GROUPS))["borrowed_from"]
    assert found[("9", "male", "part_time", "high")] == "9 | male | all | all"


def test_small_groups_of_one_profile_are_nearer_to_it_when_pulled() -> None:
    slope, curve = PROFILE["medium"]
    few = _jobs(3, dict.fromkeys(PROFILE, (slope, curve))).iloc[:4000]
    found = [estimate_age_ratios(few, prior_rows=rows, minimum_rows=10).coefficients for rows in (0.0, 100.0)]
    small = found[0]["row_count"].between(10, 60)
    errors = [(frame["age"] + 84 * frame["age_squared"] - slope - 84 * curve)[small].abs().mean() for frame in found]
    assert small.sum() > 50
    assert errors[1] < 0.7 * errors[0]


def test_ages_outside_are_clamped_and_flagged(ratios: AgeRatios) -> None:
    groups = pd.DataFrame([("2", "male", "full_time", "high")] * 4, columns=list(GROUPS))
    found, clamped = ratios.at(groups, np.array([18.0, 20.0, 65.0, 69.0]))
    assert clamped.tolist() == [True, False, False, True]
    assert found[0] == found[1]
    assert found[2] == found[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": 0.0}, "values of weight are not positive"),
        ({"y": np.nan}, "values of y are missing"),
        ({"qualification": "phd"}, "have no qualification_group"),
        ({"sex": "unknown"}, "have no sex"),
    ],
)
def test_bad_rows_are_named(jobs: pd.DataFrame, change: dict[str, object], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        estimate_age_ratios(jobs.iloc[:500].assign(**change))


def test_too_few_rows_and_unknown_groups_are_named(jobs: pd.DataFrame, ratios: AgeRatios) -> None:
    with pytest.raises(MethodError, match="at least 100 are needed"):
        estimate_age_ratios(jobs.iloc[:60])
    with pytest.raises(MethodError, match="1 of 1 rows are of a group that there is not"):
        ratios.at(pd.DataFrame([("0", "male", "all", "all")], columns=list(GROUPS)), np.array([30.0]))
