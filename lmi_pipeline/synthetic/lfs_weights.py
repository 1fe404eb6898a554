"""Response to the survey and the weights issued with its files."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.lfs_people import WAVES, Intake, intake_quarter
from lmi_pipeline.synthetic.margins import BASE_QUARTER, GROUPS, QUARTERS, REGIONS
from lmi_pipeline.synthetic.population import SyntheticTruth, quarter_index
from lmi_pipeline.synthetic.rti import released_employees

COARSE_AGES = np.array([16, 25, 35, 45, 55, 65])
CONTROL_AGES = np.array([16, 25, 35, 50, 65])
# Growth estimator behind the country-of-birth controls of each weight: RTI release and lag in months.
BIRTH_CONTROLS = {20: ("2021-03", 1), 22: ("2023-03", 0), 23: ("2023-03", 0)}
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

    It falls for tenants and for households from abroad when interviewers no longer call at the door.
    """
    quarter = intake_quarter(number)
    if number < quarter_index("2020-01"):
        base, tenant, abroad = 0.74, 0.92, 0.92
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
    return np.where(foreign, 0.86 if distant else 0.925, 0.92 if distant else 0.935)


def rake(weights: np.ndarray, cells: list[np.ndarray], totals: list[np.ndarray], steps: int = _STEPS) -> np.ndarray:
    """Iterative proportional fitting of weights to margins; a margin cell without persons is left out."""
    fitted = weights.astype(float)
    for _ in range(steps):
        for cell, total in zip(cells, totals, strict=True):
            sums = np.bincount(cell, fitted, minlength=len(total))
            factor = np.divide(total, sums, out=np.ones_like(sums), where=sums > 0)
            fitted = fitted * factor[cell]
    return fitted


def design_weights(truth: SyntheticTruth, quarter: str, sample: dict[str, np.ndarray]) -> np.ndarray:
    """Weights of the whole sample, answering or not, with which it stands for the true population."""
    structure = truth.age_structure(quarter)
    band = np.searchsorted(COARSE_AGES, sample["age"], side="right")
    bands = len(COARSE_AGES) + 1
    by_age = np.zeros((len(GROUPS), 2, bands))
    at = (slice(None), slice(None), np.searchsorted(COARSE_AGES, margins.AGES, side="right"))
    np.add.at(by_age, at, structure.sum(axis=1))  # type: ignore[arg-type]
    cells = [
        sample["birth"] * len(REGIONS) + sample["region"],
        (sample["birth"] * 2 + sample["sex"]) * bands + band,
    ]
    start = np.full(len(band), structure.sum() / len(band))
    return rake(start, cells, [structure.sum(axis=(2, 3)).ravel(), by_age.ravel()])


def _population_cells(
    truth: SyntheticTruth, quarter: str, sample: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    structure = truth.age_structure(quarter).sum(axis=0)
    bands = len(CONTROL_AGES) + 1
    totals = np.zeros((len(REGIONS), 2, bands))
    at = (slice(None), slice(None), np.searchsorted(CONTROL_AGES, margins.AGES, side="right"))
    np.add.at(totals, at, structure)  # type: ignore[arg-type]
    band = np.searchsorted(CONTROL_AGES, sample["age"], side="right")
    return (sample["region"] * 2 + sample["sex"]) * bands + band, totals.ravel()


def population_weights(
    truth: SyntheticTruth, quarter: str, sample: dict[str, np.ndarray], design: np.ndarray
) -> np.ndarray:
    """Weights of respondents post-stratified to region, sex and age: nothing corrects for country of birth."""
    cell, totals = _population_cells(truth, quarter, sample)
    return rake(design, [cell], [totals], steps=1)


def birth_weights(
    truth: SyntheticTruth, quarter: str, sample: dict[str, np.ndarray], weights: np.ndarray, vintage: int
) -> np.ndarray:
    """Weights raked to region, sex and age and to country of birth; those who do not state it keep their share."""
    cell, totals = _population_cells(truth, quarter, sample)
    group = np.where(sample["stated"], sample["birth"], len(GROUPS))
    population = totals.sum()
    silent = weights[~sample["stated"]].sum()
    controls = birth_controls(truth, vintage)[:, quarter_index(quarter)]
    stated = controls / controls.sum() * (population - silent)
    return rake(weights, [group, cell], [np.append(stated, silent), totals])


@lru_cache(maxsize=8)
def birth_controls(truth: SyntheticTruth, vintage: int) -> np.ndarray:
    """Country-of-birth controls by group and quarter: true stocks of 2019 moved on by RTI and natural change."""
    release, lag = BIRTH_CONTROLS[vintage]
    monthly = released_employees(truth, release).sum(axis=1)
    months = np.arange(len(QUARTERS))[:, None] * 3 + np.arange(3) - lag
    known = months.max(axis=1) < monthly.shape[1]
    means = monthly[:, np.clip(months, 0, monthly.shape[1] - 1)].mean(axis=2)
    growth = means[:, 4:] / means[:, :-4] - 1
    adjusted = growth[1:] - growth[:1]
    base = QUARTERS.index(BASE_QUARTER)
    controls = truth.population_array.sum(axis=1).copy()
    base_growth = controls[1:, base] / controls[1:, base - 4] - 1
    for at in range(base + 1, len(QUARTERS)):
        if known[at]:
            moved = base_growth + (adjusted[:, at - 4] - adjusted[:, base - 4]) / 2
            controls[1:, at] = controls[1:, at - 4] * (1 + moved)
    return controls


def earnings_weights(weights: np.ndarray, employee: np.ndarray, wave: np.ndarray) -> np.ndarray:
    """Earnings weights: employees of the first and last wave stand for all employees; 0 for everyone else."""
    asked = employee & np.isin(wave, (1, WAVES))
    return np.where(asked, weights * (weights[employee].sum() / weights[asked].sum()), 0.0)
