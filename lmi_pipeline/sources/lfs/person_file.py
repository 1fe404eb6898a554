"""The containers of a file of records, delimited text, SPSS and Stata, as one frame.

Values keep the publisher's codes, but what stands for "no value" is null in every container: SPSS files
declare -9 and -8 missing, tab-delimited files spell them out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmi_pipeline.errors import SourceError

SUFFIXES = (".tab", ".sav", ".dta")
_DELIMITERS = {".tab": "\t", ".csv": ","}
MISSING_NUMBERS = (-9.0, -8.0, -1.0, -2.0, -6.0, -7.0, -90.0)
MISSING_TEXTS = ("", "N/A", "NA", *(f"{number:.0f}" for number in MISSING_NUMBERS))

_TRUNCATED = "the file cannot be read; it may be truncated or damaged."
_UNENDED = "the last line has no line end; the file may be truncated."
_AGAIN = "Download it again."
_LABELS = "WINDOWS-1252"
_LARGEST_EXACT = 2.0**53


def variable_names(path: Path) -> list[str]:
    """Names of all variables of a person file, in its own spelling."""
    delimiter = _DELIMITERS.get(path.suffix.lower())
    if delimiter:
        with path.open("rb") as stream:
            line = stream.readline()
        names = line.decode("utf-8-sig", errors="replace").rstrip("\r\n").split(delimiter)
        return [name.strip().strip('"') for name in names]
    names = _stored(path, metadataonly=True)[1].column_names
    if None in names:
        raise SourceError(_TRUNCATED, file=path.name, hint=_AGAIN)
    return list(names)


def read_variables(path: Path, numbers: list[str], texts: list[str]) -> pd.DataFrame:
    """Read some variables: ``numbers`` as float64, ``texts`` as text, null where there is no value.

    Raises
    ------
    SourceError
        The file cannot be read, or a number is not a number; the message names the variable and the
        number of rows, never a value.
    """
    delimited = path.suffix.lower() in _DELIMITERS
    table = _delimited_table(path, numbers, texts) if delimited else _stored_table(path, numbers, texts)
    if table.empty:
        raise SourceError("the file has no rows, expected one for each record", file=path.name, hint=_AGAIN)
    columns: dict[str, pd.Series] = {name: _number(table[name], name, path) for name in numbers}
    columns |= {name: _text(table[name], name, path) for name in texts}
    return pd.DataFrame(columns)


def _attempt(path: Path, *actions: Callable[[], Any]) -> Any:
    """Result of the first action that can read the file.

    The errors of the libraries are dropped, for they may quote the file's values.
    """
    import pyarrow as pa
    import pyreadstat

    for action in actions:
        with suppress(pyreadstat.ReadstatError, pyreadstat.PyreadstatError, UnicodeDecodeError, pa.ArrowInvalid):
            return action()
    raise SourceError(_TRUNCATED, file=path.name, hint=_AGAIN)


def _stored(path: Path, **arguments: Any) -> Any:
    """What pyreadstat reads; labels with a pound sign are often not in the encoding the file declares."""
    import pyreadstat

    reader = pyreadstat.read_sav if path.suffix.lower() == ".sav" else pyreadstat.read_dta
    return _attempt(
        path,
        lambda: reader(str(path), **arguments),
        lambda: reader(str(path), encoding=_LABELS, **arguments),
    )


def _stored_table(path: Path, numbers: list[str], texts: list[str]) -> pd.DataFrame:
    frame: pd.DataFrame = _stored(path, usecols=[*numbers, *texts])[0]
    return frame


def _delimited_table(path: Path, numbers: list[str], texts: list[str]) -> pd.DataFrame:
    """Columns of delimited text, all as text if one of the numbers is none: :func:`_number` then counts the rows."""
    import pyarrow as pa

    if not _ends_with_line(path):
        raise SourceError(_UNENDED, file=path.name, hint=_AGAIN)
    typed = {name: pa.float64() for name in numbers} | {name: pa.string() for name in texts}
    frame: pd.DataFrame = _attempt(
        path, lambda: _parse_text(path, typed), lambda: _parse_text(path, dict.fromkeys(typed, pa.string()))
    )
    return frame


def _ends_with_line(path: Path) -> bool:
    """Whether the last line is whole: cut in its last field, it would still have a field for each variable."""
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read() in (b"\n", b"\r")


def _parse_text(path: Path, types: dict[str, Any]) -> pd.DataFrame:
    from pyarrow import csv

    convert = csv.ConvertOptions(
        include_columns=list(types), column_types=types, null_values=list(MISSING_TEXTS), strings_can_be_null=True
    )
    header = csv.ReadOptions(column_names=variable_names(path), skip_rows=1)
    table = csv.read_csv(path, header, csv.ParseOptions(delimiter=_DELIMITERS[path.suffix.lower()]), convert)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _number(values: pd.Series, name: str, path: Path) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values):
        text = values.astype("str").str.strip()
        text = text.where(~text.isin(MISSING_TEXTS))
        values = pd.to_numeric(text, errors="coerce")
        _refuse(text.notna() & values.isna(), f"variable {name}", "hold no number", path)
    number = values.astype("float64")
    _refuse(number.abs() == np.inf, f"variable {name}", "hold no finite number", path)
    return number.where(~number.isin(MISSING_NUMBERS))


def _text(values: pd.Series, name: str, path: Path) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values):
        number = values.astype("float64")
        inexact = number.notna() & ((number % 1 != 0) | (number.abs() > _LARGEST_EXACT))
        _refuse(inexact, f"variable {name}", "hold no whole number that is stored exactly", path)
        text = number.astype("Int64").astype("str").where(number.notna())
    else:
        text = values.astype("str").str.strip().str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    return text.where(~text.isin(MISSING_TEXTS)).astype("str")


def _refuse(wrong: pd.Series, what: str, why: str, path: Path) -> None:
    if wrong.any():
        raise SourceError(f"{what}: {int(wrong.sum())} of {len(wrong)} rows {why}.", file=path.name, hint=_AGAIN)
