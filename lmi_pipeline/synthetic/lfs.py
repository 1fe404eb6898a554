"""Person files of the Labour Force Survey, quarter by quarter and edition by edition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from lmi_pipeline.synthetic import lfs_pay, lfs_weights, lfs_work
from lmi_pipeline.synthetic.lfs_people import FIRST_INTAKE, WAVES, Intake, draw_intake, draw_never_worked
from lmi_pipeline.synthetic.lfs_work import NO_ANSWER, NOT_ROUTED
from lmi_pipeline.synthetic.margins import QUARTERS
from lmi_pipeline.synthetic.population import SyntheticTruth, quarter_index, stream
from lmi_pipeline.synthetic.writers import write_delimited

Columns = dict[str, np.ndarray]

QUARTER_LETTERS = {"01": "jm", "04": "aj", "07": "js", "10": "od"}
GOVTOF2 = np.array([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
COUNTRY = np.array([1] * 9 + [2, 3, 5])
GOR9D = np.array([*(f"E1200000{i}" for i in range(1, 10)), "W99999999", "S99999999", "N99999999"])
WEEKS_IN_QUARTER, DAYS_IN_WEEK = 13, 7
_FIRST_SUNDAY = np.datetime64("1970-01-04")
# Until 2017 Q2 the files name the country, afterwards a group of countries.
LAST_QUARTER_WITH_COUNTRY = "2017-04"
# ISO country, group of countries, cumulative share; one table for those born in the EU, one for those born outside it.
EU_COUNTRIES = (
    (616, 3, 0.24), (642, 4, 0.36), (372, 2, 0.47), (276, 2, 0.56), (380, 2, 0.63), (620, 2, 0.68), (440, 3, 0.74),
    (250, 2, 0.79), (100, 4, 0.83), (428, 3, 0.86), (348, 3, 0.89), (300, 2, 0.92), (528, 2, 0.95),
    (703, 3, 0.98), (191, 5, 1.0),
)  # fmt: skip
OTHER_COUNTRIES = (
    (356, 9, 0.15), (586, 9, 0.24), (50, 9, 0.29), (566, 11, 0.34), (710, 11, 0.39), (156, 8, 0.44), (840, 13, 0.49),
    (608, 10, 0.53), (144, 9, 0.56), (404, 11, 0.59), (716, 11, 0.62), (36, 15, 0.66), (792, 6, 0.70), (364, 7, 0.75),
    (76, 14, 0.81), (504, 12, 0.86), (344, 8, 0.91), (706, 11, 0.96), (554, 15, 1.0),
)  # fmt: skip
WORK_COLUMNS = (
    "ILODEFR", "INECAC05", "STATR", "FTPTWK", "PUBLICR", "SOC10M", "INDC07M", "INDS07M", "SOC10L", "INDC07L",
)  # fmt: skip
UK_COUNTRY, UK_GROUP = 926, 1
CRY12_UK = np.array([921] * 9 + [924, 923, 922])


def editions(quarter: str) -> tuple[tuple[int, int], ...]:
    """Editions of a quarter's file: suffixes of the analysis and of the earnings weight."""
    if quarter < "2020-01":
        return ((18, 18),)
    if quarter < "2021-01":
        return ((18, 18), (20, 20))
    return {"2023-07": ((23, 22),), "2023-10": ((23, 23),)}.get(quarter, ((22, 22),))


def file_name(quarter: str, suffix: int) -> str:
    """Publisher's name of an edition, e.g. ``lfsp_jm20_eul_pwt18.tab``."""
    return f"lfsp_{QUARTER_LETTERS[quarter[5:]]}{quarter[2:4]}_eul_pwt{suffix}.tab"


@lru_cache(maxsize=3)
def respondents(truth: SyntheticTruth, quarter: str) -> Columns:
    """Persons who answer in one quarter: their true attributes, activity and design weight."""
    rows = sampled(truth, quarter)
    answered = rows.pop("answered")
    return {name: values[answered] for name, values in rows.items()}


