"""Assets of what goes beyond a cell's mean: age ratios, quantiles, and the change on the year before."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import numpy as np
import pandas as pd

from lmi_pipeline.assets.pay_assets import yearly_pay_asset
from lmi_pipeline.assets.pay_cells import PAY_CELL
from lmi_pipeline.assets.pay_equation import price_factors
from lmi_pipeline.assets.pay_inputs import PATTERNS, SOC, PayInputs, grid_codes, qualification_split
from lmi_pipeline.catalog import UNITED_KINGDOM, codes
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.age_ratios import estimate_age_ratios
from lmi_pipeline.methods.pay_change import estimate_change
from lmi_pipeline.methods.pay_means import paired_means
from lmi_pipeline.methods.pay_quantiles import anchored_quantiles, residual_quantiles
from lmi_pipeline.release.pay_charts import chart_decile_fan, chart_pay_change
from lmi_pipeline.release.pay_fit_charts import chart_age_profile
from lmi_pipeline.storage.lake import Lake

AGE_RATIO, QUANTILE, CHANGE = "est_pay__age_ratio", "est_pay__yearly_quantile", "est_pay__yearly_change"
VERSION = "1"
PERCENT = (10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90)
CHANGE_COLUMNS = {"occupation": "soc2010_code", "area": "area_code"}


def age_ratios(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the table of age ratios, from the survey: job records have no qualification."""
    rows = inputs.earnings("weekly")
    rows = rows[rows["qualification"].isin(list(qualification_split()))]
    prices = price_factors(inputs, "weekly", rows)
    found = estimate_age_ratios(rows.assign(y=rows["y"] * rows["year"].map(prices)))
    return found.frame.assign(year=inputs.year, synthetic=inputs.synthetic())


def relative_pay(rows: pd.DataFrame) -> np.ndarray:
    """Log of pay over the weighted mean of its occupation, working pattern and year: its exponentials average to 1."""
    keys = [rows["occupation"], rows["working_pattern"], rows["year"]]
    bill = (rows["y"] * rows["weight"]).groupby(keys).transform("sum")
    mean = bill / rows["weight"].groupby(keys).transform("sum")
    return np.log(rows["y"] / mean).to_numpy()


