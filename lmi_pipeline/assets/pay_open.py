"""Assets of pay by unit group from the published tables alone, with intervals and how often they hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from lmi_pipeline.assets.pay_assets import yearly_pay_asset
from lmi_pipeline.assets.pay_inputs import MEASURES, PATTERNS, PayInputs
from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.methods.open_pay import SIZE_EDGES, OpenPay, estimate_open_pay, leave_out_coverage
from lmi_pipeline.release.pay_charts import chart_interval_coverage, chart_published_and_predicted
from lmi_pipeline.storage.lake import Lake

UNIT_GROUP, INTERVAL = "est_pay__yearly_unit_group", "est_pay__yearly_interval"
VERSION = "3"
FEWEST_MEANS = 60
LEFT_OUT, REPEATS = 0.2, 5
_BANDS = "all"
_SEXES = ("all", "male", "female")
_BY_SEX = ("weekly", "hours")


@dataclass(frozen=True)
class Sheet:
    """One population of one published table: its cells, and the columns that may help to predict a mean.

    Attributes
    ----------
    soc_edition, basis, sex, pattern : str
    cells : DataFrame
        As :func:`lmi_pipeline.methods.open_pay.estimate_open_pay` takes them.
    covariates, same_sample : tuple of str
    """

    soc_edition: str
    basis: str
    sex: str
    pattern: str
    cells: pd.DataFrame
    covariates: tuple[str, ...]
    same_sample: tuple[str, ...]

    @property
    def keys(self) -> dict[str, str]:
        """Key columns of the tables."""
        return {
            "soc_edition": self.soc_edition,
            "pay_basis": self.basis,
            "sex": self.sex,
            "working_pattern": self.pattern,
        }

    def estimate(self) -> OpenPay:
        """Estimates of every unit group."""
        return estimate_open_pay(self.cells, covariates=self.covariates, same_sample=self.same_sample)


def _wide(published: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Mean, median, their CVs, jobs and quality band of unit groups in one population of one table."""
    rows = published[published["measure"] == measure]
    values = rows.pivot(index="occupation_code", columns="statistic", values="value")
    cvs = rows.pivot(index="occupation_code", columns="statistic", values="cv_percent")
    bands = rows[rows["statistic"] == "mean"].set_index("occupation_code")["quality_band"]
    found = values[["mean", "median", "job_count"]].join(bands)
    return found.assign(cv_percent=cvs["mean"], median_cv_percent=cvs["median"], job_count_cv_percent=cvs["job_count"])


def sheets(inputs: PayInputs, bases: Sequence[str], sexes: Sequence[str], patterns: Sequence[str]) -> Iterator[Sheet]:
    """Populations of the year's tables by occupation that have enough published means."""
    published = inputs.published
    unit_groups = published[
        published["ashe_table"].str.startswith("14.")
        & (published["occupation_code"].str.len() == 4)
        & (published["area_code"] == UNITED_KINGDOM)
        & published["sex"].isin(sexes)
        & published["working_pattern"].isin(patterns)
    ]
    for key, rows in unit_groups.groupby(["soc_edition", "sex", "working_pattern"], sort=True):
        edition, sex, pattern = map(str, key)
        tables = {
            basis: _wide(rows, MEASURES[basis]) for basis in MEASURES if (rows["measure"] == MEASURES[basis]).any()
        }
        for basis in bases:
            if basis in tables and tables[basis]["mean"].notna().sum() >= FEWEST_MEANS:
                yield _sheet(tables, edition, basis, sex, pattern)


def _sheet(tables: dict[str, pd.DataFrame], edition: str, basis: str, sex: str, pattern: str) -> Sheet:
    cells = tables[basis]
    # Part-time hours vary as much as pay: their sampling error is that of weekly pay over again.
    hours = ("hours",) if basis != "hours" and "hours" in tables and pattern == "full_time" else ()
    others = tuple(other for other in tables if other not in (basis, *hours))
    for other in (*hours, *others):
        help_ = tables[other][["mean", "cv_percent"]].set_axis([other, f"{other}_cv_percent"], axis=1)
        cells = cells.join(help_, how="left")
    cells = cells.rename_axis("occupation").reset_index()
    return Sheet(edition, basis, sex, pattern, cells, hours, ("median", *others))


