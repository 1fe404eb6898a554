"""Employment that is true in the synthetic UK, for judging estimates by it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.lfs_work import employment_chances
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
        ``birth_group, population_count, employment_count, population_16_64, employment_16_64``: persons, one row
        for each of uk, eu and non_eu. ``employment_count`` is of those aged 16 and over, employees, self-employed
        and others in work alike.
    """
    persons = truth.age_structure(quarter).sum(axis=(1, 2))
    by_nationality = np.minimum(employment_chances(truth, quarter).sum(axis=0), 1.0)
    nationality = np.array([margins.NATIONALITY_GIVEN_BIRTH[group] for group in GROUPS])
    working = persons * (nationality @ by_nationality)
    adults = margins.AGES >= LOWEST
    young = adults & (margins.AGES <= HIGHEST)
    return pd.DataFrame(
        {
            "birth_group": GROUPS,
            "population_count": persons.sum(axis=1),
            "employment_count": working[:, adults].sum(axis=1),
            "population_16_64": persons[:, young].sum(axis=1),
            "employment_16_64": working[:, young].sum(axis=1),
        }
    )
