"""Rescaling bootstrap of clusters within strata (Rao & Wu 1988; Rao, Wu & Yue 1992)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RescalingBootstrap:
    """Bootstrap samples of clusters, each made when asked for from the seed and its number alone.

    Attributes
    ----------
    cluster : ndarray
        (n,) number of each person's cluster; clusters of a stratum follow each other.
    stratum_sizes : ndarray
        (H,) clusters in each stratum.
    replicates, seed : int
    """

    cluster: IntArray
    stratum_sizes: IntArray
    replicates: int
    seed: int

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.stratum_sizes.sum())

    @property
    def lonely_strata(self) -> int:
        """Strata with one cluster: it is in every replicate once, and adds nothing to the variance."""
        return int((self.stratum_sizes == 1).sum())

    def cluster_multipliers(self, replicates: Sequence[int]) -> FloatArray:
        """Multipliers of the base weights, (C, replicates asked for).

        Of the n clusters of a stratum n - 1 are drawn with replacement; a cluster drawn m times has multiplier
        m n / (n - 1).
        """
        sizes = self.stratum_sizes
        starts = np.cumsum(sizes) - sizes
        first, size = np.repeat(starts, sizes - 1), np.repeat(sizes.astype(np.float64), sizes - 1)
        alone = starts[sizes == 1]
        factor = np.repeat(sizes / np.maximum(sizes - 1, 1), sizes)
        result = np.empty((self.clusters, len(replicates)))
        for column, replicate in enumerate(replicates):
            generator = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(replicate,)))
            drawn = first + (generator.random(len(first)) * size).astype(np.int64)
            times = np.bincount(drawn, minlength=self.clusters)
            times[alone] = 1
            result[:, column] = times * factor
        return result


def rescaling_bootstrap(
    clusters: NDArray[Any], strata: NDArray[Any], *, replicates: int, seed: int
) -> RescalingBootstrap:
    """Set up a bootstrap of clusters (households) within strata.

    Parameters
    ----------
    clusters, strata : ndarray
        (n,) cluster and stratum of each person.
    replicates : int
        At least 2.
    seed : int

    Raises
    ------
    MethodError
        Lengths that do not agree, a missing identifier, or a cluster in more than one stratum.
    """
    if len(clusters) != len(strata) or replicates < 2:
        raise MethodError(f"bootstrap: {len(clusters)} clusters, {len(strata)} strata, {replicates} replicates")
    layer, layers = pd.factorize(np.asarray(strata))
    code, names = pd.factorize(np.asarray(clusters))
    unknown = int(((code < 0) | (layer < 0)).sum())
    if unknown:
        raise MethodError(f"bootstrap: {unknown} of {len(code)} rows have no cluster or no stratum")
    own = np.empty(len(names), dtype=np.int64)
    own[code] = layer
    torn = len(np.unique(code[own[code] != layer]))
    if torn:
        raise MethodError(f"bootstrap: {torn} of {len(names)} clusters are in more than one stratum")
    number = np.empty(len(names), dtype=np.int64)
    number[np.argsort(own, kind="stable")] = np.arange(len(names))
    return RescalingBootstrap(number[code], np.bincount(own, minlength=len(layers)), replicates, seed)
