"""Sheets of the ASHE workbooks: header over three rows, table in columns A to Q, key to the fills from column S on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lmi_pipeline import catalog
from lmi_pipeline.synthetic.ashe_rows import RowFrame
from lmi_pipeline.synthetic.ashe_tables import JOBS, MEAN, MEDIAN, PERCENTILES, Estimates
from lmi_pipeline.synthetic.filled_xlsx import HATCHED, PLAIN, SOLID, FilledRow, Value
from lmi_pipeline.synthetic.writers import NOTICE

# Sheet: sex (0 male) and pattern (0 full-time), None for both.
SHEETS: Mapping[str, tuple[int | None, int | None]] = {
    "All": (None, None),
    "Male": (0, None),
    "Female": (1, None),
    "Full-Time": (None, 0),
    "Part-Time": (None, 1),
    "Male Full-Time": (0, 0),
    "Male Part-Time": (0, 1),
    "Female Full-Time": (1, 0),
    "Female Part-Time": (1, 1),
}
DISCLOSIVE_BELOW = 3
UNRELIABLE_ABOVE = 20.0
_BANDS = (5.0, 10.0)
_LARGEST_CV = 100.0
_THOUSAND = 1000
_DECIMALS = {"1": 1, "6": 2, "7": 0, "9": 1}
_POUNDS = ("1", "6", "7")
_HEADER: tuple[tuple[Value, ...], ...] = (
    ("", "", "Number", "", "Annual", "", "Annual"),
    ("", "", "of jobsb", "", "percentage", "", "percentage", "Percentiles"),
    ("Description", "Code", "(thousand)", "Median", "change", "Mean", "change", *PERCENTILES),
)
_KEY_COLUMN = 18
_KEY: tuple[tuple[str, str, int], ...] = (
    ("Key", "Statistical robustness", PLAIN),
    ("CV <= 5%", "precise", PLAIN),
    ("CV > 5% and <= 10%", "reasonably precise", HATCHED),
    ("CV > 10% and <= 20%", "acceptable", SOLID),
    ("x = CV > 20%", "unreliable", SOLID),
    (".. = disclosive", "", PLAIN),
    (": = not applicable", "", PLAIN),
)
_LAST_OF_KEY = {"a": "- = nil or negligible ", "b": ". = unavailable "}
_FIRST_KEY_ROW = 1
_FOOTNOTES = (
    "a  Synthetic employee jobs on adult rates, pay not affected by absence.",
    "b  Jobs are sums of weights of the sample.",
    "KEY - The fill of a cell shows the coefficient of variation of the estimate.",
    "Source: simulated; laid out like the Annual Survey of Hours and Earnings.",
)


@dataclass(frozen=True)
class Heading:
    """What the title of a sheet says; ``start`` stands before the word Table."""

    start: str
    table: str
    measure: str
    letter: str
    year: int

    def title(self, sheet: str) -> str:
        """Title of a sheet."""
        words = catalog.mapping("ashe_measure", "title", key="number")[self.measure]
        of = "Coefficients of variation for " if self.letter == "b" else ""
        pounds = " (£)" if self.measure in _POUNDS else ""
        number = f"{self.table}.{self.measure}{self.letter}"
        jobs = f"For {sheet.lower()} employee jobsa: United Kingdom, {self.year}"
        return f"{self.start}Table {number}   {of}{words}{pounds} - {jobs}"


def notes_sheet(heading: Heading) -> list[FilledRow]:
    """First sheet of a workbook, which says that it is synthetic."""
    kind = "Guide to results" if heading.letter == "a" else "Guide to quality"
    return [FilledRow([f"{kind} (synthetic)"]), FilledRow([NOTICE]), *(FilledRow(["", key]) for key, _, _ in _KEY)]


def estimate_sheet(
    heading: Heading, sheet: str, frame: RowFrame, now: Estimates, before: Estimates, shown: np.ndarray
) -> list[FilledRow]:
    """Sheet of estimates, with the change on the year before."""
    reliable = _reliable(now)
    both = reliable & _reliable(before)
    with np.errstate(invalid="ignore"):
        change = np.round(100 * (now.value / before.value - 1), 1)
    scaled = now.value.copy()
    scaled[:, JOBS] = np.round(scaled[:, JOBS] / _THOUSAND)
    scaled[:, JOBS + 1 :] = np.round(scaled[:, JOBS + 1 :], _DECIMALS[heading.measure])
    cells = np.where(reliable, scaled.astype(object), "x")
    changes = change.astype(object)
    changes[~both] = None
    fills = np.searchsorted(_BANDS, np.nan_to_num(now.cv, nan=UNRELIABLE_ABOVE))
    values = _with_changes(cells, changes[:, [MEDIAN]], changes[:, [MEAN]])
    plain = np.full((len(cells), 1), PLAIN)
    looks = _with_changes(fills, plain, plain)
    body = _rows(frame, now, shown, values, np.hstack([plain, plain, looks]))
    return _sheet(heading, sheet, body)


def variation_sheet(
    heading: Heading, sheet: str, frame: RowFrame, now: Estimates, shown: np.ndarray
) -> list[FilledRow]:
    """Sheet of coefficients of variation, to two significant digits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10 ** (1 - np.floor(np.log10(np.maximum(now.cv, 0.1))))
        shown_cv = np.round(now.cv * unit) / unit
        shown_cv[:, JOBS] = np.round(now.cv[:, JOBS], 1)
        cells = np.where(now.cv <= _LARGEST_CV, shown_cv.astype(object), "x")
    missing = np.full((len(cells), 1), ".", dtype=object)
    body = _rows(frame, now, shown, _with_changes(cells, missing, missing))
    return _sheet(heading, sheet, body)


