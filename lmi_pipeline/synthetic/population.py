"""The population of the synthetic UK, known exactly.

Payrolled employees follow the published levels; the population born in the EU and outside it
reacts to them about half as strongly, with a random strength in every quarter; the UK-born
population moves by natural change. Nothing is estimated here: this is the truth the sources are
drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.margins import BASE_QUARTER, GROUPS, MONTHS, QUARTERS, REGIONS, UNITED_KINGDOM

SCALES = {"small": 9_000, "uk": 85_000}
_STREAMS = {"truth": 1, "lfs": 2, "rti": 3, "population": 4, "census": 5, "pay": 6, "ashe": 7}


@dataclass(frozen=True, eq=False)
class SyntheticTruth:
    """What is true in the synthetic UK.

    Attributes
    ----------
    scale, seed : str, int
        Sample sizes and the seed everything is drawn with.
    population : DataFrame
        quarter, region_gss, birth_group, population_count.
    employees : DataFrame
        month, region_gss, nationality_group, employee_count (persons, whole numbers).
    natural_change : DataFrame
        quarter, area_code, natural_change_count: of the UK-born over four quarters; 12 areas and the UK.
    migration : DataFrame
        year_ending, nationality_group, net_migration_count.
    population_array, employee_array : ndarray
        The same as (group, region, quarter) and (group, region, month).
    """

    scale: str
    seed: int
    population: pd.DataFrame
    employees: pd.DataFrame
    natural_change: pd.DataFrame
    migration: pd.DataFrame
    population_array: np.ndarray
    employee_array: np.ndarray

    def population_of(self, quarter: str) -> np.ndarray:
        """Persons by country-of-birth group and region in one quarter."""
        return self.population_array[:, :, quarter_index(quarter)]

    def age_structure(self, quarter: str) -> np.ndarray:
        """Persons by group, region, sex (male, female) and single year of age in one quarter."""
        profiles = np.stack([margins.age_sex_profile(group) for group in GROUPS])
        return self.population_of(quarter)[:, :, None, None] * profiles[:, None, :, :]


def quarter_index(quarter: str) -> int:
    """Position of a quarter in the simulation; MethodError outside it."""
    if quarter not in QUARTERS:
        raise MethodError(f"the synthetic UK has the quarters {QUARTERS[0]} to {QUARTERS[-1]}, not '{quarter}'")
    return QUARTERS.index(quarter)


def stream(seed: int, source: str, *keys: int) -> np.random.Generator:
    """Random stream of its own for a source and, with keys, for a quarter or file of it."""
    return np.random.default_rng(np.random.SeedSequence([seed, _STREAMS[source], *keys]))


@lru_cache(maxsize=4)
def truth(scale: str = "small", seed: int = 2010) -> SyntheticTruth:
    """Make the synthetic UK.

    Parameters
    ----------
    scale : {'small', 'uk'}
        Sample sizes of the sources; the population itself is the same.
    seed : int
        Same seed, same UK.
    """
    if scale not in SCALES:
        raise MethodError(f"no scale '{scale}'; there are {', '.join(SCALES)}")
    rng = stream(seed, "truth")
    employees = _employees(rng)
    population = _population(employees, rng)
    return SyntheticTruth(
        scale=scale,
        seed=seed,
        population=_long(population, QUARTERS, "quarter", "birth_group", "population_count"),
        employees=_long(employees, MONTHS, "month", "nationality_group", "employee_count"),
        natural_change=_natural_change_frame(population),
        migration=_migration_frame(population),
        population_array=population,
        employee_array=employees,
    )


def _employees(rng: np.random.Generator) -> np.ndarray:
    national = np.stack([_monthly_path(levels) for levels in margins.employee_quarters()])
    shares = np.log(margins.region_share(margins.EMPLOYEE_SHARE))[:, :, None]
    years = np.arange(len(MONTHS)) / 12 - (2019.75 - 2014.5)
    drift = rng.normal(0, 0.004, (len(GROUPS), len(REGIONS), 1)) * years
    drift[:, margins.LONDON] += np.array([-0.01, -0.03, -0.02])[:, None] * _pandemic()
    regional = np.exp(shares + drift)
    regional *= national[:, None, :] / regional.sum(axis=1, keepdims=True)
    return np.rint(regional)


def _pandemic() -> np.ndarray:
    """Depth of the pandemic in each month, between 0 and 1."""
    at = [MONTHS.index(m) for m in ("2020-03", "2020-06", "2021-02", "2022-01")]
    return np.interp(np.arange(len(MONTHS)), at, (0.0, 0.7, 1.0, 0.0))


def _monthly_path(levels: np.ndarray) -> np.ndarray:
    """Monthly path with the given quarterly means.

    The first year is the smoothest path with a seasonal pattern in each quarter; afterwards the three
    months of a quarter grow at one rate on the year, so the fall of spring 2020 starts in April.
    """
    path = np.empty(len(levels) * 3)
    pattern = np.concatenate([margins.MONTH_PATTERN[int(q[5:])] for q in QUARTERS[:4]])
    path[:12] = _smoothest_path(levels[:4]) + pattern * np.repeat(levels[:4], 3)
    growth = np.repeat(levels[4:] / levels[:-4], 3)
    for month in range(12, len(path)):
        path[month] = path[month - 12] * growth[month - 12]
    return path


def _smoothest_path(levels: np.ndarray) -> np.ndarray:
    """Monthly path with the given quarterly means whose second differences are smallest."""
    months = len(levels) * 3
    means = np.kron(np.eye(len(levels)), np.full((1, 3), 1 / 3))
    bend = np.diff(np.eye(months), n=2, axis=0)
    system = np.block([[bend.T @ bend, means.T], [means, np.zeros((len(levels), len(levels)))]])
    return np.linalg.solve(system, np.concatenate([np.zeros(months), levels]))[:months]


def quarterly_means(monthly: np.ndarray) -> np.ndarray:
    """Mean of the three months of every quarter along the last axis."""
    return monthly.reshape(*monthly.shape[:-1], -1, 3).mean(axis=-1)


def _population(employees: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quarterly = quarterly_means(employees)
    reaction = np.clip(rng.normal(0.5, 0.06, (2, 1, len(QUARTERS))), 0.36, 0.64)
    national = _react(quarterly.sum(axis=1, keepdims=True), reaction, np.ones((2, 1)))
    local_reaction = np.clip(reaction + rng.normal(0, 0.08, (2, len(REGIONS), 1)), 0.1, 0.9)
    regional = _react(quarterly, local_reaction, margins.region_share(margins.POPULATION_SHARE)[1:])
    foreign = regional * national / regional.sum(axis=1, keepdims=True)
    return np.concatenate([_uk_born()[None], foreign])


def _react(employees: np.ndarray, reaction: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Population of the EU and non-EU born, moved by a part of the change in employee growth."""
    growth = employees[..., 4:] / employees[..., :-4] - 1
    adjusted = growth[1:] - growth[:1]
    base = QUARTERS.index(BASE_QUARTER)
    base_growth = np.array([margins.NET_MIGRATION_2019[g] / margins.BASE_POPULATION[g] for g in GROUPS[1:]])[
        :, None, None
    ]
    moved = base_growth + reaction[..., 4:] * (adjusted - adjusted[..., base - 4 : base - 3])
    level = np.array([margins.BASE_POPULATION[g] for g in GROUPS[1:]])[:, None] * share
    population = np.zeros((*level.shape, len(QUARTERS)))
    for back in range(4):
        population[..., base - back] = level * (1 + base_growth[..., 0]) ** (-back / 4)
    for at in range(base, 3, -1):
        population[..., at - 4] = population[..., at] / (1 + moved[..., at - 4])
    for at in range(base + 1, len(QUARTERS)):
        population[..., at] = population[..., at - 4] * (1 + moved[..., at - 4])
    return population


