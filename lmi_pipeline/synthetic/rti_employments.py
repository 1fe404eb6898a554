"""HMRC's payrolled employments by nationality, region and industry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from lmi_pipeline.synthetic.margins import GROUPS, MONTHS
from lmi_pipeline.synthetic.population import SyntheticTruth, stream
from lmi_pipeline.synthetic.rti import MONTH_LABELS, REGION_LABELS
from lmi_pipeline.synthetic.writers import NOTICE, Cell, Rows, write_ods, write_xlsx

# Column names of the edition to June 2021, with its spaces and irregular wording; '' is the total.
INDUSTRIES = (
    " in Agriculture, Forestry and Fishing", " in Mining and Quarrying  ", " in Manufacturing ",
    " in Energy production and supply", " in Water supply, sewerage and waste", " in Construction ",
    " in Wholesale and retail; repair of motor vehicles", " in Transportation and storage",
    " in Accommodation and food service activities", " information and communication ", " in Finance and insurance",
    " in Real estate", " in Professional, scientific and technical", " industry Administrative and support services",
    " in Public administration and defence; social security ", " in Education ", " in Health and social work",
    " in Arts, entertainment and recreation", " in Other service activities",
    " in Households, Extraterritorial Organisations and Unknown Entities ",
)  # fmt: skip
# Per cent of the employments of each nationality group, section by section.
INDUSTRY_SHARE = {
    "uk": (0.6, 0.2, 8, 0.4, 0.6, 4.1, 16, 4, 6.8, 4, 3.8, 1.5, 7, 8.4, 5.6, 10.5, 13, 2.2, 2, 1.3),
    "eu": (1.6, 0.1, 12, 0.3, 0.6, 3.6, 14, 6, 12, 4.5, 3.4, 1.3, 7.5, 17, 1.2, 6, 8, 1.6, 1.6, 1.7),
    "non_eu": (0.4, 0.1, 6, 0.2, 0.3, 1.6, 14, 4.5, 13, 6.5, 4.2, 1.1, 8.5, 13, 1.8, 7, 16, 1.2, 1.6, 2),
}
EU_PARTS = (0.41, 0.39, 0.19, 0.01)
JOBS_PER_EMPLOYEE = np.array([1.045, 1.035, 1.08])
EDITION_2021, EDITION_2022 = (
    "paye_employments_jul14jun21.xlsx",
    (
        "Payrolled_employments_in_the_UK_by_region__industry_and_nationality__from_July_2014_to_December_2022"
        "_-_Data_tables.ods"
    ),
)
# Employments below this number are confidential.
CONFIDENTIAL_BELOW = 100
_SHEET_ORDER = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 9, 11)


def employments(truth: SyntheticTruth, months: int) -> np.ndarray:
    """Employments by group, industry, region and month; unrounded."""
    rng = stream(truth.seed, "rti", 10)
    shares = np.array([INDUSTRY_SHARE[g] for g in GROUPS])
    shares = shares / shares.sum(axis=1, keepdims=True)
    local = shares[:, :, None] * np.exp(rng.normal(0, 0.12, (len(GROUPS), shares.shape[1], len(REGION_LABELS))))
    local /= local.sum(axis=1, keepdims=True)
    jobs = truth.employee_array[:, :, :months] * JOBS_PER_EMPLOYEE[:, None, None]
    return local[..., None] * jobs[:, None, :, :]


def write_employments(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the edition to June 2021 (xlsx) and the edition to December 2022 (ods)."""
    jobs = employments(truth, MONTHS.index("2022-12") + 1)
    yield _write_2021(folder / EDITION_2021, jobs[..., : MONTHS.index("2021-06") + 1])
    yield _write_2022(folder / EDITION_2022, jobs)


def _areas(jobs: np.ndarray) -> list[np.ndarray]:
    """Employments of England and of the 12 regions in sheet order."""
    return [jobs[:, :, :9].sum(axis=2), *(jobs[:, :, region] for region in _SHEET_ORDER)]


def _with_totals(parts: np.ndarray) -> np.ndarray:
    """(month, column) blocks: all industries first, in each the sum and then its parts."""
    industries = np.concatenate([parts.sum(axis=1, keepdims=True), parts], axis=1)
    block = np.concatenate([industries.sum(axis=0, keepdims=True), industries])
    return block.transpose(2, 1, 0).reshape(parts.shape[-1], -1)


def _eu_parts(jobs: np.ndarray) -> np.ndarray:
    eu = jobs[GROUPS.index("eu")].sum(axis=1)
    return np.array(EU_PARTS)[:, None, None] * eu[None]


def _cells(values: np.ndarray, marker: str) -> list[list[Cell]]:
    rounded = (np.rint(values / 100) * 100).astype(np.int64).tolist()
    hidden = values < CONFIDENTIAL_BELOW
    if not hidden.any():
        return rounded
    return [
        [marker if hide else value for value, hide in zip(row, hides, strict=True)]
        for row, hides in zip(rounded, hidden.tolist(), strict=True)
    ]


