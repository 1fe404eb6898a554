"""ONS earnings and employment from PAYE RTI, seasonally adjusted: pay and employees without nationality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from lmi_pipeline.synthetic.margins import MONTHS
from lmi_pipeline.synthetic.population import SyntheticTruth, stream
from lmi_pipeline.synthetic.rti import MONTH_LABELS, REGION_LABELS, seasonally_adjusted
from lmi_pipeline.synthetic.writers import NOTICE, Rows, write_xlsx

NUTS1 = ("UKC", "UKD", "UKE", "UKF", "UKG", "UKH", "UKI", "UKJ", "UKK", "UKL", "UKM", "UKN")
SECTIONS = (*"ABCDEFGHIJKLMNOPQRS", "T-U")
SECTION_LABELS = (
    "Agriculture, forestry and fishing", "Mining and quarrying", "Manufacturing", "Energy production and supply",
    "Water supply, sewerage and waste", "Construction", "Wholesale and retail; repair of motor vehicles",
    "Transportation and storage", "Accommodation and food service activities", "Information and communication",
    "Finance and insurance", "Real estate", "Professional, scientific and technical",
    "Administrative and support services", "Public administration and defence; social security", "Education",
    "Health and social work", "Arts, entertainment and recreation", "Other service activities",
    "Households and Extraterritorial",
)  # fmt: skip
SECTION_SHARE = (0.7, 0.2, 8.2, 0.4, 0.6, 4, 15.5, 4.2, 7.5, 4.2, 3.8, 1.5, 7.2, 8.6, 5, 10, 13, 2.1, 1.9, 1.4)
SECTION_PAY = (
    0.85,
    2.0,
    1.25,
    1.6,
    1.2,
    1.15,
    0.8,
    1.05,
    0.5,
    1.6,
    1.7,
    1.05,
    1.35,
    0.85,
    1.2,
    0.95,
    0.95,
    0.7,
    0.75,
    0.8,
)
AGE_SHARE = (1.6, 12.6, 23.6, 33.4, 25.3, 3.5)
AGE_PAY = (0.2, 0.7, 1.08, 1.2, 1.1, 0.7)
REGION_PAY = (0.94, 0.96, 0.94, 0.95, 0.96, 1.02, 1.28, 1.06, 0.96, 0.94, 1.0, 0.92)
MEASURES = ("Employees", "Median pay", "Mean pay", "Aggregate pay")
UNITS = (
    "Payrolled employees", "£ per month", "£ per month", "£ per month, cells formatted to show in million £ per month",
)  # fmt: skip
TITLES = ("Payrolled employees", "Median pay", "Mean pay", "Aggregate pay")
MEDIAN_PAY_2014 = 1600.0
MEAN_TO_MEDIAN = 1.37


@dataclass(frozen=True)
class Edition:
    """What changes between editions of the workbook."""

    file_name: str
    published: date
    last_month: str
    ages: tuple[str, ...]
    percentiles: tuple[int, ...]


EDITIONS = (
    Edition(
        "rtisaoct2022.xlsx", date(2022, 10, 11), "2022-09",
        ("0-17", "18-24", "25-34", "35-49", "50-64", "65+"), (10, 25, 50, 75, 90, 95, 99),
    ),
    Edition(
        "rtisajan2024.xlsx", date(2024, 1, 16), "2023-12",
        ("0 to 17", "18 to 24", "25 to 34", "35 to 49", "50 to 64", "65 and over"), (*range(5, 100, 5), 99),
    ),
)  # fmt: skip


def write_payroll(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write both editions of the workbook."""
    adjusted = seasonally_adjusted(truth.employee_array).sum(axis=0)
    for age, edition in enumerate(reversed(EDITIONS)):
        months = MONTHS.index(edition.last_month) + 1
        noise = stream(truth.seed, "rti", 20 + age).normal(0, 0.0002 * age, (len(NUTS1), months))
        employees = np.rint(adjusted[:, :months] * (1 + noise))
        yield write_xlsx(folder / edition.file_name, _sheets(edition, employees), edition.published)


def median_pay(months: int) -> np.ndarray:
    """Median monthly pay of the UK, growing about 3 per cent a year and faster from 2021."""
    year = np.arange(months) / 12
    return MEDIAN_PAY_2014 * 1.027**year * 1.028 ** np.maximum(year - 6.6, 0)


def _sheets(edition: Edition, employees: np.ndarray) -> dict[str, Rows]:
    months = employees.shape[1]
    median = median_pay(months)
    sheets: dict[str, Rows] = {
        "Index": [
            ["Earnings and employment from Pay As You Earn Real Time Information (synthetic), seasonally adjusted"],
            [f"Date of publication: {edition.published:%d %b %Y}"], [], ["Notes"], [NOTICE],
        ]
    }  # fmt: skip
    sheets |= _uk_sheets(edition, employees.sum(axis=0), median)
    labels = (*REGION_LABELS, "UK")
    sheets |= _breakdown(7, "NUTS1", (NUTS1, labels), _measures(employees, median, REGION_PAY), "All industries")
    sheets |= _placeholders(11, ("NUTS2", "NUTS3", "LA"), edition)
    by_section = _split(employees.sum(axis=0), SECTION_SHARE)
    sheets |= _breakdown(
        23, "Industry", (SECTIONS, (*SECTION_LABELS, "UK")), _measures(by_section, median, SECTION_PAY), "UK"
    )
    growth = median[12:] / median[:-12] - 1
    note = ["Additional notes", "Growth of a simulated median"]
    sheets["27. Median of pay growth (UK)"] = _sheet(
        "27. Median of pay growth from PAYE RTI", "UK, all industries", "%", (note, []),
        ["Date", "Median of pay growth"], growth[:, None], 12,
    )  # fmt: skip
    by_age = _split(employees.sum(axis=0), AGE_SHARE)
    sheets |= _breakdown(
        28, "Age", (None, (*edition.ages, "UK")), _measures(by_age, median, AGE_PAY), "UK, all industries"
    )
    sheets |= _placeholders(32, ("NUTS1Age", "NUTS1Sector"), edition)
    return sheets


