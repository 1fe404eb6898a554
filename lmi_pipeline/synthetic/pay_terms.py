"""The one true pay equation of the synthetic UK, and its twin for hours.

Log hourly pay without overtime is the sum of the terms below and a normal residual whose spread differs by occupation.
Paid hours are a level of their own kind, spread evenly around it; overtime is paid at a premium. Weekly pay is hourly
pay times basic hours, and overtime.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmi_pipeline import catalog
from lmi_pipeline.synthetic.job_chances import unit_groups
from lmi_pipeline.synthetic.margins import LONDON, REGIONS
from lmi_pipeline.synthetic.population import SyntheticTruth, quarter_index, stream

PATTERNS = ("full_time", "part_time")
BASE_QUARTER = "2020-04"
GROWTH = 0.028
# Coefficients of age and its square, full-time and part-time.
AGE = np.array([(0.065, -0.0007), (0.035, -0.00038)])
# Overtime, where there is any: mean share of paid hours, and its price relative to the hourly pay.
OVERTIME_SHARE, PREMIUM = 0.12, 1.25
OVERTIME_STEP, OVERTIME_STEPS = 0.02, 11
# Variance of the residual that stays with the person, and that all jobs of an enterprise share.
STANDING, SHARED = 0.6, 0.15

_REGION = (-0.06, -0.03, -0.04, -0.04, -0.03, 0.02, 0.18, 0.06, -0.02, -0.07, -0.01, -0.08)
_SECTION = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTU",
        (-12, 25, 3, 25, 5, 6, -8, 2, -15, 18, 25, 3, 12, -7, 6, -2, -2, -10, -8, -20, 0),
        strict=True,
    )
)
_QUALIFICATION = (0.16, 0.06, 0.02, -0.03, -0.05, -0.09, 0.0)
_QUALIFICATION_BY_MAJOR = (1.1, 0.8, 1.0, 0.7, 0.6, 0.5, 0.9, 0.5, 0.5)
_SPREAD_BY_MAJOR = (0.46, 0.32, 0.36, 0.26, 0.28, 0.22, 0.25, 0.26, 0.20)
_OVERTIME_BY_MAJOR = (0.05, 0.06, 0.10, 0.08, 0.26, 0.12, 0.12, 0.34, 0.24)
_HOURS_SPREAD = (0.13, 0.5)
_LONGEST_PART_TIME = 30.0


@dataclass(frozen=True, eq=False)
class PayTerms:
    """Terms of the equations; axes are pattern (full-time, part-time), occupation, sex (male, female) and so on.

    Attributes
    ----------
    level, hours_level : ndarray, shape (2, O)
        Log hourly pay (GBP) and log paid hours at zero of all other terms, in :data:`BASE_QUARTER`.
    spread : ndarray, shape (2, O)
        Standard deviation of the residual of log hourly pay.
    sex, growth : ndarray, shape (O,)
        Effect of being a woman on log pay; growth of log pay a year.
    region, industry, industry_growth : ndarray
        Effects on log pay, and growth a year beyond that of the occupation.
    qualification : ndarray, shape (O, 7)
        Effects on log pay; equal within a major group.
    sex_hours, region_hours, industry_hours : ndarray
        Effects on log paid hours.
    overtime : ndarray, shape (O,)
        Chance of paid overtime.
    """

    level: np.ndarray
    hours_level: np.ndarray
    spread: np.ndarray
    sex: np.ndarray
    growth: np.ndarray
    region: np.ndarray
    industry: np.ndarray
    industry_growth: np.ndarray
    qualification: np.ndarray
    sex_hours: np.ndarray
    region_hours: np.ndarray
    industry_hours: np.ndarray
    overtime: np.ndarray


@dataclass(frozen=True, eq=False)
class Jobs:
    """Jobs as positions in the lists: one element a job; qualification counts from degree, pattern from full-time."""

    pattern: np.ndarray
    occupation: np.ndarray
    sex: np.ndarray
    age: np.ndarray
    region: np.ndarray
    qualification: np.ndarray
    industry: np.ndarray


def draw_terms(truth: SyntheticTruth) -> PayTerms:
    """Terms of one synthetic UK, levels zero."""
    rng = stream(truth.seed, "pay")
    groups = unit_groups()
    size, major = len(groups.codes), groups.major - 1
    spread = (np.array(_SPREAD_BY_MAJOR)[major] * np.exp(rng.normal(0, 0.22, size))).clip(0.12, 0.6)
    sections = catalog.mapping("sic2007_division", "sic2007_section")
    industries = catalog.codelist("industry_75")["sic2007"].str[:2].map(sections)
    industry = np.array([_SECTION[section] / 100 for section in industries]) + rng.normal(0, 0.03, len(industries))
    scale = np.array(_QUALIFICATION_BY_MAJOR)[major]
    return PayTerms(
        level=np.zeros((len(PATTERNS), size)),
        hours_level=np.zeros((len(PATTERNS), size)),
        spread=np.stack([spread, 1.15 * spread]),
        sex=rng.normal(-0.07, 0.05, size).clip(-0.22, 0.05),
        growth=GROWTH + rng.normal(0, 0.012, size),
        region=np.array(_REGION),
        industry=industry,
        industry_growth=rng.normal(0, 0.008, len(industries)),
        qualification=np.outer(scale, _QUALIFICATION),
        sex_hours=np.array([0.015, -0.02]),
        region_hours=np.where(np.arange(len(REGIONS)) == LONDON, -0.012, rng.normal(0, 0.006, len(REGIONS))),
        industry_hours=rng.normal(0, 0.02, len(industries)),
        overtime=np.array(_OVERTIME_BY_MAJOR)[major],
    )


def years_since_base(quarter: str) -> float:
    """Years from :data:`BASE_QUARTER` to a quarter."""
    return (quarter_index(quarter) - quarter_index(BASE_QUARTER)) / 4


def log_hourly(terms: PayTerms, jobs: Jobs, years: float) -> np.ndarray:
    """Log hourly pay without overtime, without the residual."""
    at = jobs.occupation
    linear, square = AGE[jobs.pattern].T
    return (
        terms.level[jobs.pattern, at]
        + terms.sex[at] * jobs.sex
        + linear * jobs.age
        + square * jobs.age**2
        + terms.region[jobs.region]
        + terms.qualification[at, jobs.qualification]
        + terms.industry[jobs.industry]
        + (terms.growth[at] + terms.industry_growth[jobs.industry]) * years
    )


def mean_hours(terms: PayTerms, jobs: Jobs) -> np.ndarray:
    """Mean paid hours of jobs like these, overtime included."""
    return np.exp(
        terms.hours_level[jobs.pattern, jobs.occupation]
        + terms.sex_hours[jobs.sex]
        + terms.region_hours[jobs.region]
        + terms.industry_hours[jobs.industry]
    )


def paid_hours(
    terms: PayTerms, jobs: Jobs, place: np.ndarray, has_overtime: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Basic and overtime hours of each job.

    Parameters
    ----------
    place : ndarray
        Uniform draw between 0 and 1: where the basic hours lie in their range.
    has_overtime, steps : ndarray
        Uniform draw that decides about overtime; whole number from 1 to :data:`OVERTIME_STEPS` for its length.
    """
    mean = mean_hours(terms, jobs)
    chance = terms.overtime[jobs.occupation]
    wide = np.minimum(_HOURS_SPREAD[1], np.maximum(_LONGEST_PART_TIME / mean - 1, 0.05))
    reach = np.where(jobs.pattern == 0, _HOURS_SPREAD[0], wide)
    basic = mean * (1 - OVERTIME_SHARE * chance) * (1 + reach * (2 * place - 1))
    return basic, np.where(has_overtime < chance, mean * OVERTIME_STEP * steps, 0.0)


def weekly_pay(hourly: np.ndarray, basic: np.ndarray, overtime: np.ndarray) -> np.ndarray:
    """Gross weekly pay, overtime included."""
    return hourly * (basic + PREMIUM * overtime)
