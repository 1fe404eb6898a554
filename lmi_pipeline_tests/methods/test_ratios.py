"""The exact identities behind the estimator."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods import decomposition, ratios

EXACT = 1e-12
"""Identities hold to rounding of double precision; rates are below 1 in size."""

RATE = st.floats(-0.5, 0.5)


@given(RATE, RATE, RATE, RATE)
def test_identity_6_holds_in_both_forms(n_now: float, n_base: float, e_now: float, e_base: float) -> None:
    change_n, change_e = ratios.growth_change(n_now, n_base), ratios.growth_change(e_now, e_base)
    b_now, b_base = ratios.naive_ratio(n_now, e_now), ratios.naive_ratio(n_base, e_base)
    delta = ratios.ratio_change(b_now, b_base)
    composed = ratios.population_change_from_ratios(b_base, change_e, delta, e_now)
    solved = ratios.ratio_change_from_growth(change_n, change_e, b_base, e_now)
    appendix_3 = (change_n * (1 + e_base) - change_e * (1 + n_base)) / ((1 + e_base) * (1 + e_now))
    np.testing.assert_allclose(composed, change_n, rtol=0, atol=EXACT)
    np.testing.assert_allclose(solved, delta, rtol=0, atol=EXACT)
    np.testing.assert_allclose(appendix_3, delta, rtol=0, atol=EXACT)


@given(RATE, RATE, RATE, RATE, st.floats(1, 1e8), st.floats(1, 1e8))
def test_equation_4_from_levels_equals_the_change_of_growth(
    n_now: float, n_base: float, e_now: float, e_base: float, population: float, employees: float
) -> None:
    def growth_from_ratio_and_employees(growth_n: float, growth_e: float) -> float:
        a_before = population / employees
        a_now = population * (1 + growth_n) / (employees * (1 + growth_e))
        return (a_now * employees * (1 + growth_e)) / (a_before * employees)

    change = growth_from_ratio_and_employees(n_now, e_now) - growth_from_ratio_and_employees(n_base, e_base)
    np.testing.assert_allclose(change, ratios.growth_change(n_now, n_base), rtol=0, atol=EXACT)


@given(RATE, RATE, st.floats(0.5, 1.5))
def test_tau_with_the_actual_ratio_gives_the_population_change_back(change_n: float, change_e: float, b: float) -> None:
    assume(abs(change_e) > 1e-6)
    tau = ratios.tau(change_n, change_e, b)
    np.testing.assert_allclose(b * (1 + tau) * change_e, change_n, rtol=0, atol=EXACT)


@given(st.floats(0, 1), RATE)
def test_tau_when_population_moves_with_rti_and_not_further_then_from_minus_one_to_zero(
    part: float, change_e: float
) -> None:
    assume(abs(change_e) > 1e-6)
    assert -1 - EXACT <= ratios.tau(part * change_e, change_e) <= EXACT


def test_tau_when_rti_growth_did_not_change_then_undefined() -> None:
    with pytest.raises(MethodError, match="1 cases"):
        ratios.tau([0.01, 0.01], [0.0, 0.02])


def test_naive_ratio_when_nobody_is_left_then_refused() -> None:
    with pytest.raises(MethodError, match="above -100 %"):
        ratios.naive_ratio(0.0, -1.0)


def test_published_ratio_of_the_base_quarter_then_about_0_99() -> None:
    """Net EU migration 49,000 on 3.6 million in 2019, against published RTI growth of 2.6 per cent."""
    base_ratio = ratios.naive_ratio(49_000 / 3_600_000, 0.026)
    assert base_ratio == pytest.approx(0.988, abs=0.0005)
    assert round(float(base_ratio), 2) == 0.99


def test_the_two_readings_of_equation_7_then_differ_by_0_04_points_of_growth() -> None:
    base_ratio, change, tau = 0.99, -0.046 - 0.026, -0.5
    apart = (base_ratio + tau) * change - base_ratio * (1 + tau) * change
    assert apart == pytest.approx((base_ratio - 1) * change / 2, abs=EXACT)
    assert round(100 * apart, 2) == 0.04


@given(RATE, RATE, RATE, RATE, RATE)
def test_adjustment_gain_is_half_the_change_of_uk_growth_whatever_tau_is(
    change_n: float, e_now: float, e_base: float, uk_now: float, uk_base: float
) -> None:
    assume(1 + e_now - uk_now > 0.01)
    gain = decomposition.adjustment_gain(change_n, e_now, e_base, uk_now, uk_base)
    np.testing.assert_allclose(gain.difference, (uk_now - uk_base) / 2, rtol=0, atol=EXACT)
    np.testing.assert_allclose(gain.difference, gain.uk_change / 2, rtol=0, atol=EXACT)
    np.testing.assert_allclose(gain.unadjusted.error, (e_now - e_base) / 2 - change_n, rtol=0, atol=EXACT)


@given(RATE, RATE, RATE, RATE, RATE)
def test_adjustment_gain_splits_as_in_both_cases_of_appendix_4(
    change_n: float, e_now: float, e_base: float, uk_now: float, uk_base: float
) -> None:
    change_e, change_a = e_now - e_base, (e_now - uk_now) - (e_base - uk_base)
    assume(1 + e_now - uk_now > 0.01 and min(abs(change_e), abs(change_a)) > 1e-6)
    gain = decomposition.adjustment_gain(change_n, e_now, e_base, uk_now, uk_base)
    delta_b, delta_c = gain.unadjusted.ratio_change, gain.adjusted.ratio_change
    case_1 = (uk_base - uk_now) / 2 + (delta_c - delta_b) * (1 + e_now) - delta_c * uk_now
    tau_b, tau_c = ratios.tau(change_n, change_e), ratios.tau(change_n, change_a)
    first = gain.unadjusted.half_fall - gain.adjusted.half_fall
    second = gain.unadjusted.ratio_term - gain.adjusted.ratio_term
    np.testing.assert_allclose(gain.difference, case_1, rtol=0, atol=EXACT)
    np.testing.assert_allclose(first, -gain.uk_change / 2, rtol=0, atol=EXACT)
    np.testing.assert_allclose(second, -tau_b * change_e + tau_c * change_a, rtol=0, atol=EXACT)


def test_half_fall_when_rti_growth_is_slowing_then_positive() -> None:
    parts = decomposition.error_parts(-0.02, -0.046, 0.026)
    assert parts.half_fall == pytest.approx(0.036)
    assert parts.error == pytest.approx(-0.016)
