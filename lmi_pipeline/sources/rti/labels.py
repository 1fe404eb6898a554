"""Publishers' labels to our codes, through the code lists of the catalogue."""

from __future__ import annotations

import re
from functools import cache

from lmi_pipeline import catalog

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
    return catalog.mapping("region_alias", "region")


@cache
def nationality_codes() -> dict[str, str]:
    """Nationality label of the ONS workbook to our group."""
    return {"Total": "total"} | catalog.mapping("nationality_group", "code", key="name")


@cache
def industry_codes() -> dict[str, str]:
    """Industry label as published, in lower case, to our block."""
    aliases = catalog.mapping("industry_block_alias", "industry_block")
    return {label.casefold(): block for label, block in aliases.items()}


def age_code(label: str) -> str | None:
    """``0-17`` for ``0-17`` and ``0 to 17``; ``65+`` for ``65+`` and ``65 and over``."""
    if match := _AGE.fullmatch(label):
        return f"{match[1]}-{match[2]}"
    if match := _AGE_AND_OVER.fullmatch(label):
        return f"{match[1]}+"
    return None


def percentile_measure(label: str) -> str | None:
    """``pay_percentile_05`` for ``5th percentile``."""
    match = _PERCENTILE.fullmatch(label)
    return f"pay_percentile_{int(match[1]):02d}" if match else None
