"""The asset of the pay equation: coefficients, fit, residuals, and the factors that predict a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from lmi_pipeline.assets.pay_assets import write_beside, yearly_pay_asset
from lmi_pipeline.assets.pay_cells import FACTOR, factor_frame, jobs_of
from lmi_pipeline.assets.pay_inputs import PATTERNS, PayInputs, grid_codes, qualification_split, weighted_mean
from lmi_pipeline.assets.pay_margins import all_employee_mean
from lmi_pipeline.assets.pay_open import sheets
from lmi_pipeline.methods.cell_grid import PredictedFactors
from lmi_pipeline.methods.deflator import deflator
from lmi_pipeline.methods.pay_equation import PayEquation, fit_pay_equation
from lmi_pipeline.methods.qualification_transfer import QualificationTransfer, transfer_qualification
from lmi_pipeline.release.pay_fit_charts import chart_effects, chart_residual_normality, chart_residual_spread
from lmi_pipeline.storage.lake import Lake

EQUATION, FIT, RESIDUAL = "est_pay__equation", "est_pay__equation_fit", "est_pay__equation_residual"
BASES = ("weekly", "hourly", "hours")
VERSION = "2"
WHOLE = 0
_TOLD = (
    "row_count", "sigma", "r_squared", "region over poisson, least", "region over poisson, most",
    "industry over poisson, least", "industry over poisson, most",
)  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """One regression: what it is of, and what came out."""

    basis: str
    pattern: str
    equation: PayEquation
    transfer: QualificationTransfer

    @property
    def keys(self) -> dict[str, str]:
        """Key columns of the tables."""
        return {"pay_basis": self.basis, "working_pattern": self.pattern}


def price_factors(inputs: PayInputs, basis: str, rows: pd.DataFrame) -> dict[int, float]:
    """What the values of each pooled year are multiplied by to be those of the year that is predicted.

    Published means of all employees, or of the records where a year has no table; hours are left as they are.
    """
    years = sorted({int(year) for year in rows["year"].unique()})
    if basis == "hours":
        return dict.fromkeys(years, 1.0)
    means = {year: all_employee_mean(inputs.published_of(year), basis) for year in years}
    if any(np.isnan(mean) for mean in means.values()):
        means = {year: _mean_of(rows, year) for year in years}
    return deflator(means, years, year=inputs.year)


def _mean_of(rows: pd.DataFrame, year: int) -> float:
    part = rows[rows["year"] == year]
    return weighted_mean(part["y"], part["weight"])


def fit_all(inputs: PayInputs) -> list[Fitted]:
    """Every regression of a year."""
    grid, split = grid_codes(), qualification_split()
    shares = {pattern: jobs.sum(axis=(1, 2, 4)) for pattern, jobs in jobs_of(inputs).jobs.items()}
    found = []
    for basis in BASES:
        survey = inputs.earnings(basis)
        survey = survey[survey["qualification"].isin(list(split))]
        rows = inputs.job_values(basis) if inputs.is_secure else survey
        prices = price_factors(inputs, basis, rows)
        for pattern in PATTERNS:
            chosen = rows[rows["working_pattern"] == pattern]
            known = survey[survey["working_pattern"] == pattern]
            where = f"pay of {inputs.year}, {basis}, {pattern}"
            transfer = transfer_qualification(
                known,
                codes=grid,
                year=int(known["year"].max()),
                deflator=price_factors(inputs, basis, known),
                split=split,
                shares=shares[pattern],
                where=where,
            )
            equation = fit_pay_equation(
                chosen,
                codes=grid,
                year=inputs.year,
                deflator=prices,
                qualification=transfer.factors,
                gamma=basis == "hours",
                where=where,
            )
            found.append(Fitted(basis, pattern, equation, transfer))
    return found


def predicted(inputs: PayInputs, fitted: Sequence[Fitted], basis: str) -> dict[str, PredictedFactors]:
    """Factors of a basis by working pattern; without job records their level is that of the published tables."""
    factors = {each.pattern: each.equation.factors for each in fitted if each.basis == basis}
    if inputs.is_secure or basis == "hourly":
        return factors
    grid = grid_codes()
    for sheet in sheets(inputs, (basis,), grid.sexes, PATTERNS):
        estimates = sheet.estimate().frame.set_index("occupation")["estimate"].reindex(grid.occupations)
        level = factors[sheet.pattern].occupation_sex.copy()
        at = grid.sexes.index(sheet.sex)
        level[:, at] = estimates.fillna(pd.Series(level[:, at], index=grid.occupations)).to_numpy()
        factors[sheet.pattern] = replace(factors[sheet.pattern], occupation_sex=level)
    return factors


def _residual_rows(each: Fitted) -> pd.DataFrame:
    """Quantiles of the residuals by fitted value (bins from 1), and of all (bin 0)."""
    bins = each.equation.residual_bins.reset_index(names="bin_number")
    quantiles = [name for name in bins.columns if name.startswith("p") and name[1:].isdigit()]
    long = bins.melt(["bin_number", "fitted", "job_sample_count"], quantiles, "percent", "log_residual")
    long = long.assign(
        bin_number=long["bin_number"] + 1,
        quantile_percent=long["percent"].str[1:].astype(float),
        fitted_value=long["fitted"],
        sigma=each.equation.sigma,
    )
    whole = each.equation.residual_quantiles.assign(bin_number=WHOLE, fitted_value=np.nan, sigma=each.equation.sigma)
    columns = ["bin_number", "quantile_percent", "fitted_value", "log_residual", "sigma", "job_sample_count"]
    return pd.concat([long[columns], whole[columns]], ignore_index=True).assign(**each.keys)


def equation(inputs: PayInputs) -> pd.DataFrame:
    """Rows of the equation's table; fit, residuals and factors are written beside."""
    fitted = fit_all(inputs)
    common: dict[str, Any] = {"year": inputs.year, "synthetic": inputs.synthetic()}
    factors = [factor_frame(predicted(inputs, fitted, basis), basis) for basis in BASES]
    statistics = [
        each.equation.statistics.rename(columns={"value": "statistic_value"}).assign(**each.keys) for each in fitted
    ]
    residuals = [_residual_rows(each) for each in fitted]
    write_beside(inputs, FACTOR, pd.concat(factors).assign(pay_mode=inputs.pay_mode, **common))
    write_beside(inputs, FIT, pd.concat(statistics).dropna(subset=["statistic_value"]).assign(**common))
    write_beside(inputs, RESIDUAL, pd.concat(residuals).assign(**common))
    names = {"level": "term_level", "row_count": "job_sample_count"}
    terms = [
        pd.concat([each.equation.terms, each.transfer.terms], ignore_index=True)
        .rename(columns=names)
        .assign(**each.keys)
        for each in fitted
    ]
    return pd.concat(terms, ignore_index=True).dropna(subset=["coefficient"]).assign(**common)