def sampled(truth: SyntheticTruth, quarter: str) -> Columns:
    """Everyone in the five intakes of a quarter, and whether they answer; design weights stand for the population."""
    at = quarter_index(quarter)
    rng = stream(truth.seed, "lfs", 1, at)
    intakes = [draw_intake(truth, at - wave + 1) for wave in range(1, WAVES + 1)]
    people = _stack(intakes)
    wave = np.repeat(np.arange(1, WAVES + 1), [len(i) for i in intakes])
    age = np.minimum(people.age_at_entry + (wave - 1 + people.birthday_quarter) // 4, 99)
    answered = np.concatenate([lfs_weights.responds(i, w, quarter) for w, i in enumerate(intakes, start=1)])
    sample = {
        "age": age,
        "sex": people.sex,
        "birth": people.birth,
        "region": people.region,
        "stated": people.birth_stated,
    }
    design = lfs_weights.design_weights(truth, quarter, sample)
    level = lfs_work.qualification(people, age)
    work = lfs_work.activity(truth, quarter, people, age, rng)
    work |= lfs_work.job(people, age, work, level)
    never_worked = np.concatenate([draw_never_worked(truth, i.number) for i in intakes])
    work |= lfs_work.last_job(people, work, level, never_worked)
    work |= lfs_pay.hours_and_pay(truth, quarter, people, age, work, level, wave, rng)
    number = np.repeat([i.number - FIRST_INTAKE for i in intakes], [len(i) for i in intakes])
    rows = {f.name: getattr(people, f.name) for f in fields(Intake) if f.name != "number"}
    rows |= {
        "intake": number,
        "wave": wave,
        "age": age,
        "stated": people.birth_stated,
        "design": design,
        "level": level,
    } | work
    return rows | {"chance": rng.random((len(age), 2)), "answered": answered}


def _stack(intakes: list[Intake]) -> Intake:
    names = [f.name for f in fields(Intake) if f.name != "number"]
    return Intake(number=0, **{n: np.concatenate([getattr(i, n) for i in intakes]) for n in names})


@lru_cache(maxsize=4)
def weights(truth: SyntheticTruth, quarter: str, suffix: int) -> np.ndarray:
    """Analysis weight of the respondents of a quarter in one edition."""
    rows = respondents(truth, quarter)
    structure = lfs_weights.control_structure(truth, quarter, suffix)
    analysis = lfs_weights.population_weights(structure, rows, rows["design"])
    if suffix in lfs_weights.BIRTH_CONTROLS:
        controls = lfs_weights.birth_controls(truth, suffix)[:, quarter_index(quarter)]
        analysis = lfs_weights.birth_weights(structure, controls, rows, analysis)
    return analysis


def reference_weeks(quarter: str) -> np.ndarray:
    """The Sundays on which the 13 reference weeks of a quarter end.

    A year has four blocks of 13 weeks from its first Sunday on, so from wave to wave a household moves on by 13 weeks.
    The first week of a quarter may begin up to six days before it, the last one end a day after it, and the week that
    ends on a 53rd Sunday of the year is nobody's reference week.
    """
    new_year = np.datetime64(f"{quarter[:4]}-01-01")
    first = new_year + (_FIRST_SUNDAY - new_year).astype(int) % DAYS_IN_WEEK
    weeks = WEEKS_IN_QUARTER * ((int(quarter[5:]) - 1) // 3) + np.arange(WEEKS_IN_QUARTER)
    return first + DAYS_IN_WEEK * weeks


def _reference_week_columns(quarter: str, household: np.ndarray) -> Columns:
    """Sunday of each person's reference week; a household keeps its place among the 13 weeks from wave to wave."""
    sunday = reference_weeks(quarter)[household % WEEKS_IN_QUARTER]
    month = sunday.astype("datetime64[M]")
    return {
        "REFWKD": (sunday - month).astype(int) + 1,
        "REFWKM": month.astype(int) % 12 + 1,
        "REFWKY": sunday.astype("datetime64[Y]").astype(int) + 1970,
    }


def person_columns(truth: SyntheticTruth, quarter: str) -> Columns:
    """Variables of the person file that all editions of a quarter share."""
    rows = respondents(truth, quarter)
    household = rows["intake"] * 1_000_000 + rows["household"]
    columns: Columns = {
        "CASENOP": household * 100 + rows["person"],
        "HSERIALP": household,
        "PERSNO": rows["person"],
        "THISWV": rows["wave"],
        "AGE": rows["age"],
        "SEX": rows["sex"] + 1,
        "COUNTRY": COUNTRY[rows["region"]],
        "GOVTOF2": GOVTOF2[rows["region"]],
        "GOR9D": GOR9D[rows["region"]],
    }
    columns |= _origin_columns(quarter, rows)
    columns["TEN1"] = np.where(rows["chance"][:, 0] < 0.004, NO_ANSWER, rows["tenure"])
    columns["ETHUKEUL"] = _ethnicity(rows)
    columns |= {name: rows[name] for name in WORK_COLUMNS}
    columns["HIQUL11D" if quarter < "2015-01" else "HIQUL15D"] = rows["level"]
    for name in ("HOURPAY", "GRSSWK", "TTUSHR", "TTACHR", "BUSHR"):
        columns[name] = rows[name]
    columns["IOUTCOME"] = np.select([rows["age"] < 16, rows["chance"][:, 1] < 0.35], [NOT_ROUTED, 2], 1)
    return columns | _reference_week_columns(quarter, rows["household"])


def _origin_columns(quarter: str, rows: Columns) -> Columns:
    country, group = origin(rows["birth"], rows["country_of_birth"])
    nationality, nationality_group = origin(rows["nationality"], rows["country_of_birth"])
    stated = rows["stated"]
    short = np.where(rows["birth"] == 0, CRY12_UK[rows["region"]], country)
    columns = {"CRY12": np.where(stated, short, NO_ANSWER)}
    if quarter <= LAST_QUARTER_WITH_COUNTRY:
        named = {"CRYOX7": country, "NATOX7": nationality}
    else:
        named = {"CRYOX7_EUL_Sub": group, "NATOX7_EUL_Sub": nationality_group}
    return columns | {name: np.where(stated, values, NO_ANSWER) for name, values in named.items()}


def origin(group: np.ndarray, draw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ISO country and EUL group of countries of each person of a country-of-birth or nationality group."""
    country, area = np.full(len(group), UK_COUNTRY), np.full(len(group), UK_GROUP)
    for code, table in ((1, EU_COUNTRIES), (2, OTHER_COUNTRIES)):
        iso, areas, edges = (np.array(column) for column in zip(*table, strict=True))
        at = np.searchsorted(edges, draw[group == code])
        country[group == code], area[group == code] = iso[at], areas[at]
    return country, area


def _ethnicity(rows: Columns) -> np.ndarray:
    draw, birth = rows["country_of_birth"], rows["birth"]
    at_home = np.select(
        [draw < 0.91, draw < 0.93, draw < 0.95, draw < 0.965, draw < 0.97, draw < 0.99], [1, 2, 3, 4, 5, 8], 9
    )
    abroad = np.select(
        [draw < 0.15, draw < 0.24, draw < 0.29, draw < 0.39, draw < 0.44, draw < 0.49], [3, 4, 5, 8, 6, 1], 7
    )
    return np.select([birth == 0, birth == 1], [at_home, np.where(draw < 0.95, 1, 9)], abroad)


def generate_lfs_quarter(truth: SyntheticTruth, quarter: str, folder: Path) -> Iterator[Path]:
    """Write every edition of one quarter's person file; needs no other quarter."""
    shared = person_columns(truth, quarter)
    rows = respondents(truth, quarter)
    employee = rows["INECAC05"] == 1
    for suffix, earnings_suffix in editions(quarter):
        analysis = weights(truth, quarter, suffix)
        earnings = weights(truth, quarter, earnings_suffix) if earnings_suffix != suffix else analysis
        columns = shared | {
            f"PWT{suffix}": np.round(analysis, 4),
            f"PIWT{earnings_suffix}": np.round(lfs_weights.earnings_weights(earnings, employee, rows["wave"]), 4),
        }
        yield write_delimited(folder / file_name(quarter, suffix), columns, "\t")


def generate_person_files(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the person files of every quarter."""
    for quarter in QUARTERS:
        yield from generate_lfs_quarter(truth, quarter, folder)
