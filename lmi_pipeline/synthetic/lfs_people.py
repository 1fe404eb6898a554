"""Households and persons drawn for one intake of the Labour Force Survey.

An intake is the fifth of the sample that enters in one quarter; its households stay for five
quarters. Everything about a person that does not change with time is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.margins import GROUPS, QUARTERS
from lmi_pipeline.synthetic.population import SCALES, SyntheticTruth, stream

WAVES = 5
# First intake that is still in the sample in the first quarter of the simulation.
FIRST_INTAKE = -(WAVES - 1)
PERSONS_PER_HOUSEHOLD = 2.35
# Quarters with an issued sample and a boost: the first annual dataset with weights is of the four to 2018-10, and no
# weight of an earlier quarter needs either. Quarters before cost a third of the time and serve nothing.
DATASET_QUARTERS = tuple(quarter for quarter in QUARTERS if quarter >= "2018-01")
# Households whose first contact fell after face-to-face interviewing stopped were sampled in greater number.
BOOSTED = {"2020-07": 1.7, "2020-10": 1.7, "2021-01": 1.7, "2021-04": 1.5, "2021-07": 1.5, "2021-10": 1.3}
MEAN_RESPONSE = 0.60
NEVER_WORKED = 1 / 6

# Owned outright, mortgage, part rent, rented, rent free; by group of the household.
TENURE_SHARE = {
    "uk": (0.34, 0.33, 0.01, 0.31, 0.01),
    "eu": (0.08, 0.24, 0.01, 0.66, 0.01),
    "non_eu": (0.18, 0.26, 0.01, 0.54, 0.01),
}
SECOND_ADULT = 0.66
THIRD_ADULT = 0.14
MIXED_PARTNER = {"uk": 0.05, "eu": 0.22, "non_eu": 0.2}
CHILD_BORN_ABROAD = {"uk": 0.01, "eu": 0.36, "non_eu": 0.27}
MEAN_CHILDREN = {"uk": 0.9, "eu": 1.0, "non_eu": 1.2}


@dataclass(frozen=True)
class Intake:
    """Persons of one intake, one array element a person, sorted by household and person number."""

    number: int
    household: np.ndarray
    person: np.ndarray
    region: np.ndarray
    household_group: np.ndarray
    tenure: np.ndarray
    birth: np.ndarray
    nationality: np.ndarray
    sex: np.ndarray
    age_at_entry: np.ndarray
    birthday_quarter: np.ndarray
    country_of_birth: np.ndarray
    birth_stated: np.ndarray
    latent_work: np.ndarray
    latent_qualification: np.ndarray
    latent_job: np.ndarray
    household_luck: np.ndarray

    def __len__(self) -> int:
        return len(self.household)


def intake_quarter(number: int) -> str:
    """Quarter of the simulation an intake's composition is taken from (the first one for earlier intakes)."""
    return QUARTERS[max(number, 0)]


@lru_cache(maxsize=WAVES + 1)
def draw_intake(truth: SyntheticTruth, number: int) -> Intake:
    """Households and persons of the intake that enters in quarter ``number`` of the simulation."""
    rng = stream(truth.seed, "lfs", 0, number - FIRST_INTAKE)
    quarter = intake_quarter(number)
    boost = BOOSTED.get(quarter, 1.0) if number >= 0 else 1.0
    households = round(SCALES[truth.scale] * boost / (WAVES * MEAN_RESPONSE * PERSONS_PER_HOUSEHOLD))
    counts = _households_by_type(truth.population_of(quarter), households, rng)
    group, region = (a.ravel() for a in np.indices(counts.shape))
    return _persons(number, np.repeat(group, counts.ravel()), np.repeat(region, counts.ravel()), rng)


def draw_never_worked(truth: SyntheticTruth, number: int) -> np.ndarray:
    """Whether each person of an intake, if unemployed, has never worked."""
    rng = stream(truth.seed, "lfs", 3, number - FIRST_INTAKE)
    return rng.random(len(draw_intake(truth, number))) < NEVER_WORKED


def _households_by_type(population: np.ndarray, households: int, rng: np.random.Generator) -> np.ndarray:
    """Whole numbers of households by group and region, in proportion to the persons they stand for."""
    per_household = _expected_persons()
    need = np.clip(np.linalg.solve(per_household.T, population), 0, None)
    exact = need / need.sum() * households
    whole = np.floor(exact)
    return (whole + (rng.random(exact.shape) < exact - whole)).astype(int)


