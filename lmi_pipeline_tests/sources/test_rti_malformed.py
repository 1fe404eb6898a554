"""RTI workbooks that are not what the readers were written for: refused, with the place named."""

from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.rti import READER, payroll

Sheets = dict[str, list[list]]
NSA, SA = "(1) NUTS1 by Nat - NSA", "(2) NUTS1 by Nat - SA"
UK_SHEET, EU_SHEET = "UK_for_UK,EU_and_nonEU", "UK_for_EU14,EU8,EU2_&_Other_EU"
MONTHS = ("July 2014", "August 2014", "September 2014")
NATIONALITIES = ("Total", "EU", "Non-EU", "UK")


def write(path: Path, sheets: Sheets) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            table = book.add_worksheet(name)
            for number, row in enumerate(rows):
                table.write_row(number, 0, row)
    return path


def take_in(path: Path) -> None:
    identity = READER.identify(path)
    raw = stamp(READER.read(path, identity).frame, VaultFile(path, identity, path.name, "0", "false"))
    for tidy in READER.tidy.values():
        tidy(raw)


def nationality_sheets() -> Sheets:
    areas = [*catalog.codelist("region")["name"].replace("East of England", "East"), "UK Total"]
    header = [["", *[text for area in areas for text in (area, "", "", "")]], ["Date", *NATIONALITIES * len(areas)]]
    data = [[month, *[30, 5, 5, 20] * 12, *[360, 60, 60, 240]] for month in MONTHS]
    return {
        name: [["Title"], [adjusted], [], ["Units", "Payrolled employees"], [], *[row[:] for row in header + data]]
        for name, adjusted in ((NSA, "Non-seasonally adjusted"), (SA, "Seasonally adjusted"))
    }


def employments_sheets() -> Sheets:
    industries = catalog.codelist("industry_block_alias").drop_duplicates("industry_block")["code"]
    sheets: Sheets = {"Cover sheet": [["Payrolled employments in the UK"]]}
    names = ["United Kingdom", "England", *catalog.codelist("region")["name"].replace("East of England", "East")]
    for area in names:
        name = UK_SHEET if area == "United Kingdom" else area.replace(" ", "_").replace("The", "the")
        groups = ("Total", "Total UK nationals", "Total EU nationals", "Total non-EU nationals")
        sheets[name] = employments_rows(area, "UK, EU and non-EU", groups, [100, 70, 20, 10], industries)
    groups = ("Total", "Total EU14 nationals", "Total EU8 nationals", "Total EU2 nationals", "Total other EU nationals")
    split = "EU14, EU8, EU2 and other EU"
    sheets[EU_SHEET] = employments_rows("United Kingdom", split, groups, [20, "[c]", "[d]", "<50", 0], industries)
    return sheets


