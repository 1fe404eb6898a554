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
    change = 100 * (now.value / before.value - 1)
    both = reliable & _reliable(before)
    scaled = now.value.copy()
    scaled[:, JOBS] /= _THOUSAND
    decimals = np.full(scaled.shape[1], _DECIMALS[heading.measure])
    decimals[JOBS] = 0
    body = []
    for row in np.flatnonzero(shown).tolist():
        head: list[Value] = [frame.labels[row], frame.codes[row]]
        marker = _marker(int(now.contributors[row]))
        if marker:
            body.append(FilledRow([*head, marker]))
            continue
        cells = [
            round(float(value), int(places)) if known else "x"
            for value, known, places in zip(scaled[row], reliable[row], decimals, strict=True)
        ]
        changes = {at: round(float(change[row, at]), 1) if both[row, at] else None for at in (MEDIAN, MEAN)}
        fills = [_fill(cv) for cv in now.cv[row]]
        body.append(
            FilledRow(
                [*head, cells[JOBS], cells[MEDIAN], changes[MEDIAN], cells[MEAN], changes[MEAN], *cells[MEAN + 1 :]],
                [0, 0, fills[JOBS], fills[MEDIAN], 0, fills[MEAN], 0, *fills[MEAN + 1 :]],
            )
        )
    return _sheet(heading, sheet, body)


def variation_sheet(
    heading: Heading, sheet: str, frame: RowFrame, now: Estimates, shown: np.ndarray
) -> list[FilledRow]:
    """Sheet of coefficients of variation, to two significant digits."""
    body = []
    for row in np.flatnonzero(shown).tolist():
        head: list[Value] = [frame.labels[row], frame.codes[row]]
        marker = _marker(int(now.contributors[row]))
        if marker:
            body.append(FilledRow([*head, marker]))
            continue
        cells = [_two_digits(cv) for cv in now.cv[row]]
        jobs = round(float(now.cv[row, JOBS]), 1)
        body.append(FilledRow([*head, jobs, cells[MEDIAN], ".", cells[MEAN], ".", *cells[MEAN + 1 :]]))
    return _sheet(heading, sheet, body)


def _reliable(estimates: Estimates) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (estimates.cv <= UNRELIABLE_ABOVE) & (estimates.contributors >= DISCLOSIVE_BELOW)[:, None]


def _marker(contributors: int) -> str:
    return ":" if contributors == 0 else ".." if contributors < DISCLOSIVE_BELOW else ""


def _fill(cv: float) -> int:
    return PLAIN if cv <= _BANDS[0] else HATCHED if cv <= _BANDS[1] else SOLID


def _two_digits(cv: float) -> Value:
    return float(f"{cv:.2g}") if cv <= _LARGEST_CV else "x"


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
