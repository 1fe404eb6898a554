"""EMP06, INAC01, A01 and A05 in the layouts of ONS, computed from the synthetic person files.

Only calendar quarters are given, and nothing is seasonally adjusted whatever a heading of the layout says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from lmi_pipeline.synthetic.lfs_estimates import (
    AGE_GROUPS,
    SEXES,
    activity_estimates,
    estimate_all,
    origin_estimates,
    reason_estimates,
)
from lmi_pipeline.synthetic.margins import QUARTERS
from lmi_pipeline.synthetic.population import SyntheticTruth
from lmi_pipeline.synthetic.writers import NOTICE, Cell, Rows, write_xlsx

PERIODS = {"01": "Jan-Mar", "04": "Apr-Jun", "07": "Jul-Sep", "10": "Oct-Dec"}
IDENTIFIERS = "Dataset identifier code"


@dataclass(frozen=True)
class Issue:
    """One edition of the tables: until when, and with which weight from which quarter."""

    published: date
    last_quarter: str
    suffix_from_2020: int
    revised: str = ""

    def suffix(self, quarter: str) -> int:
        """Weight of a quarter in this edition."""
        return 18 if quarter < "2020-01" else self.suffix_from_2020

    @property
    def quarters(self) -> tuple[str, ...]:
        """Quarters of the edition."""
        return tuple(q for q in QUARTERS if q <= self.last_quarter)

    def label(self, quarter: str) -> str:
        """Period label, with the edition's mark where the quarter was revised."""
        mark = self.revised if "2020-01" <= quarter < self.last_quarter else ""
        return f"{PERIODS[quarter[5:]]} {quarter[:4]}{mark}"


BEFORE = Issue(date(2020, 11, 10), "2020-07", 18, " r")
INACTIVITY_BEFORE = Issue(date(2021, 6, 15), "2020-10", 18)
AFTER = Issue(date(2021, 7, 15), "2021-01", 20, " (r)")
ISSUES = (BEFORE, INACTIVITY_BEFORE, AFTER)

EMP06_GROUPS = {2: "UK", 3: "Non-UK", 6: "Europe", 13: "Africa", 15: "Asia", 18: "America and Oceania"}
EMP06_HEADER = (
    "Total1", "UK", "Total\nNon UK", "Total EU (EU27)2", "Total\nnon-EU", "Total\nEurope", "Total EU (EU27)2", "EU143",
    "EUA84", "EU25", "Other EU6", "Other Europe (not in EU)", "Total\nAfrica", "Of which:\nSouth Africa", "Total\nAsia",
    "Of which:\nIndia", "Of which:\nPakistan and Bangladesh", "Total\nAmerica\nand\nOceania", "Of which:\nUSA",
    "Of which:\nAustralia and New Zealand",
)  # fmt: skip
EMP06_SHEETS = (
    ("Country of birth levels", "birth", 0, "Employment levels by country of birth: People aged 16 and over",
     "MGTM JF6F JF6G EQ4Q EQ4S FSC2 EQ4Q JJR3 JJR5 EQ4R FSC3 FSC4 FSC5 JJS3 FSC6 JJS7 JJS9 FSC7 JJR7 JJS5"),
    ("Country of birth rates", "birth", 1, "Employment rates by country of birth: People aged 16 to 64",
     "LF9D LFM6 LFM7 EQ4Y EQ52 FSD5 EQ4Y LFM8 LFM9 EQ4Z FSD6 FSD7 FSD8 LFN4 FSD9 LFN6 LFN7 FSE2 LFN2 LFN5"),
    ("Nationality Levels", "nationality", 0, "Employment levels by nationality: People aged 16 and over",
     "MGTM JF6H JF6I EQ4U EQ4W FSC8 EQ4U JJR4 JJR6 EQ4V FSC9 FSCE FSD2 JJS4 FSD3 JJS8 JJT2 FSD4 JJR8 JJS6"),
    ("Nationality rates", "nationality", 1, "Employment rates by nationality: People aged 16 to 64",
     "LF9D LFN8 LFN9 EQ54 EQ56 FSE3 EQ54 LFO2 LFO3 EQ55 FSE4 FSE5 FSE6 LFO6 FSE7 LFO8 LFO9 FSE8 LFO4 LFO7"),
)  # fmt: skip
# A cell resting on fewer persons than this is suppressed.
SUPPRESSED_BELOW = 6_000