def employments_rows(area: str, split: str, groups: tuple[str, ...], values: list, industries) -> list[list]:
    caption = f"Monthly counts of payrolled employments in the {area} by industry SIC codes (A-U) for {split} nationals"
    header = [f"{group} employment counts" for group in groups]
    header += [f"{group} employment counts in {industry}" for industry in industries for group in groups]
    data = [[month, *values * (len(header) // len(groups))] for month in MONTHS]
    return [[caption], ["This worksheet contains one table"], ["Date ", *header], *data]


def payroll_sheets() -> Sheets:
    sheets: Sheets = {"Index": [["Earnings and employment"], ["Date of publication: 11 October 2022"]]}
    for number, table in enumerate(payroll.UNITS, start=1):
        sheets[f"{number}. {table}"] = [["Updated quarterly"], ["The next update is on 15 November 2022"]]
    rows = [["Title"], ["UK"], [], ["Units", "Payrolled employees"], []]
    data = [[month, 10, 20] for month in MONTHS]
    sheets[find(sheets, "Employees (Age)")] = [*rows, ["Date", "0-17", "UK"], *data]
    header = [["", "UKC", ""], ["Date", "North East", "UK"]]
    sheets[find(sheets, "Employees (NUTS1)")] = [*rows, *header, *[row[:] for row in data]]
    return sheets


def find(sheets: Sheets, table: str) -> str:
    return next(name for name in sheets if name.endswith(f". {table}"))


BUILDERS: dict[str, Callable[[], Sheets]] = {
    "nuts1bynationalitynsaandsamar2023.xlsx": nationality_sheets,
    "paye_employments_jul14sep14.xlsx": employments_sheets,
    "rtisaoct2022.xlsx": payroll_sheets,
}
ONS_AD_HOC, HMRC, RTISA = BUILDERS


@pytest.mark.parametrize("name", BUILDERS)
def test_the_unspoilt_workbook_is_read(tmp_path, name):
    take_in(write(tmp_path / name, BUILDERS[name]()))


def spoil(sheet: str, row: int, column: int, value: object) -> Callable[[Sheets], None]:
    def change(sheets: Sheets) -> None:
        sheets[next(name for name in sheets if name.endswith(sheet))][row][column] = value

    return change


def insert_row(sheet: str, row: int, times: int = 1) -> Callable[[Sheets], None]:
    def change(sheets: Sheets) -> None:
        for _ in range(times):
            sheets[sheet].insert(row, ["Some note"])

    return change


def drop_column(sheet: str, column: int, rows: range) -> Callable[[Sheets], None]:
    def change(sheets: Sheets) -> None:
        for row in rows:
            del sheets[sheet][row][column]

    return change


def rename(old: str, new: str) -> Callable[[Sheets], None]:
    def change(sheets: Sheets) -> None:
        sheets[new] = sheets.pop(old)

    return change


CASES = {
    "renamed sheet": (
        ONS_AD_HOC,
        rename(SA, "(2) Seasonally adj"),
        "(2) Seasonally adj",
        None,
        "unknown sheet; expected",
    ),
    "added sheet": (HMRC, lambda sheets: sheets.update(Gibraltar=[["x"]]), "Gibraltar", None, "unknown sheet"),
    "missing sheet": (ONS_AD_HOC, lambda sheets: sheets.pop(SA), None, None, "has no sheet for 'SA'"),
    "missing area": (HMRC, lambda sheets: sheets.pop("Wales"), None, None, "has no sheet for W92000004"),
    "header too low": (
        ONS_AD_HOC,
        insert_row(NSA, 3, 8),
        NSA,
        "A1",
        "expected a cell that reads 'Date' between A1 and A12",
    ),
    "header renamed": (ONS_AD_HOC, spoil(SA, 6, 0, "Month"), SA, "A1", "expected a cell that reads 'Date'"),
    "region row moved": (ONS_AD_HOC, insert_row(NSA, 6), NSA, "B7", "unknown region 'Total'"),
    "unknown region": (ONS_AD_HOC, spoil(NSA, 5, 5, "Mercia"), NSA, "F6", "unknown region 'Mercia'"),
    "unknown nationality": (ONS_AD_HOC, spoil(SA, 6, 2, "EEA"), SA, "C7", "unknown nationality 'EEA'"),
    "missing nationality": (
        ONS_AD_HOC,
        drop_column(NSA, 7, range(5, 10)),
        NSA,
        "F7",
        "region E12000002 has the columns Total, EU, UK; expected EU, Non-EU, Total, UK",
    ),
    "missing region": (ONS_AD_HOC, spoil(NSA, 5, 5, "North East"), NSA, "B7", "region E12000001 has the columns"),
    "unknown marker": (ONS_AD_HOC, spoil(SA, 8, 3, "[x]"), SA, "D9", r"known marker (none), found '[x]'"),
    "known marker of another layout": (ONS_AD_HOC, spoil(SA, 8, 3, "[c]"), SA, "D9", "found '[c]'"),
    "empty cell": (ONS_AD_HOC, spoil(SA, 8, 3, ""), SA, "D9", "empty data cell"),
    "no month": (
        ONS_AD_HOC,
        spoil(SA, 8, 0, "Q3 2014"),
        SA,
        "A9",
        "expected a month such as 'July 2014', found 'Q3 2014'",
    ),
    "month missing": (
        ONS_AD_HOC,
        spoil(SA, 8, 0, "October 2014"),
        SA,
        "A9",
        "expected the month 2014-08, found 2014-10",
    ),
    "footnote": (ONS_AD_HOC, lambda sheets: sheets[SA].append(["1. A note"]), SA, "A11", "expected a month"),
    "other unit": (ONS_AD_HOC, spoil(NSA, 3, 1, "Thousands"), NSA, "B4", "expected the unit 'Payrolled employees'"),
    "adjustment swapped": (
        ONS_AD_HOC,
        spoil(NSA, 1, 0, "Seasonally adjusted"),
        NSA,
        "A2",
        "expected 'Non-seasonally adjusted'",
    ),
    "unknown employments marker": (
        HMRC,
        spoil("Wales", 3, 1, "[u]"),
        "Wales",
        "B4",
        "('<50', '[c]', '[d]'), found '[u]'",
    ),
    "unknown industry": (
        HMRC,
        spoil("Wales", 2, 5, "Total employment counts in Piracy"),
        "Wales",
        "F3",
        "unknown nationality or industry",
    ),
    "unknown area": (
        HMRC,
        spoil("Wales", 0, 0, "Monthly counts of payrolled employments in Mercia by industry SIC codes (A-U)"),
        "Wales",
        "A1",
        "unknown area or nationalities",
    ),
    "missing industry column": (HMRC, drop_column("Wales", 5, range(2, 6)), "Wales", "B3", "missing: total in A"),
    "release not of the cover": (
        HMRC,
        lambda sheets: sheets["Wales"].pop(),
        "Wales",
        "A5",
        "that of the first table 2014-09",
    ),
    "month of the name": (
        HMRC,
        lambda sheets: sheets[UK_SHEET].pop(),
        UK_SHEET,
        "A5",
        "the file's name says jul14sep14",
    ),
    "index without date": (RTISA, spoil("Index", 1, 0, "2022"), "Index", "A2", "expected 'Date of publication"),
    "repeat that differs": (HMRC, spoil(EU_SHEET, 4, 1, 21), EU_SHEET, "B5", "differs from the same figure"),
    "index of another month": (
        RTISA,
        spoil("Index", 1, 0, "Date of publication: 13 Sep 2022"),
        "Index",
        "A2",
        "the name says 2022-10, the Index sheet 2022-09",
    ),
    "unknown age": (
        RTISA,
        spoil("Employees (Age)", 5, 1, "Young"),
        "Employees (Age)",
        "B7",
        "unknown category 'Young'",
    ),
    "unknown payroll region": (
        RTISA,
        spoil("Employees (NUTS1)", 6, 1, "Mercia"),
        "Employees (NUTS1)",
        "B8",
        "unknown category 'UKC | Mercia'",
    ),
    "hole in payroll": (RTISA, spoil("Employees (NUTS1)", 8, 1, ""), "Employees (NUTS1)", "B9", "empty data cell"),
    "payroll header gone": (RTISA, spoil("Employees (Age)", 5, 0, ""), "Employees (Age)", "A1", "reads 'Date'"),
}


@pytest.mark.parametrize("case", CASES)
def test_spoilt_workbook_names_the_place(tmp_path, case):
    name, change, sheet, cell, message = CASES[case]
    sheets = BUILDERS[name]()
    change(sheets)
    path = write(tmp_path / name, sheets)
    with pytest.raises(SourceError) as caught:
        take_in(path)
    error = caught.value
    assert (error.file, error.cell) == (name, cell)
    assert (error.sheet or "").endswith(sheet or "")
    assert message in str(error)


def test_truncated_workbook_is_not_identified(real_data, tmp_path):
    path = tmp_path / "rtisafeb2026.xlsx"
    path.write_bytes((real_data / "rti" / path.name).read_bytes()[:-5000])
    with pytest.raises(SourceError, match=r"file 'rtisafeb2026\.xlsx'.*download it again"):
        READER.identify(path)


@pytest.mark.parametrize("name", ["wages.xlsx", "rtisaxyz2022.xlsx", "rtisa2022.xlsx"])
def test_a_file_of_another_name_is_refused(tmp_path, name):
    path = write(tmp_path / name, payroll_sheets())
    with pytest.raises(SourceError, match=f"file '{name}'"):
        READER.identify(path)


def test_a_layout_under_the_name_of_another_is_refused(tmp_path):
    path = write(tmp_path / ONS_AD_HOC, payroll_sheets())
    with pytest.raises(SourceError, match=r"sheet 'Index': unknown sheet"):
        READER.identify(path)
