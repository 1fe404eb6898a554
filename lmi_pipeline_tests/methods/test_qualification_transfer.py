"""Qualification from a survey: its effects are found, and the means of occupations stay as they are."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes
from lmi_pipeline.methods.qualification_transfer import QualificationTransfer, transfer_qualification
from lmi_pipeline_tests.methods.pay_sample import DEFLATOR, draw, small_grid

SPLIT = {
    "degree": {"1": 0.1, "2": 0.3, "3": 0.6},
    "higher_education": {"4": 0.5, "5": 0.5},
    "a_level": {"6": 1.0},
    "gcse": {"7": 1.0},
    "other": {"8": 1.0},
    "none": {"9": 1.0},
}
GROUPS = tuple(SPLIT)
TRUTH = np.array([0.25, 0.1, 0.0, -0.06, -0.1, -0.2]) * np.linspace(1.5, 0.5, 9)[:, None]
MIX = np.array([0.3, 0.1, 0.2, 0.2, 0.1, 0.1])


def _persons(rows: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    persons = draw(seed, rows).jobs.drop(columns="cluster")
    group = rng.choice(6, rows, p=MIX)
    major = persons["occupation"].str[0].astype(int).to_numpy() - 1
    return persons.assign(qualification=np.array(GROUPS)[group], y=persons["y"] * np.exp(TRUTH[major, group]))


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    return _persons(8000)


@pytest.fixture(scope="module")
def found(persons: pd.DataFrame) -> QualificationTransfer:
    return transfer_qualification(persons, codes=small_grid(), year=2020, deflator=DEFLATOR, split=SPLIT)


def test_effects_are_near_the_truth_and_shrinking_brings_them_nearer(found: QualificationTransfer) -> None:
    jobs = found.terms["row_count"].to_numpy().reshape(9, 6)
    truth = TRUTH - (jobs * TRUTH).sum(axis=1, keepdims=True) / jobs.sum(axis=1, keepdims=True)
    own = found.terms["coefficient"].to_numpy().reshape(9, 6)
    own = own - (jobs * own).sum(axis=1, keepdims=True) / jobs.sum(axis=1, keepdims=True)
    shrunken_error, own_error = (np.sqrt(np.mean((table - truth) ** 2)) for table in (found.effects, own))
    assert shrunken_error < 0.05
    assert shrunken_error < own_error


def test_contrasts_agree_with_dense_least_squares(persons: pd.DataFrame) -> None:
    few = persons[persons["occupation"].str[0].isin(["1", "5"])]
    parts = [
        few["occupation"] + few["sex"],
        few["occupation"] + few["year"].astype(str),
        few["region_gss"],
        few["industry_75"] + few["year"].astype(str),
        few["occupation"].str[0] + " | " + few["qualification"],
    ]
    x = pd.concat([pd.get_dummies(part, dtype=float) for part in parts], axis=1)
    x = x.assign(age=few["age_years"], squared=few["age_years"] ** 2)
    logs = np.log(few["y"] * few["year"].map(DEFLATOR))
    root = np.sqrt(few["weight"].to_numpy())
    dense = pd.Series(np.linalg.lstsq(x.to_numpy() * root[:, None], logs.to_numpy() * root)[0], index=x.columns)
    found = transfer_qualification(few, codes=small_grid(), year=2020, deflator=DEFLATOR, split=SPLIT)
    ours = found.terms.set_index("level")["coefficient"]
    for major in "15":
        contrast = dense[f"{major} | degree"] - dense[f"{major} | gcse"]
        assert ours[f"{major} | degree"] - ours[f"{major} | gcse"] == pytest.approx(contrast, rel=1e-6)


def test_factors_average_to_one_over_the_jobs_of_every_occupation(found: QualificationTransfer) -> None:
    np.testing.assert_allclose(found.shares.sum(axis=1), 1, rtol=1e-12)
    one_of_each = found.factors[:, [0, 3, 5, 6, 7, 8]]
    np.testing.assert_allclose((found.shares * one_of_each).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(found.factors[:, 0], found.factors[:, 2])
    np.testing.assert_array_equal(found.factors[:, 3], found.factors[:, 4])
    assert (found.factors[:, 0] > found.factors[:, 8]).all()


def test_shares_of_thin_occupations_are_nearer_the_truth_than_their_own(
    persons: pd.DataFrame, found: QualificationTransfer
) -> None:
    rows = persons["occupation"].value_counts()
    own = pd.crosstab(persons["occupation"], persons["qualification"], normalize="index")[list(GROUPS)]
    place = pd.Index(small_grid().occupations).get_indexer(own.index)
    thin = (rows.reindex(own.index) < 10).to_numpy()
    errors = [np.abs(table[thin] - MIX).mean() for table in (found.shares[place], own.to_numpy())]
    assert thin.sum() > 10
    assert errors[0] < 0.5 * errors[1]


def test_given_jobs_are_what_factors_average_to_one_over(persons: pd.DataFrame) -> None:
    jobs = np.random.default_rng(1).uniform(0, 500, (144, 9))
    found = transfer_qualification(persons, codes=small_grid(), year=2020, deflator=DEFLATOR, split=SPLIT, shares=jobs)
    np.testing.assert_allclose((jobs * found.factors).sum(axis=1), jobs.sum(axis=1), rtol=1e-12)


def test_a_qualification_unseen_in_a_major_group_has_a_factor(persons: pd.DataFrame) -> None:
    unseen = persons["occupation"].str.startswith("9") & persons["qualification"].eq("degree")
    found = transfer_qualification(persons[~unseen], codes=small_grid(), year=2020, deflator=DEFLATOR, split=SPLIT)
    assert np.isfinite(found.factors).all()
    assert found.effects[8, 0] == pytest.approx(TRUTH[:, 0].mean(), abs=0.06)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (np.ones((3, 9)), "shares of shape"),
        (-np.ones((144, 9)), "1296 shares are negative or not finite and 144 occupations have none"),
    ],
)
def test_impossible_shares_are_named(persons: pd.DataFrame, shares: np.ndarray, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        transfer_qualification(persons, codes=small_grid(), year=2020, deflator=DEFLATOR, split=SPLIT, shares=shares)


def test_unknown_qualifications_are_named(persons: pd.DataFrame) -> None:
    with pytest.raises(MethodError, match="40 of 40 rows have no qualification of degree"):
        transfer_qualification(
            persons.iloc[:40].assign(qualification="phd"), codes=small_grid(), year=2020, deflator=DEFLATOR, split=SPLIT
        )
    grid = small_grid()
    other = GridCodes(grid.occupations, grid.regions, grid.sexes, ("1", "10"), grid.industries)
    with pytest.raises(MethodError, match="levels 10 of the grid belong to no group"):
        transfer_qualification(persons, codes=other, year=2020, deflator=DEFLATOR, split=SPLIT)