@lru_cache(maxsize=1)
def _expected_persons() -> np.ndarray:
    """Mean persons by country-of-birth group in a household of each group."""
    rng = np.random.default_rng(1)
    size = 20_000
    means = []
    for group in range(len(GROUPS)):
        people = _persons(0, np.full(size, group), np.zeros(size, dtype=int), rng)
        means.append(np.bincount(people.birth, minlength=len(GROUPS)) / size)
    return np.stack(means)


def _persons(number: int, group: np.ndarray, region: np.ndarray, rng: np.random.Generator) -> Intake:
    size = len(group)
    first_age = _adult_ages(group, rng)
    has_second = rng.random(size) < SECOND_ADULT * np.interp(first_age, (18, 30, 75, 90), (0.7, 1.05, 0.95, 0.4))
    has_third = has_second & (rng.random(size) < THIRD_ADULT / SECOND_ADULT)
    fertile = np.interp(first_age, (18, 28, 38, 50, 58), (0.1, 0.9, 1.9, 0.6, 0.0))
    children = np.minimum(rng.poisson(np.array([MEAN_CHILDREN[g] for g in GROUPS])[group] * fertile * 0.75), 5)
    members = 1 + has_second + has_third + children
    household = np.repeat(np.arange(size), members)
    person = np.arange(members.sum()) - np.repeat(np.cumsum(members) - members, members)
    adults = np.repeat(members - children, members)
    role = np.where(person >= adults, 3, person)
    own = group[household]
    birth = _births(own, role, rng)
    age = _ages(first_age[household], role, rng)
    stated = np.array([0.985, 0.97, 0.965])[birth] > rng.random(len(birth))
    return Intake(
        number=number,
        household=household,
        person=person + 1,
        region=region[household],
        household_group=own,
        tenure=_choose(np.array([TENURE_SHARE[g] for g in GROUPS])[group], rng)[household] + 1,
        birth=birth,
        nationality=_choose(np.array([margins.NATIONALITY_GIVEN_BIRTH[g] for g in GROUPS])[birth], rng),
        sex=_sexes(role, person, age, rng),
        age_at_entry=age,
        birthday_quarter=rng.integers(0, 4, len(birth)),
        country_of_birth=rng.random(len(birth)),
        birth_stated=stated,
        latent_work=rng.normal(size=len(birth)),
        latent_qualification=rng.random(len(birth)),
        latent_job=rng.random((len(birth), 5)),
        household_luck=rng.random((size, WAVES))[household],
    )


def _choose(share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One category a row, each row of ``share`` giving its own probabilities."""
    edges = np.cumsum(share, axis=1)
    return (rng.random((len(share), 1)) * edges[:, -1:] > edges[:, :-1]).sum(axis=1)


def _adult_ages(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    ages = np.empty(len(group), dtype=int)
    for code, name in enumerate(GROUPS):
        chosen = group == code
        curve = margins.age_sex_profile(name).sum(axis=0)[18:].cumsum()
        ages[chosen] = 18 + np.searchsorted(curve, rng.random(chosen.sum()) * curve[-1])
    return np.minimum(ages, 90)


def _births(own: np.ndarray, role: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    draw = rng.random(len(own))
    mixed = np.array([MIXED_PARTNER[g] for g in GROUPS])[own]
    partner = np.where(draw >= mixed, own, np.where(own == 0, np.where(draw < mixed / 3, 1, 2), 0))
    abroad = np.array([CHILD_BORN_ABROAD[g] for g in GROUPS])[own]
    child = np.where(draw < abroad, np.where(own == 0, 2, own), 0)
    return np.select([role == 0, role == 3], [own, child], partner)


def _ages(first_age: np.ndarray, role: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size = len(first_age)
    partner = np.clip(first_age + np.rint(rng.normal(0, 4, size)), 18, 90)
    third = np.where(
        first_age >= 40, rng.integers(16, 27, size), np.clip(first_age + rng.integers(-6, 7, size), 16, 90)
    )
    child = rng.integers(0, 16, size)
    return np.select([role == 0, role == 1, role == 2], [first_age, partner, third], child).astype(int)


def _sexes(role: np.ndarray, person: np.ndarray, age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0 male, 1 female; most couples are of both sexes."""
    female = rng.random(len(role)) < margins.female_share(age)
    first = female[np.maximum(np.arange(len(role)) - person, 0)]
    return np.where((role == 1) & (rng.random(len(role)) < 0.97), ~first, female).astype(int)
