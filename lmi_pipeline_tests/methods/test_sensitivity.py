"""Equation (13): slopes through the origin, against statsmodels and exact algebra."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.sensitivity import least_squares_fit, ratio_fit

SAME_SIGN = st.lists(st.tuples(st.floats(0.01, 0.2), st.floats(-0.1, 0.1)), min_size=3, max_size=12)


def pairs(points: list[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.array(points).T
    assume(np.std(y / x) > 1e-3)
    return x, y


@given(SAME_SIGN, st.sampled_from([1, -1]))
def test_ratio_fit_when_all_changes_have_one_sign_then_is_weighted_least_squares(
    points: list[tuple[float, float]], sign: int
) -> None:
    x, y = pairs(points)
    fit, model = ratio_fit(sign * x, sign * y), sm.WLS(y, x, weights=1 / x).fit()
    np.testing.assert_allclose(fit.slope, model.params[0], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fit.slope, y.sum() / x.sum(), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fit.standard_error, model.bse[0], rtol=1e-8)
    np.testing.assert_allclose([fit.lower, fit.upper], model.conf_int()[0], rtol=1e-6, atol=1e-9)


@given(SAME_SIGN, st.floats(0.5, 0.99))
def test_least_squares_fit_agrees_with_statsmodels(points: list[tuple[float, float]], confidence: float) -> None:
    x, y = pairs(points)
    fit, model = least_squares_fit(x, y, confidence=confidence), sm.OLS(y, x).fit()
    np.testing.assert_allclose(fit.slope, model.params[0], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fit.standard_error, model.bse[0], rtol=1e-8)
    np.testing.assert_allclose([fit.lower, fit.upper], model.conf_int(1 - confidence)[0], rtol=1e-6, atol=1e-9)


def test_ratio_fit_when_signs_are_mixed_then_variance_is_unbiased() -> None:
    """E(e'We) = trace(W (I - H) V (I - H)') with H = x 1' / sum x, V = diag|x| and W its inverse."""
    x = np.array([-0.011, -0.004, 0.004, 0.026])
    residual_maker = np.eye(4) - np.outer(x, np.ones(4)) / x.sum()
    variance = np.diag(np.abs(x))
    expectation = np.trace(np.linalg.inv(variance) @ residual_maker @ variance @ residual_maker.T)
    assert expectation == pytest.approx(4 - 2 + (np.abs(x).sum() / x.sum()) ** 2)

    y = np.array([0.002, -0.003, 0.001, 0.012])
    fit = ratio_fit(x, y)
    scale = np.square(y - fit.slope * x) @ (1 / np.abs(x)) / expectation
    assert fit.standard_error == pytest.approx(np.sqrt(scale * np.abs(x).sum()) / x.sum())


@pytest.mark.parametrize("fit", [ratio_fit, least_squares_fit])
def test_fit_when_points_lie_on_a_line_then_finds_it_without_error(fit: type(ratio_fit)) -> None:
    found = fit([-0.06, -0.1, -0.13], [-0.027, -0.045, -0.0585])
    assert found.slope == pytest.approx(0.45)
    assert found.standard_error == pytest.approx(0, abs=1e-12)
    assert (found.points, found.confidence) == (3, 0.95)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([0.1], [0.1], "at least 2"),
        ([0.1, 0.2], [0.1], "equally long"),
        ([0.1, np.nan], [0.1, 0.1], "finite"),
        ([0.0, 0.1], [0.1, 0.1], "not zero"),
        ([-0.1, 0.1], [0.1, 0.1], "zero in sum"),
    ],
)
def test_ratio_fit_when_points_are_impossible_then_refused(x: list[float], y: list[float], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        ratio_fit(x, y)


def test_fit_when_changes_are_all_zero_or_level_is_no_proportion_then_refused() -> None:
    with pytest.raises(MethodError, match="not zero"):
        least_squares_fit([0, 0], [0.1, 0.1])
    with pytest.raises(MethodError, match="between 0 and 1"):
        ratio_fit([0.1, 0.2], [0.1, 0.1], confidence=95)
