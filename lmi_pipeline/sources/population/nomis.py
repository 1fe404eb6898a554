"""Files of the Nomis API: one observation a line, some or all of 34 columns, comma or tab separated.

Dimensions are coded. OBS_STATUS says whether a value is normal (A) or missing or suppressed (Q), OBS_CONF
whether it is free (F) or confidential (C); any other code is refused, as is a measure other than the value.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lmi_pipeline.sources.base import ReadResult
from lmi_pipeline.sources.population.ages import NOMIS_AGES, label_of_name
from lmi_pipeline.sources.population.observations import (
    GSS,
    SEXES,
    TextTable,
    observation_cells,
    read_text,
    require_columns,
)

NEEDED = ("GEOGRAPHY_CODE", "GENDER", "C_AGE", "OBS_VALUE")
YEARS = ("DATE", "PROJECTED_YEAR_NAME")
VALUE_MEASURE = "20100"
MISSING, CONFIDENTIAL = "Q", "C"
SEPARATORS = {".tsv": "\t", ".csv": ","}

_PARTS = ("", "_NAME", "_CODE", "_TYPE", "_TYPECODE", "_SORTORDER")
_DIMENSIONS = ("DATE", "PROJECTED_YEAR", "GEOGRAPHY", "GENDER", "C_AGE", "MEASURES", "OBS_STATUS", "OBS_CONF", "FREQ")
_KNOWN = tuple(f"{name}{part}" for name in _DIMENSIONS for part in _PARTS)
_KNOWN += ("OBS_VALUE", "URN", "RECORD_OFFSET", "RECORD_COUNT")


def separator_of(path: Path) -> str:
    """Separator of a Nomis file, from its suffix."""
    return SEPARATORS.get(path.suffix.lower(), ",")


def open_nomis(path: Path) -> TextTable:
    """Read a Nomis file and refuse columns, areas, sexes, ages, years, measures and flags that are not known."""
    table = read_text(path, separator_of(path))
    require_columns(table, NEEDED, _KNOWN)
    table.require("GEOGRAPHY_CODE", GSS, "a nine-character area code")
    table.require_codes("GENDER", tuple(SEXES))
    table.require_codes("C_AGE", tuple(NOMIS_AGES))
    for name in YEARS:
        if name in table.frame:
            table.require(name, r"\d{4}", "a year")
    for name, known in (
        ("MEASURES", (VALUE_MEASURE,)),
        ("OBS_STATUS", ("A", MISSING)),
        ("OBS_CONF", ("F", CONFIDENTIAL)),
    ):
        if name in table.frame:
            table.require_codes(name, known)
    if "RECORD_COUNT" in table.frame:
        table.require("RECORD_COUNT", r"\d+", "a count")
    _check_age_names(table)
    return table


def _check_age_names(table: TextTable) -> None:
    if "C_AGE_NAME" not in table.frame:
        return
    pairs = table.frame[["C_AGE", "C_AGE_NAME"]].drop_duplicates()
    for line, code, name in pairs.itertuples(name=None):
        if label_of_name(name) != NOMIS_AGES[code]:
            raise table.error(
                f"code {code} is named '{name}', expected an age of {NOMIS_AGES[code]}", line, "C_AGE_NAME"
            )


def read_nomis(path: Path, year_column: str) -> ReadResult:
    """Read the observations of a Nomis file as cells."""
    table = open_nomis(path)
    present = [name for name in ("GEOGRAPHY_CODE", year_column, "GENDER", "C_AGE") if name in table.frame]
    markers = _markers(table.frame)
    frame = observation_cells(table, present, "OBS_VALUE", unit="persons", markers=markers)
    return ReadResult(frame, tuple(_notes(table, markers)))


def _markers(frame: pd.DataFrame) -> pd.Series:
    marker = pd.Series(pd.NA, index=frame.index, dtype="str")
    for name, code in (("OBS_STATUS", MISSING), ("OBS_CONF", CONFIDENTIAL)):
        if name in frame:
            marker = marker.mask(frame[name] == code, code)
    return marker


def _notes(table: TextTable, markers: pd.Series) -> list[str]:
    notes = []
    withheld = int(markers.notna().sum())
    if withheld:
        notes.append(f"{withheld} values are missing, suppressed or confidential; they stay in the raw table only.")
    if "RECORD_COUNT" in table.frame:
        announced, held = int(table.frame["RECORD_COUNT"].iloc[0]), len(table.frame)
        if held < announced:
            notes.append(f"Holds {held} of the {announced} records of its query: page on with recordoffset.")
    return notes
