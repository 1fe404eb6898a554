"""ONS 'Earnings and employment from PAYE RTI, seasonally adjusted' (``rtisaMMMYYYY.xlsx``).

Thirty-nine numbered tables. The header row moves with optional rows above it and is found by its cell
``Date``; a row of codes may stand directly above. Tables that are updated quarterly are placeholders of
three rows of text in the other months.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.rti.table import MONTHS, data_columns, header_row, month_of_name, month_rows, unit_of
from lmi_pipeline.sources.workbook import Sheet, Workbook, cells

LAYOUT = "payroll"
IGNORED = (r"Index",)
PEOPLE, PAY = "Payrolled employees", "£ per month"
_STATISTICS = {"Employees": PEOPLE, "Median pay": PAY, "Mean pay": PAY, "Aggregate pay": PAY}
_SINGLE = {
    "Payrolled employees (UK)": PEOPLE,
    "Median pay (UK)": PAY,
    "Mean pay (UK)": PAY,
    "Aggregate pay (UK)": PAY,
    "Pay distribution (UK)": PAY,
    "Employee flows (UK)": PEOPLE,
    "Median of pay growth (UK)": "%",
}
_SPLITS = ("NUTS1", "NUTS2", "NUTS3", "LA", "Industry", "Age", "NUTS1Age", "NUTS1Sector")
UNITS = _SINGLE | {f"{name} ({split})": unit for split in _SPLITS for name, unit in _STATISTICS.items()}
EXPECTED = {table: rf"\d{{1,2}}\. {re.escape(table)}" for table in UNITS}
_PUBLISHED = re.compile(
    rf"Date of publication: \d{{1,2}} ({'|'.join(f'{m[:3]}(?:{m[3:]})?' for m in MONTHS)}) (\d{{4}})"
)
_PLACEHOLDER = "The next update is on "
_PLACEHOLDER_ROWS = 5


def table_of(sheet_name: str) -> str:
    """Name of a table without its number: ``Employees (NUTS1)`` for ``7. Employees (NUTS1)``."""
    return sheet_name.strip().partition(". ")[2]


def check(book: Workbook) -> None:
    """Raise SourceError unless the sheets are those of this layout."""
    book.require_sheets(EXPECTED, IGNORED)


def publication_month(book: Workbook) -> str:
    """Month of publication as the Index sheet says, ``YYYY-MM``."""
    index = book.sheet("Index")
    match = _PUBLISHED.fullmatch(index.text(1, 0))
    if match is None:
        raise index.error("expected 'Date of publication: <day> <month> <year>'", 1)
    return f"{match[2]}-{month_of_name(match[1]):02d}"


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the cells of every table that is in this edition; the placeholders are told in the notes."""
    book = Workbook.open(path)
    frames, notes = [], []
    for table, name in book.require_sheets(EXPECTED, IGNORED).items():
        sheet = book.sheet(name)
        if is_placeholder(sheet):
            notes.append(f"sheet '{name}' is not in this edition. {sheet.text(1, 0)}")
        else:
            frames.append(_read_sheet(sheet, UNITS[table]))
    return ReadResult(pd.concat(frames, ignore_index=True), tuple(notes))


def is_placeholder(sheet: Sheet) -> bool:
    """Whether the sheet only says when its table is next updated."""
    return len(sheet.rows) <= _PLACEHOLDER_ROWS and any(
        sheet.text(row, 0).startswith(_PLACEHOLDER) for row in range(len(sheet.rows))
    )


def _read_sheet(sheet: Sheet, unit: str) -> pd.DataFrame:
    header = header_row(sheet)
    columns = data_columns(sheet, header)
    has_codes = not sheet.text(header - 1, 0) and any(sheet.row_texts(header - 1, columns))
    _refuse_holes(sheet, header, columns)
    return cells(
        sheet,
        header_rows=(header - 1, header) if has_codes else (header,),
        data_rows=month_rows(sheet, header),
        label_column=0,
        columns=columns,
        markers=(),
        unit=unit_of(sheet, header, unit),
    )


def _refuse_holes(sheet: Sheet, header: int, columns: range) -> None:
    """Only the change on the previous month may be empty, in the first month."""
    for row in month_rows(sheet, header):
        for column in columns:
            first_change = row == header + 1 and sheet.text(header, column) == "Change on previous month"
            if sheet.rows[row][column] == "" and not first_change:
                raise sheet.error("empty data cell, or a spreadsheet error; expected a number", row, column)
