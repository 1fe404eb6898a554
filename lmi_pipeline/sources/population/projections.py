"""Population projections: Nomis files of NM_2006_1, national and subnational files by variant."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.population.ages import NOMIS_AGES, PROJECTION_AGES
from lmi_pipeline.sources.population.nomis import open_nomis, read_nomis, separator_of
from lmi_pipeline.sources.population.observations import (
    GSS,
    SEXES,
    TextTable,
    dimension,
    header_of,
    observation_cells,
    read_text,
    release_in_name,
    require_columns,
    without_repeats,
)

NOMIS, NATIONAL, SUBNATIONAL = "nomis_projection", "national_projection", "subnational_projection"
LAYOUTS = (NOMIS, NATIONAL, SUBNATIONAL)
PRINCIPAL = "ppp"

_NAMES = {
    NOMIS: re.compile(r"NM_2006_1(?:_.*)?\.(?:tsv|csv)", re.IGNORECASE),
    NATIONAL: re.compile(r"npp_(?P<variant>[a-z]{3})(?:_[\d-]+)?\.csv", re.IGNORECASE),
    SUBNATIONAL: re.compile(r"snpp_[a-z](?:_[\d-]+)?\.csv", re.IGNORECASE),
}
_YEAR = "PROJECTED_YEAR_NAME"
_COLUMNS = ("GEOGRAPHY_CODE", _YEAR, "GENDER", "C_AGE", "OBS_VALUE")
_DIMENSIONS = ("GEOGRAPHY_CODE", _YEAR, "GENDER", "C_AGE")
_KEY = ["release", "projection_variant", "year", "area_code", "sex", "age_label"]


def identify(path: Path) -> FileIdentity | None:
    """Identify a file of projections by its name; None if it is none."""
    layout = next((name for name, pattern in _NAMES.items() if pattern.fullmatch(path.name)), None)
    if layout is None:
        return None
    return FileIdentity("population", layout, release_in_name(path) or _release(path, layout))


def _release(path: Path, layout: str) -> str:
    table = open_nomis(path) if layout == NOMIS else _open_file(path)
    require_columns(table, _COLUMNS, tuple(table.frame.columns))
    first = table.frame[_YEAR].min()
    return f"nomis-{first}" if layout == NOMIS else f"{first}-based"


def _open_file(path: Path) -> TextTable:
    table = read_text(path, ",")
    require_columns(table, _COLUMNS, _COLUMNS)
    table.require("GEOGRAPHY_CODE", GSS, "a nine-character area code")
    table.require(_YEAR, r"\d{4}", "a year")
    table.require_codes("GENDER", tuple(SEXES))
    table.require_codes("C_AGE", tuple(PROJECTION_AGES))
    return table


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read a file of projections as cells; a variant in the file name becomes part of the row labels."""
    if identity.layout == NOMIS:
        require_columns_of_nomis(path)
        return read_nomis(path, _YEAR)
    frame = observation_cells(_open_file(path), _DIMENSIONS, "OBS_VALUE", unit="persons")
    return ReadResult(frame)


def require_columns_of_nomis(path: Path) -> None:
    """Refuse a Nomis file of projections without the projected year."""
    if _YEAR not in header_of(path, separator_of(path)):
        table = read_text(path, separator_of(path))
        require_columns(table, _COLUMNS, tuple(table.frame.columns))


def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Turn cells into rows of ``core_population__yearly_projection``.

    The variant is the one in the name of a national file (``npp_hhh.csv``: high); Nomis and subnational
    files hold the principal projection, ``ppp``.
    """
    rows = raw.loc[raw["layout"].isin(LAYOUTS) & raw["cell_value"].notna()]
    label, named = rows["row_label"], rows["file_name"].str.extract(_NAMES[NATIONAL], expand=True)["variant"]
    age = dimension(label, "C_AGE")
    core = pd.DataFrame(
        {
            "release": rows["release"],
            "projection_variant": named.str.lower().where(rows["layout"] == NATIONAL, PRINCIPAL),
            "year": dimension(label, _YEAR).astype("int64"),
            "area_code": dimension(label, "GEOGRAPHY_CODE"),
            "sex": dimension(label, "GENDER").map(SEXES),
            "age_label": age.map(NOMIS_AGES).where(rows["layout"] == NOMIS, age.map(PROJECTION_AGES)),
            "population_count": rows["cell_value"],
            "sha256": rows["sha256"],
            "synthetic": rows["synthetic"],
        }
    )
    return without_repeats(core, _KEY, "population_count", rows["file_name"])
