"""What persons of the Labour Force Survey do: activity, qualification and job in one quarter."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from lmi_pipeline.synthetic import job_chances, margins
from lmi_pipeline.synthetic.job_chances import QUALIFICATIONS
from lmi_pipeline.synthetic.lfs_people import Intake
from lmi_pipeline.synthetic.margins import GROUPS, QUARTERS
from lmi_pipeline.synthetic.population import SyntheticTruth, quarter_index, quarterly_means

NOT_ROUTED, NO_ANSWER = -9, -8
ILO_UNEMPLOYED = 2
PUBLIC_SHARE = {15: 0.92, 16: 0.68, 17: 0.62, 18: 0.15, 8: 0.1}


def activity(
    truth: SyntheticTruth, quarter: str, people: Intake, age: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """ILO status, detailed activity and status in employment, coded as in the person file."""
    place = ndtr(0.97 * people.latent_work + np.sqrt(1 - 0.97**2) * rng.normal(size=len(people)))
    working = employment_chances(truth, quarter)[:, people.nationality, np.minimum(age, margins.AGES[-1])]
    unemployed = unemployment_chances(quarter, age)
    edges = np.cumsum(np.concatenate([working, unemployed[None]]), axis=0)
    status = (place >= edges).sum(axis=0)
    kind = rng.random(len(people))
    other = np.where(kind < 0.5, 3, 4)
    detailed = np.select(
        [age < 16, status == 0, status == 1, status == 2, status == 3],
        [34, 1, 2, other, 5],
        _inactive(age, people, kind),
    )
    working = detailed <= 4
    return {
        "ILODEFR": np.select([age < 16, working, detailed == 5], [4, 1, 2], 3),
        "INECAC05": detailed,
        "STATR": np.where(working, detailed, NOT_ROUTED),
    }


def employment_chances(truth: SyntheticTruth, quarter: str) -> np.ndarray:
    """Chance of being an employee, self-employed or otherwise in work: shape (3, nationality group, age 0 to 90)."""
    at = quarter_index(quarter)
    employee = _employee_probability(truth, at)
    self_employed = margins.SELF_EMPLOYED_SHAPE * (0.9 if at >= quarter_index("2020-04") else 1.0)
    other_work = np.where(margins.AGES >= 16, 0.003, 0.0)
    return np.stack([employee, *(np.broadcast_to(chance, employee.shape) for chance in (self_employed, other_work))])


def unemployment_chances(quarter: str, age: np.ndarray) -> np.ndarray:
    """Chance of being unemployed at each age, as far as the chances of work leave room for it."""
    by_age = np.interp(age, (16, 18, 25, 50, 64, 70), (0.12, 0.09, 0.035, 0.022, 0.012, 0.0))
    return by_age * _jobless(quarter_index(quarter)) * (age >= 16)


def _jobless(at: int) -> float:
    """Unemployment relative to 2019."""
    marks = [quarter_index(q) for q in ("2014-07", "2019-10", "2020-04", "2020-10", "2021-10", "2022-07")]
    return float(np.interp(at, marks, (1.55, 1.0, 1.05, 1.35, 1.05, 0.95)))


@lru_cache(maxsize=len(QUARTERS))
def _employee_probability(truth: SyntheticTruth, at: int) -> np.ndarray:
    """Chance of being an employee by nationality and age, so that employees come to those on the payroll."""
    born = truth.age_structure(QUARTERS[at]).sum(axis=(1, 2))
    nationals = np.array([margins.NATIONALITY_GIVEN_BIRTH[g] for g in GROUPS]).T @ born
    employees = quarterly_means(truth.employee_array)[:, :, at].sum(axis=1)
    shape = np.tile(margins.EMPLOYEE_SHAPE, (len(GROUPS), 1))
    for _ in range(20):
        shape = np.minimum(shape * (employees / (nationals * shape).sum(axis=1))[:, None], 0.96)
    return shape


def _inactive(age: np.ndarray, people: Intake, kind: np.ndarray) -> np.ndarray:
    wants_work = kind < 0.2
    draw = people.latent_job[:, 0]
    student, retired = age < 24, age >= 62
    reason = np.where(student, np.where(draw < 0.85, 24, 32), np.select([draw < 0.35, draw < 0.75], [25, 27], 32))
    reason = np.where(retired, 31, reason)
    wanted = np.select([reason == 24, reason == 25, reason == 27, reason == 31], [13, 14, 16, 20], 21)
    return np.where(wants_work & (age < 65), wanted, reason)


def qualification(people: Intake, age: np.ndarray) -> np.ndarray:
    """Highest qualification as in HIQUL15D; not routed under 16."""
    edges = job_chances.QUALIFICATION_SHARE.cumsum(axis=1)[people.birth]
    lowest = job_chances.lowest_place(age)
    place = np.clip(people.latent_qualification * (1 - lowest) + lowest, 0, 0.999999)
    return np.where(age < 16, NOT_ROUTED, 1 + (place[:, None] >= edges[:, :-1]).sum(axis=1))


def job(people: Intake, age: np.ndarray, work: dict[str, np.ndarray], level: np.ndarray) -> dict[str, np.ndarray]:
    """Occupation, industry, sector and working pattern of the main job, coded as in the person file."""
    working = work["STATR"] > 0
    draw = people.latent_job
    occupation, section, division = _occupation_and_industry(people, level)
    public = draw[:, 3] < np.select([section == s for s in PUBLIC_SHARE], list(PUBLIC_SHARE.values()), 0.03)
    full_time = job_chances.draw_full_time(occupation, people.sex, age, draw[:, 4])

    def routed(values: np.ndarray) -> np.ndarray:
        return np.where(working, values, NOT_ROUTED)

    return {
        "SOC10M": routed(job_chances.unit_groups().codes[occupation]),
        "INDC07M": routed(division * 1000),
        "INDS07M": routed(section),
        "PUBLICR": routed(np.where(public, 2, 1)),
        "FTPTWK": routed(np.where(full_time, 1, 2)),
    }


def last_job(
    people: Intake, work: dict[str, np.ndarray], level: np.ndarray, never_worked: np.ndarray
) -> dict[str, np.ndarray]:
    """Occupation and industry the unemployed last worked in, coded as in the person file.

    It is the job the person has in the quarters in work. Who never worked is drawn for itself, so a person who is in
    work in one wave can be among them in the next.
    """
    worked = (work["ILODEFR"] == ILO_UNEMPLOYED) & ~never_worked
    occupation, _, division = _occupation_and_industry(people, level)
    return {
        "SOC10L": np.where(worked, job_chances.unit_groups().codes[occupation], NOT_ROUTED),
        "INDC07L": np.where(worked, division * 1000, NOT_ROUTED),
    }


def _occupation_and_industry(people: Intake, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position of the unit group, section and division of everyone's job, in work or not."""
    draw = people.latent_job
    row = np.where(level > 0, level, len(QUALIFICATIONS)) - 1
    occupation = job_chances.draw_occupation(row, people.sex, draw[:, 0], draw[:, 1])
    return occupation, *job_chances.draw_industry(people.nationality, draw[:, 2], draw[:, 3])
