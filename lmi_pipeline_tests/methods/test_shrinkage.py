"""Shrinkage to parents: a published meta-analysis, closed forms of balanced data, a likelihood maximised otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.shrinkage import Component, credibility_means, shrink

# Trials of BCG vaccine (Colditz and others 1994): cases and others, vaccinated and control.
BCG = np.array([
    [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
    [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232], [17, 1699, 65, 1600],
    [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
])  # fmt: skip


def _each(n: int) -> Component:
    return Component("group", np.arange(n), n)


def test_variance_and_mean_are_those_published_for_the_bcg_trials() -> None:
    treated, control = BCG[:, :2].sum(axis=1), BCG[:, 2:].sum(axis=1)
    ratio = np.log((BCG[:, 0] / treated) / (BCG[:, 2] / control))
    variance = 1 / BCG[:, 0] - 1 / treated + 1 / BCG[:, 2] - 1 / control
    found = shrink(ratio, variance, np.ones((13, 1)), [_each(13)], where="trials")
    # Viechtbauer (2010), Journal of Statistical Software 36(3), section 3: REML.
    assert found.variances["group"] == pytest.approx(0.3132, abs=5e-5)
    assert found.fixed[0] == pytest.approx(-0.7145, abs=5e-5)
    own = found.variances["group"] / (found.variances["group"] + variance)
    np.testing.assert_allclose(found.estimates, found.fixed[0] + own * (ratio - found.fixed[0]), rtol=1e-10)


def test_equal_variances_have_the_closed_form() -> None:
    y = np.random.default_rng(1).normal(2, 0.5, 40)
    found = shrink(y, np.full(40, 0.09), np.ones((40, 1)), [_each(40)], where="groups")
    between = y.var(ddof=1) - 0.09
    assert found.variances["group"] == pytest.approx(between, rel=1e-7)
    own = between / (between + 0.09)
    np.testing.assert_allclose(found.estimates, y.mean() + own * (y - y.mean()), rtol=1e-7)
    np.testing.assert_allclose(found.weights, own + (1 - own) / 40, rtol=1e-7)


def test_balanced_nested_groups_have_the_variances_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(4)
    parents, children, sampling = 15, 6, 0.02
    parent = np.repeat(np.arange(parents), children)
    y = rng.normal(0, 0.4, parents)[parent] + rng.normal(0, 0.3, parents * children)
    components = [Component("parent", parent, parents), _each(len(y))]
    found = shrink(y, np.full(len(y), sampling), np.ones((len(y), 1)), components, where="groups")
    means = y.reshape(parents, children).mean(axis=1)
    within = ((y - means[parent]) ** 2).sum() / (parents * (children - 1))
    assert found.variances["group"] == pytest.approx(within - sampling, rel=1e-6)
    assert found.variances["parent"] == pytest.approx(means.var(ddof=1) - within / children, rel=1e-6)


def test_groups_without_a_value_take_their_parents() -> None:
    rng = np.random.default_rng(2)
    parent = np.repeat(np.arange(10), 8)
    y = rng.normal(0, 0.5, 10)[parent] + rng.normal(0, 0.2, 80)
    y[:8], y[9] = np.nan, np.nan
    components = [Component("parent", parent, 10), _each(80)]
    found = shrink(y, np.full(80, 0.01), np.ones((80, 1)), components, where="groups")
    np.testing.assert_allclose(found.estimates[:8], found.fixed[0], rtol=1e-12)
    siblings = np.nanmean(y[8:16])
    assert abs(found.estimates[9] - siblings) < abs(found.fixed[0] - siblings) / 4
    assert found.weights[9] == 0
    assert (found.weights[10:] > 0.5).all()


def test_slopes_and_unequal_variances_agree_with_a_general_optimiser() -> None:
    rng = np.random.default_rng(7)
    groups, n = 30, 60
    group, half = np.repeat(np.arange(groups), 2), np.tile([-0.5, 0.5], groups)
    sampling = rng.uniform(0.005, 0.2, n)
    y = 1 + rng.normal(0, 0.4, groups)[group] + half * rng.normal(-0.2, 0.3, groups)[group]
    y += rng.normal(0, np.sqrt(sampling))
    fixed = np.column_stack([np.ones(n), half])
    components = [Component("level", group, groups), Component("gap", group, groups, half)]
    found = shrink(y, sampling, fixed, components, where="groups")

    same = group[:, None] == group

    def loss(log_variances: np.ndarray) -> float:
        level, gap = np.exp(log_variances)
        covariance = np.diag(sampling) + same * (level + gap * np.outer(half, half))
        inverse = np.linalg.inv(covariance)
        cross = fixed.T @ inverse @ fixed
        residual = y - fixed @ np.linalg.solve(cross, fixed.T @ inverse @ y)
        return float(np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(cross)[1] + residual @ inverse @ residual)

    other = minimize(loss, np.log([0.1, 0.1]), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12})
    np.testing.assert_allclose(list(found.variances.values()), np.exp(other.x), rtol=1e-5)


def test_no_difference_between_groups_gives_everyone_the_mean() -> None:
    y = np.random.default_rng(3).normal(0, 0.1, 50)
    found = shrink(y, np.full(50, 1.0), np.ones((50, 1)), [_each(50)], where="groups")
    assert found.variances["group"] == 0
    np.testing.assert_allclose(found.estimates, y.mean(), atol=1e-12)


@pytest.mark.parametrize(
    ("variances", "fixed", "message"),
    [
        (np.zeros(6), np.ones((6, 1)), "6 of 6 sampling variances"),
        (np.ones(6), np.ones((6, 2)), "fixed effects follow from each other"),
        (np.ones(6), np.ones((6, 6)), "6 values for 6 fixed effects"),
    ],
)
def test_impossible_input_is_named(variances: np.ndarray, fixed: np.ndarray, message: str) -> None:
    with pytest.raises(MethodError, match=f"shrinkage of gaps: {message}"):
        shrink(np.arange(6.0), variances, fixed, [_each(6)], where="gaps")


def test_credibility_of_balanced_data_has_the_closed_form() -> None:
    # Hachemeister (1975): mean claims of five states in twelve quarters, here with equal weights.
    ratios = np.array([
        1738, 1642, 1794, 2051, 2079, 2234, 2032, 2035, 2115, 2262, 2267, 2517, 1364, 1408, 1597, 1444, 1342, 1675,
        1470, 1448, 1464, 1831, 1612, 1471, 1759, 1685, 1479, 1763, 1674, 2103, 1502, 1622, 1828, 2155, 2233, 2059,
        1223, 1146, 1010, 1257, 1426, 1532, 1953, 1123, 1343, 1243, 1762, 1306, 1456, 1499, 1609, 1741, 1482, 1572,
        1606, 1735, 1607, 1573, 1613, 1690,
    ], dtype=float)  # fmt: skip
    found = credibility_means(ratios, np.ones(60), np.repeat(np.arange(5), 12), [np.zeros(5, dtype=int)])
    means = ratios.reshape(5, 12).mean(axis=1)
    within = ratios.reshape(5, 12).var(axis=1, ddof=1).mean()
    between = means.var(ddof=1) - within / 12
    assert found.constants[0] == pytest.approx(within / between, rel=1e-10)
    own = 12 / (12 + within / between)
    np.testing.assert_allclose(found.means, own * means + (1 - own) * means.mean(), rtol=1e-10)


def test_credibility_falls_to_the_parent_without_records_or_information() -> None:
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(6), 50)
    values = np.array([0.0, 0.2, 0.4, 5.0, 5.2, 5.4])[group] + rng.normal(0, 0.5, 300)
    hierarchy = [np.array([0, 0, 0, 1, 1, 1, 1])]
    lost = np.array([0, 0, 0, 50, 0, 0, 0.0])
    found = credibility_means(values, np.ones(300), group, hierarchy, lost=lost)
    assert found.counts[[3, 6]].tolist() == [0, 0]
    assert found.means[6] == found.means[3]
    assert 4.9 < found.means[6] < 5.5
    assert found.overall == pytest.approx(values[group != 3].mean())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_credibility_means_stay_within_the_records(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=rows), rng.uniform(0.1, 5, rows)
    found = credibility_means(values, weights, rng.integers(0, 5, rows), [np.array([0, 0, 1, 1, 1])])
    assert np.isfinite(found.means).all()
    assert found.means.min() >= values.min() - 1e-12
    assert found.means.max() <= values.max() + 1e-12
