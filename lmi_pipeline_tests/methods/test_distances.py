"""Distances against their definitions: Deville and Särndal (1992), derivatives and integrals taken numerically."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.distances import Distance, Linear, Logit, Raking, TruncatedLinear

EVERY = [Linear(), Raking(), Logit(0.4, 2.5), Logit(0, 1.5), TruncatedLinear(0.4, 2.5)]
NAMES = [f"{law.name} {law.lower} {law.upper}" for law in EVERY]
SMOOTH = EVERY[:-1]

every = pytest.mark.parametrize("law", EVERY, ids=NAMES)


@every
def test_at_zero_the_factor_and_its_slope_are_one_and_nothing_is_spent(law: Distance) -> None:
    zero = np.zeros(1)
    assert law.ratio(zero) == pytest.approx(1, abs=1e-15)
    assert law.slope(zero) == pytest.approx(1, abs=1e-14)
    assert law.cost(zero) == 0


@pytest.mark.parametrize("law", SMOOTH, ids=NAMES[:-1])
@given(u=st.floats(-3, 3))
def test_slope_is_the_derivative(law: Distance, u: float) -> None:
    step = 1e-5
    difference = np.diff(law.ratio(np.array([u - step, u + step])))[0] / (2 * step)
    assert law.slope(np.array([u]))[0] == pytest.approx(difference, rel=1e-6, abs=1e-9)


@every
@pytest.mark.parametrize("u", [-2.5, -0.7, 0.3, 1.9])
def test_cost_is_the_integral(law: Distance, u: float) -> None:
    kinks = [point for point in (law.lower - 1, law.upper - 1) if min(0, u) < point < max(0, u)]
    integral, _ = quad(lambda at: float(law.ratio(np.array([at]))[0]), 0, u, points=kinks or None)
    assert law.cost(np.array([u]))[0] == pytest.approx(integral, abs=1e-9)


@pytest.mark.parametrize(("lower", "upper"), [(0.4, 2.5), (0.0, 1.5), (-1.0, 3.0)])
def test_logit_is_the_published_formula(lower: float, upper: float) -> None:
    u = np.linspace(-2, 2, 41)
    rate = (upper - lower) / ((1 - lower) * (upper - 1))
    grown = np.exp(rate * u)
    published = (lower * (upper - 1) + upper * (1 - lower) * grown) / ((upper - 1) + (1 - lower) * grown)
    np.testing.assert_allclose(Logit(lower, upper).ratio(u), published, rtol=1e-13, atol=1e-13)


@every
def test_absurd_arguments_stay_finite_and_within_bounds(law: Distance) -> None:
    u = np.array([-1e9, -800.0, 800.0, 1e9])
    for values in (law.ratio(u), law.slope(u), law.cost(u)):
        assert np.isfinite(values).all()
    assert (law.ratio(u) >= law.lower).all()
    assert (law.ratio(u) <= law.upper).all()


def test_wide_bounds_make_logit_raking_on_one_side_and_truncation_nothing() -> None:
    u = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(Logit(0, 1e9).ratio(u), np.exp(u), rtol=1e-8)
    np.testing.assert_array_equal(TruncatedLinear(-9, 9).ratio(u), 1 + u)


@pytest.mark.parametrize("law", [Logit, TruncatedLinear])
@pytest.mark.parametrize(("lower", "upper"), [(1.0, 2.0), (0.5, 1.0), (2.0, 0.5), (-np.inf, 2.0), (0.5, np.nan)])
def test_bounds_not_around_one_are_refused(law: type, lower: float, upper: float) -> None:
    with pytest.raises(MethodError, match="around 1"):
        law(lower, upper)
