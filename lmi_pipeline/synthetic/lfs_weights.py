"""Response to the survey and the weights issued with its files."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lmi_pipeline.synthetic.lfs_people import WAVES, Intake, intake_quarter
from lmi_pipeline.synthetic.margins import BASE_QUARTER, GROUPS, QUARTERS, REGIONS
from lmi_pipeline.synthetic.population import SyntheticTruth, quarter_index
from lmi_pipeline.synthetic.projections import by_sex_and_age, expected_before_the_pandemic
from lmi_pipeline.synthetic.rti import NATIONALITY_RELEASES, released_employees

COARSE_AGES = np.array([16, 25, 35, 45, 55, 65])
CONTROL_AGES = np.array([16, 25, 35, 50, 65])
# Ages between which the chance of being in work changes most, so that design weights stand for true employment too.
NARROW_AGES = np.array([16, 17, 18, 20, 22, 25, 27, 30, 35, 40, 45, 50, 55, 58, 61, 63, 65, 67, 70, 73, 77, 80, 85])
# Growth estimator behind the country-of-birth controls of each weight: RTI release it began with and lag in months.
BIRTH_CONTROLS = {20: ("2021-03", 1), 22: ("2022-06", 0), 23: ("2024-02", 0)}
FIRST_PROJECTED_QUARTER = "2020-01"
_STEPS = 25


def responds(people: Intake, wave: int, quarter: str) -> np.ndarray:
    """Whether each person's household answers in its ``wave``; a household once lost does not return."""
    foreign = people.household_group > 0
    renting = people.tenure >= 4
    answered = people.household_luck[:, 0] < _first_contact(people.number, foreign, renting)
    at = quarter_index(quarter)
    for later in range(2, wave + 1):
        answered &= people.household_luck[:, later - 1] < _retention(at - (wave - later), foreign)
    return answered


def _first_contact(number: int, foreign: np.ndarray, renting: np.ndarray) -> np.ndarray:
    """Chance that the first contact succeeds.

    It falls for tenants and for households from abroad when interviewers no longer call at the door. Before 2020 the
    differences are small: the method takes the stocks of 2019 by country of birth as sound (ONS 2021, section 3), and
    here they are, within 3 per cent. How well they really were is unknown.
    """
    quarter = intake_quarter(number)
    if number < quarter_index("2020-01"):
        base, tenant, abroad = 0.72, 0.98, 0.985
    elif quarter == "2020-01":
        base, tenant, abroad = 0.68, 0.88, 0.84
    elif quarter < "2021-04":
        base, tenant, abroad = 0.50, 0.72, 0.62
    else:
        base, tenant, abroad = 0.52, 0.82, 0.80
    return base * np.where(renting, tenant, 1.0) * np.where(foreign, abroad, 1.0)


def _retention(at: int, foreign: np.ndarray) -> np.ndarray:
    """Chance of staying in the sample from one quarter to the next."""
    distant = quarter_index("2020-04") <= at <= quarter_index("2021-01")
    settled = at < quarter_index("2020-01")
    return np.where(foreign, 0.86 if distant else 0.933 if settled else 0.925, 0.92 if distant else 0.935)


def rake(weights: np.ndarray, cells: list[np.ndarray], totals: list[np.ndarray], steps: int = _STEPS) -> np.ndarray:
    """Iterative proportional fitting of weights to margins; a margin cell without persons is left out.

    Persons in the same cell of every margin get the same factor, so they are fitted together.
    """
    joint = np.ravel_multi_index(cells, [len(total) for total in totals])
    places, together = np.unique(joint, return_inverse=True)
    margins_of = np.unravel_index(places, [len(total) for total in totals])
    start = np.bincount(together, weights, minlength=len(places))
    fitted = start.astype(float)
    for _ in range(steps):
        for cell, total in zip(margins_of, totals, strict=True):
            sums = np.bincount(cell, fitted, minlength=len(total))
            factor = np.divide(total, sums, out=np.ones_like(sums), where=sums > 0)
            fitted = fitted * factor[cell]
    return weights * np.divide(fitted, start, out=np.ones_like(start), where=start > 0)[together]


