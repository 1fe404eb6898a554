"""What a column of the payroll workbook holds: measure, breakdown and category in our codes."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.sources.rti.labels import age_code, area_codes, industry_codes, percentile_measure

TOTAL = "total"
PAY_GROWTH = "median_of_pay_growth"
_TABLE = re.compile(r"(?P<measure>.+) \((?P<split>\w+)\)")
_MEASURES = {
    "Employees": "employees",
    "Payrolled employees": "employees",
    "Median pay": "median_pay",
    "Mean pay": "mean_pay",
    "Aggregate pay": "aggregate_pay",
    "Median of pay growth": PAY_GROWTH,
    "Change on previous month": "change_in_employees",
    "Change in payrolled employees": "change_in_employees",
    "Inflows": "inflows",
    "Outflows": "outflows",
}
_BREAKDOWNS = {
    "UK": "uk",
    "NUTS1": "nuts1",
    "NUTS2": "nuts2",
    "NUTS3": "nuts3",
    "LA": "local_authority",
    "Industry": "industry",
    "Age": "age",
    "NUTS1Age": "nuts1_age",
    "NUTS1Sector": "nuts1_industry",
}
_CODE = re.compile(r"(?:UK[A-Z0-9]{2,4}|[A-Z]\d{8})")


class Category(NamedTuple):
    """Codes of one column, and its label as published."""

    measure: str
    breakdown: str
    category_code: str
    category_name: str


def category(table: str, label: str) -> Category | None:
    """Codes of a column of a table such as ``Median pay (Age)``; None where the label is not known."""
    match = _TABLE.fullmatch(table)
    if match is None:
        return None
    if match["split"] == "UK":
        return _national(match["measure"], label)
    code, _, name = label.rpartition(" | ")
    found = _split_code(match["split"], code, name)
    return Category(_MEASURES[match["measure"]], _BREAKDOWNS[match["split"]], found, name) if found else None


def _national(table: str, label: str) -> Category | None:
    measure = percentile_measure(label) if table == "Pay distribution" else _MEASURES.get(label)
    return Category(measure, "uk", UNITED_KINGDOM, label) if measure else None


def _split_code(split: str, code: str, name: str) -> str | None:
    """Category code of a column, from the code above it or from its label."""
    if name == "UK":
        return UNITED_KINGDOM if split in ("NUTS1", "NUTS2", "NUTS3", "LA") else TOTAL
    if split == "NUTS1":
        return area_codes().get(name)
    if split in ("NUTS2", "NUTS3", "LA"):
        return code if _CODE.fullmatch(code) else None
    if split == "Industry":
        return industry_codes().get(name.casefold())
    if split == "Age":
        return age_code(name)
    area, _, part = name.partition(": ")
    area_code, part_code = area_codes().get(area), _part_code(split, part)
    return f"{area_code}:{part_code}" if area_code and part_code else None


@cache
def _part_code(split: str, part: str) -> str | None:
    return age_code(part) if split == "NUTS1Age" else industry_codes().get(part.casefold())
