"""The area model against R's metafor and sae, closed forms and simulations with a known truth."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.fay_herriot import FayHerriot, fit_fay_herriot

# R metafor 3.8-1 on reference/fay_herriot_r.csv: tau2, its standard error, b and its standard errors
METAFOR = {
    "reml": (
        (0.00455706891738, 0.00217171720142),
        (2.46431390171, 0.289914415257, -0.0691064301705),
        (0.0185214131912, 0.0145944026881, 0.0316204720547),
    ),
    "ml": (
        (0.00397932068037, 0.00191548960058),
        (2.463893678, 0.28976396289, -0.066831901363),
        (0.0179466336985, 0.0142309554748, 0.0306537566531),
    ),
}


@pytest.fixture(scope="module")
def areas() -> Callable[[pd.DataFrame], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    def take(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = np.column_stack([np.ones(len(table)), table["x1"], table["x2"]])
        return table["y"].to_numpy(), table["variance"].to_numpy(), x

    return take


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_agrees_with_metafor_and_sae(reference, areas, method) -> None:
    table = reference("fay_herriot_r")
    fit = fit_fay_herriot(*areas(table), method=method)
    (tau2, tau2_error), coefficients, errors = METAFOR[method]
    np.testing.assert_allclose([fit.model_variance, fit.model_variance_error], [tau2, tau2_error], rtol=1e-10)
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-10)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.coefficient_covariance)), errors, rtol=1e-10)
    np.testing.assert_allclose(fit.estimates, table[f"eblup_{method}"], rtol=1e-11)
    np.testing.assert_allclose(fit.mse, table[f"mse_{method}"], rtol=1e-11)


def test_likelihood_of_ml_is_that_of_metafor(reference, areas) -> None:
    fit = fit_fay_herriot(*areas(reference("fay_herriot_r")), method="ml")
    assert fit.log_likelihood - 30 * np.log(2 * np.pi) == pytest.approx(41.7911102439, rel=1e-11)


def _balanced(areas: int = 40, v: float = 0.02) -> tuple[np.ndarray, float, FayHerriot]:
    y = np.random.default_rng(3).normal(1, 0.3, areas)
    return y, v, fit_fay_herriot(y, np.full(areas, v), np.ones((areas, 1)))


def test_balanced_model_variance_is_the_variance_of_the_values_less_their_error() -> None:
    y, v, fit = _balanced()
    assert fit.model_variance == pytest.approx(y.var(ddof=1) - v, rel=1e-10)


def test_balanced_predictors_and_errors_have_closed_forms() -> None:
    y, v, fit = _balanced()
    m, spread = len(y), y.var(ddof=1)
    gamma = 1 - v / spread
    np.testing.assert_allclose(fit.estimates, gamma * y + (1 - gamma) * y.mean(), rtol=1e-12)
    expected = gamma * v + (1 - gamma) ** 2 * spread / m + 2 * (1 - gamma) ** 2 * 2 * spread / m
    np.testing.assert_allclose(fit.mse, np.full(m, expected), rtol=1e-10)


def test_prediction_of_a_new_area_adds_the_model_variance() -> None:
    y, _, fit = _balanced()
    new = fit.predict([[1.0]])
    assert new.mean[0] == pytest.approx(y.mean(), rel=1e-12)
    assert new.variance[0] == pytest.approx(fit.model_variance + y.var(ddof=1) / len(y), rel=1e-10)


def test_values_closer_than_their_variances_have_no_model_variance() -> None:
    y = np.array([1.0, 1.01, 0.99, 1.0, 1.02])
    fit = fit_fay_herriot(y, np.full(5, 0.5), np.ones((5, 1)))
    assert fit.model_variance == 0
    np.testing.assert_allclose(fit.estimates, np.full(5, y.mean()), rtol=1e-12)


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(-5, 5))
def test_predictors_move_with_the_values(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    v, x = rng.uniform(0.001, 0.05, 25), np.column_stack([np.ones(25), rng.normal(size=25)])
    y = x @ [1, 0.4] + rng.normal(0, 0.1 + np.sqrt(v))
    first = fit_fay_herriot(y, v, x)
    second = fit_fay_herriot(scale * y + shift, scale**2 * v, x)
    np.testing.assert_allclose(second.estimates, scale * first.estimates + shift, atol=1e-6 * (1 + scale))
    np.testing.assert_allclose(second.mse, scale**2 * first.mse, rtol=1e-4)
    between = (first.estimates - first.fitted) * (y - first.estimates)
    assert (between >= -1e-12).all()
    assert ((first.gamma >= 0) & (first.gamma < 1)).all()


def test_errors_are_right_on_average_over_repetitions() -> None:
    """The estimated error is within 6 % of the actual one, for known areas and for a new one."""
    rng = np.random.default_rng(11)
    m, tau, repetitions = 50, 0.1, 600
    x, v = np.column_stack([np.ones(m), rng.normal(size=m)]), rng.choice([0.03, 0.1, 0.2], m) ** 2
    actual, estimated, outside = [], [], []
    for _ in range(repetitions):
        truth = x @ [6, 0.2] + rng.normal(0, tau, m)
        y = truth + rng.normal(0, np.sqrt(v))
        fit = fit_fay_herriot(y[1:], v[1:], x[1:])
        new = fit.predict(x[:1])
        actual.append(((fit.estimates - truth[1:]) ** 2).mean())
        estimated.append(fit.mse.mean())
        outside.append((new.mean[0] - truth[0]) ** 2 / new.variance[0])
    assert np.mean(estimated) / np.mean(actual) == pytest.approx(1, abs=0.06)
    assert np.mean(outside) == pytest.approx(1, abs=3 * np.std(outside) / np.sqrt(repetitions))


def test_shrinking_beats_the_published_values_and_the_regression() -> None:
    rng = np.random.default_rng(5)
    m = 2000
    x, v = np.column_stack([np.ones(m), rng.normal(size=m)]), rng.uniform(0.02, 0.25, m) ** 2
    truth = x @ [6, 0.3] + rng.normal(0, 0.12, m)
    y = truth + rng.normal(0, np.sqrt(v))
    fit = fit_fay_herriot(y, v, x)
    error = {
        name: ((values - truth) ** 2).mean()
        for name, values in {"eblup": fit.estimates, "published": y, "regression": fit.fitted}.items()
    }
    assert error["eblup"] < 0.75 * min(error["published"], error["regression"])


@pytest.mark.parametrize(
    ("y", "v", "x", "message"),
    [
        ([1, np.nan, 2], [1, 1, 1], np.ones((3, 1)), "1 of 3 values are missing"),
        ([1, 2, 3], [1, 0, 1], np.ones((3, 1)), "1 of 3 variances are not above 0"),
        ([1, 2, 3], [1, np.inf, 1], np.ones((3, 1)), "1 of 3 variances are missing or not finite"),
        ([1, 2, 3], [1, 1, 1], np.ones((3, 3)), "3 areas for 3 covariates"),
        ([1, 2, 3], [1, 1, 1], np.ones((3, 2)), "2 covariates have rank 1"),
        ([1, 2, 3], [1, 1], np.ones((3, 1)), "shapes"),
    ],
)
def test_impossible_input_is_named(y, v, x, message) -> None:
    with pytest.raises(MethodError, match=message):
        fit_fay_herriot(y, v, x)


@pytest.mark.parametrize(("x", "message"), [([[1.0, 2.0]], "the fit has 1 columns"), ([[np.nan]], "not finite")])
def test_prediction_from_other_covariates_is_refused(x, message) -> None:
    with pytest.raises(MethodError, match=message):
        _balanced()[2].predict(x)
