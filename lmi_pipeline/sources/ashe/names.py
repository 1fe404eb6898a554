"""What an ASHE workbook is: told by the title in its sheets, and by its name as far as the publisher's name was kept.

The title holds the number of the table, whether it gives estimates (a) or their coefficients of variation (b), the
measure, the population of the sheet and the year. Whether the edition is provisional, and which edition of SOC the
codes are of, stands in the name only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.workbook import Sheet

SHEETS = {
    "All": ("all", "all"),
    "Male": ("male", "all"),
    "Female": ("female", "all"),
    "Full-Time": ("all", "full_time"),
    "Part-Time": ("all", "part_time"),
    "Male Full-Time": ("male", "full_time"),
    "Male Part-Time": ("male", "part_time"),
    "Female Full-Time": ("female", "full_time"),
    "Female Part-Time": ("female", "part_time"),
}
TABLES = {"3": "table_3", "8": "table_8", "14": "table_14", "15": "table_15", "16": "table_16"}
BY_OCCUPATION = ("3", "14", "15")
ESTIMATE, VARIATION = "a", "b"
PROVISIONAL, REVISED, UNSTATED = "provisional", "revised", "unstated"

_TITLE = re.compile(
    r"(?:SIC2007 )?Table (?P<table>\d+)(?: \(\d\))?\.(?P<number>\d+)(?P<letter>[ab]) "
    r"(?P<variation>Coefficients of variation for )?(?P<measure>.+?)(?P<pounds> \(£\))? "
    r"- For (?P<population>.+?) employee jobs\w?: .+, (?P<year>\d{4})"
)
_NAME = re.compile(
    r"(?P<provisional>PROV - )?(?P<subject>.+?) Table (?P<table>\d+)(?: \(\d\))?\.(?P<number>\d+)(?P<letter>[ab]) "
    r".+? (?P<year>\d{4})(?P<variation> CV)?"
)
_SOC = re.compile(r"\bSOC(10|20)\b")


@dataclass(frozen=True)
class Title:
    """What the title of a sheet says.

    Attributes
    ----------
    table, number : str
        Number of the table and of the measure: ``14`` and ``7`` of Table 14.7a.
    is_variation : bool
        Whether the sheet holds coefficients of variation instead of estimates.
    unit : str or None
        Unit as the title states it.
    year : int
        Reference year.
    """

    table: str
    number: str
    is_variation: bool
    unit: str | None
    year: int

    @property
    def table_number(self) -> str:
        """Number with the letter: ``14.7a``."""
        return f"{self.table}.{self.number}{VARIATION if self.is_variation else ESTIMATE}"


def read_title(sheet: Sheet) -> Title:
    """Title of a sheet, from its first cell.

    Raises
    ------
    SourceError
        If the cell is no title of a table known here, or contradicts itself or the name of the sheet.
    """
    text = sheet.text(0, 0)
    match = _TITLE.fullmatch(text)
    if match is None:
        raise sheet.error(f"expected a title such as 'Table 14.1a Weekly pay - Gross (£) - For ...', found {text!r}", 0)
    if not _is_measure(match["number"], match["measure"]):
        raise sheet.error(f"measure {match['measure']!r} is not that of table number {match['number']}", 0)
    if (match["letter"] == VARIATION) != bool(match["variation"]):
        raise sheet.error("a table with the letter b holds coefficients of variation, one with a does not", 0)
    if match["population"].lower() != sheet.name.strip().lower():
        raise sheet.error(f"the title is of '{match['population']}' jobs, the sheet by its name of others", 0)
    unit = match["pounds"].strip(" ()") if match["pounds"] else None
    return Title(match["table"], match["number"], match["letter"] == VARIATION, unit, int(match["year"]))


def _is_measure(number: str, words: str) -> bool:
    """Whether the number of a measure is known and its title begins with the expected word."""
    expected = catalog.mapping("ashe_measure", "title", key="number").get(number, "")
    return words.split()[0].lower() == expected.split(" ")[0].lower()


def release_of(file_name: str, title: Title) -> str:
    """Release of a workbook: year and, from the name as published, ``provisional`` or ``revised``.

    A file that was renamed does not tell which it is (``unstated``).

    Raises
    ------
    SourceError
        If the name is of another table or year than the title.
    """
    match = _NAME.fullmatch(" ".join(file_name.rpartition(".")[0].split()))
    if match is None:
        return f"{title.year}-{UNSTATED}"
    named = f"Table {match['table']}.{match['number']}{match['letter']} of {match['year']}"
    titled = f"Table {title.table_number} of {title.year}"
    if named != titled:
        raise SourceError(
            f"the name says {named}, the title {titled}.",
            file=file_name,
            hint="Give the file its own name.",
        )
    return f"{title.year}-{PROVISIONAL if match['provisional'] else REVISED}"


def soc_edition(file_name: str) -> str | None:
    """Edition of SOC in the name as published (``SOC10``, ``SOC20``); None if the name does not say."""
    match = _SOC.search(file_name)
    return f"20{match[1]}" if match else None
