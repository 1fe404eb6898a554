"""A01, the summary of labour market statistics, and A05, the labour market by age.

Of the tables of A01 those of the Labour Force Survey by three-month period are read; the others - jobs,
earnings, vacancies, disputes, other countries, regions at one date - are other sources' and are named in a
note. Tables 8(1) and 8(2), by country of birth and nationality, are placeholders in some editions.
"""

from __future__ import annotations

import re

from lmi_pipeline.sources.base import ReadResult
from lmi_pipeline.sources.lfs import inac01
from lmi_pipeline.sources.lfs.published_table import (
    Description,
    SeriesTable,
    WorkbookLayout,
    carry_titles,
    find_table,
    gather,
    require_known,
    require_persons,
    slug,
)
from lmi_pipeline.sources.workbook import Sheet, Workbook

_A05_SHEETS = {sex: rf"{sex} \(16\+\)" for sex in ("People", "Men", "Women")}

# Table of A01: how many of its header rows hold titles of column groups.
_A01_TITLE_ROWS = {"1": 1, "2": 2, "3": 1, "7": 1, "7(1)": 2, "9": 2, "10": 1, "11": 1, "12": 1}
_A01_OTHER = ("4", "4(1)", "5", "6", *map(str, range(13, 23)))
_A01_PLACEHOLDERS = ("8(1)", "8(2)")
_A01_BASES = {"2": "age", "11": "reason"}
_UNIT_AND_FOOTNOTE = r" \((?:thousands|millions|rates|hours|%)\)[\d,]*$| \d$"
_MOVED = "have been removed from this dataset"


def describe_a05(sheet: str, label: str) -> Description:
    """Say what a column of A05 measures, from its header path: age group, status, level or rate."""
    return Description("age", _category(label), _measure(label))


def describe_a01(sheet: str, label: str) -> Description | None:
    """Say what a column of A01 measures, from its table and header path."""
    if sheet == "11":
        return inac01.describe(sheet, label)
    basis = _A01_BASES.get(sheet, "summary")
    if sheet == "7":
        measure = "mean_weekly_hours" if label.startswith("Average") else "weekly_hours"
        return Description(basis, _category(label), measure)
    return Description(basis, _category(label), _measure(label))


def _category(label: str) -> str:
    parts = label.split(" | ")
    if len(parts) > 1 and re.match(r"level|rate", parts[-1].lower()):
        parts = parts[:-1]
    return slug(" ".join(re.sub(_UNIT_AND_FOOTNOTE, "", part) for part in parts))


def _measure(label: str) -> str:
    if re.search(r"\brate per thousand", label, re.IGNORECASE):
        return "rate_per_thousand"
    return "rate" if re.search(r"%|\brates?\b|percentage", label, re.IGNORECASE) else "level"


def read_a05(workbook: Workbook) -> ReadResult:
    """Read the three sheets of A05; SourceError for anything not understood."""
    names = workbook.require_sheets(_A05_SHEETS, ("Note", "Introduction"))
    return gather([_age_table(workbook.sheet(name)) for name in names.values()], ())


def _age_table(sheet: Sheet) -> SeriesTable:
    table = find_table(sheet, has_identifiers=False)
    _require_header_rows(table, 3)
    table = carry_titles(table, table.header_rows[:2])
    require_persons(table, table.columns[0])
    return table


def _require_header_rows(table: SeriesTable, at_least: int) -> None:
    if len(table.header_rows) < at_least:
        raise table.sheet.error(
            f"expected {at_least} header rows under the unit, found {len(table.header_rows)}", table.header_rows[0]
        )


def read_a01(workbook: Workbook) -> ReadResult:
    """Read the Labour Force Survey tables of A01.

    Raises
    ------
    SourceError
        For a sheet, header, period or marker that is not understood, and for a table 8(1) or 8(2) that
        holds data, which this reader does not know.
    """
    expected = {name: re.escape(name) for name in (*_A01_TITLE_ROWS, *_A01_PLACEHOLDERS)}
    names = workbook.require_sheets(expected, ("Note", "Introduction", *map(re.escape, _A01_OTHER)))
    notes = [_placeholder_note(workbook.sheet(names[key])) for key in _A01_PLACEHOLDERS]
    others = [name for name in workbook.sheet_names if name.strip() in _A01_OTHER]
    notes += [
        f"Tables {', '.join(others)} are not of the Labour Force Survey by three-month period; they are not read."
    ]
    return gather([_a01_table(key, workbook.sheet(names[key])) for key in _A01_TITLE_ROWS], notes)


def _a01_table(key: str, sheet: Sheet) -> SeriesTable:
    if key == "11":
        return inac01.find_reasons(sheet)
    table = find_table(sheet)
    _require_header_rows(table, 2)
    table = carry_titles(table, table.header_rows[: _A01_TITLE_ROWS[key]])
    require_known(table, describe_a01)
    if key != "10":
        require_persons(table, table.columns[0])
    return table


def _placeholder_note(sheet: Sheet) -> str:
    texts = [sheet.text(row, 0) for row in range(min(5, len(sheet.rows)))]
    if sheet.width > 1 or not any(_MOVED in text for text in texts):
        raise sheet.error(f"expected a placeholder that says the data '{_MOVED}'; a table here is not known", 0)
    return f"Sheet '{sheet.name}' is a placeholder, not in this edition: {next(t for t in texts if _MOVED in t)}."


A01 = WorkbookLayout("a01", r"a01[a-z]{3}\d{4}.*", r"Table 1: Labour Force Survey Summary.*", read_a01, describe_a01)
A05 = WorkbookLayout("a05", r"a05.*", r"Table A05: .*", read_a05, describe_a05)
