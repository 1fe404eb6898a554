"""Calibrated bootstrap replicates: each replicate's base weights calibrated to the same controls.

A replicate's solution is near the main sample's, so all are iterated at once from the main multipliers with the main
sample's factored cross-product (a chord iteration, no factorisation per replicate), on cells of persons with the same
auxiliaries. The few that do not converge are solved one by one by `calibrate`; those it cannot solve are reported.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.bootstrap import RescalingBootstrap
from lmi_pipeline.methods.calibration import calibrate
from lmi_pipeline.methods.calibration_cells import collapse
from lmi_pipeline.methods.distances import Distance, Raking
from lmi_pipeline.methods.margins import IntArray, Margin, control_labels, control_totals, relative_size
from lmi_pipeline.methods.regression_residuals import pseudo_inverse, require_length, require_variables
from lmi_pipeline.methods.tables import FloatArray, floats

_CHUNK = 32
_RESCALED_STEPS = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Persons collapsed to cells of one calibration factor.

    `auxiliaries` (M, p) and `scale` (M,) of each cell; `cell` and `base_weights` (n,) of each person.
    """

    auxiliaries: "sp.csr_array"
    scale: FloatArray
    cell: IntArray
    base_weights: FloatArray
    distance: Distance

    def factors(self, multipliers: FloatArray) -> FloatArray:
        """Calibration factors F(q x'lambda) of the cells, (M, R), for multipliers (p, R)."""
        return self.distance.ratio(self.scale[:, None] * (self.auxiliaries @ multipliers))

    def slopes(self, multipliers: FloatArray) -> FloatArray:
        """Slopes q F'(q x'lambda) of the cells, (M, R)."""
        scale = self.scale[:, None]
        return scale * self.distance.slope(scale * (self.auxiliaries @ multipliers))


@dataclass(frozen=True, slots=True, eq=False)
class ReplicateCalibration:
    """Calibrated replicates, kept as their multipliers: weights and estimates are made when asked for.

    Attributes
    ----------
    multipliers : ndarray
        (R, p); NaN for a replicate that failed.
    max_relative_error : ndarray
        (R,) over the controls; NaN for a replicate that failed.
    failed : tuple of int
        Numbers of the replicates without a solution.
    solved_singly : tuple of int
        Numbers of those that needed full Newton steps.
    empty_cells : mapping of str to int
        Control -> number of replicates without a unit in it; these replicates are among `failed`.
    iterations : int
        Steps of the common iteration.
    """

    multipliers: FloatArray
    max_relative_error: FloatArray
    failed: tuple[int, ...]
    solved_singly: tuple[int, ...]
    empty_cells: Mapping[str, int]
    iterations: int
    bootstrap: RescalingBootstrap
    _cells: _Cells

    def weights(self, replicate: int) -> FloatArray:
        """Calibrated weights of one replicate, (n,); NaN if it failed."""
        return self._weights([replicate])[:, 0]

    def estimate(self, y: FloatArray, *, threads: int = 1) -> FloatArray:
        """Calibrated totals of variables in each replicate.

        Parameters
        ----------
        y : ndarray
            (n, K).
        threads : int
            Chunks of replicates worked on at a time; each takes about 90 n x 8 bytes.

        Returns
        -------
        ndarray
            (R, K); a row of NaN for a replicate that failed.
        """
        values = floats(y)
        require_variables(values, len(self._cells.cell))

        def totals(part: Sequence[int]) -> FloatArray:
            return self._weights(part).T @ values

        return np.concatenate(_map(totals, _parts(self.bootstrap.replicates), threads))

    def _weights(self, part: Sequence[int]) -> FloatArray:
        result = self._cells.factors(self.multipliers[list(part)].T)[self._cells.cell]
        result *= self.bootstrap.cluster_multipliers(part)[self.bootstrap.cluster]
        result *= self._cells.base_weights[:, None]
        return result


