"""True employment agrees with the payroll and with what persons drawn from the population do."""

import numpy as np
import pytest

from lmi_pipeline import synthetic
from lmi_pipeline.synthetic import lfs, margins
from lmi_pipeline.synthetic.lfs_work import employment_chances
from lmi_pipeline.synthetic.population import quarterly_means
from lmi_pipeline.synthetic.truth_employment import true_employment

SAMPLED = ("2016-07", "2019-10", "2020-10", "2022-10")
STANDARD_ERRORS = 3.5


@pytest.fixture(scope="module")
def true() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


@pytest.mark.parametrize("quarter", SAMPLED)
def test_population_is_that_of_the_truth(true: synthetic.SyntheticTruth, quarter: str) -> None:
    employment = true_employment(true, quarter)
    assert tuple(employment["birth_group"]) == margins.GROUPS
    np.testing.assert_allclose(employment["population_count"], true.population_of(quarter).sum(axis=1))
    structure = true.age_structure(quarter).sum(axis=(1, 2))[:, 16:65].sum(axis=1)
    np.testing.assert_allclose(employment["population_16_64"], structure)
    assert (employment["employment_16_64"] < employment["population_16_64"]).all()
    assert (employment["employment_count"] > employment["employment_16_64"]).all()


def test_employees_are_those_on_the_payroll(true: synthetic.SyntheticTruth) -> None:
    paid = quarterly_means(true.employee_array).sum(axis=1)[:, margins.QUARTERS.index("2020-10")]
    born = true.age_structure("2020-10").sum(axis=(1, 2))
    nationals = np.array([margins.NATIONALITY_GIVEN_BIRTH[group] for group in margins.GROUPS]).T @ born
    employees = (nationals * employment_chances(true, "2020-10")[0]).sum(axis=1)
    np.testing.assert_allclose(employees, paid, rtol=1e-3)


@pytest.mark.parametrize("quarter", SAMPLED)
def test_design_weighted_employment_of_the_whole_sample_is_the_truth(quarter: str) -> None:
    """Within sampling error of persons, by country of birth, for those of 16 and over and of working age."""
    uk = synthetic.truth("uk", 2010)
    rows, expected = lfs.sampled(uk, quarter), true_employment(uk, quarter).set_index("birth_group")
    working = rows["ILODEFR"] == 1
    for code, group in enumerate(margins.GROUPS):
        for ages, name in (((16, 99), "employment_count"), ((16, 64), "employment_16_64")):
            of_group = (rows["birth"] == code) & (rows["age"] >= ages[0]) & (rows["age"] <= ages[1])
            weight = rows["design"][of_group]
            rate = expected.at[group, name] / weight.sum()
            error = np.sqrt(rate * (1 - rate) * (weight**2).sum())
            assert abs(weight[working[of_group]].sum() - expected.at[group, name]) < STANDARD_ERRORS * error


@pytest.mark.parametrize("quarter", ["2019-10", "2020-10"])
def test_ages_of_the_sample_leave_no_bias_in_employment(quarter: str) -> None:
    """With everyone replaced by their chance of working nothing random is left but nationality."""
    uk = synthetic.truth("uk", 2010)
    rows, expected = lfs.sampled(uk, quarter), true_employment(uk, quarter)["employment_count"]
    by_nationality = np.minimum(employment_chances(uk, quarter).sum(axis=0), 1)
    by_birth = np.array([margins.NATIONALITY_GIVEN_BIRTH[group] for group in margins.GROUPS]) @ by_nationality
    chance = by_birth[rows["birth"], np.minimum(rows["age"], 90)]
    np.testing.assert_allclose(np.bincount(rows["birth"], rows["design"] * chance), expected, rtol=0.001)
