"""Payrolled employees and employments in the layouts of ONS and HMRC.

ONS has published employees by nationality to December 2022 in March 2023. The release of February 2024 is of this
simulation only: it lets later quarters be estimated.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline.synthetic.margins import GROUPS, MONTHS
from lmi_pipeline.synthetic.population import SyntheticTruth, quarterly_means, stream
from lmi_pipeline.synthetic.writers import NOTICE, Cell, Rows, write_xlsx

REGION_LABELS = (
    "North East", "North West", "Yorkshire and The Humber", "East Midlands", "West Midlands", "East",
    "London", "South East", "South West", "Wales", "Scotland", "Northern Ireland",
)  # fmt: skip
MONTH_LABELS = tuple(period.strftime("%B %Y") for period in pd.period_range(MONTHS[0], MONTHS[-1], freq="M"))

# Publication date and last month of each release of employees by nationality.
NATIONALITY_RELEASES = {
    "2021-03": (date(2021, 3, 23), "2021-02"),
    "2022-06": (date(2022, 6, 14), "2022-04"),
    "2023-03": (date(2023, 3, 23), "2022-12"),
    "2024-02": (date(2024, 2, 13), "2023-12"),
}
_COLUMNS = ("Total", "EU", "Non-EU", "UK")
_ORDER = (GROUPS.index("eu"), GROUPS.index("non_eu"), GROUPS.index("uk"))


def released_employees(truth: SyntheticTruth, release: str) -> np.ndarray:
    """Employees by group, region and month as one release gives them.

    The newest release is the truth. An older one lies off it by a slow drift and a little noise, so
    every release restates the whole history.
    """
    last = MONTHS.index(NATIONALITY_RELEASES[release][1]) + 1
    employees = truth.employee_array[:, :, :last]
    age = len(NATIONALITY_RELEASES) - 1 - list(NATIONALITY_RELEASES).index(release)
    if age == 0:
        return employees
    rng = stream(truth.seed, "rti", age)
    years = (np.arange(last) - last) / 12
    drift = rng.normal(0, 0.0004, (len(GROUPS), 1, 1)) * years
    national_noise = rng.normal(0, 0.00008, (len(GROUPS), 1, last))
    regional_noise = rng.normal(0, 0.0002, employees.shape)
    return np.rint(employees * (1 + age * (drift + national_noise + regional_noise)))


def seasonally_adjusted(employees: np.ndarray) -> np.ndarray:
    """Divide monthly employees by their seasonal pattern, found from 2015 to 2019."""
    months = np.arange(employees.shape[-1]) % 12
    national = employees.sum(axis=1)
    kernel = np.concatenate([[0.5], np.ones(11), [0.5]]) / 12
    smooth = np.stack([np.convolve(series, kernel, mode="valid") for series in national])
    ratio = national[:, 6:-6] / smooth
    span = slice(0, 60)
    factors = np.stack([ratio[:, span][:, months[6:-6][span] == m].mean(axis=1) for m in range(12)], axis=1)
    factors /= factors.mean(axis=1, keepdims=True)
    return np.rint(employees / factors[:, None, months])


def write_nationality_releases(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write each release of payrolled employees by NUTS1 region and nationality."""
    for release, (published, _) in NATIONALITY_RELEASES.items():
        employees = released_employees(truth, release)
        sheets = {
            "Warning Sheet": _notice("Payrolled employees by NUTS1 region and nationality", published),
            "(1) NUTS1 by Nat - NSA": _nationality_sheet(employees, "Non-seasonally adjusted", REGION_LABELS),
            "(2) NUTS1 by Nat - SA": _nationality_sheet(
                seasonally_adjusted(employees),
                "Seasonally adjusted",
                tuple(label.replace("The Humber", "the Humber") for label in REGION_LABELS),
            ),
            "Lookups": [
                ["EU", "The 27 member states of the European Union as of June 2021"],
                ["Non-EU", "Neither EU nor UK"],
                ["UK", "United Kingdom"],
            ],
        }
        yield write_xlsx(folder / f"nuts1bynationalitynsaandsa{published:%b%Y}.xlsx".lower(), sheets, published)


def _notice(title: str, published: date) -> Rows:
    return [
        [title],
        [""],
        ["Notes (general):"],
        [1, NOTICE],
        [2, f"Laid out like the edition of {published:%d %B %Y}."],
    ]


def _nationality_sheet(employees: np.ndarray, adjustment: str, labels: tuple[str, ...]) -> Rows:
    parts = np.concatenate([employees[_ORDER, :, :], employees[_ORDER, :, :].sum(axis=1, keepdims=True)], axis=1)
    block = np.concatenate([parts.sum(axis=0, keepdims=True), parts])
    table = block.transpose(2, 1, 0).reshape(employees.shape[-1], -1).astype(np.int64).tolist()
    areas = [cell for label in (*labels, "UK Total") for cell in (label, "", "", "")]
    rows: list[list[Cell]] = [[label, *row] for label, row in zip(MONTH_LABELS, table, strict=False)]
    return [
        ["Payrolled employees from PAYE RTI, by NUTS1 region and nationality (synthetic)"],
        [adjustment],
        [],
        ["Units", "Payrolled employees"],
        [],
        ["", *areas],
        ["Date", *_COLUMNS * (len(labels) + 1)],
        *rows,
    ]


def quarterly_employees(truth: SyntheticTruth, release: str) -> np.ndarray:
    """Quarterly means of a release by group, region and complete quarter."""
    employees = released_employees(truth, release)
    return quarterly_means(employees[..., : employees.shape[-1] // 3 * 3])


def generate_rti(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write all RTI workbooks."""
    from lmi_pipeline.synthetic.rti_employments import write_employments
    from lmi_pipeline.synthetic.rti_payroll import write_payroll

    yield from write_nationality_releases(truth, folder)
    yield from write_employments(truth, folder)
    yield from write_payroll(truth, folder)