def calibrate_replicates(
    base_weights: FloatArray,
    margins: Sequence[Margin],
    bootstrap: RescalingBootstrap,
    *,
    distance: Distance | None = None,
    scale: FloatArray | None = None,
    household: NDArray[Any] | None = None,
    start: FloatArray | None = None,
    tolerance: float = 1e-9,
    max_iterations: int = 40,
    threads: int = 1,
) -> ReplicateCalibration:
    """Calibrate every bootstrap replicate to the controls of the main sample.

    Parameters
    ----------
    base_weights : ndarray
        (n,) base weights of the main sample.
    margins : sequence of Margin
    bootstrap : RescalingBootstrap
        Of the same n persons.
    distance : Distance, optional
        Raking if absent.
    scale, household : ndarray, optional
        As in `calibrate`; a household must lie in one cluster.
    start : ndarray, optional
        (p,) multipliers of the main calibration; calibrated here if absent.
    tolerance : float
        Largest error of a control relative to its total.
    max_iterations : int
        Of the common iteration.
    threads : int
        Chunks of replicates worked on at a time.

    Raises
    ------
    MethodError
        Lengths that do not agree, a household in two clusters, or a main calibration without solution. A
        replicate without solution is not an error: it is listed in the result.
    """
    law = Raking() if distance is None else distance
    require_length(len(bootstrap.cluster), len(base_weights), "bootstrap", "base weights")
    if household is not None:
        _require_within(household, bootstrap.cluster)
    main = _Inputs(floats(base_weights), margins, law, scale, household)
    if start is None:
        start = main.calibrate(np.arange(len(base_weights)), main.base_weights, None)
    totals = control_totals(margins)
    cells = _collapsed(main, totals)
    iteration = _Iteration.prepare(cells, bootstrap, totals, start, tolerance, max_iterations)
    chunks = _map(iteration.solve, _parts(bootstrap.replicates), threads)
    multipliers = np.concatenate([chunk.multipliers for chunk in chunks])
    error = np.concatenate([chunk.error for chunk in chunks])
    empty = np.concatenate([chunk.empty for chunk in chunks])
    unsolved = np.flatnonzero(~(error <= tolerance) & ~empty.any(axis=1))
    singly = [r for r in map(int, unsolved) if _solve_singly(main, bootstrap, r, start, multipliers)]
    for replicate in singly:
        error[replicate] = iteration.error_of(replicate, multipliers[replicate])
    failed = sorted({*map(int, unsolved), *map(int, np.flatnonzero(empty.any(axis=1)))} - set(singly))
    multipliers[failed], error[failed] = np.nan, np.nan
    counts = empty.sum(axis=0)
    labels = control_labels(margins)
    return ReplicateCalibration(
        multipliers,
        error,
        tuple(failed),
        tuple(singly),
        {labels[control]: int(counts[control]) for control in np.flatnonzero(counts)},
        max(chunk.iterations for chunk in chunks),
        bootstrap,
        cells,
    )


def replicate_variance(estimates: FloatArray) -> FloatArray:
    """Bootstrap variance of estimates (R, K), or of any function of them.

    Each column over the replicates in which it is a number: not one that failed, nor a ratio without denominator.

    Raises
    ------
    MethodError
        A column with fewer than two such replicates.
    """
    usable = np.isfinite(estimates)
    scarce = int((usable.sum(axis=0) < 2).sum())
    if scarce:
        raise MethodError(
            f"replicates: {scarce} of {estimates.shape[1]} estimates have fewer than 2 of {len(estimates)} replicates"
        )
    result: FloatArray = np.var(estimates, axis=0, ddof=1, where=usable)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    base_weights: FloatArray
    margins: Sequence[Margin]
    distance: Distance
    scale: FloatArray | None
    household: NDArray[Any] | None

    def calibrate(self, rows: IntArray, base_weights: FloatArray, start: FloatArray | None) -> FloatArray:
        """Multipliers of the calibration of some of the rows."""
        margins = [
            replace(m, index=m.index[rows], values=None if m.values is None else m.values[rows]) for m in self.margins
        ]
        return calibrate(
            base_weights[rows],
            margins,
            distance=self.distance,
            scale=None if self.scale is None else self.scale[rows],
            household=None if self.household is None else self.household[rows],
            start=start,
        ).multipliers


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    multipliers: FloatArray
    error: FloatArray
    empty: NDArray[np.bool_]
    iterations: int


