"""Census 2011 area tables as Nomis gives them in bulk csv files (QS405EW, tenure of households)."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import CELL_COLUMNS, FileIdentity, Reader, ReadResult
from lmi_pipeline.sources.workbook import DOWNLOAD_AGAIN, cell_name

SOURCE = "census"
RAW, CORE = "raw_census__published_cell", "core_census__area_characteristic"
_KEYS = ("date", "geography", "geography code", "Rural Urban")
_COLUMN = re.compile(r"(?P<variable>[^:]+): (?P<category>.+); measures: Value")
_AREA_CODE = re.compile(r"[EW]\d{8}")
_VARIABLES = {"tenure_qs405ew": "Tenure"}


def _layout(name: str) -> str:
    for layout in catalog.source(SOURCE).layouts:
        if re.fullmatch(layout.file_pattern, name):
            return layout.name
    patterns = ", ".join(repr(layout.file_pattern) for layout in catalog.source(SOURCE).layouts)
    raise SourceError(f"is no census file; expected a name like {patterns}", file=name)


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"cannot be read as csv ({error}).", file=path.name, hint=DOWNLOAD_AGAIN) from error
    if len(rows) < 2:
        raise SourceError("holds no row of data.", file=path.name, hint=DOWNLOAD_AGAIN)
    return rows


def _check_header(header: list[str], variable: str, file: str) -> None:
    for column, expected in enumerate(_KEYS):
        if header[column : column + 1] != [expected]:
            raise SourceError(
                f"expected the column '{expected}'",
                file=file,
                sheet=Path(file).stem,
                cell=cell_name(0, column),
            )
    for column, label in enumerate(header[len(_KEYS) :], start=len(_KEYS)):
        match = _COLUMN.fullmatch(label)
        if match is None or match["variable"] != variable:
            raise SourceError(
                f"expected a column '{variable}: <category>; measures: Value', found {label!r}",
                file=file,
                sheet=Path(file).stem,
                cell=cell_name(0, column),
            )


def identify(path: Path) -> FileIdentity:
    """Tell the census table by the file's name and check its header."""
    layout = _layout(path.name)
    rows = _rows(path)
    _check_header(rows[0], _VARIABLES[layout], path.name)
    return FileIdentity(SOURCE, layout, rows[1][0])


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read every value; the row label is area code and name as published, joined by ``" | "``."""
    rows = _rows(path)
    header, data = rows[0], rows[1:]
    _check_header(header, _VARIABLES[identity.layout], path.name)
    values = _values(data, len(header), path.name)
    areas = pd.array([f"{row[2]} | {row[1]}" for row in data], dtype="str")
    labels = pd.array(header[len(_KEYS) :], dtype="str")
    down, across = np.divmod(np.arange(values.size), values.shape[1])
    frame = pd.DataFrame(
        {
            "sheet": path.stem,
            "row_number": down + 2,
            "column_number": across + len(_KEYS) + 1,
            "row_label": areas.take(down),
            "column_label": labels.take(across),
            "unit_label": pd.array([None], dtype="str").take(np.zeros(values.size, dtype=int)),
            "cell_text": pd.array([None], dtype="str").take(np.zeros(values.size, dtype=int)),
            "cell_value": values.ravel(),
            "cell_marker": pd.array([None], dtype="str").take(np.zeros(values.size, dtype=int)),
        }
    )
    return ReadResult(frame[list(CELL_COLUMNS)])


def _values(data: list[list[str]], width: int, file: str) -> np.ndarray:
    """Whole numbers of every row; any other text, and a row that is too short, is an error."""
    sheet = Path(file).stem
    seen: set[str] = set()
    for number, row in enumerate(data, start=1):
        if len(row) != width:
            message = f"the row has {len(row)} fields, the header {width}."
            raise SourceError(message, file=file, sheet=sheet, cell=cell_name(number, 0), hint=DOWNLOAD_AGAIN)
        if not _AREA_CODE.fullmatch(row[2]) or row[2] in seen:
            message = f"expected an area code of England or Wales, once; found {row[2]!r}"
            raise SourceError(message, file=file, sheet=sheet, cell=cell_name(number, 2))
        if row[3] != "Total" or row[0] != data[0][0]:
            message = "expected one date, and 'Total' under Rural Urban"
            raise SourceError(message, file=file, sheet=sheet, cell=cell_name(number, 0))
        seen.add(row[2])
        for column, text in enumerate(row[len(_KEYS) :], start=len(_KEYS)):
            if not text.isdecimal():
                message = f"expected a whole number, found {text!r}; no markers are known"
                raise SourceError(message, file=file, sheet=sheet, cell=cell_name(number, column))
    return np.array([row[len(_KEYS) :] for row in data], dtype=float)


def tidy_area_characteristic(raw: pd.DataFrame) -> pd.DataFrame:
    """Counts by area and category: area code, name and category taken from the labels."""
    area = raw["row_label"].str.partition(" | ")
    category = raw["column_label"].str.extract(_COLUMN)["category"].str.strip()
    table = raw["layout"].str.rpartition("_")[2].str.upper()
    return pd.DataFrame(
        {
            "release": raw["release"],
            "census_table": table,
            "area_code": area[0],
            "area_name": area[2],
            "category": category,
            "household_count": raw["cell_value"].astype("int64"),
            "sha256": raw["sha256"],
            "synthetic": raw["synthetic"],
        }
    ).reset_index(drop=True)


READER = Reader(SOURCE, identify, read, {CORE: tidy_area_characteristic})
