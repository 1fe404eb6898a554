"""Design variance of calibrated estimates by linearisation, with the household as the ultimate cluster.

The variance of a calibrated total is that of the weighted calibration residuals (Deville & Särndal 1992, equation
3.4; Särndal, Swensson & Wretman 1992, section 6.6), here from totals of households drawn with replacement within
strata. Every calibration distance has the same variance: the residuals are those of the generalised regression.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.margins import Margin
from lmi_pipeline.methods.regression_residuals import (
    AnyArray,
    ResidualMaker,
    indicator,
    parts,
    require_length,
    require_variables,
)
from lmi_pipeline.methods.tables import FloatArray, floats

Lonely = Literal["adjust", "fail"]


def calibration_residuals(
    y: FloatArray,
    base_weights: FloatArray,
    margins: "Sequence[Margin] | sp.csr_array",
    *,
    scale: FloatArray | None = None,
    household: AnyArray | None = None,
) -> FloatArray:
    """Residuals of variables on the calibration auxiliaries: see `ResidualMaker.prepare` for the arguments.

    Times the calibrated weights they are what `cluster_totals` and `linearised_variance` take.

    Parameters
    ----------
    y : ndarray
        (n, K) variables.

    Returns
    -------
    ndarray
        (n, K).
    """
    return ResidualMaker.prepare(base_weights, margins, scale=scale, household=household).residuals(y)


@dataclass(frozen=True, slots=True, eq=False)
class ClusterTotals:
    """Totals of variables by cluster.

    Attributes
    ----------
    totals : ndarray
        (C, K).
    clusters : Index
        (C,) identifiers, in the order of first appearance.
    strata : Index
        (C,) stratum of each cluster.
    """

    totals: FloatArray
    clusters: "pd.Index[Any]"
    strata: "pd.Index[Any]"


@dataclass(frozen=True, slots=True, eq=False)
class LinearisedVariance:
    """Variances of K totals and what they rest on.

    Attributes
    ----------
    variance : ndarray
        (K,).
    clusters, strata : int
        Degrees of freedom are their difference.
    lonely_strata : int
        Strata with one cluster, centred at the grand mean.
    """

    variance: FloatArray
    clusters: int
    strata: int
    lonely_strata: int


@dataclass(frozen=True, slots=True, eq=False)
class LinearisedCovariance:
    """Covariance matrix of K totals; attributes as in `LinearisedVariance`, with `covariance` (K, K)."""

    covariance: FloatArray
    clusters: int
    strata: int
    lonely_strata: int


@dataclass(frozen=True, slots=True, eq=False)
class DifferenceVariance:
    """Variance of the change between two overlapping samples.

    Attributes
    ----------
    variance : ndarray
        (K,) of the second total less the first.
    covariance : ndarray
        (K,) of the two totals.
    first, second : ndarray
        (K,) variance of each.
    common_clusters : int
    overlap : float
        Share of the clusters of the second sample that are in the first.
    lonely_strata : int
        Strata with one cluster, over both samples.
    """

    variance: FloatArray
    covariance: FloatArray
    first: FloatArray
    second: FloatArray
    common_clusters: int
    overlap: float
    lonely_strata: int


def cluster_totals(z: FloatArray, clusters: AnyArray, strata: AnyArray) -> ClusterTotals:
    """Sum variables over the persons of each cluster.

    Parameters
    ----------
    z : ndarray
        (n, K), for a variance the weighted residuals.
    clusters, strata : ndarray
        (n,) cluster (household) and stratum of each person.

    Raises
    ------
    MethodError
        Lengths that do not agree, a missing identifier, or a cluster in more than one stratum.
    """
    values = floats(z)
    require_variables(values, len(clusters))
    require_length(len(strata), len(clusters), "strata", "clusters")
    code, names = pd.factorize(np.asarray(clusters))
    layer, layers = pd.factorize(np.asarray(strata))
    unknown = int(((code < 0) | (layer < 0)).sum())
    if unknown:
        raise MethodError(f"variance: {unknown} of {len(code)} rows have no cluster or no stratum")
    own = np.empty(len(names), dtype=np.int64)
    own[code] = layer
    torn = len(np.unique(code[own[code] != layer]))
    if torn:
        raise MethodError(f"variance: {torn} of {len(names)} clusters are in more than one stratum")
    totals: FloatArray = indicator(code, len(names)) @ values
    return ClusterTotals(totals, pd.Index(names), pd.Index(layers)[own])


def linearised_variance(
    weighted_residuals: FloatArray, clusters: AnyArray, strata: AnyArray, *, lonely: Lonely = "adjust"
) -> LinearisedVariance:
    """Variance of totals between clusters within strata, clusters drawn with replacement.

    For stratum h with n clusters of total t: n / (n - 1) times the sum of (t - mean t)^2 (Wolter 2007, section 2.4).

    Parameters
    ----------
    weighted_residuals : ndarray
        (n, K) calibrated weight times residual (or times the variable, without calibration).
    clusters, strata : ndarray
        (n,).
    lonely : {"adjust", "fail"}
        A stratum with one cluster is centred at the mean of all clusters, or is an error.

    Raises
    ------
    MethodError
        As `cluster_totals`; with ``lonely="fail"`` if a stratum has one cluster.
    """
    sums = cluster_totals(weighted_residuals, clusters, strata)
    centred, alone = _deviations(sums, lonely)
    variance: FloatArray = np.einsum("ck,ck->k", centred, centred)
    return LinearisedVariance(variance, len(sums.clusters), sums.strata.nunique(), alone)


def linearised_covariance(
    weighted_residuals: FloatArray, clusters: AnyArray, strata: AnyArray, *, lonely: Lonely = "adjust"
) -> LinearisedCovariance:
    """Covariance matrix of totals: the arguments and formula of `linearised_variance`."""
    sums = cluster_totals(weighted_residuals, clusters, strata)
    centred, alone = _deviations(sums, lonely)
    return LinearisedCovariance(centred.T @ centred, len(sums.clusters), sums.strata.nunique(), alone)


def difference_variance(
    first: ClusterTotals, second: ClusterTotals, *, lonely: Lonely = "adjust"
) -> DifferenceVariance:
    """Variance of the second total less the first, for samples that share clusters.

    Rotation keeps most households of one quarter in the next, and the covariance of the two totals comes from them
    (Holmes & Skinner 2000; Berger & Priam 2016). Each cluster total is taken as its deviation from the mean of its
    stratum and sample, times sqrt(n / (n - 1)); the covariance is the sum of products over the clusters in both, a
    cluster in one sample counting zero in the other. So the variance is a sum of squares and never negative, is the
    sum of the two variances with no overlap, and is zero for identical samples.

    Parameters
    ----------
    first, second : ClusterTotals
        Weighted residuals of the same K variables in two quarters, clusters with the same identifiers.

    Raises
    ------
    MethodError
        Different numbers of variables, or a cluster whose stratum differs between the samples.
    """
    require_length(second.totals.shape[1], first.totals.shape[1], "second sample's variables", "first sample's")
    before, first_alone = _deviations(first, lonely)
    after, second_alone = _deviations(second, lonely)
    place = first.clusters.get_indexer(second.clusters)
    common = place >= 0
    moved = int((first.strata[place[common]] != second.strata[common]).sum())
    if moved:
        raise MethodError(f"variance: {moved} of {int(common.sum())} common clusters changed stratum between samples")
    covariance: FloatArray = np.einsum("ck,ck->k", before[place[common]], after[common])
    variances = np.einsum("ck,ck->k", before, before), np.einsum("ck,ck->k", after, after)
    # Rounding alone can take the variance of identical samples below zero.
    variance = np.maximum(variances[0] + variances[1] - 2 * covariance, 0.0)
    return DifferenceVariance(
        variance, covariance, *variances, int(common.sum()), float(common.mean()), first_alone + second_alone
    )


@dataclass(frozen=True, slots=True, eq=False)
class TotalEstimate:
    """Estimated totals, each array (K,).

    Attributes
    ----------
    value, standard_error, lower, upper : ndarray
        The interval is that of the normal distribution.
    design_effect : ndarray
        Variance over that of a simple random sample, with replacement, of as many persons.
    """

    value: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    design_effect: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RatioEstimate:
    """Estimated ratios, each array (K,); the interval is that of the normal distribution."""

    value: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray


def estimate_totals(
    y: FloatArray,
    weights: FloatArray,
    maker: ResidualMaker,
    clusters: AnyArray,
    strata: AnyArray,
    *,
    level: float = 0.95,
    lonely: Lonely = "adjust",
) -> TotalEstimate:
    """Calibrated totals with standard error, confidence interval and design effect.

    Parameters
    ----------
    y : ndarray
        (n, K) variables.
    weights : ndarray
        (n,) calibrated weights.
    maker : ResidualMaker
        Of the calibration that made `weights`.
    clusters, strata : ndarray
        (n,).
    level : float
        Of the confidence interval.
    lonely : {"adjust", "fail"}
        See `linearised_variance`.
    """
    values = floats(y)
    require_variables(values, len(weights))
    total = weights @ values
    variance = _calibrated_variance(values, weights, maker, clusters, strata, lonely)
    persons, n = weights.sum(), len(weights)
    spread = (weights @ values**2) / persons - (total / persons) ** 2
    simple = persons**2 / (n - 1) * spread
    effect = np.divide(variance, simple, out=np.full_like(variance, np.nan), where=simple > 0)
    return TotalEstimate(total, *_interval(total, variance, level), effect)


def estimate_ratios(
    y: FloatArray,
    x: FloatArray,
    weights: FloatArray,
    maker: ResidualMaker,
    clusters: AnyArray,
    strata: AnyArray,
    *,
    level: float = 0.95,
    lonely: Lonely = "adjust",
) -> RatioEstimate:
    """Ratios of calibrated totals of `y` to those of `x`, (n, K) each; other arguments as `estimate_totals`."""
    linear = ratio_variable(y, x, weights)
    value = (weights @ y) / (weights @ x)
    variance = _calibrated_variance(linear, weights, maker, clusters, strata, lonely)
    return RatioEstimate(value, *_interval(value, variance, level))


def ratio_variable(y: FloatArray, x: FloatArray, weights: FloatArray) -> FloatArray:
    """Linearised variable of a ratio of totals, (y - R x) / X.

    Its total has, to the first order, the variance of R = Y / X; residuals and covariances are taken of it as of
    any variable (Woodruff 1971).

    Parameters
    ----------
    y, x : ndarray
        (n, K) numerators and denominators.
    weights : ndarray
        (n,) calibrated weights.

    Returns
    -------
    ndarray
        (n, K).

    Raises
    ------
    MethodError
        Shapes that do not agree, or a denominator whose total is not positive.
    """
    require_variables(y, len(weights))
    require_variables(x, len(weights))
    require_length(x.shape[1], y.shape[1], "denominators", "numerators")
    denominator = weights @ x
    empty = int((denominator <= 0).sum())
    if empty:
        raise MethodError(f"variance: {empty} of {len(denominator)} ratios have a denominator that is not positive")
    result: FloatArray = (y - (weights @ y / denominator) * x) / denominator
    return result


def _deviations(sums: ClusterTotals, lonely: Lonely) -> tuple[FloatArray, int]:
    """Scaled deviations of cluster totals, whose squares sum to the variance, and the number of lonely strata."""
    if lonely not in ("adjust", "fail"):
        raise MethodError(f"variance: lonely is {lonely}; expected adjust or fail")
    layer, layers = pd.factorize(sums.strata)
    sizes = np.bincount(layer, minlength=len(layers))
    alone = sizes == 1
    if lonely == "fail" and alone.any():
        raise MethodError(f"variance: {int(alone.sum())} of {len(layers)} strata have one cluster; join strata")
    means = (indicator(layer, len(layers)) @ sums.totals) / sizes[:, None]
    means[alone] = sums.totals.mean(axis=0)
    factors = np.sqrt(np.where(alone, 1.0, sizes / np.maximum(sizes - 1, 1)))
    return (sums.totals - means[layer]) * factors[layer, None], int(alone.sum())


def _calibrated_variance(
    y: FloatArray, weights: FloatArray, maker: ResidualMaker, clusters: AnyArray, strata: AnyArray, lonely: Lonely
) -> FloatArray:
    chunks = [
        linearised_variance(maker.residuals(y[:, part]) * weights[:, None], clusters, strata, lonely=lonely).variance
        for part in parts(y.shape[1])
    ]
    return np.concatenate(chunks) if chunks else np.zeros(0)


def _interval(value: FloatArray, variance: FloatArray, level: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    if not 0 < level < 1:
        raise MethodError(f"variance: confidence level {level}; expected a number between 0 and 1")
    error = np.sqrt(variance)
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return error, value - reach, value + reach
