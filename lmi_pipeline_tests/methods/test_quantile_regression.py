"""Quantile regression against linear programming, statsmodels, closed forms and its own condition of optimality."""

from collections.abc import Sequence

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods import quantile_regression
from lmi_pipeline.methods.factor_design import Design, Factor
from lmi_pipeline.methods.quantile_regression import QuantileFit, fit_quantiles

DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
EXTREME = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]


class Sample:
    """Log pay with unequal weights; spread differs by occupation, and the last occupations have a row or two."""

    def __init__(self, n: int = 400, seed: int = 1, occupations: int = 12, thin: int = 3) -> None:
        rng = np.random.default_rng(seed)
        crowd = rng.integers(0, occupations - thin, n - 2 * thin)
        occupation = np.concatenate([crowd, np.repeat(np.arange(occupations - thin, occupations), 2)])[: n - 1]
        self.occupation = np.concatenate([occupation, [0]])
        self.region, self.sex = rng.integers(0, 4, n), rng.integers(0, 2, n)
        self.age = rng.uniform(-2.3, 2.2, n)
        self.weights = rng.gamma(4, 25, n)
        spread = rng.uniform(0.2, 0.6, occupations)[self.occupation]
        self.y = 6 + rng.normal(0, 0.4, occupations)[self.occupation] + 0.1 * self.sex + 0.1 * self.age
        self.y += 0.05 * self.region - 0.05 * self.age**2 + spread * rng.standard_t(4, n)
        factors = (
            Factor("occupation", self.occupation.astype(np.int16), occupations),
            Factor("region", self.region, 4),
            Factor("sex", self.sex, 2),
        )
        self.design = Design(factors, np.column_stack([self.age, self.age**2]), ("age", "age2"))

    def fit(self, probabilities: Sequence[float], **options: float) -> QuantileFit:
        return fit_quantiles(self.design, self.y, self.weights, probabilities, **options)


def loss(design: Design, y: np.ndarray, weights: np.ndarray, coefficients: np.ndarray, probability: float) -> float:
    residuals = y - design.product(coefficients)
    return float(weights @ (residuals * (probability - (residuals < 0))))


def program(sample: Sample, probability: float, kept: np.ndarray) -> tuple[float, np.ndarray]:
    """Least loss, and fitted values, by HiGHS on the columns that are kept."""
    x = sample.design.matrix().toarray()[:, kept]
    n = len(sample.y)
    cost = np.concatenate([np.zeros(x.shape[1]), probability * sample.weights, (1 - probability) * sample.weights])
    bounds = [(None, None)] * x.shape[1] + [(0, None)] * (2 * n)
    found = linprog(cost, A_eq=np.hstack([x, np.eye(n), -np.eye(n)]), b_eq=sample.y, bounds=bounds, method="highs")
    return found.fun, x @ found.x[: x.shape[1]]


@pytest.mark.parametrize("probability", [0.02, 0.1, 0.25, 0.5, 0.9, 0.98])
def test_least_loss_and_fit_are_those_of_linear_programming(probability: float) -> None:
    sample = Sample()
    fit = sample.fit([probability])
    least, fitted = program(sample, probability, ~(fit.aliased | fit.empty))
    reached = loss(sample.design, sample.y, sample.weights, fit.coefficients[0], probability)
    assert least * (1 - 1e-12) <= reached <= least * (1 + 1e-8)
    np.testing.assert_allclose(sample.design.product(fit.coefficients[0]), fitted, atol=2e-6)


@pytest.mark.parametrize("seed", range(8))
def test_no_coefficient_can_move_at_any_decile(seed: int) -> None:
    """Koenker (2005), theorem 2.1: with the rows on the fit on either side, every column is balanced."""
    sample = Sample(n=900, seed=seed)
    fit = sample.fit(EXTREME)
    x = abs(sample.design.matrix())
    for probability, coefficients in zip(EXTREME, fit.coefficients, strict=True):
        residuals = sample.y - sample.design.product(coefficients)
        on_fit = np.abs(residuals) < 1e-6
        pull = sample.weights * (probability - (residuals < 0)) * ~on_fit
        assert (np.abs(sample.design.transposed(pull)) <= x.T @ (sample.weights * on_fit) + 1e-9).all()
    assert fit.gap.max() <= 1e-8


