"""Design values of the synthetic UK: what it is told so that it looks like the UK.

Levels of payrolled employees come from ``catalog/controls``. The rest are round values chosen for
this simulation: no figure here is an official statistic and none may be quoted as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SchemaError

REGIONS = (
    "E12000001", "E12000002", "E12000003", "E12000004", "E12000005", "E12000006",
    "E12000007", "E12000008", "E12000009", "W92000004", "S92000003", "N92000002",
)  # fmt: skip
UNITED_KINGDOM = catalog.UNITED_KINGDOM
LONDON = REGIONS.index("E12000007")
GROUPS = ("uk", "eu", "non_eu")
QUARTERS = tuple(str(p) for p in pd.period_range("2014-07", "2023-10", freq="M")[::3])
MONTHS = tuple(str(p) for p in pd.period_range("2014-07", "2023-12", freq="M"))
BASE_QUARTER = "2019-10"

BASE_POPULATION = {"uk": 57_300_000.0, "eu": 3_600_000.0, "non_eu": 5_900_000.0}
NET_MIGRATION_2019 = {"uk": -60_000, "eu": 49_000, "non_eu": 282_000}

# Per cent of the population of each country-of-birth group living in each region.
POPULATION_SHARE = {
    "uk": (4.4, 11.4, 8.4, 7.3, 8.7, 9.2, 9.3, 13.5, 8.9, 5.2, 8.7, 3.0),
    "eu": (1.5, 7.5, 5.9, 7.3, 6.8, 9.9, 28.5, 14.0, 6.6, 2.4, 6.8, 2.8),
    "non_eu": (1.4, 7.5, 5.3, 4.8, 9.0, 8.0, 39.0, 12.0, 4.2, 1.8, 5.5, 1.5),
}
# Per cent of the payrolled employees of each nationality group living in each region.
EMPLOYEE_SHARE = {
    "uk": (4.1, 11.5, 8.4, 7.3, 8.7, 9.5, 10.9, 13.6, 8.8, 4.8, 8.7, 3.0),
    "eu": (1.1, 7.1, 5.6, 7.6, 6.8, 10.0, 29.9, 13.9, 6.3, 2.2, 6.9, 2.6),
    "non_eu": (1.9, 7.2, 4.9, 5.0, 8.3, 7.9, 41.0, 12.2, 4.3, 2.0, 4.5, 0.8),
}
# Natural change of the UK-born over four quarters, UK; between the quarters named: straight lines.
NATURAL_CHANGE = {
    "2014-07": 200_000, "2019-10": 115_000, "2020-01": 96_000, "2020-04": 34_000,
    "2020-07": 16_000, "2020-10": -2_000, "2021-10": 20_000, "2023-10": 10_000,
}  # fmt: skip
# Growth of employees on the year beyond the last published quarter.
EMPLOYEE_GROWTH_2023 = {"uk": 0.006, "eu": -0.012, "non_eu": 0.15}
# Within a quarter, month by month (first, second, third month; sums to zero).
MONTH_PATTERN = {
    1: (-0.003, 0.0, 0.003),
    4: (-0.002, 0.0, 0.002),
    7: (0.001, -0.002, 0.001),
    10: (-0.002, 0.001, 0.001),
}

# Nationality given country of birth: rows of (uk, eu, non_eu) nationals.
NATIONALITY_GIVEN_BIRTH = {"uk": (0.992, 0.005, 0.003), "eu": (0.17, 0.82, 0.01), "non_eu": (0.52, 0.06, 0.42)}

AGE_ANCHORS = {
    "uk": ((0, 10, 17, 25, 35, 45, 55, 65, 75, 82, 90), (1.2, 1.3, 1.12, 1.1, 1.05, 1.05, 1.2, 0.95, 0.8, 0.45, 0.4)),
    "eu": ((0, 5, 15, 20, 28, 36, 45, 55, 65, 75, 90), (0.25, 0.5, 0.6, 1.1, 2.6, 2.8, 1.7, 0.9, 0.5, 0.45, 0.2)),
    "non_eu": ((0, 5, 15, 20, 30, 40, 50, 60, 70, 80, 90), (0.1, 0.3, 0.6, 1.2, 2.2, 2.3, 1.7, 1.2, 0.8, 0.45, 0.2)),
}
AGES = np.arange(91)
# Share of an age that is an employee, before it is scaled to the employees of a nationality group.
EMPLOYEE_SHAPE = np.interp(
    AGES, (15, 16, 18, 24, 30, 50, 60, 66, 72, 80), (0, 0.25, 0.5, 0.68, 0.75, 0.73, 0.5, 0.13, 0.04, 0)
)
EMPLOYEE_SHAPE[:16] = 0.0
SELF_EMPLOYED_SHAPE = np.interp(AGES, (16, 25, 40, 60, 70, 80), (0.0, 0.05, 0.12, 0.14, 0.07, 0.01)) * (AGES >= 16)


def female_share(ages: np.ndarray) -> np.ndarray:
    """Share of women at each age."""
    return np.interp(ages, (0, 20, 40, 65, 80, 90), (0.487, 0.489, 0.503, 0.512, 0.55, 0.64))


def age_sex_profile(group: str) -> np.ndarray:
    """Share of a country-of-birth group at each sex (male, female) and single year of age (90 is 90 and over)."""
    ages, heights = AGE_ANCHORS[group]
    curve = np.interp(AGES, ages, heights)
    curve = curve / curve.sum()
    women = female_share(AGES)
    return np.stack([curve * (1 - women), curve * women])


def region_share(table: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Shares of the twelve regions in each group, rows summing to one."""
    shares = np.array([table[group] for group in GROUPS])
    return shares / shares.sum(axis=1, keepdims=True)


def employee_quarters() -> np.ndarray:
    """Payrolled employees by group and quarter from the catalogue, carried to the end of the simulation."""
    path = catalog.ROOT / "controls" / "rti_quarterly_means.csv"
    published = pd.read_csv(path, comment="#").rename(columns={"noneu": "non_eu"}).set_index("quarter")
    missing = [c for c in GROUPS if c not in published.columns]
    if missing:
        raise SchemaError(f"control file {path.name} lacks the columns {missing}")
    levels = published[list(GROUPS)].reindex(QUARTERS)
    known = int(levels["uk"].notna().sum())
    values = levels.to_numpy(dtype=float)
    growth = np.array([1 + EMPLOYEE_GROWTH_2023[g] for g in GROUPS])
    for row in range(known, len(QUARTERS)):
        values[row] = values[row - 4] * growth
    return values.T


def natural_change() -> np.ndarray:
    """Natural change of the UK-born over four quarters to each quarter, UK."""
    at = [QUARTERS.index(q) for q in NATURAL_CHANGE]
    return np.interp(np.arange(len(QUARTERS)), at, list(NATURAL_CHANGE.values()))
