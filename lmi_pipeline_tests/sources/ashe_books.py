"""Small ASHE workbooks in the publisher's layout, for tests that spoil them."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter

from lmi_pipeline.sources.ashe.names import SHEETS
from lmi_pipeline.sources.ashe.tables import PERCENTILES

Sheets = dict[str, list[list]]

NAMES = {
    "14a": "PROV - Occupation SOC10 (4) Table 14.1a   Weekly pay - Gross 2020.xlsx",
    "14b": "PROV - Occupation SOC10 (4) Table 14.1b   Weekly pay - Gross 2020 CV.xlsx",
    "15a": "Work Region Occupation SOC10 (4) Table 15.5a   Hourly pay - Gross 2020.xlsx",
    "3a": "PROV - Work Region Occupation SOC20 (2) Table 3.9a   Paid hours worked - Total 2025.xlsx",
    "16a": "SIC07 Industry (4) SIC2007 Table 16.7a   Annual pay - Gross 2020.xlsx",
}
_FOR = "- For {} employee jobsa: United Kingdom"
TITLES = {
    "14a": f"Table 14.1a   Weekly pay - Gross (£) {_FOR}, 2020",
    "14b": f"Table 14.1b   Coefficients of variation for Weekly pay - Gross (£) {_FOR}, 2020",
    "15a": f"Table 15.5a   Hourly pay - Gross (£) {_FOR}, 2020",
    "3a": f"Table 3.9a   Paid hours worked - Total {_FOR}, 2025",
    "16a": f"SIC2007 Table 16.7a   Annual pay - Gross (£) {_FOR}, 2020",
}
ESTIMATES = [24, 500.5, 1.5, 600.5, "", *range(100, 110)]
VARIATIONS = [0.5, 1.5, ".", 12.0, ".", *[4.9] * 9, "x"]
OCCUPATIONS = [
    ("All employees", ""),
    ("Managers, directors and senior officials", "1"),
    ("  Corporate managers and directors", "11"),
    ("    Chief executives and senior officials", "111"),
    ("      Chief executives and senior officials", "1115"),
    ("Not Classified", ""),
]
REGIONS = [
    ("United Kingdom", "K02000001"),
    ("United Kingdom, Managers, directors and senior officials", "1"),
    ("North East", "E12000001"),
    ("North East, Managers, directors and senior officials", "1"),
    ("  North East, Corporate managers and directors", "11"),
    ("North East, Not Classified", ""),
    ("London", "E12000007"),
    ("London, Managers, directors and senior officials", "1"),
    ("Not Classified", ""),
]
INDUSTRIES = [
    ("ALL EMPLOYEES", ""),
    ("All Manufacturing", ""),
    ("AGRICULTURE, FORESTRY AND FISHING", "A "),
    ("Crop and animal production", "1"),
    ("Growing of non-perennial crops", "11"),
    ("Growing of cereals", "111"),
    ("MANUFACTURING", "C"),
    ("Manufacture of beverages", "11"),
    ("Manufacture of beverages", "110"),
    ("NOT CLASSIFIED", ""),
]
ROWS = {"14a": OCCUPATIONS, "14b": OCCUPATIONS, "15a": REGIONS, "3a": REGIONS, "16a": INDUSTRIES}
HEADER = 4


def sheets(kind: str) -> Sheets:
    """Rows of the ten sheets of a workbook."""
    values = VARIATIONS if kind.endswith("b") else ESTIMATES
    return {"CV notes" if kind.endswith("b") else "Notes": [["Guide"]]} | {
        name: table(TITLES[kind].format(name.lower()), ROWS[kind], values) for name in SHEETS
    }


def table(title: str, rows: list[tuple[str, str]], values: list) -> list[list]:
    """Title, header of three rows, rows of data and footnotes."""
    return [
        [title],
        [],
        ["", "", "Number", "", "Annual", "", "Annual"],
        ["", "", "of jobsb", "", "percentage", "", "percentage", "Percentiles"],
        ["Description", "Code", "(thousand)", "Median", "change", "Mean", "change", *map(int, PERCENTILES)],
        *[[label, code, *values] for label, code in rows],
        ["a  Employees on adult rates whose pay was not affected by absence."],
        ["Source: Annual Survey of Hours and Earnings"],
    ]


def write(path: Path, made: Sheets) -> Path:
    """Write the rows as they are; digits in quotes stay text."""
    with xlsxwriter.Workbook(path, {"strings_to_numbers": False}) as book:
        for name, rows in made.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if value != "":
                        sheet.write(number, column, value)
    return path


def make(folder: Path, kind: str) -> Path:
    """Write an unspoilt workbook under the publisher's name."""
    return write(folder / NAMES[kind], sheets(kind))
