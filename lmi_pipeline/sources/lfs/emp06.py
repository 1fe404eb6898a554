"""EMP06: employment by country of birth and nationality, not seasonally adjusted.

Four sheets: levels (persons aged 16 and over) and rates (per cent of those aged 16 to 64), by country of
birth and by nationality. Editions differ in their header: until 2017 the countries outside the EU are listed
one by one, later by continent, with the EU total twice: once beside "Total non-EU", once under "Europe".

UK and non-UK together stay below the total, which includes persons who state neither.
"""

from __future__ import annotations

import re

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
from lmi_pipeline.sources.workbook import Workbook

_SHEETS = {
    "country_of_birth level": "Country of birth [Ll]evels",
    "country_of_birth rate": "Country of birth [Rr]ates",
    "nationality level": "Nationality [Ll]evels",
    "nationality rate": "Nationality [Rr]ates",
}
_EXCERPT = r"frnsa 8_1"
_IGNORED = ("Note", "Introduction", _EXCERPT)

# Last level of the header, without footnote numbers and line breaks, as the editions spell it.
_CATEGORIES = {
    "Total": "total",
    "UK": "uk",
    "Non UK": "non_uk",
    "Total Non UK": "non_uk",
    "Total EU (EU27)": "eu",
    "Total non-EU": "non_eu",
    "EU14": "eu14",
    "EUA8": "eu8",
    "EU2": "eu2",
    "Romania and Bulgaria": "eu2",
    "Other EU": "other_eu",
    "Total Europe": "europe",
    "Other Europe (not in EU)": "other_europe",
    "Total Africa": "africa",
    "Africa excluding South Africa": "africa_excluding_south_africa",
    "South Africa": "south_africa",
    "Total Asia": "asia",
    "India": "india",
    "Pakistan and Bangladesh": "pakistan_and_bangladesh",
    "Pakistan and Bangla- desh": "pakistan_and_bangladesh",
    "Toal America and Oceania": "america_and_oceania",
    "Total America and Oceania": "america_and_oceania",
    "USA": "usa",
    "Australia and New Zealand": "australia_and_new_zealand",
    "Rest of the world": "rest_of_the_world",
}
_EU_GROUP = re.compile(r"(EU14|EUA8|EU2)\d?")  # a footnote number may be glued to the number of countries
_EU_UNDER_EUROPE = "europe_eu"
_REQUIRED = ("total", "uk", "non_uk", "eu", "non_eu")

# Series identifiers of the five main series of each sheet: a header that slid over them is found out.
_IDENTIFIERS = {
    "country_of_birth level": ("MGTM", "JF6F", "JF6G", "EQ4Q", "EQ4S"),
    "country_of_birth rate": ("LF9D", "LFM6", "LFM7", "EQ4Y", "EQ52"),
    "nationality level": ("MGTM", "JF6H", "JF6I", "EQ4U", "EQ4W"),
    "nationality rate": ("LF9D", "LFN8", "LFN9", "EQ54", "EQ56"),
}


def describe(sheet: str, label: str) -> Description | None:
    """Say what a column measures, from the name of its sheet and its header path."""
    words = sheet.lower().split()
    basis = "nationality" if words[0] == "nationality" else "country_of_birth"
    measure = "rate" if words[-1] == "rates" else "level"
    *groups, last = label.split(" | ")
    group = _EU_GROUP.fullmatch(last)
    category = _CATEGORIES.get(group[1] if group else without_footnotes(last).removeprefix("Of which: "))
    if category == "eu" and "Europe" in groups:
        category = _EU_UNDER_EUROPE
    return None if category is None else Description(basis, category, measure)


def read(workbook: Workbook) -> ReadResult:
    """Read the four sheets of an edition.

    Raises
    ------
    SourceError
        For a sheet, header, series identifier, period or marker that is not understood.
    """
    names = workbook.require_sheets(_SHEETS, _IGNORED)
    tables = [_table(workbook, key, name) for key, name in names.items()]
    notes = [
        f"Sheet '{name}' repeats the last periods of the other sheets as printed in table 8(1); it is not read."
        for name in workbook.sheet_names
        if name == _EXCERPT
    ]
    return gather(tables, notes)


def _table(workbook: Workbook, key: str, name: str) -> SeriesTable:
    table = find_table(workbook.sheet(name))
    table = carry_titles(table, table.header_rows[:1])
    categories = [description.category for description in require_known(table, describe)]
    for category, identifier in zip(_REQUIRED, _IDENTIFIERS[key], strict=True):
        if categories.count(category) != 1:
            raise table.sheet.error(
                f"expected one column of the category '{category}', found {categories.count(category)}",
                table.label_row,
            )
        _check_identifier(table, table.columns[categories.index(category)], category, identifier)
    if key.endswith("level"):
        require_persons(table, table.columns[categories.index("total")])
    return table


def _check_identifier(table: SeriesTable, column: int, category: str, identifier: str) -> None:
    assert table.identifier_row is not None
    found = table.sheet.text(table.identifier_row, column)
    if found != identifier:
        raise table.sheet.error(
            f"expected the series identifier {identifier} under the header of '{category}', found '{found}'",
            table.identifier_row,
            column,
            "Header and data do not stand in the same columns.",
        )


LAYOUT = WorkbookLayout("emp06", r"emp06.*", r"Table EMP06: .*", read, describe)
