"""INAC01: economic inactivity by reason of those aged 16 to 64, seasonally adjusted.

Sheets for people, men and women. Levels hold persons with decimals though the heading says thousands;
shares are per cent of their group. Table 11 of A01 has the same columns.

The title of a group of columns stands above the second one: the group's total, at its left, belongs to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lmi_pipeline.sources.base import ReadResult
from lmi_pipeline.sources.lfs.published_table import (
    Description,
    SeriesTable,
    WorkbookLayout,
    carry_titles,
    find_table,
    gather,
    require_known,
    require_persons,
    without_footnotes,
)
from lmi_pipeline.sources.workbook import Sheet, Workbook

_SHEETS = {"people": "People", "men": "Men", "women": "Women"}
_IGNORED = ("Note",)

_REASONS = {
    "Student": "student",
    "Looking after family / home": "looking_after_family_home",
    "Temp sick": "temporarily_sick",
    "Long-term sick": "long_term_sick",
    "Discouraged workers": "discouraged_worker",
    "Retired": "retired",
    "Other": "other",
    "Does not want job": "does_not_want_job",
    "Wants a job": "wants_job",
}
_GROUPS = (
    (r"Economic inactivity by reason\b.*", "", "level"),
    (r"Percentage of economically inactive by wants a job\b.*", "wants_job_", "rate"),
    (r"Percentage of economically inactive by does not want a? ?job\b.*", "does_not_want_job_", "rate"),
    (r"Percentage of economically inactive\b.*", "", "rate"),
    (r"Economic inactivity by wants a job\b.*", "wants_job_", "level"),
    (r"Economic inactivity by does not want a? ?job\b.*", "does_not_want_job_", "level"),
)


def describe(sheet: str, label: str) -> Description | None:
    """Say what a column measures, from its header path; the sex is the sheet's."""
    title, _, last = label.partition(" | ")
    reason = re.sub(r" \((?:thousands|%).*\)$", "", without_footnotes(last))
    category = "total" if reason.startswith("Total ") else _REASONS.get(reason)
    for pattern, prefix, measure in _GROUPS:
        if category is not None and re.fullmatch(pattern, title):
            return Description("reason", f"{prefix}{category}", measure)
    return None


def find_reasons(sheet: Sheet) -> SeriesTable:
    """Find a table of inactivity by reason and join the titles of its groups with their columns."""
    table = find_table(sheet)
    titles, rows = table.header_rows[0], list(sheet.rows)
    moved = list(rows[titles])
    for column in table.columns[1:]:
        if sheet.text(titles, column):
            if not sheet.text(table.label_row, column - 1).startswith("Total "):
                raise sheet.error(
                    "expected a column of the group's total at the left of the title of a group", titles, column
                )
            moved[column - 1], moved[column] = moved[column], ""
    rows[titles] = moved
    table = carry_titles(replace(table, sheet=replace(sheet, rows=rows)), [titles])
    require_known(table, describe)
    require_persons(table, table.columns[0])
    return table


def read(workbook: Workbook) -> ReadResult:
    """Read the three sheets of an edition.

    Raises
    ------
    SourceError
        For a sheet, header, period or marker that is not understood.
    """
    names = workbook.require_sheets(_SHEETS, _IGNORED)
    return gather([find_reasons(workbook.sheet(name)) for name in names.values()], ())


LAYOUT = WorkbookLayout("inac01", r"inac01.*", r"Table INAC01: .*", read, describe)
