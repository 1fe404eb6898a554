"""Spreadsheets as publishers send them (xls, xlsx, ods), read cell by cell.

Everything that is not understood - a truncated file, an unknown sheet, a header that moved, a text in
a data cell that is not a known marker - is a :class:`~lmi_pipeline.errors.SourceError` that names
file, sheet and cell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import CELL_COLUMNS

DOWNLOAD_AGAIN = "The file is truncated or damaged: download it again."
_SUFFIXES = (".xls", ".xlsx", ".ods")


def cell_name(row: int, column: int) -> str:
    """Name of a cell as a spreadsheet shows it, from 0-based row and column: ``(6, 1)`` is ``B7``."""
    letters = ""
    rest = column + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return f"{letters}{row + 1}"


def as_text(value: object) -> str:
    """Text of a label cell, white space collapsed; a whole number without its decimal point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())


@dataclass(frozen=True)
class Sheet:
    """One sheet: rows of Python values from cell A1 on, ``""`` for an empty cell.

    Attributes
    ----------
    file, name : str
        File and sheet the rows are from, for messages.
    rows : list of list
        Values, 0-based. Every row has the same length.
    """

    file: str
    name: str
    rows: list[list[Any]]

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.rows[0]) if self.rows else 0

    def error(self, message: str, row: int | None = None, column: int = 0, hint: str | None = None) -> SourceError:
        """Make a SourceError that names this file and sheet, and the cell if a row is given."""
        cell = None if row is None else cell_name(row, column)
        return SourceError(message, file=self.file, sheet=self.name, cell=cell, hint=hint)

    def text(self, row: int, column: int) -> str:
        """Text of a cell, white space collapsed; empty outside the sheet."""
        inside = 0 <= row < len(self.rows) and 0 <= column < len(self.rows[row])
        return as_text(self.rows[row][column]) if inside else ""

    def row_texts(self, row: int, columns: Iterable[int] | None = None) -> list[str]:
        """Texts of one row, in the given columns (default all)."""
        return [self.text(row, column) for column in (range(self.width) if columns is None else columns)]

    def find_row(self, text: str, column: int = 0, within: range | None = None) -> int:
        """Find the first row whose cell in ``column`` reads ``text`` (white space collapsed).

        Raises
        ------
        SourceError
            If no row within the searched range does.
        """
        searched = range(len(self.rows)) if within is None else within
        for row in searched:
            if self.text(row, column) == text:
                return row
        last = max(min(searched.stop, len(self.rows)) - 1, searched.start)
        raise self.error(
            f"expected a cell that reads '{text}' between {cell_name(searched.start, column)} and "
            f"{cell_name(last, column)}, found none. The layout has changed.",
            searched.start,
            column,
        )


@dataclass(frozen=True)
class Workbook:
    """A workbook whose container could be opened; sheets are read when asked for."""

    file_name: str
    book: CalamineWorkbook

    @classmethod
    def open(cls, path: Path) -> Workbook:
        """Open an xls, xlsx or ods file.

        Raises
        ------
        SourceError
            If the file is missing, of another type, truncated or damaged.
        """
        if path.suffix.lower() not in _SUFFIXES:
            raise SourceError(f"expected a workbook ({', '.join(_SUFFIXES)})", file=path.name)
        if not path.is_file():
            raise SourceError(f"no such file in '{path.parent}'", file=path.name)
        try:
            book = CalamineWorkbook.from_path(str(path))
        except CalamineError as error:
            raise SourceError(
                f"cannot be opened as a workbook ({error}).", file=path.name, hint=DOWNLOAD_AGAIN
            ) from error
        return cls(path.name, book)

    @cached_property
    def sheet_names(self) -> tuple[str, ...]:
        """Names of the sheets in their order, white space as published."""
        return tuple(self.book.sheet_names)

    def sheet(self, name: str) -> Sheet:
        """Read one sheet, from cell A1 on.

        A cell that holds a spreadsheet error (``#N/A``) reads as an empty one.
        """
        if name not in self.sheet_names:
            raise SourceError(
                f"has no sheet '{name}'; its sheets are {', '.join(map(repr, self.sheet_names))}",
                file=self.file_name,
                sheet=name,
            )
        try:
            rows = self.book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        except CalamineError as error:
            raise SourceError(
                f"cannot be read ({error}).", file=self.file_name, sheet=name, hint=DOWNLOAD_AGAIN
            ) from error
        return Sheet(self.file_name, name, rows)

    def require_sheets(self, expected: Mapping[str, str], ignored: Collection[str] = ()) -> dict[str, str]:
        """Match every sheet with what the layout expects.

        Parameters
        ----------
        expected : mapping of str to str
            Our key of a sheet, and the regular expression its whole stripped name must match.
        ignored : collection of str
            Regular expressions of sheets known to hold no data of ours.

        Returns
        -------
        dict
            Our key to the sheet's name as published.

        Raises
        ------
        SourceError
            For a sheet that is neither expected nor ignored, a sheet that is missing, and two
            sheets that fit one key.
        """
        found: dict[str, str] = {}
        for name in self.sheet_names:
            key = next((k for k, pattern in expected.items() if re.fullmatch(pattern, name.strip())), None)
            if key in found:
                raise SourceError(
                    f"looks like a second '{key}' sheet, beside '{found[key]}'",
                    file=self.file_name,
                    sheet=name,
                )
            if key is not None:
                found[key] = name
            elif not any(re.fullmatch(pattern, name.strip()) for pattern in ignored):
                raise SourceError(
                    f"unknown sheet; expected names like {', '.join(map(repr, expected.values()))}",
                    file=self.file_name,
                    sheet=name,
                    hint="Check what the publisher added or renamed, then teach the reader.",
                )
        missing = [f"'{key}' ({pattern!r})" for key, pattern in expected.items() if key not in found]
        if missing:
            raise SourceError(
                f"has no sheet for {', '.join(missing)}; its sheets are {', '.join(map(repr, self.sheet_names))}",
                file=self.file_name,
            )
        return found


