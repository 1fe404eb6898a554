"""Quantiles of groups taken together: exact for lognormal groups, and within the groups' own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import brentq
from scipy.stats import norm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.quantile_pooling import pool_quantiles

DECILES = np.arange(1, 10) / 10


def lognormal(mean, sigma, probabilities=DECILES):
    return np.exp(np.asarray(mean)[:, None] + np.asarray(sigma)[:, None] * norm.ppf(probabilities))


def test_pooled_when_groups_are_lognormal_then_the_quantiles_of_their_mixture():
    mean, sigma, weight = np.array([5.2, 6.1, 7.0]), np.array([0.2, 0.45, 0.7]), np.array([100.0, 250, 30])
    share = weight / weight.sum()

    def exact(p):
        return np.exp(brentq(lambda x: share @ norm.cdf((x - mean) / sigma) - p, -5, 20, xtol=1e-13))

    found = pool_quantiles(lognormal(mean, sigma), DECILES, weight, [0.05, 0.1, 0.25, 0.5, 0.9, 0.99])
    np.testing.assert_allclose(found, [exact(p) for p in (0.05, 0.1, 0.25, 0.5, 0.9, 0.99)], rtol=1e-10)


def test_pooled_when_a_group_has_no_weight_then_it_does_not_count_whatever_its_values():
    one = lognormal([6], [0.4])
    found = pool_quantiles(np.vstack([one, np.full_like(one, np.nan)]), DECILES, [10, 0])
    np.testing.assert_allclose(found, one[0], rtol=1e-12)


def test_pooled_when_all_values_of_a_group_are_the_same_then_it_is_a_step():
    found = pool_quantiles([[100.0] * 9, [300.0] * 9], DECILES, [1, 3], [0.1, 0.2, 0.3, 0.9])
    np.testing.assert_allclose(found, [100, 100, 300, 300], rtol=1e-9)


@given(
    hnp.arrays(float, (4, 9), elements=st.floats(1, 5000)),
    hnp.arrays(float, 4, elements=st.floats(0.1, 1e6)),
)
def test_pooled_when_any_groups_then_rising_and_between_the_lowest_and_the_highest_group(values, weights):
    values = np.sort(values, axis=1)
    pooled = pool_quantiles(values, DECILES, weights)
    assert (np.diff(pooled) >= -1e-9 * pooled[1:]).all()
    assert (pooled >= values.min(axis=0) * (1 - 1e-9)).all()
    assert (pooled <= values.max(axis=0) * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    ("values", "probabilities", "weights", "words"),
    [
        ([[1.0, 2.0]], [0.1, 0.5, 0.9], [1], "shape"),
        ([[1.0, 2.0]], [0.9, 0.1], [1], "must rise"),
        ([[1.0, 2.0]], [0.1, 1.0], [1], "inside 0 to 1"),
        ([[1.0, 2.0], [1.0, 2.0]], [0.1, 0.9], [1, -1], "1 of 2 weights"),
        ([[1.0, 2.0]], [0.1, 0.9], [0], "all are 0"),
        ([[2.0, 1.0], [1.0, 2.0]], [0.1, 0.9], [1, 1], "1 of 2 groups"),
        ([[0.0, 1.0]], [0.1, 0.9], [1], "not positive"),
    ],
)
def test_pooled_when_the_input_is_wrong_then_says_what(values, probabilities, weights, words):
    with pytest.raises(MethodError, match=words):
        pool_quantiles(values, probabilities, weights)


def test_pooled_when_a_wanted_probability_is_outside_then_counted():
    with pytest.raises(MethodError, match="1 probabilities outside"):
        pool_quantiles([[1.0, 2.0]], [0.1, 0.9], [1], [0.5, 1.2])
