"""Newton's method on the dual of calibration, block by block.

The multipliers minimise sum_c D_c / q_c G(q_c x_c'lambda) - T'lambda, G the integral of F, which is convex; the
gradient is what the weights give less the controls (Deville and Särndal 1992, equation 2.6). Controls that share no
cell, such as those of different regions, form independent blocks: many small ones are solved together, others one by
one.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from lmi_pipeline.methods.calibration_batch import ARMIJO, HALVINGS, make_batch, newton
from lmi_pipeline.methods.distances import Distance
from lmi_pipeline.methods.margins import IntArray, relative_size
from lmi_pipeline.methods.tables import FloatArray

_DENSE_LIMIT = 6_000_000
_DENSE_SHARE = 0.1
_RIDGE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A calibration in cells: auxiliaries (C, p), weights (C,), scale (C,), totals (p,), all controls independent."""

    auxiliaries: "sp.csr_array"
    weights: FloatArray
    scale: FloatArray
    totals: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Multipliers (p,) with the most iterations of a block, whether all converged, and the number of blocks."""

    multipliers: FloatArray
    iterations: int
    converged: bool
    blocks: int


@dataclass(slots=True, eq=False)
class _Block:
    """Controls of one block, and its cells as a dense or sparse matrix."""

    x: "FloatArray | sp.csr_array"
    weights: FloatArray
    scale: FloatArray
    totals: FloatArray
    size: FloatArray
    distance: Distance

    def argument(self, multipliers: FloatArray) -> FloatArray:
        u: FloatArray = self.scale * (self.x @ multipliers)
        return u

    def objective(self, u: FloatArray, multipliers: FloatArray) -> float:
        return float((self.weights / self.scale) @ self.distance.cost(u) - self.totals @ multipliers)

    def missing(self, u: FloatArray) -> FloatArray:
        result: FloatArray = self.totals - self.x.T @ (self.weights * self.distance.ratio(u))
        return result

    def curvature(self, u: FloatArray) -> FloatArray:
        slope = self.weights * self.scale * self.distance.slope(u)
        if sp.issparse(self.x):
            product: FloatArray = (self.x.T @ (sp.diags_array(slope) @ self.x)).toarray()
            return product
        dense: FloatArray = self.x.T @ (slope[:, None] * self.x)
        return dense


def solve(
    problem: Problem, distance: Distance, start: FloatArray, *, tolerance: float, max_iterations: int
) -> Solution:
    """Solve all blocks.

    Parameters
    ----------
    problem : Problem
    distance : Distance
    start : ndarray
        (p,) multipliers to begin with.
    tolerance : float
        Largest error of a control, relative to its size.
    max_iterations : int
        Newton steps of a block.
    """
    multipliers, iterations, converged = start.copy(), 0, True
    groups = _blocks(problem)
    x, weights, scale, totals = problem.auxiliaries, problem.weights, problem.scale, problem.totals
    batch = make_batch(x, weights, scale, totals, groups, distance)
    found = None if batch is None else newton(batch, start, tolerance, max_iterations)
    if found is not None:
        return Solution(*found, len(groups))
    for controls, rows in groups:
        block = _cut(problem, controls, rows, distance)
        solved, steps, met = _newton(block, start[controls], tolerance, max_iterations)
        multipliers[controls] = solved
        iterations, converged = max(iterations, steps), converged and met
    return Solution(multipliers, iterations, converged, len(groups))


def _blocks(problem: Problem) -> list[tuple[IntArray, IntArray]]:
    """Controls and cells of every block."""
    x = problem.auxiliaries
    if x.shape[1] == 0:
        return []
    _, of_control = connected_components(sp.csr_array(abs(x.T) @ abs(x)), directed=False)
    filled = np.diff(x.indptr) > 0
    of_cell = np.full(x.shape[0], -1)
    of_cell[filled] = of_control[x.indices[x.indptr[:-1][filled]]]
    count = int(of_control.max()) + 1
    return list(zip(_members(of_control, count), _members(of_cell, count), strict=True))


def _members(group: IntArray, count: int) -> list[IntArray]:
    """Positions of each group, in order."""
    order = np.argsort(group, kind="stable")
    edges = np.searchsorted(group[order], np.arange(count + 1))
    return [order[start:end] for start, end in zip(edges[:-1], edges[1:], strict=True)]


def _cut(problem: Problem, controls: IntArray, rows: IntArray, distance: Distance) -> _Block:
    x = problem.auxiliaries[rows][:, controls]
    entries = len(rows) * len(controls)
    part = x.toarray() if x.nnz > _DENSE_SHARE * entries and entries <= _DENSE_LIMIT else sp.csr_array(x)
    size = relative_size(problem.totals)[controls]
    return _Block(part, problem.weights[rows], problem.scale[rows], problem.totals[controls], size, distance)


def _newton(block: _Block, start: FloatArray, tolerance: float, max_iterations: int) -> tuple[FloatArray, int, bool]:
    """Multipliers of one block, steps taken, and whether every control is met."""
    multipliers = start
    u = block.argument(multipliers)
    missing, objective = block.missing(u), block.objective(u, multipliers)
    for iteration in range(max_iterations + 1):
        error = float(np.abs(missing / block.size).max())
        if error <= tolerance:
            return multipliers, iteration, True
        if iteration == max_iterations:
            break
        step = _step(block.curvature(u), missing)
        found = _search(block, multipliers, step, objective, float(missing @ step), error)
        if found is None:
            return multipliers, iteration, False
        multipliers, u, missing, objective = found
    return multipliers, max_iterations, False


def _step(curvature: FloatArray, missing: FloatArray) -> FloatArray:
    """Newton step; where the curvature is singular (all cells of a control at their bounds) with a small ridge."""
    ridge = _RIDGE * max(float(np.diag(curvature).max()), np.finfo(float).tiny)
    for attempt in (0.0, ridge, 1e4 * ridge):
        try:
            factor = scipy.linalg.cho_factor(curvature + attempt * np.eye(len(curvature)), check_finite=False)
        except scipy.linalg.LinAlgError:
            continue
        step: FloatArray = scipy.linalg.cho_solve(factor, missing, check_finite=False)
        if np.isfinite(step).all():
            return step
    least: FloatArray = scipy.linalg.lstsq(curvature, missing)[0]
    return least


def _search(
    block: _Block, multipliers: FloatArray, step: FloatArray, objective: float, slope: float, error: float
) -> tuple[FloatArray, FloatArray, FloatArray, float] | None:
    """Longest step, halved until the objective falls enough or the error does; None if none is found."""
    length = 1.0
    for _ in range(HALVINGS):
        candidate = multipliers + length * step
        u = block.argument(candidate)
        value = block.objective(u, candidate)
        if np.isfinite(value):
            missing = block.missing(u)
            falls = value <= objective - ARMIJO * length * slope
            if falls or float(np.abs(missing / block.size).max()) < (1 - ARMIJO * length) * error:
                return candidate, u, missing, value
        length /= 2
    return None
