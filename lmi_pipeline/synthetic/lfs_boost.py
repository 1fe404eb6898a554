"""The local boost of the Annual Population Survey: households outside the intakes of the Labour Force Survey.

They are drawn as a second, independent sample of the same population and respond as a first wave does. Nobody is
followed from year to year: the wave only says how often such a household is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from lmi_pipeline.synthetic.lfs import QUARTER_LETTERS, person_columns
from lmi_pipeline.synthetic.lfs_people import DATASET_QUARTERS
from lmi_pipeline.synthetic.population import SyntheticTruth
from lmi_pipeline.synthetic.writers import write_delimited

WAVES = 4
# Every second household of an intake's size, so that the boost is about a quarter of waves 1 and 5 together.
EVERY = 2
FIRST_HOUSEHOLD = 900_000_000
PERSONS_PER_KEY = 100
NORTHERN_IRELAND = 13
_OTHER_SAMPLE = 1_000_003


@lru_cache(maxsize=4)
def _second_sample(truth: SyntheticTruth) -> SyntheticTruth:
    """The same population, other samples of it."""
    return replace(truth, seed=truth.seed + _OTHER_SAMPLE)


def file_name(quarter: str) -> str:
    """Name of a quarter's file, e.g. ``lfsb_jm20_eul.tab``."""
    return f"lfsb_{QUARTER_LETTERS[quarter[5:]]}{quarter[2:4]}_eul.tab"


@lru_cache(maxsize=8)
def boost_columns(truth: SyntheticTruth, quarter: str) -> dict[str, np.ndarray]:
    """Variables of the boost persons of a quarter, as in the person file; no weights, not in Northern Ireland."""
    columns = person_columns(_second_sample(truth), quarter)
    chosen = (columns["THISWV"] == 1) & (columns["GOVTOF2"] != NORTHERN_IRELAND) & (columns["HSERIALP"] % EVERY == 0)
    boost = {name: values[chosen] for name, values in columns.items()}
    boost["THISWV"] = boost["HSERIALP"] // EVERY % WAVES + 1
    boost["HSERIALP"] = boost["HSERIALP"] + FIRST_HOUSEHOLD
    boost["CASENOP"] = boost["HSERIALP"] * PERSONS_PER_KEY + boost["PERSNO"]
    return boost


def generate_boost_files(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the boost persons of every quarter that a weighted dataset needs."""
    for quarter in DATASET_QUARTERS:
        yield write_delimited(folder / file_name(quarter), boost_columns(truth, quarter), "\t")
