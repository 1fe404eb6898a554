"""Which jobs people of the synthetic UK have: occupation, industry and working pattern, as chances.

The survey and the sample of jobs draw from these, and the truth sums over them, so all agree. Given qualification, sex
and nationality, occupation and industry are independent of each other and of region and age.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from lmi_pipeline import catalog
from lmi_pipeline.synthetic.margins import GROUPS
from lmi_pipeline.synthetic.rti_employments import INDUSTRY_SHARE

SEXES = ("male", "female")
# Codes of the six groups of the survey in the order of HIQUL15D, then those who do not know.
QUALIFICATIONS = ("degree", "higher_education", "a_level", "gcse", "other", "none", "unknown")
# Share of each qualification (degree ... none, not known) among UK-born, EU-born and non-EU-born adults.
QUALIFICATION_SHARE = np.array(
    [
        (0.29, 0.09, 0.22, 0.21, 0.07, 0.10, 0.02),
        (0.33, 0.07, 0.17, 0.09, 0.24, 0.07, 0.03),
        (0.40, 0.07, 0.13, 0.11, 0.16, 0.10, 0.03),
    ]
)
# Share of the nine major occupation groups at each qualification.
MAJOR_SHARE = np.array(
    [
        (0.14, 0.42, 0.20, 0.08, 0.03, 0.04, 0.04, 0.01, 0.04),
        (0.12, 0.22, 0.20, 0.11, 0.09, 0.11, 0.06, 0.03, 0.06),
        (0.10, 0.08, 0.16, 0.13, 0.15, 0.11, 0.11, 0.05, 0.11),
        (0.09, 0.04, 0.11, 0.15, 0.12, 0.13, 0.12, 0.09, 0.15),
        (0.07, 0.04, 0.08, 0.09, 0.14, 0.11, 0.10, 0.15, 0.22),
        (0.05, 0.02, 0.04, 0.06, 0.12, 0.11, 0.12, 0.16, 0.32),
        (0.10, 0.12, 0.12, 0.11, 0.11, 0.10, 0.09, 0.10, 0.15),
    ]
)
FULL_TIME_SHARE = np.array([0.88, 0.60])
_MEAN_FULL_TIME_SHARE = 0.73
# Jobs, in thousand, of a unit group whose number was not published.
_UNPUBLISHED_JOBS = 2.0


@dataclass(frozen=True, eq=False)
class UnitGroups:
    """Unit groups of SOC 2010 in the order of their codes.

    Attributes
    ----------
    codes, major : ndarray of int, shape (O,)
        Unit group, and its major group 1 to 9.
    inside, edges : ndarray, shape (2, O)
        Share of each unit group in its major group, among men and among women; major group plus cumulative share.
    full_time : ndarray, shape (2, O)
        Chance that a man or a woman of prime age works full-time.
    """

    codes: np.ndarray
    major: np.ndarray
    inside: np.ndarray
    edges: np.ndarray
    full_time: np.ndarray


@lru_cache(maxsize=1)
def published_unit_groups() -> pd.DataFrame:
    """Published jobs, pay and hours of 2021 by unit group, gaps filled from the minor and the major group."""
    frame = catalog.control_figures("ashe_unit_group_2021").sort_values("soc2010_code", ignore_index=True)
    frame["jobs"] = frame["jobs"].fillna(_UNPUBLISHED_JOBS)
    major = frame["soc2010_code"].str[0]
    for one, other in (("jobs_male", "jobs_female"), ("jobs_full_time", "jobs_part_time")):
        known = frame[[one, other]].notna().all(axis=1)
        sums = frame[known].groupby(major)[[one, other]].sum()
        share = frame[one] / (frame[one] + frame[other])
        share = share.fillna(major.map(sums[one] / sums.sum(axis=1))).clip(0.02, 0.98)
        frame[one], frame[other] = frame["jobs"] * share, frame["jobs"] * (1 - share)
    for column in ("full_time_mean", "full_time_hours", "part_time_hours"):
        frame[column] = _filled(frame, column)
    hourly = frame["full_time_mean"] / frame["full_time_hours"]
    frame["part_time_mean"] = frame["part_time_mean"].fillna(0.85 * hourly * frame["part_time_hours"])
    return frame


def _filled(frame: pd.DataFrame, column: str) -> pd.Series:
    filled = frame[column]
    for digits in (3, 2, 1):
        parent = frame["soc2010_code"].str[:digits]
        filled = filled.fillna(filled.groupby(parent).transform("mean"))
    return filled


@lru_cache(maxsize=1)
def unit_groups() -> UnitGroups:
    """Unit groups with their chances."""
    frame = published_unit_groups()
    codes = frame["soc2010_code"].astype(int).to_numpy()
    major = codes // 1000
    jobs = frame[["jobs_male", "jobs_female"]].to_numpy().T
    inside = np.stack([row / np.bincount(major, row)[major] for row in jobs])
    before = np.searchsorted(major, major)
    sums = inside.cumsum(axis=1)
    edges = major + sums - (sums - inside)[:, before]
    published = logit((frame["jobs_full_time"] / frame["jobs"]).to_numpy())
    tilt = 0.8 * (published - logit(_MEAN_FULL_TIME_SHARE))
    full_time = expit(logit(FULL_TIME_SHARE)[:, None] + tilt).clip(0.04, 0.985)
    return UnitGroups(codes, major, inside, edges, full_time)


def full_time_curve(age: np.ndarray) -> np.ndarray:
    """Chance of working full-time at each age, relative to prime age."""
    return np.interp(age, (16, 22, 30, 60, 68), (0.4, 0.85, 1, 0.95, 0.5))


def lowest_place(age: np.ndarray) -> np.ndarray:
    """Lowest place in the order of qualifications, degree first, that a person of an age can have."""
    return np.interp(age, (16, 19, 24, 50, 70, 85), (0.45, 0.2, 0.0, 0.03, 0.14, 0.25))


def qualification_chances(ages: np.ndarray) -> np.ndarray:
    """Chance of each qualification by country-of-birth group and age, shape (3, ages, 7)."""
    edges = QUALIFICATION_SHARE.cumsum(axis=1)
    edges[:, -1] = 1.0
    lowest = lowest_place(ages)[:, None]
    reached = np.clip((edges[:, None, :] - lowest) / (1 - lowest), 0, 1)
    return np.diff(reached, axis=-1, prepend=0.0)


def occupation_chances() -> np.ndarray:
    """Chance of each unit group by sex and qualification, shape (O, 2, 7)."""
    groups = unit_groups()
    major = MAJOR_SHARE / MAJOR_SHARE.sum(axis=1, keepdims=True)
    return major.T[groups.major - 1][:, None, :] * groups.inside.T[:, :, None]


def draw_occupation(qualification: np.ndarray, sex: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Position of the unit group: ``first`` chooses the major group, ``second`` the unit group in it."""
    edges = MAJOR_SHARE.cumsum(axis=1)[qualification]
    major = 1 + (first[:, None] * edges[:, -1:] > edges[:, :-1]).sum(axis=1)
    groups = unit_groups()
    last = np.searchsorted(groups.major, major, side="right") - 1
    men, women = (np.searchsorted(edges, major + second) for edges in groups.edges)
    return np.minimum(np.where(sex == 1, women, men), last)


