"""Intervals of calibrated estimates cover the truth of a finite population as often as they say.

500 stratified samples of households are drawn from a population whose totals are known; each is calibrated to known
margins, and the share of the 95 per cent intervals that hold the truth is counted. With 500 samples that share has a
standard error of one point if the intervals are right.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.methods.calibration import calibrate
from lmi_pipeline.methods.distances import Distance, Linear, Raking
from lmi_pipeline.methods.margins import Margin
from lmi_pipeline.methods.regression_residuals import ResidualMaker
from lmi_pipeline.methods.variance import (
    ClusterTotals,
    cluster_totals,
    difference_variance,
    linearised_variance,
    ratio_variable,
)

SAMPLES, SEED = 500, 2021
HOUSEHOLDS, REGIONS, STRATA = 120_000, 6, 12
SIZES = np.array([140, 260, 200, 180, 230, 150, 220, 190, 160, 240, 170, 210])
KEPT_SHARE = 0.8
AGE_STARTS = np.array([16, 25, 35, 50, 65])
INDICATORS = ["employed", "employed, uk", "employed, eu", "employed, non_eu", "employment rate", "unemployment rate"]
LEVELS = 4
REACH = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Population:
    """Persons sorted by household, their household, and the households' strata.

    `counted` (2, n, K) what the indicators count in two quarters, `base` (2, n, K - LEVELS) denominators of the rates,
    `first` (H + 1,) first person of each household, `codes` (n,) by margin.
    """

    home: np.ndarray
    counted: np.ndarray
    base: np.ndarray
    first: np.ndarray
    stratum: np.ndarray
    codes: dict[str, np.ndarray]

    def truth(self, quarter: int) -> pd.Series:
        """The true values."""
        totals, base = self.counted[quarter].sum(axis=0), self.base[quarter].sum(axis=0)
        return pd.Series([*totals[:LEVELS], *(totals[LEVELS:] / base)], index=INDICATORS)


@pytest.fixture(scope="module")
def population() -> Population:
    """Employment depends on region, age, sex, country of birth and, with a shared effect, on the household."""
    rng = np.random.default_rng(SEED)
    stratum = rng.integers(0, STRATA, HOUSEHOLDS)
    members = rng.choice([1, 2, 3, 4, 5], HOUSEHOLDS, p=[0.3, 0.34, 0.16, 0.14, 0.06])
    home = np.repeat(np.arange(HOUSEHOLDS), members)
    size = len(home)
    abroad = np.array([0.90, 0.04, 0.06]) + np.array([-0.2, 0.08, 0.12]) * (stratum == 3)[:, None]
    origin = (rng.random((HOUSEHOLDS, 1)) > abroad.cumsum(axis=1)[:, :2]).sum(axis=1)
    birth = np.where(rng.random(size) < 0.8, origin[home], rng.choice(3, size, p=[0.9, 0.04, 0.06]))
    age = rng.integers(0, 90, size)
    sex, region = rng.integers(0, 2, size), stratum[home] // 2
    shared = rng.normal(0, 0.6, HOUSEHOLDS)[home]
    lasting = rng.normal(size=size)
    level = np.interp(age, (16, 25, 50, 60, 70), (-0.8, 0.8, 0.9, 0.3, -1.8))
    level = level + 0.25 * (sex == 0) + np.array([0.0, 0.25, -0.15])[birth] + 0.08 * (region - 2.5) + shared
    adult, young = age >= 16, (age >= 16) & (age < 65)
    counted, base = [], []
    for shift in (0.0, -0.06):
        propensity = level + shift + 0.95 * lasting + np.sqrt(1 - 0.95**2) * rng.normal(size=size)
        employed = adult & (propensity > 0)
        seeking = adult & ~employed & (propensity > -0.25) & (age < 70)
        of_group = [employed & (birth == group) for group in range(3)]
        counted.append(np.column_stack([employed, *of_group, employed & young, seeking]).astype(float))
        base.append(np.column_stack([young, employed | seeking]).astype(float))
    codes = {"region": region, "sex_age": sex * 6 + np.searchsorted(AGE_STARTS, age, side="right"), "birth": birth}
    first = np.concatenate([[0], members.cumsum()])
    return Population(home, np.stack(counted), np.stack(base), first, stratum, codes)


def _draw(population: Population, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Households of two samples of the same size by stratum; the second keeps a share of the first."""
    one, two = [], []
    for stratum, size in enumerate(SIZES):
        fresh = round(size * (1 - KEPT_SHARE))
        drawn = rng.choice(np.flatnonzero(population.stratum == stratum), size + fresh, replace=False)
        one.append(drawn[:size])
        two.append(drawn[fresh:])
    return np.sort(np.concatenate(one)), np.sort(np.concatenate(two))


