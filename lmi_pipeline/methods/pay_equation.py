"""The pay equation: log pay or hours on age, sex, region, industry and time, occupation and time, sex by occupation.

ln y = b1 a + b2 a^2 + occupation.sex + occupation.time + region + industry.time + e, weighted, full-time and part-time
jobs apart. What is predicted is the mean in one year, as a product of factors: shrunken levels (`pay_levels`), the
occupation's own age structure, and a smearing factor of the occupation (`smearing`). Qualification is no regressor of
records that do not have it; its factors come from another survey (`qualification_transfer`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes, PredictedFactors
from lmi_pipeline.methods.factor_design import Design, Factor
from lmi_pipeline.methods.factor_glm import GlmFit, fit_gamma, fit_poisson
from lmi_pipeline.methods.factor_wls import FactorFit, fit_wls
from lmi_pipeline.methods.pay_jobs import CodedJobs, code_jobs
from lmi_pipeline.methods.pay_levels import PayLevels, shrink_levels
from lmi_pipeline.methods.pay_residuals import residual_bins, residual_quantiles
from lmi_pipeline.methods.shrinkage import credibility_means
from lmi_pipeline.methods.smearing import Smearing, smearing_factors
from lmi_pipeline.methods.tables import FloatArray

_SEPARATOR = " | "


@dataclass(frozen=True, slots=True, eq=False)
class PayEquation:
    """A fitted pay equation and the prediction it makes.

    Attributes
    ----------
    terms : DataFrame
        `term`, `level` (codes joined by `` | ``), `coefficient`, `standard_error` (HC1; 0 of a level that follows from
        others, null without rows), `clustered_error` (null without clusters), `shrunken_coefficient`, `row_count`.
    factors : PredictedFactors
        Of the mean in the year that is predicted.
    smearing : ndarray
        (O,) from the mean of logs to the mean.
    age : tuple of float
        Coefficients of age and age squared.
    sigma, r_squared : float
        Weighted root mean square of the residuals, corrected for degrees of freedom; explained share.
    row_count : int
    levels : PayLevels
        Shrunken effects and their variances.
    statistics : DataFrame
        `statistic`, `value`: fit, shrinkage, smearing, and totals against those of the records and of a Poisson
        regression.
    residual_bins, residual_quantiles : DataFrame
        Spread of the residuals by fitted value, and their quantiles; at least ten rows each.
    residuals : ndarray
        (n,) of every record, for quantiles; never stored.
    """

    terms: pd.DataFrame
    factors: PredictedFactors
    smearing: FloatArray
    age: tuple[float, float]
    sigma: float
    r_squared: float
    row_count: int
    levels: PayLevels
    statistics: pd.DataFrame
    residual_bins: pd.DataFrame
    residual_quantiles: pd.DataFrame
    residuals: FloatArray


def fit_pay_equation(
    jobs: pd.DataFrame,
    *,
    codes: GridCodes,
    year: int,
    deflator: Mapping[int, float],
    qualification: FloatArray | None = None,
    gamma: bool = False,
    winsorise: float = 0.999,
    poisson: bool = True,
    where: str = "pay equation",
) -> PayEquation:
    """Fit the pay equation to jobs of one working pattern.

    Parameters
    ----------
    jobs : DataFrame
        One row a job: `year`, `age_years`, `sex`, `region_gss`, `occupation`, `industry_75`, `y` (pay or hours, above
        0), `weight` and, for clustered errors, `cluster`.
    codes : GridCodes
    year : int
        The year that is predicted; others are pooled with it.
    deflator : mapping of int to float
        Year -> what `y` is multiplied by; 1 for hours.
    qualification : ndarray, optional
        (O, Q) factors that average to one over the jobs of an occupation; 1 if absent.
    gamma : bool
        Fit the mean itself by a Gamma regression with log link (hours), not the mean of logs: there is no smearing
        then, and the residuals are relative ones.
    winsorise : float
        Quantile at which residuals are cut for smearing.
    poisson : bool
        Fit the Poisson regression of the check.
    where : str
        What is fitted, for errors.

    Returns
    -------
    PayEquation
        Every factor is positive and finite, of occupations without rows too.

    Raises
    ------
    MethodError
        Records that cannot be used (`code_jobs`), or too few of them.
    """
    coded = code_jobs(jobs, codes, year=year, deflator=deflator, where=where)
    design = coded.design()
    logs = _working_response(design, coded, where) if gamma else np.log(coded.value)
    fit = fit_wls(design, logs, coded.weight, covariance="hc1")
    clustered = _clustered(jobs, design, logs, coded.weight)
    levels = shrink_levels(coded, fit)
    smearing = (
        _no_smearing(coded)
        if gamma
        else smearing_factors(
            fit.residuals, coded.weight, coded.occupation, coded.groups("major"), lost=levels.lost, winsorise=winsorise
        )
    )
    factors = _factors(coded, fit, levels, smearing, qualification)
    if gamma:
        factors = _closed(coded, factors)
    factors.require_grid(codes, where)
    statistics = _statistics(coded, fit, levels, smearing) | _totals(coded, factors, {"records": coded.value})
    if poisson:
        check = fit_poisson(design, coded.value, coded.weight, covariance="none")
        statistics |= _totals(coded, factors, {"poisson": check.fitted})
        statistics |= _against_poisson(coded, factors, check, design)
    return PayEquation(
        terms=_terms(coded, design, fit, clustered, levels),
        factors=factors,
        smearing=smearing.factors,
        age=(float(fit.coefficients[0]), float(fit.coefficients[1])),
        sigma=_spread(coded, fit),
        r_squared=float(fit.r_squared),
        row_count=len(logs),
        levels=levels,
        statistics=pd.DataFrame({"statistic": list(statistics), "value": list(statistics.values())}),
        residual_bins=residual_bins(fit.fitted, fit.residuals),
        residual_quantiles=residual_quantiles(fit.residuals),
        residuals=fit.residuals,
    )


def _working_response(design: Design, coded: CodedJobs, where: str) -> FloatArray:
    """Response whose weighted least squares are the Gamma regression with log link: ln mu + (y - mu) / mu.

    The last step of iteratively reweighted least squares (McCullagh and Nelder 1989, section 2.5); the working weights
    of this link are constant.
    """
    fit = fit_gamma(design, coded.value, coded.weight, covariance="none")
    if not fit.converged:
        raise MethodError(f"{where}: the Gamma regression did not converge in {fit.iterations} iterations")
    return np.log(fit.fitted) + (coded.value - fit.fitted) / fit.fitted


def _closed(coded: CodedJobs, factors: PredictedFactors) -> PredictedFactors:
    """Factors whose total in the year is that of the records: shrinkage of logs lowers their mean a little."""
    ratio = _ratio(predict_rows(factors, coded), coded.value, coded.weight, coded.time == 0)
    return replace(factors, occupation_sex=factors.occupation_sex / ratio)


def _no_smearing(coded: CodedJobs) -> Smearing:
    return Smearing(np.ones(len(coded.grid.occupations)), 1.0, (np.inf, np.inf), 0)


def predict_rows(factors: PredictedFactors, coded: CodedJobs) -> FloatArray:
    """Predicted mean of each record's cell, (n,), without regard to qualification."""
    level: FloatArray = factors.occupation_sex[coded.occupation, coded.sex]
    return level * factors.region[coded.region] * factors.industry[coded.industry]