def _uk_born() -> np.ndarray:
    change = margins.natural_change()
    base = QUARTERS.index(BASE_QUARTER)
    level = np.zeros(len(QUARTERS))
    level[base - 3 : base + 1] = margins.BASE_POPULATION["uk"] - change[base] * np.arange(3, -1, -1) / 4
    for at in range(base, 3, -1):
        level[at - 4] = level[at] - change[at]
    for at in range(base + 1, len(QUARTERS)):
        level[at] = level[at - 4] + change[at]
    return margins.region_share(margins.POPULATION_SHARE)[0][:, None] * level


def _long(array: np.ndarray, times: tuple[str, ...], time: str, group: str, value: str) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([times, REGIONS, GROUPS], names=[time, "region_gss", group])
    return pd.DataFrame({value: array.transpose(2, 1, 0).ravel()}, index=index).reset_index()


def _natural_change_frame(population: np.ndarray) -> pd.DataFrame:
    change = population[0, :, 4:] - population[0, :, :-4]
    values = np.concatenate([change, change.sum(axis=0, keepdims=True)])
    index = pd.MultiIndex.from_product([QUARTERS[4:], (*REGIONS, UNITED_KINGDOM)], names=["quarter", "area_code"])
    return pd.DataFrame({"natural_change_count": values.T.ravel()}, index=index).reset_index()


def _migration_frame(population: np.ndarray) -> pd.DataFrame:
    national = population.sum(axis=1)
    ends = [i for i, quarter in enumerate(QUARTERS) if quarter.endswith("-10") and i >= 4]
    rows = []
    for end in ends:
        net = {"uk": float(margins.NET_MIGRATION_2019["uk"])}
        net |= {g: float(national[i, end] - national[i, end - 4]) for i, g in enumerate(GROUPS) if g != "uk"}
        net["total"] = sum(net.values())
        rows += [(f"{QUARTERS[end][:4]}-12", group, net[group]) for group in ("total", *GROUPS)]
    return pd.DataFrame(rows, columns=["year_ending", "nationality_group", "net_migration_count"])
