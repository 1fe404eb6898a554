"""Factors for failed first contacts, from characteristics of the area in the census.

From July 2021 the LFS weights adjust the first contact with area-level census data, before calibration (ONS, "Using
Real Time Information data to reweight the LFS", 2021). Variables and form of the adjustment are not published: here it
is the design weight times the inverse of a response propensity, or of the response rate of a class of propensities
(Little 1986), and all choices are parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.response_model import ResponseModel, fit_response
from lmi_pipeline.methods.tables import FloatArray, floats, require_columns, require_finite, require_unique

__all__ = ["NonResponseAdjustment", "ResponseModel", "area_characteristics", "fit_response", "response_factors"]

Method = Literal["weighting_class", "inverse"]
BoolArray = NDArray[np.bool_]

_SHARE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class NonResponseAdjustment:
    """Factors of the responding households, and what they do.

    Attributes
    ----------
    factors : ndarray
        (n,) 1 for exempt respondents, 0 for households that did not respond.
    classes : DataFrame
        One row for each class, lowest propensity first: ``class_number, household_count, respondent_count``,
        ``response_rate`` (weighted), ``lowest_propensity, highest_propensity, mean_factor``. The inverse method
        reports its factors by the same classes.
    smallest_factor, largest_factor : float
        Of the respondents that are not exempt.
    share_trimmed : float
        Share of those respondents whose factor was cut to the largest allowed.
    design_effect : float
        1 + squared coefficient of variation of weight times factor over that of the weight, respondents not exempt
        (Kish 1965): what the adjustment adds to the variance of a variable unrelated to response.
    exempt_count : int
        Households left out of the adjustment.
    """

    factors: FloatArray
    classes: pd.DataFrame
    smallest_factor: float
    largest_factor: float
    share_trimmed: float
    design_effect: float
    exempt_count: int


def area_characteristics(
    counts: pd.DataFrame,
    shares: Mapping[str, Sequence[str]],
    *,
    total: str,
    area: str = "local_authority_code",
    category: str = "category",
    count: str = "household_count",
) -> pd.DataFrame:
    """Shares of census categories by area.

    Parameters
    ----------
    counts : DataFrame
        `area`, `category`, `count`: one row for each area and category. May hold more categories.
    shares : mapping of str to sequence of str
        Characteristic -> the categories that are summed for it.
    total : str
        The category that all are a share of.

    Returns
    -------
    DataFrame
        `area` and a column of proportions for each characteristic.

    Raises
    ------
    MethodError
        An absent column, a repeated key, a count that is missing or negative, an area without one of the categories,
        a total that is not positive, a category named twice, or a share above one.
    """
    require_columns(counts, [area, category, count], "census")
    used = sorted({total, *(name for names in shares.values() for name in names)})
    for share, names in shares.items():
        if not names or len(set(names)) < len(names):
            raise MethodError(f"census: share {share} needs at least one category, each once")
    kept = counts[counts[category].isin(used)]
    require_unique(kept, [area, category], "census")
    require_finite(kept, [count], "census")
    wide = kept.pivot(index=area, columns=category, values=count).reindex(columns=used)
    absent = wide.columns[wide.isna().any()].tolist()
    if absent or wide.empty:
        raise MethodError(f"census: areas lack {', '.join(absent) or 'every category'}; there are {len(wide)} areas")
    bad = int(((wide < 0).any(axis=1) | (wide[total] <= 0)).sum())
    if bad:
        raise MethodError(f"census: {bad} of {len(wide)} areas have a negative count or a {total} that is not positive")
    made = pd.DataFrame({share: wide[list(names)].sum(axis=1) / wide[total] for share, names in shares.items()})
    above = made.columns[(made > 1 + _SHARE_TOLERANCE).any()].tolist()
    if above:
        raise MethodError(f"census: {', '.join(above)} is more than all of {total} in some areas")
    return made.reset_index()


def response_factors(
    propensity: FloatArray,
    responded: BoolArray,
    *,
    method: Method = "weighting_class",
    classes: int = 10,
    maximum_ratio: float | None = None,
    base_weights: FloatArray | None = None,
    exempt: BoolArray | None = None,
) -> NonResponseAdjustment:
    """Factors that make respondents stand for all issued households.

    A class's factor is its weighted issued over its weighted responding households; classes are the quantiles of the
    propensity, and a class without respondents joins its neighbour. The inverse method divides by each household's
    own propensity. In both the factors are scaled so that respondents, weighted, are as many as issued households.

    Parameters
    ----------
    propensity : ndarray
        (n,) of all issued households, in (0, 1].
    responded : ndarray of bool
        (n,).
    method : {"weighting_class", "inverse"}
    classes : int
        Classes asked for; equal propensities are never parted, so there may be fewer.
    maximum_ratio : float, optional
        Largest factor over the mean factor, above 1. What is cut goes to the other respondents.
    base_weights : ndarray, optional
        (n,) positive design weights; 1 if absent.
    exempt : ndarray of bool, optional
        (n,) households that are not adjusted: those of Northern Ireland until June 2022.

    Raises
    ------
    MethodError
        Lengths that do not agree, propensities or weights out of range, nobody responding, or an impossible parameter.
    """
    _check_choices(method, classes, maximum_ratio)
    p, answered = floats(propensity), np.asarray(responded, dtype=bool)
    n = len(p)
    d = np.ones(n) if base_weights is None else floats(base_weights)
    left_out = np.zeros(n, dtype=bool) if exempt is None else np.asarray(exempt, dtype=bool)
    _check_arrays(p, d, answered, left_out)
    inside = ~left_out
    result = np.where(answered & left_out, 1.0, 0.0)
    if not inside.any():
        return NonResponseAdjustment(result, _no_classes(), 1.0, 1.0, 0.0, 1.0, n)
    if not answered[inside].any():
        raise MethodError(f"non-response: none of {int(inside.sum())} issued households responded")
    w, r, q = d[inside], answered[inside], p[inside]
    code = _propensity_classes(q, w, r, classes)
    size = int(code.max()) + 1
    rate = np.bincount(code, w * r, size) / np.bincount(code, w, size)
    raw = (1 / rate)[code] if method == "weighting_class" else 1 / q
    found, trimmed = _scaled(raw[r], w[r], float(w.sum()), maximum_ratio)
    factors = np.zeros(len(q))
    factors[r] = found
    result[inside] = factors
    effect = _kish(w[r] * found) / _kish(w[r])
    table = _class_table(code, q, r, rate, factors)
    return NonResponseAdjustment(
        result, table, float(found.min()), float(found.max()), trimmed, effect, int(left_out.sum())
    )


def _check_choices(method: str, classes: int, maximum_ratio: float | None) -> None:
    if method not in ("weighting_class", "inverse"):
        raise MethodError(f"non-response: no method '{method}'; expected weighting_class or inverse")
    if classes < 1:
        raise MethodError(f"non-response: {classes} classes; expected one or more")
    if maximum_ratio is not None and not maximum_ratio > 1:
        raise MethodError(f"non-response: maximum ratio {maximum_ratio}; expected a number above 1")


def _check_arrays(p: FloatArray, d: FloatArray, answered: BoolArray, left_out: BoolArray) -> None:
    n = len(p)
    if not n:
        raise MethodError("non-response: there are no households")
    for what, found in {"responded": answered, "base weights": d, "exempt": left_out}.items():
        if found.shape != (n,):
            raise MethodError(f"non-response: {what} has shape {found.shape}; expected ({n},)")
    for what, right in {"propensities": (p > 0) & (p <= 1), "base weights": np.isfinite(d) & (d > 0)}.items():
        if not right.all():
            raise MethodError(f"non-response: {int((~right).sum())} of {n} {what} are missing or out of range")


def _propensity_classes(p: FloatArray, w: FloatArray, answered: BoolArray, classes: int) -> NDArray[np.int64]:
    """Class of each household by weighted quantiles of the propensity, each with a respondent."""
    place = np.unique(p, return_inverse=True)[1]
    mass = np.bincount(place, w)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    code = np.minimum((middle * classes).astype(np.int64), classes - 1)[place]
    with_people = np.flatnonzero(np.bincount(code, answered, classes))
    # An empty class joins the next one up, or the last.
    joined = np.minimum(np.searchsorted(with_people, code), len(with_people) - 1)
    return np.asarray(joined, dtype=np.int64)


def _scaled(raw: FloatArray, w: FloatArray, issued: float, ratio: float | None) -> tuple[FloatArray, float]:
    """Factors whose weighted sum is `issued`, none above `ratio` times their mean, and the share cut to that."""
    if ratio is None:
        return raw * issued / (w @ raw), 0.0
    largest = ratio * issued / w.sum()
    cut = np.zeros(len(raw), dtype=bool)
    factors = raw * issued / (w @ raw)
    # The set that is cut only grows, so this ends; the mean is below the cut, so some are never cut.
    while (factors[~cut] > largest).any():
        cut |= factors > largest
        rest = issued - largest * w[cut].sum()
        factors = np.where(cut, largest, raw * rest / (w[~cut] @ raw[~cut]))
    return factors, float(cut.mean())


def _kish(weights: FloatArray) -> float:
    return float(len(weights) * (weights @ weights) / weights.sum() ** 2)


def _class_table(
    code: NDArray[np.int64], p: FloatArray, answered: BoolArray, rate: FloatArray, factors: FloatArray
) -> pd.DataFrame:
    frame = pd.DataFrame({"class_number": code + 1, "p": p, "answered": answered, "factor": factors})
    by_class = frame.groupby("class_number")
    respondents = by_class["answered"].sum()
    return pd.DataFrame(
        {
            "household_count": by_class.size(),
            "respondent_count": respondents,
            "response_rate": rate,
            "lowest_propensity": by_class["p"].min(),
            "highest_propensity": by_class["p"].max(),
            "mean_factor": by_class["factor"].sum() / respondents,
        }
    ).reset_index()


def _no_classes() -> pd.DataFrame:
    nobody = np.zeros(0)
    return _class_table(nobody.astype(np.int64), nobody, nobody.astype(bool), nobody, nobody)