def _clustered(jobs: pd.DataFrame, design: Design, logs: FloatArray, weight: FloatArray) -> FloatArray | None:
    if "cluster" not in jobs.columns:
        return None
    codes, names = pd.factorize(jobs["cluster"])
    missing = int((codes < 0).sum())
    if missing:
        raise MethodError(f"pay equation: {missing} of {len(jobs)} rows have no cluster; drop the column or fill it")
    if len(names) < 2:
        raise MethodError(f"pay equation: all {len(jobs)} rows are of one cluster; drop the column")
    return fit_wls(design, logs, weight, covariance="cluster", clusters=codes).standard_errors


def _factors(
    coded: CodedJobs, fit: FactorFit, levels: PayLevels, smearing: Smearing, qualification: FloatArray | None
) -> PredictedFactors:
    now = coded.time == 0
    seen = np.bincount(coded.region, minlength=len(coded.grid.regions)) > 0
    effects = fit.effects("region")
    effects = np.where(seen, effects, effects[seen].mean())
    region, region_mean = _centred(effects, coded.region[now], coded.weight[now])
    industry, industry_mean = _centred(levels.industry[:, 0], coded.industry[now], coded.weight[now])
    mean = np.exp(levels.level) * _age_means(coded, fit) * smearing.factors[:, None] * region_mean * industry_mean
    return PredictedFactors(
        occupation_sex=mean,
        region=region,
        industry=industry,
        qualification=np.ones((len(mean), len(coded.grid.qualifications))) if qualification is None else qualification,
    )


def _centred(effects: FloatArray, codes: NDArray[np.int64], weight: FloatArray) -> tuple[FloatArray, float]:
    """Factors whose mean over the jobs is 1, and what they were divided by."""
    mean = float(np.average(np.exp(effects)[codes], weights=weight))
    return np.exp(effects) / mean, mean


def _age_means(coded: CodedJobs, fit: FactorFit) -> FloatArray:
    """Mean of exp(b1 a + b2 a^2) over the jobs of an occupation and sex, (O, 2), shrunk to the groups above."""
    profile = np.exp(fit.coefficients[0] * coded.age + fit.coefficients[1] * coded.age**2)
    sexes = len(coded.grid.sexes)
    above = [np.arange(len(coded.grid.occupations)), coded.groups("sub_major"), coded.groups("major")]
    hierarchy = [np.repeat(level, sexes) for level in above]
    return credibility_means(profile, coded.weight, coded.occupation_sex, hierarchy).means.reshape(-1, sexes)


