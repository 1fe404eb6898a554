"""Weighted linear quantile regression on a design of factors (Koenker and Bassett 1978; Portnoy and Koenker 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_design import BoolArray, Design, Factor, IntArray, NormalEquations
from lmi_pipeline.methods.quantile_band import rank_rows, with_thin_levels
from lmi_pipeline.methods.quantile_solver import Interior, QuantileProblem, solve_quantile
from lmi_pipeline.methods.tables import FloatArray

_BAND = 0.06
_LEAST_IN_LEVEL = 20
_LARGEST_SHARE = 0.6
_ROUNDS = 4
_ROUNDING = 1e-14


@dataclass(frozen=True, slots=True, eq=False)
class QuantileFit:
    """Coefficients of conditional quantiles.

    Attributes
    ----------
    probabilities : ndarray
        (m,) as asked for.
    coefficients : ndarray
        (m, p) continuous terms, then factor levels in order; 0 where aliased or empty.
    iterations : ndarray of int
        (m,) interior-point steps.
    gap : ndarray
        (m,) duality gap over all rows as a share of the minimised sum: the sum is at most this far from the least.
    aliased, empty : ndarray of bool
        (p,) levels that follow from earlier ones; levels without rows.
    """

    probabilities: FloatArray
    coefficients: FloatArray
    iterations: IntArray
    gap: FloatArray
    aliased: BoolArray
    empty: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    design: Design
    equations: NormalEquations
    y: FloatArray
    weights: FloatArray
    sizes: FloatArray
    tolerance: float
    max_iterations: int

    def loss(self, residuals: FloatArray, probability: float) -> float:
        """Weighted sum of the check function."""
        return float(self.weights @ (residuals * (probability - (residuals < 0))))

    def allowed_gap(self, coefficients: FloatArray, probability: float) -> float:
        """Half the tolerance, for the loss of a start is a little more than the least."""
        rounding = _ROUNDING * float(self.weights @ np.abs(self.y))
        loss = self.loss(self.y - self.design.product(coefficients), probability)
        return max(self.tolerance * loss / 2, rounding, np.finfo(float).tiny)

    def relative_gap(self, found: Interior, probability: float) -> float:
        """Duality gap over all rows as a share of the loss; 0 where both are rounding errors."""
        residuals = self.y - self.design.product(found.coefficients)
        apart = np.where(residuals > 0, residuals * (1 - found.dual), -residuals * found.dual)
        gap, rounding = float(self.weights @ apart), _ROUNDING * float(self.weights @ np.abs(self.y))
        return gap / self.loss(residuals, probability) if gap > rounding else 0.0


def fit_quantiles(
    design: Design,
    y: FloatArray,
    weights: FloatArray,
    probabilities: Sequence[float],
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> QuantileFit:
    """Fit several conditional quantiles, each minimising the weighted sum of its check function.

    Parameters
    ----------
    design : Design
    y : ndarray
        (n,) in any unit.
    weights : ndarray
        (n,) above zero; of any scale.
    probabilities : sequence of float
        m of them, inside 0 to 1, in any order.
    tolerance : float
        Duality gap to stop at, relative to the minimised sum.
    max_iterations : int
        Steps of the interior point for one quantile.

    Returns
    -------
    QuantileFit

    Raises
    ------
    MethodError
        Naming how many weights, values or probabilities are unusable; or a quantile that is not reached within the
        iterations.

    Notes
    -----
    Where many rows share a level of the first factor, each quantile is first solved on the rows near it, the others
    being held on the side where they are, starting from the neighbouring quantile. The fit is taken only if every
    row that was held turns out to be on its side; its gap and its condition of optimality are those of all rows.
    Fitted quantiles are not forced to be in order: see :func:`lmi_pipeline.methods.pay_quantiles.rearrange`.
    """
    wanted = _require_probabilities(probabilities)
    _require_rows(design, y, weights)
    equations = NormalEquations.prepare(design)
    sizes = np.concatenate([weights @ np.abs(design.continuous), design.transposed(weights)[_continuous(design) :]])
    sample = _Sample(design, equations, y, weights, sizes, tolerance, max_iterations)
    centre = equations.factorise(weights).solve(design.transposed(weights * y))
    ordered = sorted(set(wanted.tolist()), key=lambda each: abs(each - 0.5))
    fits: dict[float, tuple[FloatArray, int, float]] = {}
    for probability in ordered:
        nearest = min(fits, key=lambda each: abs(each - probability), default=None)
        fits[probability] = _fit_one(sample, probability, centre if nearest is None else fits[nearest][0])
    found = [fits[probability] for probability in wanted.tolist()]
    return QuantileFit(
        probabilities=wanted,
        coefficients=np.array([each[0] for each in found]),
        iterations=np.array([each[1] for each in found]),
        gap=np.array([each[2] for each in found]),
        aliased=equations.aliased,
        empty=equations.empty,
    )


def _fit_one(sample: _Sample, probability: float, start: FloatArray) -> tuple[FloatArray, int, float]:
    """Coefficients, iterations and relative gap of one quantile."""
    target = (1 - probability) * sample.design.transposed(sample.weights)
    found = _from_band(sample, probability, start, target) or _from_all(sample, probability, start, target)
    gap = sample.relative_gap(found, probability)
    if gap > sample.tolerance:
        found = _from_all(sample, probability, found.coefficients, target)
        gap = sample.relative_gap(found, probability)
    return found.coefficients, found.iterations, gap


def _from_all(sample: _Sample, probability: float, start: FloatArray, target: FloatArray) -> Interior:
    problem = QuantileProblem(
        sample.design, _either(sample.design, sample.equations), sample.y, sample.weights, target, sample.sizes
    )
    allowed = sample.allowed_gap(start, probability)
    found = solve_quantile(problem, start, allowed_gap=allowed, max_iterations=sample.max_iterations)
    if not found.converged:
        raise MethodError(
            f"quantile regression at {probability:g}: not reached in {found.iterations} iterations, gap "
            f"{found.gap:.3g} for {allowed:.3g}; allow more iterations or a larger tolerance, or merge thin levels"
        )
    return found


def _from_band(sample: _Sample, probability: float, start: FloatArray, target: FloatArray) -> Interior | None:
    """The same from rows near the quantile, or None where that does not pay or does not hold."""
    if not sample.design.factors:
        return None
    group = sample.design.factors[0]
    ranked = rank_rows(sample.y - sample.design.product(start), sample.weights, group.codes, group.levels)
    near = with_thin_levels(ranked.near(probability, _BAND), sample.design.factors, _LEAST_IN_LEVEL)
    over = ranked.over(probability)
    shifted = start.copy()
    first = _continuous(sample.design)
    shifted[first : first + ranked.levels] += ranked.quantile(probability)
    for _ in range(_ROUNDS):
        if near.mean() > _LARGEST_SHARE:
            return None
        found = _solve_near(sample, near, over, shifted, target, probability)
        if found is None:
            return None
        residuals = sample.y - sample.design.product(found.coefficients)
        crossed = ~near & ((residuals > 0) != over)
        if not crossed.any():
            dual = over.astype(np.float64)
            dual[near] = found.dual
            return Interior(found.coefficients, dual, found.iterations, found.gap, converged=True)
        near |= np.abs(residuals) <= np.abs(residuals[crossed]).max()
        over, shifted = residuals > 0, found.coefficients
    return None


def _solve_near(
    sample: _Sample, near: BoolArray, over: BoolArray, start: FloatArray, target: FloatArray, probability: float
) -> Interior | None:
    """Solve for the rows that are near; None if they leave other columns to be estimated, or no solution."""
    design = _rows(sample.design, near)
    equations = NormalEquations.prepare(design)
    same = (equations.aliased == sample.equations.aliased) & (equations.empty == sample.equations.empty)
    if not same.all():
        return None
    held = sample.design.transposed(sample.weights * (over & ~near))
    problem = QuantileProblem(
        design, _either(design, equations), sample.y[near], sample.weights[near], target - held, sample.sizes
    )
    allowed = sample.allowed_gap(start, probability)
    try:
        found = solve_quantile(problem, start, allowed_gap=allowed, max_iterations=sample.max_iterations)
    except MethodError:
        return None
    return found if found.converged else None


def _rows(design: Design, rows: BoolArray) -> Design:
    factors = tuple(Factor(factor.name, factor.codes[rows], factor.levels) for factor in design.factors)
    return Design(factors, design.continuous[rows], design.continuous_names)


@dataclass(frozen=True, slots=True, eq=False)
class _DenseFactor:
    kept: IntArray
    scale: FloatArray
    cholesky: FloatArray
    columns: int

    def solve(self, right: FloatArray) -> FloatArray:
        """Solution of the normal equations, 0 for columns that are not kept."""
        found = np.zeros(self.columns)
        solved = cho_solve((self.cholesky, True), self.scale * right[self.kept], check_finite=False)
        found[self.kept] = self.scale * solved
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _DenseEquations:
    """Normal equations in one dense matrix of the columns that are kept: slow, but it bears more than elimination."""

    design: Design
    kept: IntArray

    def factorise(self, weights: FloatArray) -> _DenseFactor:
        x = self.design.matrix()[:, self.kept]
        products = (x.T @ x.multiply(weights[:, None]).tocsr()).toarray()
        with np.errstate(divide="ignore"):
            scale = 1 / np.sqrt(np.diagonal(products))
        try:
            factor = cholesky(products * scale[:, None] * scale, lower=True)
        except (LinAlgError, ValueError) as error:
            raise MethodError(f"normal equations: not positive definite in {len(self.kept)} columns") from error
        return _DenseFactor(self.kept, scale, factor, self.design.size)


def _either(design: Design, equations: NormalEquations) -> tuple[NormalEquations, _DenseEquations]:
    return equations, _DenseEquations(design, np.flatnonzero(~(equations.aliased | equations.empty)))


def _continuous(design: Design) -> int:
    return int(design.continuous.shape[1])


def _require_probabilities(probabilities: Sequence[float]) -> FloatArray:
    wanted = np.asarray(probabilities, dtype=np.float64)
    outside = int((~((wanted > 0) & (wanted < 1))).sum())
    if outside or wanted.ndim != 1 or not wanted.size:
        raise MethodError(
            f"quantile regression: {outside} of {wanted.size} probabilities outside 0 to 1; give at least one, inside"
        )
    return wanted


def _require_rows(design: Design, y: FloatArray, weights: FloatArray) -> None:
    rows = len(design.continuous)
    if y.shape != (rows,) or weights.shape != (rows,):
        raise MethodError(f"quantile regression: {y.shape} values and {weights.shape} weights for {rows} rows")
    bad_y, bad_weight = int((~np.isfinite(y)).sum()), int((~(np.isfinite(weights) & (weights > 0))).sum())
    if bad_y or bad_weight:
        raise MethodError(
            f"quantile regression: of {rows} rows {bad_y} have a value that is not finite and {bad_weight} a weight "
            "that is not finite or not above zero; leave them out"
        )
