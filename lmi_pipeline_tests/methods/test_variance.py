"""Linearised variance: closed forms, derivatives and simulations with a known answer."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.regression_residuals import ResidualMaker
from lmi_pipeline.methods.variance import (
    ClusterTotals,
    calibration_residuals,
    cluster_totals,
    difference_variance,
    estimate_totals,
    linearised_covariance,
    linearised_variance,
    ratio_variable,
)

EXACT = 1e-11


def _dummies(code: np.ndarray) -> np.ndarray:
    return np.eye(code.max() + 1)[code]


@pytest.fixture
def sample() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = 300
    area, sex = rng.integers(0, 4, n), rng.integers(0, 2, n)
    return {
        "area": area,
        "sex": sex,
        "household": np.sort(rng.integers(0, 120, n)),
        "d": rng.uniform(50, 200, n),
        "q": rng.uniform(0.5, 2, n),
        "y": rng.normal(size=(n, 70)),
        "x": np.column_stack([_dummies(area), _dummies(sex), rng.gamma(2, size=n)]),
    }


def test_residuals_of_one_margin_are_deviations_from_the_weighted_cell_mean(sample: dict[str, np.ndarray]) -> None:
    cells = _dummies(sample["area"])
    residuals = calibration_residuals(sample["y"], sample["d"], sp.csr_array(cells))
    means = (cells.T @ (sample["y"] * sample["d"][:, None])) / (cells.T @ sample["d"])[:, None]
    np.testing.assert_allclose(residuals, sample["y"] - means[sample["area"]], atol=EXACT)


def test_residuals_are_those_of_weighted_least_squares(sample: dict[str, np.ndarray]) -> None:
    root = np.sqrt(sample["d"] * sample["q"])[:, None]
    expected = sample["y"] - sample["x"] @ np.linalg.lstsq(sample["x"] * root, sample["y"] * root, rcond=None)[0]
    found = calibration_residuals(sample["y"], sample["d"], sp.csr_array(sample["x"]), scale=sample["q"])
    np.testing.assert_allclose(found, expected, atol=EXACT)


def test_redundant_controls_do_not_matter(sample: dict[str, np.ndarray]) -> None:
    full = ResidualMaker.prepare(sample["d"], sp.csr_array(sample["x"]))
    reduced = ResidualMaker.prepare(sample["d"], sp.csr_array(sample["x"][:, 1:]))
    assert full.rank == reduced.rank == 6
    np.testing.assert_allclose(full.residuals(sample["y"]), reduced.residuals(sample["y"]), atol=EXACT)


def test_empty_control_does_not_matter(sample: dict[str, np.ndarray]) -> None:
    x = np.column_stack([sample["x"], np.zeros(len(sample["d"]))])
    found = calibration_residuals(sample["y"], sample["d"], sp.csr_array(x))
    expected = calibration_residuals(sample["y"], sample["d"], sp.csr_array(sample["x"]))
    np.testing.assert_allclose(found, expected, atol=EXACT)


def test_household_regression_uses_the_means_of_members(sample: dict[str, np.ndarray]) -> None:
    groups = pd.Series(sample["household"])
    mean_d = groups.map(pd.Series(sample["d"]).groupby(groups).mean()).to_numpy()
    mean_x = pd.DataFrame(sample["x"]).groupby(sample["household"]).transform("mean").to_numpy()
    found = calibration_residuals(sample["y"], sample["d"], sp.csr_array(sample["x"]), household=sample["household"])
    np.testing.assert_allclose(found, calibration_residuals(sample["y"], mean_d, sp.csr_array(mean_x)), atol=EXACT)


def test_variance_of_two_strata_by_hand() -> None:
    # Stratum a: cluster totals 3, 5, 10, mean 6: 3/2 * (9 + 1 + 16) = 39. Stratum b: 2, 4: 2/1 * (1 + 1) = 4.
    z = np.array([[1.0], [2.0], [5.0], [10.0], [2.0], [4.0]])
    clusters = np.array([11, 11, 12, 13, 21, 22])
    strata = np.array(["a", "a", "a", "a", "b", "b"])
    found = linearised_variance(z, clusters, strata)
    assert found.variance == pytest.approx([43.0])
    assert (found.clusters, found.strata, found.lonely_strata) == (5, 2, 0)
    sums = cluster_totals(z, clusters, strata)
    assert dict(zip(sums.clusters, sums.totals[:, 0], strict=True)) == {11: 3.0, 12: 5.0, 13: 10.0, 21: 2.0, 22: 4.0}


def test_covariance_has_the_variance_of_any_combination(sample: dict[str, np.ndarray]) -> None:
    strata = sample["household"] % 5
    first, second = sample["y"][:, :1], sample["y"][:, 1:2]
    covariance = linearised_covariance(sample["y"][:, :2], sample["household"], strata).covariance
    combined = linearised_variance(2 * first - 3 * second, sample["household"], strata).variance
    weights = np.array([2.0, -3.0])
    assert weights @ covariance @ weights == pytest.approx(combined[0], rel=EXACT)


def test_lonely_stratum_is_centred_at_the_grand_mean_or_refused() -> None:
    z, strata = np.array([[2.0], [4.0], [9.0]]), np.array(["a", "a", "b"])
    found = linearised_variance(z, np.arange(3), strata)
    assert found.variance == pytest.approx([2 * (1 + 1) + (9 - 5) ** 2])
    assert found.lonely_strata == 1
    with pytest.raises(MethodError, match="1 of 2 strata have one cluster"):
        linearised_variance(z, np.arange(3), strata, lonely="fail")


def test_cluster_in_two_strata_is_refused() -> None:
    with pytest.raises(MethodError, match="1 of 2 clusters are in more than one stratum"):
        cluster_totals(np.ones((3, 1)), np.array([1, 1, 2]), np.array(["a", "b", "b"]))


def test_missing_values_and_identifiers_are_refused() -> None:
    with pytest.raises(MethodError, match="1 values of the variables"):
        cluster_totals(np.array([[1.0], [np.nan]]), np.arange(2), np.zeros(2))
    with pytest.raises(MethodError, match="1 of 2 rows have no cluster"):
        cluster_totals(np.ones((2, 1)), np.array(["h", None]), np.zeros(2))


def test_ratio_variable_is_the_derivative_of_the_ratio_by_each_weight(sample: dict[str, np.ndarray]) -> None:
    y, x = np.abs(sample["y"][:, :2]), np.abs(sample["y"][:, 2:4]) + 1
    found, weights = ratio_variable(y, x, sample["d"]), sample["d"]
    for unit in (0, 7):
        step = np.zeros(len(weights))
        step[unit] = 1e-3 * weights[unit]
        up, down = weights + step, weights - step
        slope = ((up @ y) / (up @ x) - (down @ y) / (down @ x)) / (2 * step[unit])
        np.testing.assert_allclose(found[unit], slope, rtol=1e-6)


def test_ratio_without_denominator_is_refused() -> None:
    with pytest.raises(MethodError, match="1 ratios have a denominator"):
        ratio_variable(np.ones((3, 1)), np.zeros((3, 1)), np.ones(3))


def test_design_effect_of_a_simple_random_sample_is_one() -> None:
    rng = np.random.default_rng(5)
    n = 400
    y = (rng.random((n, 3)) < [0.1, 0.5, 0.9]).astype(float)
    weights = np.full(n, 25.0)
    maker = ResidualMaker.prepare(weights, sp.csr_array(np.ones((n, 1))))
    found = estimate_totals(y, weights, maker, np.arange(n), np.zeros(n))
    share = y.mean(axis=0)
    np.testing.assert_allclose(found.design_effect, 1.0, rtol=EXACT)
    np.testing.assert_allclose(found.standard_error, 25 * n * np.sqrt(share * (1 - share) / (n - 1)), rtol=EXACT)
    np.testing.assert_allclose(found.upper - found.value, 1.959963984540054 * found.standard_error, rtol=EXACT)


def _rotated(overlap: float, *, columns: int = 4000, correlation: float = 0.9) -> tuple[ClusterTotals, ClusterTotals]:
    """Two quarters; each column is one draw of all cluster totals of both samples."""
    rng = np.random.default_rng(77)
    totals, clusters, strata = ([], []), ([], []), ([], [])
    for stratum, (first, second) in enumerate([(30, 30), (50, 40), (20, 25)]):
        common = round(overlap * min(first, second))
        seen = first + second - common
        draws = rng.gamma(2, 3 + stratum, size=(seen, columns))
        later = correlation * draws + rng.normal(1, 1 + stratum, size=(seen, columns))
        chosen = np.arange(first), np.arange(seen - second, seen)
        for quarter, values in enumerate((draws, later)):
            totals[quarter].append(values[chosen[quarter]])
            clusters[quarter].append(1000 * stratum + chosen[quarter])
            strata[quarter].append(np.full(len(chosen[quarter]), stratum))
    samples = [
        ClusterTotals(np.concatenate(t), pd.Index(np.concatenate(c)), pd.Index(np.concatenate(s)))
        for t, c, s in zip(totals, clusters, strata, strict=True)
    ]
    return samples[0], samples[1]


def test_difference_of_samples_without_overlap_has_the_sum_of_variances() -> None:
    found = difference_variance(*_rotated(0.0, columns=5))
    assert (found.common_clusters, found.overlap) == (0, 0.0)
    np.testing.assert_array_equal(found.covariance, 0.0)
    np.testing.assert_array_equal(found.variance, found.first + found.second)


def test_difference_of_a_sample_with_itself_is_certain() -> None:
    first, _ = _rotated(0.5, columns=5)
    order = np.random.default_rng(0).permutation(len(first.clusters))
    same = ClusterTotals(first.totals[order], first.clusters[order], first.strata[order])
    found = difference_variance(first, same)
    assert found.overlap == 1.0
    np.testing.assert_allclose(found.variance / found.first, 0.0, atol=1e-12)


@pytest.mark.parametrize("overlap", [0.4, 0.8])
def test_variance_of_a_difference_is_right_on_average(overlap: float) -> None:
    first, second = _rotated(overlap)
    found = difference_variance(first, second)
    difference = second.totals.sum(axis=0) - first.totals.sum(axis=0)
    truth = difference.var(ddof=1)
    independent = (found.first + found.second).mean()
    # Relative Monte Carlo error of a variance over 4,000 draws is sqrt(2 / 4000) = 2.2 %.
    assert found.variance.mean() == pytest.approx(truth, rel=0.07)
    assert independent > 1.3 * truth
    assert (found.variance >= 0).all()


def test_cluster_that_changed_stratum_is_refused() -> None:
    first, second = _rotated(0.8, columns=1)
    moved = ClusterTotals(second.totals, second.clusters, second.strata + 1)
    with pytest.raises(MethodError, match="common clusters changed stratum"):
        difference_variance(first, moved)