REASON_HEADER = (
    "Student", "Looking after family / home", "Temp sick", "Long-term sick", "Discouraged workers1", "Retired",
    "Other2",
)  # fmt: skip
INAC01_IDENTIFIERS = {
    "People": "LF2M LF63 LF65 LF67 LF69 LFL8 LF6B LF6D LFL9 LFM2 LF6V LF6X LF6Z LF73 LF75 LF77 LF79 LF7B LF7D LF7F",
    "Men": "YBSO BEEX BEAQ BEDI BEDL YCFP BEDR BEDU YBWA YBWD BEBP BEEH BEEK BEEN BEEQ BEET BEEW BEEZ BEAS BEGT",
    "Women": "LF2N LF64 LF66 LF68 LF6A LFM3 LF6C LF6E LFM4 LFM5 LF6W LF6Y LF72 LF74 LF76 LF78 LF7A LF7C LF7E LF7G",
}
A05_AGES = (
    "Aged 16 and over", "Aged 16-64 ", "Aged 16-17", "Aged 18-24", "Aged 25-34", "Aged 35-49", "Aged 50-64", "Age 65+",
)  # fmt: skip


def generate_lfs_tables(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write EMP06 and INAC01 before and after the reweighting, A01 and A05 after it."""
    estimate_all(truth, [(q, issue.suffix(q)) for q in AFTER.quarters for issue in ISSUES if q <= issue.last_quarter])
    for issue, name in ((BEFORE, "emp06nsanov2020.xlsx"), (AFTER, "emp06nsajul2021.xlsx")):
        yield write_xlsx(folder / name, _emp06(truth, issue), issue.published)
    for issue, name in ((INACTIVITY_BEFORE, "inac01sajun2021.xlsx"), (AFTER, "inac01sajul2021.xlsx")):
        yield write_xlsx(folder / name, _inac01(truth, issue), issue.published)
    from lmi_pipeline.synthetic.lfs_summary import summary_sheets

    yield write_xlsx(folder / "a01jul2021.xlsx", summary_sheets(truth, AFTER), AFTER.published)
    yield write_xlsx(folder / "a05nsajul2021.xlsx", _a05(truth, AFTER), AFTER.published)


def head(title: str, issue: Issue, unit: str) -> list[list[Cell]]:
    """Title, publication date, notice and unit."""
    following = issue.published + timedelta(days=28)
    return [
        [title],
        ["Date of publication:", issue.published, "", "", "", "", "Date of next publication:", "", following],
        [NOTICE],
        [f"United Kingdom ({unit})"],
    ]


def periods(issue: Issue, values: Callable[[str, int], Sequence[Cell]]) -> list[list[Cell]]:
    """One row a quarter: its label, then its values."""
    return [[issue.label(q), *values(q, issue.suffix(q))] for q in issue.quarters]


def _emp06(truth: SyntheticTruth, issue: Issue) -> dict[str, Rows]:
    sheets: dict[str, Rows] = {"Note": [["Note"], [""], [NOTICE]], "Introduction": [["EMP06 (synthetic)"], [NOTICE]]}
    groups = [EMP06_GROUPS.get(column, "") for column in range(len(EMP06_HEADER) + 1)]
    for name, basis, which, title, identifiers in EMP06_SHEETS:
        unit = "%" if which else "thousands"

        def row(quarter: str, suffix: int, basis: str = basis, which: int = which) -> list[Cell]:
            levels, rates = origin_estimates(truth, quarter, suffix, basis)
            shown = rates if which else [round(level) for level in levels]
            return ["*" if level < SUPPRESSED_BELOW else value for level, value in zip(levels, shown, strict=True)]

        sheets[name] = [
            *head(f"Table EMP06: {title} (not seasonally adjusted)", issue, unit),
            [],
            groups,
            ["", "", "", "", "", "", "", "European Union (EU)"],
            [],
            ["", *EMP06_HEADER],
            [IDENTIFIERS, *identifiers.split()],
            [],
            *periods(issue, row),
            [],
            ["1. The total series includes people who do not state their country of birth or nationality."],
        ]
    return sheets


def reason_rows(truth: SyntheticTruth, issue: Issue, sex: str) -> list[list[Cell]]:
    """Header and periods of inactivity by reason."""
    titles: list[Cell] = [""] * 21
    titles[2], titles[12] = "Economic inactivity by reason (thousands)", "Percentage of economically inactive (%)"
    header: list[Cell] = [
        "", "Total economically inactive aged 16-64 (thousands)", *REASON_HEADER,
        "Does not want job (thousands)", "Wants a job (thousands)",
        "Total economically inactive\naged 16-64", *REASON_HEADER,
        "Does not want job (%age of economically inactive)", "Wants a job (%age of economically inactive)",
    ]  # fmt: skip

    def row(quarter: str, suffix: int) -> list[Cell]:
        levels = reason_estimates(truth, quarter, suffix, sex)
        return [*levels, *(100 * level / levels[0] for level in levels)]

    return [titles, header, [], [IDENTIFIERS, *INAC01_IDENTIFIERS[sex].split()], [], *periods(issue, row)]


def _inac01(truth: SyntheticTruth, issue: Issue) -> dict[str, Rows]:
    sheets: dict[str, Rows] = {"Note": [["Note"], [""], [NOTICE]]}
    for sex in SEXES:
        title = f"Table INAC01: Economic inactivity: {sex} aged 16 to 64 by reasons for inactivity (synthetic)"
        sheets[sex] = [*head(title, issue, "thousands"), *reason_rows(truth, issue, sex)]
    return sheets


def shares(values: tuple[float, ...]) -> list[Cell]:
    """Level and rate of employment, unemployment, activity and inactivity."""
    employed, unemployed, active, inactive = values
    everyone = max(active + inactive, 1.0)
    rates = (employed / everyone, unemployed / max(active, 1.0), active / everyone, inactive / everyone)
    return [cell for value, rate in zip(values, rates, strict=True) for cell in (value, 100 * rate)]


def age_header() -> list[list[Cell]]:
    """Header of the labour market by age: eight columns an age group."""
    statuses = ("Employment", "Unemployment", "Activity", "Inactivity")
    return [
        ["", *(cell for age in A05_AGES for cell in (age, *[""] * 7))],
        ["", *(cell for _ in A05_AGES for status in statuses for cell in (status, ""))],
        ["", *("level", "rate (%)") * (len(statuses) * len(AGE_GROUPS))],
    ]


def age_periods(truth: SyntheticTruth, issue: Issue, sex: str) -> list[list[Cell]]:
    """Periods of the labour market by age."""

    def row(quarter: str, suffix: int) -> list[Cell]:
        return [cell for values in activity_estimates(truth, quarter, suffix, sex) for cell in shares(values)]

    return periods(issue, row)


def _a05(truth: SyntheticTruth, issue: Issue) -> dict[str, Rows]:
    sheets: dict[str, Rows] = {}
    for sex in SEXES:
        title = f"Table A05: Labour market by age group: {sex} by economic activity and age (not seasonally adjusted)"
        top = head(title, issue, "thousands")
        sheets[f"{sex} (16+)"] = [*top, *age_header(), [], [], *age_periods(truth, issue, sex)]
    return sheets