def _write_2021(path: Path, jobs: np.ndarray) -> Path:
    names = ("England", *(REGION_LABELS[i].replace("The", "the").replace(" ", "_") for i in _SHEET_ORDER))
    national = _sheet_2021("the United Kingdom", _with_totals(jobs.sum(axis=2)))
    parts = _sheet_2021_parts(_with_totals(_eu_parts(jobs)))
    sheets: dict[str, Rows] = {
        "Cover sheet": [["Synthetic layout of HM Revenue and Customs"], [NOTICE]],
        "Contents": [
            ["Contents "],
            ["This worksheet contains one table "],
            ["Tab ", "Description "],
            *([n, n] for n in names),
        ],
        "Notes ": [["Notes related to the data in this workbook"], [NOTICE], ["This worksheet contains one table "]],
        "UK_for_UK,EU_and_nonEU": national,
        "UK_for_EU14,EU8,EU2_&_Other_EU": parts,
    }
    sheets |= {n: _sheet_2021(n.replace("_", " "), _with_totals(a)) for n, a in zip(names, _areas(jobs), strict=True)}
    return write_xlsx(path, sheets, date(2021, 9, 2))


def _sheet_2021(area: str, values: np.ndarray) -> Rows:
    kinds = ("UK nationals", "EU nationals", "non-EU nationals")
    first = ["Total employment counts", *(f"Total {kind} employment counts" for kind in kinds)]
    rest = [f"{head} employment counts{i}" for i in INDUSTRIES for head in ("Total", *kinds)]
    title = f"Monthly counts of payrolled employments in {area} by industry for UK, EU and non-EU nationals (synthetic)"
    return _table_2021(title, [*first, *rest], values)


def _sheet_2021_parts(values: np.ndarray) -> Rows:
    kinds = ("EU14 nationals", "EU8 nationals", "EU2 nationals", "Other EU nationals")
    first = ["Total EU employment counts", *(f"Total {kind} employment counts" for kind in kinds)]
    rest = [f"{head} employment counts{i}" for i in INDUSTRIES for head in ("Total EU", *kinds)]
    title = "Monthly counts of payrolled employments in the United Kingdom for EU14, EU8, EU2 and other EU (synthetic)"
    return _table_2021(title, [*first, *rest], values)


def _table_2021(title: str, header: list[str], values: np.ndarray) -> Rows:
    rows = ([label, *row] for label, row in zip(MONTH_LABELS, _cells(values, "[d]"), strict=False))
    return [[title], ["This worksheet contains one table "], ["Date ", *header], *rows]


def _write_2022(path: Path, jobs: np.ndarray) -> Path:
    areas = ("England", *(REGION_LABELS[i].replace("The", "the") for i in _SHEET_ORDER))
    kinds = ("UK nationals", "EU nationals", "non-EU nationals")
    eu_kinds = ("EU14 nationals", "EU8 nationals", "EU2 nationals", "other EU nationals")
    titles = [
        f"Monthly counts of payrolled employments in {a} for UK, EU and non-EU nationals (synthetic)" for a in areas
    ]
    titles.insert(
        0, "Monthly counts of payrolled employments in the United Kingdom for UK, EU and non-EU nationals (synthetic)"
    )
    titles.insert(
        1, "Monthly counts of payrolled employments in the United Kingdom for EU14, EU8, EU2 and other EU (synthetic)"
    )
    tables = [(_with_totals(jobs.sum(axis=2)), kinds), (_with_totals(_eu_parts(jobs)), eu_kinds)]
    tables += [(_with_totals(area), kinds) for area in _areas(jobs)]
    numbered = [str(number) for number in range(1, len(tables) + 1)]
    sheets: dict[str, Rows] = {
        "Cover": [[titles[0]], [NOTICE]],
        "Contents": [["Contents"], ["Worksheet title", "Description"], ["Cover", NOTICE],
                     *([n, t] for n, t in zip(numbered, titles, strict=True)), ["End of worksheet"]],
    }  # fmt: skip
    for number, title, (values, names) in zip(numbered, titles, tables, strict=True):
        sheets[number] = _table_2022(title, names, values)
    return write_ods(path, sheets)


def _table_2022(title: str, kinds: tuple[str, ...], values: np.ndarray) -> Rows:
    industries = ("", *(_tidy_label(industry) for industry in INDUSTRIES))
    header = [f"Total {kind}employment counts{i}" for i in industries for kind in ("", *(f"{k} " for k in kinds))]
    body = _cells(values, "[c]")
    shorthand = (
        [["Some shorthand is used in this table, [c] = confidential"]] if any("[c]" in row for row in body) else []
    )
    rows = ([label, *row] for label, row in zip(MONTH_LABELS, body, strict=False))
    return [[title], ["This tab contains 1 table"], *shorthand, ["Date", *header], *rows, ["End of worksheet"]]


def _tidy_label(industry: str) -> str:
    name = industry.strip().removeprefix("in ").removeprefix("industry ")
    return f" in {name[:1].upper()}{name[1:]}"
