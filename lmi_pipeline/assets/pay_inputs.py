"""What the pay estimates of a year are made from: job records, survey, published tables, each read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.inputs import newest_edition
from lmi_pipeline.assets.survey import fingerprint
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes
from lmi_pipeline.sources.ashe.names import PROVISIONAL, REVISED, UNSTATED
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake, slice_text

JOB, PUBLISHED = "core_ashe__yearly_job", "core_ashe__yearly_published"
PERSON, WEIGHT = "core_lfs__quarterly_person", "core_lfs__quarterly_published_weight"
MEASURES = {
    "weekly": "weekly_gross",
    "hourly": "hourly_excl_overtime",
    "annual": "annual_gross",
    "hours": "hours_total",
}
JOB_COLUMNS = {"weekly": "weekly_pay_gbp", "hourly": "hourly_pay_gbp", "hours": "paid_hours_per_week"}
PATTERNS = ("full_time", "part_time")
SOC = "2010"
HOURS = (1.0, 97.0)
_POOLED_YEARS = 2
_QUALIFICATIONS_2020 = "employment_2020"


def grid_codes() -> GridCodes:
    """Codes of the pay grid, in the order of the code lists."""
    return GridCodes(
        occupations=catalog.codes("soc2010_unit_group"),
        regions=catalog.codes("region"),
        sexes=tuple(code for code in catalog.codes("sex") if code != "all"),
        qualifications=catalog.codes("qualification_9"),
        industries=catalog.codes("industry_75"),
    )


def qualification_split() -> dict[str, dict[str, float]]:
    """Shares of the nine levels in each qualification group of the survey, from published employment."""
    figures = catalog.control_figures("employment_by_qualification").set_index("qualification_9")[_QUALIFICATIONS_2020]
    group_of = catalog.mapping("qualification_9", "lfs_qualification")
    split: dict[str, dict[str, float]] = {}
    for level, group in group_of.items():
        split.setdefault(group, {})[level] = float(figures[level])
    return {group: {level: jobs / sum(of.values()) for level, jobs in of.items()} for group, of in split.items()}


@dataclass
class PayInputs:
    """Everything the pay estimates of one year read.

    Parameters
    ----------
    lake : Lake
    year : int
    mode : {'auto', 'secure', 'open'}
        As in the settings.
    """

    lake: Lake
    year: int
    mode: str = "auto"
    _prints: dict[str, dict[str, str]] = field(default_factory=dict)
    _published: dict[int, pd.DataFrame] = field(default_factory=dict)

    @property
    def years(self) -> list[int]:
        """The year and the one before it, as far as there are job records."""
        held = set(self.lake.slices(JOB))
        return [year for year in range(self.year - _POOLED_YEARS + 1, self.year + 1) if str(year) in held]

    @property
    def uses_records(self) -> bool:
        """Whether there are job records of the year, and they may be used."""
        return self.year in self.years and self.mode != "open"

    @property
    def is_secure(self) -> bool:
        """Whether the estimates rest on job records.

        Raises
        ------
        MethodError
            They are asked for, and the year has none.
        """
        if self.mode == "secure" and not self.uses_records:
            raise MethodError(
                f"pay of {self.year}: LMI_PAY_MODE is secure and {JOB} has no records of the year; put the file in"
                " data/landing/ashe, or set LMI_PAY_MODE=auto"
            )
        return self.uses_records

    @property
    def pay_mode(self) -> str:
        """Code of the mode, as tables say it."""
        return "secure" if self.is_secure else "open"

    @cached_property
    def quarters(self) -> list[str]:
        """Quarters of the survey that are pooled: those of the year and of the one before it."""
        wanted = {str(year) for year in range(self.year - _POOLED_YEARS + 1, self.year + 1)}
        return [quarter for quarter in self.lake.slices(PERSON) if quarter[:4] in wanted]

    @cached_property
    def published(self) -> pd.DataFrame:
        """Published tables of the year in the edition of SOC that the grid has, newest release of each table.

        Raises
        ------
        MethodError
            There is no table of the year.
        """
        found = self.published_of(self.year)
        if found.empty:
            raise MethodError(
                f"pay of {self.year}: no published table of the year in {PUBLISHED}; pay can be predicted but not"
                " reconciled. Put the tables in data/landing/ashe"
            )
        return found

    def published_of(self, year: int) -> pd.DataFrame:
        """Published rows of a year, of the newest release of each table in each edition of SOC; read once."""
        if year not in self._published:
            self._published[year] = self._read_published(year)
        return self._published[year]

    def _read_published(self, year: int) -> pd.DataFrame:
        releases = [release for release in self.lake.slices(PUBLISHED) if release.startswith(f"{year}-")]
        if not releases:
            return pd.DataFrame(columns=list(catalog.table(PUBLISHED).columns))
        frame = self.lake.read(PUBLISHED, where={"release": releases, "year": year})
        tables = ["ashe_table", "soc_edition"]
        there = frame[[*tables, "release"]].drop_duplicates()
        place = {release: number for number, release in enumerate(sorted(releases, key=_finality))}
        newest = there.iloc[there["release"].map(place).argsort()].drop_duplicates(tables, keep="last")
        return frame.merge(newest, on=[*tables, "release"])

    def has_tables(self) -> bool:
        """Whether there is a published table of the year."""
        return any(release.startswith(f"{self.year}-") for release in self.lake.slices(PUBLISHED))

    @cached_property
    def jobs(self) -> pd.DataFrame:
        """Job records of the pooled years with usual pay, in the names of the methods; one row a job."""
        frame = self.lake.read(JOB, where={"year": self.years})
        frame = frame[frame["is_usual_pay"]]
        return frame.rename(
            columns={
                "soc2010_code": "occupation",
                "work_region_gss": "region_gss",
                "calibration_weight": "weight",
                "enterprise_id": "cluster",
            }
        ).reset_index(drop=True)

    def job_values(self, basis: str) -> pd.DataFrame:
        """Job records with a value of one basis and every regressor; `y` is the value."""
        frame = self.jobs.assign(y=_bounded(self.jobs[JOB_COLUMNS[basis]], basis))
        needed = ["age_years", "sex", "region_gss", "occupation", "industry_75", "y"]
        return frame.dropna(subset=needed).reset_index(drop=True)

    @cached_property
    def employees(self) -> pd.DataFrame:
        """Employees of the pooled quarters in the names of the methods, weighted to the mean of the quarters."""
        if not self.quarters:
            raise MethodError(
                f"pay of {self.year}: {PERSON} has no quarter of {self.year - 1} or {self.year}; the survey gives the"
                " jobs by industry and qualification. Run it first"
            )
        persons = self.lake.read(PERSON, where={"quarter": self.quarters})
        persons = persons[(persons["employment_status"] == "employee") & persons["soc2010_code"].notna()]
        issued = newest_edition(self.lake.read(WEIGHT, where={"quarter": self.quarters}))
        weights = issued[["quarter", "person_id", "analysis_weight", "earnings_weight"]]
        frame = persons.merge(weights, on=["quarter", "person_id"])
        frame = frame[(frame["analysis_weight"] > 0) & frame["working_pattern"].isin(PATTERNS)]
        industry = catalog.mapping("industry75_division", "industry_75")
        return frame.assign(
            year=frame["quarter"].str[:4].astype("int64"),
            industry_75=frame["sic2007_division"].map(industry),
            weight=frame["analysis_weight"] / len(self.quarters),
        ).rename(columns={"soc2010_code": "occupation", "qualification_6": "qualification"})

    def earnings(self, basis: str) -> pd.DataFrame:
        """Employees with an earnings weight and a value of one basis; `y` is the value."""
        column = {"weekly": "weekly_pay_gbp", "hourly": "hourly_pay_gbp", "hours": "usual_hours_per_week"}[basis]
        frame = self.employees.assign(
            y=_bounded(self.employees[column], basis), weight=self.employees["earnings_weight"]
        )
        needed = ["age_years", "sex", "region_gss", "occupation", "industry_75", "qualification", "y", "weight"]
        frame = frame.dropna(subset=needed)
        return frame[(frame["weight"] > 0) & (frame["y"] > 0)].reset_index(drop=True)

    def synthetic(self, *, survey: bool = True) -> str:
        """Whether what was read is synthetic."""
        flags = [self.published["synthetic"]]
        flags += [self.jobs["synthetic"]] if self.uses_records else []
        flags += [self.employees["synthetic"]] if survey else []
        return combine_synthetic(*flags)

    def made_from(self, version: str, *, survey: bool = True) -> str:
        """Hash of everything the estimates of the year are made from."""
        parts = [version, self.mode, str(self.year)]
        tables: dict[str, Iterable[str]] = {JOB: map(str, [*self.years])} if self.uses_records else {}
        parts += [self._print(table, "year", value) for table, values in tables.items() for value in values]
        if survey:
            parts += [self._print(table, "quarter", value) for table in (PERSON, WEIGHT) for value in self.quarters]
        files = {year: sorted(self.published_of(year)["sha256"].unique()) for year in (self.year - 1, self.year)}
        return fingerprint([*parts, *(sha256 for held in files.values() for sha256 in held)])

    def _print(self, table: str, column: str, value: str) -> str:
        if table not in self._prints:
            self._prints[table] = self.lake.fingerprints(table)
        return self._prints[table].get(slice_text({column: value}), "")


def _finality(release: str) -> tuple[int, str]:
    """Order of the releases of a year: provisional, not stated, revised; a re-issue (``name+hash``) after its own."""
    _, _, kind = release.partition("-")
    return (PROVISIONAL, UNSTATED, REVISED).index(kind.partition("+")[0]), release


def _bounded(values: pd.Series, basis: str) -> pd.Series:
    """Values of a basis; hours between those that the surveys tell."""
    return values.clip(*HOURS) if basis == "hours" else values


def weighted_mean(values: pd.Series, weights: pd.Series) -> float:
    """Weighted mean; not a number without weight."""
    total = float(weights.sum())
    return float((values * weights).sum() / total) if total else float(np.nan)
