"""Smearing: the mean of what was modelled in logs, by occupations of unequal spread."""

import numpy as np
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.smearing import smearing_factors, widened

OCCUPATIONS, MAJOR = 60, np.repeat(np.arange(3), 20)


def _sample(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals, occupation and the true factor of each occupation; the last occupation has no rows."""
    rng = np.random.default_rng(seed)
    spread = np.array([0.2, 0.4, 0.6])[MAJOR] * rng.uniform(0.8, 1.2, OCCUPATIONS)
    rows = np.append(rng.integers(3, 400, OCCUPATIONS - 1), 0)
    occupation = np.repeat(np.arange(OCCUPATIONS), rows)
    return rng.normal(0, spread[occupation]), occupation, np.exp(spread**2 / 2)


def test_shrunken_factors_are_nearer_the_truth_than_one_factor_or_own_factors() -> None:
    errors = []
    for seed in range(10):
        residuals, occupation, truth = _sample(seed)
        found = smearing_factors(residuals, np.ones(len(residuals)), occupation, MAJOR, winsorise=1.0)
        rows = np.bincount(occupation, minlength=OCCUPATIONS)
        own = np.bincount(occupation, np.exp(residuals), OCCUPATIONS) / np.maximum(rows, 1)
        own[rows == 0] = np.exp(residuals).mean()
        guesses = (found.factors, np.full(OCCUPATIONS, np.exp(residuals).mean()), own)
        errors.append([np.sqrt(np.mean((guess - truth) ** 2)) for guess in guesses])
    shrunken, one, own_only = np.mean(errors, axis=0)
    assert shrunken < own_only < one


def test_equal_residuals_of_one_size_have_their_own_mean() -> None:
    residuals = np.tile([-0.3, 0.3], 300)
    found = smearing_factors(residuals, np.ones(600), np.repeat(np.arange(60), 10), MAJOR)
    np.testing.assert_allclose(found.factors, np.cosh(0.3), rtol=1e-12)
    assert found.winsorised == 0


def test_an_outlier_is_cut_at_the_quantile_of_its_major_group() -> None:
    residuals, occupation, _ = _sample(1)
    weights = np.ones(len(residuals))
    clean = smearing_factors(residuals, weights, occupation, MAJOR)
    first = np.flatnonzero(occupation == 0)[0]
    residuals[first] = 9.0
    found = smearing_factors(residuals, weights, occupation, MAJOR)
    assert found.factors[0] == pytest.approx(clean.factors[0], rel=0.05)
    assert found.winsorised >= 3
    uncut = smearing_factors(residuals, weights, occupation, MAJOR, winsorise=1.0)
    assert uncut.factors[0] > 1.3 * clean.factors[0]


def test_residuals_are_widened_for_the_coefficients_of_their_group() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(20_000), 4)
    raw = rng.normal(0, 0.5, 80_000)
    residuals = raw - (np.bincount(group, raw) / 4)[group]
    assert residuals.var() == pytest.approx(0.25 * 3 / 4, rel=0.02)
    assert widened(residuals, group, np.ones(20_000)).var() == pytest.approx(0.25, rel=0.02)
    np.testing.assert_array_equal(widened(residuals, group, np.full(20_000, 4)), residuals)


def test_bad_input_is_named() -> None:
    with pytest.raises(MethodError, match="1 of 2 residuals are not finite"):
        smearing_factors(np.array([0.1, np.nan]), np.ones(2), np.zeros(2, dtype=int), np.zeros(1, dtype=int))
    with pytest.raises(MethodError, match="quantile 0"):
        smearing_factors(np.zeros(2), np.ones(2), np.zeros(2, dtype=int), np.zeros(1, dtype=int), winsorise=0)
