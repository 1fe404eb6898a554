"""ONS ad hoc workbook: payrolled employees by NUTS1 region and nationality, NSA and SA.

Two header rows: the region above the first of its four columns, then Total, EU, Non-EU and UK.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.rti.labels import area_codes, nationality_codes, regions
from lmi_pipeline.sources.rti.table import data_columns, header_row, month_rows, unit_of
from lmi_pipeline.sources.workbook import Sheet, Workbook, cells, header_labels

LAYOUT = "nationality"
EXPECTED = {"NSA": r"\(1\) NUTS1 by Nat - NSA", "SA": r"\(2\) NUTS1 by Nat - SA"}
IGNORED = (r"Warning Sheet", r"Chart N?SA( \(\d\))?", r"Lookups")
_ADJUSTMENT = {"NSA": "Non-seasonally adjusted", "SA": "Seasonally adjusted"}


def check(book: Workbook) -> None:
    """Raise SourceError unless the sheets are those of this layout."""
    book.require_sheets(EXPECTED, IGNORED)


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the cells of the NSA and the SA sheet; charts, lookups and warnings hold no data of their own."""
    book = Workbook.open(path)
    names = book.require_sheets(EXPECTED, IGNORED)
    frames = [_read_sheet(book.sheet(name), _ADJUSTMENT[key]) for key, name in names.items()]
    return ReadResult(pd.concat(frames, ignore_index=True))


def _read_sheet(sheet: Sheet, adjustment: str) -> pd.DataFrame:
    header = header_row(sheet)
    if sheet.text(1, 0) != adjustment:
        raise sheet.error(f"expected '{adjustment}', found {sheet.text(1, 0)!r}", 1)
    columns = data_columns(sheet, header)
    _check_header(sheet, header, columns)
    return cells(
        sheet,
        header_rows=(header - 1, header),
        fill=(header - 1,),
        data_rows=month_rows(sheet, header),
        label_column=0,
        columns=columns,
        markers=(),
        unit=unit_of(sheet, header, "Payrolled employees"),
        blank="refuse",
    )


def _check_header(sheet: Sheet, header: int, columns: range) -> None:
    """Every region and the United Kingdom once, each with the four nationality columns."""
    groups: dict[str, list[str]] = {}
    first: dict[str, int] = {}
    areas, nationalities = area_codes(), nationality_codes()
    for column, label in zip(columns, header_labels(sheet, (header - 1, header), columns, (header - 1,)), strict=True):
        area, _, nationality = label.partition(" | ")
        if areas.get(area) is None:
            raise sheet.error(f"unknown region {area!r}", header - 1, column)
        if nationalities.get(nationality) is None:
            raise sheet.error(f"unknown nationality {nationality!r}", header, column)
        groups.setdefault(areas[area], []).append(nationality)
        first.setdefault(areas[area], column)
    expected = ["EU", "Non-EU", "Total", "UK"]
    for code, found in groups.items():
        if sorted(found) != expected:
            message = f"region {code} has the columns {', '.join(found)}; expected {', '.join(expected)}"
            raise sheet.error(message, header, first[code])
    missing = {*regions(), UNITED_KINGDOM} - groups.keys()
    if missing:
        raise sheet.error(f"no columns for {', '.join(sorted(missing))}", header - 1, columns.start)