def test_agrees_with_statsmodels_on_unweighted_rows() -> None:
    sample = Sample(n=1500, thin=0)
    ones = np.ones(1500)
    probabilities = [0.103, 0.497, 0.891]  # with none of these a count of rows is whole, so the minimum is unique
    fit = fit_quantiles(sample.design, sample.y, ones, probabilities)
    x = sample.design.matrix().toarray()[:, ~(fit.aliased | fit.empty)]
    for coefficients, probability in zip(fit.coefficients, probabilities, strict=True):
        peer = sm.QuantReg(sample.y, x).fit(q=probability, p_tol=1e-9, max_iter=5000)
        np.testing.assert_allclose(coefficients[~(fit.aliased | fit.empty)], peer.params, atol=2e-3)
        residuals = sample.y - x @ peer.params
        theirs = float((residuals * (probability - (residuals < 0))).sum())
        assert loss(sample.design, sample.y, ones, coefficients, probability) <= theirs * (1 + 1e-9)


def test_one_factor_gives_the_weighted_quantile_of_each_level() -> None:
    rng = np.random.default_rng(5)
    codes, y, weights = np.repeat(np.arange(6), 41), rng.normal(size=246), rng.uniform(1, 9, 246)
    fit = fit_quantiles(Design((Factor("occupation", codes, 7),), np.empty((246, 0)), ()), y, weights, DECILES)
    for level in range(6):
        order = np.argsort(y[codes == level])
        shares = np.cumsum(weights[codes == level][order]) / weights[codes == level].sum()
        expected = y[codes == level][order][np.searchsorted(shares, DECILES)]
        np.testing.assert_allclose(fit.coefficients[:, level], expected, atol=1e-6)
    assert fit.empty.tolist() == [False] * 6 + [True]
    assert (fit.coefficients[:, 6] == 0).all()


def test_order_of_probabilities_is_kept_and_repeats_are_fitted_alike() -> None:
    fit = Sample().fit([0.9, 0.1, 0.9])
    assert fit.probabilities.tolist() == [0.9, 0.1, 0.9]
    np.testing.assert_array_equal(fit.coefficients[0], fit.coefficients[2])
    np.testing.assert_allclose(fit.coefficients[1], Sample().fit([0.1]).coefficients[0], atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    factor=st.floats(1e-3, 1e4),
    shift=st.floats(-50, 50),
    probability=st.floats(0.02, 0.98),
)
def test_equivariant_to_scale_shift_and_reflection(seed: int, factor: float, shift: float, probability: float) -> None:
    sample = Sample(n=300, seed=seed)
    design, y, weights = sample.design, sample.y, sample.weights
    fitted = design.product(sample.fit([probability]).coefficients[0])
    moved = fit_quantiles(design, factor * y + shift, 7 * weights, [probability]).coefficients[0]
    mirrored = fit_quantiles(design, -y, weights, [1 - probability]).coefficients[0]
    for found in ((design.product(moved) - shift) / factor, -design.product(mirrored)):
        here, there = (float(weights @ ((y - each) * (probability - (y < each)))) for each in (found, fitted))
        assert abs(here - there) <= 3e-8 * there


def test_weight_of_three_is_three_rows() -> None:
    sample = Sample(n=250)
    times = np.random.default_rng(2).integers(1, 4, 250)
    weighted = fit_quantiles(sample.design, sample.y, times.astype(float), DECILES)
    rows = np.repeat(np.arange(250), times)
    factors = tuple(Factor(f.name, f.codes[rows], f.levels) for f in sample.design.factors)
    repeated = Design(factors, sample.design.continuous[rows], ("age", "age2"))
    fit = fit_quantiles(repeated, sample.y[rows], np.ones(len(rows)), DECILES)
    for ours, theirs, probability in zip(weighted.coefficients, fit.coefficients, DECILES, strict=True):
        losses = [loss(sample.design, sample.y, times.astype(float), each, probability) for each in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=3e-8)


def test_rows_held_on_their_side_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = Sample(n=6000, occupations=30)
    held = sample.fit(DECILES)
    monkeypatch.setattr(quantile_regression, "_BAND", 2.0)
    everything = sample.fit(DECILES)
    assert not np.array_equal(held.coefficients, everything.coefficients)
    np.testing.assert_allclose(held.coefficients, everything.coefficients, atol=1e-5)
    assert held.gap.max() <= 1e-8


def test_rows_that_cross_are_let_go() -> None:
    """A slope that turns from one decile to the next: ranks about the neighbouring fit are far out."""
    rng = np.random.default_rng(8)
    n = 8000
    x, u = rng.uniform(0, 10, n), rng.uniform(0, 1, n)
    sex = rng.integers(0, 2, n)
    y = 5 + x * (u - 0.5) * (1 + sex)
    design = Design((Factor("sex", sex, 2),), x[:, None], ("x",))
    fit = fit_quantiles(design, y, np.ones(n), DECILES)
    ones = np.ones(n)
    for probability, coefficients in zip(DECILES, fit.coefficients, strict=True):
        residuals = y - design.product(coefficients)
        on_fit = np.abs(residuals) < 1e-6
        pull = ones * (probability - (residuals < 0)) * ~on_fit
        assert (np.abs(design.transposed(pull)) <= abs(design.matrix()).T @ (ones * on_fit) + 1e-9).all()
    np.testing.assert_allclose(fit.coefficients[:, 0], 1.5 * (np.array(DECILES) - 0.5), atol=0.2)


