"""Rows of the ASHE tables and the jobs of each: occupations, regions by occupation, industries, areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lmi_pipeline import catalog
from lmi_pipeline.synthetic.ashe_jobs import JobSample
from lmi_pipeline.synthetic.job_chances import unit_groups
from lmi_pipeline.synthetic.margins import REGIONS, UNITED_KINGDOM

ALL_EMPLOYEES, NOT_CLASSIFIED = "All employees", "Not Classified"
_LEVELS = ("major", "sub_major", "minor", "unit_group")
_DIVISIONS = 100
# Sections of the aggregates that stand above the sections in Table 16.
_AGGREGATES = {
    "ALL EMPLOYEES": "ABCDEFGHIJKLMNOPQRSTU",
    "All Industries and Services": "ABCDEFGHIJKLMNOPQRS",
    "All Index of Production Industries": "BCDE",
    "All Manufacturing": "C",
    "All Service Industries": "GHIJKLMNOPQRS",
}
_AREAS = {
    UNITED_KINGDOM: ("United Kingdom ", range(12)),
    "K03000001": ("Great Britain", range(11)),
    "K04000001": ("England and Wales", range(10)),
    "E92000001": ("England", range(9)),
}


@dataclass(frozen=True, eq=False)
class RowFrame:
    """Labels and codes of the rows of a table, and which jobs they are of.

    Attributes
    ----------
    labels, codes : sequence of str
        As printed, indented; code '' where there is none.
    lookups : sequence of ndarray of int
        Row of every job by position of its attribute, -1 for none; one for each level, see ``key``.
    key : {'occupation', 'region_occupation', 'division', 'region'}
        Attribute the lookups are by; of two attributes they are tables.
    """

    labels: Sequence[str]
    codes: Sequence[str]
    lookups: Sequence[np.ndarray]
    key: str

    def rows_of(self, sample: JobSample) -> list[np.ndarray]:
        """Row of every job at each level."""
        jobs = sample.jobs
        at: tuple[np.ndarray, ...] = {
            "occupation": (jobs.occupation,),
            "region_occupation": (jobs.region, jobs.occupation),
            "division": (sample.division,),
            "region": (jobs.region,),
        }[self.key]
        return [lookup[at] for lookup in self.lookups]


@lru_cache(maxsize=4)
def _occupations(levels: tuple[int, ...]) -> tuple[list[str], list[str], list[np.ndarray]]:
    """Labels and codes of SOC 2010 at levels named by their digits, and row of every unit group at each of them."""
    names: dict[str, str] = {}
    for digits in levels:
        names |= catalog.mapping(f"soc2010_{_LEVELS[digits - 1]}", "name")
    codes = sorted(names)
    labels = [" " * (len(code) - 1) + names[code] for code in codes]
    place = {code: row for row, code in enumerate(codes)}
    units = [str(code) for code in unit_groups().codes]
    return labels, codes, [np.array([place[unit[:digits]] for unit in units]) for digits in levels]


def occupation_rows() -> RowFrame:
    """Table 14: all employees, then every level of SOC 2010."""
    labels, codes, rows = _occupations((1, 2, 3, 4))
    lookups = [np.zeros(len(rows[0]), dtype=int), *(row + 1 for row in rows)]
    return RowFrame([ALL_EMPLOYEES, *labels, NOT_CLASSIFIED], ["", *codes, ""], lookups, "occupation")


def region_rows(*levels: int) -> RowFrame:
    """Tables 3 (one and two digits) and 15 (four): the United Kingdom, then each region and its occupations."""
    labels, codes, rows = _occupations(levels)
    block = 1 + len(codes)
    start = 1 + block * np.arange(len(REGIONS))[:, None]
    shape = (len(REGIONS), len(rows[0]))
    lookups = [np.zeros(shape, dtype=int), np.broadcast_to(start, shape), *(start + 1 + row for row in rows)]
    names = catalog.mapping("region", "name")
    every = [label for region in REGIONS for label in (names[region], *labels)]
    coded = [code for region in REGIONS for code in (region, *codes)]
    return RowFrame(
        ["United Kingdom", *every, NOT_CLASSIFIED], [UNITED_KINGDOM, *coded, ""], lookups, "region_occupation"
    )


def industry_rows() -> RowFrame:
    """Table 16: five aggregates, then sections and their divisions; codes lose their leading zero."""
    sections = catalog.mapping("sic2007_section", "name")
    section_of = catalog.mapping("sic2007_division", "sic2007_section")
    names = catalog.mapping("sic2007_division", "name")
    labels, codes = list(_AGGREGATES), [""] * len(_AGGREGATES)
    place: dict[str, int] = {}
    for section, title in sections.items():
        divisions = sorted(code for code, parent in section_of.items() if parent == section)
        for code, label in ((section, f"{title.upper()} "), *((code, f"{names[code]} ") for code in divisions)):
            place[code] = len(labels)
            labels.append(label)
            codes.append(code.removeprefix("0") if code != section else section)
    lookups = [_by_division({c: place[s] for c, s in section_of.items()}), _by_division({c: place[c] for c in names})]
    for row, members in enumerate(_AGGREGATES.values()):
        lookups.append(_by_division({code: row for code, section in section_of.items() if section in members}))
    return RowFrame([*labels, "NOT CLASSIFIED"], [*codes, ""], lookups, "division")


def _by_division(rows: Mapping[str, int]) -> np.ndarray:
    lookup = np.full(_DIVISIONS, -1)
    for code, row in rows.items():
        lookup[int(code)] = row
    return lookup


def area_rows() -> RowFrame:
    """Table 8: the United Kingdom, its parts, and the regions; local authorities are not simulated."""
    names = catalog.mapping("region", "name")
    labels = [label for label, _ in _AREAS.values()] + [f"{names[region]} " for region in REGIONS]
    places = np.arange(len(REGIONS))
    lookups = [np.where(np.isin(places, list(inside)), row, -1) for row, (_, inside) in enumerate(_AREAS.values())]
    lookups.append(len(_AREAS) + np.arange(len(REGIONS)))
    return RowFrame([*labels, NOT_CLASSIFIED], [*_AREAS, *REGIONS, ""], lookups, "region")