def _reliable(estimates: Estimates) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (estimates.cv <= UNRELIABLE_ABOVE) & (estimates.contributors >= DISCLOSIVE_BELOW)[:, None]


def _with_changes(cells: np.ndarray, of_median: np.ndarray, of_mean: np.ndarray) -> np.ndarray:
    """Columns C to Q: each change follows its level."""
    return np.hstack([cells[:, : MEDIAN + 1], of_median, cells[:, [MEAN]], of_mean, cells[:, MEAN + 1 :]])


def _rows(
    frame: RowFrame, now: Estimates, shown: np.ndarray, values: np.ndarray, fills: np.ndarray | None = None
) -> list[FilledRow]:
    """Rows shown; of a row with too few jobs only a marker."""
    found = []
    for row in np.flatnonzero(shown).tolist():
        head: list[Value] = [frame.labels[row], frame.codes[row]]
        contributors = int(now.contributors[row])
        if contributors < DISCLOSIVE_BELOW:
            found.append(FilledRow([*head, ".." if contributors else ":"]))
        else:
            found.append(FilledRow([*head, *values[row].tolist()], () if fills is None else fills[row].tolist()))
    return found


def _sheet(heading: Heading, sheet: str, body: Sequence[FilledRow]) -> list[FilledRow]:
    """Title, header, rows with the key right of them, footnotes."""
    rows = list(body)
    key = [*_KEY, (_LAST_OF_KEY[heading.letter], "", PLAIN)]
    for place, (text, meaning, fill) in enumerate(key, start=_FIRST_KEY_ROW):
        row = rows[place]
        gap = _KEY_COLUMN - len(row.values)
        fills = [*row.fills, *[PLAIN] * (_KEY_COLUMN - len(row.fills)), fill, fill]
        rows[place] = FilledRow([*row.values, *[None] * gap, text, meaning], fills)
    title = [FilledRow([heading.title(sheet)]), FilledRow([])]
    header = [FilledRow(list(cells)) for cells in _HEADER]
    return [*title, *header, *rows, *(FilledRow([text]) for text in _FOOTNOTES)]
