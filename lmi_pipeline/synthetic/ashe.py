"""The Annual Survey of Hours and Earnings: job records and published tables, in the layouts of the publisher.

The tables are estimates from the records, with their sampling error; a value whose coefficient of variation is above
20 per cent is ``x``, a row of one or two jobs ``..``, one without jobs ``:``. Table 15 leaves such rows out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmi_pipeline import catalog
from lmi_pipeline.synthetic.ashe_jobs import YEARS, JobSample, job_sample
from lmi_pipeline.synthetic.ashe_rows import RowFrame, area_rows, industry_rows, occupation_rows, region_rows
from lmi_pipeline.synthetic.ashe_sheets import (
    DISCLOSIVE_BELOW,
    SHEETS,
    Heading,
    estimate_sheet,
    notes_sheet,
    variation_sheet,
)
from lmi_pipeline.synthetic.ashe_tables import Estimates, Measured, combined
from lmi_pipeline.synthetic.filled_xlsx import write_filled_xlsx
from lmi_pipeline.synthetic.job_chances import unit_groups
from lmi_pipeline.synthetic.population import SyntheticTruth
from lmi_pipeline.synthetic.writers import write_delimited

PUBLISHED_YEARS = YEARS[1:]
PROVISIONAL_YEAR = YEARS[-1]
_FIRST_RECORD = 1_000_000


@dataclass(frozen=True, eq=False)
class Table:
    """One of the published tables.

    Attributes
    ----------
    number : str
        Such as ``14``.
    subject : str
        How file names begin.
    measures : sequence of str
        Numbers of its measures.
    years : sequence of int
        Editions.
    letters : sequence of str
        a for the estimates, b for their coefficients of variation.
    omits_thin : bool
        Whether rows of fewer than three jobs are left out.
    title : str
        How titles begin.
    """

    number: str
    subject: str
    measures: Sequence[str]
    years: Sequence[int] = PUBLISHED_YEARS
    letters: Sequence[str] = ("a", "b")
    omits_thin: bool = False
    title: str = ""

    def rows(self) -> RowFrame:
        """Rows of the table."""
        return {
            "14": occupation_rows,
            "3": lambda: region_rows(1, 2),
            "15": lambda: region_rows(4),
            "16": industry_rows,
            "8": area_rows,
        }[self.number]()


TABLES = (
    Table("14", "Occupation SOC10 (4)", ("1", "6", "7", "9")),
    Table("3", "Work Region Occupation SOC10 (2)", ("1",)),
    Table("16", "SIC07 Industry (4) SIC2007", ("1",), title="SIC2007 "),
    Table("15", "Work Region Occupation SOC10 (4)", ("1",), omits_thin=True),
    Table("8", "Home Geography", ("1",), years=YEARS[-1:], letters=("a",)),
    Table("8", "Home Geography", ("6",)),
)


def job_file_name(year: int) -> str:
    """Name of the file of job records of a year."""
    return f"ashe_{year}_{year}_gb_v1.csv"


def table_file_name(table: Table, measure: str, letter: str, year: int) -> str:
    """Publisher's name of a workbook; the newest year is provisional."""
    start = "PROV - " if year == PROVISIONAL_YEAR else ""
    end = " CV" if letter == "b" else ""
    title = catalog.mapping("ashe_measure", "title", key="number")[measure]
    return f"{start}{table.subject} Table {table.number}.{measure}{letter}   {title} {year}{end}.xlsx"


def generate_ashe(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the job records of every year and the published tables."""
    for year in YEARS:
        yield write_delimited(folder / job_file_name(year), _records(job_sample(truth, year), year), ",")
    samples = {year: job_sample(truth, year) for year in YEARS}
    for table in TABLES:
        for measure in table.measures:
            yield from _write_table(samples, table, measure, folder)


def _records(sample: JobSample, year: int) -> dict[str, np.ndarray | Sequence[object]]:
    """Variables of the job records, as the publisher codes them."""
    jobs, size = sample.jobs, len(sample.person)
    paid = sample.basic + sample.overtime
    return {
        "year": np.full(size, year),
        "piden": sample.person,
        "serno": _FIRST_RECORD + np.arange(size),
        "entref": sample.enterprise,
        "idbrnemp": 1 + (sample.enterprise * 7919) % 4000,
        "age": jobs.age,
        "sex": jobs.sex + 1,
        "wgor": jobs.region + 1,
        "hgor": jobs.region + 1,
        "occ10": unit_groups().codes[jobs.occupation],
        "sic07": sample.division * 1000,
        "ft": jobs.pattern + 1,
        "gpay": sample.weekly,
        "gpox": np.round(sample.hourly * sample.basic, 2),
        "hexo": sample.hourly,
        "he": np.round(sample.weekly / paid, 2),
        "thrs": np.round(paid, 1),
        "bhr": sample.basic,
        "ovhrs": sample.overtime,
        "agp": [None if np.isnan(value) else int(value) for value in sample.annual],
        "sjd": np.where(sample.same_job, 1, 2),
        "lop": np.where(sample.no_loss, 2, 1),
        "adr": np.where(sample.adult_rate, 1, 2),
        "calwght": sample.weight,
    }


def _measured(sample: JobSample, measure: str) -> Measured:
    """Values of a measure, not a number for jobs outside its coverage."""
    kept = sample.adult_rate & sample.same_job if measure == "7" else sample.usual
    values = {
        "1": sample.weekly,
        "6": sample.hourly,
        "7": sample.annual,
        "9": sample.basic + sample.overtime,
    }[measure]
    return Measured.of(np.where(kept, values, np.nan), sample.weight)


def _write_table(samples: dict[int, JobSample], table: Table, measure: str, folder: Path) -> Iterator[Path]:
    frame = table.rows()
    needed = [year for year in YEARS if year in table.years or year + 1 in table.years]
    estimates = {year: _estimates(samples[year], frame, measure) for year in needed}
    for year in table.years:
        for letter in table.letters:
            heading = Heading(table.title, table.number, measure, letter, year)
            sheets = {"Notes" if letter == "a" else "CV notes": notes_sheet(heading)}
            for sheet in SHEETS:
                now, before = estimates[year][sheet], estimates[year - 1][sheet]
                shown = now.contributors >= (DISCLOSIVE_BELOW if table.omits_thin else 0)
                if letter == "a":
                    sheets[sheet] = estimate_sheet(heading, sheet, frame, now, before, shown)
                else:
                    sheets[sheet] = variation_sheet(heading, sheet, frame, now, shown)
            yield write_filled_xlsx(folder / table_file_name(table, measure, letter, year), sheets)


def _estimates(sample: JobSample, frame: RowFrame, measure: str) -> dict[str, Estimates]:
    """Estimates of every sheet of a table of one year."""
    measured, levels = _measured(sample, measure), frame.rows_of(sample)
    found = {}
    for sheet, (sex, pattern) in SHEETS.items():
        chosen = np.ones(len(sample.person), dtype=bool)
        chosen &= (sample.jobs.sex == sex) if sex is not None else True
        chosen &= (sample.jobs.pattern == pattern) if pattern is not None else True
        found[sheet] = combined([measured.estimates(chosen, row, len(frame.labels)) for row in levels])
    return found
