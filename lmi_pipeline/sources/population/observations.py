"""What the population readers share: text files of one observation a line, their dimensions, their release.

A raw cell keeps the line's dimensions in its row label as ``NAME=code`` pairs, in a fixed order, so that the
columns of a file may stand in any order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import CELL_COLUMNS
from lmi_pipeline.sources.workbook import DOWNLOAD_AGAIN, cell_name

GSS = r"[EWSNKJLM]\d{8}"
SEXES = {"0": "all", "1": "male", "2": "female"}

_RELEASE_IN_NAME = re.compile(r"(?<!\d)(\d{4}-(?:0[1-9]|1[0-2])(?:-\d{2})?)(?!\d)")
_HEADER_LINE = 1


@dataclass(frozen=True)
class TextTable:
    """A delimited text file, every cell as text.

    Attributes
    ----------
    file : str
        File name, for messages.
    frame : DataFrame
        Lines of the file in their order, columns as published; empty text for an empty cell.
    """

    file: str
    frame: pd.DataFrame

    def error(self, message: str, line: int = 0, column: str | None = None, hint: str | None = None) -> SourceError:
        """Make a SourceError for a data line (0-based) and a column."""
        position = 0 if column is None else list(self.frame.columns).index(column)
        return SourceError(message, file=self.file, cell=cell_name(line + _HEADER_LINE, position), hint=hint)

    def require(self, column: str, pattern: str, expected: str) -> None:
        """Refuse a column with a cell whose whole text does not match a regular expression."""
        wrong = ~self.frame[column].str.fullmatch(pattern)
        if wrong.any():
            line = int(wrong.to_numpy().argmax())
            raise self.error(f"expected {expected}, found '{self.frame[column].iloc[line]}'", line, column)

    def require_codes(self, column: str, known: Sequence[str]) -> None:
        """Refuse a column with a code that is not known."""
        wrong = ~self.frame[column].isin(known)
        if wrong.any():
            line = int(wrong.to_numpy().argmax())
            raise self.error(
                f"unknown code '{self.frame[column].iloc[line]}'; known are {', '.join(known)}", line, column
            )


def read_text(path: Path, separator: str) -> TextTable:
    """Read a delimited text file with a header line.

    Raises
    ------
    SourceError
        If the file is missing, empty, not UTF-8, cut off in its last line or of uneven width.
    """
    try:
        content = path.read_bytes()
        frame = pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SourceError(f"no such file in '{path.parent}'", file=path.name) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise SourceError(
            f"cannot be read as delimited text ({error}).", file=path.name, hint=DOWNLOAD_AGAIN
        ) from error
    if not content.endswith(b"\n"):
        raise SourceError("the last line has no end.", file=path.name, hint=DOWNLOAD_AGAIN)
    if frame.empty:
        raise SourceError("has a header but no data.", file=path.name, hint=DOWNLOAD_AGAIN)
    if not isinstance(frame.index, pd.RangeIndex):
        raise SourceError(
            "the lines have more cells than the header.",
            file=path.name,
            cell=cell_name(_HEADER_LINE, 0),
            hint=DOWNLOAD_AGAIN,
        )
    frame.columns = frame.columns.str.strip()
    return TextTable(path.name, frame)


def header_of(path: Path, separator: str) -> tuple[str, ...]:
    """Column names in the first line of a text file."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            line = stream.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("the first line cannot be read.", file=path.name, hint=DOWNLOAD_AGAIN) from error
    return tuple(name.strip().strip('"') for name in line.rstrip("\r\n").split(separator))


def require_columns(table: TextTable, needed: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a file that lacks a needed column or has one that is not known."""
    present = list(table.frame.columns)
    missing = [name for name in needed if name not in present]
    if missing:
        raise SourceError(
            f"expected the columns {', '.join(needed)}; missing {', '.join(missing)}",
            file=table.file,
            cell=cell_name(0, 0),
        )
    for position, name in enumerate(present):
        if name not in known:
            raise SourceError(f"unknown column '{name}'", file=table.file, cell=cell_name(0, position))


def numbers(table: TextTable, column: str, allow_empty: bool = False) -> pd.Series:
    """Numbers of a column; SourceError for a text that is none."""
    texts = table.frame[column]
    values = pd.to_numeric(texts.where(texts != ""), errors="coerce")
    wrong = values.isna() & ~(texts.eq("") & allow_empty) | np.isinf(values)
    if wrong.any():
        line = int(wrong.to_numpy().argmax())
        raise table.error(f"expected a number, found '{texts.iloc[line]}'", line, column)
    return values.astype(float)


def observation_cells(
    table: TextTable,
    dimensions: Sequence[str],
    value_column: str,
    *,
    unit: str,
    markers: pd.Series | None = None,
) -> pd.DataFrame:
    """Cells of a file of one observation a line, with the columns of ``CELL_COLUMNS``."""
    frame = table.frame
    marker = pd.Series(pd.NA, index=frame.index, dtype="str") if markers is None else markers
    values = numbers(table, value_column, allow_empty=markers is not None)
    unexplained = values.isna() & marker.isna()
    if unexplained.any():
        raise table.error("empty value without a marker", int(unexplained.to_numpy().argmax()), value_column)
    cells = pd.DataFrame(
        {
            "sheet": Path(table.file).stem,
            "row_number": np.arange(len(frame)) + _HEADER_LINE + 1,
            "column_number": list(frame.columns).index(value_column) + 1,
            "row_label": row_labels(frame, dimensions),
            "column_label": value_column,
            "unit_label": unit,
            "cell_text": frame[value_column],
            "cell_value": values.where(marker.isna()),
            "cell_marker": marker,
        }
    )
    return cells[list(CELL_COLUMNS)]


def row_labels(frame: pd.DataFrame, dimensions: Sequence[str]) -> pd.Series:
    """Row labels of the form ``NAME=code | NAME=code``."""
    label = dimensions[0] + "=" + frame[dimensions[0]]
    for name in dimensions[1:]:
        label = label + " | " + name + "=" + frame[name]
    return label


def dimension(labels: pd.Series, name: str) -> pd.Series:
    """Code of a dimension in row labels, null where a label does not have it."""
    return labels.str.extract(rf"(?:^| )\b{name}=([^|]*?)(?: \||$)", expand=False)


def release_in_name(path: Path) -> str | None:
    """Release a file name carries, as ``YYYY-MM`` or ``YYYY-MM-DD``."""
    found = _RELEASE_IN_NAME.search(path.stem)
    return found[1] if found else None


def without_repeats(core: pd.DataFrame, key: Sequence[str], value: str, file_names: pd.Series) -> pd.DataFrame:
    """Drop rows that repeat another one exactly, e.g. a region listed under two kinds of geography.

    Raises
    ------
    SourceError
        If rows with the same key differ: two files of one release, or a file that contradicts itself.
    """
    distinct = core.drop_duplicates([*key, value])
    clash = distinct.duplicated(list(key), keep=False)
    if clash.any():
        files = ", ".join(sorted(file_names.loc[distinct.index[clash]].unique()))
        raise SourceError(
            f"{int(distinct.loc[clash].duplicated(list(key)).sum())} values differ from another one with the same "
            f"{', '.join(key)}",
            file=files,
            hint="If these are different releases, put the release (YYYY-MM) into the file names.",
        )
    return distinct.reset_index(drop=True)