def _spread(coded: CodedJobs, fit: FactorFit) -> float:
    mean_square = float(np.average(fit.residuals**2, weights=coded.weight))
    return float(np.sqrt(mean_square * fit.row_count / fit.degrees_of_freedom))


def _statistics(coded: CodedJobs, fit: FactorFit, levels: PayLevels, smearing: Smearing) -> dict[str, float]:
    rows = np.bincount(coded.occupation, minlength=len(coded.grid.occupations))
    return {
        "row_count": float(fit.row_count),
        "degrees_of_freedom": float(fit.degrees_of_freedom),
        "occupations_without_rows": float((rows == 0).sum()),
        "occupations_of_one_row": float((rows == 1).sum()),
        "sigma": _spread(coded, fit),
        "r_squared": float(fit.r_squared),
        "age": float(fit.coefficients[0]),
        "age_squared": float(fit.coefficients[1]),
        "smearing_overall": smearing.overall,
        "smearing_least": float(smearing.factors.min()),
        "smearing_most": float(smearing.factors.max()),
        "smearing_weight_of_100_rows": 100 / (100 + smearing.constants[0]),
        "residuals_winsorised": float(smearing.winsorised),
        **{f"variance of {name}": value for name, value in levels.variances.items()},
    }


def _totals(coded: CodedJobs, factors: PredictedFactors, others: Mapping[str, FloatArray]) -> dict[str, float]:
    """Predicted totals of the year over those of the records and of the Poisson regression, by major group."""
    now = coded.time == 0
    predicted = predict_rows(factors, coded)
    names, major = coded.grid.occupation_groups("major")
    found = {}
    for name, other in others.items():
        found[f"total over {name}"] = _ratio(predicted, other, coded.weight, now)
        for at, code in enumerate(names):
            rows = now & (major[coded.occupation] == at)
            if rows.any():
                found[f"total over {name}, major group {code}"] = _ratio(predicted, other, coded.weight, rows)
    return found


def _against_poisson(coded: CodedJobs, factors: PredictedFactors, fit: GlmFit, design: Design) -> dict[str, float]:
    """Extreme ratios of the factors of region and industry to those of the Poisson regression."""
    now = coded.time == 0
    region = fit.coefficients[design.columns("region")]
    industry = fit.coefficients[design.columns("industry.time")].reshape(-1, len(coded.years))[:, 0]
    found: dict[str, float] = {}
    for name, ours, other, codes in (
        ("region", factors.region, region, coded.region[now]),
        ("industry", factors.industry, industry, coded.industry[now]),
    ):
        seen = np.bincount(codes, minlength=len(ours)) > 0
        ratio = (ours / _centred(other, codes, coded.weight[now])[0])[seen]
        found |= {f"{name} over poisson, least": float(ratio.min()), f"{name} over poisson, most": float(ratio.max())}
    return found


def _ratio(predicted: FloatArray, other: FloatArray, weight: FloatArray, rows: NDArray[np.bool_]) -> float:
    return float((weight * predicted)[rows].sum() / (weight * other)[rows].sum())


def _terms(
    coded: CodedJobs, design: Design, fit: FactorFit, clustered: FloatArray | None, levels: PayLevels
) -> pd.DataFrame:
    shrunken = fit.coefficients.copy()
    for name, values in (
        ("occupation.sex", levels.level),
        ("occupation.time", levels.change),
        ("industry.time", levels.industry),
    ):
        shrunken[design.columns(name)] = values.ravel()
    grid, years = coded.grid, [str(year) for year in coded.years]
    labels = {
        "age": ["age"],
        "age_squared": ["age_squared"],
        "occupation.sex": _crossed(grid.occupations, grid.sexes),
        "occupation.time": _crossed(grid.occupations, years),
        "region": list(grid.regions),
        "industry.time": _crossed(grid.industries, years),
    }
    continuous = len(design.continuous_names)
    rows = np.concatenate([np.full(continuous, design.row_count), *map(_counts, design.factors)])
    return pd.DataFrame(
        {
            "term": [term for term, names in labels.items() for _ in names],
            "level": [level for names in labels.values() for level in names],
            "coefficient": fit.coefficients,
            "standard_error": fit.standard_errors,
            "clustered_error": np.full(design.size, np.nan) if clustered is None else clustered,
            "shrunken_coefficient": shrunken,
            "row_count": rows.astype(np.int64),
        }
    )


def _counts(factor: Factor) -> NDArray[np.int64]:
    return np.bincount(factor.codes, minlength=factor.levels)


def _crossed(codes: Sequence[str], others: Sequence[str]) -> list[str]:
    return [f"{code}{_SEPARATOR}{other}" for code in codes for other in others]
