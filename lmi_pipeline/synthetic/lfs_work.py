"""What persons of the Labour Force Survey do: activity, job, hours and pay in one quarter."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from lmi_pipeline import catalog
from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.lfs_people import Intake
from lmi_pipeline.synthetic.margins import GROUPS, QUARTERS
from lmi_pipeline.synthetic.population import SyntheticTruth, quarter_index, quarterly_means
from lmi_pipeline.synthetic.rti_employments import INDUSTRY_SHARE

NOT_ROUTED, NO_ANSWER = -9, -8
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
MAJOR_PAY_2019 = np.array([20.5, 21.0, 16.0, 11.4, 12.2, 9.8, 9.4, 10.6, 9.1])
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
    edges = QUALIFICATION_SHARE.cumsum(axis=1)[people.birth]
    older = np.interp(age, (16, 19, 24, 50, 70, 85), (0.45, 0.2, 0.0, 0.03, 0.14, 0.25))
    place = np.clip(people.latent_qualification * (1 - older) + older, 0, 0.999999)
    return np.where(age < 16, NOT_ROUTED, 1 + (place[:, None] >= edges[:, :-1]).sum(axis=1))


@lru_cache(maxsize=1)
def _unit_groups() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit groups of SOC 2010, cumulative share inside the major group, and start of each major group."""
    codes = np.array(sorted(c for c in catalog.codes("soc2010_unit_group") if len(c) == 4), dtype=int)
    size = np.random.default_rng(2010).lognormal(0, 0.8, len(codes))
    major = codes // 1000
    starts = np.searchsorted(major, np.arange(1, 11))
    inside = np.concatenate([size[major == m].cumsum() / size[major == m].sum() for m in range(1, 10)])
    return codes, major + inside, starts


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


def job(people: Intake, age: np.ndarray, work: dict[str, np.ndarray], level: np.ndarray) -> dict[str, np.ndarray]:
    """Occupation, industry, sector, pattern, hours and pay of the main job, coded as in the person file."""
    working = work["STATR"] > 0
    qualification_row = np.where(level > 0, level - 1, 6)
    draw = people.latent_job
    edges = MAJOR_SHARE.cumsum(axis=1)[qualification_row]
    major = 1 + (draw[:, [0]] * edges[:, -1:] > edges[:, :-1]).sum(axis=1)
    codes, place, starts = _unit_groups()
    found = np.searchsorted(place, major + draw[:, 1])
    occupation = codes[np.minimum(found, starts[major] - 1)]
    section, division = _industry(people)
    public = draw[:, 3] < np.select([section == s for s in PUBLIC_SHARE], list(PUBLIC_SHARE.values()), 0.03)
    full_time = draw[:, 4] < np.where(people.sex == 1, 0.6, 0.88) * np.interp(
        age, (16, 22, 30, 60, 68), (0.4, 0.85, 1, 0.95, 0.5)
    )

    def routed(values: np.ndarray) -> np.ndarray:
        return np.where(working, values, NOT_ROUTED)

    return {
        "SOC10M": routed(occupation),
        "INDC07M": routed(division * 1000),
        "INDS07M": routed(section),
        "PUBLICR": routed(np.where(public, 2, 1)),
        "FTPTWK": routed(np.where(full_time, 1, 2)),
    }


def _industry(people: Intake) -> tuple[np.ndarray, np.ndarray]:
    share = np.array([INDUSTRY_SHARE[g] for g in GROUPS])
    edges = share.cumsum(axis=1)[people.nationality]
    section = (people.latent_job[:, [2]] * edges[:, -1:] > edges[:, :-1]).sum(axis=1)
    divisions, first, count = _divisions()
    inside = (people.latent_job[:, 3] * count[section]).astype(int)
    return section + 1, divisions[first[section] + inside]


def hours_and_pay(
    quarter: str,
    people: Intake,
    age: np.ndarray,
    work: dict[str, np.ndarray],
    wave: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Hours, and pay of employees in the two earnings waves."""
    size = len(people)
    working = work["STATR"] > 0
    full_time = work["FTPTWK"] == 1
    basic = np.rint(np.where(full_time, rng.normal(38.5, 4, size), rng.normal(18, 6, size))).clip(4, 70)
    usual = np.minimum(basic + np.where(rng.random(size) < 0.2, rng.integers(1, 12, size), 0), 97)
    away = rng.random(size) < (0.3 if quarter == "2020-04" else 0.09)
    years = (quarter_index(quarter) - quarter_index("2019-04")) / 4
    level = MAJOR_PAY_2019[np.where(working, work["SOC10M"] // 1000 - 1, 0)] * 1.028**years
    level = level * np.where(people.sex == 1, 0.92, 1.0) * np.where(people.region == margins.LONDON, 1.2, 1.0)
    level = level * np.interp(age, (16, 22, 40, 65), (0.6, 0.78, 1.05, 0.98))
    hourly = np.round(
        np.maximum(level * np.exp(0.28 * (people.latent_job[:, 4] - 0.5) + rng.normal(0, 0.24, size)), 4.5), 2
    )
    paid = (work["INECAC05"] == 1) & np.isin(wave, (1, 5))
    silent = paid & (rng.random(size) < 0.06)
    weekly = np.rint(hourly * basic)
    return {
        "HOURPAY": np.select([silent, paid], [float(NO_ANSWER), hourly], float(NOT_ROUTED)),
        "GRSSWK": np.select([silent, paid], [float(NO_ANSWER), weekly], float(NOT_ROUTED)),
        "TTUSHR": np.where(working, usual, float(NOT_ROUTED)),
        "TTACHR": np.where(working, np.where(away, 0.0, usual), float(NOT_ROUTED)),
        "BUSHR": np.where(working, basic, float(NOT_ROUTED)),
    }
