"""Codes, periods, numbers and column names in plain English."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SchemaError

Row = Mapping[str, Any]

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_YEAR_MONTH = re.compile(r"(\d{4})-(\d{2})")
QUARTERS = ("quarter", "impact_period", "period", "period_code")
_AREAS = ("region", "nation", "region_group")
_SOC = {edition: [f"soc{edition}_{level}" for level in ("unit_group", "minor", "sub_major", "major")]
        for edition in ("2010", "2020")}  # fmt: skip
_CATEGORIES = {"occupation_major": "soc2010_major", "industry_section": "sic2007_section",
               "age_band": "control_age_band"}  # fmt: skip
_KEY_LABELS = {
    "quarter": "Period", "soc2010_code": "Occupation", "soc2020_code": "Occupation", "soc_edition": "Occupations by",
    "work_region_gss": "Region of the workplace", "birth_group": "Country of birth", "breakdown": "Split by",
    "nationality_group": "Nationality", "quantile_percent": "Share of jobs below", "age_years": "Age",
    "age_range": "Ages", "impact_table": "Table", "impact_period": "Period", "period_code": "Period",
    "pay_basis": "Kind of pay",
}  # fmt: skip
_UNITS = {"persons": "people"}
_IN_UNIT_OF_ROW = ("estimate_value", "lower_bound", "upper_bound", "interval_low", "interval_high")
_SMALL = 0.1


def period_words(text: str) -> str:
    """Three months named by their first: ``2020-01`` is January to March 2020; other text as it is."""
    found = _YEAR_MONTH.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= len(_MONTHS):
        return text
    year, month = int(found[1]), int(found[2]) - 1
    last = month + 2
    start = _MONTHS[month] if last < len(_MONTHS) else f"{_MONTHS[month]} {year}"
    return f"{start} to {_MONTHS[last % 12]} {year + last // 12}"


def quarter_code(text: str) -> str:
    """``2020Q1`` and ``2020 Q1`` are 2020-01; other text as it is."""
    found = re.fullmatch(r"(\d{4})[ -]?[Qq]([1-4])", text.strip())
    return f"{found[1]}-{3 * int(found[2]) - 2:02d}" if found else text


def month_words(text: str) -> str:
    """``2020-03`` is March 2020; other text as it is."""
    found = _YEAR_MONTH.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= len(_MONTHS):
        return text
    return f"{_MONTHS[int(found[2]) - 1]} {found[1]}"


def _column_lists(column: str, row: Row) -> list[str]:
    if column == "compared_with":
        return ["weight_vintage"]
    if column == "category":
        breakdown = str(row.get("breakdown", ""))
        return [_CATEGORIES.get(breakdown, breakdown)]
    if column.startswith("occupation"):
        edition = str(row.get("soc_edition", ""))
        return _SOC.get(edition, ["nodes_occupation", *_SOC["2010"], *_SOC["2020"]])
    if column == "qualification_code":
        return ["nodes_qualification", "nodes_qualification_9"]
    families = {"soc2010": _SOC["2010"], "soc2020": _SOC["2020"], "region": list(_AREAS), "area": list(_AREAS)}
    return [name for word in column.split("_") for name in families.get(word, [])]


def code_names(column: str, row: Row) -> dict[str, str]:
    """Names of the codes a column may hold; what a code means may depend on the rest of the row.

    Parameters
    ----------
    column : str
        Column of a servable table, catalogued or not.
    row : mapping
        Known values of the row: ``soc_edition`` and ``breakdown`` decide what occupations and categories mean.
    """
    entry = catalog.columns().get(column)
    lists = [entry.codelist] if entry and entry.codelist else []
    found: dict[str, str] = {}
    for name in [*lists, *_column_lists(column, row)]:
        try:
            names = catalog.mapping(name, "name")
        except SchemaError:  # a category may be of no list, and a release older than a list
            continue
        found = {**names, **found}
    if {"area", "region"} & set(column.split("_")):
        found.setdefault(catalog.UNITED_KINGDOM, "United Kingdom")
    return {"all": "All", "total": "Total", "not_stated": "Not stated", **found}


def name_column(column: str, columns: Collection[str]) -> str | None:
    """Column of the table that holds the names of a column of codes."""
    stem = column.removesuffix("_code").removesuffix("_gss")
    near = (f"{stem}_name", f"{column}_name")
    return next((name for name in near if name in columns and name != column), None)


def value_words(column: str, value: object, row: Row) -> str:
    """A code, period or truth value in words; empty where the value says all there is."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    named = name_column(column, row)
    if named and isinstance(row[named], str):
        return str(row[named])
    text = str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column in QUARTERS:
        return period_words(text)
    if column == "month" or column.endswith("_release"):
        return month_words(text)
    if column == "year_ending":
        return f"year ending {month_words(text)}"
    return code_names(column, row).get(text, "")


def key_label(column: str) -> str:
    """What a key column is about, in a word or two."""
    stem = column.removesuffix("_code").removesuffix("_gss")
    stem = re.sub(r"_\d+$", "", stem)
    return _KEY_LABELS.get(column, stem.replace("_", " ").capitalize())


def figure_label(column: str) -> str:
    """What a column of numbers holds, from its description in the catalogue."""
    entry = catalog.columns().get(column)
    if entry is None:
        return column.replace("_", " ").capitalize()
    return re.split(r": | \(|; |, in (?:the|its) unit", entry.description, maxsplit=1)[0]


def unit_of(column: str, row: Row) -> str:
    """Unit of a column of numbers: its own, that of the row, or that of what the row measures."""
    entry = catalog.columns().get(column)
    if entry is not None and entry.unit:
        return entry.unit
    if column not in _IN_UNIT_OF_ROW and (entry is None or " unit" not in entry.description):
        return ""
    if isinstance(row.get("unit"), str):
        return str(row["unit"])
    for name, value in row.items():
        other = catalog.columns().get(name)
        if other is None or not other.codelist or "unit" not in catalog.codelist(other.codelist):
            continue
        unit = catalog.mapping(other.codelist, "unit").get(str(value))
        if unit:
            return unit
    return ""


def number_text(value: float, unit: str) -> str:
    """A number with its unit as one would write it: £612.30 per week, 9,000 people; two decimals at most."""
    if unit.startswith("GBP"):
        decimals = 0 if float(value).is_integer() else 2
        sign = "-" if value < 0 else ""
        return f"{sign}£{abs(value):,.{decimals}f}{unit.removeprefix('GBP')}"
    if float(value).is_integer():
        return f"{value:,.0f} {_UNITS.get(unit, unit)}".rstrip()
    text = f"{value:,.2f}".rstrip("0") if abs(value) >= _SMALL else f"{value:.2g}"
    return f"{text} {_UNITS.get(unit, unit)}".rstrip()
