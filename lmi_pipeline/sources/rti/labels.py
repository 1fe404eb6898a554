"""Publishers' labels to our codes, through the code lists of the catalogue."""

from __future__ import annotations

import re
from functools import cache

from lmi_pipeline import catalog
from lmi_pipeline.catalog import UNITED_KINGDOM

_UK_LABELS = ("UK", "UK Total", "United Kingdom", "the United Kingdom")
_AGE = re.compile(r"(\d+)(?: to |-)(\d+)")
_AGE_AND_OVER = re.compile(r"(\d+)(?:\+| and over)")
_PERCENTILE = re.compile(r"(\d{1,2})(?:st|nd|rd|th) percentile")


@cache
def regions() -> tuple[str, ...]:
    """GSS codes of the twelve regions and nations."""
    return catalog.codes("region")


@cache
def area_codes() -> dict[str, str]:
    """Area label as published to GSS code, the United Kingdom among them."""
    return catalog.mapping("region_alias", "region_gss") | dict.fromkeys(_UK_LABELS, UNITED_KINGDOM)


@cache
def nationality_codes() -> dict[str, str]:
    """Nationality label of the ONS workbook to our group."""
    return {"Total": "total", "EU": "eu", "Non-EU": "non_eu", "UK": "uk"}


@cache
def industry_codes() -> dict[str, str]:
    """Industry label as published, in lower case, to our block."""
    names = catalog.mapping("industry_block", "code", key="name")
    return {name.casefold(): code for name, code in names.items()}


def age_code(label: str) -> str | None:
    """``0-17`` for ``0-17`` and ``0 to 17``; ``65+`` for ``65+`` and ``65 and over``."""
    if match := _AGE.fullmatch(label):
        return f"{match[1]}-{match[2]}"
    if match := _AGE_AND_OVER.fullmatch(label):
        return f"{match[1]}+"
    return None


def percentile_code(label: str) -> str | None:
    """``p05`` for ``5th percentile``; the median may be named ``Median``."""
    if label == "Median":
        return "p50"
    match = _PERCENTILE.fullmatch(label)
    return f"p{int(match[1]):02d}" if match else None
