"""The aggregate workbooks of the Labour Force Survey: EMP06, INAC01, A01 and A05.

The release of a workbook is the date of publication it carries. A file that ONS re-issues in the same month
carries the same date but a number at the end of its name (``emp06nsaaug2021.2.xls``); the number is appended
to the date (``2021-08-17.2``), so that both editions stay side by side.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.lfs import emp06, inac01, summary
from lmi_pipeline.sources.lfs.published_table import (
    IDENTIFIERS,
    Description,
    WorkbookLayout,
    parse_period,
    publication_date,
    unknown_file,
)
from lmi_pipeline.sources.workbook import Workbook

_LAYOUTS: dict[str, WorkbookLayout] = {
    layout.name: layout for layout in (emp06.LAYOUT, inac01.LAYOUT, summary.A01, summary.A05)
}
LAYOUTS = tuple(_LAYOUTS)

_SUFFIXES = (".xls", ".xlsx", ".ods")
_COLUMN = ["sha256", "sheet", "column_number"]
_CORE_COLUMNS = ["release", "dataset", "sha256", "sheet", "series_label", "series_id", "basis", "category", "measure"]
_CORE_COLUMNS += ["period", "is_revised", "measure_value", "cell_marker", "synthetic"]


def identify_aggregate(path: Path) -> FileIdentity | None:
    """Identify a workbook by the titles of its sheets; None if it is none of :data:`LAYOUTS`.

    Raises
    ------
    SourceError
        If the workbook cannot be opened, carries no date of publication, or has the name of a layout
        but no sheet of it.
    """
    if path.suffix.lower() not in _SUFFIXES:
        return None
    workbook = Workbook.open(path)
    for name in workbook.sheet_names:
        sheet = workbook.sheet(name)
        layout = next((known for known in _LAYOUTS.values() if re.fullmatch(known.title, sheet.text(0, 0))), None)
        if layout is not None:
            release = f"{publication_date(sheet).isoformat()}{_reissue(path)}"
            return FileIdentity("lfs", layout.name, release)
    for known in _LAYOUTS.values():
        if re.fullmatch(known.file_name, path.stem, re.IGNORECASE):
            raise unknown_file(path.name, known.title)
    return None


def _reissue(path: Path) -> str:
    found = re.search(r"\.\d+$", path.stem)
    return found[0] if found else ""


def read_aggregate(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the data cells of a workbook, with the series identifiers as a row of their own.

    Raises
    ------
    SourceError
        For anything in the workbook that is not understood.
    """
    layout = _LAYOUTS.get(identity.layout)
    if layout is None:
        raise SourceError(f"expected a layout of {', '.join(LAYOUTS)}, got '{identity.layout}'", file=path.name)
    return layout.read(Workbook.open(path))


def tidy_published_series(raw: pd.DataFrame) -> pd.DataFrame:
    """Turn cells of ``raw_lfs__published_cell`` into rows of ``core_lfs__quarterly_published_series``.

    Levels are persons and are left as published, whatever the heading of the sheet says.
    """
    is_identifier = raw["row_label"] == IDENTIFIERS
    identifiers = raw.loc[is_identifier, [*_COLUMN, "cell_text"]].rename(columns={"cell_text": "series_id"})
    data = raw.loc[~is_identifier].merge(identifiers, on=_COLUMN, how="left", validate="many_to_one")
    series = data.join(_periods(data["row_label"]), on="row_label")
    keys = ["layout", "sheet", "column_label"]
    series = series.merge(_descriptions(data[[*keys, "file_name"]]), on=keys, how="left", validate="many_to_one")
    renamed = {"layout": "dataset", "column_label": "series_label", "cell_value": "measure_value"}
    return series.rename(columns=renamed)[_CORE_COLUMNS].reset_index(drop=True)


def _periods(row_labels: pd.Series) -> pd.DataFrame:
    distinct = pd.Index(row_labels.unique(), name="row_label")
    found = [parse_period(label) for label in distinct]
    if None in found:
        raise SourceError(f"'{distinct[found.index(None)]}' is not a period of three months")
    periods = [period for period in found if period is not None]
    columns = {
        "period": pd.array([period.first_month for period in periods], dtype="str"),
        "is_revised": pd.array([period.is_revised for period in periods], dtype="bool"),
    }
    return pd.DataFrame(columns, index=distinct)


def _descriptions(headers: pd.DataFrame) -> pd.DataFrame:
    distinct = headers.drop_duplicates(["layout", "sheet", "column_label"]).reset_index(drop=True)
    found = [_describe(*row) for row in distinct.itertuples(index=False, name=None)]
    described = pd.DataFrame(found, columns=list(Description._fields), dtype="str")
    return pd.concat([distinct.drop(columns="file_name"), described], axis=1)


def _describe(layout: str, sheet: str, label: str, file_name: str) -> Description:
    found = _LAYOUTS[layout].describe(sheet, label)
    if found is None:
        raise SourceError(f"unknown column header '{label}'", file=file_name, sheet=sheet)
    return found