def test_nested_thin_levels_with_equal_weights() -> None:
    """Curvatures at the end are beyond what elimination bears: 957 effects of 3,000 rows, many with one row."""
    rng = np.random.default_rng(9)
    n, share = 3000, np.exp(rng.normal(0, 1.8, 369))
    occupation = rng.choice(369, n, p=share / share.sum())
    sex, year, age = rng.integers(0, 2, n), rng.integers(0, 3, n), rng.integers(16, 75, n).astype(float)
    industry = (occupation // 5 + rng.integers(0, 4, n)) % 75
    factors = (
        Factor("occupation sex", occupation * 2 + sex, 738),
        Factor("occupation year", occupation * 3 + year, 1107),
        Factor("sex", sex, 2),
        Factor("industry year", industry * 3 + year, 225),
    )
    design = Design(factors, np.column_stack([age, age**2]), ("age", "age2"))
    y = 6 + 0.03 * age - 0.0003 * age**2 + rng.uniform(0.1, 0.9, 369)[occupation] * rng.standard_t(3, n)
    probabilities = [0.25, 0.98]
    fit = fit_quantiles(design, y, np.ones(n), probabilities)
    assert fit.gap.max() <= 1e-8
    for probability, coefficients in zip(probabilities, fit.coefficients, strict=True):
        residuals = y - design.product(coefficients)
        on_fit = np.abs(residuals) < 1e-6
        pull = (probability - (residuals < 0)) * ~on_fit
        assert (np.abs(design.transposed(pull)) <= abs(design.matrix()).T @ on_fit.astype(float) + 1e-6).all()


def test_far_outliers_do_not_matter() -> None:
    sample = Sample(n=1200)
    moved = sample.y + np.where(sample.y > np.quantile(sample.y, 0.97), 1e6, 0.0)
    fit = fit_quantiles(sample.design, moved, sample.weights, [0.1, 0.5], tolerance=1e-12)
    x = abs(sample.design.matrix())
    for probability, coefficients in zip((0.1, 0.5), fit.coefficients, strict=True):
        residuals = moved - sample.design.product(coefficients)
        on_fit = np.abs(residuals) < 1e-4
        pull = sample.weights * (probability - (residuals < 0)) * ~on_fit
        assert (np.abs(sample.design.transposed(pull)) <= x.T @ (sample.weights * on_fit) + 1e-6).all()


def test_exact_relation_is_found_at_every_quantile() -> None:
    sample = Sample()
    truth = 6 + 0.1 * sample.age + 0.3 * sample.sex
    fit = fit_quantiles(sample.design, truth, sample.weights, EXTREME)
    for coefficients in fit.coefficients:
        np.testing.assert_allclose(sample.design.product(coefficients), truth, rtol=1e-9)


def test_pay_rounded_to_few_values_with_equal_weights() -> None:
    sample = Sample(n=900)
    rounded = np.round(sample.y, 1)
    fit = fit_quantiles(sample.design, rounded, np.ones(900), EXTREME)
    for probability, coefficients in zip(EXTREME, fit.coefficients, strict=True):
        sample.y, sample.weights = rounded, np.ones(900)
        least, _ = program(sample, probability, ~(fit.aliased | fit.empty))
        assert loss(sample.design, rounded, np.ones(900), coefficients, probability) <= least * (1 + 1e-8)


@pytest.mark.parametrize("probabilities", [[], [0.0], [1.0], [0.5, np.nan], [0.5, 1.2]])
def test_probabilities_outside_zero_to_one(probabilities: list[float]) -> None:
    with pytest.raises(MethodError, match="probabilities outside 0 to 1"):
        Sample().fit(probabilities)


def test_unusable_rows_are_counted() -> None:
    sample = Sample()
    sample.y[:3], sample.weights[5:7] = np.nan, [0.0, -1.0]
    with pytest.raises(MethodError, match="of 400 rows 3 have a value that is not finite and 2 a weight"):
        sample.fit([0.5])
    with pytest.raises(MethodError, match=r"\(399,\) values and \(400,\) weights for 400 rows"):
        fit_quantiles(sample.design, sample.y[1:], sample.weights, [0.5])


def test_too_few_iterations_are_an_error_with_the_gap() -> None:
    with pytest.raises(MethodError, match=r"at 0\.1: not reached in 2 iterations, gap"):
        Sample().fit([0.1], max_iterations=2)
