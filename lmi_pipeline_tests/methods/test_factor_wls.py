"""Weighted least squares on factors against statsmodels, figures of pyfixest and closed forms."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import statsmodels.api as sm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_design import Factor, make_design
from lmi_pipeline.methods.factor_wls import fit_wls
from lmi_pipeline_tests.methods.factor_problem import jobs, reordered

ROWS = 20_000


@cache
def _statsmodels():
    design, y, weights, _ = jobs(ROWS, 20, 4, 8)
    kept = fit_wls(design, y, weights, covariance="none")
    used = ~(kept.aliased | kept.empty)
    return sm.WLS(y, design.matrix().toarray()[:, used], weights=weights).fit(method="qr"), used


@pytest.mark.parametrize(
    ("covariance", "theirs"),
    [("classical", "nonrobust"), ("hc1", "HC1"), ("cluster", "cluster")],
)
def test_coefficients_and_errors_are_those_of_statsmodels(covariance, theirs) -> None:
    design, y, weights, clusters = jobs(ROWS, 20, 4, 8)
    reference, used = _statsmodels()
    options = {"groups": clusters} if theirs == "cluster" else {}
    robust = reference if theirs == "nonrobust" else reference.get_robustcov_results(theirs, **options)
    fit = fit_wls(design, y, weights, covariance=covariance, clusters=clusters)
    np.testing.assert_allclose(fit.coefficients[used], reference.params, rtol=1e-8)
    np.testing.assert_allclose(fit.standard_errors[used], robust.bse, rtol=1e-8)
    np.testing.assert_allclose(fit.fitted, reference.fittedvalues, rtol=1e-10)
    np.testing.assert_allclose(fit.residuals, reference.resid, rtol=0, atol=1e-9)
    assert fit.sigma == pytest.approx(np.sqrt(reference.scale), rel=1e-10)
    centre = np.average(y, weights=weights)
    assert fit.r_squared == pytest.approx(1 - reference.ssr / (weights @ (y - centre) ** 2), rel=1e-10)
    assert fit.degrees_of_freedom == reference.df_resid
    assert (fit.standard_errors[fit.aliased] == 0).all()


@pytest.mark.parametrize(
    ("covariance", "errors"),
    [
        ("hc1", (0.0018788962555085287, 2.1787242958828813e-05)),
        ("cluster", (0.0018846382746219815, 2.1810939528829047e-05)),
    ],
)
def test_age_is_that_of_pyfixest(covariance, errors) -> None:
    """pyfixest 0.60.0, factors absorbed to 1e-12, errors without corrections for the number of coefficients."""
    design, y, weights, clusters = jobs(ROWS, 60, 5, 25, seed=7)
    fit = fit_wls(design, y, weights, covariance=covariance, clusters=clusters)
    groups = len(np.unique(clusters))
    correction = ROWS if covariance == "hc1" else groups / (groups - 1) * (ROWS - 1)
    assert fit.continuous["age"] == pytest.approx(0.05277503002821568, rel=1e-8)
    assert fit.continuous["age2"] == pytest.approx(-0.0005303082502326369, rel=1e-8)
    assert weights @ fit.residuals**2 == pytest.approx(3140.8706297637764, rel=1e-11)
    np.testing.assert_allclose(
        fit.standard_errors[:2] / np.sqrt(correction / fit.degrees_of_freedom), errors, rtol=1e-8
    )


@pytest.mark.parametrize("covariance", ["classical", "hc1", "cluster"])
def test_errors_of_age_do_not_depend_on_how_the_factors_are_eliminated(covariance) -> None:
    design, y, weights, clusters = jobs(3_000)
    first = fit_wls(design, y, weights, covariance=covariance, clusters=clusters)
    other = fit_wls(reordered(design, [3, 5, 2, 1, 0, 4]), y, weights, covariance=covariance, clusters=clusters)
    np.testing.assert_allclose(other.standard_errors[:2], first.standard_errors[:2], rtol=1e-8)
    np.testing.assert_allclose(other.fitted, first.fitted, rtol=0, atol=1e-9)


def test_few_and_many_clusters_are_summed_alike() -> None:
    """A cluster for every row is HC1 with other corrections."""
    design, y, weights, _ = jobs(1_500, 12, 2, 4)
    robust = fit_wls(design, y, weights)
    own = fit_wls(design, y, weights, covariance="cluster", clusters=np.arange(1_500))
    np.testing.assert_allclose(own.standard_errors, robust.standard_errors, rtol=1e-9)
    few = np.arange(1_500) % 200
    fit = fit_wls(design, y, weights, covariance="cluster", clusters=few)
    matrix, used = design.matrix().toarray(), ~(fit.aliased | fit.empty)
    bread = np.linalg.inv(matrix[:, used].T @ (matrix[:, used] * weights[:, None]))
    scores = np.zeros((200, used.sum()))
    np.add.at(scores, few, matrix[:, used] * (weights * fit.residuals)[:, None])
    factor = 200 / 199 * 1_499 / fit.degrees_of_freedom
    expected = np.sqrt(np.diagonal(bread @ scores.T @ scores @ bread) * factor)
    np.testing.assert_allclose(fit.standard_errors[used], expected, rtol=1e-8)


def test_one_factor_gives_weighted_means() -> None:
    codes = np.array([0, 0, 0, 2, 2, 3])
    y, weights = np.array([1.0, 2, 6, 4, 8, 5]), np.array([1.0, 1, 2, 3, 1, 1])
    fit = fit_wls(make_design([Factor("a", codes, 4)]), y, weights)
    np.testing.assert_allclose(fit.effects("a"), [3.75, 0, 5, 5], rtol=1e-14)
    np.testing.assert_array_equal(fit.empty, [False, True, False, False])
    squares = np.array([2.75**2 + 1.75**2 + (2 * 2.25) ** 2, np.nan, 2 * 3.0**2, 0])
    expected = np.sqrt(squares / np.array([4.0, 1, 4, 1]) ** 2 * 6 / 3)
    np.testing.assert_allclose(fit.errors("a"), expected, rtol=1e-12)


def test_an_exact_relation_is_found_exactly() -> None:
    design, _, weights, _ = jobs(2_000)
    truth = np.random.default_rng(3).normal(size=design.size) * 0.1
    fit = fit_wls(design, design.product(truth), weights)
    np.testing.assert_allclose(fit.residuals, 0, atol=1e-7)
    assert fit.continuous["age"] == pytest.approx(truth[0], rel=1e-7)


def _with(values: np.ndarray, at: int, value: float) -> np.ndarray:
    found = values.copy()
    found[: at + 1] = value
    return found


@pytest.mark.parametrize(
    ("y", "weights", "options", "message"),
    [
        (_with(np.ones(9), 1, np.nan), np.ones(9), {}, "2 of 9 rows have no finite y"),
        (np.ones(9), _with(np.ones(9), 2, np.inf), {}, "3 of 9 rows have no finite weights"),
        (np.ones(9), _with(np.ones(9), 0, 0.0), {}, "1 of 9 rows have a weight that is not above 0"),
        (np.ones(9), _with(np.ones(9), 3, -1.0), {}, "4 of 9 rows have a weight that is not above 0"),
        (np.ones(8), np.ones(9), {}, "y of shape"),
        (np.ones(9), np.ones(9), {"covariance": "cluster"}, "without clusters"),
        (np.ones(9), np.ones(9), {"covariance": "cluster", "clusters": np.zeros(9)}, "fewer than two clusters"),
        (np.ones(9), np.ones(9), {"covariance": "cluster", "clusters": np.arange(8)}, "clusters of shape"),
        (
            np.ones(9),
            np.ones(9),
            {"covariance": "cluster", "clusters": _with(np.arange(9.0), 0, np.nan)},
            "1 of 9 rows have no cluster",
        ),
    ],
)
def test_impossible_input_is_named(y, weights, options, message) -> None:
    design = make_design([Factor("a", np.arange(9) % 3, 3)])
    with pytest.raises(MethodError, match=message):
        fit_wls(design, y, weights, **options)


def test_as_many_coefficients_as_rows_leave_no_errors() -> None:
    design = make_design([Factor("a", np.arange(4), 4)])
    with pytest.raises(MethodError, match="4 rows for 4 coefficients"):
        fit_wls(design, np.arange(4.0), np.ones(4))
    np.testing.assert_allclose(
        fit_wls(design, np.arange(4.0), np.ones(4), covariance="none").effects("a"), np.arange(4)
    )
