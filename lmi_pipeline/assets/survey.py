"""Reading the survey for one weighted dataset: which interviews it is made of, their population, their factors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import WeightingDataset, WeightVintage
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.control_cells import common_population
from lmi_pipeline.methods.quarters import shift_quarter
from lmi_pipeline.methods.weighting import cell_columns, codes_of, control_columns
from lmi_pipeline.storage.frames import combine_synthetic
from lmi_pipeline.storage.lake import Lake, slice_text

PERSON, BOOST = "core_lfs__quarterly_person", "core_lfs__quarterly_boost_person"
FACTOR = "est_lfs__quarterly_response_factor"
CELL, TENURE = "est_population__quarterly_cell", "est_population__quarterly_tenure"
_READ = (
    "quarter", "person_id", "household_id", "wave", "age_years", "sex", "region_gss", "birth_group", "tenure",
    "reference_week", "synthetic",
)  # fmt: skip
_KEPT_QUARTERS = 8
WEIGHTING_VERSION = "3"
_CHILDREN = "0-15"


@dataclass(frozen=True)
class Population:
    """Controls of one vintage and quarter for a dataset: cells, tenure totals, and a hash of both."""

    cells: pd.DataFrame
    tenure: pd.DataFrame | None
    synthetic: str
    fingerprint: str


@dataclass
class Survey:
    """Persons and populations read from the lake, each quarter once.

    Parameters
    ----------
    lake : Lake
    vintage : WeightVintage
    dataset : WeightingDataset
    more : tuple of str
        Further columns of the persons to read.
    """

    lake: Lake
    vintage: WeightVintage
    dataset: WeightingDataset
    more: tuple[str, ...] = ()
    _prints: dict[str, dict[str, str]] = field(default_factory=dict)
    _populations: dict[str, Population] = field(default_factory=dict)
    _quarters: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    _panels: dict[str, pd.DataFrame] = field(default_factory=dict)

    def periods(self, quarter: str) -> list[str]:
        """Quarters whose interviews or population a dataset of this quarter is made of."""
        return [shift_quarter(quarter, -back) for back in reversed(range(self.dataset.quarters))]

    def persons(self, quarter: str) -> pd.DataFrame:
        """Respondents of the dataset with the columns that controls are cut by.

        Raises
        ------
        MethodError
            A quarter has no person file, or nobody is left.
        """
        if self.dataset.linked:
            before, now = (self._quarter(PERSON, period) for period in self.periods(quarter))
            kept = now[now["person_id"].isin(before["person_id"])]
        else:
            kept = pd.concat([self._interviews(period) for period in self.periods(quarter)], ignore_index=True)
        if self.dataset.by_week:
            kept = kept[kept["reference_week"].notna()]
        kept = kept[kept["age_years"] >= self.dataset.minimum_age]
        if kept.empty:
            raise MethodError(f"{self.dataset.name} {quarter}: nobody is in the dataset")
        repeated = int(kept["person_id"].duplicated().sum())
        if repeated:
            raise MethodError(f"{self.dataset.name} {quarter}: {repeated} persons stand twice")
        return control_columns(kept.reset_index(drop=True))

    def _interviews(self, period: str) -> pd.DataFrame:
        frames = [self._quarter(PERSON, period)]
        if self.dataset.boost and period in self._held(BOOST):
            frames.append(self._quarter(BOOST, period))
        if self.dataset.waves:
            frames[0] = frames[0][frames[0]["wave"].isin(self.dataset.waves)]
        return pd.concat(frames, ignore_index=True)

    def _quarter(self, table: str, quarter: str) -> pd.DataFrame:
        key = (table, quarter)
        if key not in self._quarters:
            if quarter not in self._held(table):
                raise MethodError(f"{self.dataset.name}: table {table} has no quarter {quarter}; run it first")
            while len(self._quarters) >= _KEPT_QUARTERS:
                self._quarters.pop(next(iter(self._quarters)))
            self._quarters[key] = self.lake.read(table, columns=[*_READ, *self.more], where={"quarter": quarter})
        return self._quarters[key]

    def _held(self, table: str) -> set[str]:
        key = f"slices of {table}"
        if key not in self._panels:
            self._panels[key] = pd.DataFrame({"quarter": self.lake.slices(table)})
        return set(self._panels[key]["quarter"])

    def population(self, quarter: str) -> Population:
        """Cells and tenure totals of the dataset's population.

        The mean of its quarters; for linked quarters the population that was there in both.

        Raises
        ------
        MethodError
            The vintage has no controls for a quarter; says why.
        """
        if quarter not in self._populations:
            self._populations = {quarter: self._population(quarter)}
        return self._populations[quarter]

    def _population(self, quarter: str) -> Population:
        periods = self.periods(quarter)
        cells = [self._cells(period) for period in periods]
        frame = cells[-1] if self.dataset.linked else cells[0]
        values = self._common(cells) if self.dataset.linked else np.mean([c["population_count"] for c in cells], axis=0)
        frame = frame.assign(population_count=values)
        if self.dataset.minimum_age:
            frame.loc[frame["age_group"] == _CHILDREN, "population_count"] = 0.0
        tenure = self._tenure(periods, frame) if "tenure_region" in self.vintage.controls else None
        flag = combine_synthetic(*(c["synthetic"] for c in cells))
        return Population(
            cell_columns(frame),
            None if tenure is None else cell_columns(tenure),
            flag,
            fingerprint([frame_hash(frame), "" if tenure is None else frame_hash(tenure)]),
        )

    def _cells(self, quarter: str) -> pd.DataFrame:
        panel = self._panel(CELL)
        found = panel[panel["quarter"] == quarter]
        if found.empty:
            raise MethodError(self._absent(quarter))
        return found.reset_index(drop=True)

    def _panel(self, table: str) -> pd.DataFrame:
        if table not in self._panels:
            found = self.lake.read(table, where={"weight_vintage": self.vintage.name})
            self._panels[table] = found.sort_values(list(found.columns[:-2]), ignore_index=True)
        return self._panels[table]

    def _absent(self, quarter: str) -> str:
        there = sorted(self._panel(CELL)["quarter"].unique())
        why = "its population estimates and projections do not reach it"
        rti, growth = self.vintage.rti, self.vintage.growth
        if rti is not None and growth is not None and quarter > growth.base_quarter:
            why = (
                f"RTI growth is missing for it, or for the same quarter of an earlier year since {growth.base_quarter}:"
                f" it needs the three months ending {rti.month_lag} month(s) before the quarter's end in both years, in"
                f" release {rti.release} or a later one, and natural change"
            )
        span = f"{there[0]} to {there[-1]}, {len(there)} quarters" if there else "none"
        return f"weight vintage {self.vintage.name} has no population controls for {quarter} (there: {span}); {why}"

    def _common(self, cells: list[pd.DataFrame]) -> np.ndarray:
        regions = sorted(cells[0]["region_gss"].unique())
        groups = cells[0]["birth_group"].nunique()
        shape = (len(regions), 2, len(codes_of("age_group")), groups)
        before, now = (c["population_count"].to_numpy().reshape(shape) for c in cells)
        group_of = catalog.mapping("region", "region_group")
        areas = sorted(set(group_of.values()))
        index = np.array([areas.index(group_of[region]) for region in regions])
        return common_population(now, before, index, len(areas)).ravel()

    def _tenure(self, periods: list[str], cells: pd.DataFrame) -> pd.DataFrame:
        panel = self._panel(TENURE)
        kept = panel[panel["quarter"].isin(periods)]
        mean = kept.groupby(["region_gss", "tenure_group"])["population_count"].mean().reset_index()
        share = mean["population_count"] / mean.groupby("region_gss")["population_count"].transform("sum")
        totals = cells.groupby("region_gss")["population_count"].sum()
        return mean.assign(population_count=share * mean["region_gss"].map(totals))

    def factors(self, quarter: str, persons: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Non-response factor of each respondent, and how the vintage adjusts.

        Exempt nations have a factor of 1. Households that are in no file of the issued sample, such as those of the
        boost, take the mean factor of their quarter and region: they stand for as many as its other respondents.
        """
        ones = np.ones(len(persons))
        if not self.vintage.non_response_adjusted:
            return ones, "not_adjusted"
        held = [period for period in self.periods(quarter) if period in self._held(FACTOR)]
        if not held:
            return ones, "no_sample_file"
        factors = self.lake.read(
            FACTOR, columns=["quarter", "household_id", "non_response_factor"], where={"quarter": held}
        )
        keys = persons[["quarter", "household_id", "region_gss"]]
        found = keys.merge(factors, on=["quarter", "household_id"], how="left")
        known = found["non_response_factor"]
        usual = known.groupby([found["quarter"], found["region_gss"]]).transform("mean")
        exempt = keys["region_gss"].isin(list(self.vintage.non_response_exempt)).to_numpy()
        return np.where(exempt, 1.0, known.fillna(usual).fillna(known.mean()).to_numpy()), "adjusted"

    def fingerprint(self, quarter: str, population: Population) -> str:
        """Hash of everything the weights calibrated for a quarter are made from."""
        factors = [FACTOR] if self.vintage.non_response_adjusted else []
        return self.fingerprint_of(quarter, factors, [self.vintage.model_dump_json(), population.fingerprint])

    def fingerprint_of(self, quarter: str, tables: Iterable[str], more: Iterable[str]) -> str:
        """Hash of the dataset's interviews, of the same quarters of some tables, and of some texts."""
        made_from = [self.dataset.model_dump_json(), WEIGHTING_VERSION, *more]
        for table in (PERSON, *([BOOST] if self.dataset.boost else []), *tables):
            prints = self.prints(table)
            made_from += [prints.get(slice_text({"quarter": period}), "") for period in self.periods(quarter)]
        return fingerprint(made_from)

    def prints(self, table: str) -> dict[str, str]:
        """Fingerprints of a table's slices, read once."""
        if table not in self._prints:
            self._prints[table] = self.lake.fingerprints(table)
        return self._prints[table]


def fingerprint(parts: Iterable[str]) -> str:
    """Short hash of some texts."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def frame_hash(frame: pd.DataFrame) -> str:
    """Short hash of a frame's rows, whether they are synthetic left aside."""
    hashed = pd.util.hash_pandas_object(frame.drop(columns="synthetic", errors="ignore"), index=False)
    return hashlib.sha256(hashed.to_numpy().tobytes()).hexdigest()[:16]
