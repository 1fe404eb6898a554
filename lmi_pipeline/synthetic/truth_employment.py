"""Employment that is true in the synthetic UK, for judging estimates by it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.lfs_work import employment_chances, unemployment_chances
from lmi_pipeline.synthetic.margins import GROUPS
from lmi_pipeline.synthetic.population import SyntheticTruth

LOWEST, HIGHEST = 16, 64


def true_employment(truth: SyntheticTruth, quarter: str) -> pd.DataFrame:
    """Expected employment by country of birth, from the chances the persons of the survey are drawn with.

    Parameters
    ----------
    truth : SyntheticTruth
        The population.
    quarter : str
        ``2020-01`` is January to March 2020.

    Returns
    -------
    DataFrame
        ``birth_group, population_count, employment_count, unemployment_count, population_16_64, employment_16_64,
        unemployment_16_64``: persons, one row for each of uk, eu and non_eu. The counts without ages are of those
        aged 16 and over, but the population of all; employees, self-employed and others in work are employed.
    """
    persons = truth.age_structure(quarter).sum(axis=(1, 2))
    by_nationality = np.minimum(employment_chances(truth, quarter).sum(axis=0), 1.0)
    seeking_by_nationality = np.minimum(unemployment_chances(quarter, margins.AGES), 1.0 - by_nationality)
    nationality = np.array([margins.NATIONALITY_GIVEN_BIRTH[group] for group in GROUPS])
    working = persons * (nationality @ by_nationality)
    seeking = persons * (nationality @ seeking_by_nationality)
    adults = margins.AGES >= LOWEST
    young = adults & (margins.AGES <= HIGHEST)
    return pd.DataFrame(
        {
            "birth_group": GROUPS,
            "population_count": persons.sum(axis=1),
            "employment_count": working[:, adults].sum(axis=1),
            "unemployment_count": seeking[:, adults].sum(axis=1),
            "population_16_64": persons[:, young].sum(axis=1),
            "employment_16_64": working[:, young].sum(axis=1),
            "unemployment_16_64": seeking[:, young].sum(axis=1),
        }
    )
