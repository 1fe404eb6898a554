"""Moderated coefficients of variation: against simulated samples whose true variances are known."""

import numpy as np
import pytest

from lmi_pipeline.methods.open_pay_variances import moderated_cvs, sample_sizes

COVERAGE, NORMAL = 0.8, 1.2816
CELLS = 2000


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Jobs in each sample, error of its mean and estimated coefficient of variation; true spreads differ by cell."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(3, 80, CELLS)
    prior = 8.0
    spread = 0.35 * np.sqrt(prior / rng.chisquare(prior, CELLS))
    estimated = spread * np.sqrt(rng.chisquare(sizes - 1) / (sizes - 1))
    error = rng.normal(size=CELLS) * spread / np.sqrt(sizes)
    return sizes.astype(float), error, 100 * estimated / np.sqrt(sizes)


def _inside(error: np.ndarray, cvs: np.ndarray) -> np.ndarray:
    return np.abs(error) <= NORMAL * cvs / 100


def test_intervals_of_few_jobs_hold_as_often_as_they_say(samples) -> None:
    sizes, error, cvs = samples
    thin = sizes < 8
    moderated = moderated_cvs(cvs, sizes, COVERAGE)
    assert _inside(error, cvs)[thin].mean() < 0.75
    assert 0.78 <= _inside(error, moderated)[thin].mean() <= 0.82
    assert 0.78 <= _inside(error, moderated)[~thin].mean() <= 0.82


def test_the_larger_the_sample_the_less_it_moves(samples) -> None:
    sizes, _, cvs = samples
    moves = np.abs(np.log(moderated_cvs(cvs, sizes, COVERAGE) / cvs))
    by_size = [np.median(moves[(sizes >= low) & (sizes < low + 10)]) for low in (3, 20, 40, 70)]
    assert by_size == sorted(by_size, reverse=True)
    assert by_size[-1] < 0.1


def test_cells_without_a_size_or_too_few_of_them_stay_as_they_are(samples) -> None:
    sizes, _, cvs = samples
    some = np.where(np.arange(CELLS) < 1000, sizes, np.nan)
    found = moderated_cvs(cvs, some, COVERAGE)
    np.testing.assert_array_equal(found[1000:], cvs[1000:])
    assert (found[:1000] != cvs[:1000]).all()
    few = np.where(np.arange(CELLS) < 39, sizes, np.nan)
    np.testing.assert_array_equal(moderated_cvs(cvs, few, COVERAGE), cvs)


def test_a_missing_coefficient_is_that_of_the_curve(samples) -> None:
    sizes, _, cvs = samples
    gaps = cvs.copy()
    gaps[:5] = np.nan
    found = moderated_cvs(gaps, sizes, COVERAGE)[:5]
    np.testing.assert_allclose(found, 35 / np.sqrt(sizes[:5]) * 1.06, rtol=0.15)


def test_sample_sizes_from_the_variation_of_the_number_of_jobs() -> None:
    found = sample_sizes(np.array([10.0, 50.0, 100.0, 0.0, np.nan]))
    np.testing.assert_array_equal(found, [100, 4, 2, np.nan, np.nan])
