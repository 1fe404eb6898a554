"""Population projections of the synthetic UK: one as made before the pandemic, one as made after it.

Both are by region, sex and single year of age. The first lets every country-of-birth group of a region go on growing
as it did from mid-2018 to mid-2019, so it knows nothing of 2020; the second follows the truth as far as the simulation
goes. Levels and growth are those of the simulation, not of any published projection.
"""

from __future__ import annotations

import numpy as np

from lmi_pipeline.methods.control_cells import quarter_position, years_around
from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.margins import GROUPS, QUARTERS
from lmi_pipeline.synthetic.population import SyntheticTruth

BASE_YEAR, GROWTH_YEAR = 2018, 2019
LAST_TRUE_YEAR = int(QUARTERS[-1][:4])
_MID_YEAR = 0.5


def true_mid_year(truth: SyntheticTruth, year: int) -> np.ndarray:
    """Persons at mid-year by country-of-birth group and region."""
    return (truth.population_of(f"{year}-04") + truth.population_of(f"{year}-07")) / 2


def by_sex_and_age(population: np.ndarray) -> np.ndarray:
    """Persons by region, sex (male, female) and single year of age, from persons by birth group and region."""
    profiles = np.stack([margins.age_sex_profile(group) for group in GROUPS])
    return np.tensordot(population.T, profiles, axes=1)


def before_the_pandemic(truth: SyntheticTruth, year: int) -> np.ndarray:
    """Persons by region, sex and age at mid-``year``, projected from mid-2018."""
    base = true_mid_year(truth, BASE_YEAR)
    growth = true_mid_year(truth, GROWTH_YEAR) / base
    return by_sex_and_age(base * growth ** (year - BASE_YEAR))


def after_the_pandemic(truth: SyntheticTruth, year: int) -> np.ndarray:
    """Persons by region, sex and age at mid-``year``: the truth, then its latest growth on the year."""
    known = true_mid_year(truth, min(year, LAST_TRUE_YEAR))
    growth = truth.population_array[:, :, -1] / truth.population_array[:, :, -5]
    return by_sex_and_age(known * growth ** max(year - LAST_TRUE_YEAR, 0))


def expected_before_the_pandemic(truth: SyntheticTruth, quarter: str) -> np.ndarray:
    """Persons by region, sex and age in the middle of a quarter, straight between two projected mid-years."""
    first, second = (before_the_pandemic(truth, year) for year in years_around(quarter))
    share = quarter_position(quarter) - _MID_YEAR - years_around(quarter)[0]
    return (1 - share) * first + share * second