def _unit_group_sheets(inputs: PayInputs) -> Iterator[Sheet]:
    every = ("all", *PATTERNS)
    whole = tuple(basis for basis in MEASURES if basis not in _BY_SEX)
    yield from sheets(inputs, _BY_SEX, _SEXES, every)
    yield from sheets(inputs, whole, ("all",), every)


def _interval_sheets(inputs: PayInputs) -> Iterator[Sheet]:
    return sheets(inputs, ("weekly", "hourly", "annual"), ("all",), ("all",))


def unit_groups(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the table of unit groups: weekly pay and hours of every population, other pay of both sexes together."""
    frames = []
    for sheet in _unit_group_sheets(inputs):
        found = sheet.estimate().frame.rename(
            columns={
                "occupation": "occupation_code",
                "estimate": "pay_estimate",
                "lower": "interval_low",
                "upper": "interval_high",
            }
        )
        frames.append(found.assign(**sheet.keys))
    flag = inputs.synthetic(survey=False)
    return pd.concat(frames, ignore_index=True).assign(year=inputs.year, synthetic=flag)


def intervals(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the table of interval coverage: published means hidden at random, and how many lay inside."""
    frames = []
    for sheet in _interval_sheets(inputs):
        found = leave_out_coverage(
            sheet.cells,
            share=LEFT_OUT,
            seeds=range(REPEATS),
            covariates=sheet.covariates,
            same_sample=sheet.same_sample,
        )
        frames.append(_by_band(found).assign(**sheet.keys))
    flag = inputs.synthetic(survey=False)
    return pd.concat(frames, ignore_index=True).assign(year=inputs.year, synthetic=flag)


def _by_band(found: pd.DataFrame) -> pd.DataFrame:
    """Repetitions of the same hiding taken together, by band of size."""
    weighted = found.assign(width=np.log1p(found["median_width"]) / 2 * found["held_out_count"])
    sums = weighted.groupby("band")[["held_out_count", "inside_count", "width"]].sum()
    return pd.DataFrame(
        {
            "size_band": [_band_name(int(band)) for band in sums.index],
            "held_out_count": sums["held_out_count"].to_numpy(dtype=np.int64),
            "log_half_width": (sums["width"] / sums["held_out_count"]).to_numpy(),
            "coverage_share": (sums["inside_count"] / sums["held_out_count"]).to_numpy(),
        }
    )


def _band_name(band: int) -> str:
    if band < 0:
        return _BANDS
    edges = [f"{edge:,.0f}" for edge in SIZE_EDGES]
    if band == 0:
        return f"below {edges[0]} jobs"
    return f"{edges[band - 1]} to {edges[band]} jobs" if band < len(edges) else f"{edges[-1]} jobs and more"


def _last(lake: Lake, table: str, years: Sequence[int]) -> pd.DataFrame:
    """Weekly pay of all employees in the newest year of a run, in one edition of SOC."""
    where = {"year": max(years), "pay_basis": "weekly", "sex": "all", "working_pattern": "all"}
    frame = lake.read(table, where=where)
    return frame[frame["soc_edition"] == frame["soc_edition"].min()]


def _shown(lake: Lake, years: Sequence[int]) -> dict[str, Any]:
    rows = _last(lake, UNIT_GROUP, years)
    if rows.empty:
        return {}
    return {
        "chart": dg.MetadataValue.md(chart_published_and_predicted(rows).markdown()),
        "unit_groups": len(rows),
        "without_published_mean": int((~rows["is_published"]).sum()),
    }


def _coverage_shown(lake: Lake, years: Sequence[int]) -> dict[str, dg.MetadataValue]:
    rows = _last(lake, INTERVAL, years)
    rows = rows[rows["size_band"] != _BANDS]
    return {} if rows.empty else {"chart": dg.MetadataValue.md(chart_interval_coverage(rows).markdown())}


def open_pay_assets() -> list[dg.AssetsDefinition]:
    """Pay of unit groups, and the coverage of its intervals."""
    return [
        yearly_pay_asset(
            UNIT_GROUP, unit_groups, version=VERSION, survey=False, when=_any(_unit_group_sheets), show=_shown
        ),
        yearly_pay_asset(
            INTERVAL, intervals, version=VERSION, survey=False, when=_any(_interval_sheets), show=_coverage_shown
        ),
    ]


def _any(found: Callable[[PayInputs], Iterator[Sheet]]) -> Callable[[PayInputs], bool]:
    """Whether a year's tables have a population with enough published means."""
    return lambda inputs: next(found(inputs), None) is not None