def _shown(lake: Lake, years: Sequence[int]) -> dict[str, object]:
    where = {"year": max(years), "pay_basis": "weekly"}
    residuals, terms = lake.read(RESIDUAL, where=where), lake.read(EQUATION, where=where)
    whole, binned = residuals[residuals["bin_number"] == WHOLE], residuals[residuals["bin_number"] != WHOLE]
    keys = ["year", "pay_basis", "working_pattern", "bin_number", "fitted_value", "job_sample_count", "synthetic"]
    named = binned.assign(name="p" + binned["quantile_percent"].astype("int64").astype("str"))
    wide = named.pivot(index=keys, columns="name", values="log_residual").reset_index()
    charts = {
        "residuals_by_fitted_value": chart_residual_spread(wide.rename(columns={"fitted_value": "fitted"})),
        "residual_distribution": chart_residual_normality(whole),
        "regions": chart_effects(terms[terms["term"] == "region"], "region"),
        "industries": chart_effects(terms[terms["term"] == "industry.time"], "industry_75"),
    }
    fit = lake.read(FIT, where={"year": max(years)})
    told = fit[fit["statistic"].isin(_TOLD)]
    table = told.pivot(index=["pay_basis", "working_pattern"], columns="statistic", values="statistic_value")
    table = table[[name for name in _TOLD if name in table.columns]].round(4)
    head = "| basis | pattern | " + " | ".join(table.columns) + " |\n|" + "---|" * (len(table.columns) + 2) + "\n"
    rows = [
        f"| {' | '.join(key)} | " + " | ".join(f"{v:,.4g}" for v in row) + " |"
        for key, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    shown: dict[str, object] = {name: dg.MetadataValue.md(chart.markdown()) for name, chart in charts.items()}
    return {**shown, "fit": dg.MetadataValue.md(head + "\n".join(rows))}


def equation_assets() -> list[dg.AssetsDefinition]:
    """The pay equation."""
    return [yearly_pay_asset(EQUATION, equation, version=VERSION, show=_shown)]