def _estimate(
    population: Population, homes: np.ndarray, quarter: int, distance: Distance
) -> tuple[np.ndarray, ClusterTotals]:
    """Estimates of the indicators, and the weighted residuals of their linearised variables by household."""
    begin, end = population.first[homes], population.first[homes + 1]
    rows = np.repeat(end - np.cumsum(end - begin), end - begin) + np.arange((end - begin).sum())
    stratum = population.stratum[population.home[rows]]
    design = (np.bincount(population.stratum) / SIZES)[stratum]
    margins = [_margin(name, code, rows) for name, code in population.codes.items()]
    weights = calibrate(design, margins, distance=distance).weights
    counted, base = population.counted[quarter, rows], population.base[quarter, rows]
    linear = np.hstack([counted[:, :LEVELS], ratio_variable(counted[:, LEVELS:], base, weights)])
    residuals = ResidualMaker.prepare(design, margins).residuals(linear)
    totals = weights @ counted
    value = np.concatenate([totals[:LEVELS], totals[LEVELS:] / (weights @ base)])
    return value, cluster_totals(residuals * weights[:, None], population.home[rows], stratum)


def _margin(name: str, code: np.ndarray, rows: np.ndarray) -> Margin:
    totals = np.bincount(code).astype(float)
    return Margin(name, tuple(f"{name} {cell}" for cell in range(len(totals))), totals, code[rows].astype(np.int64))


def _coverage(holds: list[np.ndarray], title: str) -> pd.Series:
    share = pd.Series(np.mean(holds, axis=0), index=INDICATORS)
    print(f"\ncoverage of 95 % intervals, {title}, {len(holds)} samples\n{share.to_string()}")
    return share


def _holds(value: np.ndarray, variance: np.ndarray, truth: pd.Series) -> np.ndarray:
    return np.abs(value - truth.to_numpy()) <= REACH * np.sqrt(variance)


def _level_holds(value: np.ndarray, sums: ClusterTotals, truth: pd.Series) -> np.ndarray:
    found = linearised_variance(sums.totals, sums.clusters.to_numpy(), sums.strata.to_numpy())
    return _holds(value, found.variance, truth)


def test_intervals_after_linear_calibration_cover_the_truth(population: Population) -> None:
    rng, truth = np.random.default_rng(SEED + 1), population.truth(0)
    estimates = (_estimate(population, _draw(population, rng)[0], 0, Linear()) for _ in range(SAMPLES))
    share = _coverage([_level_holds(*estimate, truth) for estimate in estimates], "linear calibration")
    assert share.between(0.93, 0.97).all()


def test_intervals_after_raking_cover_the_truth_and_its_change_between_overlapping_samples(
    population: Population,
) -> None:
    rng, truth = np.random.default_rng(SEED + 2), [population.truth(quarter) for quarter in (0, 1)]
    levels, changes = [], []
    for _ in range(SAMPLES):
        (before, first), (now, second) = (
            _estimate(population, homes, quarter, Raking()) for quarter, homes in enumerate(_draw(population, rng))
        )
        levels.append(_level_holds(before, first, truth[0]))
        changes.append(_holds(now - before, difference_variance(first, second).variance, truth[1] - truth[0]))
    for title, holds in {"raking": levels, "changes, raking": changes}.items():
        assert _coverage(holds, title).between(0.93, 0.97).all()
