"""The shape all RTI sheets share: a header row that starts with ``Date``, then one row per month."""

from __future__ import annotations

import re

import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.workbook import Sheet, cell_name

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH = re.compile(rf"({'|'.join(MONTHS)}) (\d{{4}})")
_SEARCHED = range(12)
_END = "End of worksheet"


def month_key(label: str) -> str | None:
    """``2014-07`` for ``July 2014``, None for anything else.

    On the London sheet of the December 2022 employments every c of a month was replaced by the
    marker of a confidential cell (``O[c]tober 2014``); such a label is read as the month it was.
    """
    match = _MONTH.fullmatch(label.replace("[c]", "c"))
    return f"{match[2]}-{MONTHS.index(match[1]) + 1:02d}" if match else None


def month_of_name(text: str) -> int:
    """Number of a month from its name or the first three letters of it."""
    return [month[:3].lower() for month in MONTHS].index(text[:3].lower()) + 1


def header_row(sheet: Sheet) -> int:
    """Row of the header, found by the cell that reads ``Date``."""
    return sheet.find_row("Date", 0, _SEARCHED)


def month_rows(sheet: Sheet, header: int) -> range:
    """Rows of data below the header: consecutive months, to the end of the sheet.

    Raises
    ------
    SourceError
        If a label is not a month, a month is missing or repeated, or there is no row of data.
    """
    last = len(sheet.rows)
    while last > header + 1 and (not any(sheet.row_texts(last - 1)) or sheet.text(last - 1, 0) == _END):
        last -= 1
    rows = range(header + 1, last)
    expected: pd.Period | None = None
    for row in rows:
        key = month_key(sheet.text(row, 0))
        if key is None:
            raise sheet.error(f"expected a month such as 'July 2014', found {sheet.text(row, 0)!r}", row)
        if expected is not None and key != str(expected):
            raise sheet.error(f"expected the month {expected}, found {key}; months must follow one another", row)
        expected = pd.Period(key, "M") + 1
    if not rows:
        raise sheet.error("no months below the header", header)
    return rows


def data_columns(sheet: Sheet, header: int) -> range:
    """Columns right of the dates, without empty ones at the end of the sheet."""
    last = sheet.width
    while last > 1 and not any(sheet.text(row, last - 1) for row in range(max(header - 1, 0), len(sheet.rows))):
        last -= 1
    return range(1, last)


def unit_of(sheet: Sheet, header: int, expected: str) -> str:
    """Unit the sheet states in its ``Units`` row; it must start as expected."""
    row = sheet.find_row("Units", 0, range(header))
    unit = sheet.text(row, 1)
    if not unit.startswith(expected):
        raise sheet.error(f"expected the unit '{expected}', found {unit!r}", row, 1)
    return unit


def unknown_cell(raw: pd.DataFrame, unknown: pd.Series, message: str) -> SourceError:
    """Make a SourceError that names the first raw cell for which ``unknown`` is true."""
    first = raw[unknown].iloc[0]
    return SourceError(
        message,
        file=first["file_name"],
        sheet=first["sheet"],
        cell=cell_name(int(first["row_number"]) - 1, int(first["column_number"]) - 1),
        hint="Check what the publisher renamed, then add it to the code list.",
    )
