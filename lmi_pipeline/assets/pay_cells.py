"""Assets of predicted pay and hours by cell, reconciled to the published tables."""

from collections.abc import Mapping, Sequence

import dagster as dg
import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.pay_assets import Make, write_beside, yearly_pay_asset
from lmi_pipeline.assets.pay_inputs import HOURS, PATTERNS, PayInputs, grid_codes, qualification_split
from lmi_pipeline.assets.pay_margins import published_jobs, published_margins, region_jobs
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes, JobsCube, PredictedFactors
from lmi_pipeline.methods.job_slivers import without_slivers
from lmi_pipeline.methods.job_weights import estimate_jobs
from lmi_pipeline.methods.pay_cells import codes_of
from lmi_pipeline.methods.pay_reconciliation import Reconciled, reconcile
from lmi_pipeline.release.pay_charts import chart_reconciliation_factors
from lmi_pipeline.storage.lake import Lake

FACTOR, RECONCILIATION = "est_pay__yearly_factor", "est_pay__yearly_reconciliation"
PAY_CELL, HOURS_CELL = "est_pay__yearly_cell", "est_hours__yearly_cell"
VERSION = "3"
FACTORS_IN_RANGE = "factors_in_range"
_REPORT = {
    "margin": "margin_name",
    "cell": "margin_cell",
    "kind": "constraint_kind",
    "cv": "cv_percent",
    "factor": "reconciliation_factor",
}


def _levels(grid: GridCodes) -> dict[str, list[str]]:
    """Levels of every factor of a prediction, in the order of its array."""
    return {
        "occupation_sex": [f"{code} | {sex}" for code in grid.occupations for sex in grid.sexes],
        "qualification": [f"{code} | {level}" for code in grid.occupations for level in grid.qualifications],
        "region": list(grid.regions),
        "industry": list(grid.industries),
    }


def factor_frame(factors: Mapping[str, PredictedFactors], basis: str) -> pd.DataFrame:
    """Factors of a basis by working pattern as rows: term, term_level, factor_value."""
    rows = [
        pd.DataFrame({"term": term, "term_level": levels, "factor_value": np.ravel(getattr(each, term))}).assign(
            working_pattern=pattern
        )
        for pattern, each in factors.items()
        for term, levels in _levels(grid_codes()).items()
    ]
    return pd.concat(rows, ignore_index=True).assign(pay_basis=basis)


def read_factors(inputs: PayInputs, basis: str) -> dict[str, PredictedFactors]:
    """Factors of a year and basis, as the equation left them.

    Raises
    ------
    MethodError
        The year has none.
    """
    where = {"year": inputs.year, "pay_basis": basis}
    held = inputs.lake.read(FACTOR, where=where) if inputs.lake.exists(FACTOR) else pd.DataFrame()
    if held.empty:
        raise MethodError(f"pay of {inputs.year}: no factors of {basis}; run est_pay__equation for the year first")
    grid = grid_codes()
    found = {}
    for pattern in PATTERNS:
        rows = held[held["working_pattern"] == pattern].set_index(["term", "term_level"])["factor_value"]
        values = {term: rows[term].reindex(levels).to_numpy() for term, levels in _levels(grid).items()}
        found[pattern] = PredictedFactors(
            occupation_sex=values["occupation_sex"].reshape(len(grid.occupations), -1),
            region=values["region"],
            industry=values["industry"],
            qualification=values["qualification"].reshape(len(grid.occupations), -1),
        )
    return found


def jobs_of(inputs: PayInputs) -> JobsCube:
    """Jobs of employees by cell: the survey's distribution at the level of the published jobs.

    An employment cube can take its place: any other jobs in the same grid.
    """
    secure = inputs.is_secure
    columns = ["occupation", "region_gss", "sex", "qualification", "industry_75", "working_pattern", "weight"]
    persons = inputs.employees[columns]
    split = qualification_split()
    known = persons["qualification"].isin(list(split))
    pairs = None
    if secure:
        pairs = inputs.jobs[["occupation", "industry_75"]].dropna().drop_duplicates()
        pairs = pairs.rename(columns={"industry_75": "industry"})
    cube = estimate_jobs(
        persons.assign(qualification=persons["qualification"].where(known)),
        grid_codes(),
        qualification_split=split,
        patterns=PATTERNS,
        published_jobs=published_jobs(inputs.published),
        region_jobs=region_jobs(inputs.published),
        pairs=pairs,
    )
    return without_slivers(cube, catalog.thresholds()["job_cells"]["smallest"])


