"""The growth estimator, and the optimality of one half against numerical integration."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods import estimator, ratios

RATE = st.floats(-0.5, 0.5)
EXACT = 1e-12


@given(RATE, RATE, RATE)
def test_estimate_when_coefficient_is_zero_then_growth_stays(base: float, now: float, before: float) -> None:
    assert estimator.estimate_population_growth(base, now, before, coefficient=0).growth_rate == base


@given(RATE, RATE, RATE)
def test_estimate_when_coefficient_is_one_then_passes_rti_through(base: float, now: float, before: float) -> None:
    estimate = estimator.estimate_population_growth(base, now, before, coefficient=1)
    np.testing.assert_allclose(estimate.growth_rate, base + now - before, rtol=0, atol=EXACT)


@given(RATE, RATE, st.floats(0, 1))
def test_estimate_in_the_base_quarter_then_is_exactly_the_base_growth(base: float, rti: float, k: float) -> None:
    estimate = estimator.estimate_population_growth(base, rti, rti, coefficient=k)
    assert estimate.growth_rate == base
    assert estimate.adjustment == 0


@given(RATE, RATE, RATE, st.floats(0, 1))
def test_adjustment_has_the_sign_of_the_rti_change_and_is_not_larger(
    base: float, now: float, before: float, k: float
) -> None:
    estimate = estimator.estimate_population_growth(base, now, before, coefficient=k)
    assert np.sign(estimate.adjustment) in {0, np.sign(estimate.rti_change)}
    assert abs(estimate.adjustment) <= abs(estimate.rti_change)


@given(RATE, RATE, RATE, RATE, RATE)
def test_estimate_when_every_group_changes_as_uk_nationals_do_then_stays(
    base: float, now: float, before: float, uk_now: float, uk_before: float
) -> None:
    shift = uk_now - uk_before
    estimate = estimator.estimate_population_growth(
        base,
        estimator.uk_adjusted_growth(before + shift, uk_now),
        estimator.uk_adjusted_growth(before, uk_before),
    )
    np.testing.assert_allclose(estimate.growth_rate, base, rtol=0, atol=EXACT)


def test_estimate_with_published_rates_then_as_by_hand() -> None:
    """Equation (9): base 49/3,600, published RTI growth 2.6 to -4.6 (EU); equation (8) keeps b = 0.99."""
    base = 49 / 3600
    nine = estimator.estimate_population_growth(base, -0.046, 0.026)
    eight = estimator.estimate_population_growth(base, -0.046, 0.026, coefficient=0.99 - 0.5)
    assert nine.growth_rate == pytest.approx(base - 0.036, abs=EXACT)
    assert eight.growth_rate - nine.growth_rate == pytest.approx(0.00072, abs=EXACT)


def test_estimate_broadcasts_areas_over_quarters() -> None:
    estimate = estimator.estimate_population_growth([0.01, 0.02], [[0.1, 0.1], [0.3, 0.3]], [0.1, 0.1])
    np.testing.assert_allclose(estimate.growth_rate, [[0.01, 0.02], [0.11, 0.12]])


@pytest.mark.parametrize("place", range(3))
def test_estimate_when_input_is_not_finite_then_refused(place: int) -> None:
    rates = [0.01, 0.02, 0.03]
    rates[place] = np.nan
    with pytest.raises(MethodError, match="finite"):
        estimator.estimate_population_growth(*rates)


@given(RATE, RATE, st.floats(0, 1))
def test_prediction_error_is_the_distance_from_tau(change_n: float, change_a: float, k: float) -> None:
    assume(abs(change_a) > 1e-6)
    error = estimator.prediction_error(change_n, change_a, coefficient=k)
    tau = ratios.tau(change_n, change_a)
    np.testing.assert_allclose(error, (k - 1 - tau) * change_a, rtol=0, atol=EXACT)


@given(RATE)
def test_prediction_error_when_population_changed_by_half_then_zero(change_a: float) -> None:
    assert estimator.prediction_error(change_a / 2, change_a) == 0


@given(st.floats(-2, 0.9), st.floats(0.1, 2), st.floats(-2, 2), RATE)
def test_mean_square_error_equals_its_integral(lowest: float, width: float, tau_used: float, change: float) -> None:
    highest = lowest + width
    integral, _ = quad(lambda tau: ((tau_used - tau) * change) ** 2 / width, lowest, highest)
    closed = estimator.mean_square_error(change, tau_used, lowest=lowest, highest=highest)
    np.testing.assert_allclose(closed, integral, rtol=1e-9, atol=1e-15)


@given(st.floats(-1, 1), st.floats(0.1, 1))
def test_optimal_tau_minimises_the_mean_square_error(lowest: float, width: float) -> None:
    highest = lowest + width
    best = minimize_scalar(lambda tau: float(estimator.mean_square_error(1, tau, lowest=lowest, highest=highest)))
    assert best.x == pytest.approx(estimator.optimal_tau(lowest, highest), abs=1e-6)
    assert best.fun == pytest.approx(width**2 / 12, rel=1e-9)


def test_optimal_tau_on_the_articles_interval_then_minus_one_half_with_a_twelfth() -> None:
    assert estimator.optimal_tau() == -0.5
    assert 1 + estimator.optimal_tau() == estimator.COEFFICIENT
    assert estimator.mean_square_error(0.072, -0.5) == pytest.approx(0.072**2 / 12)


def test_optimal_tau_when_interval_is_empty_then_refused() -> None:
    with pytest.raises(MethodError, match="empty interval"):
        estimator.optimal_tau(0, -1)


@given(st.floats(0, 1), RATE)
def test_error_bounds_equal_integrals_over_tau(k: float, change: float) -> None:
    def error(tau: float) -> float:
        return abs((k - 1 - tau) * change)

    bounds = estimator.error_bounds(change, coefficient=k)
    grid = np.linspace(-1, 0, 20_001)
    errors = np.abs((k - 1 - grid) * change)
    np.testing.assert_allclose(bounds.mean_absolute, np.trapezoid(errors, grid), rtol=0, atol=1e-8)
    np.testing.assert_allclose(bounds.root_mean_square**2, np.trapezoid(errors**2, grid), rtol=0, atol=1e-8)
    np.testing.assert_allclose(bounds.worst, max(error(-1), error(0)), rtol=0, atol=EXACT)


def test_error_bounds_at_one_half_then_the_published_shares_of_the_change() -> None:
    bounds = estimator.error_bounds(-1.0)
    assert bounds.root_mean_square == pytest.approx(0.2887, abs=0.00005)
    assert bounds.mean_absolute == 0.25
    assert bounds.worst == 0.5


def test_error_bounds_when_coefficient_is_no_one_plus_tau_then_refused() -> None:
    with pytest.raises(MethodError, match="from 0 to 1"):
        estimator.error_bounds(0.1, coefficient=1.2)


def test_growth_from_migration_when_stock_is_not_positive_then_refused() -> None:
    assert estimator.growth_from_migration(49_000, 3_600_000) == pytest.approx(0.01361, abs=5e-6)
    with pytest.raises(MethodError, match="positive stocks; 1 are not"):
        estimator.growth_from_migration([1, 1], [0, 1])
