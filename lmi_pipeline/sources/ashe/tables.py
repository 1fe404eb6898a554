"""Reader of the ASHE workbooks (Tables 3, 8, 14, 15 and 16; estimates and their coefficients of variation).

Nine sheets of one shape. The header is found by its cell ``Description``; columns A to Q are the table, and what
stands right of them is the key to the fills. The rows end at the footnotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.ashe.names import BY_OCCUPATION, SHEETS, TABLES, Title, read_title, release_of, soc_edition
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.cell_fills import NO_FILL, cell_fills
from lmi_pipeline.sources.workbook import DOWNLOAD_AGAIN, Sheet, Workbook, cells

SUFFIXES = (".xls", ".xlsx")
PERCENTILES = ("10", "20", "25", "30", "40", "60", "70", "75", "80", "90")
STATISTICS = ("job_count", "median", "change_median", "mean", "change_mean", *(f"p{level}" for level in PERCENTILES))
FIRST_VALUE = 2
MARKERS = ("x", "..", ":", "-", ".")

_HEADER = ("Description", "Code", "(thousand)", "Median", "change", "Mean", "change", *PERCENTILES)
_COLUMNS = range(FIRST_VALUE, len(_HEADER))
_CHANGES = [FIRST_VALUE + STATISTICS.index(name) for name in ("change_median", "change_mean")]
_SEARCHED = range(12)
_FOOTNOTE = re.compile(r"(a|b|KEY|Source)\b.+")
_IGNORED = ("Notes", "CV notes")
_BANDS = re.compile(r"CV .+")


def identify_table(path: Path) -> FileIdentity | None:
    """Identity of a workbook from the title of its first table; None if the file is no workbook.

    Raises
    ------
    SourceError
        If it is a workbook and none of the tables known here.
    """
    if path.suffix.lower() not in SUFFIXES:
        return None
    book = Workbook.open(path)
    first = next((name for name in book.sheet_names if name.strip() in SHEETS), None)
    if first is None:
        raise SourceError(
            f"has none of the sheets of an ASHE table ({', '.join(SHEETS)}); its sheets are"
            f" {', '.join(map(repr, book.sheet_names))}",
            file=path.name,
        )
    sheet = book.sheet(first)
    title = read_title(sheet)
    if title.table not in TABLES:
        raise sheet.error(f"Table {title.table} is not read; known are {', '.join(TABLES)}", 0)
    return FileIdentity("ashe", TABLES[title.table], release_of(path.name, title))


def read_table(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the cells of the nine sheets, each with the code of its row and what its fill says.

    Raises
    ------
    SourceError
        For a sheet, header, title or marker that is not understood, a code column that holds numbers, and a table
        whose end is missing.
    """
    book = Workbook.open(path)
    names = book.require_sheets({key: re.escape(key) for key in SHEETS}, _IGNORED)
    sheets = [book.sheet(name) for name in names.values()]
    first = read_title(sheets[0])
    fills = {} if first.is_variation else cell_fills(path)
    frames = [_read_sheet(sheet, first, fills.get(sheet.name)) for sheet in sheets]
    return ReadResult(pd.concat(frames, ignore_index=True), tuple(_notes(path, identity, first, frames)))


def _notes(path: Path, identity: FileIdentity, title: Title, frames: list[pd.DataFrame]) -> list[str]:
    notes = []
    if identity.release.endswith("unstated"):
        notes.append("the name does not say whether the edition is provisional or revised")
    if title.table in BY_OCCUPATION and soc_edition(path.name) is None:
        notes.append("the name does not say the edition of SOC; it is told from the codes")
    if not title.is_variation and all(frame["fill_label"].isna().all() for frame in frames):
        notes.append("the fills of the cells say nothing of quality: the sheets have no key to them")
    return notes


