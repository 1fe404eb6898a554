"""The sample of employee jobs behind the synthetic Annual Survey of Hours and Earnings, year by year.

Jobs are drawn with the chances of the truth. Three quarters of the persons stay in the sample from year to year, and
most of them in their job. Who answers depends on region and age, and weights are calibrated to the true jobs by region,
by sex and age, and by sex and major occupation group.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lmi_pipeline.synthetic import job_chances, pay_terms
from lmi_pipeline.synthetic.job_chances import unit_groups
from lmi_pipeline.synthetic.lfs_weights import rake
from lmi_pipeline.synthetic.margins import AGES, LONDON
from lmi_pipeline.synthetic.pay_terms import PATTERNS, SHARED, STANDING, Jobs
from lmi_pipeline.synthetic.pay_truth import PayTruth, true_pay
from lmi_pipeline.synthetic.population import SyntheticTruth, stream

YEARS = (2018, 2019, 2020)
SAMPLE = {"small": 60_000, "uk": 180_000}
ENTERPRISES = 5_000
WEEKS_IN_YEAR = 52.0
_AGE_STARTS = np.array([16, 22, 30, 40, 50, 60])
_MEAN_RESPONSE = 0.87
_SAME_JOB, _OVER_A_YEAR, _SECOND_JOB = 0.85, 0.8, 0.02
# Chance of leaving the sample by age.
_LEAVES = ((60, 66, 72), (0.25, 0.6, 1.0))
_LOST_PAY, _YOUNG_RATE, _YOUNG = 0.04, 0.06, 20

Columns = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class JobSample:
    """Jobs of one year whose employers answer, one array element a job.

    Attributes
    ----------
    person, enterprise, division : ndarray of int
        Numbers of the person and the enterprise, division of SIC 2007.
    jobs : Jobs
        What the pay equation needs.
    same_job, adult_rate, no_loss : ndarray of bool
        Job held for over a year; adult rate of pay; pay not affected by absence.
    hourly, weekly, annual : ndarray
        GBP: hourly without overtime, gross weekly, gross of the tax year (not a number where the job is newer).
    basic, overtime : ndarray
        Paid hours a week.
    weight : ndarray
        Calibration weight.
    """

    person: np.ndarray
    enterprise: np.ndarray
    division: np.ndarray
    jobs: Jobs
    same_job: np.ndarray
    adult_rate: np.ndarray
    no_loss: np.ndarray
    hourly: np.ndarray
    weekly: np.ndarray
    annual: np.ndarray
    basic: np.ndarray
    overtime: np.ndarray
    weight: np.ndarray

    @property
    def usual(self) -> np.ndarray:
        """Whether a job is in the published tables of weekly and hourly pay and hours."""
        return self.adult_rate & self.no_loss


@dataclass(frozen=True, eq=False)
class _Panel:
    """Everyone in the sample of one year, answered or not: persons, their work, and whether they kept their job."""

    people: Columns
    work: Columns
    same_job: np.ndarray


@lru_cache(maxsize=len(YEARS) + 1)
def job_sample(truth: SyntheticTruth, year: int) -> JobSample:
    """Sample of one year from 2018 on."""
    true, panel = true_pay(truth, year), _panel(truth, year)
    rng = stream(truth.seed, "ashe", 1, year)
    people, work = panel.people, panel.work
    jobs = Jobs(
        pattern=work["pattern"],
        occupation=work["occupation"],
        sex=people["sex"],
        age=people["age"],
        region=people["region"],
        qualification=people["qualification"],
        industry=job_chances.industry_of_division()[work["division"]],
    )
    size = len(jobs.age)
    residual = (
        np.sqrt(STANDING) * people["standing"]
        + np.sqrt(SHARED) * _enterprise_effects(truth)[work["enterprise"]]
        + np.sqrt(1 - STANDING - SHARED) * rng.normal(size=size)
    )
    spread = true.terms.spread[jobs.pattern, jobs.occupation]
    hourly = np.exp(pay_terms.log_hourly(true.terms, jobs, true.years) + spread * residual)
    steps = rng.integers(1, pay_terms.OVERTIME_STEPS + 1, size)
    basic, overtime = pay_terms.paid_hours(true.terms, jobs, rng.random(size), rng.random(size), steps)
    weekly = pay_terms.weekly_pay(hourly, basic, overtime)
    annual = weekly * WEEKS_IN_YEAR * np.exp(rng.normal(-0.012, 0.06, size))
    no_loss = rng.random(size) >= _LOST_PAY
    adult_rate = (rng.random(size) >= _YOUNG_RATE) | (jobs.age >= _YOUNG)
    weekly = weekly * np.where(no_loss, 1.0, rng.uniform(0.4, 0.95, size)) * np.where(adult_rate, 1.0, 0.7)
    answered = rng.random(size) < _response(jobs)
    return JobSample(
        person=people["person"][answered],
        enterprise=work["enterprise"][answered],
        division=work["division"][answered],
        jobs=_kept(jobs, answered),
        same_job=panel.same_job[answered],
        adult_rate=adult_rate[answered],
        no_loss=no_loss[answered],
        hourly=np.round(hourly[answered], 2),
        weekly=np.round(weekly[answered], 2).clip(0.01),
        annual=np.where(panel.same_job, np.round(annual), np.nan)[answered],
        basic=np.round(basic[answered], 1).clip(0.1),
        overtime=np.round(overtime[answered], 1),
        weight=_calibrated(true, _kept(jobs, answered)),
    )


@lru_cache(maxsize=len(YEARS) + 1)
def _panel(truth: SyntheticTruth, year: int) -> _Panel:
    rng = stream(truth.seed, "ashe", 0, year)
    size = round(SAMPLE[truth.scale] / _MEAN_RESPONSE)
    people = _people(true_pay(truth, year), size, year, rng)
    place, keeps = rng.random(size), rng.random(size)
    if year == YEARS[0]:
        return _Panel(people, _work(people, rng), keeps < _OVER_A_YEAR)
    before = _panel(truth, year - 1)
    older = before.people | {"age": before.people["age"] + 1}
    stays = (place >= np.interp(before.people["age"], *_LEAVES)) & (older["age"] <= AGES[-1])
    people = {name: np.where(stays, older[name], values) for name, values in people.items()}
    same_job = stays & (keeps < _SAME_JOB)
    work = {name: np.where(same_job, before.work[name], values) for name, values in _work(people, rng).items()}
    return _Panel(people, work, same_job | (~stays & (keeps < _OVER_A_YEAR)))


def _people(true: PayTruth, size: int, year: int, rng: np.random.Generator) -> Columns:
    """Employees by the chances of the truth; a few stand twice, with a second job."""
    flat = true.people.ravel().cumsum()
    place = np.minimum(np.searchsorted(flat, rng.random(size) * flat[-1], side="right"), len(flat) - 1)
    nationality, region, sex, age, qualification = np.unravel_index(place, true.people.shape)
    people = {
        "person": year * 1_000_000 + np.arange(size),
        "nationality": nationality,
        "region": region,
        "sex": sex,
        "age": age,
        "qualification": qualification,
        "standing": rng.normal(size=size),
    }
    first = np.maximum(np.arange(size) - (rng.random(size) < _SECOND_JOB), 0)
    return {name: values[first] for name, values in people.items()}


def _work(people: Columns, rng: np.random.Generator) -> Columns:
    """New jobs for everyone."""
    draw = rng.random((6, len(people["age"])))
    occupation = job_chances.draw_occupation(people["qualification"], people["sex"], draw[0], draw[1])
    _, division = job_chances.draw_industry(people["nationality"], draw[2], draw[3])
    full_time = job_chances.draw_full_time(occupation, people["sex"], people["age"], draw[4])
    return {
        "occupation": occupation,
        "division": division,
        "pattern": np.where(full_time, 0, 1),
        "enterprise": division * ENTERPRISES + (ENTERPRISES * draw[5] ** 2).astype(int),
    }


@lru_cache(maxsize=2)
def _enterprise_effects(truth: SyntheticTruth) -> np.ndarray:
    """Standard normal place in pay of each enterprise."""
    return stream(truth.seed, "ashe", 2).normal(size=100 * ENTERPRISES)


def _response(jobs: Jobs) -> np.ndarray:
    return np.where(jobs.region == LONDON, 0.8, 0.9) * np.where(jobs.age < _AGE_STARTS[1], 0.88, 1.0)


def _kept(jobs: Jobs, keep: np.ndarray) -> Jobs:
    return Jobs(**{name: getattr(jobs, name)[keep] for name in Jobs.__dataclass_fields__})


def _calibrated(true: PayTruth, jobs: Jobs) -> np.ndarray:
    """Weights that add up to the true jobs of each class."""
    bands = np.searchsorted(_AGE_STARTS, jobs.age, side="right") - 1
    by_age = true.people.sum(axis=(0, 1, 4))
    sex_age = np.add.reduceat(by_age, _AGE_STARTS, axis=1)
    major = unit_groups().major - 1
    sex_occupation = sum(true.bill("job_count", pattern, ["sex", "occupation"]) for pattern in PATTERNS)
    sex_major = np.stack([np.bincount(major, row) for row in np.asarray(sex_occupation)])
    cells = [
        jobs.region,
        jobs.sex * len(_AGE_STARTS) + bands,
        jobs.sex * sex_major.shape[1] + major[jobs.occupation],
    ]
    totals = [true.people.sum(axis=(0, 2, 3, 4)), sex_age.ravel(), sex_major.ravel()]
    start = np.full(len(bands), true.people.sum() / len(bands))
    return np.round(rake(start, cells, totals), 4)
