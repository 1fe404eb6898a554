"""Issued households of the Labour Force Survey: where they live, how they were approached, whether they answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from lmi_pipeline.synthetic import lfs_weights
from lmi_pipeline.synthetic.census import AREAS_IN_REGION, area_codes, area_households
from lmi_pipeline.synthetic.lfs import GOVTOF2, QUARTER_LETTERS
from lmi_pipeline.synthetic.lfs_people import (
    DATASET_QUARTERS,
    FIRST_INTAKE,
    WAVES,
    draw_intake,
    intake_quarter,
)
from lmi_pipeline.synthetic.population import SyntheticTruth, quarter_index, stream
from lmi_pipeline.synthetic.writers import write_delimited

HOUSEHOLDS_PER_INTAKE = 1_000_000
# Share of first contacts tried face to face, by telephone, by knock-to-nudge, from the quarter of the intake on.
MODES = {
    "2014-07": (1.0, 0.0, 0.0),
    "2020-01": (0.85, 0.15, 0.0),
    "2020-04": (0.0, 1.0, 0.0),
    "2021-04": (0.0, 0.35, 0.65),
}


@dataclass(frozen=True)
class IssuedIntake:
    """Households of one intake, one array element a household, in order of their number.

    Attributes
    ----------
    household : ndarray
        Key as in the person file (HSERIALP).
    region, area : ndarray
        Position of the region, and of the local authority inside it.
    mode : ndarray
        Mode of the first contact, 1 to 3.
    first_row : ndarray
        Row of the household's first person in the intake.
    """

    household: np.ndarray
    region: np.ndarray
    area: np.ndarray
    mode: np.ndarray
    first_row: np.ndarray


@lru_cache(maxsize=WAVES + 1)
def issue_intake(truth: SyntheticTruth, number: int) -> IssuedIntake:
    """Give the households of an intake their local authority and the mode of their first contact.

    A household lives in an area of its region in proportion to the area's census households of its group.
    """
    people = draw_intake(truth, number)
    first = np.flatnonzero(np.diff(people.household, prepend=-1))
    region, group = people.region[first], people.household_group[first]
    rng = stream(truth.seed, "lfs", 2, number - FIRST_INTAKE + 1)
    edges = area_households(truth)[group, region].cumsum(axis=1)
    area = (rng.random((len(first), 1)) * edges[:, -1:] > edges[:, :-1]).sum(axis=1)
    shares = MODES[max(quarter for quarter in MODES if quarter <= intake_quarter(number))]
    mode = 1 + np.searchsorted(np.cumsum(shares[:-1]), rng.random(len(first)), side="right")
    key = (number - FIRST_INTAKE) * HOUSEHOLDS_PER_INTAKE + people.household[first]
    return IssuedIntake(key, region, area, mode, first)


def file_name(quarter: str) -> str:
    """Name of a quarter's file, e.g. ``lfss_jm20.csv``."""
    return f"lfss_{QUARTER_LETTERS[quarter[5:]]}{quarter[2:4]}.csv"


def sample_columns(truth: SyntheticTruth, quarter: str) -> dict[str, np.ndarray]:
    """Variables of the file: every household of the five intakes live in the quarter."""
    parts = [_intake_columns(truth, quarter, wave) for wave in range(1, WAVES + 1)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _intake_columns(truth: SyntheticTruth, quarter: str, wave: int) -> dict[str, np.ndarray]:
    number = quarter_index(quarter) - wave + 1
    people, issued = draw_intake(truth, number), issue_intake(truth, number)
    reached = lfs_weights.responds(people, 1, intake_quarter(number))
    answered = lfs_weights.responds(people, wave, quarter)
    return {
        "HSERIALP": issued.household,
        "THISWV": np.full(len(issued.household), wave),
        "GOVTOF2": GOVTOF2[issued.region],
        "LAUA": area_codes()[issued.region * AREAS_IN_REGION + issued.area],
        "MODE": issued.mode,
        "CONTACT": reached[issued.first_row].astype(int),
        "RESPONSE": answered[issued.first_row].astype(int),
    }


def generate_sample_files(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the issued sample of every quarter that a weighted dataset needs."""
    for quarter in DATASET_QUARTERS:
        yield write_delimited(folder / file_name(quarter), sample_columns(truth, quarter), ",")
