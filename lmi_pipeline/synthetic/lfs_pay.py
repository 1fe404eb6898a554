"""Hours and pay of the persons of the Labour Force Survey, by the one true pay equation."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from lmi_pipeline.synthetic import job_chances, pay_terms
from lmi_pipeline.synthetic.job_chances import QUALIFICATIONS
from lmi_pipeline.synthetic.lfs_people import Intake
from lmi_pipeline.synthetic.lfs_work import NO_ANSWER, NOT_ROUTED
from lmi_pipeline.synthetic.pay_terms import STANDING, Jobs
from lmi_pipeline.synthetic.pay_truth import true_terms
from lmi_pipeline.synthetic.population import SyntheticTruth

LONGEST_WEEK = 97
_EARNINGS_WAVES = (1, 5)
_SILENT = 0.06
_LOW_BITS = 2.0**20


def hours_and_pay(
    truth: SyntheticTruth,
    quarter: str,
    people: Intake,
    age: np.ndarray,
    work: dict[str, np.ndarray],
    level: np.ndarray,
    wave: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Hours, and pay of employees in the two earnings waves, coded as in the person file.

    Hourly pay is weekly pay by usual hours, as the survey derives it, so it holds overtime.
    """
    size = len(people)
    working = work["STATR"] > 0
    full_time, part_time = rng.normal(size=size), rng.normal(size=size)
    has_overtime, steps = rng.random(size), rng.integers(1, pay_terms.OVERTIME_STEPS + 1, size)
    away = rng.random(size) < (0.3 if quarter == "2020-04" else 0.09)
    passing = rng.normal(size=size)
    jobs = _jobs(people, age, work, level)
    terms = true_terms(truth)
    place = ndtr(np.where(jobs.pattern == 0, full_time, part_time))
    basic, overtime = pay_terms.paid_hours(terms, jobs, place, has_overtime, steps)
    residual = np.sqrt(STANDING) * _standing(people) + np.sqrt(1 - STANDING) * passing
    log_hourly = pay_terms.log_hourly(terms, jobs, pay_terms.years_since_base(quarter))
    hourly = np.exp(log_hourly + terms.spread[jobs.pattern, jobs.occupation] * residual)
    weekly = np.rint(np.maximum(pay_terms.weekly_pay(hourly, basic, overtime), 1))
    basic = np.rint(basic).clip(1, LONGEST_WEEK)
    usual = np.minimum(basic + np.rint(overtime), LONGEST_WEEK)
    paid = (work["INECAC05"] == 1) & np.isin(wave, _EARNINGS_WAVES)
    silent = paid & (rng.random(size) < _SILENT)

    def asked(values: np.ndarray) -> np.ndarray:
        return np.select([silent, paid], [np.full(size, float(NO_ANSWER)), values], float(NOT_ROUTED))

    return {
        "HOURPAY": asked(np.round(weekly / usual, 2)),
        "GRSSWK": asked(weekly),
        "TTUSHR": np.where(working, usual, float(NOT_ROUTED)),
        "TTACHR": np.where(working, np.where(away, 0.0, usual), float(NOT_ROUTED)),
        "BUSHR": np.where(working, basic, float(NOT_ROUTED)),
    }


def _jobs(people: Intake, age: np.ndarray, work: dict[str, np.ndarray], level: np.ndarray) -> Jobs:
    """Jobs of the persons; those without one have some job too, which is not used."""
    working = work["STATR"] > 0
    codes = job_chances.unit_groups().codes
    division = np.where(working, work["INDC07M"] // 1000, 1)
    return Jobs(
        pattern=np.where(work["FTPTWK"] == 2, 1, 0),
        occupation=np.where(working, np.searchsorted(codes, work["SOC10M"]), 0),
        sex=people.sex,
        age=age,
        region=people.region,
        qualification=np.where(level > 0, level, len(QUALIFICATIONS)) - 1,
        industry=job_chances.industry_of_division()[division],
    )


def _standing(people: Intake) -> np.ndarray:
    """Standard normal place in pay that stays with a person: later digits of the draw that decides the pattern."""
    rest = people.latent_job[:, 4] * _LOW_BITS % 1
    return np.asarray(ndtri(rest.clip(1e-9, 1 - 1e-9)))
