"""Write workbooks and text files, the same bytes every time."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import xlsxwriter

Cell = str | int | float | date | None
Rows = Sequence[Sequence[Cell]]

NOTICE = (
    "Synthetic data: a simulated United Kingdom. No figure in this file was published by anybody or describes anyone."
)


def write_xlsx(path: Path, sheets: Mapping[str, Rows], created: date) -> Path:
    """Write an Excel workbook (also under the ``.xls`` names some publishers use).

    Empty text and None become empty cells; dates are written as dates.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream, xlsxwriter.Workbook(stream, {"strings_to_urls": False}) as book:
        book.set_properties({"created": _midnight(created), "comments": NOTICE})
        day = book.add_format({"num_format": "dd mmm yyyy"})
        for name, rows in sheets.items():
            _fill(book.add_worksheet(name), rows, day)
    return path


def _midnight(day: date) -> datetime:
    """The workbook library takes times without a zone; a publication date has none."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).replace(tzinfo=None)


def _fill(sheet: xlsxwriter.workbook.Worksheet, rows: Rows, day: xlsxwriter.workbook.Format) -> None:
    for row_number, row in enumerate(rows):
        for column, value in enumerate(row):
            if value is None or value == "":
                continue
            if isinstance(value, str):
                sheet.write_string(row_number, column, value)
            elif isinstance(value, date):
                sheet.write_datetime(row_number, column, _midnight(value), day)
            else:
                sheet.write_number(row_number, column, value)


_ODS_MIME = "application/vnd.oasis.opendocument.spreadsheet"
_ODS_NAMESPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2"'
)
_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_ODS_MIME}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
    "</manifest:manifest>"
)


def write_ods(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """Write an OpenDocument spreadsheet of text and numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = "".join(_ods_table(name, rows) for name, rows in sheets.items())
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_ODS_NAMESPACES}>'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_entry("mimetype", zipfile.ZIP_STORED), _ODS_MIME)
        archive.writestr(_entry("META-INF/manifest.xml"), _MANIFEST)
        archive.writestr(_entry("content.xml"), content, compresslevel=3)
    return path


def _entry(name: str, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = method
    return entry


def _ods_table(name: str, rows: Rows) -> str:
    width = max((len(row) for row in rows), default=1)
    body = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    columns = f'<table:table-column table:number-columns-repeated="{width}"/>'
    return f'<table:table table:name="{escape(name)}">{columns}{body}</table:table>'


def _ods_cell(value: Cell) -> str:
    if value is None or value == "":
        return "<table:table-cell/>"
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
    number = f'office:value-type="float" office:value="{value}"'
    return f"<table:table-cell {number}><text:p>{value}</text:p></table:table-cell>"


def write_delimited(
    path: Path, columns: Mapping[str, np.ndarray | Sequence[object]], delimiter: str, *, quoted: bool = False
) -> Path:
    """Write columns of equal length as delimited text; with ``quoted`` all text and the header are quoted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    options = pacsv.WriteOptions(
        include_header=False, delimiter=delimiter, quoting_style="all_valid" if quoted else "none"
    )
    header = delimiter.join(f'"{name}"' if quoted else name for name in columns)
    with path.open("wb") as stream:
        stream.write(header.encode() + b"\n")
        pacsv.write_csv(table, stream, options)
    return path