def quantiles(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the table of quantiles: those of pay relative to its occupation, anchored to the reconciled mean."""
    grid = grid_codes()
    sub_major, minor = grid.occupation_groups("sub_major")
    parents = [minor, np.array([int(code[0]) - 1 for code in sub_major])]
    rows = inputs.job_values("weekly") if inputs.is_secure else inputs.earnings("weekly")
    rows = rows[rows["occupation"].isin(grid.occupations)]
    means = _cell_means(inputs)
    frames = []
    for pattern in PATTERNS:
        chosen = rows[rows["working_pattern"] == pattern]
        place = pd.Index(grid.occupations).get_indexer(pd.Index(chosen["occupation"]))
        found = residual_quantiles(
            relative_pay(chosen), chosen["weight"].to_numpy(dtype=float), place, [p / 100 for p in PERCENT], parents
        )
        cells = means[means["working_pattern"] == pattern].reset_index(drop=True)
        at = pd.Index(grid.occupations).get_indexer(pd.Index(cells["soc2010_code"]))
        values = anchored_quantiles(cells["mean"].to_numpy(), np.exp(found.quantiles[at]))
        wide = pd.DataFrame(values, columns=PERCENT).assign(**cells.drop(columns="mean"))
        frames.append(wide.melt(list(cells.columns.drop("mean")), list(PERCENT), "quantile_percent", "weekly_pay_gbp"))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(
        quantile_percent=frame["quantile_percent"].astype(float), year=inputs.year, synthetic=inputs.synthetic()
    )


def _cell_means(inputs: PayInputs) -> pd.DataFrame:
    """Jobs and mean weekly pay by occupation, working pattern and area, the United Kingdom among them."""
    held = inputs.lake.read(
        PAY_CELL,
        columns=["working_pattern", "soc2010_code", "work_region_gss", "job_count", "pay_bill_gbp"],
        where={"year": inputs.year},
    )
    if held.empty:
        raise MethodError(f"pay of {inputs.year}: {PAY_CELL} has no cells of the year; run it first")
    held = held.rename(columns={"work_region_gss": "area_code"})
    keys = ["working_pattern", "soc2010_code", "area_code"]
    regions = held.groupby(keys, as_index=False)[["job_count", "pay_bill_gbp"]].sum()
    nation = regions.groupby(keys[:2], as_index=False)[["job_count", "pay_bill_gbp"]].sum()
    both = pd.concat([regions, nation.assign(area_code=UNITED_KINGDOM)], ignore_index=True)
    return both.assign(mean=both["pay_bill_gbp"] / both["job_count"]).drop(columns="pay_bill_gbp")


def changes(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the table of changes, for the nation and for regions.

    Raises
    ------
    MethodError
        The year before has neither job records nor tables.
    """
    found = []
    for areas in ((UNITED_KINGDOM,), codes("region")):
        means, correlation = _from_records(inputs, areas) if inputs.is_secure else (_from_tables(inputs, areas), 0.0)
        if means.empty:
            continue
        change = estimate_change(
            means["mean_before"],
            means["cv_before"],
            means["mean_after"],
            means["cv_after"],
            means["occupation"].tolist(),
            means["area"].tolist(),
            correlation=correlation,
        )
        found.append(change.frame.rename(columns=CHANGE_COLUMNS))
    frame = pd.concat(found, ignore_index=True)
    return frame.assign(year=inputs.year, pay_mode=inputs.pay_mode, synthetic=inputs.synthetic(survey=False))


def _from_records(inputs: PayInputs, areas: Sequence[str]) -> tuple[pd.DataFrame, float]:
    rows = inputs.job_values("weekly")
    rows = rows.assign(area=UNITED_KINGDOM if len(areas) == 1 else rows["region_gss"])
    found = paired_means(rows[rows["area"].isin(areas)], before=inputs.year - 1, after=inputs.year)
    return found.frame, found.correlation


def _from_tables(inputs: PayInputs, areas: Sequence[str]) -> pd.DataFrame:
    table = "14." if len(areas) == 1 else "15."
    frames = []
    for year in (inputs.year - 1, inputs.year):
        rows = inputs.published_of(year)
        chosen = (
            rows["ashe_table"].str.startswith(table)
            & (rows["measure"] == "weekly_gross")
            & (rows["statistic"] == "mean")
            & (rows["soc_edition"] == SOC)
            & (rows["occupation_code"].str.len() == 4)
            & rows["area_code"].isin(list(areas))
            & (rows["sex"] == "all")
            & (rows["working_pattern"] == "all")
        )
        names = {"occupation_code": "occupation", "area_code": "area", "value": "mean", "cv_percent": "cv"}
        frames.append(rows[chosen].rename(columns=names)[["occupation", "area", "mean", "cv"]])
    return frames[0].merge(frames[1], on=["occupation", "area"], suffixes=("_before", "_after"))


def has_year_before(inputs: PayInputs) -> bool:
    """Whether there is something to compare a year with, in the same mode."""
    if inputs.uses_records:
        return inputs.year - 1 in inputs.years
    return not _from_tables(inputs, (UNITED_KINGDOM,)).empty


def _last(lake: Lake, table: str, years: Sequence[int]) -> pd.DataFrame:
    held = [int(year) for year in lake.slices(table)]
    there = [year for year in years if year in held]
    return lake.read(table, where={"year": max(there)}) if there else pd.DataFrame()


def _age_shown(lake: Lake, years: Sequence[int]) -> dict[str, object]:
    return {"chart": dg.MetadataValue.md(chart_age_profile(_last(lake, AGE_RATIO, years)).markdown())}


def _fan_shown(lake: Lake, years: Sequence[int]) -> dict[str, object]:
    return {"chart": dg.MetadataValue.md(chart_decile_fan(_last(lake, QUANTILE, years)).markdown())}


def _change_shown(lake: Lake, years: Sequence[int]) -> dict[str, object]:
    rows = _last(lake, CHANGE, years)
    if rows.empty:
        return {}
    told = {"withheld": int((rows["status"] == "withheld").sum()), "cells": len(rows)}
    return {"chart": dg.MetadataValue.md(chart_pay_change(rows).markdown()), **told}


def detail_assets() -> list[dg.AssetsDefinition]:
    """Age ratios, quantiles and changes."""
    return [
        yearly_pay_asset(AGE_RATIO, age_ratios, version=VERSION, show=_age_shown),
        yearly_pay_asset(QUANTILE, quantiles, version=VERSION, after=(PAY_CELL,), show=_fan_shown),
        yearly_pay_asset(CHANGE, changes, version=VERSION, survey=False, when=has_year_before, show=_change_shown),
    ]
