"""Mid-year population estimates: Nomis files of NM_2002_1 and the ONS workbook of totals by local authority."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.population.ages import ALL_AGES, NOMIS_AGES
from lmi_pipeline.sources.population.nomis import read_nomis, separator_of
from lmi_pipeline.sources.population.observations import (
    GSS,
    SEXES,
    dimension,
    header_of,
    read_text,
    release_in_name,
    without_repeats,
)
from lmi_pipeline.sources.workbook import Sheet, Workbook, cells

NOMIS, AREA_TOTALS = "nomis_estimate", "area_totals"
LAYOUTS = (NOMIS, AREA_TOTALS)

_NOMIS_NAME = re.compile(r"NM_2002_1(?:_(?P<year>(?:19|20)\d{2}))?(?:_.*)?", re.IGNORECASE)
_TOTALS_NAME = re.compile(r"populationestimates.*", re.IGNORECASE)
_KEY = ["release", "year", "area_code", "sex", "age_label"]


def identify(path: Path) -> FileIdentity | None:
    """Identify a file of estimates by its name; None if it is none."""
    if path.suffix.lower() in (".tsv", ".csv") and _NOMIS_NAME.fullmatch(path.stem):
        return FileIdentity("population", NOMIS, release_in_name(path) or f"nomis-{_latest_date(path)}")
    if path.suffix.lower() in (".xlsx", ".xls", ".ods") and _TOTALS_NAME.fullmatch(path.stem):
        return FileIdentity("population", AREA_TOTALS, release_in_name(path) or f"mye-{_latest_column(path)}")
    return None


def _latest_date(path: Path) -> str:
    separator = separator_of(path)
    if "DATE" in header_of(path, separator):
        table = read_text(path, separator)
        table.require("DATE", r"\d{4}", "a year")
        return str(table.frame["DATE"].max())
    named = _NOMIS_NAME.fullmatch(path.stem)
    if named is None or named["year"] is None:
        raise SourceError(
            "carries no column DATE, and its name no year: nothing says which mid-year it describes.",
            file=path.name,
            cell="A1",
            hint="Ask the API for the column DATE, or put the year into the name: NM_2002_1_2011_....tsv.",
        )
    return str(named["year"])


def _latest_column(path: Path) -> str:
    sheet = _totals_sheet(path)
    return max(sheet.row_texts(0)[2:])


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read a file of estimates as cells."""
    if identity.layout == AREA_TOTALS:
        return _read_totals(path)
    result = read_nomis(path, "DATE")
    if "DATE" in header_of(path, separator_of(path)):
        return result
    year = _latest_date(path)
    labels = result.frame["row_label"].str.replace(" | ", f" | DATE={year} | ", n=1, regex=False)
    note = f"The file has no column DATE; the year {year} is the one in its name."
    return ReadResult(result.frame.assign(row_label=labels), (*result.notes, note))


def _totals_sheet(path: Path) -> Sheet:
    workbook = Workbook.open(path)
    sheet = workbook.sheet(workbook.require_sheets({"data": "Data population"})["data"])
    header = sheet.row_texts(0)
    for column, expected in enumerate(("Region Code", "Region name")):
        if sheet.text(0, column) != expected:
            raise sheet.error(f"expected the header '{expected}', found '{sheet.text(0, column)}'", 0, column)
    for column, text in enumerate(header[2:], start=2):
        if not re.fullmatch(r"(?:19|20)\d{2}", text):
            raise sheet.error(f"expected a year, found '{text}'", 0, column)
    return sheet


def _read_totals(path: Path) -> ReadResult:
    sheet = _totals_sheet(path)
    end = next((r for r in range(1, len(sheet.rows)) if not any(sheet.row_texts(r))), len(sheet.rows))
    for row in range(1, end):
        if not re.fullmatch(GSS, sheet.text(row, 0)):
            raise sheet.error(f"expected a nine-character area code, found '{sheet.text(row, 0)}'", row)
    for row in range(end, len(sheet.rows)):
        if any(sheet.row_texts(row)[1:]):
            raise sheet.error("expected only a note below the table, found more cells", row, 1)
    frame = cells(
        sheet,
        header_rows=[0],
        data_rows=range(1, end),
        label_column=0,
        columns=range(2, sheet.width),
        markers=(),
        unit="persons",
        blank="refuse",
    )
    return ReadResult(frame)


def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Turn cells into rows of ``core_population__yearly_estimate``.

    Totals over ages and sexes keep the age ``total`` and the sex ``all``. Missing and confidential values
    stay in the raw table.
    """
    rows = raw.loc[raw["layout"].isin(LAYOUTS) & raw["cell_value"].notna()]
    is_total = rows["layout"] == AREA_TOTALS
    label = rows["row_label"]
    core = pd.DataFrame(
        {
            "release": rows["release"],
            "year": rows["column_label"].where(is_total, dimension(label, "DATE")).astype("int64"),
            "area_code": label.where(is_total, dimension(label, "GEOGRAPHY_CODE")),
            "sex": dimension(label, "GENDER").map(SEXES).where(~is_total, "all"),
            "age_label": dimension(label, "C_AGE").map(NOMIS_AGES).where(~is_total, ALL_AGES),
            "population_count": rows["cell_value"],
            "sha256": rows["sha256"],
            "synthetic": rows["synthetic"],
        }
    )
    return without_repeats(core, _KEY, "population_count", rows["file_name"])
