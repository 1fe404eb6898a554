"""Weights issued with the longitudinal, household and annual files, before country of birth was controlled for.

All are post-stratified to the population that the person weights of their time meet, by region, sex and age;
household weights, one for all members, to the regions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from lmi_pipeline.methods.quarters import shift_quarter
from lmi_pipeline.synthetic import lfs, lfs_weights
from lmi_pipeline.synthetic.lfs_boost import boost_columns
from lmi_pipeline.synthetic.lfs_people import WAVES
from lmi_pipeline.synthetic.margins import QUARTERS
from lmi_pipeline.synthetic.population import SyntheticTruth
from lmi_pipeline.synthetic.writers import write_delimited

SUFFIX = 18
FIRST_PERIOD, LAST_PERIOD = "2018-10", "2020-10"
PERIODS = tuple(quarter for quarter in QUARTERS if FIRST_PERIOD <= quarter <= LAST_PERIOD)
ADULT = 16

Persons = dict[str, np.ndarray]


@lru_cache(maxsize=5)
def _respondents(truth: SyntheticTruth, quarter: str) -> Persons:
    """Respondents of a quarter's person file with their weight, by person key."""
    rows, columns = lfs.respondents(truth, quarter), lfs.person_columns(truth, quarter)
    return {
        "person": columns["CASENOP"],
        "household": columns["HSERIALP"],
        "wave": rows["wave"],
        "region": rows["region"],
        "sex": rows["sex"],
        "age": rows["age"],
        "weight": lfs.weights(truth, quarter, SUFFIX),
    }


@lru_cache(maxsize=5)
def _boost(truth: SyntheticTruth, quarter: str) -> Persons:
    columns = boost_columns(truth, quarter)
    return {
        "person": columns["CASENOP"],
        "household": columns["HSERIALP"],
        "wave": columns["THISWV"],
        "region": np.searchsorted(lfs.GOVTOF2, columns["GOVTOF2"]),
        "sex": columns["SEX"] - 1,
        "age": columns["AGE"],
        "weight": np.full(len(columns["AGE"]), _respondents(truth, quarter)["weight"].mean()),
    }


def _of(rows: Persons, chosen: np.ndarray) -> Persons:
    return {name: values[chosen] for name, values in rows.items()}


def _structure(truth: SyntheticTruth, quarters: Sequence[str]) -> np.ndarray:
    """Mean over the quarters of the population by region, sex and age that weights of the suffix meet."""
    structures = [lfs_weights.control_structure(truth, quarter, SUFFIX) for quarter in quarters]
    mean: np.ndarray = np.mean(structures, axis=0)
    return mean


def _weighted(truth: SyntheticTruth, quarters: Sequence[str], rows: Persons) -> Persons:
    """Weights post-stratified to the mean population of the quarters by region, sex and age."""
    return rows | {"weight": lfs_weights.population_weights(_structure(truth, quarters), rows, rows["weight"])}


def four_quarters(period: str) -> tuple[str, ...]:
    """The four quarters of an annual dataset, named by its last one."""
    return tuple(shift_quarter(period, back) for back in (-3, -2, -1, 0))


def annual_persons(truth: SyntheticTruth, period: str) -> Persons:
    """Waves 1 and 5 of four quarters and the boost; nobody stands twice."""
    quarters, parts = four_quarters(period), []
    for quarter in quarters:
        rows = _respondents(truth, quarter)
        parts += [_of(rows, np.isin(rows["wave"], (1, WAVES))), _boost(truth, quarter)]
    return _weighted(truth, quarters, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def linked_persons(truth: SyntheticTruth, period: str) -> Persons:
    """Adults who answered in a quarter and in the one before, as in the later one."""
    rows, before = _respondents(truth, period), _respondents(truth, shift_quarter(period, -1))
    both = np.isin(rows["person"], before["person"]) & (rows["age"] >= ADULT)
    return _weighted(truth, (period,), _of(rows, both))


def with_household_weights(truth: SyntheticTruth, quarters: Sequence[str], rows: Persons) -> Persons:
    """One weight for all members of a household, the mean of theirs, scaled to the population of the region."""
    _, household = np.unique(rows["household"], return_inverse=True)
    mean = (np.bincount(household, rows["weight"]) / np.bincount(household))[household]
    population = _structure(truth, quarters).sum(axis=(1, 2))
    return rows | {"weight": lfs_weights.rake(mean, [rows["region"]], [population], steps=1)}


def _months(quarter: str) -> str:
    return f"{lfs.QUARTER_LETTERS[quarter[5:]]}{quarter[2:4]}"


def annual_span(period: str) -> str:
    """Twelve months in a file's name: ``jd20``, or with both years ``a19m20``."""
    first, last = shift_quarter(period, -3)[2:4], period[2:4]
    letters = {"10": "", "01": "am", "04": "jj", "07": "os"}[period[5:]]
    return f"{letters[0]}{first}{letters[1]}{last}" if letters else f"jd{last}"


def datasets(truth: SyntheticTruth, period: str) -> Iterator[tuple[str, str, Persons]]:
    """File name, weight variable and persons of every dataset of a period."""
    before, span = shift_quarter(period, -1), annual_span(period)
    annual = annual_persons(truth, period)
    household = with_household_weights(truth, (period,), _respondents(truth, period))
    annual_household = with_household_weights(truth, four_quarters(period), annual)
    yield f"lgwt{SUFFIX}_2q_{_months(before)}_{_months(period)}_eul.tab", "LGWT", linked_persons(truth, period)
    yield f"lfsh_{_months(period)}_eul_phhwt{SUFFIX}.tab", "PHHWT", household
    yield f"apsp_{span}_eul_pwta{SUFFIX}.tab", "PWTA", annual
    yield f"apsh_{span}_eul_phhwta{SUFFIX}.tab", "PHHWTA", annual_household


def generate_dataset_weight_files(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the files of every period that has official weights of these datasets."""
    for period in PERIODS:
        for name, variable, rows in datasets(truth, period):
            columns = {
                "CASENOP": rows["person"],
                "HSERIALP": rows["household"],
                "THISWV": rows["wave"],
                f"{variable}{SUFFIX}": np.round(rows["weight"], 4),
            }
            yield write_delimited(folder / name, columns, "\t")
