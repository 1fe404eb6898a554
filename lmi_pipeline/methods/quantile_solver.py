"""Interior point for quantile regression (Portnoy and Koenker 1997), whatever the structure of the regressors.

The check function is split into what lies over the fit, p, and under it, m. A dual variable a in [0, 1] of every row
is one where the row lies over the fit and zero where it lies under, and X'(w a) = t is the condition of optimality,
with t = (1 - tau) X'w when all rows take part. Along the central path p (1 - a) = m a = mu. Each step solves two
systems with one factorisation of X'DX, the normal equations of weighted least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray

_CENTRE = 0.3
_STAY_INSIDE = 0.9995
_REDUCTION_POWER = 3
_BALANCED = 1e-10
_SOLVED = 1e-3
_FLOORS = (0.0, 1e-12, 1e-10, 1e-8, 1e-6)
_MAX_GRADIENTS = 30
_LARGEST = 1e100


class Regressors(Protocol):
    """Rows of regressors, n by p."""

    def product(self, coefficients: FloatArray) -> FloatArray:
        """X b, (n,)."""

    def transposed(self, values: FloatArray) -> FloatArray:
        """X'v, (p,)."""


class Factorised(Protocol):
    """A factorisation of X'DX."""

    def solve(self, right: FloatArray) -> FloatArray:
        """Solution (p,) of the normal equations; zero for columns that follow from others."""


class Equations(Protocol):
    """Normal equations of the same regressors under any weights."""

    def factorise(self, weights: FloatArray) -> Factorised:
        """Factorisation of X'DX for positive weights (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class QuantileProblem:
    """What to minimise: sum of w (over the fit) a + (under the fit) (1 - a) at its worst a with X'(w a) = target.

    Attributes
    ----------
    regressors : the rows.
    equations : tuple
        Their normal equations, each way of factorising them after the one that bears less.
    y, weights : ndarray
        (n,) values, and weights above zero.
    target : ndarray
        (p,) what X'(w a) must be.
    sizes : ndarray
        (p,) sum of w |x| by column, the scale on which the target is met.
    """

    regressors: Regressors
    equations: tuple[Equations, ...]
    y: FloatArray
    weights: FloatArray
    target: FloatArray
    sizes: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Interior:
    """Where the iterations ended.

    Attributes
    ----------
    coefficients : ndarray
        (p,)
    dual : ndarray
        (n,) inside 0 to 1.
    iterations : int
    gap : float
        Sum of w (p (1 - a) + m a), in the unit of y times weight.
    converged : bool
        The gap is as small as asked for and X'(w a) meets its target.
    """

    coefficients: FloatArray
    dual: FloatArray
    iterations: int
    gap: float
    converged: bool


@dataclass(slots=True, eq=False)
class _Point:
    """Coefficients b, residuals y - Xb, and the four positive arrays; `rest` is 1 - dual, kept apart for its digits."""

    coefficients: FloatArray
    residuals: FloatArray
    over: FloatArray
    under: FloatArray
    dual: FloatArray
    rest: FloatArray

    def products(self) -> FloatArray:
        return self.over * self.rest + self.under * self.dual


@dataclass(frozen=True, slots=True, eq=False)
class _Direction:
    coefficients: FloatArray
    over: FloatArray
    under: FloatArray
    dual: FloatArray
    primal_step: float
    dual_step: float


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """X'DX, a factorisation of it or of something near it, and what may be left of a right-hand side (p,)."""

    regressors: Regressors
    scaled: FloatArray
    factor: Factorised
    allowed: FloatArray

    def solve(self, right: FloatArray) -> tuple[FloatArray, FloatArray, bool]:
        """Solution b, X b, and whether what is left is allowed; by conjugate gradients if the factorisation lacks."""
        move = self.factor.solve(right)
        change = self.regressors.product(move)
        left = right - self.regressors.transposed(self.scaled * change)
        search, before = np.zeros_like(move), np.inf
        for _ in range(_MAX_GRADIENTS):
            if (np.abs(left) <= self.allowed).all():
                return move, change, True
            if not np.abs(left).max() < _LARGEST:
                break
            nearer = self.factor.solve(left)
            size = float(left @ nearer)
            if not 0 < size < np.inf:
                break
            search = nearer + size / before * search
            step = self.regressors.product(search)
            curved = float(self.scaled @ step**2) if np.abs(step).max() < _LARGEST else 0.0
            if curved <= 0:
                break
            share = size / curved
            move, change, before = move + share * search, change + share * step, size
            left = left - share * self.regressors.transposed(self.scaled * step)
        return move, change, False