def draw_full_time(occupation: np.ndarray, sex: np.ndarray, age: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Whether each job is full-time."""
    return draw < unit_groups().full_time[sex, occupation] * full_time_curve(age)


@lru_cache(maxsize=1)
def _divisions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divisions of SIC 2007 in order of section, first and number of divisions of each of the 20 sections."""
    places = {letter: i for i, letter in enumerate("ABCDEFGHIJKLMNOPQRST")}
    frame = catalog.codelist("sic2007_division").sort_values("code")
    frame = frame[frame["sic2007_section"].isin(list(places))]
    sections = frame["sic2007_section"].map(places).astype(int)
    divisions = frame["code"].astype(int).to_numpy()
    first = np.searchsorted(sections.to_numpy(), np.arange(20))
    return divisions, first, np.bincount(sections, minlength=20)


def _section_edges() -> np.ndarray:
    return np.array([INDUSTRY_SHARE[group] for group in GROUPS]).cumsum(axis=1)


def draw_industry(nationality: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Section 1 to 20 and division of SIC 2007."""
    edges = _section_edges()[nationality]
    section = (first[:, None] * edges[:, -1:] > edges[:, :-1]).sum(axis=1)
    divisions, start, count = _divisions()
    return section + 1, divisions[start[section] + (second * count[section]).astype(int)]


@lru_cache(maxsize=1)
def industry_of_division() -> np.ndarray:
    """Position among the 75 industries of each division number 0 to 99; -1 where there is none."""
    places = {code: i for i, code in enumerate(catalog.codes("industry_75"))}
    found = np.full(100, -1)
    for division, industry in catalog.mapping("industry75_division", "industry_75").items():
        found[int(division)] = places[industry]
    return found


@lru_cache(maxsize=1)
def industry_chances() -> np.ndarray:
    """Chance of each of the 75 industries by nationality group, shape (3, 75)."""
    share = np.diff(_section_edges(), axis=1, prepend=0.0)
    share = share / share.sum(axis=1, keepdims=True)
    divisions, _, count = _divisions()
    by_division = np.repeat(share / count, count, axis=1)
    chances = np.zeros((len(GROUPS), len(catalog.codes("industry_75"))))
    np.add.at(chances.T, industry_of_division()[divisions], by_division.T)
    return chances
