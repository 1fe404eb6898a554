"""Newton's method on the dual of calibration, block by block.

The multipliers minimise sum_c D_c / q_c G(q_c x_c'lambda) - T'lambda, G the integral of F, which is convex; the
gradient is what the weights give less the controls (Deville and Särndal 1992, equation 2.6). Controls that share no
cell, such as those of different regions, form independent blocks: many small ones are solved together, others one by
one.

Auxiliaries are divided by their largest value, so that incomes and counts of persons may stand side by side. Where
rounding keeps a control from the tolerance, the rounding error of its own sum is what counts.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from lmi_pipeline.methods.calibration_batch import ARMIJO, HALVINGS, make_batch, newton
from lmi_pipeline.methods.distances import Distance
from lmi_pipeline.methods.margins import IntArray
from lmi_pipeline.methods.tables import FloatArray

_DENSE_LIMIT = 6_000_000
_DENSE_SHARE = 0.1
_RIDGE = 1e-10
_ROUNDING = 64 * float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A calibration in cells, all controls independent.

    Auxiliaries (C, p), weights (C,), scale (C,), totals (p,), and what the error of each is relative to (p,).
    """

    auxiliaries: "sp.csr_array"
    weights: FloatArray
    scale: FloatArray
    totals: FloatArray
    size: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Multipliers (p,) with the most iterations of a block, whether all converged, and the number of blocks.

    Where a block did not converge its multipliers are those that came nearest.
    """

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

    def rounded(self, u: FloatArray, missing: FloatArray, tolerance: float) -> bool:
        """Whether every control is met but for what rounding does to its sum."""
        noise = rounding_error(self.x, self.weights, self.distance.ratio(u))
        return bool((np.abs(missing) <= tolerance * self.size + noise).all())

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
        (p,) multipliers to begin with; those of zero are used instead where they are nearer or where these lead
        nowhere.
    tolerance : float
        Largest error of a control, relative to its size.
    max_iterations : int
        Newton steps of a block.
    """
    largest = _largest(problem.auxiliaries)
    even = _divided(problem, largest)
    groups = _blocks(even)
    with np.errstate(over="ignore"):
        begin = _nearer(even, distance, start * largest)
    x, weights, scale, totals = even.auxiliaries, even.weights, even.scale, even.totals
    batch = make_batch(x, weights, scale, totals, even.size, groups, distance)
    found = None if batch is None else newton(batch, begin, tolerance, max_iterations)
    if found is not None and found[2]:
        return Solution(found[0] / largest, found[1], True, len(groups))
    multipliers, iterations, converged = begin.copy(), 0, True
    for controls, rows in groups:
        block = _cut(even, controls, rows, distance)
        solved, steps, met = _newton(block, begin[controls], tolerance, max_iterations)
        if not met and begin[controls].any():
            solved, steps, met = _newton(block, np.zeros(len(controls)), tolerance, max_iterations)
        multipliers[controls] = solved
        iterations, converged = max(iterations, steps), converged and met
    return Solution(multipliers / largest, iterations, converged, len(groups))


def rounding_error(x: "FloatArray | sp.csr_array", weights: FloatArray, ratio: FloatArray) -> FloatArray:
    """Size of the rounding error in sums of auxiliaries (C, p) weighted by weights times ratio (C,): shape (p,)."""
    error: FloatArray = _ROUNDING * (abs(x).T @ (weights * (1 + np.abs(ratio))))
    return error


def _largest(x: "sp.csr_array") -> FloatArray:
    """Largest size of each auxiliary; 1 where all are zero."""
    size = np.zeros(x.shape[1])
    np.maximum.at(size, x.indices, np.abs(x.data))
    return np.where(size > 0, size, 1.0)


def _divided(problem: Problem, largest: FloatArray) -> Problem:
    if (largest == 1).all():
        return problem
    x = problem.auxiliaries
    even = sp.csr_array((x.data / largest[x.indices], x.indices, x.indptr), shape=x.shape)
    return Problem(even, problem.weights, problem.scale, problem.totals / largest, problem.size / largest)


def _nearer(problem: Problem, distance: Distance, start: FloatArray) -> FloatArray:
    """The start, or zeros where the dual objective is no higher there."""
    if not start.any():
        return start
    with np.errstate(over="ignore", invalid="ignore"):
        u = problem.scale * (problem.auxiliaries @ start)
        objective = float((problem.weights / problem.scale) @ distance.cost(u) - problem.totals @ start)
    return start if np.isfinite(objective) and objective < 0 else np.zeros_like(start)


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
    return [order[start:end] for start, end in pairwise(edges)]


def _cut(problem: Problem, controls: IntArray, rows: IntArray, distance: Distance) -> _Block:
    x = problem.auxiliaries[rows][:, controls]
    entries = len(rows) * len(controls)
    part = x.toarray() if x.nnz > _DENSE_SHARE * entries and entries <= _DENSE_LIMIT else sp.csr_array(x)
    totals, size = problem.totals[controls], problem.size[controls]
    return _Block(part, problem.weights[rows], problem.scale[rows], totals, size, distance)


def _newton(block: _Block, start: FloatArray, tolerance: float, max_iterations: int) -> tuple[FloatArray, int, bool]:
    """Multipliers of one block that came nearest, steps taken, and whether every control is met."""
    multipliers, nearest, best = start, start, np.inf
    u = block.argument(multipliers)
    missing, objective = block.missing(u), block.objective(u, multipliers)
    for iteration in range(max_iterations + 1):
        error = float(np.abs(missing / block.size).max())
        if error < best:
            nearest, best = multipliers, error
        if best <= tolerance or iteration == max_iterations:
            break
        step = _step(block.curvature(u), missing)
        found = _search(block, multipliers, step, objective, float(missing @ step), error)
        if found is None:
            break
        multipliers, u, missing, objective = found
    u = block.argument(nearest)
    return nearest, iteration, best <= tolerance or block.rounded(u, block.missing(u), tolerance)


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
