"""The form ONS gives its Labour Force Survey workbooks: one time series a column, one three-month period a row.

Every sheet has a publication date near its top, a line that starts with "United Kingdom" and states the unit,
header rows, mostly a row of series identifiers, then the periods without a gap, then notes. Rows are found by
what they say, not by number, because they move between editions.

The line with the unit says thousands. The cells hold persons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import CELL_COLUMNS, ReadResult
from lmi_pipeline.sources.workbook import Sheet, Workbook, cell_name, cells, header_labels

IDENTIFIERS = "Dataset identifier code"
MARKERS = ("*", "-", "..")
CAUTION_MARK = "†"
LEAST_PERSONS = 100_000

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LIKE_A_PERIOD = re.compile(r"[A-Z][a-z]{2,8} ?- ?[A-Z][a-z]{2,8} \d{4}.{0,8}")
_PERIOD = re.compile(r"([A-Z][a-z]{2})-([A-Z][a-z]{2}) (\d{4})((?: ?(?:\(r\)|r|†|\d))*)")
_DATE_TEXT = re.compile(r"(\d{1,2})(?:st|nd|rd|th)? ([A-Z][a-z]+) (\d{4})")
_SERIAL_DAY_ZERO = date(1899, 12, 30)
_FOOTNOTE = re.compile(r"(?<=[A-Za-z)])\d(?:,\d)*(?=$|\s)")


class Period(NamedTuple):
    """A three-month period as its label states it."""

    first_month: str
    is_revised: bool


class Description(NamedTuple):
    """What a series measures."""

    basis: str
    category: str
    measure: str


@dataclass(frozen=True)
class WorkbookLayout:
    """One of the workbooks this package reads.

    Attributes
    ----------
    name : str
        Layout and dataset name.
    file_name : str
        Regular expression the usual file names match, without regard to case.
    title : str
        Regular expression the first cell of one of its sheets matches; the publication date of that
        sheet is the release.
    read : callable
        ``read(workbook) -> ReadResult``.
    describe : callable
        ``describe(sheet, series_label) -> Description``; None for a header that is not known.
    """

    name: str
    file_name: str
    title: str
    read: Callable[[Workbook], ReadResult]
    describe: Callable[[str, str], Description | None]


@dataclass(frozen=True)
class SeriesTable:
    """Where the parts of a sheet are; rows and columns are 0-based."""

    sheet: Sheet
    unit: str
    header_rows: tuple[int, ...]
    identifier_row: int | None
    data_rows: range
    columns: range

    @property
    def label_row(self) -> int:
        """Last header row."""
        return self.header_rows[-1]


def parse_period(label: str) -> Period | None:
    """Read a period label: ``Jan-Mar 2020 (r)`` is the period 2020-01, revised.

    The year is the one of the last month: ``Nov-Jan 1993`` starts in November 1992. ``(r)`` and a lone
    ``r`` say that the period was revised. A dagger does not: its footnote asks for caution, and it also
    stands at periods published for the first time. A digit is a footnote number.
    """
    found = _PERIOD.fullmatch(label.strip())
    if found is None or found[1] not in _MONTHS or found[2] not in _MONTHS:
        return None
    first, last = _MONTHS.index(found[1]), _MONTHS.index(found[2])
    if (last - first) % 12 != 2:
        return None
    year = int(found[3]) - (last < first)
    return Period(f"{year}-{first + 1:02d}", "r" in found[4])


def publication_date(sheet: Sheet) -> date:
    """Date in the row "Date of publication:", kept as a date, a serial number or text.

    Raises
    ------
    SourceError
        If the row is missing or its date cannot be read.
    """
    row = next((r for r in range(min(8, len(sheet.rows))) if _is_publication_row(sheet, r)), None)
    if row is None:
        raise sheet.error("expected a row 'Date of publication:' in the first eight rows, found none", 0)
    column = next((c for c in range(1, sheet.width) if sheet.text(row, c)), 1)
    value = sheet.rows[row][column] if column < sheet.width else ""
    found = _as_date(value)
    if found is None:
        raise sheet.error("expected the date of publication, as a date or like '17th May 2017'", row, column)
    return found


def _is_publication_row(sheet: Sheet, row: int) -> bool:
    return sheet.text(row, 0).rstrip(": ") == "Date of publication"


def _as_date(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, (int, float)) and 20_000 < value < 80_000:
        return _SERIAL_DAY_ZERO + timedelta(days=int(value))
    text = _DATE_TEXT.fullmatch(str(value).strip())
    if text is None or text[2][:3] not in _MONTHS:
        return None
    try:
        return date(int(text[3]), _MONTHS.index(text[2][:3]) + 1, int(text[1]))
    except ValueError:
        return None


def find_table(sheet: Sheet, *, has_identifiers: bool = True) -> SeriesTable:
    """Find unit, header, identifiers and periods of a sheet.

    Raises
    ------
    SourceError
        If a part is missing, the periods have a gap or a repeat, a label is not understood, or numbers
        stand outside the table.
    """
    unit_row = next((r for r in range(min(8, len(sheet.rows))) if _states_unit(sheet, r)), None)
    if unit_row is None:
        raise sheet.error("expected a line that starts with 'United Kingdom' and states the unit, found none", 0)
    like = [r for r in range(unit_row, len(sheet.rows)) if _LIKE_A_PERIOD.fullmatch(sheet.text(r, 0))]
    if not like:
        raise sheet.error("expected rows of periods like 'Jan-Mar 2020', found none", unit_row)
    data_rows = range(like[0], like[-1] + 1)
    _check_periods(sheet, data_rows)
    identifier_row = _identifier_row(sheet, unit_row, data_rows) if has_identifiers else None
    header_end = data_rows.start if identifier_row is None else identifier_row
    header_rows = tuple(r for r in range(unit_row + 1, header_end) if any(sheet.row_texts(r)))
    if not header_rows:
        raise sheet.error("expected header rows between the unit and the data, found none", unit_row + 1)
    columns = range(1, _last_used_column(sheet, [*header_rows, *data_rows]) + 1)
    _check_nothing_outside(sheet, header_end + (identifier_row is not None), data_rows)
    return SeriesTable(sheet, sheet.text(unit_row, 0), header_rows, identifier_row, data_rows, columns)


def _states_unit(sheet: Sheet, row: int) -> bool:
    return sheet.text(row, 0).startswith("United Kingdom")


def _check_periods(sheet: Sheet, data_rows: range) -> None:
    seen: dict[str, int] = {}
    for row in data_rows:
        period = parse_period(sheet.text(row, 0))
        if period is None:
            raise sheet.error(
                "expected a period of three months like 'Jan-Mar 2020', with or without '(r)', 'r', '†' or a "
                f"footnote digit; found '{sheet.text(row, 0)}'",
                row,
            )
        if period.first_month in seen:
            raise sheet.error(f"the period stands already in {cell_name(seen[period.first_month], 0)}", row)
        seen[period.first_month] = row


def _identifier_row(sheet: Sheet, unit_row: int, data_rows: range) -> int:
    row = sheet.find_row(IDENTIFIERS, within=range(unit_row + 1, data_rows.start))
    for column, text in enumerate(sheet.row_texts(row)[1:], start=1):
        if text and not re.fullmatch(r"[A-Z0-9]{4}", text):
            raise sheet.error(f"expected a series identifier of four characters, found '{text}'", row, column)
    return row


def _last_used_column(sheet: Sheet, rows: Iterable[int]) -> int:
    return max(max((c for c, text in enumerate(sheet.row_texts(row)) if text), default=0) for row in rows)


def _check_nothing_outside(sheet: Sheet, header_end: int, data_rows: range) -> None:
    for row in [*range(header_end, data_rows.start), *range(data_rows.stop, len(sheet.rows))]:
        for column in range(1, sheet.width):
            if isinstance(sheet.rows[row][column], (int, float)):
                raise sheet.error(
                    "number outside the rows of periods; expected a period like 'Jan-Mar 2020' at its left",
                    row,
                    column,
                )


def carry_titles(table: SeriesTable, rows: Sequence[int]) -> SeriesTable:
    """Carry titles of column groups to the right, in the given header rows from top to bottom.

    A title ends where the next title of its own row or of a row above starts.
    """
    sheet, starts = table.sheet, set[int]()
    new_rows = list(sheet.rows)
    for row in rows:
        values, title = list(sheet.rows[row]), ""
        for column in table.columns:
            if sheet.text(row, column):
                title = values[column]
                starts.add(column)
            elif column in starts:
                title = ""
            values[column] = title
        new_rows[row] = values
    return replace(table, sheet=replace(sheet, rows=new_rows))


def labels(table: SeriesTable) -> list[str]:
    """Header path of every column.

    Raises
    ------
    SourceError
        If two columns have the same one.
    """
    paths = header_labels(table.sheet, table.header_rows, table.columns)
    repeated = pd.Series(paths).duplicated()
    if repeated.any():
        column = table.columns[int(repeated.to_numpy().argmax())]
        raise table.sheet.error("two columns have the same header", table.label_row, column)
    return paths


def require_known(table: SeriesTable, describe: Callable[[str, str], Description | None]) -> list[Description]:
    """Describe every column; SourceError naming the cell of the first header that is not known."""
    found = []
    for column, label in zip(table.columns, labels(table), strict=True):
        description = describe(table.sheet.name, label)
        if description is None:
            raise table.sheet.error(
                f"unknown column header '{label}'",
                table.label_row,
                column,
                "Check what it holds, then teach the reader.",
            )
        found.append(description)
    return found


def require_persons(table: SeriesTable, column: int) -> None:
    """Refuse a total that is too small to be persons: the heading says thousands, the cells hold persons."""
    values = [row[column] for row in (table.sheet.rows[r] for r in table.data_rows)]
    numbers = [value for value in values if isinstance(value, (int, float))]
    if numbers and max(numbers) < LEAST_PERSONS:
        raise table.sheet.error(
            f"expected persons, of which the total has more than {LEAST_PERSONS}; these look like thousands",
            table.data_rows.start,
            column,
        )


def series_cells(table: SeriesTable) -> pd.DataFrame:
    """Data cells of a table, preceded by its row of series identifiers as cells that hold text."""
    labels(table)
    frame = cells(
        table.sheet,
        header_rows=table.header_rows,
        data_rows=table.data_rows,
        label_column=0,
        columns=table.columns,
        markers=MARKERS,
        unit=table.unit,
    )
    if table.identifier_row is None:
        return frame
    return pd.concat([_identifier_cells(table, frame), frame], ignore_index=True)


def _identifier_cells(table: SeriesTable, frame: pd.DataFrame) -> pd.DataFrame:
    assert table.identifier_row is not None
    texts = table.sheet.row_texts(table.identifier_row, table.columns)
    first = frame.iloc[: len(texts)]
    row = first.assign(
        row_number=table.identifier_row + 1,
        row_label=IDENTIFIERS,
        cell_text=pd.array(texts, dtype="str"),
        cell_value=np.nan,
        cell_marker=pd.array([None] * len(texts), dtype="str"),
    )
    return row.loc[row["cell_text"] != "", list(CELL_COLUMNS)]


def gather(tables: Collection[SeriesTable], notes: Sequence[str]) -> ReadResult:
    """Cells of all tables of a workbook, which must all carry one publication date."""
    dates = {table.sheet.name: publication_date(table.sheet) for table in tables}
    newest = max(dates.values())
    for table in tables:
        if dates[table.sheet.name] != newest:
            raise table.sheet.error(
                f"its date of publication is not {newest}, as on the other sheets of the file", 1, 1
            )
    frame = pd.concat([series_cells(table) for table in tables], ignore_index=True)
    return ReadResult(frame, (*notes, *_caution_notes(tables)))


def _caution_notes(tables: Iterable[SeriesTable]) -> list[str]:
    marked = [
        (table.sheet.name, sum(CAUTION_MARK in table.sheet.text(row, 0) for row in table.data_rows)) for table in tables
    ]
    return [
        f"Sheet '{name}': {count} periods carry '{CAUTION_MARK}', a footnote that asks for caution, not a revision."
        for name, count in marked
        if count
    ]


def without_footnotes(label: str) -> str:
    """Label without the footnote numbers glued to its words: ``Total1`` becomes ``Total``."""
    return " ".join(_FOOTNOTE.sub("", label).split())


def slug(label: str) -> str:
    """Label as a code: lower case, words joined by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", without_footnotes(label).lower()).strip("_")


def unknown_file(file_name: str, expected: str) -> SourceError:
    """Error for a file whose name promises a layout that its sheets do not have."""
    return SourceError(
        f"no sheet starts with a cell like '{expected}'",
        file=file_name,
        hint="Check that it is the file its name says.",
    )
