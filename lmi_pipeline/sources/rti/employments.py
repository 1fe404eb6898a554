"""HMRC workbooks: payrolled employments by nationality, region and industry.

To June 2021 an xlsx with named sheets, to December 2022 an ods with numbered sheets. In both, cell A1
of a sheet says which area and which nationalities it is about, so the area is taken from there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.rti.labels import area_codes, industry_codes, regions
from lmi_pipeline.sources.rti.table import data_columns, header_row, month_key, month_of_name, month_rows
from lmi_pipeline.sources.workbook import Sheet, Workbook, cells

LAYOUT = "employments"
MARKERS = ("[c]", "[d]", "<50")
TOTAL = "total"
ENGLAND = "E92000001"
UNIT = "Payrolled employments, rounded to the nearest 100"
IGNORED = (r"Cover( sheet)?", r"Contents", r"Notes")
_NAMED = (
    r"UK_for_UK,EU_and_nonEU|UK_for_EU14,EU8,EU2_&_Other_EU|England|North_East|North_West|Yorkshire_and_the_Humber"
    r"|East_Midlands|West_Midlands|East|London|South_East|South_West|Scotland|Wales|Northern_Ireland"
)
_NAMED_MONTH = re.compile(r"(?:jul14|_to_)(?P<month>[A-Za-z]{3})[a-z]*_?(?:20)?(?P<year>\d{2})(?!\d)")
_CAPTION = re.compile(
    r"Monthly counts of payrolled employments in (?:the )?(?P<area>.+?)(?: by industry.*?)?"
    r" for (?P<split>UK, EU and non-EU|EU14, EU8, EU2 and other EU)\b"
)
_HEADER = re.compile(
    r"(?:Total )?(?:(?P<group>UK|EU14|EU8|EU2|EU|non-EU|[Oo]ther EU) )?(?:nationals )?employment counts"
    r"(?: (?:in |industry )?(?P<industry>.+))?"
)
_GROUPS = {
    "UK, EU and non-EU": {"": "total", "UK": "uk", "EU": "eu", "non-EU": "non_eu"},
    "EU14, EU8, EU2 and other EU": {
        "": "eu",
        "EU": "eu",
        "EU14": "eu14",
        "EU8": "eu8",
        "EU2": "eu2",
        "other EU": "other_eu",
        "Other EU": "other_eu",
    },
}


class Series(NamedTuple):
    """What a column of a sheet holds, in our codes; empty where the label is not known."""

    area_code: str
    split: str
    nationality_group: str
    industry_block: str


def last_month(book: Workbook) -> str:
    """Last month of the first table, which is the release; a month in the file's name must be the same."""
    sheet = book.sheet(_table_names(book)[0])
    last = month_rows(sheet, header_row(sheet))[-1]
    month = month_key(sheet.text(last, 0)) or ""
    named = _NAMED_MONTH.search(book.file_name.replace(" ", "_"))
    if named and f"20{named['year']}-{month_of_name(named['month']):02d}" != month:
        raise sheet.error(f"the last month is {month}, the file's name says {named[0].strip('_')}", last)
    return month


def check(book: Workbook) -> None:
    """Raise SourceError unless the sheets are those of this layout."""
    _table_names(book)


def _table_names(book: Workbook) -> list[str]:
    pattern = r"\d{1,2}" if "1" in book.sheet_names else _NAMED
    names = [name for name in book.sheet_names if re.fullmatch(pattern, name.strip())]
    book.require_sheets({name: re.escape(name.strip()) for name in names}, IGNORED)
    return names


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read the cells of every table; the caption of the sheet leads the header path."""
    book = Workbook.open(path)
    release = last_month(book)
    frames: list[pd.DataFrame] = []
    found: dict[tuple[str, str], str] = {}
    for name in _table_names(book):
        sheet = book.sheet(name)
        series, frame = _read_sheet(sheet, release)
        if series in found:
            raise sheet.error(f"holds the same area and nationalities as sheet '{found[series]}'", 0)
        found[series] = name
        frames.append(frame)
    splits = list(_GROUPS)
    expected = {(area, splits[0]) for area in (UNITED_KINGDOM, ENGLAND, *regions())} | {(UNITED_KINGDOM, splits[1])}
    if found.keys() != expected:
        missing = ", ".join(f"{area} for {split}" for area, split in sorted(expected - found.keys()))
        raise SourceError(f"has no sheet for {missing}", file=book.file_name)
    return ReadResult(pd.concat(frames, ignore_index=True))


def _read_sheet(sheet: Sheet, release: str) -> tuple[tuple[str, str], pd.DataFrame]:
    header = header_row(sheet)
    caption = sheet.text(0, 0)
    columns, rows = data_columns(sheet, header), month_rows(sheet, header)
    series = [parse(f"{caption} | {sheet.text(header, column)}") for column in columns]
    _check_header(sheet, header, series)
    last = month_key(sheet.text(rows[-1], 0))
    if last != release:
        raise sheet.error(f"the last month is {last}, that of the first table {release}", rows[-1])
    frame = cells(
        sheet,
        header_rows=(header,),
        data_rows=rows,
        label_column=0,
        columns=columns,
        markers=MARKERS,
        unit=UNIT,
        blank="refuse",
    )
    labels = frame["column_label"]
    return series[0][:2], frame.assign(column_label=caption + " | " + labels)


def parse(label: str) -> Series:
    """Codes of a header path ``caption | column header``."""
    caption, _, header = label.partition(" | ")
    about, column = _CAPTION.match(caption), _HEADER.fullmatch(header)
    area = area_codes().get(about["area"], "") if about else ""
    split = about["split"] if about else ""
    if column is None:
        return Series(area, split, "", "")
    group = _GROUPS.get(split, {}).get(column["group"] or "", "")
    industry = "total" if column["industry"] is None else industry_codes().get(column["industry"].casefold(), "")
    return Series(area, split, group, industry)


def _check_header(sheet: Sheet, header: int, series: list[Series]) -> None:
    """Every industry once, each with all the nationality groups of the sheet."""
    for column, one in enumerate(series, start=1):
        if not one.area_code:
            raise sheet.error(f"unknown area or nationalities in the title {sheet.text(0, 0)!r}", 0)
        if not one.nationality_group or not one.industry_block:
            raise sheet.error(f"unknown nationality or industry in {sheet.text(header, column)!r}", header, column)
    groups = set(_GROUPS[series[0].split].values())
    blocks = {TOTAL, *industry_codes().values()}
    expected = {(group, block) for group in groups for block in blocks}
    found = {(one.nationality_group, one.industry_block) for one in series}
    if found != expected or len(series) != len(expected):
        missing = ", ".join(f"{group} in {block}" for group, block in sorted(expected - found))
        raise sheet.error(
            f"found {len(series)} columns, expected {len(expected)}; missing: {missing or 'none'}", header, 1
        )
