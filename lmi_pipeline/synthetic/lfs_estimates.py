"""Weighted estimates from the person files, as the published tables are made from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lmi_pipeline.synthetic import lfs
from lmi_pipeline.synthetic.population import SyntheticTruth

INDIA, SOUTH_ASIA = (356,), (50, 586)
AFRICA, SOUTH_AFRICA = (566, 710, 404, 716, 504, 706), (710,)
ASIA = (356, 586, 50, 156, 608, 144, 364, 344)
AMERICA_OCEANIA, USA, OCEANIA = (840, 76, 36, 554), (840,), (36, 554)
OTHER_EUROPE = (792,)
AGE_GROUPS = ((16, 99), (16, 64), (16, 17), (18, 24), (25, 34), (35, 49), (50, 64), (65, 99))
# Student, family, temporarily sick, long-term sick, discouraged, retired, other: detailed activities of INECAC05.
REASONS = (
    (6, 13, 24),
    (7, 14, 25),
    (8, 15, 26),
    (9, 16, 27),
    (17, 28),
    (20, 31),
    (10, 11, 12, 18, 19, 21, 22, 23, 29, 30, 32, 33),
)
WANTS_WORK = tuple(range(6, 23))


SEXES = ("People", "Men", "Women")


def estimate_all(truth: SyntheticTruth, editions: list[tuple[str, int]]) -> None:
    """Make and keep every estimate of the quarters and weights given, reading each quarter once."""
    for quarter, suffix in dict.fromkeys(editions):
        for basis in ("birth", "nationality"):
            origin_estimates(truth, quarter, suffix, basis)
        for sex in SEXES:
            activity_estimates(truth, quarter, suffix, sex)
            reason_estimates(truth, quarter, suffix, sex)
        job_estimates(truth, quarter, suffix)


@dataclass(frozen=True)
class Persons:
    """Respondents of one quarter under one weight; a weighted count is a sum over a mask."""

    rows: lfs.Columns
    weight: np.ndarray

    def count(self, *masks: np.ndarray) -> float:
        """Weighted persons for whom all masks hold."""
        return float(self.weight[np.logical_and.reduce(masks)].sum())

    def between(self, low: int, high: int) -> np.ndarray:
        """Mask of an age band, both ends included."""
        return (self.rows["age"] >= low) & (self.rows["age"] <= high)

    def sexes(self, name: str) -> np.ndarray:
        """Mask of people, men or women."""
        return {"People": self.rows["sex"] >= 0, "Men": self.rows["sex"] == 0, "Women": self.rows["sex"] == 1}[name]


@lru_cache(maxsize=200)
def origin_estimates(
    truth: SyntheticTruth, quarter: str, suffix: int, basis: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Employment levels (16 and over) and rates (16 to 64, per cent) in the column order of EMP06."""
    people = Persons(lfs.respondents(truth, quarter), lfs.weights(truth, quarter, suffix))
    working = people.rows["ILODEFR"] == 1
    groups = _origin_masks(people.rows, basis)
    young = people.between(16, 64)
    levels = tuple(people.count(working, group) for group in groups)
    rates = tuple(100 * people.count(working, young, group) / max(people.count(young, group), 1.0) for group in groups)
    return levels, rates


def _origin_masks(rows: lfs.Columns, basis: str) -> list[np.ndarray]:
    group = rows["birth"] if basis == "birth" else rows["nationality"]
    country, area = lfs.origin(group, rows["country_of_birth"])
    stated = rows["stated"]
    eu = stated & (group == 1)
    parts = [eu & (area == code) for code in (2, 3, 4, 5)]
    other = stated & np.isin(country, OTHER_EUROPE)
    continents = [
        stated & np.isin(country, codes)
        for codes in (AFRICA, SOUTH_AFRICA, ASIA, INDIA, SOUTH_ASIA, AMERICA_OCEANIA, USA, OCEANIA)
    ]
    everyone = np.ones(len(group), dtype=bool)
    return [
        everyone, stated & (group == 0), stated & (group > 0), eu, stated & (group == 2),
        eu | other, eu, *parts, other, *continents,
    ]  # fmt: skip


@lru_cache(maxsize=400)
def activity_estimates(truth: SyntheticTruth, quarter: str, suffix: int, sex: str) -> tuple[tuple[float, ...], ...]:
    """Employment, unemployment, activity and inactivity (persons) of each age group."""
    people = Persons(lfs.respondents(truth, quarter), lfs.weights(truth, quarter, suffix))
    status, chosen = people.rows["ILODEFR"], people.sexes(sex)
    found = []
    for low, high in AGE_GROUPS:
        band = people.between(low, high) & chosen
        employed, unemployed, inactive = (people.count(band, status == code) for code in (1, 2, 3))
        found.append((employed, unemployed, employed + unemployed, inactive))
    return tuple(found)


@lru_cache(maxsize=400)
def reason_estimates(truth: SyntheticTruth, quarter: str, suffix: int, sex: str) -> tuple[float, ...]:
    """Inactive persons aged 16 to 64: all, by seven reasons, not wanting and wanting a job."""
    people = Persons(lfs.respondents(truth, quarter), lfs.weights(truth, quarter, suffix))
    detailed = people.rows["INECAC05"]
    inactive = (people.rows["ILODEFR"] == 3) & people.between(16, 64) & people.sexes(sex)
    wants = np.isin(detailed, WANTS_WORK)
    reasons = [people.count(inactive, np.isin(detailed, codes)) for codes in REASONS]
    return (people.count(inactive), *reasons, people.count(inactive, ~wants), people.count(inactive, wants))


@lru_cache(maxsize=400)
def job_estimates(truth: SyntheticTruth, quarter: str, suffix: int) -> dict[str, float]:
    """Employment by status and pattern, and hours, of persons aged 16 and over."""
    people = Persons(lfs.respondents(truth, quarter), lfs.weights(truth, quarter, suffix))
    rows = people.rows
    working = rows["ILODEFR"] == 1
    found = {f"status_{code}": people.count(rows["STATR"] == code) for code in (1, 2, 3, 4)}
    found |= {"full_time": people.count(rows["FTPTWK"] == 1), "part_time": people.count(rows["FTPTWK"] == 2)}
    for low, high, name in ((0, 5, "under_6"), (6, 15, "to_15"), (16, 30, "to_30")):
        found[name] = people.count(working, (rows["TTUSHR"] >= low) & (rows["TTUSHR"] <= high))
    found["hours"] = float((people.weight * np.where(working, rows["TTACHR"], 0.0)).sum())
    return found