@dataclass(frozen=True, slots=True, eq=False)
class _Iteration:
    """The common iteration: what all replicates share.

    `weights_of` (M, C) sums base weights times cluster multipliers to cells; `inverse` (p, p) is of the main sample's
    cross-product at its solution `start`, and `diagonal` its diagonal; the error of a control is relative to `size`.
    """

    cells: _Cells
    bootstrap: RescalingBootstrap
    weights_of: "sp.csr_array"
    transposed: "sp.csr_array"
    squared: "sp.csr_array"
    totals: FloatArray
    size: FloatArray
    start: FloatArray
    inverse: FloatArray
    diagonal: FloatArray
    tolerance: float
    max_iterations: int

    @classmethod
    def prepare(
        cls,
        cells: _Cells,
        bootstrap: RescalingBootstrap,
        totals: FloatArray,
        start: FloatArray,
        tolerance: float,
        max_iterations: int,
    ) -> "_Iteration":
        x = cells.auxiliaries
        shape = x.shape[0], bootstrap.clusters
        weights_of = sp.csr_array(sp.coo_array((cells.base_weights, (cells.cell, bootstrap.cluster)), shape=shape))
        slope = cells.slopes(start[:, None])[:, 0]
        cross = (x.T @ (sp.diags_array(slope * weights_of.sum(axis=1)) @ x)).toarray()
        inverse, _ = pseudo_inverse(cross)
        transposed = sp.csr_array(x.T)
        size = relative_size(totals)
        return cls(
            cells,
            bootstrap,
            weights_of,
            transposed,
            sp.csr_array(transposed.power(2)),
            totals,
            size,
            start,
            inverse,
            np.diag(cross),
            tolerance,
            max_iterations,
        )

    def solve(self, part: Sequence[int]) -> _Chunk:
        base = self.weights_of @ self.bootstrap.cluster_multipliers(part)
        empty = (abs(self.transposed) @ base == 0) & (self.totals != 0)[:, None]
        multipliers = np.repeat(self.start[:, None], len(part), axis=1)
        error = np.full(len(part), np.inf)
        active, iteration = np.flatnonzero(~empty.any(axis=0)), 0
        base, unit = base[:, active], np.ones((len(self.start), len(active)))
        while len(active) and iteration < self.max_iterations:
            iteration += 1
            missing = self._missing(base, multipliers[:, active])
            error[active] = np.abs(missing / self.size[:, None]).max(axis=0)
            # A replicate that has diverged is left to be solved singly.
            on = (error[active] > self.tolerance) & np.isfinite(error[active])
            active, base, unit, missing = active[on], base[:, on], unit[:, on], missing[:, on]
            if iteration <= _RESCALED_STEPS:
                unit = self._unit(base, multipliers[:, active])
            multipliers[:, active] += unit * (self.inverse @ (unit * missing))
        return _Chunk(multipliers.T, error, empty.T, iteration)

    def _unit(self, base: FloatArray, multipliers: FloatArray) -> FloatArray:
        """Units of the controls in which a replicate's cross-product has the diagonal of the main sample's."""
        own = self.squared @ (base * self.cells.slopes(multipliers))
        usable = np.isfinite(own) & (own > 0) & (self.diagonal > 0)[:, None]
        result: FloatArray = np.sqrt(np.divide(self.diagonal[:, None], own, out=np.ones_like(own), where=usable))
        return result

    def error_of(self, replicate: int, multipliers: FloatArray) -> float:
        base = self.weights_of @ self.bootstrap.cluster_multipliers([replicate])
        return float(np.abs(self._missing(base, multipliers[:, None])[:, 0] / self.size).max())

    def _missing(self, base: FloatArray, multipliers: FloatArray) -> FloatArray:
        with np.errstate(over="ignore", invalid="ignore"):
            reached = self.transposed @ (base * self.cells.factors(multipliers))
        result: FloatArray = self.totals[:, None] - reached
        return result


def _solve_singly(
    main: _Inputs, bootstrap: RescalingBootstrap, replicate: int, start: FloatArray, multipliers: FloatArray
) -> bool:
    """Put a replicate's multipliers in place with `calibrate`; False if it has no solution."""
    weights = main.base_weights * bootstrap.cluster_multipliers([replicate])[bootstrap.cluster, 0]
    try:
        multipliers[replicate] = main.calibrate(np.flatnonzero(weights), weights, start)
    except MethodError:
        return False
    return True


def _collapsed(main: _Inputs, totals: FloatArray) -> _Cells:
    """Collapse as `calibrate` does: under raking, units in a control of zero have weight zero."""
    cells = collapse(main.base_weights, main.margins, scale=main.scale, household=main.household)
    weights, zero = cells.base_weights, (totals == 0).astype(np.float64)
    if main.distance.lower == 0 and np.isinf(main.distance.upper) and (cells.auxiliaries.data >= 0).all():
        weights = np.where((cells.auxiliaries @ zero)[cells.cell] > 0, 0.0, weights)
    return _Cells(cells.auxiliaries, cells.scale, cells.cell, weights, main.distance)


def _require_within(household: NDArray[Any], cluster: IntArray) -> None:
    code, homes = pd.factorize(np.asarray(household))
    require_length(len(code), len(cluster), "household", "bootstrap")
    own = np.empty(len(homes), dtype=np.int64)
    own[code] = cluster
    torn = len(np.unique(code[own[code] != cluster]))
    if torn:
        raise MethodError(f"replicates: {torn} of {len(homes)} households are in more than one cluster")


def _parts(replicates: int) -> list[range]:
    return [range(at, min(at + _CHUNK, replicates)) for at in range(0, replicates, _CHUNK)]


def _map(work: "Callable[[range], T]", parts: list[range], threads: int) -> "list[T]":
    if threads == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))