def _split(total: np.ndarray, share: tuple[float, ...]) -> np.ndarray:
    part = np.rint(total * (np.array(share) / sum(share))[:, None])
    part[-1] += total - part.sum(axis=0)
    return part


def _measures(employees: np.ndarray, median: np.ndarray, relative: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """Employees, median, mean and aggregate pay by category and month, the UK last."""
    pay = np.outer(np.array(relative), median)
    mean = np.rint(pay * MEAN_TO_MEDIAN)
    aggregate = mean * employees
    total = employees.sum(axis=0)
    overall = aggregate.sum(axis=0)
    return (
        np.vstack([employees, total]),
        np.vstack([np.rint(pay), np.rint(median)]),
        np.vstack([mean, np.rint(overall / total)]),
        np.vstack([aggregate, overall]),
    )


def _uk_sheets(edition: Edition, employees: np.ndarray, median: np.ndarray) -> dict[str, Rows]:
    mean = np.rint(median * MEAN_TO_MEDIAN)
    area = "UK, all industries, seasonally adjusted"
    change = ["", *np.diff(employees).tolist()]
    sheets: dict[str, Rows] = {
        "1. Payrolled employees (UK)": [
            *_head("1. Payrolled employee counts from PAYE RTI", area, UNITS[0], ()),
            ["Date", "Payrolled employees", "Change on previous month"],
            *([label, n, c] for label, n, c in zip(MONTH_LABELS, employees.tolist(), change, strict=False)),
        ]
    }
    for number, (name, values) in enumerate(
        (("Median pay", np.rint(median)), ("Mean pay", mean), ("Aggregate pay", mean * employees)), start=2
    ):
        title = f"{number}. {name} from PAYE RTI"
        sheets[f"{number}. {name} (UK)"] = _sheet(title, area, UNITS[number - 1], (), ["Date", name], values[:, None])
    sheets["5. Pay distribution (UK)"] = _distribution(edition, median, area)
    sheets["6. Employee flows (UK)"] = _flows(employees, area)
    return sheets


def _distribution(edition: Edition, median: np.ndarray, area: str) -> Rows:
    quantile = np.array(edition.percentiles) / 100
    spread = np.exp(0.43 * np.log(quantile / (1 - quantile)))
    values = np.rint(np.outer(median[2:], spread))
    header = ["Date", *(f"{p}th percentile" for p in edition.percentiles)]
    unit = "£ per month, three month moving average"
    return _sheet("5. Monthly pay by percentile from PAYE RTI", area, unit, (), header, values, 2)


def _flows(employees: np.ndarray, area: str) -> Rows:
    start = MONTHS.index("2017-01")
    change = np.diff(employees)[start - 1 :]
    inflow = np.rint(employees[start:] * 0.023)
    header = ["Date", "Inflows", "Outflows", "Change in payrolled employees"]
    note = ["Additional notes", "Flows of a simulated population"]
    values = np.stack([inflow, inflow - change, change], axis=1)
    return _sheet("6. Flows of payrolled employees from PAYE RTI", area, UNITS[0], (note, []), header, values, start)


def _head(title: str, area: str, unit: str, extra: tuple[list[str], ...]) -> list[list[str]]:
    return [[title], [area], [], ["Units", unit], *(extra or ([],))]


def _sheet(
    title: str,
    area: str,
    unit: str,
    extra: tuple[list[str], ...],
    header: list[str],
    values: np.ndarray,
    start: int = 0,
) -> Rows:
    rows = ([label, *row] for label, row in zip(MONTH_LABELS[start:], values.tolist(), strict=False))
    return [*_head(title, area, unit, extra), header, *rows]


def _breakdown(
    number: int,
    name: str,
    labels: tuple[tuple[str, ...] | None, tuple[str, ...]],
    measures: tuple[np.ndarray, ...],
    area: str,
) -> dict[str, Rows]:
    codes, names = labels
    sheets = {}
    for offset, values in enumerate(measures):
        at = number + offset
        extra: tuple[list[str], ...] = ([], ["", *codes]) if codes else ()
        sheets[f"{at}. {MEASURES[offset]} ({name})"] = _sheet(
            f"{at}. {TITLES[offset]} from PAYE RTI", f"{area}, seasonally adjusted", UNITS[offset], extra,
            ["Date", *names], values.T,
        )  # fmt: skip
    return sheets


def _placeholders(number: int, names: tuple[str, ...], edition: Edition) -> dict[str, Rows]:
    text = [
        ["This breakdown is updated on a quarterly basis"],
        [f"The next update is on {edition.published:%d} March {edition.published.year + 1}"],
        ["The latest release can be found here"],
    ]
    return {
        f"{number + 4 * i + j}. {measure} ({name})": text
        for i, name in enumerate(names)
        for j, measure in enumerate(MEASURES)
    }