def _read_sheet(sheet: Sheet, first: Title, fills: np.ndarray | None) -> pd.DataFrame:
    title = read_title(sheet)
    if (title.table_number, title.year) != (first.table_number, first.year):
        raise sheet.error("the title is of another table or year than that of the first sheet", 0)
    header = _header_row(sheet)
    rows = _data_rows(sheet, header)
    frame = cells(
        sheet,
        header_rows=(header - 2, header - 1, header),
        data_rows=rows,
        label_column=0,
        columns=_COLUMNS,
        markers=MARKERS,
        unit=title.unit,
    )
    codes = pd.array(_codes(sheet, rows), dtype="str")
    shown = np.full(len(frame), None, dtype=object) if fills is None else _fill_labels(sheet, fills, rows)
    return frame.assign(
        table_number=title.table_number,
        row_code=codes.take(np.repeat(np.arange(len(rows)), len(_COLUMNS))),
        fill_label=pd.array(shown, dtype="str"),
    )


def _header_row(sheet: Sheet) -> int:
    header = sheet.find_row(_HEADER[0], 0, _SEARCHED)
    for column, expected in enumerate(_HEADER):
        if sheet.text(header, column) != expected:
            found = sheet.text(header, column)
            raise sheet.error(
                f"expected the header '{expected}', found {found!r}. The layout has changed.", header, column
            )
    return header


def _data_rows(sheet: Sheet, header: int) -> list[int]:
    """Rows between the header and the footnotes, without empty ones."""
    below = range(header + 1, len(sheet.rows))
    end = next((row for row in below if _FOOTNOTE.fullmatch(sheet.text(row, 0))), None)
    if end is None:
        last = max(len(sheet.rows) - 1, 0)
        raise sheet.error("the table has no footnotes below it; the file may be cut off.", last, hint=DOWNLOAD_AGAIN)
    rows = [row for row in range(header + 1, end) if sheet.text(row, 0) or any(sheet.row_texts(row, _COLUMNS))]
    if not rows:
        raise sheet.error("no rows between the header and the footnotes", header)
    return rows


def _codes(sheet: Sheet, rows: list[int]) -> list[str | None]:
    numbers = [row for row in rows if not isinstance(sheet.rows[row][1], str)]
    if numbers:
        row = numbers[0]
        raise sheet.error(
            f"the code column holds a number in {len(numbers)} of {len(rows)} rows ({sheet.text(row, 0)!r} has the code"
            f" {sheet.text(row, 1)}); codes are text, as numbers their leading zeros and decimal points cannot be"
            " told.",
            row,
            1,
            hint="Take the publisher's file, not one that was saved from a spreadsheet or a data frame.",
        )
    return [sheet.text(row, 1) or None for row in rows]


def _fill_labels(sheet: Sheet, fills: np.ndarray, rows: list[int]) -> np.ndarray:
    """What the key says of the fill of each estimate; None of a change, of an unknown fill and where no number is."""
    key = _key(sheet, fills)
    labels = np.full((len(rows), len(_COLUMNS)), None, dtype=object)
    if len(key) > 1:
        looks = np.zeros((max(len(sheet.rows), len(fills)), len(_HEADER)), dtype=fills.dtype)
        width = min(fills.shape[1], len(_HEADER))
        looks[: len(fills), :width] = fills[:, :width]
        shown = looks[np.ix_(rows, list(_COLUMNS))]
        for look, text in key.items():
            labels[shown == look] = text
        labels[:, [column - FIRST_VALUE for column in _CHANGES]] = None
        number = [[type(sheet.rows[row][column]) in (float, int) for column in _COLUMNS] for row in rows]
        labels[~np.array(number)] = None
    return labels.ravel()


def _key(sheet: Sheet, fills: np.ndarray) -> Mapping[int, str]:
    """What a look means, from the key right of the table: the first text that has the look."""
    key: dict[int, str] = {}
    for row in range(min(len(sheet.rows), len(fills), 40)):
        for column in range(len(_HEADER), min(sheet.width, fills.shape[1])):
            text = sheet.text(row, column)
            if _BANDS.fullmatch(text):
                key.setdefault(int(fills[row, column]), text)
    return key if NO_FILL in key else {}
