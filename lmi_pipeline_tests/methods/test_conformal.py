"""Conformal intervals: closed forms, the finite-sample promise, and coverage on a known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.conformal import (
    calibrate_bands,
    conformal_quantile,
    coverage_report,
    hold_out_folds,
    size_bands,
)


def test_quantile_is_the_corrected_order_statistic() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    assert conformal_quantile(scores, 0.8) == 16  # ceil(20 x 0.8)-th of 19
    assert conformal_quantile(scores, 0.75) == 15
    assert conformal_quantile([1.0, 2.0, 3.0], 0.8) == np.inf
    assert conformal_quantile([3.0, 1.0, 2.0, 4.0], 0.8) == 4


@given(st.lists(st.floats(0, 100), min_size=1, max_size=80), st.floats(0.05, 0.95))
def test_quantile_keeps_the_promise_with_one_more_value(scores: list[float], coverage: float) -> None:
    """Of any n + 1 exchangeable scores at least `coverage` lie within the quantile of the n others (Vovk et al.)."""
    everything = np.array([*scores, 50.0])
    inside = [everything[k] <= conformal_quantile(np.delete(everything, k), coverage) for k in range(len(everything))]
    assert np.mean(inside) >= coverage - 1e-9


def test_coverage_averages_to_the_beta_mean() -> None:
    """With n scores and no ties the mean coverage is exactly ceil((n + 1) c) / (n + 1)."""
    rng = np.random.default_rng(2)
    quantiles = [conformal_quantile(np.abs(rng.normal(size=24)), 0.8) for _ in range(4000)]
    covered = 2 * stats.norm.cdf(quantiles) - 1
    assert covered.mean() == pytest.approx(20 / 25, abs=4 * covered.std() / np.sqrt(4000))


def test_bands_keep_coverage_where_errors_differ_by_size() -> None:
    rng = np.random.default_rng(4)
    n, spread = 30_000, np.array([0.3, 0.1, 0.02])
    bands = rng.integers(0, 3, n)
    scores = np.abs(rng.normal(size=n)) * spread[bands]
    calibration = calibrate_bands(scores[: n // 2], bands[: n // 2], band_count=3)
    half = calibration.half_widths(np.ones(n - n // 2), bands[n // 2 :])
    for band in range(3):
        inside = (scores[n // 2 :] <= half)[bands[n // 2 :] == band]
        assert inside.mean() == pytest.approx(0.8, abs=0.02)
    pooled = conformal_quantile(scores[: n // 2], 0.8)
    assert (scores[n // 2 :] <= pooled)[bands[n // 2 :] == 0].mean() < 0.7


def test_thin_bands_are_joined_with_their_neighbours() -> None:
    scores = np.arange(100.0)
    bands = np.repeat([0, 1, 2, 3, 5], [10, 25, 40, 20, 5])
    found = calibrate_bands(scores, bands, band_count=6, minimum=30)
    np.testing.assert_array_equal(found.counts, [10, 25, 40, 20, 0, 5])
    np.testing.assert_array_equal(found.used, [35, 35, 65, 65, 65, 65])
    assert found.quantiles[0] == conformal_quantile(scores[:35], 0.8)
    assert found.quantiles[4] == conformal_quantile(scores[35:], 0.8)


def test_sizes_fall_into_bands_and_a_missing_size_into_the_lowest() -> None:
    np.testing.assert_array_equal(size_bands([np.nan, 0, 9.9, 10, 50, 1e9], [10, 50]), [0, 0, 0, 1, 2, 2])


def test_folds_hold_whole_groups_and_are_of_equal_size() -> None:
    groups = np.repeat([f"{code:04d}" for code in range(50)], 3)
    folds = hold_out_folds(groups, 5, seed=1)
    assert len({(group, fold) for group, fold in zip(groups, folds, strict=True)}) == 50
    np.testing.assert_array_equal(np.bincount(folds), np.full(5, 30))
    np.testing.assert_array_equal(folds, hold_out_folds(groups, 5, seed=1))
    assert (folds != hold_out_folds(groups, 5, seed=2)).any()


def test_report_counts_by_band_and_over_all() -> None:
    report = coverage_report([1, 2, 3, 4], [0.5, 2.5, 2, 2], [1.5, 3.5, 4, 3], [0, 0, 1, 1], band_count=3)
    assert report["band"].tolist() == [-1, 0, 1]
    assert report["held_out_count"].tolist() == [4, 2, 2]
    assert report["coverage"].tolist() == [0.5, 0.5, 0.5]
    assert report["median_width"].iloc[2] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conformal_quantile([1.0], 1.0), "coverage 1.0 is not between"),
        (lambda: conformal_quantile([1.0, -1.0, np.nan], 0.8), "2 of 3 scores"),
        (lambda: calibrate_bands([1.0] * 5, [0] * 5, band_count=1), "5 held-out values, at least 30"),
        (lambda: calibrate_bands([1.0] * 5, [0] * 4, band_count=1, minimum=2), "5 scores for 4 bands"),
        (lambda: calibrate_bands([1.0] * 5, [7] * 5, band_count=2), "5 of 5 bands are outside 0 to 1"),
        (lambda: hold_out_folds(["a", "b"], 3, seed=0), "2 groups cannot be dealt into 3"),
        (lambda: size_bands([1.0], [5, 5]), "do not rise"),
        (lambda: coverage_report([np.nan], [0], [1], [0], band_count=1), "1 of them missing"),
    ],
)
def test_impossible_input_is_named(call, message) -> None:
    with pytest.raises(MethodError, match=message):
        call()