def solve_quantile(problem: QuantileProblem, start: FloatArray, *, allowed_gap: float, max_iterations: int) -> Interior:
    """Minimise by Mehrotra's predictor and corrector with steps of their own for coefficients and dual.

    Parameters
    ----------
    problem : QuantileProblem
    start : ndarray
        (p,) coefficients to begin with.
    allowed_gap : float
        Duality gap to stop at, in the unit of y times weight.
    max_iterations : int

    Returns
    -------
    Interior
        Also where the iterations ran out; `converged` says so.

    Notes
    -----
    Portnoy and Koenker (1997), section 5; Mehrotra (1992) for the corrector. All rows share mu, so a row of weight
    two is two rows. A target that no dual in [0, 1] meets has no solution: the iterations run out.
    """
    point = _central_point(problem, start)
    weights = problem.weights
    for iteration in range(max_iterations + 1):
        gap = float(weights @ point.products())
        missing = problem.target - problem.regressors.transposed(weights * point.dual)
        converged = gap <= allowed_gap and bool((np.abs(missing) <= _BALANCED * problem.sizes).all())
        if converged or iteration == max_iterations or not gap < _LARGEST:
            break
        _advance(problem, point, missing, gap)
    return Interior(point.coefficients, point.dual, iteration, gap, converged)


def _central_point(problem: QuantileProblem, start: FloatArray) -> _Point:
    """p, m and a on the central path for the residuals of the start, mu in proportion to their mean size."""
    residuals = problem.y - problem.regressors.product(start)
    sizes = (np.abs(residuals), 1e-10 * np.abs(problem.y))
    spread = max(_CENTRE * max(float(np.average(size, weights=problem.weights)) for size in sizes), 1e-100)
    lean = residuals / (2 * (2 * spread + np.hypot(residuals, 2 * spread)))
    dual, rest = 0.5 + lean, 0.5 - lean
    return _Point(start.copy(), residuals, spread / rest, spread / dual, dual, rest)


def _advance(problem: QuantileProblem, point: _Point, missing: FloatArray, gap: float) -> None:
    """Move the point by one step of predictor and corrector."""
    weights, total = problem.weights, float(problem.weights.sum())
    slope_over, slope_under = point.over / point.rest, point.under / point.dual
    curvature = 1 / (slope_over + slope_under)
    scaled = weights * curvature
    first = problem.regressors.transposed(scaled * point.residuals) - missing
    system = _balanced_system(problem, curvature, first, missing)

    def direction(extra_over: FloatArray | float, extra_under: FloatArray | float) -> _Direction:
        """Newton direction to p (1 - a) = 0 + extra, m a = 0 + extra, primal and dual feasible."""
        wanted = point.residuals - extra_over / point.rest + extra_under / point.dual
        move, change, _ = system.solve(problem.regressors.transposed(scaled * wanted) - missing)
        dual = curvature * (wanted - change)
        over = extra_over / point.rest - point.over + slope_over * dual
        under = extra_under / point.dual - point.under - slope_under * dual
        primal_step = _longest(point.over, over, point.under, under)
        return _Direction(move, over, under, dual, primal_step, _longest(point.dual, dual, point.rest, -dual))

    ahead = direction(0.0, 0.0)
    over, under = point.over + ahead.primal_step * ahead.over, point.under + ahead.primal_step * ahead.under
    moved = ahead.dual_step * ahead.dual
    left = float(weights @ (over * (point.rest - moved) + under * (point.dual + moved)))
    centre = (left / gap) ** _REDUCTION_POWER * gap / (2 * total)
    second_order = ahead.over * ahead.dual
    taken = direction(centre + second_order, centre - ahead.under * ahead.dual)
    point.coefficients = point.coefficients + taken.primal_step * taken.coefficients
    point.over = point.over + taken.primal_step * taken.over
    point.under = point.under + taken.primal_step * taken.under
    point.dual = point.dual + taken.dual_step * taken.dual
    point.rest = point.rest - taken.dual_step * taken.dual
    point.residuals = problem.y - problem.regressors.product(point.coefficients)


def _balanced_system(
    problem: QuantileProblem, curvature: FloatArray, right: FloatArray, missing: FloatArray
) -> _System:
    """X'DX with a factorisation good enough to solve for `right`.

    Towards the end curvatures spread over more orders of magnitude than digits. Where elimination does not bear that,
    the factorisation is of D raised to a share of its largest value, and conjugate gradients do the rest.
    """
    shortfall = float(
        np.divide(np.abs(missing), problem.sizes, out=np.zeros_like(missing), where=problem.sizes > 0).max()
    )
    allowed = max(_BALANCED / 10, _SOLVED * shortfall) * problem.sizes
    scaled, highest = problem.weights * curvature, float(curvature.max())
    system: _System | None = None
    for equations in problem.equations:
        for share in _FLOORS:
            try:
                factor = equations.factorise(problem.weights * np.maximum(curvature, share * highest))
            except MethodError:
                continue
            system = _System(problem.regressors, scaled, factor, allowed)
            if system.solve(right)[2]:
                return system
    if system is None:
        raise MethodError("quantile regression: the normal equations are singular at every step; merge thin levels")
    return system


def _longest(first: FloatArray, first_move: FloatArray, second: FloatArray, second_move: FloatArray) -> float:
    """Longest step, at most 1, that keeps both arrays inside zero."""
    fastest = -min(float((first_move / first).min()), float((second_move / second).min()))
    return 1.0 if fastest <= _STAY_INSIDE else _STAY_INSIDE / fastest