def reconciled(inputs: PayInputs, jobs: JobsCube, basis: str) -> Reconciled:
    """Bills of a basis brought to the published means; the report is written beside."""
    limits = catalog.thresholds()["reconciliation"]
    found = reconcile(
        jobs,
        read_factors(inputs, basis),
        published_margins(inputs.published, basis),
        hard_cv=limits["met_exactly_up_to_cv"],
        scale=limits["half_way_at_cv"] / 100,
        limits=(limits["unpublished_minimum"], limits["unpublished_maximum"]),
    )
    report = found.report.rename(columns=_REPORT)
    report = report.assign(year=inputs.year, pay_basis=basis, synthetic=inputs.synthetic())
    write_beside(inputs, RECONCILIATION, report, {"pay_basis": basis})
    return found


def _cells(inputs: PayInputs, basis: str, column: str) -> pd.DataFrame:
    jobs = jobs_of(inputs)
    bills = reconciled(inputs, jobs, basis).bills
    frames = []
    for pattern, held in jobs.jobs.items():
        flat = np.flatnonzero(held > 0)
        frame = codes_of(jobs.grid, flat).rename(
            columns={"occupation": "soc2010_code", "region_gss": "work_region_gss"}
        )
        sums = {"job_count": held.ravel()[flat], column: bills[pattern].ravel()[flat]}
        frames.append(frame.assign(working_pattern=pattern, **sums))
    return pd.concat(frames, ignore_index=True).assign(year=inputs.year, synthetic=inputs.synthetic())


def pay_cells(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the table of predicted pay."""
    return _cells(inputs, "weekly", "pay_bill_gbp")


def hours_cells(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the table of predicted hours.

    Raises
    ------
    MethodError
        A cell's mean is not between the hours that the surveys tell.
    """
    cells = _cells(inputs, "hours", "hours_bill")
    outside = int((~(cells["hours_bill"] / cells["job_count"]).between(*HOURS)).sum())
    if outside:
        raise MethodError(
            f"hours of {inputs.year}: {outside} of {len(cells)} cells have a mean outside {HOURS[0]:.0f} to"
            f" {HOURS[1]:.0f} a week; look at the factors in {FACTOR} and {RECONCILIATION}"
        )
    return cells


def _report(lake: Lake, years: Sequence[int], basis: str) -> pd.DataFrame:
    return lake.read(RECONCILIATION, where={"year": list(years), "pay_basis": basis})


def _shown(lake: Lake, years: Sequence[int], basis: str) -> dict[str, dg.MetadataValue]:
    last = _report(lake, [max(years)], basis)
    summary = last.assign(change=(last["reconciliation_factor"] - 1).abs()).groupby("margin_name", sort=False)["change"]
    lines = [f"| {name} | {len(values)} | {values.mean():.4f} | {values.max():.4f} |" for name, values in summary]
    table = "| margin | cells | mean distance of the factor from 1 | largest |\n|---|---|---|---|\n" + "\n".join(lines)
    chart = chart_reconciliation_factors(last)
    return {"chart": dg.MetadataValue.md(chart.markdown()), "reconciliation": dg.MetadataValue.md(table)}


def _in_range(lake: Lake, years: Sequence[int], basis: str, asset: str) -> dg.AssetCheckResult:
    limits = catalog.thresholds()["reconciliation"]
    report = _report(lake, years, basis) if years else pd.DataFrame({"reconciliation_factor": []})
    factors = report["reconciliation_factor"].dropna()
    outside = int((~factors.between(limits["factor_minimum"], limits["factor_maximum"])).sum())
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=FACTORS_IN_RANGE,
        passed=outside == 0,
        metadata={
            "factors": len(factors),
            "outside": outside,
            "smallest": float(factors.min()) if len(factors) else 1.0,
            "largest": float(factors.max()) if len(factors) else 1.0,
        },
    )


def _asset(table: str, basis: str, make: Make) -> dg.AssetsDefinition:
    limits = catalog.thresholds()["reconciliation"]
    spec = dg.AssetCheckSpec(
        FACTORS_IN_RANGE,
        asset=table,
        blocking=True,
        description=(
            "no factor between prediction and published figure is outside"
            f" {limits['factor_minimum']} to {limits['factor_maximum']}"
        ),
    )
    return yearly_pay_asset(
        table,
        make,
        version=VERSION,
        after=("est_pay__equation",),
        show=lambda lake, years: _shown(lake, years, basis),
        check=(spec, lambda lake, years: _in_range(lake, years, basis, table)),
    )


def cell_assets() -> list[dg.AssetsDefinition]:
    """Predicted pay and predicted hours."""
    return [_asset(PAY_CELL, "weekly", pay_cells), _asset(HOURS_CELL, "hours", hours_cells)]
