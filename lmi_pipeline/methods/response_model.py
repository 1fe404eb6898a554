"""Logistic regression of response on characteristics of the area and of the interview."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, xlogy

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats, require_columns

NO_CHARACTERISTICS = "no_area_characteristics"

_EXTREME = 1e-6
_RANK_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ResponseModel:
    """A fitted response model.

    Attributes
    ----------
    coefficients : DataFrame
        ``term, coefficient, standard_error`` on the logit scale; covariates in standard deviations from their mean,
        factors against their most frequent level. Errors are those of independent households.
    propensity : ndarray
        (n,) fitted probability of response of each household.
    auc : float
        Probability that a responding household has a higher propensity than one that did not (ties half).
    pseudo_r_squared : float
        McFadden's: 1 less the ratio of the log-likelihood to that of one response rate.
    household_count, respondent_count, group_count : int
        Households, those that responded, and distinct rows of the regressors.
    without_characteristics : int
        Households of areas without characteristics: their covariates are at the mean, their level is their own.
    constant_factors : tuple of str
        Factors with one level, which do nothing.
    """

    coefficients: pd.DataFrame
    propensity: FloatArray
    auc: float
    pseudo_r_squared: float
    household_count: int
    respondent_count: int
    group_count: int
    without_characteristics: int
    constant_factors: tuple[str, ...]


def fit_response(
    households: pd.DataFrame,
    *,
    responded: str,
    covariates: Sequence[str],
    factors: Sequence[str] = (),
    interactions: Sequence[tuple[str, str]] = (),
) -> ResponseModel:
    """Fit the probability of response by maximum likelihood, on counts of households with the same regressors.

    Where a covariate is missing (areas the census table does not cover, such as Scotland and Northern Ireland in a
    table of England and Wales) all are set to their mean, and the households have their own intercept: that of the
    factors where these tell them apart, a common one where not.

    Parameters
    ----------
    households : DataFrame
        One row for each issued household.
    responded : str
        Column of booleans or of 0 and 1.
    covariates : sequence of str
        Continuous, of the area.
    factors : sequence of str
        Region or nation, mode of contact.
    interactions : sequence of (factor, covariate)
        A slope of the covariate for every level of the factor.

    Raises
    ------
    MethodError
        No households, an absent column, missing outcomes or factors, everybody or nobody responding, a constant
        covariate, regressors that depend on each other or predict response with certainty, or a fit that does not
        converge.
    """
    require_columns(households, [responded, *covariates, *factors], "households")
    answered = _outcome(households, responded)
    levels = _levels(households, factors)
    groups, code, missing = _groups(households, covariates, levels)
    size = floats(np.bincount(code, minlength=len(groups)))
    successes = floats(np.bincount(code, weights=answered, minlength=len(groups)))
    design = _design(groups, size, covariates, factors, interactions)
    _check_rank(design, size)
    fitted = _fit(design.to_numpy(), successes, size)
    p = floats(expit(design.to_numpy() @ fitted.params))
    _check_separation(p, groups, factors, successes, size)
    if not fitted.converged:
        raise MethodError("response model: the maximum likelihood fit did not converge; leave a regressor out")
    likelihood = _log_likelihood(successes, size, p)
    alone = _log_likelihood(successes, size, np.full(len(p), successes.sum() / size.sum()))
    return ResponseModel(
        coefficients=pd.DataFrame(
            {"term": list(design.columns), "coefficient": fitted.params, "standard_error": fitted.bse}
        ),
        propensity=p[code],
        auc=_auc(p, successes, size),
        pseudo_r_squared=1 - likelihood / alone,
        household_count=len(households),
        respondent_count=int(successes.sum()),
        group_count=len(groups),
        without_characteristics=missing,
        constant_factors=tuple(name for name in factors if levels[name].nunique() == 1),
    )


def _outcome(households: pd.DataFrame, responded: str) -> FloatArray:
    if households.empty:
        raise MethodError("response model: there are no households")
    values = pd.to_numeric(households[responded], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = int((~np.isin(values, (0.0, 1.0))).sum())
    if bad:
        raise MethodError(f"response model: {bad} of {len(values)} values of {responded} are missing or not 0 or 1")
    if values.min() == values.max():
        raise MethodError(f"response model: all or none of {len(values)} households have {responded}")
    return values


def _levels(households: pd.DataFrame, factors: Sequence[str]) -> dict[str, "pd.Series[Any]"]:
    for name in factors:
        absent = int(households[name].isna().sum())
        if absent:
            raise MethodError(f"response model: {absent} of {len(households)} households have no {name}")
    return {name: households[name].astype("str") for name in factors}


def _groups(
    households: pd.DataFrame, covariates: Sequence[str], levels: dict[str, "pd.Series[Any]"]
) -> tuple[pd.DataFrame, "np.ndarray[Any, Any]", int]:
    """Distinct rows of regressors with a flag for missing characteristics, the row of each household, how many miss."""
    numbers = households[list(covariates)].astype(float)
    numbers = numbers.where(np.isfinite(numbers))
    missing = numbers.isna().any(axis=1)
    frame = numbers.mask(missing).assign(**levels, **{NO_CHARACTERISTICS: missing})
    code = frame.groupby(list(frame.columns), dropna=False, sort=True).ngroup().to_numpy()
    first = np.unique(code, return_index=True)[1]
    return frame.iloc[first].reset_index(drop=True), code, int(missing.sum())


def _design(
    groups: pd.DataFrame,
    size: FloatArray,
    covariates: Sequence[str],
    factors: Sequence[str],
    interactions: Sequence[tuple[str, str]],
) -> pd.DataFrame:
    columns = {"intercept": np.ones(len(groups))}
    dummies = {name: _dummies(groups[name], size) for name in factors}
    for found in dummies.values():
        columns |= found
    flag = groups[NO_CHARACTERISTICS].to_numpy(dtype=float)
    if flag.any() and not _explained(flag, np.column_stack(list(columns.values()))):
        columns[NO_CHARACTERISTICS] = flag
    for name in covariates:
        columns[name] = _standardised(groups[name].to_numpy(dtype=float), size, name)
    for factor, name in interactions:
        if factor not in dummies or name not in covariates:
            raise MethodError(f"response model: interaction {factor} x {name} is not of a factor and a covariate")
        columns |= {f"{term} x {name}": values * columns[name] for term, values in dummies[factor].items()}
    return pd.DataFrame(columns)


def _dummies(values: "pd.Series[Any]", size: FloatArray) -> dict[str, FloatArray]:
    """Indicators of every level but the most frequent."""
    frequency = pd.Series(size).groupby(values.to_numpy()).sum().sort_index()
    reference = frequency.idxmax()
    return {
        f"{values.name}: {level}": (values == level).to_numpy(dtype=float)
        for level in frequency.index
        if level != reference
    }


def _explained(flag: FloatArray, columns: FloatArray) -> bool:
    fitted = columns @ np.linalg.lstsq(columns, flag, rcond=None)[0]
    return bool(np.abs(flag - fitted).max() < _RANK_TOLERANCE)


def _standardised(values: FloatArray, size: FloatArray, name: str) -> FloatArray:
    known = np.isfinite(values)
    if not known.any():
        raise MethodError(f"response model: covariate {name} is missing for every household")
    mean = np.average(values[known], weights=size[known])
    spread = np.sqrt(np.average((values[known] - mean) ** 2, weights=size[known]))
    if spread <= _RANK_TOLERANCE * max(1.0, abs(mean)):
        raise MethodError(f"response model: covariate {name} is constant; leave it out")
    return np.where(known, (values - mean) / spread, 0.0)


def _check_rank(design: pd.DataFrame, size: FloatArray) -> None:
    """Raise MethodError naming the variables whose columns follow from those before them."""
    unit = design.to_numpy() * np.sqrt(size)[:, None]
    unit = unit / np.maximum(np.linalg.norm(unit, axis=0), np.finfo(float).tiny)
    diagonal = np.zeros(unit.shape[1])
    triangle = np.abs(np.diag(np.linalg.qr(unit, mode="r")))
    diagonal[: len(triangle)] = triangle
    names = sorted({str(name).split(": ")[0] for name in design.columns[diagonal < _RANK_TOLERANCE]})
    if names:
        raise MethodError(f"response model: {', '.join(names)} follows from the other regressors; leave one out")


def _fit(design: FloatArray, successes: FloatArray, size: FloatArray) -> Any:
    import statsmodels.api as sm

    with warnings.catch_warnings():
        # Separation and overflow are found in the fitted values below.
        warnings.simplefilter("ignore")
        model = sm.GLM(np.column_stack([successes, size - successes]), design, family=sm.families.Binomial())
        return model.fit(maxiter=100, tol=1e-8, rtol=1e-12)


def _check_separation(
    p: FloatArray, groups: pd.DataFrame, factors: Sequence[str], successes: FloatArray, size: FloatArray
) -> None:
    sure = ~np.isfinite(p) | (p < _EXTREME) | (p > 1 - _EXTREME)
    if not sure.any():
        return
    places = []
    for name in factors:
        of_level = pd.DataFrame({"yes": successes, "all": size}).groupby(groups[name].to_numpy()).sum()
        certain = int(((of_level["yes"] == 0) | (of_level["yes"] == of_level["all"])).sum())
        places += [f"{certain} of {len(of_level)} levels of {name}"] if certain else []
    where = f", in {' and '.join(places)}" if places else ""
    raise MethodError(
        f"response model: response of {int(size[sure].sum())} of {int(size.sum())} households is predicted with"
        f" certainty (separation){where}; merge levels or leave a regressor out"
    )


def _log_likelihood(successes: FloatArray, size: FloatArray, p: FloatArray) -> float:
    return float((xlogy(successes, p) + xlogy(size - successes, 1 - p)).sum())


def _auc(p: FloatArray, successes: FloatArray, size: FloatArray) -> float:
    values, place = np.unique(p, return_inverse=True)
    yes = np.bincount(place, successes, len(values))
    no = np.bincount(place, size - successes, len(values))
    below = np.cumsum(no) - no
    return float(yes @ (below + no / 2) / (yes.sum() * no.sum()))
