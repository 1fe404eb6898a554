"""Which occupation, industry and area a row of an ASHE table is of."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.sources.ashe.names import soc_edition

ALL, NOT_CLASSIFIED, NO_EDITION = "all", "not_classified", "none"
EDITIONS = ("2010", "2020")
CODES = ["soc_edition", "occupation_code", "industry_code", "area_code"]

_LEVELS = ("major", "sub_major", "minor", "unit_group")
_AREA = re.compile(r"[EKNSW]\d{8}")
_SINGLE_DIGIT_SECTIONS = ("A", "B")
_AGGREGATES = {
    "all employees": ALL,
    "all industries and services": "all_industries",
    "all index of production industries": "production",
    "all manufacturing": "manufacturing",
    "all service industries": "services",
    "not classified": NOT_CLASSIFIED,
}


class UnknownRowError(Exception):
    """A row whose code or label is not known; ``position`` is its place among the rows."""

    def __init__(self, position: int, message: str) -> None:
        self.position = position
        super().__init__(message)


@cache
def occupations(edition: str) -> frozenset[str]:
    """Codes of one to four digits of an edition of SOC."""
    return frozenset(code for level in _LEVELS for code in catalog.codes(f"soc{edition}_{level}"))


def occupation_rows(rows: pd.DataFrame, file_name: str) -> pd.DataFrame:
    """Table 14: the code of the row is that of the occupation.

    Parameters
    ----------
    rows : DataFrame
        ``row_code`` and ``row_label`` of the rows of a file, in their order.

    Returns
    -------
    DataFrame
        The columns of :data:`CODES`, one row for each given.

    Raises
    ------
    UnknownRowError
        For the first row whose code or label is not known.
    """
    edition = _edition(rows, file_name)
    known = occupations(edition)

    def code(label: str, code: str) -> str | None:
        return code if code in known else None

    return _frame(rows, soc_edition=edition, occupation_code=_each(rows, code, f"occupation of SOC {edition}"))


def region_rows(rows: pd.DataFrame, file_name: str) -> pd.DataFrame:
    """Tables 3 and 15: a row with the code of an area begins the occupations of that area.

    Rows before the first area are of the United Kingdom; a last row 'Not Classified' is of no known area. Where the
    label names the area before the occupation (``North East, Managers ...``), it must be that of the rows above.
    """
    edition = _edition(rows, file_name)
    known = occupations(edition)
    names = catalog.mapping("region_alias", "region")
    area, found = UNITED_KINGDOM, []
    for position, (label, code) in enumerate(_pairs(rows)):
        if _AREA.fullmatch(code):
            area = code
        prefix, _, rest = label.partition(", ")
        if names.get(prefix, area) != area:
            raise UnknownRowError(position, f"{label!r} stands below the rows of area {area}.")
        occupation = ALL if _AREA.fullmatch(code) else code if code in known else _AGGREGATES.get(_plain(rest or label))
        if occupation is None or (code and occupation == NOT_CLASSIFIED):
            raise UnknownRowError(position, _unknown(label, code, f"occupation of SOC {edition}"))
        outside = occupation == NOT_CLASSIFIED and not rest
        found.append((ALL, NOT_CLASSIFIED) if outside else (occupation, area))
    codes, areas = zip(*found, strict=True)
    return _frame(rows, soc_edition=edition, occupation_code=list(codes), area_code=list(areas))


def area_rows(rows: pd.DataFrame, file_name: str) -> pd.DataFrame:
    """Table 8: the code of the row is that of the area."""

    def code(label: str, code: str) -> str | None:
        return code if _AREA.fullmatch(code) else None

    return _frame(rows, area_code=_each(rows, code, "area"))


def industry_rows(rows: pd.DataFrame, file_name: str) -> pd.DataFrame:
    """Table 16: section letters, and codes of divisions, groups and classes whose leading zero is lost.

    The zero is lost in sections A and B only, whose divisions are 01 to 09; the section of a row is that of the last
    letter above it.
    """
    divisions = catalog.mapping("sic2007_division", "sic2007_section")
    section = ""

    def code(label: str, code: str) -> str | None:
        nonlocal section
        if re.fullmatch("[A-U]", code):
            section = code
            return code
        whole = f"0{code}" if section in _SINGLE_DIGIT_SECTIONS else code
        fits = re.fullmatch(r"\d{2,4}", whole) and divisions.get(whole[:2]) == section
        return whole if fits else None

    return _frame(rows, industry_code=_each(rows, code, "industry of SIC 2007"))


def _edition(rows: pd.DataFrame, file_name: str) -> str:
    """Edition of SOC: that of the name, else the only one that has all codes."""
    named = soc_edition(file_name)
    if named is not None:
        return named
    codes = set(rows["row_code"].dropna())
    codes = {code for code in codes if code.isdigit()}
    fitting = [edition for edition in EDITIONS if codes <= occupations(edition)]
    if len(fitting) != 1:
        which = "both editions" if fitting else "no edition"
        raise UnknownRowError(
            0, f"the name does not say the edition of SOC (SOC10, SOC20), and the codes fit {which} known here."
        )
    return fitting[0]


def _pairs(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["row_label"], rows["row_code"].fillna(""), strict=True))


def _plain(label: str) -> str:
    return " ".join(label.split()).lower()


def _unknown(label: str, code: str, kind: str) -> str:
    return f"{code!r} ({label!r}) is no {kind}." if code else f"{label!r} has no code, and is no known total."


def _each(rows: pd.DataFrame, coded: Callable[[str, str], str | None], kind: str) -> list[str]:
    """Our code of each row: from its code, or, where it has none, from its label."""
    found = []
    for position, (label, code) in enumerate(_pairs(rows)):
        ours = coded(label, code) if code else _AGGREGATES.get(_plain(label))
        if ours is None:
            raise UnknownRowError(position, _unknown(label, code, kind))
        found.append(ours)
    return found


def _frame(rows: pd.DataFrame, **codes: str | list[str]) -> pd.DataFrame:
    whole = {"soc_edition": NO_EDITION, "occupation_code": ALL, "industry_code": ALL, "area_code": UNITED_KINGDOM}
    return pd.DataFrame(whole | codes, index=rows.index, dtype="str")[CODES]


BY_LAYOUT: dict[str, Callable[[pd.DataFrame, str], pd.DataFrame]] = {
    "table_3": region_rows,
    "table_8": area_rows,
    "table_14": occupation_rows,
    "table_15": region_rows,
    "table_16": industry_rows,
}
