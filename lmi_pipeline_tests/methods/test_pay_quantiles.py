"""Quantiles of pay against closed forms and published rules; they never cross, whatever goes in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.pay_quantiles import (
    DECILES,
    DECILES_AND_QUARTILES,
    anchored_quantiles,
    lognormal_quantiles,
    rearrange,
    residual_quantiles,
    residual_ratios,
    weighted_quantiles,
)

ONE_PARENT = [np.zeros(3, dtype=np.int64)]
positive = st.floats(1e-3, 1e6)


def never_fall(quantiles: np.ndarray) -> bool:
    return bool((np.diff(quantiles, axis=-1) >= 0).all())


def test_equal_weights_give_definition_five_of_hyndman_and_fan() -> None:
    rng = np.random.default_rng(1)
    values, groups = rng.normal(size=57), np.repeat([0, 2], [20, 37])
    found = weighted_quantiles(values, np.full(57, 3.0), groups, 3, DECILES_AND_QUARTILES)
    for group in (0, 2):
        expected = np.quantile(values[groups == group], DECILES_AND_QUARTILES, method="hazen")
        np.testing.assert_allclose(found[group], expected, rtol=1e-12)
    assert np.isnan(found[1]).all()


def test_weighted_quantile_of_three_rows_by_hand() -> None:
    """Middles of the weights 1, 2, 1 lie at 1/8, 1/2 and 7/8."""
    found = weighted_quantiles(
        np.array([30.0, 10.0, 20.0]), np.array([1.0, 1.0, 2.0]), np.zeros(3, dtype=int), 1, (0.05, 0.3125, 0.5, 0.95)
    )
    np.testing.assert_allclose(found[0], [10, 15, 20, 30])


def test_quantiles_of_many_rows_are_those_of_the_distribution() -> None:
    rng = np.random.default_rng(2)
    groups, spread = rng.integers(0, 2, 200_000), np.array([0.3, 0.7])
    residuals = spread[groups] * rng.normal(size=200_000)
    found = residual_quantiles(residuals, rng.uniform(1, 3, 200_000), groups, DECILES, [np.zeros(2, dtype=int)])
    np.testing.assert_allclose(found.quantiles, spread[:, None] * norm.ppf(DECILES), atol=0.008)
    mean = np.exp(spread**2 / 2)
    np.testing.assert_allclose(
        anchored_quantiles(np.array([500.0, 800.0]), residual_ratios(found, mean)),
        lognormal_quantiles(np.array([500.0, 800.0]), spread, DECILES),
        rtol=0.01,
    )


def test_thin_group_is_half_its_parent_and_an_empty_one_all_of_it() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat([0, 1], [30, 3000])
    residuals, weights = rng.normal(size=3030), np.ones(3030)
    found = residual_quantiles(residuals, weights, groups, DECILES, ONE_PARENT, thin=30)
    parent = np.quantile(residuals, DECILES, method="hazen")
    own = np.quantile(residuals[:30], DECILES, method="hazen")
    np.testing.assert_allclose(found.effective_count, [30, 3000, 0])
    np.testing.assert_allclose(found.own_share, [0.5, 3000 / 3030, 0])
    np.testing.assert_allclose(found.quantiles[0], (own + parent) / 2, rtol=1e-12)
    np.testing.assert_allclose(found.quantiles[2], parent, rtol=1e-12)


def test_parents_are_drawn_towards_their_own_parents() -> None:
    rng = np.random.default_rng(4)
    groups = np.repeat([0, 1], [10, 500])
    residuals, weights = rng.normal(size=510) + groups, np.ones(510)
    found = residual_quantiles(residuals, weights, groups, (0.5,), [np.array([0, 1, 0]), np.array([0, 0])], thin=30)
    median = {
        name: np.quantile(chosen, 0.5, method="hazen")
        for name, chosen in (("thin", residuals[:10]), ("all", residuals))
    }
    parent = 0.25 * median["thin"] + 0.75 * median["all"]
    assert found.quantiles[0, 0] == pytest.approx(0.25 * median["thin"] + 0.75 * parent)
    assert found.quantiles[2, 0] == pytest.approx(parent)


def test_shrunken_quantiles_are_nearer_the_truth_than_raw_ones() -> None:
    rng = np.random.default_rng(5)
    count = rng.integers(1, 40, 300)
    groups = np.repeat(np.arange(300), count)
    spread = rng.gamma(30, 0.4 / 30, 300)
    residuals, weights = spread[groups] * rng.normal(size=len(groups)), rng.uniform(1, 2, len(groups))
    found = residual_quantiles(residuals, weights, groups, DECILES, [np.zeros(300, dtype=int)]).quantiles
    raw = weighted_quantiles(residuals, weights, groups, 300, DECILES)
    truth = spread[:, None] * norm.ppf(DECILES)
    assert ((found - truth) ** 2).mean() < 0.5 * ((raw - truth) ** 2).mean()


@settings(max_examples=60, deadline=None)
@given(
    residuals=hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-8, 8)),
    seed=st.integers(0, 1000),
    thin=st.floats(0.1, 100),
)
def test_deciles_never_cross(residuals: np.ndarray, seed: int, thin: float) -> None:
    rng = np.random.default_rng(seed)
    groups, weights = rng.integers(0, 6, len(residuals)), rng.gamma(0.3, 10, len(residuals)) + 1e-9
    parents = [np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1])]
    found = residual_quantiles(residuals, weights, groups, DECILES_AND_QUARTILES, parents, thin=thin)
    assert never_fall(found.quantiles)
    assert residuals.min() - 1e-12 <= found.quantiles.min()
    assert found.quantiles.max() <= residuals.max() + 1e-12
    assert never_fall(anchored_quantiles(rng.uniform(100, 900, 6), residual_ratios(found, np.full(6, 1.1))))


@settings(max_examples=60, deadline=None)
@given(ratios=hnp.arrays(np.float64, (4, 11), elements=positive), means=hnp.arrays(np.float64, 4, elements=positive))
def test_anchored_quantiles_never_cross_and_scale_with_the_mean(ratios: np.ndarray, means: np.ndarray) -> None:
    found = anchored_quantiles(means, ratios)
    assert never_fall(found)
    np.testing.assert_allclose(anchored_quantiles(3 * means, ratios), 3 * found, rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), means * ratios.sum(axis=1), rtol=1e-12)


def test_rearranged_curve_is_no_further_from_a_rising_one() -> None:
    """Chernozhukov, Fernández-Val and Galichon (2010), proposition 4."""
    rng = np.random.default_rng(6)
    truth = np.sort(rng.normal(size=(200, 9)), axis=1)
    crossing = truth + rng.normal(0, 0.5, (200, 9))
    before, after = (np.abs(each - truth).sum(axis=1) for each in (crossing, rearrange(crossing)))
    assert (after <= before + 1e-12).all()
    assert (after < before - 1e-3).any()


def test_lognormal_mean_lies_above_the_median_by_half_the_variance() -> None:
    found = lognormal_quantiles(np.array([600.0, np.nan]), 0.5, DECILES)
    assert found[0, 4] == pytest.approx(600 * np.exp(-0.125))
    np.testing.assert_allclose(np.log(found[0] / found[0, 4]), 0.5 * norm.ppf(DECILES), atol=1e-14)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(lognormal_quantiles(np.array([600.0]), 0.0, DECILES), np.full((1, 9), 600.0))


def test_lognormal_quantiles_integrate_to_the_mean() -> None:
    middle = (np.arange(20_000) + 0.5) / 20_000
    found = lognormal_quantiles(np.array([450.0]), 0.6, middle.tolist())
    assert found.mean() == pytest.approx(450.0, rel=1e-4)


@pytest.mark.parametrize("probabilities", [(), (0.0, 0.5), (0.5, 0.4), (0.5, 0.5), (np.nan,)])
def test_probabilities_must_rise_inside_zero_to_one(probabilities: tuple[float, ...]) -> None:
    with pytest.raises(MethodError, match="probabilities outside 0 to 1"):
        lognormal_quantiles(np.array([500.0]), 0.5, probabilities)


def test_bad_input_is_counted() -> None:
    values, weights, groups = np.zeros(5), np.ones(5), np.zeros(5, dtype=int)
    with pytest.raises(MethodError, match="of 5 rows 1 have a value that is not finite and 2 a weight"):
        residual_quantiles(np.array([np.inf, 0, 0, 0, 0]), np.array([1.0, 0, -1, 1, 1]), groups, DECILES, ONE_PARENT)
    with pytest.raises(MethodError, match="2 of 5 groups outside 0 to 2"):
        residual_quantiles(values, weights, np.array([0, 1, 2, 3, -1]), DECILES, ONE_PARENT)
    with pytest.raises(MethodError, match="1 of 3 parents outside 0 to 1"):
        residual_quantiles(values, weights, groups, DECILES, [np.array([0, 1, 2]), np.array([0, 0])])
    with pytest.raises(MethodError, match="0 levels of parents"):
        residual_quantiles(values, weights, groups, DECILES, [])
    with pytest.raises(MethodError, match="5 values, 4 weights"):
        weighted_quantiles(values, weights[1:], groups, 1, DECILES)
    with pytest.raises(MethodError, match="1 of 2 means are not finite and above zero"):
        anchored_quantiles(np.array([500.0, -1.0]), np.ones(9))
    with pytest.raises(MethodError, match="ratios for 3 cells, means for 2"):
        anchored_quantiles(np.array([500.0, 400.0]), np.ones((3, 9)))
    with pytest.raises(MethodError, match="1 of 1 standard deviations"):
        lognormal_quantiles(np.array([500.0]), -0.5, DECILES)