def banded(structure: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum the last axis, single years of age, to bands; the first band is of those younger than the first start."""
    first = np.concatenate([[0], starts])
    return np.add.reduceat(structure, first, axis=-1)


def design_weights(truth: SyntheticTruth, quarter: str, sample: dict[str, np.ndarray]) -> np.ndarray:
    """Weights of the whole sample, answering or not, with which it stands for the true population.

    The narrow ages come first, so that one without anyone in a small sample is made up for inside its broad band.
    """
    structure = truth.age_structure(quarter)
    broad, narrow = (np.searchsorted(starts, sample["age"], side="right") for starts in (COARSE_AGES, NARROW_AGES))
    by_age = banded(structure.sum(axis=(1, 2)), NARROW_AGES)
    by_region = structure.sum(axis=(2, 3))
    by_sex = banded(structure.sum(axis=1), COARSE_AGES)
    cells = [
        sample["birth"] * by_age.shape[1] + narrow,
        sample["birth"] * len(REGIONS) + sample["region"],
        (sample["birth"] * 2 + sample["sex"]) * by_sex.shape[2] + broad,
    ]
    start = np.full(len(broad), structure.sum() / len(broad))
    return rake(start, cells, [by_age.ravel(), by_region.ravel(), by_sex.ravel()])


def control_structure(truth: SyntheticTruth, quarter: str, suffix: int) -> np.ndarray:
    """Population by region, sex and age that the weights of an edition are made to meet.

    Weights without country-of-birth controls rest on estimates, the truth, and from 2020 on a projection made before
    the pandemic. The others take the structure of the same quarter of 2019, each group scaled to its control (ONS,
    "Using Real Time Information data to reweight the LFS", 2021, section 3).
    """
    if suffix in BIRTH_CONTROLS:
        before = truth.population_of(f"{BASE_QUARTER[:4]}-{quarter[5:]}")
        controls = birth_controls(truth, suffix)[:, quarter_index(quarter)]
        return by_sex_and_age(before * (controls / before.sum(axis=1))[:, None])
    if quarter < FIRST_PROJECTED_QUARTER:
        return truth.age_structure(quarter).sum(axis=0)
    return expected_before_the_pandemic(truth, quarter)


def _population_cells(structure: np.ndarray, sample: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    totals = banded(structure, CONTROL_AGES)
    band = np.searchsorted(CONTROL_AGES, sample["age"], side="right")
    return (sample["region"] * 2 + sample["sex"]) * totals.shape[2] + band, totals.ravel()


def population_weights(structure: np.ndarray, sample: dict[str, np.ndarray], design: np.ndarray) -> np.ndarray:
    """Weights of respondents post-stratified to region, sex and age: nothing corrects for country of birth."""
    cell, totals = _population_cells(structure, sample)
    return rake(design, [cell], [totals], steps=1)


def birth_weights(
    structure: np.ndarray, controls: np.ndarray, sample: dict[str, np.ndarray], weights: np.ndarray
) -> np.ndarray:
    """Weights raked to region, sex and age and to country of birth; those who do not state it keep their share."""
    cell, totals = _population_cells(structure, sample)
    group = np.where(sample["stated"], sample["birth"], len(GROUPS))
    silent = weights[~sample["stated"]].sum()
    stated = controls / controls.sum() * (totals.sum() - silent)
    return rake(weights, [group, cell], [np.append(stated, silent), totals])


@lru_cache(maxsize=8)
def birth_controls(truth: SyntheticTruth, vintage: int) -> np.ndarray:
    """Country-of-birth controls by group and quarter: true stocks of 2019 moved on by RTI and natural change.

    Each quarter rests on the release the vintage began with or the first later one that reaches it.
    """
    release, lag = BIRTH_CONTROLS[vintage]
    base = QUARTERS.index(BASE_QUARTER)
    change = np.full((len(GROUPS) - 1, len(QUARTERS)), np.nan)
    for later in [name for name in NATIONALITY_RELEASES if name >= release]:
        change = np.where(np.isnan(change), _adjusted_change(truth, later, lag), change)
    controls = truth.population_array.sum(axis=1).copy()
    base_growth = controls[1:, base] / controls[1:, base - 4] - 1
    for at in range(base + 1, len(QUARTERS)):
        controls[1:, at] = controls[1:, at - 4] * (1 + base_growth + change[:, at] / 2)
    return controls


def _adjusted_change(truth: SyntheticTruth, release: str, lag: int) -> np.ndarray:
    """Growth on the year of EU and non-EU employees less that of UK nationals, against the base quarter.

    Not a number in quarters the release does not reach and in the first year.
    """
    monthly = released_employees(truth, release).sum(axis=1)
    months = np.arange(len(QUARTERS))[:, None] * 3 + np.arange(3) - lag
    means = monthly[:, np.clip(months, 0, monthly.shape[1] - 1)].mean(axis=2)
    means[:, months.max(axis=1) >= monthly.shape[1]] = np.nan
    growth = np.full_like(means, np.nan)
    growth[:, 4:] = means[:, 4:] / means[:, :-4] - 1
    adjusted = growth[1:] - growth[:1]
    return adjusted - adjusted[:, [QUARTERS.index(BASE_QUARTER)]]


def earnings_weights(weights: np.ndarray, employee: np.ndarray, wave: np.ndarray) -> np.ndarray:
    """Earnings weights: employees of the first and last wave stand for all employees; 0 for everyone else."""
    asked = employee & np.isin(wave, (1, WAVES))
    return np.where(asked, weights * (weights[employee].sum() / weights[asked].sum()), 0.0)