def header_labels(
    sheet: Sheet, header_rows: Sequence[int], columns: Sequence[int], fill: Collection[int] = ()
) -> list[str]:
    """Header path of every column: the texts of the header rows, joined by ``" | "``.

    Rows named in ``fill`` hold a label above the first column of a group only; the label is carried
    to the right until the next one. Empty levels are left out of the path.
    """
    levels = []
    for row in header_rows:
        texts = sheet.row_texts(row, columns)
        if row in fill:
            texts = pd.Series(texts, dtype="object").replace("", None).ffill().fillna("").tolist()
        levels.append(texts)
    return [" | ".join(part for part in path if part) for path in zip(*levels, strict=True)]


def cells(
    sheet: Sheet,
    *,
    header_rows: Sequence[int],
    data_rows: Sequence[int],
    label_column: int,
    columns: Sequence[int],
    markers: Collection[str],
    unit: str | None = None,
    fill: Collection[int] = (),
    blank: Literal["keep", "refuse"] = "keep",
) -> pd.DataFrame:
    """Data cells of a sheet as rows with the columns of ``CELL_COLUMNS``.

    Parameters
    ----------
    sheet : Sheet
        Sheet to read.
    header_rows, data_rows, columns : sequence of int
        0-based rows of the header, rows of data and columns of data.
    label_column : int
        0-based column that holds the row label.
    markers : collection of str
        Texts known to stand in place of a number.
    unit : str, optional
        Unit as the sheet states it.
    fill : collection of int
        Header rows whose labels are carried to the right, see :func:`header_labels`.
    blank : {'keep', 'refuse'}
        Whether an empty data cell becomes a row without value and marker, or is an error.

    Returns
    -------
    DataFrame
        One row per data cell, row by row. ``cell_text`` is kept where the cell holds text.

    Raises
    ------
    SourceError
        For a text that is not a known marker, a date or a truth value in a data cell, a data column
        without a header or a data row without a label.
    """
    labels = header_labels(sheet, header_rows, columns, fill)
    row_labels = [sheet.text(row, label_column) for row in data_rows]
    _require_labels(sheet, labels, row_labels, header_rows, data_rows, label_column, columns)
    flat = np.empty(len(data_rows) * len(columns), dtype=object)
    flat[:] = [sheet.rows[row][column] for row in data_rows for column in columns]
    is_number = np.fromiter((type(value) in (float, int) for value in flat), dtype=bool, count=len(flat))
    is_blank = np.fromiter(
        (isinstance(value, str) and not value.strip() for value in flat), dtype=bool, count=len(flat)
    )
    texts, found = _markers(sheet, flat, is_number | is_blank, markers, data_rows, columns)
    if blank == "refuse" and is_blank.any():
        row, column = _place(int(is_blank.argmax()), data_rows, columns)
        raise sheet.error("empty data cell, or a spreadsheet error; expected a number or a marker", row, column)
    values = np.full(len(flat), np.nan)
    values[is_number] = flat[is_number].astype(float)
    down, across = np.divmod(np.arange(len(flat)), max(len(columns), 1))
    frame = pd.DataFrame(
        {
            "sheet": pd.array([sheet.name], dtype="str").take(np.zeros(len(flat), dtype=int)),
            "row_number": np.asarray(data_rows, dtype="int64")[down] + 1,
            "column_number": np.asarray(columns, dtype="int64")[across] + 1,
            "row_label": pd.array(row_labels, dtype="str").take(down),
            "column_label": pd.array(labels, dtype="str").take(across),
            "unit_label": pd.array([unit], dtype="str").take(np.zeros(len(flat), dtype=int)),
            "cell_text": pd.array(texts, dtype="str"),
            "cell_value": values,
            "cell_marker": pd.array(found, dtype="str"),
        }
    )
    return frame[list(CELL_COLUMNS)]


def _place(position: int, data_rows: Sequence[int], columns: Sequence[int]) -> tuple[int, int]:
    down, across = divmod(position, len(columns))
    return data_rows[down], columns[across]


def _require_labels(
    sheet: Sheet,
    labels: list[str],
    row_labels: list[str],
    header_rows: Sequence[int],
    data_rows: Sequence[int],
    label_column: int,
    columns: Sequence[int],
) -> None:
    if "" in labels:
        raise sheet.error("data column without a header", header_rows[-1], columns[labels.index("")])
    if "" in row_labels:
        raise sheet.error("data row without a label", data_rows[row_labels.index("")], label_column)


def _markers(
    sheet: Sheet,
    flat: np.ndarray,
    understood: np.ndarray,
    markers: Collection[str],
    data_rows: Sequence[int],
    columns: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Texts and markers of the cells that hold neither a number nor nothing."""
    texts = np.full(len(flat), None, dtype=object)
    found = np.full(len(flat), None, dtype=object)
    for position in np.flatnonzero(~understood):
        value = flat[position]
        marker = value.strip() if isinstance(value, str) else None
        if marker not in markers:
            row, column = _place(int(position), data_rows, columns)
            known = ", ".join(map(repr, sorted(markers))) or "none"
            raise sheet.error(f"expected a number or a known marker ({known}), found {str(value)!r}", row, column)
        texts[position], found[position] = value, marker
    return texts, found
