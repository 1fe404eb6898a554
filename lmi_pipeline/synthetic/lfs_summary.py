"""A01, the summary of labour market statistics: the tables of the Labour Force Survey by quarter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lmi_pipeline.synthetic.lfs_estimates import activity_estimates, job_estimates
from lmi_pipeline.synthetic.lfs_tables import (
    IDENTIFIERS,
    Issue,
    age_header,
    age_periods,
    head,
    periods,
    reason_rows,
    shares,
)
from lmi_pipeline.synthetic.population import SyntheticTruth
from lmi_pipeline.synthetic.writers import NOTICE, Cell, Rows

ORDER = ("1", "2", "3", "4", "4(1)", "5", "6", "7", "7(1)", "8(1)", "8(2)", *map(str, range(9, 23)))
MOVED = "These data have been removed from this dataset (synthetic)"
Row = Callable[[SyntheticTruth, str, int], Sequence[Cell]]


class Table(NamedTuple):
    """Title, header rows below the unit, and what a quarter's row holds."""

    title: str
    header: list[list[Cell]]
    row: Row


def summary_sheets(truth: SyntheticTruth, issue: Issue) -> dict[str, Rows]:
    """All sheets of one edition; tables of other sources are empty but for a notice."""
    filled = {name: _filled(table, name, truth, issue) for name, table in TABLES.items()}
    ages: list[list[Cell]] = [*age_header(), [IDENTIFIERS], [], *age_periods(truth, issue, "People")]
    filled["2"] = [*head("Table 2: Labour market by age group: People", issue, "thousands"), *ages]
    reasons = reason_rows(truth, issue, "People")
    filled["11"] = [*head("Table 11: Economic inactivity by reason: People", issue, "thousands"), *reasons]
    sheets: dict[str, Rows] = {"Note": [["Note"], [NOTICE]], "Introduction": [["A01 (synthetic)"], [NOTICE]]}
    for name in ORDER:
        other = [[MOVED]] if name.startswith("8(") else [[f"Table {name} is not part of the synthetic edition"]]
        sheets[name] = filled.get(name, other)
    return sheets


def _filled(table: Table, name: str, truth: SyntheticTruth, issue: Issue) -> Rows:
    rows = periods(issue, lambda quarter, suffix: table.row(truth, quarter, suffix))
    return [*head(f"Table {name}: {table.title}", issue, "thousands"), *table.header, [IDENTIFIERS], [], *rows]


def _everyone(truth: SyntheticTruth, quarter: str, suffix: int) -> Sequence[Cell]:
    employed, unemployed, active, inactive = activity_estimates(truth, quarter, suffix, "People")[0]
    everyone = active + inactive
    return everyone, active, employed, unemployed, inactive, 100 * active / everyone, 100 * employed / everyone


def _employment(truth: SyntheticTruth, quarter: str, suffix: int) -> float:
    return activity_estimates(truth, quarter, suffix, "People")[0][0]


def _jobs(truth: SyntheticTruth, quarter: str, suffix: int) -> Sequence[Cell]:
    found = job_estimates(truth, quarter, suffix)
    kinds = ("status_1", "status_2", "status_4", "status_3", "full_time", "part_time")
    return _employment(truth, quarter, suffix), *(found[kind] for kind in kinds)


def _hours(truth: SyntheticTruth, quarter: str, suffix: int) -> Sequence[Cell]:
    hours = job_estimates(truth, quarter, suffix)["hours"]
    return hours, hours / _employment(truth, quarter, suffix)


def _hour_bands(truth: SyntheticTruth, quarter: str, suffix: int) -> Sequence[Cell]:
    found = job_estimates(truth, quarter, suffix)
    total = _employment(truth, quarter, suffix)
    bands = [found[name] for name in ("under_6", "to_15", "to_30")]
    return total, *(cell for band in bands for cell in (band, 100 * band / total))


def _unemployed(truth: SyntheticTruth, quarter: str, suffix: int) -> Sequence[Cell]:
    return shares(activity_estimates(truth, quarter, suffix, "People")[0])[2:4]


def _redundancies(truth: SyntheticTruth, quarter: str, suffix: int) -> Sequence[Cell]:
    return [".."] * 6


def _young(truth: SyntheticTruth, quarter: str, suffix: int) -> Sequence[Cell]:
    employed, unemployed, active, inactive = activity_estimates(truth, quarter, suffix, "People")[2]
    return active + inactive, employed, unemployed, inactive


TABLES = {
    "1": Table(
        "Labour Force Survey Summary: People by economic activity (synthetic)",
        [
            ["", "All aged 16 & over"],
            ["", "All aged 16 & over", "Total economically active", "Total in employment", "Unemployed",
             "Economically inactive", "Economic activity", "Employment"],
            ["", "level", "level", "level", "level", "level", "rate (%)", "rate (%)"],
        ],
        _everyone,
    ),
    "3": Table(
        "Full-time, part-time and temporary workers (synthetic)",
        [
            ["", "All in employment", "", "", "", "", "Full-time and part-time workers1"],
            ["", "Total6", "Employees", "Self employed", "Unpaid family workers",
             "Government supported training & employment programmes", "Total people working full-time",
             "Total people working part-time"],
        ],
        _jobs,
    ),
    "7": Table(
        "Actual weekly hours worked (synthetic)",
        [
            ["", "", "Average actual weekly hours of work"],
            ["", "Total weekly hours (millions)1", "All workers\n(hours)1"],
            ["", "level", "level"],
        ],
        _hours,
    ),
    "7(1)": Table(
        "Usual weekly hours of work (synthetic)",
        [
            ["", "All in employment"],
            ["", "", "Less than 6 Hours", "", "6 up to 15 hours", "", "16 up to 30 hours", ""],
            ["", "All", "", "% of total", "", "% of total", "", "% of total"],
            ["", "level2,4", "level", "", "level", "", "level", ""],
        ],
        _hour_bands,
    ),
    "9": Table(
        "Unemployment (synthetic)",
        [["", "All aged 16 & over"], ["", "All"], ["", "level3", "rate (%)1,3"]],
        _unemployed,
    ),
    "10": Table(
        "Redundancies (synthetic)",
        [["", "People", "", "Men", "", "Women", ""], [], ["", *("Level1", "Rate per thousand2") * 3]],
        _redundancies,
    ),
    "12": Table(
        "Educational status of young people (synthetic)",
        [
            ["", "All aged 16 to 17 (thousands)"],
            ["", "Total", "Employed5", "Unemployed5", "Economically inactive5"],
            ["", "level", "level", "level", "level"],
        ],
        _young,
    ),
}  # fmt: skip
